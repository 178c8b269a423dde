// All groups of commands; a new group is a line here.
#include "tools/hyctl/batch.h"
#include "tools/hyctl/command.h"

const struct hyctl_command *const hyctl_commands[] = {
    hyctl_calendar_commands,
    hyctl_incident_commands,
    hyctl_route_commands,
    NULL,
};
