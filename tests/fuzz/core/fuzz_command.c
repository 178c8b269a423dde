// Commands as bytes from anywhere: the engine judges, refuses or calls them dead, and never breaks its own rules. The
// input is a run of records, each with two bytes of length before it; they are applied one after the other to one small
// world.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/pb.h"
#include "tests/unit/core_case/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Random bytes would never get past the frame: ids and versions are made to fit, the rest is the fuzzer's.
static void make_fit(struct world *w, Huiying__V1__Command *cmd) {
    cmd->schema_version = 1;
    cmd->dossier = hy_arena_str(w->build, w->dossier);
    if (cmd->case_id[0] != '\0') cmd->case_id = hy_arena_str(w->build, w->case_id);
    if (cmd->body_case != HUIYING__V1__COMMAND__BODY_MESSAGE || cmd->message->event == NULL) return;
    Huiying__V1__Event *event = cmd->message->event;
    event->schema_version = 1;
    event->dossier = cmd->dossier;
    event->id = hy_arena_str(w->build, world_event_id(w, event->native_id));
    if (event->answers[0] != '\0') event->answers = hy_arena_str(w->build, world_event_id(w, event->answers));
}

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
        Huiying__V1__Command *cmd = NULL;
        struct hy_bytes bytes = hy_bytes_from(data + at, len);
        at += len;
        w->now += 60000;
        if (hy_pb_read(&huiying__v1__command__descriptor, w->build, bytes, 0, &cmd, NULL) != 0) continue;
        make_fit(w, cmd);
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
