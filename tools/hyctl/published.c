#include "tools/hyctl/published.h"

#include <stdlib.h>
#include <string.h>

void hyctl_published_free(struct hyctl_published *published) {
    hy_pack_free(published->pack);
    hy_bundle_free(&published->bundle);
    hy_buf_free(&published->json);
    *published = (struct hyctl_published){0};
}

int hyctl_registry(const struct hy_kafka_options *kafka, struct hy_registry **out, struct hy_error *err) {
    int rc = hy_registry_open(kafka, NULL, NULL, HYCTL_REGISTRY_MS, out, err);
    return rc == HY_ENOTFOUND ? hy_fail(err, rc, "there is no hy.registry yet: run hyctl topics create") : rc;
}

int hyctl_published_pack(struct hy_registry *registry, const char *id, struct hyctl_published *out,
                         struct hy_error *err) {
    struct hy_buf problems = {0};
    int rc = hy_registry_get(registry, HY_KIND_PACK, id, &out->json, NULL);
    if (rc == HY_ENOTFOUND) return hy_fail(err, rc, "no pack '%s' is published: run hyctl policy publish %s", id, id);
    if (rc == HY_OK) rc = hy_bundle_read(hy_buf_view(&out->json), &out->bundle, err);
    if (rc == HY_OK && hy_bundle_pack(&out->bundle, &out->pack, &problems) < 0)
        rc = hy_fail(err, HY_EFORMAT, "the published pack '%s' cannot be read: %.300s", id, problems.data);
    hy_buf_free(&problems);
    if (rc != HY_OK) hyctl_published_free(out);
    return rc;
}

struct ids {
    char **list;
    size_t n;
    bool failed;
};

static void take_id(void *opaque, const struct hy_registry_entry *entry) {
    struct ids *ids = opaque;
    if (entry->removed || ids->failed) return;
    char **list = realloc(ids->list, (ids->n + 2) * sizeof *list);
    if (list != NULL) ids->list = list;
    char *id = list == NULL ? NULL : strdup(entry->id);
    if (id == NULL) {
        ids->failed = true;
        return;
    }
    ids->list[ids->n++] = id;
    ids->list[ids->n] = NULL;
}

char **hyctl_published_ids(struct hy_registry *registry, const char *kind) {
    struct ids ids = {.list = calloc(1, sizeof *ids.list)};
    if (ids.list == NULL) return NULL;
    hy_registry_each(registry, kind, take_id, &ids);
    if (!ids.failed) return ids.list;
    hyctl_ids_free(ids.list);
    return NULL;
}

void hyctl_ids_free(char **ids) {
    for (size_t i = 0; ids != NULL && ids[i] != NULL; i++)
        free(ids[i]);
    free(ids);
}
