// Begin, commit, abort. The order of every commit: produce, flush until acknowledged, send offsets (which the broker
// refuses to whoever lost the assignment), end. What is known not committed is aborted and done again from the
// known-good positions; what is not known goes through the restore barrier with a new producer.
#include <stdlib.h>
#include <string.h>

#include "lib/base/breakage.h"
#include "lib/base/fault.h"
#include "lib/lane/lane_internal.h"

enum { SLICE_MS = 1000, END_MOST_MS = 10000, ABORT_MOST_MS = 6000, SETTLE_MS = 1000 };

enum stage { DONE, FAILED, LOST, UNKNOWN };

int hy_lane_begin(struct hy_lane *lane) {
    if (lane->txn.open) return HY_OK;
    rd_kafka_error_t *error = rd_kafka_begin_transaction(lane->producer);
    if (error != NULL) {
        HY_WARN("lane.begin", rd_kafka_error_string(error), "lane=%d", lane->index);
        rd_kafka_error_destroy(error);
        lane->producer_bad = true;
        return HY_EFENCED;
    }
    lane->txn = (struct hy_lane_txn){
        .open = true, .began_ms = hy_lane_mono(lane), .disconnects = atomic_load(&lane->producer_state.disconnects)};
    for (size_t i = 0; i < lane->n_parts; i++) {
        lane->parts[i]->sent_state_end = -1;
        lane->parts[i]->txn_records = 0;
    }
    return HY_OK;
}

// ---- produce ----

static void *state_mark(const struct hy_part *part) {
    return (void *)(intptr_t)(part->partition + 1);
}

static int send_progress(struct hy_lane *lane, struct hy_part *part) {
    int rc = hy_progress_pack(&part->open, lane->options->instance, &lane->packed);
    if (rc != HY_OK) return rc;
    return hy_lane_produce(lane, lane->state_topic, part->partition, hy_bytes_of(HY_PROGRESS_KEY),
                           hy_buf_view(&lane->packed), false, state_mark(part));
}

// One snapshot for each key that the transaction changed, then the progress record: one prefix of one log.
static int send_state(struct hy_lane *lane, struct hy_part *part) {
    size_t cursor = 0;
    const struct hy_map_entry *entry;
    int rc = HY_OK;
    if (HY_BROKEN(state_in_memory) && strcmp(lane->handler->name, "sentinel") == 0) return send_progress(lane, part);
    while (rc == HY_OK && (entry = hy_map_next(&part->store.overlay, &cursor)) != NULL)
        rc = hy_lane_produce(lane, lane->state_topic, part->partition, hy_map_key(entry), hy_map_value(entry),
                             entry->deleted, state_mark(part));
    return rc == HY_OK ? send_progress(lane, part) : rc;
}

static enum stage produce(struct hy_lane *lane) {
    for (size_t i = 0; i < lane->n_parts; i++) {
        struct hy_part *part = lane->parts[i];
        if (!part->touched) continue;
        hy_lane_mark_progress(lane, part);
        if (lane->state_topic != NULL && send_state(lane, part) != HY_OK) return FAILED;
    }
    return lane->txn.broken ? FAILED : DONE;
}

// ---- flush, offsets, end ----

static int64_t left_ms(const struct hy_lane *lane) {
    int64_t left = lane->txn.began_ms + HY_LANE_FLUSH_MS - hy_lane_mono(lane);
    return left < 0 ? 0 : left;
}

static enum stage flush(struct hy_lane *lane) {
    rd_kafka_resp_err_t code = rd_kafka_flush(lane->producer, (int)left_ms(lane));
    hy_lane_alive(lane);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && lane->txn.failed == 0) return DONE;
    HY_WARN("lane.flush", code == RD_KAFKA_RESP_ERR_NO_ERROR ? "records were not delivered" : rd_kafka_err2str(code),
            "lane=%d failed=%lld", lane->index, (long long)lane->txn.failed);
    return FAILED;
}

static void add_offset(struct hy_lane *lane, const struct hy_part *part, rd_kafka_topic_partition_list_t *list) {
    rd_kafka_topic_partition_t *row =
        rd_kafka_topic_partition_list_add(list, lane->owner->inputs[part->input], part->partition);
    row->offset = part->open.next;
    if (lane->state_topic != NULL) return;
    char text[HY_PROGRESS_TEXT];
    hy_progress_format(&part->open, text);
    row->metadata = strdup(text); // freed with the list
    row->metadata_size = row->metadata == NULL ? 0 : strlen(text);
}

