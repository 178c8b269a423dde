#include "tests/sim/audit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "huiying/v1/dead_letter.pb-c.h"
#include "huiying/v1/journal.pb-c.h"
#include "huiying/v1/work.pb-c.h"
#include "lib/base/pb.h"
#include "lib/core/journal.h"
#include "lib/fold/timers_codec.h"
#include "tests/sim/kafka.h"
#include "tests/sim/programs.h"
#include "tests/sim/redis.h"
#include "tests/sim/seen.h"

enum { ARENA = 4 << 20, SHOWN = 20, BUCKETS = 1024, LATE_AT_REST_MS = 60000 };

struct audit_sums audit_sums;

// One id and what was counted of it: an event's fates, a command's verdicts, a work item's appearances, a fire's
// effects.
struct counted {
    uint64_t times;
    UT_hash_handle hh;
    char key[];
};

struct chain {
    struct hy_journal_chain chain;
    UT_hash_handle hh;
    char key[];
};

static struct counted *fates, *verdicts, *items, *fires, *openings;
static struct chain *chains;
static struct hy_arena *arena;
static int64_t bound_ms;

static void problem(const char *format, ...) HY_PRINTF(1, 2);
static void problem(const char *format, ...) {
    char text[512];
    va_list args;
    if (audit_sums.problems++ >= SHOWN) return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "problem: %s\n", text);
}

static struct counted *counted(struct counted **table, const char *key) {
    struct counted *one;
    HASH_FIND_STR(*table, key, one);
    if (one) return one;
    one = calloc(1, sizeof *one + strlen(key) + 1);
    if (!one) abort();
    memcpy(one->key, key, strlen(key) + 1);
    HASH_ADD_STR(*table, key, one);
    return one;
}

static void forget(struct counted **table) {
    struct counted *one, *next;
    HASH_ITER(hh, *table, one, next) {
        HASH_DEL(*table, one);
        free(one);
    }
}

void audit_accepted(const char *event_id) {
    size_t before = HASH_COUNT(fates);
    counted(&fates, event_id);
    if (HASH_COUNT(fates) > before)
        audit_sums.accepted++;
    else
        audit_sums.repeated++;
}

void audit_act(const char *command_id) {
    counted(&verdicts, command_id);
    audit_sums.acts++;
}

// ---- the journal ----

static void verify_chain(const struct sim_record *record) {
    char key[2 * HY_ID_SIZE + 1] = "";
    struct chain *chain;
    struct hy_error err = {0};
    memcpy(key, record->key.data, record->key.len < sizeof key - 1 ? record->key.len : sizeof key - 1);
    HASH_FIND_STR(chains, key, chain);
    if (!chain) {
        chain = calloc(1, sizeof *chain + strlen(key) + 1);
        if (!chain) abort();
        memcpy(chain->key, key, strlen(key) + 1);
        HASH_ADD_STR(chains, key, chain);
    }
    if (hy_journal_verify(&chain->chain, record->value, &err) != HY_OK) problem("journal of %s: %s", key, err.text);
}

static void count_fate(const Huiying__V1__JournalRecord *record) {
    uint64_t *const SUMS[] = {
        NULL, &audit_sums.opened, &audit_sums.appended, &audit_sums.noted, &audit_sums.edited, &audit_sums.withdrawn,
        NULL};
    if (record->fate == HUIYING__V1__FATE__FATE_UNSPECIFIED || record->fate == HUIYING__V1__FATE__FATE_REPEATED) return;
    if (strcmp(record->command, "message") != 0) return; // an act on a noted message is not its first fate
    ++*SUMS[record->fate];
    counted(&fates, record->event_id)->times++;
}

// The snapshot before this record says when the stage was due (where several commands met in one transaction, none
// does).
static void judge_time(const Huiying__V1__JournalRecord *record, const Huiying__V1__ClockChange *change,
                       const char *key) {
    const struct seen_case *c = seen_find(record->case_id);
    for (int i = 0; c && i < c->n_clocks; i++) {
        const struct seen_clock *clock = &c->clocks[i];
        // To take effect arms the clock anew or ends it: the epoch in the record is one further.
        bool meant = clock->running && clock->epoch + 1 == change->epoch && strcmp(clock->name, change->clock) == 0;
        if (!meant || strcmp(record->command, "timer_fired") != 0) continue;
        int64_t late = record->at->unix_ms - (clock->due_ms - clock->skew_ms);
        audit_sums.timed++;
        if (late < 0) problem("clock %s took effect %" PRId64 " ms before it was due", key, -late);
        if (late > bound_ms) problem("clock %s took effect %" PRId64 " ms late", key, late);
        if (late > audit_sums.latest_ms) audit_sums.latest_ms = late;
    }
}

