// Handling one record, and the tick: the handler's call, then either all of what it wrote or nothing of it.
#include <string.h>

#include "lib/base/breakage.h"
#include "lib/base/fault.h"
#include "lib/lane/lane_internal.h"

enum { RECORD_MOST = 1024 * 1024 };

// ---- the effects of a call ----

void hy_lane_forget_emits(struct hy_lane *lane) {
    lane->n_emits = 0;
    hy_buf_clear(&lane->emit_bytes);
}

int hy_lane_send_emits(struct hy_lane *lane) {
    int rc = HY_OK;
    const char *bytes = lane->emit_bytes.data;
    for (size_t i = 0; rc == HY_OK && i < lane->n_emits; i++) {
        const struct hy_emit *emit = &lane->emits[i];
        rc = hy_lane_produce(lane, emit->topic, emit->partition, hy_bytes_from(bytes + emit->key_at, emit->key_len),
                             hy_bytes_from(bytes + emit->value_at, emit->value_len), emit->tombstone, NULL);
    }
    hy_lane_forget_emits(lane);
    return rc;
}

static void undo(struct hy_lane *lane, struct hy_part *part) {
    hy_store_undo(&part->store);
    hy_lane_forget_emits(lane);
}

// Everything the call wrote becomes part of the transaction; `before` is what the overlay weighed before the call.
static int keep(struct hy_lane *lane, struct hy_part *part, size_t before) {
    size_t after = part->store.overlay.bytes;
    if (after > before) lane->txn.bytes += (int64_t)(after - before); // sent at the commit, once a key
    hy_store_keep(&part->store);
    part->data_dirty = part->touched = true;
    return hy_lane_send_emits(lane);
}

// ---- time ----

int64_t hy_lane_record_time(const struct hy_lane *lane, const rd_kafka_message_t *message, bool *future) {
    rd_kafka_timestamp_type_t type;
    int64_t stamp = rd_kafka_message_timestamp(message, &type), wall = hy_lane_wall(lane);
    // A producer's clock is not believed beyond ours; the broker's is, unless one of the two is off.
    *future = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME && stamp > wall + HY_LANE_JUMP_MS;
    if (type != RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME && stamp > wall) stamp = wall;
    return stamp < 0 ? 0 : stamp;
}

// ---- one record ----

static void moved_past(struct hy_lane *lane, struct hy_part *part, const rd_kafka_message_t *message, int64_t now_ms) {
    part->open.next = message->offset + 1;
    if (now_ms > part->open.now_ms) part->open.now_ms = now_ms;
    part->touched = true;
    part->at_end = false;
    part->txn_records++;
    lane->txn.records++;
}

static int dead(struct hy_lane *lane, struct hy_part *part, const rd_kafka_message_t *message, const char *reason,
                const char *detail, int64_t now_ms) {
    undo(lane, part);
    uint32_t tries = part->good.begun == message->offset ? part->good.begun_times : 1;
    int rc = hy_lane_queue_dead(lane, part, message->offset, hy_bytes_from(message->key, message->key_len),
                                hy_bytes_from(message->payload, message->len), reason, detail, tries);
    if (HY_BROKEN(dead_letter_dropped)) hy_lane_forget_emits(lane);
    if (rc == HY_OK) rc = hy_lane_send_emits(lane);
    if (rc != HY_OK) {
        lane->txn.broken = true;
        return rc;
    }
    moved_past(lane, part, message, now_ms);
    return HY_OK;
}

int hy_lane_dead_message(struct hy_lane *lane, struct hy_part *part, const rd_kafka_message_t *message,
                         const char *reason, const char *detail) {
    bool future;
    return dead(lane, part, message, reason, detail, hy_lane_record_time(lane, message, &future));
}

static const char *unreadable(const struct hy_lane *lane, const rd_kafka_message_t *message) {
    size_t most = lane->handler->max_record_bytes == 0 ? RECORD_MOST : lane->handler->max_record_bytes;
    if (message->len > most) return "too_large";
    if (message->key_len > HY_LANE_MAX_KEY) return "key_too_long";
    return NULL;
}

static struct hy_record record_of(const struct hy_lane *lane, const struct hy_part *part,
                                  const rd_kafka_message_t *message, int64_t stamp) {
    return (struct hy_record){.topic = lane->handler->inputs[part->input],
                              .input = part->input,
                              .partition = part->partition,
                              .offset = message->offset,
                              .timestamp_ms = stamp,
                              .log_id = lane->owner->log_ids[part->input],
                              .key = hy_bytes_from(message->key, message->key_len),
                              .value = hy_bytes_from(message->payload, message->len),
                              .tombstone = message->payload == NULL};
}

