// Timers in a real Redis: what schedule, cancel, claim, confirm and count promise.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/fold/timers.h"
#include "tests/unit/fold/redis_server.h"

static struct redis_server server;
static struct hy_redis *redis;
static int have_server;

static int64_t redis_now(void) {
    int64_t ms;
    struct hy_error err = {0};
    if (hy_redis_time(redis, &ms, &err) != 0) fail_msg("%s", err.text);
    return ms;
}

static void wait_past(int64_t ms) {
    while (redis_now() <= ms) {
    }
}

static int group_setup(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    have_server = redis_server_start(&server) == 0;
    if (!have_server) return 0;
    struct hy_error err;
    struct hy_redis_options options = {.url = server.url};
    if (hy_redis_new(&options, &redis, &err) != 0) return -1;
    hy_timers_use(redis);
    return 0;
}

static int group_teardown(void **state) {
    (void)state;
    hy_redis_free(redis);
    redis_server_remove(&server);
    return 0;
}

static struct hy_timers_shard fresh_shard(void) {
    static int partition;
    struct hy_timers_shard shard;
    struct hy_fold_position start = {.log_id = "LOG1", .offset = 0};
    struct hy_error err = {0};
    if (!have_server) skip();
    assert_int_equal(hy_timers_shard_init(&shard, redis, "t", partition++, &err), 0);
    assert_int_equal(hy_timers_new_token(&shard), 0);
    if (hy_timers_reset(&shard, true, &start, &err) != 0) fail_msg("%s", err.text);
    return shard;
}

static void id_of(int n, char out[HY_ID_SIZE]) {
    char text[16];
    snprintf(text, sizeof text, "%d", n);
    hy_id_strings(out, 2, "case", text);
}

// Writes one case at the next offset; returns the code and fills *written.
static int put_id(struct hy_timers_shard *shard, const char *id, uint64_t version, const struct hy_timer *timers,
                  size_t n, struct hy_timers_written *written) {
    struct hy_buf packed = {0};
    struct hy_error err = {0};
    struct hy_timer_case one = {.id = id, .dossier = "D", .version = version, .timers = timers, .n = n};
    assert_int_equal(hy_timer_case_pack(&one, &shard->names, &packed, &err), 0);
    struct hy_bytes view = hy_buf_view(&packed);
    int64_t to = shard->offset + 1;
    int rc = hy_timers_send_write(shard, &view, 1, to, NULL, &err);
    if (rc == 0) rc = hy_timers_take_write(shard, to, written, &err);
    hy_buf_free(&packed);
    return rc;
}

static struct hy_timers_written put(struct hy_timers_shard *shard, int n_case, uint64_t version,
                                    const struct hy_timer *timers, size_t n) {
    char id[HY_ID_SIZE];
    struct hy_timers_written written = {0};
    id_of(n_case, id);
    assert_int_equal(put_id(shard, id, version, timers, n, &written), 0);
    return written;
}

static struct hy_timers_claimed *claim_with(struct hy_timers_shard *shard, const struct hy_timers_claim *how, int *rc) {
    static struct hy_timers_claimed claimed;
    struct hy_error err = {0};
    assert_int_equal(hy_timers_send_claim(shard, how, &err), 0);
    *rc = hy_timers_take_claim(shard, &claimed, &err);
    return &claimed;
}

static struct hy_timers_claimed *claim(struct hy_timers_shard *shard) {
    struct hy_timers_claim how = {
        .expected_ms = HY_TIMERS_NONE, .slack_ms = 5000, .seen_below = HY_TIMERS_NONE, .limit = HY_TIMERS_CLAIM_MAX};
    int rc;
    struct hy_timers_claimed *claimed = claim_with(shard, &how, &rc);
    assert_int_equal(rc, 0);
    return claimed;
}

static size_t confirm(struct hy_timers_shard *shard, const struct hy_timer_fire *fire, int64_t offset) {
    struct hy_buf packed = {0};
    struct hy_error err = {0};
    size_t kept = 99;
    assert_int_equal(hy_timer_confirm_pack(fire, offset, &packed), 0);
    struct hy_bytes view = hy_buf_view(&packed);
    assert_int_equal(hy_timers_send_confirm(shard, &view, 1, &err), 0);
    assert_int_equal(hy_timers_take_confirm(shard, &kept, &err), 0);
    hy_buf_free(&packed);
    return kept;
}

