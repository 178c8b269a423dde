#include "tools/hyctl/folder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hyctl_folder *hyctl_folder_new(void) {
    struct hyctl_folder *folder = calloc(1, sizeof *folder);
    if (folder == NULL) hyctl_error("out of memory");
    return folder;
}

void hyctl_folder_free(struct hyctl_folder *folder) {
    for (int i = 0; folder != NULL && i < folder->n; i++) {
        hy_buf_free(&folder->texts[i]);
        free(folder->names[i]);
    }
    free(folder);
}

bool hyctl_ends_with(const char *name, const char *ending) {
    size_t len = strlen(name), end = strlen(ending);
    return len > end && strcmp(name + len - end, ending) == 0;
}

int hyctl_folder_add(struct hyctl_folder *folder, const char *file, const char *name) {
    struct hy_error err;
    int n = folder->n;
    if (n == HYCTL_FOLDER_FILES) {
        hyctl_error("%s: more than %d files", file, HYCTL_FOLDER_FILES);
        return HYCTL_FAILED;
    }
    if (hy_read_file(file, HYCTL_FOLDER_FILE_MOST, &folder->texts[n], &err) < 0) {
        hyctl_error("%s", err.text);
        return HYCTL_FAILED;
    }
    folder->names[n] = strdup(name);
    if (folder->names[n] == NULL) {
        hy_buf_free(&folder->texts[n]);
        hyctl_error("out of memory");
        return HYCTL_FAILED;
    }
    folder->sources[n] = (struct hy_pack_source){folder->names[n], hy_buf_view(&folder->texts[n])};
    folder->n++;
    return HYCTL_OK;
}

void hyctl_folder_remove(struct hyctl_folder *folder, int at) {
    size_t behind = (size_t)(--folder->n - at);
    hy_buf_free(&folder->texts[at]);
    free(folder->names[at]);
    memmove(&folder->texts[at], &folder->texts[at + 1], behind * sizeof folder->texts[0]);
    memmove(&folder->names[at], &folder->names[at + 1], behind * sizeof folder->names[0]);
    memmove(&folder->sources[at], &folder->sources[at + 1], behind * sizeof folder->sources[0]);
    folder->texts[folder->n] = (struct hy_buf){0};
}

int hyctl_folder_read(const char *path, const char *ending, struct hyctl_folder **out) {
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    if (n < 0) {
        hyctl_error("%s: cannot be read as a folder; name the right one with the option", path);
        return HYCTL_FAILED;
    }
    struct hyctl_folder *folder = hyctl_folder_new();
    int rc = folder == NULL ? HYCTL_FAILED : HYCTL_OK;
    for (int i = 0; i < n; i++) {
        char file[HYCTL_PATH];
        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (rc == HYCTL_OK && hyctl_ends_with(entries[i]->d_name, ending))
            rc = hyctl_folder_add(folder, file, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    if (rc != HYCTL_OK)
        hyctl_folder_free(folder);
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

const char *hyctl_policies_folder(const struct hyctl_args *args) {
    return find_folder(args, "policies", "HY_POLICIES", HY_DEPLOY_DIR "/policies", "/usr/share/huiying/policies");
}

const char *hyctl_calendars_folder(const struct hyctl_args *args) {
    return find_folder(args, "calendars", "HY_CALENDARS", HY_DEPLOY_DIR "/calendars", "/usr/share/huiying/calendars");
}
