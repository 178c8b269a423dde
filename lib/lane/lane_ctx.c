// What a handler may call while it handles a record. Everything it writes waits until the call returned 0: state in the
// store's undo list, records in the lane's emit list.
#include <stdlib.h>
#include <string.h>

#include "lib/lane/lane_internal.h"

static struct hy_store *store_of(const struct hy_lane_ctx *ctx) {
    return &ctx->part->store;
}

static int check_key(struct hy_bytes key, struct hy_error *err) {
    if (key.len == 0 || key.data[0] == '!')
        return hy_fail(err, HY_EINVALID, "a key must not be empty or begin with '!'");
    if (key.len > HY_LANE_MAX_KEY)
        return hy_fail(err, HY_EINVALID, "a key of %zu bytes is over the limit of %d", key.len, HY_LANE_MAX_KEY);
    return HY_OK;
}

int hy_lane_get(struct hy_lane_ctx *ctx, struct hy_bytes key, struct hy_bytes *value) {
    const struct hy_map_entry *entry = hy_store_get(store_of(ctx), key);
    if (entry == NULL) return HY_ENOTFOUND;
    *value = hy_map_value(entry);
    return HY_OK;
}

static int check_state(const struct hy_lane_ctx *ctx, struct hy_bytes key, struct hy_error *err) {
    if (ctx->lane->handler->state == NULL)
        return hy_fail(err, HY_EINVALID, "%s has no state topic", ctx->lane->handler->name);
    return check_key(key, err);
}

int hy_lane_put(struct hy_lane_ctx *ctx, struct hy_bytes key, struct hy_bytes value, struct hy_error *err) {
    int rc = check_state(ctx, key, err);
    if (rc != HY_OK) return rc;
    if (value.len == 0) return hy_fail(err, HY_EINVALID, "a state must not be empty; delete it instead");
    if (value.len > HY_LANE_MAX_SNAPSHOT) {
        const struct hy_map_entry *old = hy_store_get(store_of(ctx), key);
        if (old == NULL || value.len > old->value_len)
            return hy_fail(err, HY_ETOOBIG, "a snapshot of %zu bytes is over the limit of %d and may not grow",
                           value.len, HY_LANE_MAX_SNAPSHOT);
    }
    ctx->changed = true;
    rc = hy_store_put(store_of(ctx), key, value);
    return rc == HY_OK ? HY_OK : hy_fail(err, rc, "out of memory");
}

int hy_lane_delete(struct hy_lane_ctx *ctx, struct hy_bytes key, struct hy_error *err) {
    int rc = check_state(ctx, key, err);
    if (rc != HY_OK) return rc;
    ctx->changed = true;
    rc = hy_store_delete(store_of(ctx), key);
    return rc == HY_OK ? HY_OK : hy_fail(err, rc, "out of memory");
}

// ---- records to send ----

static int reserve_emit(struct hy_lane *lane) {
    if (lane->n_emits < lane->cap_emits) return HY_OK;
    size_t cap = lane->cap_emits == 0 ? 64 : lane->cap_emits * 2;
    struct hy_emit *emits = realloc(lane->emits, cap * sizeof *emits);
    if (emits == NULL) return HY_ENOMEM;
    lane->emits = emits;
    lane->cap_emits = cap;
    return HY_OK;
}

int hy_lane_queue_emit(struct hy_lane *lane, rd_kafka_topic_t *topic, int32_t partition, struct hy_bytes key,
                       struct hy_bytes value, bool tombstone) {
    size_t before = lane->emit_bytes.len;
    if (reserve_emit(lane) != HY_OK) return HY_ENOMEM;
    hy_buf_add(&lane->emit_bytes, key.data, key.len);
    hy_buf_add(&lane->emit_bytes, value.data, value.len);
    if (!hy_buf_ok(&lane->emit_bytes)) return HY_ENOMEM;
    lane->emits[lane->n_emits++] = (struct hy_emit){.topic = topic,
                                                    .partition = partition,
                                                    .key_at = before,
                                                    .key_len = key.len,
                                                    .value_at = before + key.len,
                                                    .value_len = value.len,
                                                    .tombstone = tombstone};
    return HY_OK;
}

