# The case engine, one file an idea.
hy_library(hy_case
  SOURCES
    case.c case_act.c case_change.c case_clock.c case_close.c case_delivery.c case_dossier.c case_incident.c
    case_journal.c case_message.c case_names.c case_notice.c case_open.c case_owner.c case_point.c case_recompute.c
    case_review.c case_snapshot.c case_tick.c case_timer.c case_turn.c case_verbs.c case_work.c
  LINK hy_journal hy_policy hy_calendar hy_base hy_proto)
target_link_libraries(hy_core INTERFACE hy_case)
