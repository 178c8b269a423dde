#include "lib/fold/timers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"

extern const char HY_TIMERS_LUA[];
extern const unsigned long HY_TIMERS_LUA_LEN;

enum { FIXED_WORDS = 10 };

int hy_timers_shard_init(struct hy_timers_shard *shard, struct hy_redis *redis, const char *prefix, int32_t partition,
                         struct hy_error *err) {
    size_t len = strlen(prefix);
    memset(shard, 0, sizeof *shard);
    if (len == 0 || len > 32 || strspn(prefix, "abcdefghijklmnopqrstuvwxyz0123456789._-") != len || partition < 0)
        return hy_fail(err, HY_EINVALID, "a prefix of keys has 1 to 32 of a-z, 0-9, '.', '_', '-'");
    shard->redis = redis;
    shard->offset = HY_TIMERS_NONE;
    snprintf(shard->key, sizeof shard->key, "%s:{s%d}", prefix, (int)partition);
    return 0;
}

static int make_token(char out[HY_TIMERS_TOKEN_SIZE]) {
    uint8_t nonce[16];
    int rc = hy_random(nonce, sizeof nonce);
    for (size_t i = 0; rc == 0 && i < sizeof nonce; i++)
        snprintf(out + 2 * i, 3, "%02x", nonce[i]);
    return rc;
}

int hy_timers_new_token(struct hy_timers_shard *shard) {
    shard->next[0] = '\0';
    return make_token(shard->token);
}

void hy_timers_use(struct hy_redis *redis) {
    hy_redis_use_library(redis, "hy_timers4", hy_bytes_from(HY_TIMERS_LUA, HY_TIMERS_LUA_LEN));
}

// One FCALL in the making: words, and room for numbers as text.
struct call {
    struct hy_bytes words[FIXED_WORDS + HY_TIMERS_WRITE_MAX];
    size_t n;
    char numbers[8][24];
    size_t n_numbers;
};

static void word(struct call *call, const char *text) {
    call->words[call->n++] = hy_bytes_of(text);
}

// A number, or the empty word for "not known".
static void number(struct call *call, int64_t value) {
    char *text = call->numbers[call->n_numbers++];
    text[0] = 0;
    if (value != HY_TIMERS_NONE) snprintf(text, sizeof call->numbers[0], "%" PRId64, value);
    word(call, text);
}

static void begin_as(struct call *call, const struct hy_timers_shard *shard, const char *function, const char *token) {
    call->n = call->n_numbers = 0;
    word(call, "FCALL");
    word(call, function);
    word(call, "1");
    word(call, shard->key);
    word(call, token);
}

static void begin(struct call *call, const struct hy_timers_shard *shard, const char *function) {
    begin_as(call, shard, function, shard->token);
}

static int send_call(struct hy_timers_shard *shard, const struct call *call, struct hy_error *err) {
    return hy_redis_append(shard->redis, call->n, call->words, err);
}

static const char *text_at(const redisReply *reply, size_t i) {
    return i < reply->elements && reply->element[i]->str ? reply->element[i]->str : "";
}

static int64_t number_at(const redisReply *reply, size_t i) {
    if (i >= reply->elements) return HY_TIMERS_NONE;
    const redisReply *element = reply->element[i];
    if (element->type == REDIS_REPLY_INTEGER) return element->integer;
    return element->str && element->str[0] ? strtoll(element->str, NULL, 10) : HY_TIMERS_NONE;
}

static int refusal(const struct hy_timers_shard *shard, const char *status, struct hy_error *err) {
    if (strcmp(status, "lost") == 0) return hy_fail(err, HY_ENOTFOUND, "shard %s is not in Redis", shard->key);
    if (strcmp(status, "token") == 0) return hy_fail(err, HY_EFENCED, "shard %s has another owner", shard->key);
    if (strcmp(status, "position") == 0)
        return hy_fail(err, HY_EMISMATCH, "shard %s stands at another position", shard->key);
    if (strcmp(status, "step") == 0) return hy_fail(err, HY_ERANGE, "shard %s: Redis's clock stepped", shard->key);
    return hy_fail(err, HY_EFORMAT, "shard %s: an answer that is not known: %.40s", shard->key, status);
}

