// hyctl policy check: every mistake of packs, lists, gazetteers and calendars, before anybody publishes them.
#include <stdlib.h>
#include <string.h>

#include "tools/hyctl/closure.h"
#include "tools/hyctl/policy.h"
#include "tools/hyctl/publish.h"
#include "tools/hyctl/say.h"

struct check {
    struct hyctl_sources sources;
    char ids[HYCTL_FOLDER_FILES][HYCTL_ID];
    int n_ids;
    struct hy_buf problems; // a mistake that two packs inherit stands here once
    json_t *packs;
    bool wrong;
};

// A place is a file when it looks like one, else a pack's id.
static bool is_file(const char *place) {
    return strchr(place, '/') != NULL || hyctl_ends_with(place, ".yaml");
}

static bool add_id(struct check *check, const char *id) {
    for (int i = 0; i < check->n_ids; i++)
        if (strcmp(check->ids[i], id) == 0) return true;
    if (check->n_ids == HYCTL_FOLDER_FILES) return false;
    snprintf(check->ids[check->n_ids++], HYCTL_ID, "%s", id);
    return true;
}

// Puts a given file in the place of the folder's file that has the same id, so that it is judged as if it lay there.
static int take_file(struct check *check, const char *file) {
    struct hyctl_folder *folder = check->sources.packs, *given = hyctl_folder_new();
    int rc = given == NULL ? HYCTL_FAILED : hyctl_folder_add(given, file, file);
    char id[HYCTL_ID];
    if (rc == HYCTL_OK && *hyctl_head(&given->sources[0], "pack", id) == '\0') {
        hyctl_error(
            "%s: no pack: there is no 'pack:' at its top. A dispatch list is checked with the pack of its name: "
            "hyctl policy check --policies DIR ID",
            file);
        rc = HYCTL_FAILED;
    }
    if (rc == HYCTL_OK) {
        int at = hyctl_find(folder, "pack", id);
        if (at >= 0) hyctl_folder_remove(folder, at);
        rc = add_id(check, id) ? hyctl_folder_add(folder, file, file) : HYCTL_FAILED;
    }
    hyctl_folder_free(given);
    return rc;
}

static int add_all(struct check *check) {
    const struct hyctl_folder *folder = check->sources.packs;
    char id[HYCTL_ID];
    for (int i = 0; i < folder->n; i++) {
        if (*hyctl_head(&folder->sources[i], "pack", id) == '\0')
            hy_buf_addf(&check->problems, "%s:1:1: no pack: there is no 'pack:' at its top, or it is no YAML\n",
                        folder->names[i]);
        else if (!add_id(check, id))
            return HYCTL_FAILED;
    }
    return HYCTL_OK;
}

// Adds the lines of found that are not there yet.
static void merge(struct hy_buf *problems, const struct hy_buf *found) {
    for (const char *line = found->data; line != NULL && *line != '\0';) {
        size_t len = strcspn(line, "\n") + 1;
        char *copy = strndup(line, len);
        if (copy == NULL) return;
        if (problems->data == NULL || strstr(problems->data, copy) == NULL) hy_buf_adds(problems, copy);
        free(copy);
        line += line[len - 1] == '\n' ? len : len - 1;
    }
}

static void check_one(struct check *check, const char *id) {
    struct hyctl_version version = {0};
    struct hy_buf found = {0};
    struct hy_error err = {0};
    bool good = hyctl_version_make(&check->sources, id, &version, &found, &err) == HY_OK;
    if (!good && found.len == 0) hy_buf_addf(&found, "%s\n", err.text);
    merge(&check->problems, &found);
    json_t *row = json_pack("{s:s, s:b}", "id", id, "ok", good);
    if (good) json_object_set_new(row, "hash", json_string(version.pack->hash));
    json_array_append_new(check->packs, row);
    hyctl_version_free(&version);
    hy_buf_free(&found);
}

static json_t *lines_of(const struct hy_buf *text) {
    json_t *lines = json_array();
    for (const char *line = text->data; line != NULL && *line != '\0';) {
        size_t len = strcspn(line, "\n");
        json_array_append_new(lines, json_stringn(line, len));
        line += len + (line[len] == '\n');
    }
    return lines;
}

static int answer(const struct hyctl_args *args, const struct check *check) {
    bool good = check->problems.len == 0 && !check->wrong;
    if (args->json) {
        int rc = hyctl_say_json(
            json_pack("{s:b, s:O, s:o}", "ok", good, "packs", check->packs, "problems", lines_of(&check->problems)));
        return good ? rc : HYCTL_FAILED;
    }
    if (check->problems.len > 0) fputs(check->problems.data, stderr);
    size_t i;
    const json_t *row;
    json_array_foreach(check->packs, i, row) {
        if (json_is_true(json_object_get(row, "ok")))
            printf("%s: good, hash %.12s…\n", json_string_value(json_object_get(row, "id")),
                   json_string_value(json_object_get(row, "hash")));
        else
            hyctl_error("%s is refused", json_string_value(json_object_get(row, "id")));
    }
    return good ? HYCTL_OK : HYCTL_FAILED;
}

int hyctl_policy_check(const struct hyctl_args *args) {
    struct check *check = calloc(1, sizeof *check);
    int rc = check == NULL ? HYCTL_FAILED : hyctl_sources_read(args, true, &check->sources);
    if (rc == HYCTL_OK) {
        check->packs = json_array();
        check->wrong = hyctl_calendars_check(check->sources.calendars) != HYCTL_OK;
        for (int i = 0; rc == HYCTL_OK && i < args->n_places; i++)
            rc = is_file(args->places[i])         ? take_file(check, args->places[i])
                 : add_id(check, args->places[i]) ? HYCTL_OK
                                                  : HYCTL_FAILED;
        if (rc == HYCTL_OK && args->n_places == 0) rc = add_all(check);
        for (int i = 0; rc == HYCTL_OK && i < check->n_ids; i++)
            check_one(check, check->ids[i]);
        if (rc == HYCTL_OK) rc = answer(args, check);
        json_decref(check->packs);
        hy_buf_free(&check->problems);
        hyctl_sources_free(&check->sources);
    }
    free(check);
    return rc;
}
