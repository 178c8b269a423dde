// raw: the canary. Consume, choose one of a few topics by the key, produce the same bytes, commit both with one
// transaction: the least that an exactly-once router does with librdkafka on this machine, without any work of its own.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"

enum { MOST_OUTS = 64, MOST_PARTITIONS = 64, MOST_LANES = 8, BATCH = 1000, CALL_MS = 20000, MOST_COMMITS = 100000 };

struct raw {
    const char *brokers, *in, *out, *group, *codec;
    int64_t outs, max, ms, lanes;
    bool txn;
};

struct lane {
    const struct raw *raw;
    int index;
    pthread_t thread;
    rd_kafka_t *producer, *consumer;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *outs[MOST_OUTS];
    int64_t next[MOST_PARTITIONS]; // -1: nothing in this transaction
    float commits[MOST_COMMITS];   // ms each took
    int n_commits;
    int64_t records; // of the open transaction
    double began;
    bool open;
};

static volatile sig_atomic_t stopping;

static void on_signal(int number) {
    (void)number;
    stopping = 1;
}

// With this callback registered a commit does not wait in 10 ms steps.
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    (void)message;
}

static void must(const char *what, rd_kafka_error_t *error) {
    if (error != NULL) kit_die(what, rd_kafka_error_string(error)); // a canary that fails is no canary
}

static void commit(struct lane *lane) {
    if (!lane->open) return;
    double start = kit_now();
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(MOST_PARTITIONS);
    for (int p = 0; p < MOST_PARTITIONS; p++)
        if (lane->next[p] >= 0) rd_kafka_topic_partition_list_add(list, lane->raw->in, p)->offset = lane->next[p];
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(lane->consumer);
    must("offsets", rd_kafka_send_offsets_to_transaction(lane->producer, list, group, CALL_MS));
    must("commit", rd_kafka_commit_transaction(lane->producer, CALL_MS));
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(list);
    for (int p = 0; p < MOST_PARTITIONS; p++)
        lane->next[p] = -1;
    lane->open = false;
    lane->records = 0;
    if (lane->n_commits < MOST_COMMITS) lane->commits[lane->n_commits++] = (float)((kit_now() - start) * 1000);
}

static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                         void *opaque) {
    struct lane *lane = opaque;
    if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS && lane->raw->txn) commit(lane);
    rd_kafka_assign(rk, code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? list : NULL);
}

static void open_producer(struct lane *lane) {
    const struct raw *raw = lane->raw;
    char settings[512], name[256];
    snprintf(settings, sizeof settings,
             "linger.ms=5;batch.num.messages=10000;retry.backoff.ms=20;queue.buffering.max.messages=1000000;"
             "queue.buffering.max.kbytes=1048576;compression.codec=%s;%s%s-%d",
             raw->codec, raw->txn ? "transactional.id=" : "enable.idempotence=true;client.id=", raw->group,
             lane->index);
    rd_kafka_conf_t *conf = kit_conf(raw->brokers, settings);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    lane->producer = kit_client(RD_KAFKA_PRODUCER, conf);
    for (int i = 0; i < raw->outs; i++) {
        snprintf(name, sizeof name, "%s%d", raw->out, i);
        lane->outs[i] = rd_kafka_topic_new(lane->producer, name, NULL);
    }
    if (raw->txn) must("init", rd_kafka_init_transactions(lane->producer, CALL_MS));
}

static void open_consumer(struct lane *lane) {
    const struct raw *raw = lane->raw;
    char settings[512];
    snprintf(settings, sizeof settings,
             "group.id=%s;enable.auto.commit=%s;auto.commit.interval.ms=%d;auto.offset.reset=earliest;"
             "isolation.level=read_committed;queued.min.messages=1000000;queued.max.messages.kbytes=1048576;"
             "fetch.wait.max.ms=50;check.crcs=false;heartbeat.interval.ms=300",
             raw->group, raw->txn ? "false" : "true", (int)raw->ms);
    rd_kafka_conf_t *conf = kit_conf(raw->brokers, settings);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_opaque(conf, lane);
    lane->consumer = kit_client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(lane->consumer);
    lane->queue = rd_kafka_queue_get_consumer(lane->consumer);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, raw->in, RD_KAFKA_PARTITION_UA);
    if (rd_kafka_subscribe(lane->consumer, topics) != RD_KAFKA_RESP_ERR_NO_ERROR) kit_die(raw->in, "subscribe");
    rd_kafka_topic_partition_list_destroy(topics);
}

