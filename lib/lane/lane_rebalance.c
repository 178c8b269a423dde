// Assignment and revoke, served inside consumer_poll on the lane's thread; and the parking of state that moves away.
#include <stdlib.h>
#include <string.h>

#include "lib/lane/lane_internal.h"

// ---- group metadata ----

// Generation of the serialised form: "CGMDv2:", generation (4 bytes), group NUL, member NUL, … -1: none, or no member.
// A form that a later librdkafka may bring is believed if the consumer has a member id.
static int32_t read_generation(struct hy_lane *lane, const char *bytes, size_t len) {
    static const char MAGIC[] = "CGMDv2:";
    size_t head = sizeof MAGIC - 1, id = strlen(lane->group_id) + 1;
    int32_t generation = -1;
    if (len <= head + sizeof generation + id || memcmp(bytes, MAGIC, head) != 0) {
        char *member = rd_kafka_memberid(lane->consumer);
        generation = member != NULL && *member != '\0' ? 0 : -1;
        rd_kafka_mem_free(lane->consumer, member);
        return generation;
    }
    memcpy(&generation, bytes + head, sizeof generation);
    return bytes[head + sizeof generation + id] == '\0' ? -1 : generation;
}

// The generation of a group metadata, or -1: a consumer that was thrown out while its assignment waited to be served
// has a metadata without member or generation, and Kafka accepts offsets under that from anybody. librdkafka has no
// getter.
static int32_t generation_of(struct hy_lane *lane) {
    void *bytes = NULL;
    size_t len = 0;
    rd_kafka_error_t *error =
        lane->group == NULL ? NULL : rd_kafka_consumer_group_metadata_write(lane->group, &bytes, &len);
    if (error != NULL) rd_kafka_error_destroy(error);
    int32_t generation = bytes == NULL ? -1 : read_generation(lane, bytes, len);
    rd_kafka_mem_free(NULL, bytes);
    return generation;
}

// Taken once, here, when the assignment is served: fetched at a commit it could be a later generation's, under which an
// assignment that is another's by now would pass for ours.
static bool take_group(struct hy_lane *lane) {
    if (lane->group != NULL) rd_kafka_consumer_group_metadata_destroy(lane->group);
    lane->group = rd_kafka_consumer_group_metadata(lane->consumer);
    int32_t generation = generation_of(lane);
    if (generation < 0) {
        HY_WARN("lane.assign", "the assignment was lost before it could be served", "lane=%d", lane->index);
        return false;
    }
    HY_INFO("lane.assign", "partitions assigned", "lane=%d generation=%d partitions=%zu", lane->index, generation,
            lane->n_parts);
    return true;
}

// ---- parking ----

static void free_part(struct hy_lane *lane, struct hy_part *part) {
    hy_lane_close_data(lane, part);
    hy_store_free(&part->store);
    free(part);
}

static size_t weight(const struct hy_store *store) {
    return store->base.bytes + store->base.cap * sizeof(void *);
}

// Keeps a part's known-good state. Its position is behind the last snapshot of it, so that a fold from there misses
// nothing.
static void park(struct hy_lane *lane, struct hy_part *part) {
    struct hy_parked *parked =
        lane->handler->state == NULL || part->state_position <= 0 ? NULL : malloc(sizeof *parked);
    if (parked == NULL) return;
    hy_lane_drop_overlay(part);
    hy_lane_keep_progress(lane, part);
    *parked = (struct hy_parked){.partition = part->partition,
                                 .store = part->store,
                                 .state_position = part->state_position,
                                 .since_ms = hy_lane_mono(lane),
                                 .next = lane->parked};
    part->store = (struct hy_store){0};
    lane->parked = parked;
}

void hy_lane_park_all(struct hy_lane *lane) {
    for (size_t i = 0; i < lane->n_parts; i++) {
        park(lane, lane->parts[i]);
        free_part(lane, lane->parts[i]);
    }
    free(lane->parts);
    lane->parts = NULL;
    lane->n_parts = 0;
    hy_lane_free_parked(lane, lane->options->park_ms, (size_t)lane->options->park_bytes);
}

