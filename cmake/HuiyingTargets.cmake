# The four shapes a folder's CMakeLists.txt needs.

# hy_library(NAME SOURCES a.c b.c LINK hy_base PkgConfig::X)
# A static library; headers are included from the project's root: #include "lib/base/error.h".
function(hy_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC "${CMAKE_SOURCE_DIR}")
  target_link_libraries(${name} PUBLIC ${ARG_LINK} PRIVATE hy_strict)
endfunction()

# The target "programs" is every executable without the tests: what deploy/up builds.
add_custom_target(programs)

# hy_program(NAME SOURCES a.c b.c LINK hy_lane): lib<NAME> holds all but main.c, so tests link the logic; the
# executable <NAME> is main.c over it.
function(hy_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  string(REPLACE "-" "_" lib "${name}_lib")
  hy_library(${lib} SOURCES ${ARG_SOURCES} LINK ${ARG_LINK})
  add_executable(${name} main.c)
  target_link_libraries(${name} PRIVATE ${lib} hy_strict)
  add_dependencies(programs ${name})
endfunction()

# hy_unit_test(NAME SOURCES test_x.c LINK hy_core): a cmocka program, run by ctest under the label unit.
pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
function(hy_unit_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  if(NOT CMOCKA_FOUND)
    return()
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_LINK} PkgConfig::CMOCKA hy_strict)
  target_compile_definitions(${name} PRIVATE HY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 120)
endfunction()

# hy_fuzz_test(NAME SOURCES fuzz_x.c LINK hy_core): a libFuzzer program, built only by the fuzz preset.
function(hy_fuzz_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  if(HY_FUZZ)
    add_executable(${name} ${ARG_SOURCES})
    target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}")
    target_link_libraries(${name} PRIVATE ${ARG_LINK} hy_strict)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()
