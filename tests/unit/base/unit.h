// What every unit test of lib/base begins with: cmocka needs its four headers first and in this order, and the tests
// need to catch what goes to a stream. To run a test on another stream, capture its descriptor with unit_capture_start
// and read what was written with unit_capture_end.
#ifndef HY_TESTS_UNIT_BASE_UNIT_H
#define HY_TESTS_UNIT_BASE_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/bytes.h"

struct unit_capture {
    int fd, saved, memory;
};

static inline struct unit_capture unit_capture_start(int fd) {
    fflush(NULL);
    struct unit_capture c = {.fd = fd, .saved = dup(fd), .memory = memfd_create("capture", MFD_CLOEXEC)};
    assert_true(c.saved >= 0 && c.memory >= 0 && dup2(c.memory, fd) == fd);
    return c;
}

// What was written meanwhile, NUL-terminated; free with free().
static inline char *unit_capture_end(struct unit_capture *c) {
    fflush(NULL);
    assert_int_equal(dup2(c->saved, c->fd), c->fd);
    off_t size = lseek(c->memory, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(pread(c->memory, text, (size_t)size, 0), size);
    close(c->saved);
    close(c->memory);
    return text;
}

static inline void unit_contains(const char *text, const char *part) {
    if (strstr(text, part) == NULL) fail_msg("\"%s\" is not in:\n%s", part, text);
}

static inline void unit_lacks(const char *text, const char *part) {
    if (strstr(text, part) != NULL) fail_msg("\"%s\" is in:\n%s", part, text);
}

#endif
