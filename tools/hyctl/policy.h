// The functions behind hyctl policy, one file a verb; their rows are in policy.c.
// A new verb: its function here, its file, its row there, its paragraph in docs/hyctl.md. Each returns an exit code
// and says on stderr what was wrong.
#ifndef HY_TOOLS_HYCTL_POLICY_H
#define HY_TOOLS_HYCTL_POLICY_H

#include "tools/hyctl/command.h"

int hyctl_policy_check(const struct hyctl_args *args);
int hyctl_policy_list(const struct hyctl_args *args);
int hyctl_policy_publish(const struct hyctl_args *args);
int hyctl_policy_show(const struct hyctl_args *args);

#endif
