// Opening partitions: the store's position is compared with the log before the first record is read.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/fold/fold_inner.h"

enum { ASK_TIMEOUT_MS = 2000, REGISTRY_TIMEOUT_MS = 5000 };

// The registry is opened once and followed: a topic that is made anew is noticed while we fold it.
static int follow_registry(struct hy_fold *fold, struct hy_error *err) {
    int rc = 1;
    if (!fold->registry)
        return hy_registry_open(&fold->options.kafka, NULL, NULL, REGISTRY_TIMEOUT_MS, &fold->registry, err);
    while (rc > 0)
        rc = hy_registry_poll(fold->registry, 0, err);
    return rc;
}

static int ask_log_id(struct hy_fold *fold, const char *topic, char out[HY_LOG_ID_SIZE], struct hy_error *err) {
    char full[HY_TOPIC_NAME_SIZE];
    struct hy_buf id = {0};
    if (fold->options.log_id) return fold->options.log_id(fold->options.log_id_ctx, topic, out, err);
    int rc = follow_registry(fold, err);
    if (rc != 0) return rc;
    rc = hy_registry_get(fold->registry, "log", hy_topic_full(fold->options.kafka.prefix, topic, full), &id, NULL);
    if (rc == 0 && id.len != HY_LOG_ID_SIZE - 1) rc = HY_EFORMAT;
    if (rc == 0)
        memcpy(out, id.data, HY_LOG_ID_SIZE);
    else
        (void)hy_fail(err, rc, "topic %s has no log id in hy.registry: run `hyctl topics create`", full);
    hy_buf_free(&id);
    return rc;
}

static int log_id_of(struct hy_fold *fold, const char *topic, const char **out, struct hy_error *err) {
    for (size_t i = 0; i < fold->n_logs; i++)
        if (strcmp(fold->logs[i].topic, topic) == 0) {
            *out = fold->logs[i].log_id;
            return 0;
        }
    struct hy_fold_log *logs = realloc(fold->logs, (fold->n_logs + 1) * sizeof *logs);
    if (!logs) return hy_fail(err, HY_ENOMEM, "no memory for a log id");
    fold->logs = logs;
    struct hy_fold_log *log = &logs[fold->n_logs];
    int rc = ask_log_id(fold, topic, log->log_id, err);
    if (rc != 0) return rc;
    snprintf(log->topic, sizeof log->topic, "%s", topic);
    fold->n_logs++;
    *out = log->log_id;
    return 0;
}

static void shut_topic(struct hy_fold *fold, const char *topic) {
    HY_WARN("fold.log", "a topic has another log id: it was made anew", "fold=%s topic=%s", fold->options.name, topic);
    for (size_t i = 0; i < fold->parts.n; i++)
        if (fold->parts.list[i].open && strcmp(fold->parts.list[i].topic, topic) == 0) {
            hy_fold_part_shut(&fold->parts.list[i], hy_mono_ms(fold->clock));
            fold->assignment_changed = true;
        }
}

void hy_fold_check_logs(struct hy_fold *fold) {
    int64_t now = hy_mono_ms(fold->clock);
    if (now < fold->logs_at_ms) return;
    fold->logs_at_ms = now + fold->options.refresh_ms;
    for (size_t i = 0; i < fold->n_logs; i++) {
        char log_id[HY_LOG_ID_SIZE];
        struct hy_error err = {0};
        if (ask_log_id(fold, fold->logs[i].topic, log_id, &err) != 0 || strcmp(log_id, fold->logs[i].log_id) == 0)
            continue; // what cannot be asked now is asked again
        shut_topic(fold, fold->logs[i].topic);
        fold->logs[i--] = fold->logs[--fold->n_logs];
    }
}

void hy_fold_saw(struct hy_fold *fold, const struct hy_fold_part *part) {
    struct hy_fold_part *seen = hy_fold_parts_find(&fold->seen, part->topic, part->partition);
    if (!seen) seen = hy_fold_parts_add(&fold->seen, part->topic, part->partition);
    if (seen) seen->position = part->position;
}