static void a_due_timer_is_claimed_once_and_one_before_due_is_not(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    int64_t now = redis_now();
    put(&shard, 1, 1, &(struct hy_timer){"reply", 3, 2, now - 5}, 1);
    struct hy_timers_written w = put(&shard, 2, 1, &(struct hy_timer){"reply", 1, 0, now + 60000}, 1);
    assert_int_equal(w.pending, 2);
    assert_int_equal(w.next_due_ms, now - 5);
    struct hy_timers_claimed *c = claim(&shard);
    char id[HY_ID_SIZE];
    id_of(1, id);
    assert_int_equal(c->n, 1);
    assert_string_equal(c->fires[0].case_id, id);
    assert_string_equal(c->fires[0].dossier, "D");
    assert_string_equal(c->fires[0].clock, "reply");
    assert_int_equal(c->fires[0].epoch, 3);
    assert_int_equal(c->fires[0].stage, 2);
    assert_int_equal(c->fires[0].due_ms, now - 5);
    assert_int_equal(c->again, 0);
    assert_int_equal(c->outbox, 1);
    assert_int_equal(c->next_due_ms, now + 60000);
    assert_int_equal(claim(&shard)->n, 0);
}

static void a_claimed_entry_stays_until_its_epoch_is_gone(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    int64_t now = redis_now();
    put(&shard, 1, 1, &(struct hy_timer){"reply", 1, 0, now - 5}, 1);
    struct hy_timer_fire fire = claim(&shard)->fires[0];
    assert_int_equal(confirm(&shard, &fire, 77), 1);
    // The case changed for another reason: same epoch and stage, so the fire is still on its way and not given again.
    put(&shard, 1, 2, &(struct hy_timer){"reply", 1, 0, now - 5}, 1);
    struct hy_timers_claimed *c = claim(&shard);
    assert_int_equal(c->n, 0);
    assert_int_equal(c->outbox, 1);
    // The engine's answer: the next stage.
    struct hy_timers_written w = put(&shard, 1, 3, &(struct hy_timer){"reply", 2, 1, now + 9000}, 1);
    assert_int_equal(w.pending, 1);
    c = claim(&shard);
    assert_int_equal(c->n, 0);
    assert_int_equal(c->outbox, 0);
    assert_int_equal(c->next_due_ms, now + 9000);
    assert_int_equal(confirm(&shard, &fire, 78), 0); // a late acknowledgement of the old epoch changes nothing
}

static void a_cancelled_case_leaves_nothing(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    struct hy_timers_count count;
    struct hy_error err;
    int64_t now = redis_now();
    struct hy_timer both[] = {{"reply", 1, 0, now + 50}, {"forward", 1, 0, now - 50}};
    put(&shard, 1, 1, both, 2);
    assert_int_equal(claim(&shard)->n, 1);
    assert_int_equal(put(&shard, 1, 2, NULL, 0).pending, 0);
    wait_past(now + 50);
    assert_int_equal(claim(&shard)->n, 0);
    assert_int_equal(hy_timers_count(&shard, &count, &err), 0);
    assert_int_equal(count.pending, 0);
    assert_int_equal(count.outbox, 0);
    assert_int_equal(count.leaves, 0);
    assert_int_equal(count.next_due_ms, HY_TIMERS_NONE);
    put(&shard, 7, 1, NULL, 0); // cancel of what is not there
}

static void a_stale_version_is_refused_and_counted(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    int64_t now = redis_now();
    put(&shard, 1, 5, &(struct hy_timer){"reply", 2, 0, now + 70000}, 1);
    struct hy_timers_written w = put(&shard, 1, 4, &(struct hy_timer){"reply", 1, 0, now - 10}, 1);
    assert_int_equal(w.stale, 1);
    assert_int_equal(w.next_due_ms, now + 70000);
    assert_int_equal(claim(&shard)->n, 0);
}