int hy_lane_handle(struct hy_lane *lane, struct hy_part *part, const rd_kafka_message_t *message) {
    bool future;
    int64_t stamp = hy_lane_record_time(lane, message, &future);
    if (future) {
        hy_metric_add(lane->metrics.jumps, 1);
        HY_ERROR("lane.clock", "the broker's clock is ahead of this machine's by more than 5 s: holding",
                 "lane=%d partition=%d", lane->index, part->partition);
        return hy_fail(&lane->waiting, HY_EAGAIN, "the broker's clock is ahead of this machine's by more than 5 s");
    }
    int64_t now = stamp > part->open.now_ms ? stamp : part->open.now_ms;
    const char *reason = unreadable(lane, message);
    if (reason != NULL) return dead(lane, part, message, reason, "refused unread", now);
    struct hy_record record = record_of(lane, part, message, stamp);
    struct hy_error err = {0};
    lane->ctx = (struct hy_lane_ctx){.lane = lane, .part = part, .record = &record, .now_ms = now};
    hy_arena_reset(lane->arena);
    HY_FAULT_POINT("lane.mid_handle");
    size_t before = part->store.overlay.bytes;
    int rc = lane->handler->handle(&lane->ctx, &record, &err);
    if (rc == HY_EAGAIN) {
        undo(lane, part);
        return hy_fail(&lane->waiting, rc, "a record waits: %s",
                       err.text[0] ? err.text : "the program cannot take it yet");
    }
    lane->waiting.code = HY_OK;
    if (lane->txn.records == 0) lane->txn.late = hy_lane_wall(lane) - stamp > HY_LANE_LATE_MS;
    if (rc != HY_OK) return dead(lane, part, message, hy_error_name(rc), err.text, now);
    rc = keep(lane, part, before);
    if (rc != HY_OK) return rc;
    part->last_record_ms = stamp;
    moved_past(lane, part, message, now);
    return HY_OK;
}

// ---- the tick ----

// Not HY_OK: the partition's data must be made anew from its state, or the lane is elsewhere already.
static int tick(struct hy_lane *lane, struct hy_part *part, int64_t wall_ms) {
    int64_t now = wall_ms > part->open.now_ms ? wall_ms : part->open.now_ms;
    struct hy_error err = {0};
    lane->ctx = (struct hy_lane_ctx){.lane = lane, .part = part, .now_ms = now};
    hy_arena_reset(lane->arena);
    size_t before = part->store.overlay.bytes;
    int rc = lane->handler->tick(&lane->ctx, part->partition, now, &err);
    if (rc != HY_OK) {
        hy_lane_back(&lane->ctx);
        part->data_dirty = true; // what the handler keeps beside its state may be ahead of it now
        hy_metric_add(lane->metrics.tick_errors, 1);
        HY_ERROR("lane.tick", err.text, "lane=%d partition=%d code=%s", lane->index, part->partition,
                 hy_error_name(rc));
    }
    if (!lane->ctx.changed) {
        hy_store_keep(&part->store);
        return rc;
    }
    // Its transaction sends the unchanged position again, and so is refused to whoever lost the partition.
    if (hy_lane_begin(lane) != HY_OK) {
        hy_lane_rebarrier(lane);
        return HY_EFENCED;
    }
    if (keep(lane, part, before) != HY_OK) {
        lane->txn.broken = true;
        return HY_EAGAIN;
    }
    part->open.now_ms = now;
    return rc;
}

void hy_lane_tick_all(struct hy_lane *lane) {
    int64_t wall = hy_lane_wall(lane);
    for (size_t i = 0; lane->handler->tick != NULL && i < lane->n_parts; i++) {
        if (hy_lane_is_single(lane->parts[i])) continue; // a crash must mean the record that is begun, not a tick
        int rc = tick(lane, lane->parts[i], wall);
        hy_lane_alive(lane);
        if (lane->phase != HY_LANE_RUNNING || lane->txn.broken) return;
        if (rc == HY_OK) continue;
        if (hy_lane_commit(lane) == HY_LANE_GOOD) hy_lane_rewind(lane);
        return;
    }
}
