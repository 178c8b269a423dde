// The functions behind hyctl case and hyctl work that only read, over the dashboard's REST (docs/rest.md).
// Each shows what the token may see, for people or as the REST's own JSON, and returns an exit code.
// A new view: its function here, its row in case.c or work.c, its paragraph in docs/hyctl.md.
#ifndef HY_TOOLS_HYCTL_CASE_H
#define HY_TOOLS_HYCTL_CASE_H

#include "tools/hyctl/command.h"

int hyctl_case_fate(const struct hyctl_args *args);
int hyctl_case_list(const struct hyctl_args *args);
int hyctl_case_show(const struct hyctl_args *args);
int hyctl_work_list(const struct hyctl_args *args);

#endif
