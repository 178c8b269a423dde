// In the place of lib/fold/redis.c: the same calls, answered by the server in memory. A broken connection loses the
// replies on their way; whether the command had its effect, nobody knows.
#include <stdlib.h>
#include <string.h>

#include "lib/fold/redis.h"
#include "tests/sim/redis_inner.h"
#include "tests/sim/sim.h"

enum { WAITING_MAX = 4096 };

struct sim_redis_server sim_redis;

struct hy_redis {
    struct hy_bytes library;
    uint64_t run; // of the server when it was connected, 0 = not connected
    uint64_t generation;
    int64_t down_ms;
    redisReply *waiting[WAITING_MAX];
    size_t first, n;
};

void sim_redis_start(void) {
    sim_redis = (struct sim_redis_server){.db = sim_db_new(), .runs = 1};
    sim_lua_open();
}

void sim_redis_end(void) {
    sim_db_free(sim_redis.db);
    sim_redis.db = NULL;
    sim_lua_close();
}

void sim_redis_replace(struct sim_db *db) {
    sim_db_free(sim_redis.db);
    sim_redis.db = db ? db : sim_db_new();
}

static void drop(struct hy_redis *redis) {
    for (; redis->n > 0; redis->n--, redis->first++)
        if (redis->waiting[redis->first % WAITING_MAX]) freeReplyObject(redis->waiting[redis->first % WAITING_MAX]);
    if (redis->run) redis->down_ms = sim_now.now_ms;
    redis->run = 0;
}

int hy_redis_new(const struct hy_redis_options *options, struct hy_redis **out, struct hy_error *err) {
    (void)options;
    *out = calloc(1, sizeof **out);
    if (!*out) return hy_fail(err, HY_ENOMEM, "no memory");
    (*out)->down_ms = sim_now.now_ms;
    return HY_OK;
}

void hy_redis_free(struct hy_redis *redis) {
    if (!redis) return;
    drop(redis);
    free(redis);
}

void hy_redis_use_library(struct hy_redis *redis, const char *name, struct hy_bytes text) {
    (void)name;
    redis->library = text;
}

int hy_redis_load_library(struct hy_redis *redis, struct hy_error *err) {
    (void)err;
    sim_lua_load(redis->library);
    return HY_OK;
}

int hy_redis_connect(struct hy_redis *redis, struct hy_error *err) {
    if (redis->run == sim_redis.runs && !sim_redis.away) return HY_OK;
    if (redis->run) drop(redis);
    if (sim_redis.away) return hy_fail(err, HY_ENET, "Redis is away");
    if (redis->generation == 0) sim_lua_load(redis->library); // the functions are kept by the server
    redis->run = sim_redis.runs;
    redis->generation++;
    return HY_OK;
}

bool hy_redis_up(const struct hy_redis *redis) {
    return redis->run == sim_redis.runs && !sim_redis.away;
}

uint64_t hy_redis_generation(const struct hy_redis *redis) {
    return redis->generation;
}

int64_t hy_redis_down_ms(const struct hy_redis *redis) {
    return hy_redis_up(redis) ? 0 : sim_now.now_ms - redis->down_ms;
}

int hy_redis_append(struct hy_redis *redis, size_t argc, const struct hy_bytes *argv, struct hy_error *err) {
    int rc = hy_redis_connect(redis, err);
    if (rc != HY_OK) return rc;
    redisReply *reply = NULL;
    bool breaks = sim_chance(sim_redis.broken_one_in);
    sim_redis.calls++;
    if (!breaks || sim_chance(2)) reply = sim_lua_call(argc, argv);
    if (breaks && reply) {
        freeReplyObject(reply);
        reply = NULL;
    }
    if (redis->n == WAITING_MAX) abort();
    redis->waiting[(redis->first + redis->n++) % WAITING_MAX] = reply; // NULL: the connection breaks here
    return HY_OK;
}

int hy_redis_reply(struct hy_redis *redis, redisReply **out, struct hy_error *err) {
    *out = NULL;
    if (redis->n == 0 || !hy_redis_up(redis)) {
        drop(redis);
        return hy_fail(err, HY_ENET, "the connection is gone");
    }
    redisReply *reply = redis->waiting[redis->first++ % WAITING_MAX];
    redis->n--;
    if (!reply) {
        drop(redis);
        return hy_fail(err, HY_ENET, "the connection broke");
    }
    *out = reply;
    return HY_OK;
}

size_t hy_redis_pending(const struct hy_redis *redis) {
    return redis->n;
}

// Only the audit's reading of raw keys uses it, and the simulator's auditor reads them itself.
int hy_redis_call(struct hy_redis *redis, redisReply **out, struct hy_error *err, int argc, ...) {
    (void)redis;
    (void)argc;
    *out = NULL;
    return hy_fail(err, HY_EINTERNAL, "not a call of this Redis");
}

int hy_redis_time(struct hy_redis *redis, int64_t *ms, struct hy_error *err) {
    int rc = hy_redis_connect(redis, err);
    if (rc == HY_OK) *ms = sim_now.now_ms + sim_redis.ahead_ms;
    return rc;
}
