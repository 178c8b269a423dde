// bench_router_plain BROKERS PREFIX PACK GROUP: the router's own handler on two threads with the lane's own client
// settings, but without transactions: idempotent sends, offsets committed each 100 ms beside them. What it lacks is
// what exactly-once costs. Runs until SIGTERM. It is no product: what it has sent twice or lost is nobody's concern.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/router/router.h"
#include "lib/lane/partitioner.h"
#include "lib/lane/topics.h"
#include "plain_ctx.h"

enum { LANES = 2, BATCH = 1000, TIMEOUT_MS = 60000, COMMIT_MS = 100, ARENA = 64 << 20 };

struct lane {
    struct hy_lane_ctx ctx;
    const struct hy_kafka_options *kafka;
    const char *group;
    pthread_t thread;
    struct hy_kafka_state producer_state, consumer_state;
    rd_kafka_t *consumer;
};

static volatile sig_atomic_t stopping;

static void on_signal(int number) {
    (void)number;
    stopping = 1;
}

static void need(int rc, const struct hy_error *err) {
    if (rc == HY_OK) return;
    fprintf(stderr, "bench_router_plain: %s\n", err->text);
    exit(1);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    fprintf(stderr, "bench_router_plain: %s\n", rd_kafka_err2str(message->err));
    exit(1);
}

static void open_producer(struct lane *lane) {
    struct hy_kafka_setting more = {"enable.idempotence", "true"}; // the lane's role, but no transactional.id
    struct hy_error err = {0};
    rd_kafka_conf_t *conf;
    need(hy_kafka_conf(lane->kafka, HY_KAFKA_TXN_PRODUCER, &more, 1, &lane->producer_state, &conf, &err), &err);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    need(hy_kafka_new(HY_KAFKA_TXN_PRODUCER, conf, &lane->ctx.producer, &err), &err);
    hy_handles_init(&lane->ctx.handles, lane->ctx.producer, lane->kafka->prefix);
    for (int i = 0; lane->ctx.handler->outputs[i] != NULL; i++)
        hy_handles_warm(&lane->ctx.handles, lane->ctx.handler->outputs[i]);
}

// What was done is kept before a partition moves, else the other lane would do it again and be blamed for it.
static void on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                         void *opaque) {
    (void)opaque;
    if (code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) (void)rd_kafka_commit(rk, NULL, false); // none stored is no error
    rd_kafka_assign(rk, code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? list : NULL);
}

static void open_consumer(struct lane *lane) {
    struct hy_kafka_setting more[] = {
        {"group.id", lane->group}, {"auto.offset.reset", "earliest"}, {"enable.partition.eof", "false"}};
    struct hy_error err = {0};
    rd_kafka_conf_t *conf;
    need(hy_kafka_conf(lane->kafka, HY_KAFKA_GROUP_CONSUMER, more, 3, &lane->consumer_state, &conf, &err), &err);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    need(hy_kafka_new(HY_KAFKA_GROUP_CONSUMER, conf, &lane->consumer, &err), &err);
    rd_kafka_poll_set_consumer(lane->consumer);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(HY_LANE_MAX_INPUTS);
    for (int i = 0; i < HY_LANE_MAX_INPUTS && lane->ctx.handler->inputs[i] != NULL; i++) {
        char full[HY_TOPIC_NAME_SIZE];
        hy_topic_full(lane->kafka->prefix, lane->ctx.handler->inputs[i], full);
        rd_kafka_topic_partition_list_add(topics, full, RD_KAFKA_PARTITION_UA);
    }
    rd_kafka_subscribe(lane->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
}

static void handle(struct lane *lane, rd_kafka_message_t *message) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "bench_router_plain: %s\n", rd_kafka_message_errstr(message));
        exit(1);
    }
    struct hy_record record = {.topic = rd_kafka_topic_name(message->rkt) + strlen(lane->kafka->prefix),
                               .partition = message->partition,
                               .offset = message->offset,
                               .timestamp_ms = rd_kafka_message_timestamp(message, NULL),
                               .log_id = "01JBENCH0000000000000000",
                               .key = hy_bytes_from(message->key, message->key_len),
                               .value = hy_bytes_from(message->payload, message->len)};
    struct hy_error err = {0};
    lane->ctx.partition = record.partition;
    lane->ctx.now_ms = record.timestamp_ms;
    hy_arena_reset(lane->ctx.arena);
    need(lane->ctx.handler->handle(&lane->ctx, &record, &err), &err);
    rd_kafka_offset_store(message->rkt, message->partition, message->offset);
}

static void *run(void *opaque) {
    struct lane *lane = opaque;
    open_producer(lane);
    open_consumer(lane);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(lane->consumer);
    const struct hy_clock *clock = hy_clock_system();
    int64_t committed = hy_mono_ns(clock);
    while (!stopping) {
        rd_kafka_message_t *batch[BATCH];
        ssize_t n = rd_kafka_consume_batch_queue(queue, 0, batch, BATCH);
        if (n <= 0) n = rd_kafka_consume_batch_queue(queue, 5, batch, 1);
        for (ssize_t i = 0; i < n; i++) {
            handle(lane, batch[i]);
            rd_kafka_message_destroy(batch[i]);
        }
        rd_kafka_poll(lane->ctx.producer, 0);
        if (hy_mono_ns(clock) - committed < (int64_t)COMMIT_MS * 1000000) continue;
        committed = hy_mono_ns(clock);
        (void)rd_kafka_commit(lane->consumer, NULL, true); // nothing stored yet is no error here
    }
    (void)rd_kafka_flush(lane->ctx.producer, TIMEOUT_MS);
    (void)rd_kafka_commit(lane->consumer, NULL, false);
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(lane->consumer);
    rd_kafka_destroy(lane->consumer);
    hy_handles_free(&lane->ctx.handles);
    rd_kafka_destroy(lane->ctx.producer);
    hy_arena_free(lane->ctx.arena);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: bench_router_plain BROKERS PREFIX PACK GROUP\n");
        return 2;
    }
    struct hy_kafka_options kafka = {.brokers = argv[1], .prefix = argv[2], .client_id = "bench"};
    struct hy_error err = {0};
    struct hy_packs *packs;
    static struct lane lanes[LANES];
    signal(SIGTERM, on_signal);
    need(hy_packs_open(&kafka, argv[3], TIMEOUT_MS, &packs, &err), &err);
    struct router *router = router_new(packs, LANES);
    if (router == NULL) return 1;
    struct hy_lane_handler handler = router_handler(router);
    for (int i = 0; i < LANES; i++) {
        lanes[i].kafka = &kafka;
        lanes[i].group = argv[4];
        lanes[i].ctx.handler = &handler;
        lanes[i].ctx.index = i;
        lanes[i].ctx.arena = hy_arena_new(ARENA);
        if (lanes[i].ctx.arena == NULL || pthread_create(&lanes[i].thread, NULL, run, &lanes[i]) != 0) return 1;
    }
    for (int i = 0; i < LANES; i++)
        pthread_join(lanes[i].thread, NULL);
    router_free(router);
    hy_packs_close(packs);
    return 0;
}
