# How loud a subject is: the sentinel's counting.
pkg_check_modules(XXHASH REQUIRED libxxhash) # its header alone: nothing to link
hy_library(hy_incident
  SOURCES incident.c incident_evidence.c incident_level.c incident_sets.c incident_state.c
  LINK hy_proto hy_base m)
target_link_libraries(hy_core INTERFACE hy_incident)
