// Where a running installation is: the data folder that deploy/up writes (run/where.json, run/supervisor.json). It is
// the one of --data, else the folder of the configuration in use, else ./var. Commands that need nothing of it work
// without. A new fact that deploy/up writes there: read it with hyctl_where_text.
#ifndef HY_TOOLS_HYCTL_WHERE_H
#define HY_TOOLS_HYCTL_WHERE_H

#include <jansson.h>

#include "tools/hyctl/connect.h"
#include "tools/hyctl/folder.h"

#define HYCTL_DATA_OPTION                                                                                              \
    { "data", "DIR", "the data folder of deploy/up (else that of the configuration, else ./var)" }

// Zero-initialise; hyctl_where_free. where and supervisor are NULL when there is no such folder or file.
struct hyctl_where {
    char folder[HYCTL_PATH]; // "" = none
    json_t *where, *supervisor;
};

// An exit code: HYCTL_USAGE when --data names a folder without run/where.json.
int hyctl_where_find(const struct hyctl_args *args, struct hyctl_where *out);
void hyctl_where_free(struct hyctl_where *where);
// A text of where.json, of an object in it when group is not NULL; NULL when it is not there. Borrowed.
const char *hyctl_where_text(const struct hyctl_where *where, const char *group, const char *key);
// Settings as hyctl_settings_load; where no configuration is named, the one that the data folder names.
int hyctl_where_settings(const struct hyctl_args *args, const struct hyctl_where *where, struct hyctl_settings *out);

#endif
