// sim [--seed N] [--seeds N] [--days N] [--messages N] [--faults SECONDS] [--start TIME] [--pack ID] [--story FILE]
// [--twice yes] Lives through a simulated city once for each seed and says what came of it. Exit code 1 when a promise
// was broken.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/lane/topics.h"
#include "tests/sim/audit.h"
#include "tests/sim/city.h"
#include "tests/sim/faults.h"
#include "tests/sim/kafka.h"
#include "tests/sim/people.h"
#include "tests/sim/programs.h"
#include "tests/sim/redis.h"
#include "tests/sim/seen.h"
#include "tests/sim/stand_ins.h"
#include "tests/sim/story.h"

enum {
    MINUTE = 60000,
    DAY = 24 * 60 * MINUTE,
    HEAL_MS = 3 * MINUTE,
    REST_MS = 30 * MINUTE,
    LATE_CALM_MS = 1000,
    LATE_MOST_MS = 5 * MINUTE,
    DEPARTMENTS = 64
};

struct plan {
    uint64_t seed, seeds;
    int64_t days, messages, faults_ms, start_ms;
    const char *pack, *deploy, *twice, *story;
};

static const char USE[] =
    "Use: sim [--seed N] [--seeds N] [--days N] [--messages N] [--faults SECONDS] [--start TIME] [--pack ID] [--twice "
    "yes]\n\n"
    "Lives through a simulated city on virtual time, with the programs' own cores, and judges what came of it.\n\n"
    "  --seed N         the chance of the run (1); the same seed gives the same run\n"
    "  --seeds N        so many runs, with seeds one after the other (1)\n"
    "  --days N         length (30)\n"
    "  --messages N     what citizens send in it, about (100000)\n"
    "  --faults SECONDS something goes wrong so often on average; 0 = never (0)\n"
    "  --start TIME     when it begins (2026-03-02T00:00:00+08:00)\n"
    "  --pack ID        the rules in force (yuancheng)\n"
    "  --story FILE     instead of a city: the sample day, within two minutes (with --pack sample)\n"
    "  --twice yes      live through each seed twice: the second run must be the same\n\n"
    "Exit code: 0 all promises held, 1 one was broken (on stderr), 2 wrong use.\n"
    "Example: sim --seeds 100 --days 1 --messages 1000 --faults 60\n";

// ---- one run ----

static void changed(struct seen_case *c) {
    if (!story_see(c)) people_see(c);
}

static int departments_of(struct hy_packs *packs, const char **codes) {
    const struct hy_pack *pack = hy_packs_find(packs, "");
    int n = 0;
    for (int i = 0; i < pack->n_departments && n < DEPARTMENTS; i++)
        if (strcmp(pack->departments[i].code, "wangxinban") != 0) codes[n++] = pack->departments[i].code;
    return n;
}

static void live(const struct plan *plan) {
    bool shown = isatty(STDERR_FILENO);
    int64_t end = sim_now.start_ms + plan->days * DAY, percent = -1;
    faults_start(plan->faults_ms, end);
    while (sim_step(end + HEAL_MS + REST_MS)) {
        int64_t now = (sim_now.now_ms - sim_now.start_ms) * 100 / (plan->days * DAY);
        if (shown && now > percent && now <= 100)
            fprintf(stderr, "\r%3" PRId64 " %% of %" PRId64 " days", percent = now, plan->days);
    }
    sim_now.now_ms = end + HEAL_MS + REST_MS;
    if (shown) fprintf(stderr, "\r%30s\r", "");
}

static void tell_work(void) {
    for (int i = 0; i < SIM_LANES; i++)
        printf("  %-12s %8" PRIu64 " records, %7" PRIu64 " commits, %4" PRIu64 " aborted, %4" PRIu64
               " unknown, %4" PRIu64 " restores, %4" PRIu64 " starts\n",
               sim_lanes[i].program.name, sim_lanes[i].records, sim_lanes[i].commits, sim_lanes[i].aborts,
               sim_lanes[i].unknown, sim_lanes[i].restores, sim_lanes[i].program.lives);
}