static void another_token_or_position_changes_nothing(void **state) {
    (void)state;
    struct hy_timers_shard mine = fresh_shard(), other = mine;
    struct hy_timers_written written;
    struct hy_timers_state opened;
    struct hy_error err;
    int64_t now = redis_now();
    put(&mine, 1, 1, &(struct hy_timer){"reply", 1, 0, now - 5}, 1);
    assert_int_equal(put_id(&other, "X", 1, NULL, 0, &written), HY_EMISMATCH); // it stands one write behind
    assert_int_equal(hy_timers_new_token(&other), 0);
    assert_int_equal(hy_timers_open(&other, false, &opened, &err), HY_EFENCED);
    assert_int_equal(hy_timers_open(&other, true, &opened, &err), 0);
    assert_int_equal(opened.position.offset, 1);
    assert_string_equal(opened.position.log_id, "LOG1");
    assert_int_equal(put_id(&mine, "X", 1, NULL, 0, &written), HY_EFENCED);
    int rc;
    struct hy_timers_claim how = {.expected_ms = -1, .slack_ms = 5000, .seen_below = -1, .limit = 10};
    (void)claim_with(&mine, &how, &rc);
    assert_int_equal(rc, HY_EFENCED);
    assert_int_equal(claim(&other)->n, 1);
}

static void a_flushed_redis_is_noticed_by_every_call(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    struct hy_timers_written written;
    struct hy_timers_state opened;
    struct hy_fold_position start = {.log_id = "LOG1", .offset = 0};
    struct hy_error err;
    redisReply *reply;
    int64_t now = redis_now();
    put(&shard, 1, 1, &(struct hy_timer){"reply", 1, 0, now - 5}, 1);
    assert_int_equal(hy_redis_call(redis, &reply, &err, 1, "FLUSHALL"), 0);
    freeReplyObject(reply);
    assert_int_equal(put_id(&shard, "X", 1, NULL, 0, &written), HY_ENOTFOUND);
    assert_int_equal(hy_timers_open(&shard, false, &opened, &err), HY_ENOTFOUND);
    assert_int_equal(hy_timers_reset(&shard, false, &start, &err), 0);
    assert_int_equal(claim(&shard)->n, 0);
    // Functions too may be gone.
    assert_int_equal(hy_redis_call(redis, &reply, &err, 2, "FUNCTION", "FLUSH"), 0);
    freeReplyObject(reply);
    assert_int_equal(hy_timers_open(&shard, false, &opened, &err), 0);
}

static void a_claim_from_a_connection_that_was_given_up_is_refused(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    struct hy_timers_state opened;
    struct hy_error err;
    int rc;
    put(&shard, 1, 1, &(struct hy_timer){"reply", 1, 0, redis_now() - 5}, 1);
    struct hy_timers_shard late = shard; // what it sent is still on its way
    assert_int_equal(hy_timers_open(&shard, false, &opened, &err), 0);
    struct hy_timers_claim how = {.expected_ms = -1, .slack_ms = 5000, .seen_below = -1, .limit = 10};
    (void)claim_with(&late, &how, &rc);
    assert_int_equal(rc, HY_EFENCED);
    assert_int_equal(claim(&shard)->n, 1);
    struct hy_timers_shard unheard = shard; // an open whose answer was lost is asked again
    assert_int_equal(hy_timers_open(&unheard, false, &opened, &err), 0);
    memcpy(shard.next, unheard.token, sizeof shard.next);
    assert_int_equal(hy_timers_open(&shard, false, &opened, &err), 0);
    assert_int_equal(claim(&shard)->again, 1);
}

static void what_was_out_without_an_offset_is_given_again_after_a_restart(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    struct hy_timers_state opened;
    struct hy_error err;
    int64_t now = redis_now();
    put(&shard, 1, 1, &(struct hy_timer){"reply", 1, 0, now - 5}, 1);
    put(&shard, 2, 1, &(struct hy_timer){"reply", 1, 0, now - 4}, 1);
    struct hy_timers_claimed *c = claim(&shard);
    assert_int_equal(c->n, 2);
    assert_int_equal(confirm(&shard, &c->fires[0], 10), 1);
    assert_int_equal(hy_timers_open(&shard, true, &opened, &err), 0);
    c = claim(&shard);
    assert_int_equal(c->n, 1);
    assert_int_equal(c->again, 1);
    assert_int_equal(c->fires[0].due_ms, now - 4);
    assert_int_equal(claim(&shard)->n, 0);
}

