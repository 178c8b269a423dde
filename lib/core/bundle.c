#include "lib/core/bundle.h"

#include <string.h>

#include <jansson.h>

static const char *const ROLE_NAMES[HY_BUNDLE_ROLES] = {"pack", "list", "places"};

static int add_source(json_t *sources, enum hy_bundle_role role, const struct hy_pack_source *source) {
    json_t *row = json_pack("{s:s, s:s, s:s%}", "name", source->name, "role", ROLE_NAMES[role], "yaml",
                            (const char *)source->yaml.data, source->yaml.len);
    return row && json_array_append_new(sources, row) == 0 ? HY_OK : HY_ENOMEM;
}

static int dump_into(const char *data, size_t len, void *out) {
    hy_buf_add(out, data, len);
    return hy_buf_ok(out) ? 0 : -1;
}

int hy_bundle_write(const struct hy_bundle *bundle, struct hy_buf *out) {
    json_t *sources = json_array();
    int rc = sources ? HY_OK : HY_ENOMEM;
    for (int role = 0; role < HY_BUNDLE_ROLES && rc == HY_OK; role++) {
        for (int i = 0; i < bundle->n[role] && rc == HY_OK; i++) {
            rc = add_source(sources, role, &bundle->sources[role][i]);
        }
    }
    json_t *root = rc == HY_OK ? json_pack("{s:s, s:O}", "id", bundle->id, "sources", sources) : NULL;
    if (rc == HY_OK && (!root || json_dump_callback(root, dump_into, out, JSON_COMPACT) != 0)) rc = HY_ENOMEM;
    json_decref(root);
    json_decref(sources);
    return rc;
}

static int role_of(const char *name) {
    for (int role = 0; role < HY_BUNDLE_ROLES; role++) {
        if (strcmp(name, ROLE_NAMES[role]) == 0) return role;
    }
    return HY_ENOTFOUND;
}

static int take_source(struct hy_bundle *bundle, json_t *row, size_t index, struct hy_error *err) {
    const char *name = NULL;
    const char *role_name = NULL;
    const char *yaml = NULL;
    size_t yaml_len = 0;
    if (json_unpack(row, "{s:s, s:s, s:s%}", "name", &name, "role", &role_name, "yaml", &yaml, &yaml_len) != 0) {
        return hy_fail(err, HY_EFORMAT, "bundle: source %zu needs name, role and yaml", index);
    }
    int role = role_of(role_name);
    if (role < 0) return hy_fail(err, HY_EFORMAT, "bundle: source %zu has the unknown role \"%s\"", index, role_name);
    if (bundle->n[role] == HY_BUNDLE_SOURCES) {
        return hy_fail(err, HY_ETOOBIG, "bundle: more than %d sources of the role %s", HY_BUNDLE_SOURCES, role_name);
    }
    bundle->sources[role][bundle->n[role]++] = (struct hy_pack_source){name, hy_bytes_from(yaml, yaml_len)};
    return HY_OK;
}

int hy_bundle_read(struct hy_bytes json, struct hy_bundle *out, struct hy_error *err) {
    *out = (struct hy_bundle){0};
    json_error_t where;
    json_t *root = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES, &where);
    if (!root) return hy_fail(err, HY_EFORMAT, "bundle: line %d: %s", where.line, where.text);
    out->owned = root;
    json_t *sources = json_object_get(root, "sources");
    out->id = json_string_value(json_object_get(root, "id"));
    int rc = HY_OK;
    if (!out->id || !json_is_array(sources)) rc = hy_fail(err, HY_EFORMAT, "bundle: needs \"id\" and \"sources\"");
    for (size_t i = 0; rc == HY_OK && i < json_array_size(sources); i++) {
        rc = take_source(out, json_array_get(sources, i), i, err);
    }
    if (rc != HY_OK) hy_bundle_free(out);
    return rc;
}

void hy_bundle_free(struct hy_bundle *bundle) {
    json_decref(bundle->owned);
    *bundle = (struct hy_bundle){0};
}

int hy_bundle_pack(const struct hy_bundle *bundle, struct hy_pack **out, struct hy_buf *problems) {
    return hy_pack_load(bundle->sources[HY_BUNDLE_PACK], bundle->n[HY_BUNDLE_PACK], bundle->id, out, problems);
}

int hy_bundle_dispatch(const struct hy_bundle *bundle, const struct hy_pack *pack, struct hy_dispatch **out,
                       struct hy_buf *problems) {
    *out = NULL;
    if (bundle->n[HY_BUNDLE_LIST] == 0) return HY_ENOTFOUND;
    struct hy_dispatch_input input = {
        .lists = bundle->sources[HY_BUNDLE_LIST],
        .n_lists = bundle->n[HY_BUNDLE_LIST],
        .places = bundle->sources[HY_BUNDLE_PLACES],
        .n_places = bundle->n[HY_BUNDLE_PLACES],
        .id = bundle->id,
        .pack = pack,
    };
    return hy_dispatch_load(&input, out, problems);
}
