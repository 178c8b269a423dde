# Dispatch lists, the router's decision and the subjects of a text.
pkg_check_modules(HS REQUIRED IMPORTED_TARGET GLOBAL libhs)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET GLOBAL yaml-0.1)
hy_library(hy_route
  SOURCES yaml_walk.c dispatch_draft.c dispatch_read.c dispatch_places.c dispatch_compile.c route.c subject.c
  LINK hy_text hy_base PkgConfig::HS PkgConfig::YAML)
target_link_libraries(hy_core INTERFACE hy_route)
