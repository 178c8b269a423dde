# Language level, warnings as errors, hardening in release, sanitizers by preset.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

option(HY_ASAN "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(HY_TSAN "ThreadSanitizer" OFF)
option(HY_FUZZ "libFuzzer targets (clang)" OFF)
option(HY_COVERAGE "gcov counters" OFF)
option(HY_FAULT_POINTS "named crash points, chosen by HY_FAULT_POINT in the environment" OFF)
set(HY_BREAK none CACHE STRING "one deliberate defect of lib/base/breakage.h, for tests/faults/breakages.py")

add_compile_definitions(_GNU_SOURCE HY_VERSION="${PROJECT_VERSION}")

# Warnings go on our own code only (hy_strict), never on generated files.
add_library(hy_strict INTERFACE)
target_compile_options(hy_strict INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wconversion -Wno-sign-conversion -Wformat=2 -Wstrict-prototypes
  -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -fno-common)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(hy_strict INTERFACE -Wlogical-op -Wduplicated-cond -Wno-format-truncation)
endif()

if(CMAKE_C_COMPILER_ID MATCHES "Clang")
  # clang judges the casts inside the generated __INIT macros as if we had written them; gcc does not.
  target_compile_options(hy_strict INTERFACE -Wno-cast-qual)
endif()

add_compile_options(-fno-omit-frame-pointer)
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  add_compile_options(-D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE)
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
if(HY_ASAN)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=address,undefined)
endif()
if(HY_TSAN)
  add_compile_options(-fsanitize=thread)
  add_link_options(-fsanitize=thread)
endif()
if(HY_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined)
  add_link_options(-fsanitize=address,undefined)
endif()
if(HY_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(HY_FAULT_POINTS)
  add_compile_definitions(HY_FAULT_POINTS=1)
endif()

if(NOT HY_BREAK STREQUAL "none" AND NOT HY_FAULT_POINTS)
  message(FATAL_ERROR "HY_BREAK=${HY_BREAK}: a deliberate defect belongs into a build with HY_FAULT_POINTS, never into a release")
endif()
# A header and not a definition, so that another defect compiles only the files that may have one.
configure_file("${CMAKE_SOURCE_DIR}/lib/base/breakage_now.h.in" "${CMAKE_BINARY_DIR}/breakage/breakage_now.h" @ONLY)
include_directories("${CMAKE_BINARY_DIR}/breakage")

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
