#include "tools/hyctl/closure.h"

#include <string.h>

#include "lib/core/yaml_walk.h"

char *hyctl_head(const struct hy_pack_source *source, const char *key, char out[HYCTL_ID]) {
    struct hy_yaml yaml = {0};
    struct hy_buf problems = {0}; // loading says them, with their places
    out[0] = '\0';
    if (hy_yaml_open(&yaml, source->name, source->yaml, &problems) == HY_OK) {
        yaml_node_t *root = hy_yaml_root(&yaml);
        const yaml_node_t *node = root == NULL ? NULL : hy_yaml_find(&yaml, root, key);
        if (node != NULL && node->type == YAML_SCALAR_NODE && node->data.scalar.length < HYCTL_ID) {
            memcpy(out, node->data.scalar.value, node->data.scalar.length);
            out[node->data.scalar.length] = '\0';
        }
    }
    hy_yaml_close(&yaml);
    hy_buf_free(&problems);
    return out;
}

int hyctl_find(const struct hyctl_folder *folder, const char *key, const char *id) {
    char found[HYCTL_ID];
    for (int i = 0; i < folder->n; i++)
        if (strcmp(hyctl_head(&folder->sources[i], key, found), id) == 0) return i;
    return -1;
}

// Adds a source unless it is there already (two lists may name one gazetteer, a circle leads back). True when new.
static int add(struct hy_bundle *bundle, enum hy_bundle_role role, const struct hy_pack_source *source,
               struct hy_error *err) {
    int n = bundle->n[role];
    for (int i = 0; i < n; i++)
        if (bundle->sources[role][i].yaml.data == source->yaml.data) return HY_EEXISTS;
    if (n == HY_BUNDLE_SOURCES)
        return hy_fail(err, HY_ETOOBIG, "%s: more than %d texts are inherited", bundle->id, HY_BUNDLE_SOURCES);
    bundle->sources[role][bundle->n[role]++] = *source;
    return HY_OK;
}

static int add_places(struct hy_bundle *bundle, const struct hyctl_folder *places, const char *id,
                      struct hy_error *err) {
    int at = id[0] == '\0' ? -1 : hyctl_find(places, "id", id);
    int rc = at < 0 ? HY_OK : add(bundle, HY_BUNDLE_PLACES, &places->sources[at], err);
    return rc == HY_EEXISTS ? HY_OK : rc;
}

// The chain of `inherits` from id on. places: where the gazetteers are that its texts name; NULL for packs.
static int add_chain(struct hy_bundle *bundle, enum hy_bundle_role role, const struct hyctl_folder *folder,
                     const char *key, const char *first, const struct hyctl_folder *places, struct hy_error *err) {
    char id[HYCTL_ID], gazetteer[HYCTL_ID];
    int rc = HY_OK;
    for (int at = hyctl_find(folder, key, first); rc == HY_OK && at >= 0;) {
        const struct hy_pack_source *source = &folder->sources[at];
        rc = add(bundle, role, source, err);
        if (rc == HY_OK && places != NULL)
            rc = add_places(bundle, places, hyctl_head(source, "gazetteer", gazetteer), err);
        hyctl_head(source, "inherits", id);
        at = id[0] == '\0' ? -1 : hyctl_find(folder, key, id);
    }
    return rc == HY_EEXISTS ? HY_OK : rc;
}

int hyctl_closure(const struct hyctl_folder *packs, const struct hyctl_folder *lists, const struct hyctl_folder *places,
                  const char *id, struct hy_bundle *out, struct hy_error *err) {
    *out = (struct hy_bundle){.id = id};
    int rc = add_chain(out, HY_BUNDLE_PACK, packs, "pack", id, NULL, err);
    return rc == HY_OK ? add_chain(out, HY_BUNDLE_LIST, lists, "id", id, places, err) : rc;
}