static enum stage stage_of(struct hy_lane *lane, rd_kafka_error_t *error, const char *what) {
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    HY_WARN("lane.commit", rd_kafka_error_string(error), "lane=%d step=%s code=%s", lane->index, what,
            rd_kafka_err2name(code));
    if (rd_kafka_error_is_fatal(error)) lane->producer_bad = true;
    rd_kafka_error_destroy(error);
    return hy_kafka_code(code) == HY_ELOST ? LOST : FAILED;
}

static enum stage send_offsets(struct hy_lane *lane) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)lane->n_parts);
    for (size_t i = 0; i < lane->n_parts; i++)
        if (lane->parts[i]->touched) add_offset(lane, lane->parts[i], list);
    rd_kafka_consumer_group_metadata_t *group =
        HY_BROKEN(metadata_at_commit) ? rd_kafka_consumer_group_metadata(lane->consumer) : lane->group;
    rd_kafka_error_t *error;
    for (;;) {
        hy_lane_alive(lane);
        error = rd_kafka_send_offsets_to_transaction(lane->producer, list, group, SLICE_MS);
        if (error == NULL || !rd_kafka_error_is_retriable(error) || left_ms(lane) == 0) break;
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (HY_BROKEN(metadata_at_commit)) rd_kafka_consumer_group_metadata_destroy(group);
    return error == NULL ? DONE : stage_of(lane, error, "send_offsets");
}

// From here on only success is a result: an error may hide a commit that the broker carried out.
static enum stage end(struct hy_lane *lane) {
    int64_t until = hy_lane_mono(lane) + END_MOST_MS;
    for (;;) {
        hy_lane_alive(lane);
        rd_kafka_error_t *error = rd_kafka_commit_transaction(lane->producer, SLICE_MS);
        if (error == NULL) return DONE;
        if (rd_kafka_error_is_retriable(error) && hy_lane_mono(lane) < until) {
            rd_kafka_error_destroy(error);
            continue;
        }
        (void)stage_of(lane, error, "end");
        return UNKNOWN;
    }
}

// The named points are passed only with records in the transaction, so that a fault there always hits work in hand.
#define POINT(name)                                                                                                    \
    if (records) HY_FAULT_POINT(name)

static enum stage run(struct hy_lane *lane) {
    bool records = lane->txn.records > 0;
    enum stage stage = produce(lane);
    POINT("lane.before_flush");
    if (stage == DONE) stage = flush(lane);
    POINT("lane.after_flush");
    if (stage == DONE) stage = send_offsets(lane);
    POINT("lane.after_send_offsets");
    if (stage == DONE) stage = end(lane);
    POINT("lane.after_end");
    if (!records) HY_FAULT_POINT("lane.after_start");
    return stage;
}

// ---- what comes of it ----

static void part_good(struct hy_lane *lane, struct hy_part *part) {
    // A base half merged would be worse than a restart, which restores it from the log.
    if (hy_store_commit(&part->store) != HY_OK) abort();
    hy_lane_note_commit(lane, part);
    part->good = part->open;
    if (part->sent_state_end > part->state_position) part->state_position = part->sent_state_end;
    part->touched = part->data_dirty = false;
    part->txn_records = 0;
}

// Whether the producer may be used again: a slow commit or a lost connection can leave a request of this transaction on
// its way, which would hit the next one (KAFKA-17754). A new producer has a new epoch.
static void judge_producer(struct hy_lane *lane, int64_t since_ms) {
    rd_kafka_poll(lane->producer, 0);
    bool slow = hy_lane_mono(lane) - since_ms > HY_LANE_SLOW_MS;
    bool cut = atomic_load(&lane->producer_state.disconnects) != lane->txn.disconnects;
    if (slow || cut) lane->producer_bad = true;
}

static void committed(struct hy_lane *lane, int64_t since_ms) {
    hy_metric_add(lane->metrics.commits, 1);
    hy_metric_add(lane->metrics.records, (double)lane->txn.records);
    int64_t took_ms = hy_lane_mono(lane) - since_ms;
    hy_metric_observe(lane->metrics.commit_seconds, (double)took_ms / 1000);
    lane->commit_took_ms = (3 * lane->commit_took_ms + took_ms) / 4;
    judge_producer(lane, since_ms);
    for (size_t i = 0; i < lane->n_parts; i++)
        if (lane->parts[i]->touched) part_good(lane, lane->parts[i]);
    lane->txn = (struct hy_lane_txn){0};
    hy_backoff_reset(&lane->failures);
    hy_lane_trouble(lane, NULL);
}

void hy_lane_drop_overlay(struct hy_part *part) {
    if (HY_BROKEN(overlay_kept))
        hy_store_keep(&part->store);
    else
        hy_store_abort(&part->store);
}

