#include "tools/hyctl/data.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FILE = 16 << 20, MAX_FILES = 1000, PATH_TEXT = 1024 };

// The files of one folder, by name.
struct folder {
    struct hy_pack_source sources[MAX_FILES];
    struct hy_buf texts[MAX_FILES];
    char *names[MAX_FILES];
    int n;
};

static void folder_free(struct folder *folder) {
    for (int i = 0; i < folder->n; i++) {
        hy_buf_free(&folder->texts[i]);
        free(folder->names[i]);
    }
    free(folder);
}

static bool ends_with(const char *name, const char *ending) {
    size_t len = strlen(name), end = strlen(ending);
    return len > end && strcmp(name + len - end, ending) == 0;
}

static int add_file(struct folder *folder, const char *path, const char *name) {
    char file[PATH_TEXT];
    struct hy_error err;
    snprintf(file, sizeof file, "%s/%s", path, name);
    if (folder->n == MAX_FILES) {
        hyctl_error("%s: more than %d files", path, MAX_FILES);
        return HYCTL_FAILED;
    }
    if (hy_read_file(file, MAX_FILE, &folder->texts[folder->n], &err) < 0) {
        hyctl_error("%s", err.text);
        return HYCTL_FAILED;
    }
    folder->names[folder->n] = strdup(name);
    folder->sources[folder->n] =
        (struct hy_pack_source){folder->names[folder->n], hy_buf_view(&folder->texts[folder->n])};
    folder->n++;
    return HYCTL_OK;
}

// All files of a folder with this ending, in the order of their names.
static int folder_read(const char *path, const char *ending, struct folder **out) {
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    struct folder *folder = calloc(1, sizeof *folder);
    int rc = folder == NULL ? HYCTL_FAILED : HYCTL_OK;
    if (n < 0) {
        hyctl_error("%s: cannot be read as a folder; name the right one with the option", path);
        rc = HYCTL_FAILED;
    }
    for (int i = 0; i < n; i++) {
        if (rc == HYCTL_OK && ends_with(entries[i]->d_name, ending)) rc = add_file(folder, path, entries[i]->d_name);
        free(entries[i]);
    }
    if (n >= 0) free(entries);
    if (rc != HYCTL_OK && folder != NULL)
        folder_free(folder);
    else
        *out = folder;
    return rc;
}

static const char *find_folder(const struct hyctl_args *args, const char *option, const char *environment,
                               const char *source, const char *installed) {
    const char *given = hyctl_value(args, option);
    if (given == NULL) given = getenv(environment);
    if (given != NULL) return given;
    return access(source, R_OK) == 0 ? source : installed;
}

static const char *policies(const struct hyctl_args *args) {
    return find_folder(args, "policies", "HY_POLICIES", HY_DEPLOY_DIR "/policies", "/usr/share/huiying/policies");
}

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
    struct folder *folder;
    int rc = folder_read(policies(args), ".yaml", &folder);
    if (rc != HYCTL_OK) return rc;
    struct hy_buf problems = {0};
    int loaded = hy_pack_load(folder->sources, folder->n, pack_id(args), &data->pack, &problems);
    folder_free(folder);
    return say_problems(loaded, &problems, pack_id(args));
}

int hyctl_load_calendar(const struct hyctl_args *args, struct hyctl_data *data) {
    const char *path =
        find_folder(args, "calendars", "HY_CALENDARS", HY_DEPLOY_DIR "/calendars", "/usr/share/huiying/calendars");
    struct folder *folder;
    int rc = folder_read(path, ".json", &folder);
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
    folder_free(folder);
    return rc;
}

static bool has_list(const struct folder *lists, const char *id) {
    char name[PATH_TEXT];
    snprintf(name, sizeof name, "%s.yaml", id);
    for (int i = 0; i < lists->n; i++)
        if (strcmp(lists->names[i], name) == 0) return true;
    return false;
}

int hyctl_load_dispatch(const struct hyctl_args *args, struct hyctl_data *data) {
    char path[PATH_TEXT];
    struct folder *lists, *places;
    snprintf(path, sizeof path, "%s/dispatch", policies(args));
    int rc = folder_read(path, ".yaml", &lists);
    if (rc != HYCTL_OK) return rc;
    snprintf(path, sizeof path, "%s/../gazetteer", policies(args));
    rc = folder_read(path, ".yaml", &places);
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
        folder_free(places);
    }
    folder_free(lists);
    return rc;
}

void hyctl_data_free(struct hyctl_data *data) {
    hy_pack_free(data->pack);
    hy_calendar_free(data->calendar);
    hy_dispatch_free(data->dispatch);
    *data = (struct hyctl_data){0};
}
