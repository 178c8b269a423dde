// All groups of commands; a new group is a line here.
#include "tools/hyctl/batch.h"
#include "tools/hyctl/command.h"
#include "tools/hyctl/connect.h"

// clang-format off
const struct hyctl_command *const hyctl_commands[] = {
    hyctl_calendar_commands,
    hyctl_case_commands,
    hyctl_completion_commands,
    hyctl_dead_commands,
    hyctl_incident_commands,
    hyctl_policy_commands,
    hyctl_route_commands,
    hyctl_status_commands,
    hyctl_topics_commands,
    hyctl_work_commands,
    NULL,
};
// clang-format on