// Before calls were numbered 4, what was on its way without an offset stood beside the rest, with the score -1.
static void what_an_older_library_left_on_its_way_is_given_again_too(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    struct hy_timers_state opened;
    struct hy_error err;
    redisReply *reply;
    static const char OLDER[] = "return redis.call('ZADD', KEYS[1] .. ':o', -1, redis.call('SPOP', KEYS[1] .. ':u'))";
    put(&shard, 1, 1, &(struct hy_timer){"reply", 1, 0, redis_now() - 5}, 1);
    assert_int_equal(claim(&shard)->n, 1);
    assert_int_equal(hy_redis_call(redis, &reply, &err, 4, "EVAL", OLDER, "1", shard.key), 0);
    freeReplyObject(reply);
    assert_int_equal(hy_timers_open(&shard, true, &opened, &err), 0);
    struct hy_timers_claimed *c = claim(&shard);
    assert_int_equal(c->again, 1);
    assert_int_equal(c->outbox, 1);
    assert_int_equal(confirm(&shard, &c->fires[0], 10), 1);
    assert_int_equal(claim(&shard)->outbox, 1);
}

static void a_fire_that_casework_passed_without_effect_is_given_again(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    int64_t now = redis_now();
    int rc;
    put(&shard, 1, 1, &(struct hy_timer){"reply", 1, 0, now - 5}, 1);
    struct hy_timer_fire fire = claim(&shard)->fires[0];
    confirm(&shard, &fire, 10);
    struct hy_timers_claim how = {.expected_ms = -1, .slack_ms = 5000, .seen_below = 10, .limit = 10};
    assert_int_equal(claim_with(&shard, &how, &rc)->n, 0); // progress 10 = 10 is the next to be handled
    how.seen_below = 11;
    struct hy_timers_claimed *c = claim_with(&shard, &how, &rc);
    assert_int_equal(c->n, 1);
    assert_int_equal(c->again, 1);
    assert_int_equal(claim_with(&shard, &how, &rc)->n, 0); // it is on its way again
}

static void a_step_of_the_clock_holds_the_shard(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    int64_t now = redis_now();
    int rc;
    put(&shard, 1, 1, &(struct hy_timer){"reply", 1, 0, now - 5}, 1);
    struct hy_timers_claim how = {.expected_ms = now - 60000, .slack_ms = 5000, .seen_below = -1, .limit = 10};
    struct hy_timers_claimed *c = claim_with(&shard, &how, &rc);
    assert_int_equal(rc, HY_ERANGE);
    assert_true(c->now_ms >= now && c->now_ms < now + 5000);
    how.expected_ms = now + 60000;
    claim_with(&shard, &how, &rc);
    assert_int_equal(rc, HY_ERANGE);
    how.expected_ms = redis_now();
    assert_int_equal(claim_with(&shard, &how, &rc)->n, 1);
    assert_int_equal(rc, 0);
}

static void a_clock_that_went_back_before_the_high_water_mark_holds_the_shard(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    struct hy_error err;
    redisReply *reply;
    char mark[32];
    int rc;
    snprintf(mark, sizeof mark, "%lld", (long long)redis_now() + 60000);
    assert_int_equal(hy_redis_call(redis, &reply, &err, 4, "HSET", shard.key, "mark", mark), 0);
    freeReplyObject(reply);
    struct hy_timers_claim how = {.expected_ms = -1, .slack_ms = 5000, .seen_below = -1, .limit = 10};
    claim_with(&shard, &how, &rc);
    assert_int_equal(rc, HY_ERANGE);
    how.expected_ms = redis_now(); // the owner has satisfied itself that this clock is right now
    claim_with(&shard, &how, &rc);
    assert_int_equal(rc, 0);
}

