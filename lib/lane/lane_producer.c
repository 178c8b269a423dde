// The transactional producer of a lane: made, kept ready, dropped and made anew.
#include <stdio.h>
#include <string.h>

#include "lib/lane/lane_internal.h"

enum { INIT_SLICE_MS = 1000, FULL_WAIT_MS = 5000 };

// Snapshots carry their partition + 1 as opaque, everything else NULL. With this callback registered a commit does not
// wait in 10 ms steps; it also tells where the state topic's log stands behind our own snapshots.
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    struct hy_lane *lane = ((struct hy_kafka_state *)opaque)->owner;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        if (lane->txn.failed++ == 0 && message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE &&
            message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT)
            HY_WARN("lane.delivery", rd_kafka_err2str(message->err), "lane=%d topic=%s partition=%d", lane->index,
                    rd_kafka_topic_name(message->rkt), message->partition);
        return;
    }
    if (message->_private == NULL || message->offset < 0) return;
    struct hy_part *part = hy_lane_part(lane, lane->owner->inputs[0], message->partition);
    if (part != NULL && message->offset + 1 > part->sent_state_end) part->sent_state_end = message->offset + 1;
}

static int make(struct hy_lane *lane, struct hy_error *err) {
    struct hy_kafka_setting more = {"transactional.id", lane->txn_id};
    rd_kafka_conf_t *conf;
    lane->producer_state = (struct hy_kafka_state){.owner = lane, .index = lane->index};
    int rc = hy_kafka_conf(&lane->options->kafka, HY_KAFKA_TXN_PRODUCER, &more, 1, &lane->producer_state, &conf, err);
    if (rc != HY_OK) return rc;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rc = hy_kafka_new(HY_KAFKA_TXN_PRODUCER, conf, &lane->producer, err);
    if (rc != HY_OK) return rc;
    hy_handles_init(&lane->handles, lane->producer, lane->options->kafka.prefix);
    lane->state_topic = lane->handler->state == NULL ? NULL : hy_handles_topic(&lane->handles, lane->handler->state);
    lane->dead_topic = hy_handles_topic(&lane->handles, HY_TOPIC_DEAD);
    return HY_OK;
}

static void warm(struct hy_lane *lane) {
    if (lane->handler->state != NULL) hy_handles_warm(&lane->handles, lane->handler->state);
    for (size_t i = 0; i < HY_LANE_MAX_OUTPUTS && lane->handler->outputs[i] != NULL; i++) {
        hy_lane_alive(lane);
        hy_handles_warm(&lane->handles, lane->handler->outputs[i]);
    }
}

// init_transactions waits for, or aborts, what an earlier holder of the id left open; from here on that one is fenced.
static int init(struct hy_lane *lane, struct hy_error *err) {
    hy_lane_alive(lane);
    rd_kafka_error_t *error = rd_kafka_init_transactions(lane->producer, INIT_SLICE_MS);
    rd_kafka_poll(lane->producer, 0);
    int rc = hy_kafka_refused(&lane->producer_state, err);
    if (error == NULL && rc == HY_OK) return HY_OK;
    if (rc == HY_OK) {
        rc = hy_kafka_code(rd_kafka_error_code(error));
        if (rc != HY_EAUTH) rc = HY_EAGAIN;
        hy_fail(err, rc, "transactional id %s: %s", lane->txn_id, rd_kafka_error_string(error));
        if (!rd_kafka_error_is_retriable(error)) lane->producer_bad = true;
    }
    if (error != NULL) rd_kafka_error_destroy(error);
    return rc;
}

static int learn_dead_partitions(struct hy_lane *lane, struct hy_error *err) {
    char full[HY_TOPIC_NAME_SIZE];
    hy_topic_full(lane->options->kafka.prefix, HY_TOPIC_DEAD, full);
    int rc = hy_kafka_partitions(lane->producer, full, INIT_SLICE_MS, &lane->dead_partitions, err);
    // It was there at the start; a broker that just came back may not know its topics yet.
    return rc == HY_OK || rc == HY_EAUTH ? rc : HY_EAGAIN;
}

int hy_lane_producer_ready(struct hy_lane *lane, struct hy_error *err) {
    if (lane->producer != NULL && (lane->producer_bad || atomic_load(&lane->producer_state.fatal) != 0)) {
        hy_lane_producer_drop(lane);
        hy_metric_add(lane->metrics.recreated, 1);
    }
    if (lane->producer_ready) return HY_OK;
    int rc = lane->producer == NULL ? make(lane, err) : HY_OK;
    if (rc == HY_OK) rc = init(lane, err);
    if (rc == HY_OK) rc = learn_dead_partitions(lane, err);
    if (rc == HY_OK) warm(lane);
    lane->producer_ready = rc == HY_OK;
    return rc;
}

void hy_lane_producer_drop(struct hy_lane *lane) {
    if (lane->producer == NULL) return;
    hy_handles_free(&lane->handles);
    // Destroying throws away what is queued; the transaction is aborted by the next init of its id, or by its timeout.
    rd_kafka_destroy(lane->producer);
    lane->producer = NULL;
    lane->state_topic = lane->dead_topic = NULL;
    lane->producer_ready = lane->producer_bad = false;
    lane->txn = (struct hy_lane_txn){0};
}

static int refuse_record(struct hy_lane *lane, const rd_kafka_topic_t *topic, rd_kafka_resp_err_t code) {
    HY_WARN("lane.produce", rd_kafka_err2str(code), "lane=%d topic=%s", lane->index, rd_kafka_topic_name(topic));
    lane->txn.broken = true;
    return hy_kafka_code(code);
}

int hy_lane_produce(struct hy_lane *lane, rd_kafka_topic_t *topic, int32_t partition, struct hy_bytes key,
                    struct hy_bytes value, bool tombstone, void *opaque) {
    union {
        const void *in;
        void *out;
    } bytes = {tombstone ? NULL : value.data}; // librdkafka copies; its prototype only lacks the const
    int64_t until = 0;
    for (;;) {
        if (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, bytes.out, tombstone ? 0 : value.len, key.data,
                             key.len, opaque) == 0) {
            lane->txn.bytes += (int64_t)(key.len + value.len);
            return HY_OK;
        }
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        int64_t now = hy_lane_mono(lane);
        if (until == 0) until = now + FULL_WAIT_MS;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || now >= until) return refuse_record(lane, topic, code);
        hy_lane_alive(lane);
        rd_kafka_poll(lane->producer, 20);
    }
}
