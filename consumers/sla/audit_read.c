// The worker's half of an audit: the raw records of one shard, a slice a turn so that claims go on meanwhile; nothing
// is folded until the shard has been read, so that all of it stands at one position.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/sla/sla.h"
#include "lib/base/log.h"

enum { SLICE = 64, ENTRIES = 128 };

static void give_up(struct sla *sla) {
    sla_audit_shot_clear(&sla->reading.shot);
    sla->reading.active = false;
}

// The next partition that is ours and ready, or -1 when this round is over.
static int next_partition(struct sla *sla, int64_t mono) {
    struct sla_audit_read *reading = &sla->reading;
    if (reading->next == 0 && mono < reading->round_ms) return -1;
    while (reading->next < sla->n_shards) {
        int partition = reading->next++;
        if (sla->shards[partition].open && sla->shards[partition].ready) return partition;
    }
    reading->next = 0;
    reading->round_ms = mono + sla->options->audit_ms;
    return -1;
}

static int read_header(struct sla *sla, struct hy_error *err) {
    struct sla_audit_shot *shot = &sla->reading.shot;
    struct hy_timers_shard *timers = &sla->shards[shot->partition].timers;
    redisReply *reply;
    int rc = hy_redis_call(sla->redis, &reply, err, 6, "HMGET", timers->key, "log", "offset", "n", "names");
    if (rc != 0) return rc;
    bool whole = reply->elements == 4 && reply->element[0]->str && reply->element[1]->str && reply->element[2]->str;
    if (whole) {
        snprintf(shot->position.log_id, sizeof shot->position.log_id, "%s", reply->element[0]->str);
        shot->position.offset = strtoll(reply->element[1]->str, NULL, 10);
        shot->pending = strtoll(reply->element[2]->str, NULL, 10);
        hy_buf_clear(&sla->reading.names);
        if (reply->element[3]->str) hy_buf_add(&sla->reading.names, reply->element[3]->str, reply->element[3]->len);
    }
    freeReplyObject(reply);
    return whole && shot->position.offset == timers->offset ? 0 : HY_ENOTFOUND; // the next claim finds out why
}

static struct sla_audit_entry *add_found(struct sla_audit_shot *shot) {
    if (shot->n == shot->cap) {
        size_t cap = shot->cap ? shot->cap * 2 : 1024;
        struct sla_audit_entry *found = realloc(shot->found, cap * sizeof *found);
        if (!found) return NULL;
        shot->found = found;
        shot->cap = cap;
    }
    struct sla_audit_entry *entry = &shot->found[shot->n++];
    memset(entry, 0, sizeof *entry);
    return entry;
}

static int add_record(struct sla *sla, struct hy_bytes id, struct hy_bytes record) {
    struct sla_audit_shot *shot = &sla->reading.shot;
    struct hy_timer_entry entries[ENTRIES];
    char case_id[HY_TIMER_ID_MAX + 1], name[HY_TIMER_NAME_MAX + 1];
    size_t used, n;
    uint32_t version;
    int64_t due = INT64_MAX; // of what waits
    if (hy_timer_id_unpack(id, case_id, &used) != 0 || used != id.len ||
        hy_timer_record_unpack(record, &version, entries, ENTRIES, &n) != 0) {
        shot->unreadable++;
        return 0;
    }
    struct sla_audit_entry *found = add_found(shot);
    if (!found) return HY_ENOMEM;
    found->key = sla_case_hash(case_id);
    found->n = (uint32_t)n;
    for (size_t i = 0; i < n; i++) {
        if (hy_timer_name(hy_buf_view(&sla->reading.names), entries[i].code, name) != 0)
            shot->unreadable++;
        else
            found->sum += sla_timer_hash(name, entries[i].epoch, entries[i].stage, entries[i].due_ms);
        if (!entries[i].claimed && entries[i].due_ms < due) due = entries[i].due_ms;
        shot->claimed += entries[i].claimed;
    }
    shot->timers += (int64_t)n;
    return due == INT64_MAX ? 0 : sla_hashes_add(&shot->waiting, sla_entry_hash(found->key, due));
}

static int append_read(struct sla *sla, const char *command, const char *key, struct hy_error *err) {
    struct hy_bytes words[] = {hy_bytes_of(command), hy_bytes_of(key)};
    return hy_redis_append(sla->redis, 2, words, err);
}

static int take_bucket(struct sla *sla, struct hy_error *err) {
    redisReply *reply;
    int rc = hy_redis_reply(sla->redis, &reply, err);
    if (rc != 0) return rc;
    for (size_t i = 0; rc == 0 && i + 1 < reply->elements; i += 2)
        rc = add_record(sla, hy_bytes_from(reply->element[i]->str, reply->element[i]->len),
                        hy_bytes_from(reply->element[i + 1]->str, reply->element[i + 1]->len));
    freeReplyObject(reply);
    return rc;
}

static int read_buckets(struct sla *sla, struct hy_error *err) {
    const char *head = sla->shards[sla->reading.shot.partition].timers.key;
    char key[96];
    int rc = 0, sent = 0;
    for (; rc == 0 && sent < SLICE; sent++) {
        snprintf(key, sizeof key, "%s:c:%d", head, sla->reading.bucket + sent);
        rc = append_read(sla, "HGETALL", key, err);
    }
    while (hy_redis_pending(sla->redis) > 0) {
        int one = take_bucket(sla, err);
        rc = rc != 0 ? rc : one;
    }
    sla->reading.bucket += SLICE;
    return rc;
}

