#include "producers/replay/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/fault.h"
#include "lib/lane/partitioner.h"
#include "lib/lane/topics.h"

enum { COMMIT_TIMEOUT_MS = 30000, QUEUE_WAIT_MS = 20 };

struct sender {
    struct hy_kafka_options kafka;
    struct hy_kafka_state state;
    rd_kafka_t *producer;
    char group[HY_TOPIC_NAME_SIZE];
    char cursor_topic[HY_TOPIC_NAME_SIZE];
    bool open; // a transaction is
};

static int txn_failed(const char *what, rd_kafka_error_t *error, struct hy_error *err) {
    if (!error) return HY_OK;
    int code = hy_kafka_code(rd_kafka_error_code(error));
    hy_fail(err, code, "%s: %s", what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return code ? code : HY_EINTERNAL;
}

static rd_kafka_topic_partition_list_t *cursor_list(const struct sender *sender, int64_t offset) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, sender->cursor_topic, 0)->offset = offset;
    return list;
}

// Asks the group for the stored row, through a handle that never joins it.
static int read_cursor(struct sender *sender, int timeout_ms, struct sender_cursor *cursor, struct hy_error *err) {
    const struct hy_kafka_setting group = {"group.id", sender->group};
    struct hy_kafka_state state = {0};
    rd_kafka_conf_t *conf = NULL;
    rd_kafka_t *probe = NULL;
    int rc = hy_kafka_conf(&sender->kafka, HY_KAFKA_PROBE, &group, 1, &state, &conf, err);
    if (rc == HY_OK) rc = hy_kafka_new(HY_KAFKA_PROBE, conf, &probe, err);
    if (rc != HY_OK) return rc;
    rd_kafka_topic_partition_list_t *list = cursor_list(sender, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_resp_err_t code = rd_kafka_committed(probe, list, timeout_ms);
    if (!code) code = list->elems[0].err;
    *cursor = (struct sender_cursor){0};
    const rd_kafka_topic_partition_t *stored = &list->elems[0];
    if (!code && stored->offset > 0) cursor->row = stored->offset;
    if (!code && stored->metadata)
        snprintf(cursor->note, sizeof cursor->note, "%.*s", (int)stored->metadata_size, (const char *)stored->metadata);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(probe);
    return code ? hy_fail(err, hy_kafka_code(code), "reading where the last run stopped: %s", rd_kafka_err2str(code))
                : HY_OK;
}

static int open_producer(struct sender *sender, int timeout_ms, struct hy_error *err) {
    const struct hy_kafka_setting id = {"transactional.id", sender->group};
    rd_kafka_conf_t *conf = NULL;
    int rc = hy_kafka_conf(&sender->kafka, HY_KAFKA_TXN_PRODUCER, &id, 1, &sender->state, &conf, err);
    if (rc == HY_OK) rc = hy_kafka_new(HY_KAFKA_TXN_PRODUCER, conf, &sender->producer, err);
    if (rc != HY_OK) return rc;
    return txn_failed("starting transactions", rd_kafka_init_transactions(sender->producer, timeout_ms), err);
}

int sender_open(const struct hy_kafka_options *kafka, const char *job, int timeout_ms, struct sender **out,
                struct sender_cursor *cursor, struct hy_error *err) {
    *out = NULL;
    struct sender *sender = calloc(1, sizeof *sender);
    if (!sender) return hy_fail(err, HY_ENOMEM, "out of memory");
    sender->kafka = *kafka;
    char name[HY_TOPIC_NAME_SIZE];
    snprintf(name, sizeof name, "replay.%s", job);
    hy_topic_full(kafka->prefix, name, sender->group);
    hy_topic_full(kafka->prefix, HY_TOPIC_COMMENTS, sender->cursor_topic);
    int rc = open_producer(sender, timeout_ms, err); // ends what a killed run left open, so that the cursor is settled
    if (rc == HY_OK) rc = read_cursor(sender, timeout_ms, cursor, err);
    if (rc == HY_OK)
        *out = sender;
    else
        sender_close(sender);
    return rc;
}

static int begin(struct sender *sender, struct hy_error *err) {
    if (sender->open) return HY_OK;
    int rc = txn_failed("beginning a transaction", rd_kafka_begin_transaction(sender->producer), err);
    sender->open = rc == HY_OK;
    return rc;
}

int sender_add(struct sender *sender, const char *topic, struct hy_bytes key, struct hy_bytes value,
               struct hy_error *err) {
    int rc = begin(sender, err);
    if (rc != HY_OK) return rc;
    char full[HY_TOPIC_NAME_SIZE];
    hy_topic_full(sender->kafka.prefix, topic, full);
    for (;;) {
        rd_kafka_resp_err_t code =
            rd_kafka_producev(sender->producer, RD_KAFKA_V_TOPIC(full), RD_KAFKA_V_KEY(key.data, key.len),
                              RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.len),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (!code) break;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            return hy_fail(err, hy_kafka_code(code), "%s: %s", full, rd_kafka_err2str(code));
        rd_kafka_poll(sender->producer, QUEUE_WAIT_MS);
    }
    rd_kafka_poll(sender->producer, 0);
    return HY_OK;
}

static int send_cursor(struct sender *sender, const struct sender_cursor *cursor, struct hy_error *err) {
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(sender->group);
    rd_kafka_topic_partition_list_t *list = cursor_list(sender, cursor->row);
    list->elems[0].metadata_size = strlen(cursor->note);
    list->elems[0].metadata = strdup(cursor->note); // freed with the list
    int rc = txn_failed("storing the row",
                        rd_kafka_send_offsets_to_transaction(sender->producer, list, group, COMMIT_TIMEOUT_MS), err);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_group_metadata_destroy(group);
    return rc;
}

int sender_commit(struct sender *sender, const struct sender_cursor *cursor, struct hy_error *err) {
    int rc = begin(sender, err);
    if (rc == HY_OK) rd_kafka_flush(sender->producer, COMMIT_TIMEOUT_MS); // what it could not send, the end refuses
    HY_FAULT_POINT("replay.after_flush");
    if (rc == HY_OK) rc = send_cursor(sender, cursor, err);
    HY_FAULT_POINT("replay.after_send_offsets");
    for (int tries = 0; rc == HY_OK; tries++) {
        rd_kafka_error_t *error = rd_kafka_commit_transaction(sender->producer, COMMIT_TIMEOUT_MS);
        bool again = error && rd_kafka_error_is_retriable(error) && tries < 3;
        rc = again ? HY_OK : txn_failed("committing", error, err);
        if (again)
            rd_kafka_error_destroy(error);
        else
            break;
    }
    sender->open = false;
    return rc;
}

void sender_close(struct sender *sender) {
    if (!sender) return;
    if (sender->producer) {
        if (sender->open) {
            rd_kafka_error_t *error = rd_kafka_abort_transaction(sender->producer, COMMIT_TIMEOUT_MS);
            if (error) rd_kafka_error_destroy(error); // Kafka ends it after its timeout
        }
        rd_kafka_destroy(sender->producer);
    }
    free(sender);
}