// An older copy of the store stands behind what it had confirmed.
static bool older_copy(struct hy_fold *fold, const struct hy_fold_part *part, const struct hy_fold_position *stored) {
    const struct hy_fold_part *seen = hy_fold_parts_find(&fold->seen, part->topic, part->partition);
    return seen && strcmp(seen->position.log_id, stored->log_id) == 0 && stored->offset < seen->position.offset;
}

static int start_over(struct hy_fold *fold, struct hy_fold_part *part, const char *log_id, int64_t low,
                      enum hy_fold_reset why, struct hy_error *err) {
    struct hy_fold_position start = {.offset = low};
    snprintf(start.log_id, sizeof start.log_id, "%s", log_id);
    int rc = fold->sink.reset(fold->sink.ctx, part->topic, part->partition, &start, why, err);
    if (rc != 0) return rc;
    if (why != HY_FOLD_RESET_FIRST)
        HY_WARN("fold.refold", "a partition is folded again from its start", "fold=%s topic=%s partition=%d why=%s",
                fold->options.name, part->topic, (int)part->partition, hy_fold_reset_name(why));
    hy_metric_add(fold->metrics.refolds[why], 1);
    part->from_start = false;
    part->position = start;
    hy_fold_saw(fold, part);
    return 0;
}

static int open_part(struct hy_fold *fold, struct hy_fold_part *part, struct hy_error *err) {
    struct hy_fold_position stored = {.offset = HY_FOLD_NOWHERE};
    const char *log_id = NULL;
    char full[HY_TOPIC_NAME_SIZE];
    int64_t low, high;
    enum hy_fold_reset why = HY_FOLD_RESET_STORE;
    int rc = log_id_of(fold, part->topic, &log_id, err);
    if (rc == 0)
        rc = hy_kafka_watermarks(fold->probe, hy_topic_full(fold->options.kafka.prefix, part->topic, full),
                                 part->partition, ASK_TIMEOUT_MS, &low, &high, err);
    if (rc == 0) rc = fold->sink.open(fold->sink.ctx, part->topic, part->partition, &stored, err);
    if (rc != 0) return rc;
    if (stored.offset >= 0 && (part->from_start || older_copy(fold, part, &stored)))
        return start_over(fold, part, log_id, low, HY_FOLD_RESET_STORE, err);
    switch (hy_fold_judge(&stored, log_id, low, high, part->beyond_seen, &why)) {
    case HY_FOLD_GO_ON:
        part->position = stored;
        return 0;
    case HY_FOLD_LOOK_AGAIN:
        part->beyond_seen++;
        return hy_fail(err, HY_EAGAIN, "the stored position %lld is beyond the end %lld of the log",
                       (long long)stored.offset, (long long)high);
    case HY_FOLD_FROM_START:
    default:
        return start_over(fold, part, log_id, low, why, err);
    }
}

static void opened(struct hy_fold *fold, struct hy_fold_part *part) {
    part->open = true;
    part->caught_up = part->at_end = false;
    part->beyond_seen = 0;
    fold->assignment_changed = true;
    HY_INFO("fold.open", "folding a partition", "fold=%s topic=%s partition=%d offset=%lld log=%s", fold->options.name,
            part->topic, (int)part->partition, (long long)part->position.offset, part->position.log_id);
}

