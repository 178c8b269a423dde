// A data folder of the test's own, and what hurts its files. Header only, for the tests of this folder; add helpers for
// files here.
// Every folder is removed at the end of its test, whatever the test did to its files.
#ifndef HY_TEST_GATEWAY_FOLDER_H
#define HY_TEST_GATEWAY_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static inline void folder_make(char path[64]) {
    strcpy(path, "/tmp/hy-spool-XXXXXX");
    assert_non_null(mkdtemp(path));
}

static inline void folder_drop(const char *path) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    assert_int_equal(system(command), 0);
}

static inline long file_size(const char *folder, const char *name) {
    char path[160];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

static inline void file_cut(const char *folder, const char *name, long size) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(truncate(path, size), 0);
}

static inline void file_flip(const char *folder, const char *name, long offset) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, offset, SEEK_SET);
    int c = fgetc(file);
    fseek(file, offset, SEEK_SET);
    fputc(c ^ 0x40, file);
    fclose(file);
}

#endif