static void pass(struct lane *lane, const rd_kafka_message_t *message) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) kit_die(lane->raw->in, rd_kafka_message_errstr(message));
    if (lane->raw->txn && !lane->open) {
        must("begin", rd_kafka_begin_transaction(lane->producer));
        lane->began = kit_now();
    }
    lane->open = true;
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < message->key_len; i++)
        hash = (hash ^ ((const unsigned char *)message->key)[i]) * 16777619U;
    kit_produce(lane->producer, lane->outs[hash % (uint32_t)lane->raw->outs], message->key, message->key_len,
                message->payload, message->len);
    lane->next[message->partition] = message->offset + 1;
    lane->records++;
}

static void turn(struct lane *lane) {
    rd_kafka_message_t *batch[BATCH];
    const struct raw *raw = lane->raw;
    double left = lane->began + (double)raw->ms / 1000 - kit_now();
    if (raw->txn && lane->open && (left <= 0 || lane->records >= raw->max)) {
        commit(lane);
        return;
    }
    int64_t want = raw->txn && raw->max - lane->records < BATCH ? raw->max - lane->records : BATCH;
    // What is queued already; only when nothing is, one message with a short wait: a wait would fill the whole batch.
    ssize_t n = rd_kafka_consume_batch_queue(lane->queue, 0, batch, (size_t)want);
    if (n <= 0) n = rd_kafka_consume_batch_queue(lane->queue, 5, batch, 1);
    for (ssize_t i = 0; i < n; i++) {
        pass(lane, batch[i]);
        rd_kafka_message_destroy(batch[i]);
    }
}

static void *run(void *opaque) {
    struct lane *lane = opaque;
    for (int p = 0; p < MOST_PARTITIONS; p++)
        lane->next[p] = -1;
    open_producer(lane);
    open_consumer(lane);
    while (!stopping)
        turn(lane);
    if (lane->raw->txn)
        commit(lane);
    else
        (void)rd_kafka_flush(lane->producer, CALL_MS);
    rd_kafka_queue_destroy(lane->queue);
    rd_kafka_consumer_close(lane->consumer);
    rd_kafka_destroy(lane->consumer);
    for (int i = 0; i < lane->raw->outs; i++)
        rd_kafka_topic_destroy(lane->outs[i]);
    rd_kafka_destroy(lane->producer);
    return NULL;
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static void say(struct lane *lane) {
    int n = lane->n_commits;
    qsort(lane->commits, (size_t)n, sizeof *lane->commits, compare);
    printf("{\"lane\": %d, \"commits\": %d, \"commit_p50_ms\": %.2f, \"commit_p99_ms\": %.2f}\n", lane->index, n,
           n > 0 ? (double)lane->commits[n / 2] : 0, n > 0 ? (double)lane->commits[n * 99 / 100] : 0);
}

int raw_main(struct kit_options *options) {
    struct raw raw = {.brokers = kit_text(options, "brokers", NULL),
                      .in = kit_text(options, "in", NULL),
                      .out = kit_text(options, "out", NULL),
                      .group = kit_text(options, "group", NULL),
                      .codec = kit_text(options, "codec", "none"),
                      .outs = kit_number(options, "outs", 11),
                      .max = kit_number(options, "max", 10000),
                      .ms = kit_number(options, "ms", 100),
                      .lanes = kit_number(options, "lanes", 1),
                      .txn = kit_number(options, "txn", 1) != 0};
    kit_done(options);
    if (raw.outs < 1 || raw.outs > MOST_OUTS || raw.lanes < 1 || raw.lanes > MOST_LANES)
        kit_die("raw", "out of bounds");
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    struct lane *lanes = calloc((size_t)raw.lanes, sizeof *lanes);
    if (lanes == NULL) kit_die("raw", "out of memory");
    for (int i = 0; i < raw.lanes; i++) {
        lanes[i].raw = &raw;
        lanes[i].index = i;
        if (pthread_create(&lanes[i].thread, NULL, run, &lanes[i]) != 0) kit_die("raw", "no thread");
    }
    for (int i = 0; i < raw.lanes; i++) {
        pthread_join(lanes[i].thread, NULL);
        say(&lanes[i]);
    }
    free(lanes);
    return 0;
}