void hy_fold_open_waiting(struct hy_fold *fold) {
    if (fold->assignment_changed) return; // what was shut leaves the assignment before it is opened again
    int64_t now = hy_mono_ms(fold->clock);
    for (size_t i = 0; i < fold->parts.n; i++) {
        struct hy_fold_part *part = &fold->parts.list[i];
        struct hy_error err = {0};
        if (part->open || now < part->retry_at_ms) continue;
        int rc = open_part(fold, part, &err);
        if (rc == 0) {
            opened(fold, part);
            continue;
        }
        hy_fold_part_shut(part, hy_mono_ms(fold->clock));
        hy_metric_add(fold->metrics.failures, 1);
        HY_WARN("fold.open", "a partition cannot be opened yet", "fold=%s topic=%s partition=%d code=%s reason=\"%s\"",
                fold->options.name, part->topic, (int)part->partition, hy_error_name(rc), err.text);
        if (hy_mono_ms(fold->clock) - now > ASK_TIMEOUT_MS / 2)
            return; // something is away: keep polling, or the group throws us out
    }
}

void hy_fold_take(struct hy_fold *fold, const char *topic, int32_t partition) {
    if (!hy_fold_parts_add(&fold->parts, topic, partition)) {
        HY_ERROR("fold.open", "no memory for a partition", "topic=%s partition=%d", topic, (int)partition);
        return;
    }
    if (fold->sink.assigned) fold->sink.assigned(fold->sink.ctx, topic, partition);
}

void hy_fold_leave_all(struct hy_fold *fold) {
    hy_fold_drop_batch(fold);
    for (size_t i = 0; fold->sink.revoked && i < fold->parts.n; i++)
        fold->sink.revoked(fold->sink.ctx, fold->parts.list[i].topic, fold->parts.list[i].partition);
    hy_fold_parts_clear(&fold->parts);
    fold->n_logs = 0;
    fold->assignment_changed = false;
}

static void take_new(struct hy_fold *fold, const struct rd_kafka_metadata *all) {
    for (int t = 0; t < all->topic_cnt; t++) {
        const struct rd_kafka_metadata_topic *topic = &all->topics[t];
        if (topic->err || strncmp(topic->topic, fold->options.kafka.prefix, fold->prefix_len) != 0) continue;
        const char *name = topic->topic + fold->prefix_len;
        if (!hy_fold_wants((const char *const *)fold->topics, fold->options.n_topics, name)) continue;
        for (int p = 0; p < topic->partition_cnt; p++)
            if (!hy_fold_parts_find(&fold->parts, name, topic->partitions[p].id))
                hy_fold_take(fold, name, topic->partitions[p].id);
    }
}

void hy_fold_refresh(struct hy_fold *fold) {
    const struct rd_kafka_metadata *all = NULL;
    int64_t now = hy_mono_ms(fold->clock);
    if (fold->options.group || now < fold->refresh_at_ms) return;
    rd_kafka_resp_err_t code = rd_kafka_metadata(fold->probe, 1, NULL, &all, ASK_TIMEOUT_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        HY_WARN("fold.topics", "the list of topics did not come", "fold=%s reason=\"%s\"", fold->options.name,
                rd_kafka_err2str(code));
        fold->refresh_at_ms = now + ASK_TIMEOUT_MS;
        return;
    }
    take_new(fold, all);
    rd_kafka_metadata_destroy(all);
    fold->refresh_at_ms = now + fold->options.refresh_ms;
}

void hy_fold_reassign(struct hy_fold *fold) {
    char full[HY_TOPIC_NAME_SIZE];
    if (!fold->assignment_changed || hy_assign_wait_ms(&fold->assignment) > 0) return;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)fold->parts.n + 1);
    for (size_t i = 0; i < fold->parts.n; i++) {
        const struct hy_fold_part *part = &fold->parts.list[i];
        if (!part->open) continue;
        hy_topic_full(fold->options.kafka.prefix, part->topic, full);
        rd_kafka_topic_partition_list_add(list, full, part->partition)->offset = part->position.offset;
    }
    rd_kafka_resp_err_t code = hy_assign(fold->consumer, &fold->assignment, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        fold->assignment_changed = false;
    else
        HY_ERROR("fold.assign", "the assignment was refused; it is tried again", "fold=%s reason=\"%s\"",
                 fold->options.name, rd_kafka_err2str(code));
}