// The next answer. *out is set (and must be freed) also when the function refused.
static int take_answer(struct hy_timers_shard *shard, redisReply **out, size_t least, struct hy_error *err) {
    int rc = hy_redis_reply(shard->redis, out, err);
    if (rc != 0) return rc;
    if ((*out)->type != REDIS_REPLY_ARRAY || (*out)->elements == 0)
        return hy_fail(err, HY_EFORMAT, "shard %s: an answer that is no list", shard->key);
    if (strcmp(text_at(*out, 0), "ok") != 0) return refusal(shard, text_at(*out, 0), err);
    if ((*out)->elements < least)
        return hy_fail(err, HY_EFORMAT, "shard %s: an answer of %zu elements", shard->key, (*out)->elements);
    return 0;
}

static void release(redisReply *reply) {
    if (reply) freeReplyObject(reply);
}

// Functions may be gone (FUNCTION FLUSH, a fresh server behind the same address): loaded once more, tried once more.
static int round_trip(struct hy_timers_shard *shard, const struct call *call, redisReply **out, size_t least,
                      struct hy_error *err) {
    struct hy_error first = {0};
    int rc = send_call(shard, call, &first);
    if (rc == 0 && (rc = take_answer(shard, out, least, &first)) == HY_ENOTFOUND && !*out &&
        (rc = hy_redis_load_library(shard->redis, &first)) == 0 && (rc = send_call(shard, call, &first)) == 0)
        rc = take_answer(shard, out, least, &first);
    if (rc != 0 && err) *err = first;
    return rc;
}

int hy_timers_open(struct hy_timers_shard *shard, bool take_over, struct hy_timers_state *out, struct hy_error *err) {
    struct call call;
    redisReply *reply = NULL;
    // The same new token until an answer came: the question may have arrived, its answer not.
    int rc = shard->next[0] == '\0' && !take_over ? make_token(shard->next) : HY_OK;
    if (rc != HY_OK) return hy_fail(err, rc, "shard %s: no randomness for a token", shard->key);
    begin_as(&call, shard, "hy_timers4_open", take_over ? shard->token : shard->next);
    word(&call, take_over ? "take" : "keep");
    if (!take_over) word(&call, shard->token);
    rc = round_trip(shard, &call, &reply, 7, err);
    if (rc == 0 && hy_timer_names_set(&shard->names, hy_bytes_of(text_at(reply, 6))) != 0)
        rc = hy_fail(err, HY_EFORMAT, "shard %s: its list of clock names is too long", shard->key);
    if (rc == 0 && !take_over) memcpy(shard->token, shard->next, sizeof shard->token);
    if (rc == 0) {
        shard->next[0] = '\0';
        snprintf(out->position.log_id, sizeof out->position.log_id, "%s", text_at(reply, 1));
        shard->offset = out->position.offset = number_at(reply, 2);
        snprintf(out->progress.log_id, sizeof out->progress.log_id, "%s", text_at(reply, 3));
        out->progress.offset = number_at(reply, 4);
        out->next_due_ms = number_at(reply, 5);
    }
    release(reply);
    return rc;
}

int hy_timers_reset(struct hy_timers_shard *shard, bool take_over, const struct hy_fold_position *start,
                    struct hy_error *err) {
    struct call call;
    redisReply *reply = NULL;
    begin(&call, shard, "hy_timers4_reset");
    word(&call, take_over ? "take" : "keep");
    word(&call, start->log_id);
    number(&call, start->offset);
    int rc = round_trip(shard, &call, &reply, 1, err);
    if (rc == 0) {
        shard->offset = start->offset;
        shard->names.text[0] = 0;
    }
    release(reply);
    return rc;
}

int hy_timers_send_write(struct hy_timers_shard *shard, const struct hy_bytes *cases, size_t n, int64_t to_offset,
                         const struct hy_fold_position *progress, struct hy_error *err) {
    struct call call;
    if (n > HY_TIMERS_WRITE_MAX)
        return hy_fail(err, HY_ETOOBIG, "%zu cases in one write, at most %d", n, HY_TIMERS_WRITE_MAX);
    begin(&call, shard, "hy_timers4_write");
    number(&call, shard->offset);
    number(&call, to_offset);
    word(&call, progress ? progress->log_id : "");
    number(&call, progress ? progress->offset : HY_TIMERS_NONE);
    word(&call, shard->names.text);
    for (size_t i = 0; i < n; i++)
        call.words[call.n++] = cases[i];
    return send_call(shard, &call, err);
}