static void a_claim_gives_at_most_its_limit_and_all_in_the_order_of_due(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    int64_t now = redis_now(), last = 0;
    size_t total = 0, rounds = 0;
    struct hy_timer two[2];
    for (int i = 0; i < 600; i++) {
        two[0] = (struct hy_timer){"reply", 1, 0, now - 1 - (i * 37) % 1000};
        two[1] = (struct hy_timer){"forward", 1, 0, two[0].due_ms};
        put(&shard, i, 1, two, 2);
    }
    struct hy_timers_claimed *c;
    while ((c = claim(&shard))->n > 0) {
        assert_true(c->n <= HY_TIMERS_CLAIM_MAX + 1);
        for (size_t i = 0; i < c->n; i++) {
            assert_true(c->fires[i].due_ms >= last);
            last = c->fires[i].due_ms;
        }
        total += c->n;
        rounds++;
    }
    assert_int_equal(total, 1200);
    assert_true(rounds >= 5);
}

// Many cases with few distinct due times, changed and cancelled at random, against a plain model.
enum { CASES = 3000, STEPS = 9000 };
struct model {
    int64_t due;
    uint32_t epoch;
    uint64_t version;
};

static int by_id(const void *a, const void *b) {
    return strcmp(a, b);
}

// The case number behind an id as a shard packs it.
static int number_of(struct hy_bytes packed) {
    static struct known {
        char id[HY_ID_SIZE];
        int n;
    } known[CASES];
    char id[HY_TIMER_ID_MAX + 1];
    size_t used;
    if (!known[0].id[0]) {
        for (int i = 0; i < CASES; i++) {
            id_of(i, known[i].id);
            known[i].n = i;
        }
        qsort(known, CASES, sizeof known[0], by_id);
    }
    assert_int_equal(hy_timer_id_unpack(packed, id, &used), 0);
    const struct known *found = bsearch(id, known, CASES, sizeof known[0], by_id);
    assert_non_null(found);
    return found->n;
}

// Each entry lies in the leaf with the greatest bound not above its score; each model that runs has one for its time.
static void assert_index_holds(struct hy_timers_shard *shard, const struct model *model) {
    redisReply *bounds, *leaf;
    struct hy_error err;
    char key[96];
    static bool found[CASES];
    memset(found, 0, sizeof found);
    snprintf(key, sizeof key, "%s:i", shard->key);
    assert_int_equal(hy_redis_call(redis, &bounds, &err, 5, "ZRANGE", key, "0", "-1", "WITHSCORES"), 0);
    for (size_t i = 0; i < bounds->elements; i += 2) {
        int64_t low = strtoll(bounds->element[i + 1]->str, NULL, 10);
        int64_t high = i + 3 < bounds->elements ? strtoll(bounds->element[i + 3]->str, NULL, 10) : INT64_MAX;
        snprintf(key, sizeof key, "%s:d:%s", shard->key, bounds->element[i]->str);
        assert_int_equal(hy_redis_call(redis, &leaf, &err, 5, "ZRANGE", key, "0", "-1", "WITHSCORES"), 0);
        assert_true(leaf->elements <= 2 * 128); // a listpack
        for (size_t k = 0; k < leaf->elements; k += 2) {
            int64_t score = strtoll(leaf->element[k + 1]->str, NULL, 10);
            int n = number_of(hy_bytes_from(leaf->element[k]->str, leaf->element[k]->len));
            assert_true(low <= score && score < high);
            if (model[n].due == score / HY_TIMER_TIES) found[n] = true;
        }
        freeReplyObject(leaf);
    }
    freeReplyObject(bounds);
    for (int i = 0; i < CASES; i++)
        assert_true(found[i] || model[i].due == 0);
}

static void change(struct hy_timers_shard *shard, struct model *model, int n, int64_t due) {
    struct model *m = &model[n];
    m->version++;
    m->epoch++;
    m->due = due;
    struct hy_timer timer = {"reply", m->epoch, 0, m->due};
    put(shard, n, m->version, &timer, m->due ? 1 : 0);
}