void hy_lane_free_parked(struct hy_lane *lane, int64_t older_than_ms, size_t most_bytes) {
    int64_t now = hy_lane_mono(lane);
    size_t bytes = 0;
    struct hy_parked **at = &lane->parked; // newest first: what exceeds the bound is the oldest
    while (*at != NULL) {
        struct hy_parked *parked = *at;
        size_t more = weight(&parked->store);
        if (now - parked->since_ms <= older_than_ms && bytes + more <= most_bytes) {
            bytes += more;
            at = &parked->next;
            continue;
        }
        *at = parked->next;
        hy_store_free(&parked->store);
        free(parked);
    }
    hy_metric_set(lane->metrics.parked, (double)bytes);
}

static void unpark(struct hy_lane *lane, struct hy_part *part) {
    for (struct hy_parked **at = &lane->parked; *at != NULL; at = &(*at)->next) {
        struct hy_parked *parked = *at;
        if (parked->partition != part->partition) continue;
        *at = parked->next;
        part->store = parked->store;
        part->state_position = parked->state_position;
        free(parked);
        return;
    }
}

// ---- callbacks ----

static int input_of(const struct hy_lane *lane, const char *topic) {
    for (size_t i = 0; i < lane->owner->n_inputs; i++)
        if (strcmp(lane->owner->inputs[i], topic) == 0) return (int)i;
    return -1;
}

static void take_parts(struct hy_lane *lane, const rd_kafka_topic_partition_list_t *list) {
    lane->parts = calloc((size_t)list->cnt + 1, sizeof *lane->parts);
    if (lane->parts == NULL) abort();
    for (int i = 0; i < list->cnt; i++) {
        struct hy_part *part = calloc(1, sizeof *part);
        if (part == NULL) abort(); // the supervisor starts us again with more luck; nothing is lost
        part->input = input_of(lane, list->elems[i].topic);
        part->partition = list->elems[i].partition;
        part->good = part->open = hy_progress_none();
        part->sent_state_end = part->group_offset = -1;
        if (part->input < 0) {
            free(part);
            continue;
        }
        unpark(lane, part);
        lane->parts[lane->n_parts++] = part;
    }
}

static void on_assigned(struct hy_lane *lane, const rd_kafka_topic_partition_list_t *list) {
    hy_lane_restore_end(lane);
    hy_lane_park_all(lane);
    take_parts(lane, list);
    bool valid = take_group(lane);
    hy_lane_assign_nothing(lane); // stays in the group; records come only behind the barrier
    if (!valid) {
        hy_lane_lost(lane, "the assignment was lost before it was served");
    } else if (lane->n_parts == 0) {
        hy_lane_set_phase(lane, HY_LANE_SPARE);
    } else {
        hy_lane_restore_start(lane, true);
    }
}

static void on_revoked(struct hy_lane *lane) {
    HY_INFO("lane.revoke", "partitions revoked", "lane=%d partitions=%zu", lane->index, lane->n_parts);
    hy_lane_restore_end(lane);
    (void)hy_lane_abort(lane); // known or not: whoever gets the partitions passes the barrier
    hy_lane_park_all(lane);
    (void)hy_assign(lane->consumer, &lane->assignment, NULL);
    if (lane->phase != HY_LANE_REFUSED) hy_lane_set_phase(lane, HY_LANE_JOINING);
}

void hy_lane_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                          void *opaque) {
    (void)rk;
    struct hy_lane *lane = ((struct hy_kafka_state *)opaque)->owner;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && lane->phase != HY_LANE_REFUSED) {
        on_assigned(lane, list);
    } else {
        on_revoked(lane);
    }
}

void hy_lane_lost(struct hy_lane *lane, const char *why) {
    HY_WARN("lane.lost", why, "lane=%d", lane->index);
    hy_lane_restore_end(lane);
    (void)hy_lane_abort(lane);
    hy_lane_park_all(lane);
    hy_lane_assign_nothing(lane);
    lane->lost_ms = hy_lane_mono(lane);
    hy_lane_set_phase(lane, HY_LANE_LOST);
}