int hy_timers_take_write(struct hy_timers_shard *shard, int64_t to_offset, struct hy_timers_written *out,
                         struct hy_error *err) {
    redisReply *reply = NULL;
    int rc = take_answer(shard, &reply, 4, err);
    if (rc == 0) {
        shard->offset = to_offset;
        out->stale = (uint64_t)number_at(reply, 1);
        out->next_due_ms = number_at(reply, 2);
        out->pending = number_at(reply, 3);
    }
    release(reply);
    return rc;
}

int hy_timers_send_claim(struct hy_timers_shard *shard, const struct hy_timers_claim *claim, struct hy_error *err) {
    struct call call;
    size_t limit = claim->limit < HY_TIMERS_CLAIM_MAX ? claim->limit : HY_TIMERS_CLAIM_MAX;
    begin(&call, shard, "hy_timers4_claim");
    number(&call, shard->offset);
    number(&call, (int64_t)limit);
    number(&call, claim->expected_ms);
    number(&call, claim->slack_ms);
    number(&call, claim->seen_below);
    number(&call, claim->window);
    number(&call, claim->handled_below);
    return send_call(shard, &call, err);
}

static int unpack_fires(const redisReply *list, struct hy_timers_claimed *out, struct hy_error *err) {
    const size_t room = sizeof out->fires / sizeof *out->fires;
    if (list->type != REDIS_REPLY_ARRAY || list->elements > room)
        return hy_fail(err, HY_EFORMAT, "a claim gave %zu fires, at most %zu", list->elements, room);
    for (out->n = 0; out->n < list->elements; out->n++) {
        const redisReply *one = list->element[out->n];
        int rc = hy_timer_fire_unpack(hy_bytes_from(one->str, one->len), &out->fires[out->n], err);
        if (rc != 0) return rc;
    }
    return 0;
}

int hy_timers_take_claim(struct hy_timers_shard *shard, struct hy_timers_claimed *out, struct hy_error *err) {
    redisReply *reply = NULL;
    out->n = out->again = 0;
    int rc = take_answer(shard, &reply, 7, err);
    if (rc == 0 || rc == HY_ERANGE) out->now_ms = number_at(reply, 1);
    if (rc == 0) {
        out->next_due_ms = number_at(reply, 2);
        out->outbox = number_at(reply, 3);
        out->again = (size_t)number_at(reply, 4);
        out->under_way = number_at(reply, 6);
        rc = unpack_fires(reply->element[5], out, err);
    }
    release(reply);
    return rc;
}

int hy_timers_send_confirm(struct hy_timers_shard *shard, const struct hy_bytes *fires, size_t n,
                           struct hy_error *err) {
    struct call call;
    if (n > HY_TIMERS_WRITE_MAX)
        return hy_fail(err, HY_ETOOBIG, "%zu fires in one confirm, at most %d", n, HY_TIMERS_WRITE_MAX);
    begin(&call, shard, "hy_timers4_confirm");
    for (size_t i = 0; i < n; i++)
        call.words[call.n++] = fires[i];
    return send_call(shard, &call, err);
}

int hy_timers_take_confirm(struct hy_timers_shard *shard, size_t *kept, struct hy_error *err) {
    redisReply *reply = NULL;
    int rc = take_answer(shard, &reply, 2, err);
    if (rc == 0) *kept = (size_t)number_at(reply, 1);
    release(reply);
    return rc;
}

int hy_timers_count(struct hy_timers_shard *shard, struct hy_timers_count *out, struct hy_error *err) {
    struct call call;
    redisReply *reply = NULL;
    begin(&call, shard, "hy_timers4_count");
    int rc = round_trip(shard, &call, &reply, 7, err);
    if (rc == 0) {
        snprintf(out->position.log_id, sizeof out->position.log_id, "%s", text_at(reply, 1));
        out->position.offset = number_at(reply, 2);
        out->pending = number_at(reply, 3);
        out->outbox = number_at(reply, 4);
        out->next_due_ms = number_at(reply, 5);
        out->leaves = number_at(reply, 6);
    }
    release(reply);
    return rc;
}
