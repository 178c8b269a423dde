# The text table is made at build time from the data of OpenCC and utf8proc; only the generator links them.
pkg_check_modules(OPENCC REQUIRED IMPORTED_TARGET GLOBAL opencc)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET GLOBAL libutf8proc)
add_executable(text_table_gen "${CMAKE_CURRENT_LIST_DIR}/gen/text_table_gen.c")
target_link_libraries(text_table_gen PRIVATE PkgConfig::OPENCC PkgConfig::UTF8PROC hy_strict)
set_target_properties(text_table_gen PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}")
set(HY_TEXT_TABLE "${CMAKE_CURRENT_BINARY_DIR}/generated/text_table.inc")
add_custom_command(
  OUTPUT "${HY_TEXT_TABLE}"
  COMMAND "${CMAKE_COMMAND}" -E make_directory "${CMAKE_CURRENT_BINARY_DIR}/generated"
  # The libraries keep what they loaded until the end: no leak of ours.
  COMMAND "${CMAKE_COMMAND}" -E env ASAN_OPTIONS=detect_leaks=0 $<TARGET_FILE:text_table_gen> "${HY_TEXT_TABLE}"
  DEPENDS text_table_gen
  COMMENT "Generating the text table from OpenCC's and utf8proc's data"
  VERBATIM)
hy_library(hy_text SOURCES text.c LINK hy_base)
target_sources(hy_text PRIVATE "${HY_TEXT_TABLE}")
target_include_directories(hy_text PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/generated")
target_link_libraries(hy_core INTERFACE hy_text)
