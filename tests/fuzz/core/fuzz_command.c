// Commands as bytes from anywhere: the engine judges, refuses or calls them dead, and never breaks its own rules. The
// input is a run of records, each with two bytes of length before it; they are applied one after the other to one small
// world.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/core_case/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool ready;
    if (!ready && world_setup(NULL) != 0) abort();
    ready = true;
    struct world *w = world_new();
    Huiying__V1__Command *first = world_message(w, "n1", "停水了");
    if (world_try(w, first) != NULL) abort();
    for (size_t at = 0; at + 2 <= size;) {
        size_t len = (size_t)data[at] << 8 | data[at + 1];
        at += 2;
        if (len > size - at) len = size - at;
        Huiying__V1__Command *cmd = huiying__v1__command__unpack(hy_arena_pb(w->build), len, data + at);
        at += len;
        w->now += 60000;
        if (cmd == NULL) continue;
        const char *fault = world_try(w, cmd);
        if (fault != NULL && w->err.text[0] == '\0') {
            fprintf(stderr, "%s\n", fault);
            abort();
        }
        w->err.text[0] = '\0';
    }
    world_free(w);
    return 0;
}