static void random_changes_leave_exactly_the_models_timers(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    struct hy_timers_count count;
    struct hy_error err;
    static struct model model[CASES];
    int64_t base = redis_now() + 3600000, running = 0;
    memset(model, 0, sizeof model);
    srand(20260214);
    for (int step = 0; step < STEPS; step++)
        change(&shard, model, rand() % CASES, rand() % 4 == 0 ? 0 : base + (rand() % 5) * 1000);
    for (int i = 0; i < CASES; i++)
        running += model[i].due != 0;
    assert_int_equal(hy_timers_count(&shard, &count, &err), 0);
    assert_int_equal(count.pending, running);
    assert_index_holds(&shard, model);
}

static void run_script(const char *script, const char *key) {
    redisReply *reply;
    struct hy_error err = {0};
    if (hy_redis_call(redis, &reply, &err, 4, "EVAL", script, "1", key) != 0) fail_msg("%s", err.text);
    freeReplyObject(reply);
}

static void an_older_copy_of_the_data_is_indexed_by_what_it_says_itself(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    static struct model model[CASES], saved[CASES];
    int64_t base = redis_now() + 3600000;
    memset(model, 0, sizeof model);
    srand(20260215);
    for (int i = 0; i < 1000; i++)
        change(&shard, model, i, base + rand() % 100000);
    run_script("for _, k in ipairs(redis.call('KEYS', KEYS[1] .. '*')) do redis.call('COPY', k, 'copy of ' .. k) end",
               shard.key);
    memcpy(saved, model, sizeof saved);
    int64_t offset = shard.offset;
    for (int i = 1000; i < 2000; i++) // leaves are split where the copy will not have them
        change(&shard, model, i, base + rand() % 30000);
    run_script("redis.call('DEL', unpack(redis.call('KEYS', KEYS[1] .. '*'))) "
               "for _, k in ipairs(redis.call('KEYS', 'copy of ' .. KEYS[1] .. '*')) do "
               "redis.call('RENAME', k, string.sub(k, 9)) end",
               shard.key);
    memcpy(model, saved, sizeof saved);
    shard.offset = offset;
    for (int i = 2000; i < 3000; i++)
        change(&shard, model, i, base + rand() % 30000);
    assert_index_holds(&shard, model);
}

static void an_entry_that_no_longer_holds_is_dropped_when_its_time_comes_and_fires_nothing(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    struct hy_timers_count count;
    struct hy_error err;
    int64_t soon = redis_now() + 50, later = soon + 100;
    struct hy_timer first = {"reply", 1, 0, soon}, second = {"reply", 2, 0, later};
    put(&shard, 1, 1, &first, 1);
    put(&shard, 2, 1, &first, 1);
    put(&shard, 1, 2, NULL, 0);
    put(&shard, 2, 2, &second, 1);
    wait_past(soon);
    struct hy_timers_claimed *claimed = claim(&shard);
    assert_int_equal(claimed->n, 0);
    assert_int_equal(claimed->next_due_ms, later);
    wait_past(later);
    claimed = claim(&shard);
    assert_int_equal(claimed->n, 1);
    assert_int_equal(claimed->fires[0].epoch, 2);
    assert_int_equal(claim(&shard)->n, 0);
    assert_int_equal(hy_timers_count(&shard, &count, &err), 0);
    assert_int_equal(count.leaves, 0);
}

static void a_case_written_again_gets_back_the_entry_that_it_lost(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    struct hy_timer timer = {"reply", 1, 0, redis_now() - 1};
    put(&shard, 1, 1, &timer, 1);
    run_script("for _, leaf in ipairs(redis.call('ZRANGE', KEYS[1] .. ':i', 0, -1)) do "
               "redis.call('DEL', KEYS[1] .. ':d:' .. leaf) end",
               shard.key);
    assert_int_equal(claim(&shard)->n, 0);
    put(&shard, 1, 1, &timer, 1);
    assert_int_equal(claim(&shard)->n, 1);
}

