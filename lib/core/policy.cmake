pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
hy_library(hy_policy SOURCES policy.c policy_yaml.c policy_merge.c policy_read.c policy_rows.c policy_check.c
  policy_check_kind.c policy_clock.c LINK hy_calendar hy_base PkgConfig::YAML)
target_link_libraries(hy_core INTERFACE hy_policy)
