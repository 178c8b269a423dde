// One batch: read, hand to the store, and on a failure take its partitions out until the store says where it stands.
#include <string.h>

#include "lib/base/log.h"
#include "lib/fold/fold_inner.h"

enum { MOST_COMMIT_PARTS = 1024 };

void hy_fold_drop_batch(struct hy_fold *fold) {
    for (size_t i = 0; i < fold->n_batch; i++)
        rd_kafka_message_destroy(fold->batch[i]);
    fold->n_batch = 0;
    fold->batch_bytes = 0;
    for (size_t i = 0; i < fold->parts.n; i++)
        fold->parts.list[i].in_batch = false;
}

static struct hy_fold_part *part_of(struct hy_fold *fold, const rd_kafka_message_t *message) {
    if (!message->rkt) return NULL;
    const char *topic = rd_kafka_topic_name(message->rkt) + fold->prefix_len;
    struct hy_fold_part *part = hy_fold_parts_find(&fold->parts, topic, message->partition);
    return part && part->open ? part : NULL;
}

static void reached_end(struct hy_fold_part *part) {
    part->at_end = true;
    if (!part->in_batch) part->caught_up = part->tell = true;
}

// Errors come as messages; none of them carries data.
static void take_event(struct hy_fold *fold, const rd_kafka_message_t *message) {
    struct hy_fold_part *part = part_of(fold, message);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        if (part) reached_end(part);
        return;
    }
    HY_WARN("fold.kafka", "Kafka reported a problem", "fold=%s partition=%d reason=\"%s\"", fold->options.name,
            (int)message->partition, rd_kafka_message_errstr(message));
    switch (message->err) {
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        fold->n_logs = 0; // the topic may have been made anew: ask for its log id again
        if (part) {
            hy_fold_drop_batch(fold);
            hy_fold_part_shut(part, hy_mono_ms(fold->clock));
            fold->assignment_changed = true;
        }
        break;
    default:
        break;
    }
}

// True when the message became part of the batch.
static bool take_record(struct hy_fold *fold, rd_kafka_message_t *message) {
    struct hy_fold_part *part = part_of(fold, message);
    int64_t expected = !part ? 0 : part->in_batch ? part->next : part->position.offset;
    if (!part || message->offset < expected) return false; // left over from an assignment before this one
    part->in_batch = true;
    part->at_end = false;
    part->next = message->offset + 1;
    fold->batch[fold->n_batch++] = message;
    fold->batch_bytes += message->len + message->key_len;
    return true;
}

void hy_fold_gather(struct hy_fold *fold, int timeout_ms) {
    while (fold->n_batch < fold->options.batch_records && fold->batch_bytes < fold->options.batch_bytes) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(fold->consumer, fold->n_batch ? 0 : timeout_ms);
        if (!message) return;
        bool event = message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
        if (event) take_event(fold, message);
        if (event || !take_record(fold, message)) rd_kafka_message_destroy(message);
        if (fold->assignment_changed) return;
        if (event && fold->n_batch == 0) timeout_ms = 0; // an end was reached: the caller may have waited for it
    }
}

static int hand_record(struct hy_fold *fold, const rd_kafka_message_t *message, struct hy_error *err) {
    rd_kafka_timestamp_type_t type;
    int64_t stamp = rd_kafka_message_timestamp(message, &type);
    struct hy_fold_record record = {
        .topic = rd_kafka_topic_name(message->rkt) + fold->prefix_len,
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : stamp,
        .append_time = type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME,
        .key = hy_bytes_from(message->key, message->key_len),
        .value = hy_bytes_from(message->payload, message->len),
    };
    return fold->sink.record(fold->sink.ctx, &record, err);
}

// The age of what is not folded yet is at most that of the last record that is; the log's time, as the broker has it.
static void note_time(struct hy_fold *fold) {
    for (size_t i = 0; i < fold->n_batch; i++) {
        struct hy_fold_part *part = part_of(fold, fold->batch[i]);
        int64_t stamp = rd_kafka_message_timestamp(fold->batch[i], NULL);
        if (part && stamp > 0) part->last_record_ms = stamp;
    }
}

static int commit_batch(struct hy_fold *fold, struct hy_error *err) {
    struct hy_fold_commit moves[MOST_COMMIT_PARTS];
    size_t n = 0;
    for (size_t i = 0; i < fold->parts.n && n < MOST_COMMIT_PARTS; i++) {
        const struct hy_fold_part *part = &fold->parts.list[i];
        if (part->in_batch)
            moves[n++] = (struct hy_fold_commit){part->topic,           part->partition, part->position.log_id,
                                                 part->position.offset, part->next,      part->at_end};
    }
    return fold->sink.commit(fold->sink.ctx, moves, n, err);
}

static int store_batch(struct hy_fold *fold, struct hy_error *err) {
    const struct hy_fold_sink *sink = &fold->sink;
    int rc = sink->begin ? sink->begin(sink->ctx, err) : 0;
    if (rc != 0) return rc;
    for (size_t i = 0; rc == 0 && i < fold->n_batch; i++)
        rc = hand_record(fold, fold->batch[i], err);
    if (rc == 0) rc = commit_batch(fold, err);
    if (rc != 0 && sink->rollback) sink->rollback(sink->ctx);
    return rc;
}

static void advance(struct hy_fold *fold) {
    for (size_t i = 0; i < fold->parts.n; i++) {
        struct hy_fold_part *part = &fold->parts.list[i];
        if (!part->in_batch) continue;
        part->position.offset = part->next;
        hy_fold_saw(fold, part);
        hy_backoff_reset(&part->backoff);
        if (part->at_end) part->caught_up = part->tell = true;
    }
}

static void shut_batch(struct hy_fold *fold, int rc, const struct hy_error *err) {
    hy_metric_add(fold->metrics.failures, 1);
    HY_ERROR("fold.store", "a batch could not be stored; its partitions are opened again",
             "fold=%s records=%zu code=%s reason=\"%s\"", fold->options.name, fold->n_batch, hy_error_name(rc),
             err->text);
    for (size_t i = 0; i < fold->parts.n; i++)
        if (fold->parts.list[i].in_batch) hy_fold_part_shut(&fold->parts.list[i], hy_mono_ms(fold->clock));
    fold->assignment_changed = true;
}

int hy_fold_hand_over(struct hy_fold *fold) {
    struct hy_error err = {0};
    int folded = 0;
    if (fold->n_batch > 0) {
        int rc = store_batch(fold, &err);
        if (rc == 0) {
            folded = (int)fold->n_batch;
            note_time(fold);
            advance(fold);
            hy_metric_add(fold->metrics.records, folded);
            hy_metric_add(fold->metrics.batches, 1);
        } else {
            shut_batch(fold, rc, &err);
        }
        hy_fold_drop_batch(fold);
    }
    for (size_t i = 0; i < fold->parts.n; i++) {
        struct hy_fold_part *part = &fold->parts.list[i];
        if (part->tell && fold->sink.caught_up) fold->sink.caught_up(fold->sink.ctx, part->topic, part->partition);
        part->tell = false;
    }
    return folded;
}