static void tell(const struct plan *plan, uint64_t seed, double seconds) {
    const struct audit_sums *s = &audit_sums;
    printf("seed %" PRIu64 ": %" PRId64 " days in %.1f s, trace %016" PRIx64 ", problems %" PRIu64 "\n", seed,
           plan->days, seconds, sim_now.trace, s->problems);
    printf("  %" PRIu64 " messages + %" PRIu64 " repeats = %" PRIu64 " opened, %" PRIu64 " appended, %" PRIu64
           " noted, %" PRIu64 " edited, %" PRIu64 " withdrawn, %" PRIu64 " dead\n",
           s->accepted, s->repeated, s->opened, s->appended, s->noted, s->edited, s->withdrawn, s->dead);
    printf("  %" PRIu64 " acts, %" PRIu64 " refusals; %" PRIu64 " warnings, %" PRIu64 " breaches (%" PRIu64
           " timed, the latest %" PRId64 " ms after it was due); %" PRIu64 " incidents; %" PRIu64 " deliveries\n",
           s->acts, s->refused, s->warned, s->breached, s->timed, s->latest_ms, s->incidents, sim_targets_brought());
    tell_work();
    if (plan->faults_ms) {
        printf("  faults: ");
        faults_print();
    }
}

static uint64_t run(const struct plan *plan, uint64_t seed) {
    const char *codes[DEPARTMENTS];
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    sim_start(plan->start_ms, seed);
    sim_kafka_start();
    sim_redis_start();
    struct hy_packs *packs = sim_packs_open(plan->deploy, plan->pack);
    audit_start(plan->faults_ms ? LATE_MOST_MS : LATE_CALM_MS);
    seen_start(changed);
    people_start(codes, departments_of(packs, codes));
    sim_programs_start(packs);
    if (plan->story)
        story_start(plan->story);
    else
        city_start(plan->days, plan->messages);
    live(plan);
    audit_judge(REST_MS);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    tell(plan, seed, (double)(ended.tv_sec - begun.tv_sec) + (double)(ended.tv_nsec - begun.tv_nsec) / 1e9);
    if (plan->story) {
        audit_sums.problems += (uint64_t)story_judge();
        story_end();
    }
    sim_programs_end();
    city_end();
    people_end();
    seen_end();
    audit_end();
    faults_start(0, 0);
    sim_packs_close(packs);
    sim_redis_end();
    sim_kafka_end();
    sim_end();
    return audit_sums.problems;
}

// ---- the command line ----

static int wrong(const char *what) {
    fprintf(stderr, "%ssim: %s\n", USE, what);
    return 2;
}

static bool take(const char *name, const char *value, struct plan *plan) {
    const struct {
        const char *name;
        int64_t *to, least;
    } NUMBERS[] = {{"--seed", (int64_t *)&plan->seed, 0},
                   {"--seeds", (int64_t *)&plan->seeds, 1},
                   {"--days", &plan->days, 1},
                   {"--messages", &plan->messages, 1},
                   {"--faults", &plan->faults_ms, 0}};
    struct hy_time start;
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        char *end;
        if (strcmp(NUMBERS[i].name, name) != 0) continue;
        *NUMBERS[i].to = strtoll(value, &end, 10);
        return *value && !*end && *NUMBERS[i].to >= NUMBERS[i].least;
    }
    if (strcmp(name, "--pack") == 0) plan->pack = value;
    if (strcmp(name, "--deploy") == 0) plan->deploy = value;
    if (strcmp(name, "--story") == 0) plan->story = value;
    if (strcmp(name, "--twice") == 0) plan->twice = value;
    if (strcmp(name, "--start") == 0) {
        if (hy_time_parse(value, &start, NULL) != HY_OK) return false;
        plan->start_ms = start.unix_ms;
    }
    return strcmp(name, "--pack") == 0 || strcmp(name, "--deploy") == 0 || strcmp(name, "--start") == 0 ||
           strcmp(name, "--story") == 0 || (strcmp(name, "--twice") == 0 && strcmp(value, "yes") == 0);
}

int main(int argc, char **argv) {
    struct plan plan = {.seed = 1,
                        .seeds = 1,
                        .days = 30,
                        .messages = 100000,
                        .start_ms = INT64_C(1772380800000), // 2026-03-02, a Monday
                        .pack = "yuancheng",
                        .deploy = HY_SOURCE_DIR "/deploy"};
    uint64_t problems = 0;
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return puts(USE) < 0;
        if (i + 1 == argc || !take(argv[i], argv[i + 1], &plan)) return wrong(argv[i]);
    }
    plan.faults_ms *= 1000;
    hy_log_init(
        &(struct hy_log_options){.program = "sim", .level = getenv("HY_SIM_LOG") ? HY_LOG_INFO : HY_LOG_ERROR + 1});
    for (uint64_t i = 0; i < plan.seeds; i++) {
        problems += run(&plan, plan.seed + i);
        uint64_t trace = sim_now.trace;
        if (plan.twice) problems += run(&plan, plan.seed + i);
        if (trace == sim_now.trace) continue;
        fprintf(stderr, "problem: seed %" PRIu64 " gave another run the second time\n", plan.seed + i);
        problems++;
    }
    return problems > 0;
}
