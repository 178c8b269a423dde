#include "tests/sim/seen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/pb.h"
#include "lib/core/case.h"
#include "tests/sim/kafka.h"

enum { ARENA = 4 << 20 };

static struct seen_case *all;
static struct hy_arena *arena;
static void (*tell)(struct seen_case *c);

static void take_clock(struct seen_clock *to, const Huiying__V1__Clock *from) {
    snprintf(to->name, sizeof to->name, "%s", from->name);
    to->epoch = from->epoch;
    to->stage = from->stage;
    to->due_ms = from->stage_due ? from->stage_due->unix_ms : 0;
    to->skew_ms = (int64_t)from->skew_ms;
    to->running = from->state == HUIYING__V1__CLOCK_STATE__CLOCK_STATE_RUNNING;
}

static void take(struct seen_case *to, const Huiying__V1__Case *from) {
    snprintf(to->kind, sizeof to->kind, "%s", from->kind);
    snprintf(to->owner, sizeof to->owner, "%s", from->owner);
    to->state = from->state;
    to->step = from->step;
    to->version = from->version;
    to->open = hy_case_is_open(from);
    to->acknowledged = from->incident && from->incident->acknowledged;
    to->opened_ms = from->opened ? from->opened->unix_ms : 0;
    memset(to->draft, 0, sizeof to->draft);
    if (from->draft && from->draft->text_hash.len == sizeof to->draft)
        memcpy(to->draft, from->draft->text_hash.data, sizeof to->draft);
    to->n_clocks = 0;
    for (size_t i = 0; i < from->n_clocks && to->n_clocks < SEEN_CLOCKS; i++)
        take_clock(&to->clocks[to->n_clocks++], from->clocks[i]);
}

struct seen_case *seen_find(const char *id) {
    struct seen_case *c;
    HASH_FIND_STR(all, id, c);
    return c;
}

static void on_case(void *ctx, const char *topic, int32_t partition, const struct sim_record *record) {
    Huiying__V1__Case *snapshot = NULL;
    (void)ctx;
    (void)topic;
    (void)partition;
    if (record->key.len != 2 * HY_ID_LEN + 1 || record->tombstone) return;
    hy_arena_reset(arena);
    if (hy_pb_read(&huiying__v1__case__descriptor, arena, record->value, 1, &snapshot, NULL) != HY_OK) abort();
    struct seen_case *c = seen_find(snapshot->id);
    if (!c) {
        c = calloc(1, sizeof *c);
        if (!c) abort();
        snprintf(c->id, sizeof c->id, "%s", snapshot->id);
        snprintf(c->dossier, sizeof c->dossier, "%s", snapshot->dossier);
        HASH_ADD_STR(all, id, c);
    }
    take(c, snapshot);
    tell(c);
}

void seen_start(void (*changed)(struct seen_case *c)) {
    tell = changed;
    arena = hy_arena_new(ARENA);
    if (!arena) abort();
    sim_kafka_tap(HY_TOPIC_CASES, on_case, NULL);
}

void seen_end(void) {
    struct seen_case *c, *next;
    HASH_ITER(hh, all, c, next) {
        HASH_DEL(all, c);
        free(c);
    }
    hy_arena_free(arena);
}

struct seen_case *seen_all(void) {
    return all;
}
