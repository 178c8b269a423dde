// The other side of deliveries: a page and a webhook that take a text, ask to come later, or take it and do not answer.
// They remember what reached them, whatever the courier believes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "consumers/courier/target.h"
#include "tests/sim/programs.h"

enum { QUICK_MS = 30, SLOW_MS = 4000, LOST_MS = 15000, SLOW_ONE_IN = 20, LOST_ONE_IN = 60, LATER_ONE_IN = 30 };

#define OUTCOME(name) HUIYING__V1__DELIVERY_OUTCOME__DELIVERY_OUTCOME_##name

struct brought {
    char key[96]; // target, case, row
    int times;
    bool idempotent;
    UT_hash_handle hh;
};

struct side {
    struct target target;
    const struct sim_program *program;
    bool open;
};

// A call under way. The courier's part of it is gone when it died meanwhile.
struct under_way {
    struct side *side;
    uint64_t life;
    char key[96];
    bool is_look;
    target_done done;
    void *ctx;
    struct under_way *prev, *next;
};

static struct under_way *calls;
static struct brought *all;
static uint64_t n_brought;
static struct side **sides;
static size_t n_sides;

static struct brought *brought(const char *key, bool idempotent) {
    struct brought *one;
    HASH_FIND_STR(all, key, one);
    if (one) return one;
    one = calloc(1, sizeof *one);
    if (!one) abort();
    snprintf(one->key, sizeof one->key, "%s", key);
    one->idempotent = idempotent;
    HASH_ADD_STR(all, key, one);
    return one;
}

static void arrive(struct under_way *call) {
    struct brought *one = brought(call->key, call->side->target.idempotent);
    if (!(one->idempotent && one->times > 0)) one->times++;
    n_brought++;
}

static Huiying__V1__DeliveryOutcome outcome(struct under_way *call, bool lost) {
    if (call->is_look) return brought(call->key, false)->times > 0 ? OUTCOME(SENT) : OUTCOME(RETRY);
    if (lost) {
        if (sim_chance(2)) arrive(call);
        return OUTCOME(UNKNOWN);
    }
    if (sim_chance(LATER_ONE_IN)) return OUTCOME(RETRY);
    arrive(call);
    return OUTCOME(SENT);
}

static void finish(void *ctx, uint64_t lost) {
    struct under_way *call = ctx;
    Huiying__V1__DeliveryOutcome what = outcome(call, lost);
    const struct sim_program *program = call->side->program;
    if (program->life && program->lives == call->life && call->side->open)
        call->done(call->ctx, what, what == OUTCOME(SENT) ? "seen" : "", "");
    else
        free(call->ctx); // the sender's own, which died with it
    DL_DELETE(calls, call);
    free(call);
}

static int begin(struct target *target, const struct outbox_row *row, bool is_look, target_done done, void *ctx) {
    struct side *side = (struct side *)target;
    struct under_way *call = calloc(1, sizeof *call);
    if (!call) abort();
    *call =
        (struct under_way){.side = side, .life = side->program->lives, .is_look = is_look, .done = done, .ctx = ctx};
    DL_APPEND(calls, call);
    snprintf(call->key, sizeof call->key, "%s/%s/%s", target->name, row->case_id, row->row);
    bool lost = !is_look && sim_chance(LOST_ONE_IN);
    int64_t most = lost ? LOST_MS : sim_chance(SLOW_ONE_IN) ? SLOW_MS : QUICK_MS;
    sim_after(sim_between(most / 2, most), finish, call, lost);
    return HY_OK;
}

static int bring(struct target *target, const struct outbox_row *row, target_done done, void *ctx,
                 struct hy_error *err) {
    (void)err;
    return begin(target, row, false, done, ctx);
}

static int look(struct target *target, const struct outbox_row *row, target_done done, void *ctx,
                struct hy_error *err) {
    (void)err;
    return begin(target, row, true, done, ctx);
}

static void close_target(struct target *target) {
    struct side *side = (struct side *)target;
    side->open = false; // calls under way still point here
}

struct target *sim_target_new(const char *name, bool idempotent, bool looks, const struct sim_program *program) {
    struct side *side = calloc(1, sizeof *side);
    sides = realloc(sides, (n_sides + 1) * sizeof *sides);
    if (!side || !sides) abort();
    sides[n_sides++] = side;
    side->target = (struct target){
        .name = name, .idempotent = idempotent, .send = bring, .look = looks ? look : NULL, .close = close_target};
    side->program = program;
    side->open = true;
    return &side->target;
}

int sim_targets_worst(void) {
    int worst = 0;
    for (const struct brought *one = all; one; one = one->hh.next)
        if (!one->idempotent && one->times > worst) worst = one->times;
    return worst;
}

uint64_t sim_targets_brought(void) {
    return n_brought;
}

void sim_targets_end(void) {
    struct brought *one, *next;
    struct under_way *call, *after;
    DL_FOREACH_SAFE(calls, call, after) {
        free(call->ctx);
        free(call);
    }
    calls = NULL;
    HASH_ITER(hh, all, one, next) {
        HASH_DEL(all, one);
        free(one);
    }
    for (size_t i = 0; i < n_sides; i++)
        free(sides[i]);
    free(sides);
    sides = NULL;
    n_sides = 0;
    n_brought = 0;
}