// Asks for the sizes of the outbox's two halves, then for the entries of each leaf.
static int ask_index(struct sla *sla, const char *head, const redisReply *leaves, struct hy_error *err) {
    char key[96];
    snprintf(key, sizeof key, "%s:o", head);
    int rc = append_read(sla, "ZCARD", key, err);
    snprintf(key, sizeof key, "%s:u", head);
    if (rc == 0) rc = append_read(sla, "SCARD", key, err);
    for (size_t i = 0; rc == 0 && i < leaves->elements; i += 2) {
        snprintf(key, sizeof key, "%s:d:%s", head, leaves->element[i]->str);
        struct hy_bytes words[] = {hy_bytes_of("ZRANGE"), hy_bytes_of(key), hy_bytes_of("0"), hy_bytes_of("-1"),
                                   hy_bytes_of("WITHSCORES")};
        rc = hy_redis_append(sla->redis, sizeof words / sizeof words[0], words, err);
    }
    return rc;
}

// An entry counts where a claim will look for it: in the leaf with the greatest bound not above its score.
static int add_indexed(struct sla_audit_shot *shot, struct hy_bytes id, int64_t score, int64_t low, int64_t high) {
    char case_id[HY_TIMER_ID_MAX + 1];
    size_t used;
    if (hy_timer_id_unpack(id, case_id, &used) != 0 || used != id.len) {
        shot->unreadable++;
        return 0;
    }
    if (score < low || score >= high) return 0;
    return sla_hashes_add(&shot->indexed, sla_entry_hash(sla_case_hash(case_id), score / HY_TIMER_TIES));
}

static int take_leaf(struct sla *sla, int64_t low, int64_t high, struct hy_error *err) {
    redisReply *reply;
    int rc = hy_redis_reply(sla->redis, &reply, err);
    if (rc != 0) return rc;
    for (size_t i = 0; rc == 0 && i + 1 < reply->elements; i += 2)
        rc = add_indexed(&sla->reading.shot, hy_bytes_from(reply->element[i]->str, reply->element[i]->len),
                         strtoll(reply->element[i + 1]->str, NULL, 10), low, high);
    freeReplyObject(reply);
    return rc;
}

static int take_outbox(struct sla *sla, struct hy_error *err) {
    redisReply *reply;
    int rc = hy_redis_reply(sla->redis, &reply, err);
    if (rc != 0) return rc;
    sla->reading.shot.outbox += reply->integer;
    freeReplyObject(reply);
    return 0;
}

static int64_t bound_at(const redisReply *leaves, size_t i) {
    return i < leaves->elements ? strtoll(leaves->element[i]->str, NULL, 10) : INT64_MAX;
}

// All leaves in one round trip: between two of them nothing may be claimed.
static int read_index(struct sla *sla, struct hy_error *err) {
    const char *head = sla->shards[sla->reading.shot.partition].timers.key;
    redisReply *leaves;
    char key[96];
    snprintf(key, sizeof key, "%s:i", head);
    int rc = hy_redis_call(sla->redis, &leaves, err, 5, "ZRANGE", key, "0", "-1", "WITHSCORES");
    if (rc != 0) return rc;
    rc = ask_index(sla, head, leaves, err);
    for (int half = 0; half < 2 && hy_redis_pending(sla->redis) > 0; half++) {
        int one = take_outbox(sla, err);
        rc = rc != 0 ? rc : one;
    }
    for (size_t i = 0; hy_redis_pending(sla->redis) > 0; i += 2) {
        int one = take_leaf(sla, bound_at(leaves, i + 1), bound_at(leaves, i + 3), err);
        rc = rc != 0 ? rc : one;
    }
    freeReplyObject(leaves);
    return rc;
}

static bool begin(struct sla *sla) {
    struct hy_error err = {0};
    if (sla->options->audit_ms == 0 || !sla->audit || !sla_audit_free(sla->audit)) return false;
    int partition = next_partition(sla, hy_mono_ms(sla->clock));
    if (partition < 0) return false;
    sla->reading.active = true;
    sla->reading.bucket = 0;
    sla->reading.shot.partition = partition;
    sla->reading.given = sla->shards[partition].given;
    if (read_header(sla, &err) == 0) return true;
    give_up(sla);
    return false;
}

bool sla_audit_slice(struct sla *sla) {
    struct hy_error err = {0};
    struct sla_audit_read *reading = &sla->reading;
    if (!reading->active && !begin(sla)) return false;
    const struct sla_shard *shard = &sla->shards[reading->shot.partition];
    int rc = shard->open ? read_buckets(sla, &err) : HY_ELOST;
    if (rc == 0 && reading->bucket >= HY_TIMER_BUCKETS && (rc = read_index(sla, &err)) == 0) {
        // Claims between the slices moved entries to the outbox: those counts are then of different moments.
        reading->shot.disturbed = shard->given != reading->given;
        sla_audit_submit(sla->audit, &reading->shot);
        reading->active = false;
    }
    if (rc != 0) give_up(sla);
    return reading->active;
}
