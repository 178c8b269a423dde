#include "tools/hyctl/data.h"

#include <stdio.h>
#include <string.h>

#include "tools/hyctl/folder.h"

static int say_problems(int rc, struct hy_buf *problems, const char *what) {
    if (rc < 0) {
        if (problems->len > 0) fputs(problems->data, stderr);
        hyctl_error("%s was refused: %s", what, hy_error_text(rc));
    }
    hy_buf_free(problems);
    return rc < 0 ? HYCTL_FAILED : HYCTL_OK;
}

static const char *pack_id(const struct hyctl_args *args) {
    const char *id = hyctl_value(args, "pack");
    return id != NULL ? id : "national";
}

int hyctl_load_pack(const struct hyctl_args *args, struct hyctl_data *data) {
    struct hyctl_folder *folder;
    int rc = hyctl_folder_read(hyctl_policies_folder(args), ".yaml", &folder);
    if (rc != HYCTL_OK) return rc;
    struct hy_buf problems = {0};
    int loaded = hy_pack_load(folder->sources, folder->n, pack_id(args), &data->pack, &problems);
    hyctl_folder_free(folder);
    return say_problems(loaded, &problems, pack_id(args));
}

int hyctl_load_calendar(const struct hyctl_args *args, struct hyctl_data *data) {
    const char *path = hyctl_calendars_folder(args);
    struct hyctl_folder *folder;
    int rc = hyctl_folder_read(path, ".json", &folder);
    if (rc != HYCTL_OK) return rc;
    struct hy_error err;
    data->calendar = hy_calendar_new();
    if (data->calendar == NULL) rc = HYCTL_FAILED;
    for (int i = 0; i < folder->n && rc == HYCTL_OK; i++) {
        if (hy_calendar_add_year(data->calendar, folder->names[i], folder->sources[i].yaml, &err) < 0) {
            hyctl_error("%s/%s: %s", path, folder->names[i], err.text);
            rc = HYCTL_FAILED;
        }
    }
    hyctl_folder_free(folder);
    return rc;
}

static bool has_list(const struct hyctl_folder *lists, const char *id) {
    char name[HYCTL_PATH];
    snprintf(name, sizeof name, "%s.yaml", id);
    for (int i = 0; i < lists->n; i++)
        if (strcmp(lists->names[i], name) == 0) return true;
    return false;
}

int hyctl_load_dispatch(const struct hyctl_args *args, struct hyctl_data *data) {
    char path[HYCTL_PATH];
    struct hyctl_folder *lists, *places;
    snprintf(path, sizeof path, "%s/dispatch", hyctl_policies_folder(args));
    int rc = hyctl_folder_read(path, ".yaml", &lists);
    if (rc != HYCTL_OK) return rc;
    snprintf(path, sizeof path, "%s/../gazetteer", hyctl_policies_folder(args));
    rc = hyctl_folder_read(path, ".yaml", &places);
    if (rc == HYCTL_OK) {
        bool own = has_list(lists, pack_id(args));
        struct hy_dispatch_input input = {.lists = lists->sources,
                                          .n_lists = lists->n,
                                          .places = places->sources,
                                          .n_places = places->n,
                                          .id = own ? pack_id(args) : "district",
                                          .pack = own ? data->pack : NULL};
        struct hy_buf problems = {0};
        rc = say_problems(hy_dispatch_load(&input, &data->dispatch, &problems), &problems, "the dispatch list");
        hyctl_folder_free(places);
    }
    hyctl_folder_free(lists);
    return rc;
}

void hyctl_data_free(struct hyctl_data *data) {
    hy_pack_free(data->pack);
    hy_calendar_free(data->calendar);
    hy_dispatch_free(data->dispatch);
    *data = (struct hyctl_data){0};
}