static void count_clocks(const Huiying__V1__JournalRecord *record) {
    for (size_t i = 0; i < record->n_clocks; i++) {
        const Huiying__V1__ClockChange *change = record->clocks[i];
        bool warned = strcmp(change->what, "warned") == 0, breached = strcmp(change->what, "breached") == 0;
        char key[160];
        if (!warned && !breached) continue;
        audit_sums.warned += warned;
        audit_sums.breached += breached;
        snprintf(key, sizeof key, "%s/%s/%" PRIu32 "/%" PRIu32, record->case_id, change->clock, change->epoch,
                 change->stage);
        if (++counted(&fires, key)->times > 1) problem("clock %s had its effect twice", key);
        judge_time(record, change, key);
    }
}

static void on_journal(void *ctx, const char *topic, int32_t partition, const struct sim_record *in) {
    Huiying__V1__JournalRecord *record = NULL;
    (void)ctx;
    (void)topic;
    (void)partition;
    audit_sums.journal++;
    verify_chain(in);
    hy_arena_reset(arena);
    if (hy_pb_read(&huiying__v1__journal_record__descriptor, arena, in->value, 1, &record, NULL) != HY_OK) abort();
    count_fate(record);
    count_clocks(record);
    audit_sums.refused += record->verdict == HUIYING__V1__VERDICT__VERDICT_REFUSED;
    audit_sums.incidents +=
        record->state_before[0] == 0 && record->state_after[0] && strcmp(record->command, "observed") == 0;
    if (record->state_before[0] == 0 && record->state_after[0]) counted(&openings, record->case_id)->times++;
    struct counted *verdict;
    HASH_FIND_STR(verdicts, record->command_id, verdict);
    bool again = record->verdict == HUIYING__V1__VERDICT__VERDICT_REPEATED || strcmp(record->rule, "act.id") == 0;
    if (verdict && !again) verdict->times++;
}

static void on_work(void *ctx, const char *topic, int32_t partition, const struct sim_record *in) {
    Huiying__V1__WorkItem *item = NULL;
    (void)ctx;
    (void)topic;
    (void)partition;
    audit_sums.work_items++;
    hy_arena_reset(arena);
    if (hy_pb_read(&huiying__v1__work_item__descriptor, arena, in->value, 1, &item, NULL) != HY_OK) abort();
    struct counted *one = counted(&items, item->id);
    if (++one->times > 1) problem("work item %s stands there %" PRIu64 " times", item->id, one->times);
}

static void on_dead(void *ctx, const char *topic, int32_t partition, const struct sim_record *in) {
    Huiying__V1__DeadLetter *letter = NULL;
    (void)ctx;
    (void)topic;
    (void)partition;
    hy_arena_reset(arena);
    if (hy_pb_read(&huiying__v1__dead_letter__descriptor, arena, in->value, 1, &letter, NULL) != HY_OK) abort();
    audit_sums.dead++;
    problem("dead letter of %s: %s: %s", letter->program, letter->reason, letter->detail);
    if (letter->event_id[0]) counted(&fates, letter->event_id)->times++;
}

// ---- at rest ----

static void judge_fates(void) {
    for (const struct counted *one = fates; one; one = one->hh.next)
        if (one->times != 1) problem("event %s has %" PRIu64 " fates", one->key, one->times);
    for (const struct counted *one = verdicts; one; one = one->hh.next)
        if (one->times != 1) problem("act %s has %" PRIu64 " verdicts", one->key, one->times);
    for (const struct counted *one = openings; one; one = one->hh.next) {
        char first[HY_ID_SIZE + 8];
        struct counted *item;
        if (one->times != 1) problem("case %s was opened %" PRIu64 " times", one->key, one->times);
        snprintf(first, sizeof first, "%s-1", one->key);
        HASH_FIND_STR(items, first, item);
        if (!item) problem("case %s has no opening work item", one->key);
    }
}

struct found {
    struct hy_buf names;
    struct counted **timers;
};

