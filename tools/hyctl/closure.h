// Which texts a pack needs: itself and what it inherits, its dispatch list and what that inherits, the gazetteers that
// these name. Only they go into a published bundle, so that a change elsewhere makes no new version.
// Pure: folders in, borrowed sources out. A new kind of text that a pack names: a chain here and its role in the
// bundle.
#ifndef HY_TOOLS_HYCTL_CLOSURE_H
#define HY_TOOLS_HYCTL_CLOSURE_H

#include "lib/core/bundle.h"
#include "tools/hyctl/folder.h"

enum { HYCTL_ID = 80 };

// Fills *out with the texts of pack `id`, borrowed from the folders. What is not there is left out: loading the bundle
// states it. HY_ETOOBIG: more than HY_BUNDLE_SOURCES of a role.
HY_MUST_CHECK int hyctl_closure(const struct hyctl_folder *packs, const struct hyctl_folder *lists,
                                const struct hyctl_folder *places, const char *id, struct hy_bundle *out,
                                struct hy_error *err);

// The value of a key at the top of a YAML text ("pack", "id", "inherits"), "" when it is not there or no short text.
char *hyctl_head(const struct hy_pack_source *source, const char *key, char out[HYCTL_ID]);
// The source whose `key` is id, -1 when there is none.
int hyctl_find(const struct hyctl_folder *folder, const char *key, const char *id);

#endif