static void drop_overlays(struct hy_lane *lane) {
    for (size_t i = 0; i < lane->n_parts; i++) {
        struct hy_part *part = lane->parts[i];
        hy_lane_drop_overlay(part);
        part->open = part->good;
        part->touched = false;
        part->txn_records = 0;
        part->at_end = false;
    }
    hy_lane_forget_emits(lane);
}

bool hy_lane_abort(struct hy_lane *lane) {
    drop_overlays(lane);
    if (!lane->txn.open) return true;
    hy_metric_add(lane->metrics.aborts, 1);
    int64_t since = hy_lane_mono(lane);
    bool fatal = lane->producer_bad || atomic_load(&lane->producer_state.fatal) != 0;
    // Requests on their way are let through first: one that arrives after the abort could hit the next owner's.
    if (!fatal) (void)rd_kafka_flush(lane->producer, SETTLE_MS);
    rd_kafka_error_t *error = NULL;
    while (!fatal) {
        hy_lane_alive(lane);
        error = rd_kafka_abort_transaction(lane->producer, SLICE_MS);
        if (error == NULL || !rd_kafka_error_is_retriable(error) || hy_lane_mono(lane) - since > ABORT_MOST_MS) break;
        rd_kafka_error_destroy(error);
    }
    if (error == NULL && !fatal) {
        // Not used again: when an abort ends by a new epoch, librdkafka reports it done with its EndTxn still on its
        // way, and the answer to that ends the process if it comes while the next transaction commits.
        lane->producer_bad = true;
        lane->txn = (struct hy_lane_txn){0};
        return true;
    }
    HY_WARN("lane.abort", error == NULL ? "the producer had failed for good" : rd_kafka_error_string(error), "lane=%d",
            lane->index);
    if (error != NULL) rd_kafka_error_destroy(error);
    hy_lane_producer_drop(lane);
    return false;
}

void hy_lane_rebarrier(struct hy_lane *lane) {
    drop_overlays(lane);
    hy_lane_assign_nothing(lane);
    hy_lane_restore_start(lane, false);
}

void hy_lane_rewind(struct hy_lane *lane) {
    struct hy_error err;
    for (size_t i = 0; i < lane->n_parts; i++) {
        struct hy_part *part = lane->parts[i];
        if (!part->data_dirty) continue;
        hy_lane_close_data(lane, part);
        int rc = hy_lane_load_data(lane, part, &err);
        if (rc == HY_EAGAIN) {
            hy_lane_rebarrier(lane); // which waits for what it needs
            return;
        }
        if (rc != HY_OK) {
            hy_lane_refuse(lane, &err);
            return;
        }
    }
    if (HY_BROKEN(rewind_forgotten)) return;
    // Failures in a row wait longer and longer: a broker in trouble is not helped by haste.
    hy_lane_assign_nothing(lane);
    lane->resume_ms = hy_lane_mono(lane) + hy_backoff_next(&lane->failures);
    hy_lane_set_phase(lane, HY_LANE_HOLDING);
}

static enum hy_lane_verdict failed(struct hy_lane *lane, enum stage stage) {
    struct hy_error err = {0};
    if (stage == UNKNOWN) {
        hy_metric_add(lane->metrics.unknown, 1);
        hy_fail(&err, HY_EUNKNOWN, "the result of a commit is not known: through the restore barrier again");
        hy_lane_trouble(lane, &err);
        hy_lane_producer_drop(lane);
        hy_lane_rebarrier(lane);
        return HY_LANE_ELSEWHERE;
    }
    hy_fail(&err, HY_EAGAIN, "a transaction was aborted and is done again");
    hy_lane_trouble(lane, &err);
    bool known = hy_lane_abort(lane);
    if (stage == LOST) {
        hy_lane_lost(lane, "the broker refused the offsets of a transaction");
        return HY_LANE_ELSEWHERE;
    }
    if (!known) {
        hy_lane_rebarrier(lane);
        return HY_LANE_ELSEWHERE;
    }
    hy_lane_rewind(lane);
    return HY_LANE_AGAIN;
}

enum hy_lane_verdict hy_lane_commit(struct hy_lane *lane) {
    if (!lane->txn.open) return HY_LANE_GOOD;
    int64_t since = hy_lane_mono(lane);
    enum stage stage = run(lane);
    if (HY_BROKEN(unknown_is_success) && stage == UNKNOWN)
        lane->producer_bad = true;
    else if (stage != DONE)
        return failed(lane, stage);
    committed(lane, since);
    return HY_LANE_GOOD;
}