static void read_record(void *ctx, struct hy_bytes field, struct hy_bytes value) {
    struct found *found = ctx;
    struct hy_timer_entry entries[32];
    uint32_t version;
    size_t n, used;
    char id[HY_TIMER_ID_MAX + 1];
    if (hy_timer_id_unpack(field, id, &used) != HY_OK ||
        hy_timer_record_unpack(value, &version, entries, 32, &n) != HY_OK) {
        problem("a record in Redis cannot be read");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        char name[HY_TIMER_NAME_MAX + 1], key[256];
        if (hy_timer_name(hy_buf_view(&found->names), entries[i].code, name) != HY_OK) problem("clock without a name");
        snprintf(key, sizeof key, "%s/%s/%" PRIu32 "/%" PRIu32 "/%" PRId64, id, name, entries[i].epoch,
                 entries[i].stage, entries[i].due_ms);
        counted(found->timers, key)->times++;
    }
}

static void read_redis(struct counted **timers) {
    for (int shard = 0; shard < SIM_PARTITIONS; shard++) {
        struct found found = {.timers = timers};
        char key[64];
        snprintf(key, sizeof key, "hy:{s%d}", shard);
        struct hy_bytes names = sim_hget(sim_redis.db, hy_bytes_of(key), hy_bytes_of("names"));
        hy_buf_add(&found.names, names.data, names.len);
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            snprintf(key, sizeof key, "hy:{s%d}:c:%d", shard, bucket);
            sim_heach(sim_redis.db, hy_bytes_of(key), read_record, &found);
        }
        hy_buf_free(&found.names);
    }
}

// The clocks in Redis are exactly the running clocks of the open cases, and none of them is overdue.
static void judge_timers(int64_t quiet_ms) {
    struct counted *timers = NULL;
    read_redis(&timers);
    for (const struct seen_case *c = seen_all(); c; c = c->hh.next) {
        for (int i = 0; i < c->n_clocks && c->open; i++) {
            const struct seen_clock *clock = &c->clocks[i];
            char key[256];
            if (!clock->running) continue;
            snprintf(key, sizeof key, "%s/%s/%" PRIu32 "/%" PRIu32 "/%" PRId64, c->id, clock->name, clock->epoch,
                     clock->stage, clock->due_ms);
            struct counted *one = counted(&timers, key);
            if (one->times != 1) problem("timer %s: %" PRIu64 " in Redis", key, one->times);
            one->times = 1000; // wanted
            if (quiet_ms > LATE_AT_REST_MS && clock->due_ms < sim_now.now_ms - LATE_AT_REST_MS)
                problem("clock %s is due and nothing happened", key);
        }
    }
    for (const struct counted *one = timers; one; one = one->hh.next)
        if (one->times != 1000) problem("timer %s in Redis is nobody's running clock", one->key);
    forget(&timers);
}

static void judge_rest(void) {
    static const char *const INPUTS[][2] = {{"router", HY_TOPIC_POSTS},
                                            {"router", HY_TOPIC_COMMENTS},
                                            {"router", HY_TOPIC_SIGNALS},
                                            {"casework", HY_TOPIC_COMMANDS},
                                            {"sentinel", HY_TOPIC_SIGHTINGS}};
    for (size_t i = 0; i < sizeof INPUTS / sizeof INPUTS[0]; i++)
        for (int32_t p = 0; p < sim_partitions_of(INPUTS[i][1]); p++) {
            struct sim_record record;
            int64_t at = sim_group_position(INPUTS[i][0], INPUTS[i][1], p);
            if (sim_read(INPUTS[i][1], p, at < 0 ? 0 : at, &record))
                problem("%s has not handled record %" PRId64 " of %s partition %d", INPUTS[i][0], record.offset,
                        INPUTS[i][1], (int)p);
        }
    if (sim_targets_worst() > 1) problem("an answer was delivered %d times", sim_targets_worst());
}

void audit_judge(int64_t quiet_ms) {
    judge_fates();
    judge_timers(quiet_ms);
    judge_rest();
}

void audit_start(int64_t late_ms) {
    bound_ms = late_ms;
    audit_sums = (struct audit_sums){0};
    arena = hy_arena_new(ARENA);
    if (!arena) abort();
    sim_kafka_tap(HY_TOPIC_JOURNAL, on_journal, NULL);
    sim_kafka_tap(HY_TOPIC_WORK "*", on_work, NULL);
    sim_kafka_tap(HY_TOPIC_DEAD, on_dead, NULL);
}

void audit_end(void) {
    struct chain *chain, *next;
    forget(&fates);
    forget(&verdicts);
    forget(&items);
    forget(&fires);
    forget(&openings);
    HASH_ITER(hh, chains, chain, next) {
        HASH_DEL(chains, chain);
        free(chain);
    }
    hy_arena_free(arena);
}