static void a_claim_looks_at_so_many_entries_and_the_next_one_goes_on(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    static struct model model[CASES];
    int64_t now = redis_now(), later = now + 3600000;
    int rounds = 1;
    memset(model, 0, sizeof model);
    for (int i = 0; i < CASES; i++)
        change(&shard, model, i, now - 1);
    for (int i = 0; i < CASES; i++)
        change(&shard, model, i, i == 0 ? later : 0);
    for (; claim(&shard)->next_due_ms != later; rounds++)
        assert_true(rounds < 100);
    assert_true(rounds >= 3 && rounds <= 6); // 3,000 entries, 1,024 or some more each time
    assert_index_holds(&shard, model);
}

static void a_full_window_holds_new_fires_back_but_not_those_given_out_before(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    struct hy_timers_state opened;
    struct hy_error err;
    int rc;
    int64_t now = redis_now();
    struct hy_timer timer = {"reply", 1, 0, now - 1};
    struct hy_timers_claim how = {.expected_ms = HY_TIMERS_NONE,
                                  .slack_ms = 5000,
                                  .seen_below = HY_TIMERS_NONE,
                                  .limit = HY_TIMERS_CLAIM_MAX,
                                  .window = 10};
    for (int i = 0; i < 30; i++)
        put(&shard, i, 1, &timer, 1);
    struct hy_timers_claimed *c = claim_with(&shard, &how, &rc);
    assert_int_equal(c->n, 10);
    assert_int_equal(c->next_due_ms, now - 1);
    assert_int_equal(claim_with(&shard, &how, &rc)->n, 0);
    timer.epoch = 2;
    timer.due_ms = now + 3600000;
    for (int i = 0; i < 30; i++) // all of them have had their effect, those in the outbox among them
        if (i % 2 == 0) put(&shard, i, 2, &timer, 1);
    size_t more = claim_with(&shard, &how, &rc)->n;
    assert_true(more > 0 && more <= 10);
    assert_int_equal(c->outbox, 10);
    // Casework has passed two of them without effect: they are not under way, whatever they wait for.
    for (int i = 0; i < 2; i++)
        assert_int_equal(confirm(&shard, &c->fires[i], 100 + i), 1);
    how.handled_below = 102;
    how.limit = 0;
    assert_int_equal(claim_with(&shard, &how, &rc)->under_way, 10 - 2);
    how.limit = HY_TIMERS_CLAIM_MAX;
    assert_int_equal(hy_timers_open(&shard, false, &opened, &err), 0); // their sends may be lost
    assert_true(claim_with(&shard, &how, &rc)->n >= 8);
    assert_int_equal(c->again, 8);
}

static void ids_that_are_not_ours_and_equal_times_work_too(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    struct hy_timers_written written;
    int64_t now = redis_now();
    char id[32];
    struct hy_timer timer = {"reply", 1, 0, now - 1};
    for (int i = 0; i < 300; i++) { // all ties fall together: a leaf grows over its limit and still works
        snprintf(id, sizeof id, "%d-x\xf0\xa0\xae\xb7zz", i);
        assert_int_equal(put_id(&shard, id, 1, &timer, 1, &written), 0);
    }
    size_t total = 0, n;
    while ((n = claim(&shard)->n) > 0)
        total += n;
    assert_int_equal(total, 300);
}

static void of_several_clocks_those_that_are_due_go_out_and_stay_out(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    struct hy_timers_count count;
    struct hy_error err;
    int64_t now = redis_now();
    struct hy_timer timers[] = {
        {"reply", 1, 0, now + 3600000}, {"forward", 2, 1, now - 2}, {"cac_notify", 3, 0, now - 1}};
    put(&shard, 1, 1, timers, 3);
    struct hy_timers_claimed *claimed = claim(&shard);
    assert_int_equal(claimed->n, 2);
    assert_string_equal(claimed->fires[0].clock, "forward");
    assert_string_equal(claimed->fires[1].clock, "cac_notify");
    assert_int_equal(claimed->fires[1].epoch, 3);
    assert_int_equal(claimed->next_due_ms, timers[0].due_ms);
    // Another clock moves: what is out stays out, and the moved one stands where it belongs.
    timers[0].epoch = 2;
    timers[0].due_ms = now + 7200000;
    put(&shard, 1, 2, timers, 3);
    claimed = claim(&shard);
    assert_int_equal(claimed->n, 0);
    assert_int_equal(claimed->next_due_ms, timers[0].due_ms);
    assert_int_equal(claimed->outbox, 2);
    // One of those that are out is gone from the case, the moved one is due.
    timers[2] = timers[0];
    timers[2].due_ms = now - 1;
    put(&shard, 1, 3, timers + 1, 2);
    claimed = claim(&shard);
    assert_int_equal(claimed->n, 1);
    assert_string_equal(claimed->fires[0].clock, "reply");
    assert_int_equal(hy_timers_count(&shard, &count, &err), 0);
    assert_int_equal(count.pending, 2);
    assert_int_equal(count.outbox, 2);
}

