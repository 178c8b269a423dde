#include "tools/hyctl/where.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_data_folder(const char *folder) {
    char path[HYCTL_PATH + 32];
    snprintf(path, sizeof path, "%s/run/where.json", folder);
    return access(path, R_OK) == 0;
}

static json_t *read_json(const char *folder, const char *name) {
    char path[HYCTL_PATH + 32];
    snprintf(path, sizeof path, "%s/run/%s", folder, name);
    json_error_t problem;
    json_t *root = json_load_file(path, 0, &problem);
    if (root == NULL) hyctl_error("%s: %s", path, problem.text);
    return root;
}

// The folder of a file's path; false when there is none.
static bool folder_of(const char *file, char out[HYCTL_PATH]) {
    if (file == NULL || *file == '\0') return false;
    const char *slash = strrchr(file, '/');
    int len = slash == NULL ? 1 : (int)(slash - file);
    snprintf(out, HYCTL_PATH, "%.*s", len, slash == NULL ? "." : file);
    return is_data_folder(out);
}

static const char *named_config(const struct hyctl_args *args) {
    const char *file = hyctl_value(args, "config");
    if (file == NULL) file = getenv("HY_CONFIG");
    return file != NULL && *file != '\0' ? file : NULL;
}

int hyctl_where_find(const struct hyctl_args *args, struct hyctl_where *out) {
    const char *given = hyctl_value(args, "data");
    if (given != NULL && !is_data_folder(given)) {
        hyctl_error("%s: no data folder of deploy/up: there is no run/where.json", given);
        return HYCTL_USAGE;
    }
    if (given != NULL)
        snprintf(out->folder, sizeof out->folder, "%s", given);
    else if (!folder_of(named_config(args), out->folder))
        snprintf(out->folder, sizeof out->folder, "%s",
                 named_config(args) == NULL && is_data_folder("var") ? "var" : "");
    if (out->folder[0] == '\0') return HYCTL_OK;
    out->where = read_json(out->folder, "where.json");
    out->supervisor = read_json(out->folder, "supervisor.json");
    return HYCTL_OK;
}

void hyctl_where_free(struct hyctl_where *where) {
    json_decref(where->where);
    json_decref(where->supervisor);
    *where = (struct hyctl_where){0};
}

const char *hyctl_where_text(const struct hyctl_where *where, const char *group, const char *key) {
    const json_t *object = group == NULL ? where->where : json_object_get(where->where, group);
    return json_string_value(json_object_get(object, key));
}

int hyctl_where_settings(const struct hyctl_args *args, const struct hyctl_where *where, struct hyctl_settings *out) {
    if (named_config(args) != NULL) return hyctl_settings_load(args, out);
    return hyctl_settings_read(hyctl_where_text(where, NULL, "config"), out);
}
