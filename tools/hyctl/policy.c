// hyctl policy: the rows of its commands.
#include "tools/hyctl/policy.h"

#include "tools/hyctl/connect.h"
#include "tools/hyctl/data.h"

static const struct hyctl_option publish_options[] = {
    HYCTL_CONFIG_OPTION, HYCTL_POLICIES_OPTION, HYCTL_CALENDARS_OPTION, {NULL, NULL, NULL}};
static const struct hyctl_option check_options[] = {HYCTL_POLICIES_OPTION, HYCTL_CALENDARS_OPTION, {NULL, NULL, NULL}};
static const struct hyctl_option list_options[] = {HYCTL_CONFIG_OPTION, {NULL, NULL, NULL}};
static const struct hyctl_option show_options[] = {
    HYCTL_CONFIG_OPTION, {"texts", NULL, "the published texts themselves"}, {NULL, NULL, NULL}};

const struct hyctl_command hyctl_policy_commands[] = {
    {.group = "policy",
     .name = "check",
     .summary = "All mistakes of packs, with their lists, gazetteers and calendars",
     .places = "[FILE|ID...]",
     .max_places = HYCTL_PLACES,
     .options = check_options,
     .details =
         "Each mistake is a line on stderr: file:line:column: what, and what to do. A FILE is judged as if it lay "
         "in --policies,\nin the place of the pack with its id. Without a place: every pack of the folder. "
         "Needs no Kafka.",
     .example = "hyctl policy check drafts/yuancheng.yaml",
     .run = hyctl_policy_check},
    {.group = "policy",
     .name = "list",
     .summary = "The packs and calendars that are published",
     .options = list_options,
     .details = "From hy.registry: which pack is in force under each id since when, and by whom it was published.",
     .example = "hyctl policy list --config var/config.yaml",
     .run = hyctl_policy_list},
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
    {.group = "policy",
     .name = "show",
     .summary = "A published pack: its clocks and departments, or its texts",
     .places = "[ID]",
     .max_places = 1,
     .options = show_options,
     .details = "As it is in force, from hy.registry; without an ID: policy.pack of the configuration.",
     .example = "hyctl policy show sample --config var/config.yaml",
     .run = hyctl_policy_show},
    {.group = NULL},
};
