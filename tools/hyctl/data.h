// Where hyctl finds packs, dispatch lists, gazetteers and calendars: the folder given (--policies, --calendars), else
// the one that the environment names (HY_POLICIES, HY_CALENDARS), else that of the source tree it was built from, else
// /usr/share/huiying. Gazetteers lie beside the policies. A new kind of file: a loader here, built on folder_read.
#ifndef HY_TOOLS_HYCTL_DATA_H
#define HY_TOOLS_HYCTL_DATA_H

#include "lib/core/calendar.h"
#include "lib/core/dispatch.h"
#include "lib/core/policy.h"
#include "tools/hyctl/command.h"

// A pack with the calendar and the dispatch list that go with it. Zero-initialise; hyctl_data_free releases it.
struct hyctl_data {
    struct hy_pack *pack;
    struct hy_calendar *calendar;
    struct hy_dispatch *dispatch;
};
void hyctl_data_free(struct hyctl_data *data);

// The options that the loaders read, for the tables of commands.
#define HYCTL_PACK_OPTION                                                                                              \
    { "pack", "P", "the pack to judge by (default national)" }
#define HYCTL_POLICIES_OPTION                                                                                          \
    { "policies", "DIR", "where packs are; dispatch lists in DIR/dispatch, gazetteers in DIR/../gazetteer" }
#define HYCTL_CALENDARS_OPTION                                                                                         \
    { "calendars", "DIR", "where the years' files are" }

// Each says on stderr what is wrong, every mistake of a file, and returns one of hyctl's exit codes.
int hyctl_load_pack(const struct hyctl_args *args, struct hyctl_data *data);
int hyctl_load_calendar(const struct hyctl_args *args, struct hyctl_data *data);
// The list of the loaded pack's name; where it has none, the district's common list with all its departments.
int hyctl_load_dispatch(const struct hyctl_args *args, struct hyctl_data *data);

#endif
