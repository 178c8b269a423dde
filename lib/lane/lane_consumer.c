// The consumer of a lane: made, given partitions, closed; and what it reports besides records.
#include <string.h>

#include "lib/base/breakage.h"
#include "lib/lane/lane_internal.h"

static int subscribe(struct hy_lane *lane, struct hy_error *err) {
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new((int)lane->owner->n_inputs);
    for (size_t i = 0; i < lane->owner->n_inputs; i++)
        rd_kafka_topic_partition_list_add(topics, lane->owner->inputs[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(lane->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? HY_OK
               : hy_fail(err, hy_kafka_code(code), "subscribing: %s", rd_kafka_err2str(code));
}

int hy_lane_consumer_open(struct hy_lane *lane, struct hy_error *err) {
    struct hy_kafka_setting more[] = {{"group.id", lane->group_id}, {"isolation.level", "read_uncommitted"}};
    rd_kafka_conf_t *conf;
    lane->consumer_state = (struct hy_kafka_state){.owner = lane, .index = lane->index};
    lane->assignment = (struct hy_assignment){0};
    int rc = hy_kafka_conf(&lane->options->kafka, HY_KAFKA_GROUP_CONSUMER, more, HY_BROKEN(lane_reads_aborted) ? 2 : 1,
                           &lane->consumer_state, &conf, err);
    if (rc != HY_OK) return rc;
    rd_kafka_conf_set_rebalance_cb(conf, hy_lane_on_rebalance);
    rc = hy_kafka_new(HY_KAFKA_GROUP_CONSUMER, conf, &lane->consumer, err);
    if (rc != HY_OK) return rc;
    rd_kafka_poll_set_consumer(lane->consumer);
    hy_lane_set_phase(lane, HY_LANE_JOINING);
    return subscribe(lane, err);
}

void hy_lane_consumer_drop(struct hy_lane *lane) {
    if (lane->consumer == NULL) return;
    hy_lane_alive(lane);
    if (lane->group != NULL) rd_kafka_consumer_group_metadata_destroy(lane->group);
    lane->group = NULL;
    rd_kafka_consumer_close(lane->consumer); // serves the revoke; the watchdog bounds it
    rd_kafka_destroy(lane->consumer);
    lane->consumer = NULL;
    hy_lane_alive(lane);
}

static void give(struct hy_lane *lane, rd_kafka_topic_partition_list_t *list) {
    rd_kafka_resp_err_t code = hy_assign(lane->consumer, &lane->assignment, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) HY_WARN("lane.assign", rd_kafka_err2str(code), "lane=%d", lane->index);
}

void hy_lane_assign(struct hy_lane *lane) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)lane->n_parts);
    for (size_t i = 0; i < lane->n_parts; i++) {
        struct hy_part *part = lane->parts[i];
        part->open = part->good;
        part->at_end = false;
        rd_kafka_topic_partition_list_add(list, lane->owner->inputs[part->input], part->partition)->offset =
            part->good.next;
    }
    give(lane, list);
    rd_kafka_topic_partition_list_destroy(list);
}

// An empty list, not NULL: NULL would answer a revoke that was not asked for.
void hy_lane_assign_nothing(struct hy_lane *lane) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    give(lane, list);
    rd_kafka_topic_partition_list_destroy(list);
}

struct hy_part *hy_lane_part(const struct hy_lane *lane, const char *topic, int32_t partition) {
    for (size_t i = 0; i < lane->n_parts; i++) {
        struct hy_part *part = lane->parts[i];
        if (part->partition == partition && strcmp(lane->owner->inputs[part->input], topic) == 0) return part;
    }
    return NULL;
}

static void on_end(struct hy_lane *lane, const rd_kafka_message_t *message) {
    struct hy_part *part = hy_lane_part(lane, rd_kafka_topic_name(message->rkt), message->partition);
    if (part == NULL || message->offset < part->open.next) return;
    part->at_end = true;
    part->open.next = message->offset; // past markers and aborted records: all before it has been handled
}

static void refuse(struct hy_lane *lane, int code, const rd_kafka_message_t *message, const char *what) {
    struct hy_error err;
    hy_fail(&err, code, "%s/%d: %s: %s", message->rkt == NULL ? lane->group_id : rd_kafka_topic_name(message->rkt),
            message->partition, rd_kafka_message_errstr(message), what);
    hy_lane_refuse(lane, &err);
}

void hy_lane_on_event(struct hy_lane *lane, const rd_kafka_message_t *message) {
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        on_end(lane, message);
        return;
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        refuse(lane, HY_ERANGE, message,
               "the lane's position is not in the log any more; see the operator's guide on --from");
        return;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        refuse(lane, HY_EAUTH, message, "give this program the rights in Kafka");
        return;
    default:
        HY_INFO("lane.consumer", rd_kafka_message_errstr(message), "lane=%d code=%s", lane->index,
                rd_kafka_err2name(message->err));
    }
}
