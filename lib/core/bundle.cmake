pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
hy_library(hy_bundle SOURCES bundle.c LINK hy_policy hy_route hy_base PkgConfig::JANSSON)
target_link_libraries(hy_core INTERFACE hy_bundle)
