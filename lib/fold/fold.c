#include "lib/fold/fold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/fold/fold_inner.h"

enum {
    BATCH_RECORDS = 1000,
    BATCH_BYTES = 4 << 20,
    REFRESH_MS = 10000,
    SESSION_MS = 6000,
    MOST_BATCH = 100000,
    GAUGES_MS = 500
};

static int check_options(const struct hy_fold_options *options, const struct hy_fold_sink *sink, struct hy_error *err) {
    if (!options->name || !*options->name) return hy_fail(err, HY_EINVALID, "a fold needs a name");
    if (options->n_topics == 0) return hy_fail(err, HY_EINVALID, "fold %s: no topic is named", options->name);
    if (options->batch_records > MOST_BATCH)
        return hy_fail(err, HY_EINVALID, "fold %s: a batch of %u records, at most %d", options->name,
                       options->batch_records, MOST_BATCH);
    if (!sink->open || !sink->reset || !sink->record || !sink->commit)
        return hy_fail(err, HY_EINVALID, "fold %s: the store lacks open, reset, record or commit", options->name);
    for (size_t i = 0; options->group && i < options->n_topics; i++)
        if (strchr(options->topics[i], '*'))
            return hy_fail(err, HY_EINVALID, "fold %s: %s: a prefix works only without a group", options->name,
                           options->topics[i]);
    return 0;
}

static void register_metrics(struct hy_fold *fold) {
    char name[96], labels[160], why[64];
    struct hy_fold_metrics *m = &fold->metrics;
    hy_metric_label(name, sizeof name, "fold", fold->options.name);
    m->records = hy_metric_get(HY_COUNTER, "huiying_fold_records_total", "Records folded into the store.", name);
    m->batches = hy_metric_get(HY_COUNTER, "huiying_fold_batches_total", "Batches stored.", name);
    m->failures = hy_metric_get(HY_COUNTER, "huiying_fold_failures_total",
                                "Batches or openings that failed and were tried again.", name);
    m->oldest =
        hy_metric_get(HY_GAUGE, "huiying_fold_oldest_unhandled_seconds",
                      "Age of the last folded record of the partition that is furthest behind; 0 = none is.", name);
    m->lag = hy_metric_get(HY_GAUGE, "huiying_fold_lag_records", "Records between the position and the end.", name);
    m->assigned = hy_metric_get(HY_GAUGE, "huiying_fold_partitions_assigned", "Partitions that are ours.", name);
    m->open = hy_metric_get(HY_GAUGE, "huiying_fold_partitions_open", "Partitions that are being folded.", name);
    for (int i = 0; i <= HY_FOLD_RESET_STORE; i++) {
        hy_metric_label(why, sizeof why, "why", hy_fold_reset_name((enum hy_fold_reset)i));
        snprintf(labels, sizeof labels, "%s,%s", name, why);
        m->refolds[i] =
            hy_metric_get(HY_COUNTER, "huiying_fold_refolds_total",
                          "Partitions folded from their start, by reason; \"first\" is a new store.", labels);
    }
}

// Served inside rd_kafka_consumer_poll, on our thread. Partitions begin unassigned: each is opened first.
static void on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                         void *opaque) {
    struct hy_fold *fold = ((struct hy_kafka_state *)opaque)->owner;
    hy_fold_leave_all(fold);
    if (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        (void)hy_assign(consumer, &fold->assignment, NULL);
        return;
    }
    for (int i = 0; i < list->cnt; i++)
        hy_fold_take(fold, list->elems[i].topic + fold->prefix_len, list->elems[i].partition);
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(1);
    (void)hy_assign(consumer, &fold->assignment, none);
    rd_kafka_topic_partition_list_destroy(none);
    HY_INFO("fold.assign", "partitions were assigned", "fold=%s partitions=%d", fold->options.name, list->cnt);
}

