pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
hy_library(hy_calendar SOURCES calendar.c calendar_year.c calendar_deadline.c LINK hy_base PkgConfig::JANSSON)
target_link_libraries(hy_core INTERFACE hy_calendar)
