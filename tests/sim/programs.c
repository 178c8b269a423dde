#include "tests/sim/programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/casework/casework.h"
#include "consumers/courier/carrier.h"
#include "consumers/router/router.h"
#include "consumers/sentinel/sentinel.h"
#include "consumers/sla/sla.h"
#include "tests/sim/kafka.h"

enum { CATCHING_UP_MS = 20, COURIER_BUSY_MS = 1000, IDLE_MS = 60000, COMMAND_ARENA = 65536, FOLD_LAG_MS = 1000 };

struct sim_lane_program sim_lanes[SIM_LANES];
struct sim_program *sim_programs[SIM_PROGRAMS];

static struct hy_packs *packs;
static struct casework casework;
static struct sentinel sentinel;

// ---- lanes ----

static struct hy_lane_handler router_new_handler(void) {
    struct router *router = router_new(packs, 1);
    if (!router) abort();
    return router_handler(router);
}

static void router_release(void *user) {
    router_free(user);
}

static struct hy_lane_handler casework_new_handler(void) {
    casework.packs = packs;
    return casework_handler(&casework);
}

static struct hy_lane_handler sentinel_new_handler(void) {
    sentinel.packs = packs;
    return sentinel_handler(&sentinel);
}

// ---- sla ----

static struct sim_program slas[SIM_SLAS];

static struct sla_options sla_options = {.key_prefix = (char *)(uintptr_t) "hy",
                                         .sleep_max_ms = IDLE_MS,
                                         .step_ms = 5000,
                                         .hold_ms = 10000,
                                         .resend_ms = 5000,
                                         .lag_ms = 1000,
                                         .drain_ms = 1,
                                         .look_ms = IDLE_MS};

static void *sla_begin(struct sim_program *program) {
    struct sla *sla = calloc(1, sizeof *sla);
    struct hy_error err = {0};
    (void)program;
    if (!sla) abort();
    sla_init(sla, &sla_options, &sim_now.clock, NULL);
    sla->n_shards = SIM_PARTITIONS;
    if (sla_open(sla, &err) != HY_OK) abort();
    return sla;
}

static int64_t sla_step(void *life) {
    struct sla *sla = life;
    struct hy_error err = {0};
    if (sla_turn(sla, &err) < 0) abort();
    if (!hy_fold_caught_up(sla->fold)) return CATCHING_UP_MS;
    int64_t sleep = sla_sleep_ms(sla);
    return sleep > 0 ? sleep : 1;
}

static void sla_end(void *life) {
    sla_close(life);
    free(life);
}

static void sla_silent(void *life, bool silent) {
    struct sla *sla = life;
    sim_fold_silent(sla->fold, silent);
}

// ---- courier ----

static struct sim_program couriers[SIM_COURIERS];
static struct outbox *outboxes[SIM_COURIERS]; // as files: they stay when the program dies

struct courier_life {
    struct carrier carrier;
    struct hy_fold *fold;
};

static void *courier_begin(struct sim_program *program) {
    static const char *const TOPICS[] = {HY_TOPIC_CASES, HY_TOPIC_CONTENT};
    struct courier_life *life = calloc(1, sizeof *life);
    struct hy_error err = {0};
    char lives[32];
    if (!life) abort();
    struct carrier *carrier = &life->carrier;
    snprintf(lives, sizeof lives, "%llu", (unsigned long long)program->lives);
    hy_id_strings(carrier->name, 2, program->name, lives);
    carrier->outbox = outboxes[program - couriers];
    carrier->clock = &sim_now.clock;
    carrier->arena = hy_arena_new(COMMAND_ARENA);
    carrier->targets[0] = sim_target_new("status_page", false, true, program);
    carrier->targets[1] = sim_target_new("cac_webhook", true, false, program);
    struct hy_fold_sink sink = outbox_sink(carrier->outbox);
    const struct hy_fold_options fold = {.name = "courier", .topics = TOPICS, .n_topics = 2};
    if (!carrier->arena || hy_publisher_open(&(struct hy_publisher_options){0}, &carrier->publisher, &err) != HY_OK ||
        hy_fold_new(&fold, &sink, &life->fold, &err) != HY_OK)
        abort();
    return life;
}

static int64_t courier_step(void *ctx) {
    struct courier_life *life = ctx;
    struct hy_error err = {0};
    if (hy_fold_poll(life->fold, 0, &err) < 0) abort();
    hy_publisher_poll(life->carrier.publisher, 0);
    if (!hy_fold_caught_up(life->fold)) return CATCHING_UP_MS;
    carrier_look(&life->carrier);
    return outbox_count(life->carrier.outbox) ? COURIER_BUSY_MS : IDLE_MS;
}

static void courier_end(void *ctx) {
    struct courier_life *life = ctx;
    hy_publisher_close(life->carrier.publisher, 0);
    hy_fold_free(life->fold);
    for (int i = 0; i < CARRIER_TARGETS; i++)
        life->carrier.targets[i]->close(life->carrier.targets[i]);
    attempts_free(&life->carrier.attempts);
    hy_arena_free(life->carrier.arena);
    free(life);
}

static void courier_silent(void *life, bool silent) {
    (void)life; // no group misses it
    (void)silent;
}

// ---- all of them ----

static int add_lanes(int at, const char *group, int n, struct hy_lane_handler (*handler)(void),
                     void (*release)(void *)) {
    for (int i = 0; i < n; i++, at++) {
        sim_lanes[at] = (struct sim_lane_program){.handler = handler, .release = release};
        sim_lane_program_init(&sim_lanes[at], group, i);
        sim_programs[at] = &sim_lanes[at].program;
    }
    return at;
}

static int add_folds(int at, struct sim_program *list, int n, const char *name, const struct sim_program *table) {
    for (int i = 0; i < n; i++, at++) {
        list[i] = *table;
        snprintf(list[i].name, sizeof list[i].name, "%s.%d", name, i);
        sim_kafka_watch(HY_TOPIC_CASES, sim_program_news, &list[i]);
        sim_programs[at] = &list[i];
    }
    return at;
}

void sim_programs_start(struct hy_packs *of) {
    static const struct sim_program SLA = {
        .begin = sla_begin, .step = sla_step, .end = sla_end, .silent = sla_silent, .lag_ms = FOLD_LAG_MS};
    static const struct sim_program COURIER = {.begin = courier_begin,
                                               .step = courier_step,
                                               .end = courier_end,
                                               .silent = courier_silent,
                                               .lag_ms = FOLD_LAG_MS};
    struct hy_error err = {0};
    packs = of;
    int at = add_lanes(0, "router", 2, router_new_handler, router_release);
    at = add_lanes(at, "casework", 2, casework_new_handler, NULL);
    at = add_lanes(at, "sentinel", 1, sentinel_new_handler, NULL);
    for (int i = 0; i < SIM_COURIERS; i++)
        if (outbox_open("", &outboxes[i], &err) != HY_OK) abort();
    at = add_folds(at, slas, SIM_SLAS, "sla", &SLA);
    at = add_folds(at, couriers, SIM_COURIERS, "courier", &COURIER);
    for (int i = 0; i < at; i++)
        sim_program_start(sim_programs[i]);
}

void sim_programs_end(void) {
    for (int i = 0; i < SIM_PROGRAMS; i++)
        sim_program_end(sim_programs[i]);
    for (int i = 0; i < SIM_COURIERS; i++)
        outbox_close(outboxes[i]);
    sim_targets_end();
}
