#include "lib/fold/redis.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/backoff.h"
#include "lib/base/log.h"
#include "lib/fold/redis_url.h"

enum { BACKOFF_BASE_MS = 50, BACKOFF_CAP_MS = 2000, MAX_ARGS = 1100, EARLY_BYTES = 16384 };

struct hy_redis {
    struct hy_redis_url url;
    char *user;
    char *password;
    char *client_name;
    int connect_timeout_ms;
    int op_timeout_ms;
    const struct hy_clock *clock;
    const char *library_name;
    struct hy_bytes library;
    redisContext *context;
    size_t pending;
    uint64_t generation;
    struct hy_backoff backoff;
    int64_t retry_at_ms;   // monotonic
    int64_t down_since_ms; // monotonic
};

static struct timeval timeval_of(int ms) {
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

static char *copy_or_null(const char *text) {
    return text && *text ? strdup(text) : NULL;
}

int hy_redis_new(const struct hy_redis_options *options, struct hy_redis **out, struct hy_error *err) {
    struct hy_redis_url url;
    int rc = hy_redis_url_parse(options->url, &url, err);
    if (rc != 0) return rc;
    struct hy_redis *redis = calloc(1, sizeof *redis);
    if (!redis) return hy_fail(err, HY_ENOMEM, "no memory for a Redis connection");
    redis->url = url;
    redis->user = copy_or_null(options->user);
    redis->password = copy_or_null(options->password);
    redis->client_name = copy_or_null(options->client_name);
    redis->connect_timeout_ms = options->connect_timeout_ms ? options->connect_timeout_ms : 1000;
    redis->op_timeout_ms = options->op_timeout_ms ? options->op_timeout_ms : 2000;
    redis->clock = options->clock ? options->clock : hy_clock_system();
    redis->backoff = (struct hy_backoff){
        .base_ms = BACKOFF_BASE_MS, .cap_ms = BACKOFF_CAP_MS, .seed = (uint64_t)hy_mono_ns(redis->clock)};
    redis->down_since_ms = hy_mono_ms(redis->clock);
    *out = redis;
    return 0;
}

void hy_redis_free(struct hy_redis *redis) {
    if (!redis) return;
    if (redis->context) redisFree(redis->context);
    free(redis->user);
    if (redis->password) explicit_bzero(redis->password, strlen(redis->password));
    free(redis->password);
    free(redis->client_name);
    free(redis);
}

void hy_redis_use_library(struct hy_redis *redis, const char *name, struct hy_bytes text) {
    redis->library_name = name;
    redis->library = text;
}

// The context cannot be used after an I/O error, and every reply that was due is lost with it.
static void drop(struct hy_redis *redis) {
    if (!redis->context) return;
    redisFree(redis->context);
    redis->context = NULL;
    redis->pending = 0;
    redis->down_since_ms = hy_mono_ms(redis->clock);
    redis->retry_at_ms = redis->down_since_ms + BACKOFF_BASE_MS;
}

// hiredis says EOF, EAGAIN from SO_RCVTIMEO, errno or a protocol error in one place; each becomes a code of ours.
static int context_failure(struct hy_redis *redis, const char *doing, struct hy_error *err) {
    const redisContext *context = redis->context;
    int code = HY_ENET;
    if (context->err == REDIS_ERR_PROTOCOL)
        code = HY_EFORMAT;
    else if (context->err == REDIS_ERR_IO && errno == EAGAIN)
        code = HY_ETIMEOUT;
    else if (context->err == REDIS_ERR_OOM)
        code = HY_ENOMEM;
    const char *text = context->err ? context->errstr : "no answer";
    (void)hy_fail(err, code, "redis %s: %s: %s", redis->url.host, doing,
                  code == HY_ETIMEOUT ? "no answer within the time limit" : text);
    drop(redis);
    return code;
}

static int error_code_of(const char *text) {
    static const struct {
        const char *prefix;
        int code;
    } known[] = {{"NOAUTH", HY_EAUTH},       {"WRONGPASS", HY_EAUTH},
                 {"NOPERM", HY_EAUTH},       {"ERR invalid password", HY_EAUTH},
                 {"ERR AUTH", HY_EAUTH},     {"LOADING", HY_EAGAIN},
                 {"BUSY ", HY_EAGAIN},       {"TRYAGAIN", HY_EAGAIN},
                 {"MASTERDOWN", HY_EAGAIN},  {"READONLY", HY_EAGAIN},
                 {"CLUSTERDOWN", HY_EAGAIN}, {"OOM", HY_EFULL},
                 {"MISCONF", HY_EFULL},      {"ERR Function not found", HY_ENOTFOUND}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp(text, known[i].prefix, strlen(known[i].prefix)) == 0) return known[i].code;
    return HY_EINTERNAL;
}

// hiredis sends when an answer is asked for; a large queue goes out at once, so that the server works on it while the
// next command is made.
static int send_early(struct hy_redis *redis, struct hy_error *err) {
    int all = 0;
    while (!all && sdslen(redis->context->obuf) >= EARLY_BYTES)
        if (redisBufferWrite(redis->context, &all) != REDIS_OK) return context_failure(redis, "send", err);
    return 0;
}

int hy_redis_append(struct hy_redis *redis, size_t argc, const struct hy_bytes *argv, struct hy_error *err) {
    const char *args[MAX_ARGS];
    size_t lens[MAX_ARGS];
    if (argc == 0 || argc > MAX_ARGS)
        return hy_fail(err, HY_EINVALID, "redis: a command of %zu words, 1 to %d are allowed", argc, MAX_ARGS);
    int rc = hy_redis_connect(redis, err);
    if (rc != 0) return rc;
    for (size_t i = 0; i < argc; i++) {
        args[i] = argv[i].len ? (const char *)argv[i].data : "";
        lens[i] = argv[i].len;
    }
    if (redisAppendCommandArgv(redis->context, (int)argc, args, lens) != REDIS_OK)
        return context_failure(redis, "queue a command", err);
    redis->pending++;
    return send_early(redis, err);
}

int hy_redis_reply(struct hy_redis *redis, redisReply **out, struct hy_error *err) {
    *out = NULL;
    if (!redis->context || redis->pending == 0)
        return hy_fail(err, HY_ENET, "redis %s: the connection was lost", redis->url.host);
    void *got = NULL;
    errno = 0;
    if (redisGetReply(redis->context, &got) != REDIS_OK || !got) return context_failure(redis, "wait for a reply", err);
    redis->pending--;
    redisReply *reply = got;
    if (reply->type == REDIS_REPLY_ERROR) {
        int code = hy_fail(err, error_code_of(reply->str), "redis %s: %.300s", redis->url.host, reply->str);
        freeReplyObject(reply);
        return code;
    }
    *out = reply;
    return 0;
}

size_t hy_redis_pending(const struct hy_redis *redis) {
    return redis->pending;
}

// One command on the context as it is, without connecting first.
static int run_now(struct hy_redis *redis, redisReply **out, struct hy_error *err, size_t argc,
                   const struct hy_bytes *argv) {
    const char *args[8];
    size_t lens[8];
    for (size_t i = 0; i < argc; i++) {
        args[i] = (const char *)argv[i].data;
        lens[i] = argv[i].len;
    }
    if (redisAppendCommandArgv(redis->context, (int)argc, args, lens) != REDIS_OK)
        return context_failure(redis, "queue a command", err);
    redis->pending++;
    return hy_redis_reply(redis, out, err);
}

static int run_words(struct hy_redis *redis, struct hy_error *err, size_t argc, const char *const *words) {
    struct hy_bytes argv[8];
    redisReply *reply = NULL;
    for (size_t i = 0; i < argc; i++)
        argv[i] = hy_bytes_of(words[i]);
    int rc = run_now(redis, &reply, err, argc, argv);
    if (reply) freeReplyObject(reply);
    return rc;
}

static int authenticate(struct hy_redis *redis, struct hy_error *err) {
    if (!redis->password) return 0;
    if (redis->user) return run_words(redis, err, 3, (const char *const[]){"AUTH", redis->user, redis->password});
    return run_words(redis, err, 2, (const char *const[]){"AUTH", redis->password});
}

int hy_redis_load_library(struct hy_redis *redis, struct hy_error *err) {
    if (!redis->library_name) return 0;
    if (!redis->context) return hy_fail(err, HY_ENET, "redis %s: not connected", redis->url.host);
    struct hy_bytes argv[] = {hy_bytes_of("FUNCTION"), hy_bytes_of("LOAD"), hy_bytes_of("REPLACE"), redis->library};
    redisReply *reply = NULL;
    int rc = run_now(redis, &reply, err, 4, argv);
    if (rc != 0) return hy_fail_at(err, "load the function library %s", redis->library_name);
    freeReplyObject(reply);
    return 0;
}

static int greet(struct hy_redis *redis, struct hy_error *err) {
    char db[8];
    int rc = authenticate(redis, err);
    if (rc != 0) return rc;
    if (redis->client_name &&
        (rc = run_words(redis, err, 3, (const char *const[]){"CLIENT", "SETNAME", redis->client_name})) != 0)
        return rc;
    snprintf(db, sizeof db, "%d", redis->url.db);
    if (redis->url.db != 0 && (rc = run_words(redis, err, 2, (const char *const[]){"SELECT", db})) != 0) return rc;
    rc = hy_redis_load_library(redis, err);
    // A full Redis loads nothing, but what it has of the library from before still takes the calls that fit.
    return rc == HY_EFULL ? HY_OK : rc;
}

static int dial(struct hy_redis *redis, struct hy_error *err) {
    struct timeval limit = timeval_of(redis->connect_timeout_ms);
    redis->context = redis->url.is_unix ? redisConnectUnixWithTimeout(redis->url.host, limit)
                                        : redisConnectWithTimeout(redis->url.host, redis->url.port, limit);
    if (!redis->context) return hy_fail(err, HY_ENOMEM, "no memory for a Redis connection");
    if (redis->context->err) return context_failure(redis, "connect", err);
    if (redisSetTimeout(redis->context, timeval_of(redis->op_timeout_ms)) != REDIS_OK)
        return context_failure(redis, "set the time limit", err);
    if (!redis->url.is_unix) (void)redisEnableKeepAlive(redis->context);
    return 0;
}

int hy_redis_connect(struct hy_redis *redis, struct hy_error *err) {
    if (redis->context) return 0;
    int64_t now = hy_mono_ms(redis->clock);
    if (now < redis->retry_at_ms)
        return hy_fail(err, HY_EAGAIN, "redis %s: away, next attempt in %lld ms", redis->url.host,
                       (long long)(redis->retry_at_ms - now));
    int64_t down_since = redis->down_since_ms;
    int rc = dial(redis, err);
    if (rc == 0) rc = greet(redis, err);
    if (rc != 0) {
        if (redis->context) drop(redis);
        redis->retry_at_ms = hy_mono_ms(redis->clock) + hy_backoff_next(&redis->backoff);
        redis->down_since_ms = down_since;
        return rc;
    }
    hy_backoff_reset(&redis->backoff);
    redis->generation++;
    HY_INFO("redis.connect", "connected to Redis", "host=%s generation=%llu", redis->url.host,
            (unsigned long long)redis->generation);
    return 0;
}

bool hy_redis_up(const struct hy_redis *redis) {
    return redis->context != NULL;
}

uint64_t hy_redis_generation(const struct hy_redis *redis) {
    return redis->generation;
}

int64_t hy_redis_down_ms(const struct hy_redis *redis) {
    return redis->context ? 0 : hy_mono_ms(redis->clock) - redis->down_since_ms;
}

int hy_redis_call(struct hy_redis *redis, redisReply **out, struct hy_error *err, int argc, ...) {
    struct hy_bytes argv[16];
    va_list list;
    *out = NULL;
    if (argc < 1 || argc > 16)
        return hy_fail(err, HY_EINVALID, "redis: a command of %d words, 1 to 16 are allowed", argc);
    va_start(list, argc);
    for (int i = 0; i < argc; i++)
        argv[i] = hy_bytes_of(va_arg(list, const char *));
    va_end(list);
    int rc = hy_redis_append(redis, (size_t)argc, argv, err);
    return rc != 0 ? rc : hy_redis_reply(redis, out, err);
}

int hy_redis_time(struct hy_redis *redis, int64_t *ms, struct hy_error *err) {
    redisReply *reply;
    int rc = hy_redis_call(redis, &reply, err, 1, "TIME");
    if (rc != 0) return rc;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || !reply->element[0]->str ||
        !reply->element[1]->str) {
        freeReplyObject(reply);
        return hy_fail(err, HY_EFORMAT, "redis %s: TIME did not answer with two numbers", redis->url.host);
    }
    *ms = strtoll(reply->element[0]->str, NULL, 10) * 1000 + strtoll(reply->element[1]->str, NULL, 10) / 1000;
    freeReplyObject(reply);
    return 0;
}
