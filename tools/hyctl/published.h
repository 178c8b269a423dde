// What stands published in hy.registry, as commands read it: packs by id with their bundle, and the ids of a kind.
// Commands look once and go; what follows the registry for a program's life is lib/run/packs.h.
// A new published kind: a reader here, built on hyctl_registry.
#ifndef HY_TOOLS_HYCTL_PUBLISHED_H
#define HY_TOOLS_HYCTL_PUBLISHED_H

#include "lib/core/bundle.h"
#include "lib/lane/registry.h"
#include "lib/run/packs.h"
#include "tools/hyctl/connect.h"

// A published pack, loaded. Zero-initialise; hyctl_published_free releases it.
struct hyctl_published {
    struct hy_buf json; // what the bundle borrows from
    struct hy_bundle bundle;
    struct hy_pack *pack;
};
void hyctl_published_free(struct hyctl_published *published);

// Opens hy.registry, folded to its end. HY_ENOTFOUND: no topics yet; err says what to do.
HY_MUST_CHECK int hyctl_registry(const struct hy_kafka_options *kafka, struct hy_registry **out, struct hy_error *err);
// HY_ENOTFOUND: no pack of this id is published; HY_EFORMAT: what stands there cannot be read.
HY_MUST_CHECK int hyctl_published_pack(struct hy_registry *registry, const char *id, struct hyctl_published *out,
                                       struct hy_error *err);

// Ids of all published packs, NULL at the end; NULL when memory is out. Free with hyctl_ids_free.
char **hyctl_published_ids(struct hy_registry *registry, const char *kind);
void hyctl_ids_free(char **ids);

#endif