static void an_owner_with_another_list_of_clock_names_changes_nothing(void **state) {
    (void)state;
    struct hy_timers_shard shard = fresh_shard();
    struct hy_timers_written written;
    struct hy_timers_state opened;
    struct hy_timers_count count;
    struct hy_error err;
    struct hy_timer timers[] = {{"reply", 1, 0, redis_now() + 3600000}, {"re", 1, 0, redis_now() + 3600000}};
    put(&shard, 1, 1, timers, 1);
    struct hy_timers_shard mistaken = shard;
    assert_int_equal(hy_timer_names_set(&mistaken.names, hy_bytes_of("")), 0);
    char id[HY_ID_SIZE];
    id_of(2, id);
    assert_int_equal(put_id(&mistaken, id, 1, &timers[1], 1, &written), HY_EMISMATCH);
    assert_int_equal(hy_timers_count(&shard, &count, &err), 0);
    assert_int_equal(count.pending, 1);
    // Opened again it has learnt them, and adds its own.
    assert_int_equal(hy_timers_open(&mistaken, false, &opened, &err), 0);
    assert_string_equal(mistaken.names.text, "reply");
    assert_int_equal(put_id(&mistaken, id, 1, &timers[1], 1, &written), 0);
    assert_string_equal(mistaken.names.text, "reply\nre");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_due_timer_is_claimed_once_and_one_before_due_is_not),
        cmocka_unit_test(a_claimed_entry_stays_until_its_epoch_is_gone),
        cmocka_unit_test(a_cancelled_case_leaves_nothing),
        cmocka_unit_test(a_stale_version_is_refused_and_counted),
        cmocka_unit_test(another_token_or_position_changes_nothing),
        cmocka_unit_test(a_flushed_redis_is_noticed_by_every_call),
        cmocka_unit_test(a_claim_from_a_connection_that_was_given_up_is_refused),
        cmocka_unit_test(what_was_out_without_an_offset_is_given_again_after_a_restart),
        cmocka_unit_test(what_an_older_library_left_on_its_way_is_given_again_too),
        cmocka_unit_test(a_fire_that_casework_passed_without_effect_is_given_again),
        cmocka_unit_test(a_step_of_the_clock_holds_the_shard),
        cmocka_unit_test(a_clock_that_went_back_before_the_high_water_mark_holds_the_shard),
        cmocka_unit_test(a_claim_gives_at_most_its_limit_and_all_in_the_order_of_due),
        cmocka_unit_test(random_changes_leave_exactly_the_models_timers),
        cmocka_unit_test(an_older_copy_of_the_data_is_indexed_by_what_it_says_itself),
        cmocka_unit_test(an_entry_that_no_longer_holds_is_dropped_when_its_time_comes_and_fires_nothing),
        cmocka_unit_test(a_case_written_again_gets_back_the_entry_that_it_lost),
        cmocka_unit_test(a_claim_looks_at_so_many_entries_and_the_next_one_goes_on),
        cmocka_unit_test(a_full_window_holds_new_fires_back_but_not_those_given_out_before),
        cmocka_unit_test(ids_that_are_not_ours_and_equal_times_work_too),
        cmocka_unit_test(of_several_clocks_those_that_are_due_go_out_and_stay_out),
        cmocka_unit_test(an_owner_with_another_list_of_clock_names_changes_nothing),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
