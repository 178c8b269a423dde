#include "tests/sim/faults.h"

#include <inttypes.h>
#include <stdio.h>

#include "tests/sim/kafka.h"
#include "tests/sim/programs.h"
#include "tests/sim/redis.h"

enum { SECOND = 1000, BREAKS_ONE_IN = 30, UNKNOWN_ONE_IN = 10, COPIES = 4 };

static int64_t mean_ms, last_ms;
static struct sim_db *copies[COPIES];
static int kafka_faults, redis_faults; // under way: the last one to heal switches back

static struct sim_program *any_program(void) {
    return sim_programs[sim_below(SIM_PROGRAMS)];
}

static void kill_one(void) {
    sim_program_kill(any_program(), sim_between(50, 4 * SECOND));
}

static void kill_at_work(void) {
    sim_program_doom(any_program(), sim_between(1, 4));
}

static void stop_one(void) {
    sim_program_stop(any_program(),
                     sim_chance(2) ? sim_between(100, 3 * SECOND) : sim_between(4 * SECOND, 25 * SECOND));
}

static void kill_all(void) {
    for (int i = 0; i < SIM_PROGRAMS; i++)
        sim_program_kill(sim_programs[i], sim_between(50, 8 * SECOND));
}

static void kafka_back(void *ctx, uint64_t tag) {
    (void)ctx;
    (void)tag;
    if (--kafka_faults == 0) sim_kafka_away = false;
}

static void kafka_away(void) {
    kafka_faults++;
    sim_kafka_away = true;
    sim_after(sim_between(200, 30 * SECOND), kafka_back, NULL, 0);
}

static void redis_back(void *ctx, uint64_t tag) {
    (void)ctx;
    (void)tag;
    if (--redis_faults == 0) sim_redis.away = false;
}

static void redis_away(void) {
    redis_faults++;
    sim_redis.away = true;
    sim_redis.runs++;
    sim_after(sim_between(200, 40 * SECOND), redis_back, NULL, 0);
}

static void redis_flushed(void) {
    sim_redis_replace(NULL);
}

// A replica that lags, or a backup: the data go back to what they were.
static void restore_copy(void *ctx, uint64_t slot) {
    (void)ctx;
    if (!copies[slot]) return;
    sim_redis_replace(copies[slot]);
    copies[slot] = NULL;
    sim_redis.runs++; // connections do not survive it
}

static void redis_restored(void) {
    int slot = (int)sim_below(COPIES);
    if (copies[slot]) return;
    copies[slot] = sim_db_copy(sim_redis.db);
    sim_after(sim_between(500, 110 * SECOND), restore_copy, NULL, (uint64_t)slot);
}

static void clock_right(void *ctx, uint64_t tag) {
    (void)ctx;
    (void)tag;
    sim_redis.ahead_ms = 0;
}

static void redis_clock(void) {
    static const int64_t STEPS[] = {300, 4 * SECOND, 30 * SECOND, 3600 * SECOND};
    int64_t step = STEPS[sim_below(4)];
    sim_redis.ahead_ms = sim_chance(2) ? step : -step;
    sim_after(sim_between(SECOND, 90 * SECOND), clock_right, NULL, 0);
}

static void calls_well(void *ctx, uint64_t tag) {
    (void)ctx;
    (void)tag;
    sim_redis.broken_one_in = 0;
}

static void redis_calls_break(void) {
    sim_redis.broken_one_in = BREAKS_ONE_IN;
    sim_after(sim_between(5 * SECOND, 60 * SECOND), calls_well, NULL, 0);
}

static void commits_well(void *ctx, uint64_t tag) {
    (void)ctx;
    (void)tag;
    sim_lane_unknown = 0;
}

static void commits_unknown(void) {
    sim_lane_unknown = UNKNOWN_ONE_IN;
    sim_after(sim_between(5 * SECOND, 60 * SECOND), commits_well, NULL, 0);
}

static struct fault {
    const char *name;
    int share;
    void (*strike)(void);
    uint64_t times;
} FAULTS[] = {{"kill", 12, kill_one, 0},
              {"kill at work", 18, kill_at_work, 0},
              {"stop", 20, stop_one, 0},
              {"kill all", 2, kill_all, 0},
              {"Kafka away", 10, kafka_away, 0},
              {"Redis away", 10, redis_away, 0},
              {"Redis flushed", 5, redis_flushed, 0},
              {"Redis restored", 5, redis_restored, 0},
              {"Redis clock", 6, redis_clock, 0},
              {"Redis calls break", 6, redis_calls_break, 0},
              {"commits unknown", 6, commits_unknown, 0}};
enum { KINDS = sizeof FAULTS / sizeof FAULTS[0] };

static void strike(void *ctx, uint64_t tag) {
    int64_t draw = sim_below(100);
    (void)ctx;
    (void)tag;
    if (sim_now.now_ms > last_ms) return;
    for (int i = 0; i < KINDS; i++) {
        draw -= FAULTS[i].share;
        if (draw >= 0) continue;
        FAULTS[i].times++;
        FAULTS[i].strike();
        break;
    }
    sim_after(sim_chance(4) ? sim_between(0, 2 * SECOND) : sim_between(1, 2 * mean_ms), strike, NULL,
              0); // some come together
}

void faults_start(int64_t every_ms, int64_t until_ms) {
    for (int i = 0; i < KINDS; i++)
        FAULTS[i].times = 0;
    for (int i = 0; i < COPIES; i++) {
        sim_db_free(copies[i]);
        copies[i] = NULL;
    }
    kafka_faults = redis_faults = 0;
    sim_lane_unknown = 0;
    mean_ms = every_ms;
    last_ms = until_ms;
    if (every_ms > 0) sim_after(sim_between(1, 2 * every_ms), strike, NULL, 0);
}

void faults_print(void) {
    for (int i = 0; i < KINDS; i++)
        if (FAULTS[i].times) printf("%s%s %" PRIu64, i ? ", " : "", FAULTS[i].name, FAULTS[i].times);
    printf("\n");
}