static int subscribe(struct hy_fold *fold, struct hy_error *err) {
    char full[HY_TOPIC_NAME_SIZE];
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)fold->options.n_topics);
    for (size_t i = 0; i < fold->options.n_topics; i++)
        rd_kafka_topic_partition_list_add(list, hy_topic_full(fold->options.kafka.prefix, fold->topics[i], full),
                                          RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(fold->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code
               ? hy_fail(err, hy_kafka_code(code), "fold %s: subscribe: %s", fold->options.name, rd_kafka_err2str(code))
               : 0;
}

static void set_queue(struct hy_fold *fold, rd_kafka_queue_t *queue) {
    pthread_mutex_lock(&fold->queue_lock);
    if (fold->queue) rd_kafka_queue_destroy(fold->queue);
    fold->queue = queue;
    pthread_mutex_unlock(&fold->queue_lock);
}

static int open_consumer(struct hy_fold *fold, struct hy_error *err) {
    char group[HY_TOPIC_NAME_SIZE], member[2 * HY_TOPIC_NAME_SIZE], session[16];
    rd_kafka_conf_t *conf;
    const char *who = fold->options.group ? fold->options.group : fold->options.name;
    snprintf(session, sizeof session, "%d", (int)fold->options.session_ms);
    struct hy_kafka_setting more[] = {
        {"group.id", hy_topic_full(fold->options.kafka.prefix, who, group)},
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},
        {"fetch.wait.max.ms", "200"}, // how late it may know that it has caught up; a record ends the wait
        {"session.timeout.ms", session},
        {"group.instance.id", member},
    };
    bool has_name = fold->options.group && fold->options.instance && *fold->options.instance;
    size_t n_more = sizeof more / sizeof *more - (has_name ? 0 : 1);
    if (has_name) snprintf(member, sizeof member, "%s.%s", group, fold->options.instance);
    enum hy_kafka_role role = fold->options.group ? HY_KAFKA_GROUP_CONSUMER : HY_KAFKA_READER;
    memset(&fold->consumer_state, 0, sizeof fold->consumer_state);
    fold->consumer_state.owner = fold;
    fold->assignment = (struct hy_assignment){0};
    int rc = hy_kafka_conf(&fold->options.kafka, role, more, n_more, &fold->consumer_state, &conf, err);
    if (rc != 0) return rc;
    if (fold->options.group) rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rc = hy_kafka_new(role, conf, &fold->consumer, err);
    if (rc != 0) return rc;
    rd_kafka_poll_set_consumer(fold->consumer);
    set_queue(fold, rd_kafka_queue_get_consumer(fold->consumer));
    return fold->options.group ? subscribe(fold, err) : 0;
}

static void close_consumer(struct hy_fold *fold) {
    set_queue(fold, NULL);
    if (!fold->consumer) return;
    hy_fold_drop_batch(fold);
    rd_kafka_consumer_close(fold->consumer);
    hy_fold_leave_all(fold);
    rd_kafka_destroy(fold->consumer);
    fold->consumer = NULL;
}

static int copy_topics(struct hy_fold *fold, struct hy_error *err) {
    size_t n = fold->options.n_topics;
    fold->topics = calloc(n, sizeof *fold->topics);
    for (size_t i = 0; fold->topics && i < n; i++)
        if (!(fold->topics[i] = strdup(fold->options.topics[i])))
            return hy_fail(err, HY_ENOMEM, "no memory for a fold's topics");
    return fold->topics ? 0 : hy_fail(err, HY_ENOMEM, "no memory for a fold's topics");
}

static void set_defaults(struct hy_fold_options *o) {
    o->batch_records = o->batch_records ? o->batch_records : BATCH_RECORDS;
    o->batch_bytes = o->batch_bytes ? o->batch_bytes : BATCH_BYTES;
    o->refresh_ms = o->refresh_ms ? o->refresh_ms : REFRESH_MS;
    o->session_ms = o->session_ms ? o->session_ms : SESSION_MS;
    o->kafka.prefix = o->kafka.prefix ? o->kafka.prefix : "";
}

static int open_probe(struct hy_fold *fold, struct hy_error *err) {
    rd_kafka_conf_t *conf;
    fold->probe_state.owner = fold;
    int rc = hy_kafka_conf(&fold->options.kafka, HY_KAFKA_PROBE, NULL, 0, &fold->probe_state, &conf, err);
    return rc != 0 ? rc : hy_kafka_new(HY_KAFKA_PROBE, conf, &fold->probe, err);
}

int hy_fold_new(const struct hy_fold_options *options, const struct hy_fold_sink *sink, struct hy_fold **out,
                struct hy_error *err) {
    int rc = check_options(options, sink, err);
    if (rc != 0) return rc;
    struct hy_fold *fold = calloc(1, sizeof *fold);
    if (!fold) return hy_fail(err, HY_ENOMEM, "no memory for a fold");
    pthread_mutex_init(&fold->queue_lock, NULL);
    fold->options = *options;
    set_defaults(&fold->options);
    fold->prefix_len = strlen(fold->options.kafka.prefix);
    fold->sink = *sink;
    fold->clock = options->clock ? options->clock : hy_clock_system();
    fold->batch = calloc(fold->options.batch_records, sizeof *fold->batch);
    register_metrics(fold);
    rc = fold->batch ? copy_topics(fold, err) : hy_fail(err, HY_ENOMEM, "no memory for a fold's batch");
    if (rc == 0) rc = open_probe(fold, err);
    if (rc == 0) rc = open_consumer(fold, err);
    if (rc != 0) {
        hy_fold_free(fold);
        return rc;
    }
    *out = fold;
    return 0;
}

void hy_fold_free(struct hy_fold *fold) {
    if (!fold) return;
    close_consumer(fold);
    if (fold->probe) rd_kafka_destroy(fold->probe);
    hy_registry_close(fold->registry);
    for (size_t i = 0; fold->topics && i < fold->options.n_topics; i++)
        free(fold->topics[i]);
    free(fold->topics);
    free(fold->batch);
    free(fold->logs);
    hy_fold_parts_free(&fold->parts);
    hy_fold_parts_free(&fold->seen);
    pthread_mutex_destroy(&fold->queue_lock);
    free(fold);
}