static int queue(struct hy_lane_ctx *ctx, const char *topic, struct hy_bytes key, struct hy_bytes value, bool tombstone,
                 struct hy_error *err) {
    struct hy_lane *lane = ctx->lane;
    int rc = check_key(key, err);
    if (rc != HY_OK) return rc;
    if (value.len > HY_LANE_MAX_EMIT)
        return hy_fail(err, HY_ETOOBIG, "a record of %zu bytes for %s is over the limit of %d", value.len, topic,
                       HY_LANE_MAX_EMIT);
    rd_kafka_topic_t *handle;
    rc = hy_handles_check(&lane->handles, topic, &handle);
    if (rc == HY_ENOTFOUND)
        return hy_fail(err, rc, "topic %s does not exist; department topics are made when a pack is published", topic);
    if (rc != HY_OK) return hy_fail(err, rc, "topic %s could not be asked for", topic);
    if (hy_lane_queue_emit(lane, handle, RD_KAFKA_PARTITION_UA, key, value, tombstone) != HY_OK)
        return hy_fail(err, HY_ENOMEM, "out of memory");
    ctx->changed = true;
    return HY_OK;
}

int hy_lane_emit(struct hy_lane_ctx *ctx, const char *topic, struct hy_bytes key, struct hy_bytes value,
                 struct hy_error *err) {
    return queue(ctx, topic, key, value, false, err);
}

int hy_lane_erase(struct hy_lane_ctx *ctx, const char *topic, struct hy_bytes key, struct hy_error *err) {
    return queue(ctx, topic, key, (struct hy_bytes){0}, true, err);
}

int hy_lane_dead(struct hy_lane_ctx *ctx, const char *reason, const char *detail, struct hy_error *err) {
    const struct hy_record *record = ctx->record;
    if (record == NULL) return hy_fail(err, HY_EINVALID, "a tick has no record that could be a dead letter");
    ctx->changed = true;
    int rc = hy_lane_queue_dead(ctx->lane, ctx->part, record->offset, record->key, record->value, reason, detail, 1);
    return rc == HY_OK ? HY_OK : hy_fail(err, rc, "out of memory");
}

void hy_lane_mark(struct hy_lane_ctx *ctx) {
    hy_store_keep(store_of(ctx));
    ctx->mark = (struct hy_lane_mark){ctx->changed, ctx->lane->n_emits, ctx->lane->emit_bytes.len};
}

void hy_lane_back(struct hy_lane_ctx *ctx) {
    hy_store_undo(store_of(ctx));
    ctx->changed = ctx->mark.changed;
    ctx->lane->n_emits = ctx->mark.n_emits;
    if (ctx->lane->emit_bytes.len > ctx->mark.emit_bytes) ctx->lane->emit_bytes.len = ctx->mark.emit_bytes;
}

// ---- what a handler may ask ----

int64_t hy_lane_now(const struct hy_lane_ctx *ctx) {
    return ctx->now_ms;
}

int32_t hy_lane_partition(const struct hy_lane_ctx *ctx) {
    return ctx->part->partition;
}

int hy_lane_index(const struct hy_lane_ctx *ctx) {
    return ctx->lane->index;
}

void *hy_lane_user(const struct hy_lane_ctx *ctx) {
    return ctx->lane->handler->user;
}

void *hy_lane_data(const struct hy_lane_ctx *ctx) {
    return ctx->part->data;
}

struct hy_arena *hy_lane_arena(struct hy_lane_ctx *ctx) {
    return ctx->lane->arena;
}

int hy_lane_each(struct hy_lane_ctx *ctx, int (*fn)(void *opaque, struct hy_bytes key, struct hy_bytes value),
                 void *opaque) {
    return hy_store_each(store_of(ctx), fn, opaque);
}

size_t hy_lane_keys(const struct hy_lane_ctx *ctx) {
    return store_of(ctx)->keys;
}
