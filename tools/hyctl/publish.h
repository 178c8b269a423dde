// What policy publish is going to publish, read and checked before anything is sent: packs with their lists as bundles,
// the years' calendars. Check and publish read through it, so what check accepts, publish takes.
// A new published kind: its field here, its check in publish_read.c, its step in publish.c.
#ifndef HY_TOOLS_HYCTL_PUBLISH_H
#define HY_TOOLS_HYCTL_PUBLISH_H

#include "lib/core/bundle.h"
#include "lib/core/calendar.h"
#include "tools/hyctl/folder.h"

// All folders that packs come from. Zero-initialise; hyctl_sources_free.
struct hyctl_sources {
    struct hyctl_folder *packs, *lists, *places, *calendars;
};
// Reads --policies with its dispatch and gazetteer folders; with_calendars: --calendars too. An exit code.
int hyctl_sources_read(const struct hyctl_args *args, bool with_calendars, struct hyctl_sources *out);
void hyctl_sources_free(struct hyctl_sources *sources);

// One pack as it will stand in hy.registry. Zero-initialise; hyctl_version_free.
struct hyctl_version {
    char id[80];
    struct hy_buf json;
    struct hy_pack *pack;
    struct hy_dispatch *dispatch; // NULL: it has no list of its own
};
// Makes the bundle of pack `id` and loads it back from its JSON, as programs will. Mistakes are appended to *problems;
// HY_ECONFIG then; HY_ENOTFOUND: no file says it is this pack (err names those there are).
HY_MUST_CHECK int hyctl_version_make(const struct hyctl_sources *sources, const char *id, struct hyctl_version *out,
                                     struct hy_buf *problems, struct hy_error *err);
void hyctl_version_free(struct hyctl_version *version);

// Checks that all years' files go together and that each file's name is its year. An exit code; mistakes are said.
int hyctl_calendars_check(const struct hyctl_folder *calendars);
// The year of a calendar file's name ("2026.json" → "2026"); false when it is none.
bool hyctl_year_of(const char *name, char out[8]);

#endif