static int check_client(struct hy_fold *fold, struct hy_error *err) {
    char text[256];
    int rc = hy_kafka_refused(&fold->consumer_state, err);
    if (rc != 0) return rc;
    rd_kafka_resp_err_t code = rd_kafka_fatal_error(fold->consumer, text, sizeof text);
    return code ? hy_fail(err, HY_EINTERNAL, "fold %s: Kafka's client failed for good: %s", fold->options.name, text)
                : 0;
}

static int64_t behind(const struct hy_fold *fold, const struct hy_fold_part *part) {
    char full[HY_TOPIC_NAME_SIZE];
    int64_t low, high;
    if (!part->open || part->at_end) return 0;
    hy_topic_full(fold->options.kafka.prefix, part->topic, full);
    rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(fold->consumer, full, part->partition, &low, &high);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR && high > part->position.offset ? high - part->position.offset : 0;
}

// Seconds since the record before the first that is not folded, over the partitions that are behind.
static double oldest_seconds(const struct hy_fold *fold) {
    int64_t wall = hy_wall_ms(fold->clock), oldest = 0;
    for (size_t i = 0; i < fold->parts.n; i++) {
        const struct hy_fold_part *part = &fold->parts.list[i];
        if (part->last_record_ms <= 0 || behind(fold, part) == 0) continue;
        if (wall - part->last_record_ms > oldest) oldest = wall - part->last_record_ms;
    }
    return (double)oldest / 1000;
}

static void update_gauges(struct hy_fold *fold) {
    size_t assigned, open;
    int64_t now = hy_mono_ms(fold->clock);
    if (now < fold->gauges_at_ms) return;
    fold->gauges_at_ms = now + GAUGES_MS;
    hy_fold_counts(fold, &assigned, &open);
    hy_metric_set(fold->metrics.assigned, (double)assigned);
    hy_metric_set(fold->metrics.open, (double)open);
    hy_metric_set(fold->metrics.lag, (double)hy_fold_lag(fold));
    hy_metric_set(fold->metrics.oldest, oldest_seconds(fold));
}

int hy_fold_poll(struct hy_fold *fold, int timeout_ms, struct hy_error *err) {
    int rc = check_client(fold, err);
    if (rc != 0) return rc;
    if (fold->rejoin) {
        fold->rejoin = false;
        close_consumer(fold);
        if ((rc = open_consumer(fold, err)) != 0) return rc;
    }
    hy_fold_refresh(fold);
    hy_fold_check_logs(fold);
    hy_fold_open_waiting(fold);
    hy_fold_reassign(fold);
    hy_fold_gather(fold, timeout_ms);
    int folded = hy_fold_hand_over(fold);
    hy_fold_reassign(fold);
    update_gauges(fold);
    return folded;
}

bool hy_fold_caught_up(const struct hy_fold *fold) {
    for (size_t i = 0; i < fold->parts.n; i++)
        if (!fold->parts.list[i].caught_up) return false;
    return fold->parts.n > 0;
}

void hy_fold_counts(const struct hy_fold *fold, size_t *assigned, size_t *open) {
    *assigned = fold->parts.n;
    *open = 0;
    for (size_t i = 0; i < fold->parts.n; i++)
        *open += fold->parts.list[i].open;
}

int64_t hy_fold_lag(const struct hy_fold *fold) {
    int64_t sum = 0;
    for (size_t i = 0; i < fold->parts.n; i++)
        sum += behind(fold, &fold->parts.list[i]);
    return sum;
}

bool hy_fold_position(const struct hy_fold *fold, const char *topic, int32_t partition, struct hy_fold_position *out) {
    for (size_t i = 0; i < fold->parts.n; i++) {
        const struct hy_fold_part *part = &fold->parts.list[i];
        if (part->open && part->partition == partition && strcmp(part->topic, topic) == 0) {
            *out = part->position;
            return true;
        }
    }
    return false;
}

void hy_fold_refold(struct hy_fold *fold, const char *topic, int32_t partition, bool from_start) {
    struct hy_fold_part *part = hy_fold_parts_find(&fold->parts, topic, partition);
    if (!part) return;
    part->from_start = part->from_start || from_start;
    if (!part->open) return;
    hy_fold_part_shut(part, hy_mono_ms(fold->clock));
    fold->assignment_changed = true;
}

void hy_fold_rejoin(struct hy_fold *fold) {
    fold->rejoin = true;
}

void hy_fold_wake(struct hy_fold *fold) {
    pthread_mutex_lock(&fold->queue_lock);
    if (fold->queue) rd_kafka_queue_yield(fold->queue);
    pthread_mutex_unlock(&fold->queue_lock);
}
