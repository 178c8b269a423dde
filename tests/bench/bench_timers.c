// How fast and how small timers in Redis are: bench_timers REDIS_URL [CASES [CLOCKS]] on an empty, private Redis.
// Prints one line a figure: schedule, claim and cancel per second through one connection, bytes a timer when due times
// are spread over seven days and when all stand within a minute of the opening hour of five days.
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/fold/timers.h"

enum { SHARDS = 16, BATCH = 250, IN_FLIGHT = 4 }; // calls that Redis has before it, of different shards

struct bench {
    struct hy_redis *redis;
    struct hy_timers_shard shards[SHARDS];
    int cases, clocks;
};

static void die(const char *doing, const struct hy_error *err) {
    fprintf(stderr, "bench_timers: %s: %s\n", doing, err->text);
    exit(1);
}

static double seconds(void) {
    return (double)hy_mono_ns(hy_clock_system()) / 1e9;
}

static int64_t used_memory(struct bench *b) {
    redisReply *reply;
    struct hy_error err = {0};
    if (hy_redis_call(b->redis, &reply, &err, 2, "INFO", "memory") != 0) die("INFO", &err);
    const char *at = strstr(reply->str, "used_memory:");
    int64_t value = at ? strtoll(at + 12, NULL, 10) : 0;
    freeReplyObject(reply);
    return value;
}

// span_ms of a write: > 0 spreads due times over it from now + 1 h.
enum { SPAN_DUE = 0, SPAN_CANCEL = -1, SPAN_OPENING = -2 };

static int64_t due_time(int64_t now, int64_t span_ms) {
    double random = (double)rand() / RAND_MAX;
    if (span_ms == SPAN_DUE) return now - 1;
    if (span_ms == SPAN_OPENING) return now + (1 + rand() % 5) * INT64_C(86400000) + (int64_t)(random * 60000);
    return now + 3600000 + (int64_t)(random * (double)span_ms);
}

// One batch of cases of one shard.
static void send_batch(struct bench *b, int shard, int first, int64_t now, int64_t span_ms, uint64_t version) {
    static const char *const names[] = {"reply", "forward", "cac_notify", "statement_5h"};
    struct hy_buf packed[BATCH] = {0};
    struct hy_bytes views[BATCH];
    struct hy_error err = {0};
    for (int i = 0; i < BATCH; i++) {
        struct hy_timer timers[4];
        char id[HY_ID_SIZE], dossier[HY_ID_SIZE], text[24];
        snprintf(text, sizeof text, "%d-%d", shard, first + i);
        hy_id_strings(id, 2, "case", text);
        hy_id_strings(dossier, 2, "dossier", text);
        for (int c = 0; c < b->clocks; c++) {
            timers[c] = (struct hy_timer){names[c], (uint32_t)version, 0, due_time(now, span_ms)};
        }
        struct hy_timer_case one = {id, dossier, version, timers, span_ms == SPAN_CANCEL ? 0 : (size_t)b->clocks};
        if (hy_timer_case_pack(&one, &b->shards[shard].names, &packed[i], &err) != 0) die("pack", &err);
        views[i] = hy_buf_view(&packed[i]);
    }
    if (hy_timers_send_write(&b->shards[shard], views, BATCH, b->shards[shard].offset + BATCH, NULL, &err) != 0)
        die("write", &err);
    for (int i = 0; i < BATCH; i++)
        hy_buf_free(&packed[i]);
}

static void take_batch(struct bench *b, int shard) {
    struct hy_timers_written written;
    struct hy_error err = {0};
    if (hy_timers_take_write(&b->shards[shard], b->shards[shard].offset + BATCH, &written, &err) != 0)
        die("write", &err);
}

static void write_all(struct bench *b, const char *what, int64_t span_ms, uint64_t version) {
    int64_t now = hy_wall_ms(hy_clock_system());
    double start = seconds();
    int calls = b->cases / BATCH;
    for (int call = 0; call < calls + IN_FLIGHT; call++) {
        if (call >= IN_FLIGHT) take_batch(b, (call - IN_FLIGHT) % SHARDS);
        if (call < calls) send_batch(b, call % SHARDS, call / SHARDS * BATCH, now, span_ms, version);
    }
    printf("%s_per_second %.0f\n", what, (double)b->cases * b->clocks / (seconds() - start));
}

static void send_claim(struct bench *b, int shard) {
    struct hy_timers_claim how = {
        .expected_ms = HY_TIMERS_NONE, .slack_ms = 5000, .seen_below = HY_TIMERS_NONE, .limit = HY_TIMERS_CLAIM_MAX};
    struct hy_error err = {0};
    if (hy_timers_send_claim(&b->shards[shard], &how, &err) != 0) die("claim", &err);
}

// Round and round until no shard has anything left.
static void claim_all(struct bench *b) {
    static struct hy_timers_claimed claimed;
    struct hy_error err = {0};
    size_t total = 0;
    double start = seconds();
    for (int i = 0; i < IN_FLIGHT; i++)
        send_claim(b, i);
    for (int call = 0, empty = 0; empty < SHARDS + IN_FLIGHT; call++) {
        if (hy_timers_take_claim(&b->shards[call % SHARDS], &claimed, &err) != 0) die("claim", &err);
        empty = claimed.n > 0 ? 0 : empty + 1;
        total += claimed.n;
        if (empty <= SHARDS) send_claim(b, (call + IN_FLIGHT) % SHARDS);
    }
    printf("claimed %zu\nclaim_per_second %.0f\n", total, (double)total / (seconds() - start));
}

int main(int argc, char **argv) {
    struct bench b = {.cases = argc > 2 ? atoi(argv[2]) : 200000, .clocks = argc > 3 ? atoi(argv[3]) : 1};
    struct hy_fold_position start = {.log_id = "BENCH", .offset = 0};
    struct hy_error err = {0};
    if (argc < 2 || b.clocks < 1 || b.clocks > 4) {
        fprintf(stderr, "usage: bench_timers REDIS_URL [CASES [CLOCKS 1..4]]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    b.cases -= b.cases % (SHARDS * BATCH);
    struct hy_redis_options options = {.url = argv[1], .op_timeout_ms = 30000};
    if (hy_redis_new(&options, &b.redis, &err) != 0) die("url", &err);
    hy_timers_use(b.redis);
    for (int i = 0; i < SHARDS; i++)
        if (hy_timers_shard_init(&b.shards[i], b.redis, "hy", i, &err) != 0 || hy_timers_new_token(&b.shards[i]) != 0 ||
            hy_timers_reset(&b.shards[i], true, &start, &err) != 0)
            die("reset", &err);
    int64_t before = used_memory(&b);
    write_all(&b, "schedule_7_days", INT64_C(7) * 86400000, 1);
    printf("bytes_a_timer %.1f\n", (double)(used_memory(&b) - before) / b.cases / b.clocks);
    write_all(&b, "reschedule_all_due", SPAN_DUE, 2);
    claim_all(&b);
    write_all(&b, "reschedule_claimed", INT64_C(7) * 86400000, 3);
    write_all(&b, "cancel", SPAN_CANCEL, 4);
    int64_t empty = used_memory(&b);
    write_all(&b, "schedule_clustered", SPAN_OPENING, 5);
    printf("bytes_a_timer_clustered %.1f\n", (double)(used_memory(&b) - empty) / b.cases / b.clocks);
    write_all(&b, "cancel_clustered", SPAN_CANCEL, 6);
    printf("bytes_left %" PRId64 "\n", used_memory(&b) - before);
    hy_redis_free(b.redis);
    return 0;
}
