// The files of one folder with one ending, read into memory: packs, lists, gazetteers, calendars. And where hyctl looks
// for such folders: the one given by option, else that of the environment, else that of the source tree, else
// /usr/share/huiying. A new kind of file: a function like hyctl_policies_folder, and folder_read with its ending.
#ifndef HY_TOOLS_HYCTL_FOLDER_H
#define HY_TOOLS_HYCTL_FOLDER_H

#include "lib/base/bytes.h"
#include "lib/core/policy.h"
#include "tools/hyctl/command.h"

enum { HYCTL_FOLDER_FILES = 1000, HYCTL_FOLDER_FILE_MOST = 16 << 20, HYCTL_PATH = 1024 };

// Owned by whoever read it; hyctl_folder_free releases it (NULL is nothing). sources[i].name is names[i].
struct hyctl_folder {
    struct hy_pack_source sources[HYCTL_FOLDER_FILES];
    struct hy_buf texts[HYCTL_FOLDER_FILES];
    char *names[HYCTL_FOLDER_FILES];
    int n;
};

// All files of a folder with this ending (".yaml"), in the order of their names. What cannot be read is said on stderr;
// one of hyctl's exit codes.
int hyctl_folder_read(const char *path, const char *ending, struct hyctl_folder **out);
// An empty one, to add files to; NULL when memory is out.
struct hyctl_folder *hyctl_folder_new(void);
// Adds one file under its own path; replaces none. Said on stderr like above.
int hyctl_folder_add(struct hyctl_folder *folder, const char *file, const char *name);
// Takes one out; the others keep their order.
void hyctl_folder_remove(struct hyctl_folder *folder, int at);
void hyctl_folder_free(struct hyctl_folder *folder);
bool hyctl_ends_with(const char *name, const char *ending);

// The folders themselves, by --policies and --calendars; borrowed.
const char *hyctl_policies_folder(const struct hyctl_args *args);
const char *hyctl_calendars_folder(const struct hyctl_args *args);

#endif
