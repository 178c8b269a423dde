// hyctl policy: the rows of its commands.
#include "tools/hyctl/policy.h"

#include "tools/hyctl/connect.h"
#include "tools/hyctl/data.h"

static const struct hyctl_option publish_options[] = {
    HYCTL_CONFIG_OPTION, HYCTL_POLICIES_OPTION, HYCTL_CALENDARS_OPTION, {NULL, NULL, NULL}};

const struct hyctl_command hyctl_policy_commands[] = {
    {.group = "policy",
     .name = "publish",
     .summary = "Puts packs in force, with their lists, topics and calendars",
     .places = "[ID...]",
     .max_places = HYCTL_PLACES,
     .options = publish_options,
     .details = "Checks each pack with all that it inherits, its dispatch list and gazetteer; makes the feeds of its "
                "departments;\npublishes the years' files that changed, then the pack. What stands already is left "
                "alone. Without an ID:\npolicy.pack of the configuration.",
     .example = "hyctl policy publish sample --config var/config.yaml",
     .run = hyctl_policy_publish},
    {.group = NULL},
};
