// The restore barrier, in turns, so that the consumer is polled all the while:
// (0) with the producer's id held, the group's committed offsets, asked again until no older owner's are pending;
// (a) the true end of the state partitions; (b) a read_committed fold to it; (c) positions checked; (d) the first
// record.
#include <stdlib.h>
#include <string.h>

#include "lib/base/breakage.h"
#include "lib/base/fault.h"
#include "lib/lane/lane_internal.h"

enum { ASK_MS = 1000, SLICE_MS = 40, COMPLAIN_MS = 10000 };

void hy_lane_restore_start(struct hy_lane *lane, bool fresh) {
    hy_lane_restore_end(lane);
    lane->restore =
        (struct hy_lane_restore){.fresh = fresh, .started_ms = hy_lane_mono(lane), .said_ms = hy_lane_mono(lane)};
    hy_metric_add(lane->metrics.restores, 1);
    for (size_t i = 0; i < lane->n_parts; i++) {
        struct hy_part *part = lane->parts[i];
        hy_lane_close_data(lane, part);
        hy_lane_keep_progress(lane, part);
        part->good = part->open = hy_progress_none();
        part->seen_any = part->store.base.n > 0;
        part->at_end = part->touched = false;
        part->careful = 0;
    }
    hy_lane_set_phase(lane, HY_LANE_RESTORING);
}

void hy_lane_restore_end(struct hy_lane *lane) {
    hy_reader_close(lane->restore.reader);
    free(lane->restore.reads);
    lane->restore = (struct hy_lane_restore){0};
}

// ---- (0) committed offsets ----

static void take_committed(struct hy_lane *lane, const rd_kafka_topic_partition_t *row) {
    struct hy_part *part = hy_lane_part(lane, row->topic, row->partition);
    if (part == NULL) return;
    part->group_offset = row->offset < 0 ? -1 : row->offset;
    if (lane->handler->state != NULL || row->offset < 0) return;
    char text[HY_PROGRESS_TEXT] = "";
    size_t len = row->metadata_size < sizeof text - 1 ? row->metadata_size : sizeof text - 1;
    if (row->metadata != NULL) memcpy(text, row->metadata, len);
    hy_progress_parse(text, &part->good);
    part->good.next = row->offset;
}

static int ask_committed(struct hy_lane *lane, struct hy_error *err) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)lane->n_parts);
    for (size_t i = 0; i < lane->n_parts; i++)
        rd_kafka_topic_partition_list_add(list, lane->owner->inputs[lane->parts[i]->input], lane->parts[i]->partition);
    rd_kafka_resp_err_t code = rd_kafka_committed(lane->consumer, list, ASK_MS);
    for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; i++)
        code = list->elems[i].err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        for (int i = 0; i < list->cnt; i++)
            take_committed(lane, &list->elems[i]);
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return HY_OK;
    int rc = hy_kafka_code(code) == HY_EAUTH ? HY_EAUTH : HY_EAGAIN;
    return hy_fail(err, rc, "the committed offsets of %s: %s", lane->group_id, rd_kafka_err2str(code));
}

// ---- (a) and (b) the fold ----

// What heals by waiting. The topics were there at the start; a broker that just came back may not know them yet.
static bool heals(int rc) {
    return rc == HY_ETIMEOUT || rc == HY_ENET || rc == HY_EIO || rc == HY_ENOTFOUND;
}

static int open_fold(struct hy_lane *lane, struct hy_error *err) {
    struct hy_lane_restore *restore = &lane->restore;
    restore->reads = calloc(lane->n_parts, sizeof *restore->reads);
    if (restore->reads == NULL) return hy_fail(err, HY_ENOMEM, "out of memory");
    for (size_t i = 0; i < lane->n_parts; i++)
        restore->reads[i] =
            (struct hy_reader_part){.partition = lane->parts[i]->partition, .position = lane->parts[i]->state_position};
    return hy_reader_open(&lane->options->kafka, lane->group_id, lane->owner->state, HY_READER_TO_THE_END,
                          restore->reads, lane->n_parts, &restore->reader, err);
}

static int fold_record(void *opaque, const struct hy_reader_record *record, struct hy_error *err) {
    struct hy_lane *lane = opaque;
    struct hy_part *part = lane->parts[record->part];
    HY_FAULT_POINT("lane.in_restore");
    part->seen_any = true;
    if (hy_store_load(&part->store, record->key, record->value, record->tombstone) != HY_OK)
        return hy_fail(err, HY_ENOMEM, "out of memory while restoring %s/%d", lane->owner->state, record->partition);
    return HY_OK;
}

// While the state rests (parked, or about to be folded on) its progress record lies in it like any other key, so that a
// fold which brings no newer one still finds it; for running it is taken out.
void hy_lane_keep_progress(struct hy_lane *lane, struct hy_part *part) {
    if (lane->handler->state == NULL || part->good.next < 0) return;
    if (hy_progress_pack(&part->good, lane->options->instance, &lane->packed) != HY_OK ||
        hy_store_load(&part->store, hy_bytes_of(HY_PROGRESS_KEY), hy_buf_view(&lane->packed), false) != HY_OK)
        abort(); // a state without its position would be refused; a restart reads both from the log
}

static int take_progress(struct hy_lane *lane, struct hy_part *part, struct hy_error *err) {
    struct hy_map_entry *entry = hy_map_find(&part->store.base, hy_bytes_of(HY_PROGRESS_KEY));
    if (entry == NULL) return HY_OK;
    int rc = hy_progress_unpack(hy_map_value(entry), &part->good);
    if (rc != HY_OK)
        return hy_fail(err, rc, "the progress record of %s/%d cannot be read (%s): restore the topic from a backup",
                       lane->owner->state, part->partition, hy_error_text(rc));
    return hy_store_load(&part->store, hy_bytes_of(HY_PROGRESS_KEY), (struct hy_bytes){0}, true);
}

static int take_parked(struct hy_lane *lane, struct hy_error *err) {
    int rc = HY_OK;
    for (size_t i = 0; rc == HY_OK && i < lane->n_parts; i++)
        rc = take_progress(lane, lane->parts[i], err);
    return rc;
}

static bool all_parked(const struct hy_lane *lane) {
    bool all = true;
    for (size_t i = 0; i < lane->n_parts; i++)
        all = all && lane->parts[i]->state_position > 0;
    return all;
}

static int fold(struct hy_lane *lane, struct hy_error *err) {
    struct hy_lane_restore *restore = &lane->restore;
    if (lane->handler->state == NULL) return HY_OK;
    if (HY_BROKEN(parked_taken_as_is) && all_parked(lane)) return take_parked(lane, err);
    int rc = restore->reader == NULL ? open_fold(lane, err) : HY_OK;
    if (rc == HY_OK) rc = hy_reader_ends(restore->reader, ASK_MS, err);
    if (heals(rc)) return HY_EAGAIN;
    if (rc == HY_OK) rc = hy_reader_step(restore->reader, SLICE_MS, false, fold_record, lane, err);
    if (rc < 0) return heals(rc) ? HY_EAGAIN : rc;
    if (!hy_reader_done(restore->reader)) return hy_fail(err, HY_EAGAIN, "reading %s", lane->owner->state);
    for (size_t i = 0; i < lane->n_parts; i++) {
        lane->parts[i]->state_position = restore->reads[i].position;
        rc = take_progress(lane, lane->parts[i], err);
        if (rc != HY_OK) return rc;
    }
    return HY_OK;
}

// ---- (c) positions ----

static int open_probe(struct hy_lane *lane, struct hy_error *err) {
    struct hy_lane_restore *restore = &lane->restore;
    if (restore->reader != NULL) return HY_OK;
    return hy_reader_open(&lane->options->kafka, lane->group_id, lane->owner->inputs[0], HY_READER_TO_THE_END, NULL, 0,
                          &restore->reader, err);
}

static int ask_ends(struct hy_lane *lane, struct hy_part *part, struct hy_error *err) {
    HY_FAULT_POINT("lane.before_ends");
    int rc = hy_kafka_watermarks(hy_reader_probe(lane->restore.reader), lane->owner->inputs[part->input],
                                 part->partition, ASK_MS, &part->low, &part->high, err);
    return heals(rc) ? HY_EAGAIN : rc;
}

static int positions(struct hy_lane *lane, struct hy_error *err) {
    int rc = open_probe(lane, err);
    for (size_t i = 0; rc == HY_OK && i < lane->n_parts; i++)
        rc = ask_ends(lane, lane->parts[i], err);
    for (size_t i = 0; rc == HY_OK && i < lane->n_parts; i++)
        rc = hy_lane_check_position(lane, lane->parts[i], err);
    return rc;
}

// ---- the handler's data ----

struct loading {
    struct hy_lane *lane;
    struct hy_part *part;
    struct hy_error *err;
};

static int load_one(void *opaque, struct hy_bytes key, struct hy_bytes value) {
    struct loading *loading = opaque;
    const struct hy_lane_handler *handler = loading->lane->handler;
    return handler->load(handler->user, loading->part->data, key, value, loading->err);
}

int hy_lane_load_data(struct hy_lane *lane, struct hy_part *part, struct hy_error *err) {
    const struct hy_lane_handler *handler = lane->handler;
    part->data_dirty = false;
    if (handler->open == NULL) return HY_OK;
    part->data = handler->open(handler->user, part->partition);
    part->data_open = true;
    struct loading loading = {.lane = lane, .part = part, .err = err};
    int rc = handler->load == NULL ? HY_OK : hy_store_each(&part->store, load_one, &loading);
    if (rc != HY_OK) return rc;
    if (handler->ready != NULL) handler->ready(handler->user, part->data, part->partition);
    return HY_OK;
}

void hy_lane_close_data(struct hy_lane *lane, struct hy_part *part) {
    const struct hy_lane_handler *handler = lane->handler;
    if (part->data_open && handler->close != NULL) handler->close(handler->user, part->data, part->partition);
    part->data = NULL;
    part->data_open = false;
}

// ---- (d) the start ----

// A start is counted before the first record, so that one that dies is seen by the next.
static bool commit_start(struct hy_lane *lane) {
    if (!lane->restore.fresh) {
        for (size_t i = 0; i < lane->n_parts; i++)
            lane->parts[i]->careful = lane->parts[i]->good.tries > 1 ? 1 : 0;
        return true;
    }
    if (hy_lane_begin(lane) != HY_OK) return false;
    for (size_t i = 0; i < lane->n_parts; i++) {
        hy_lane_count_start(lane->parts[i]);
        lane->parts[i]->touched = true;
    }
    return hy_lane_commit(lane) == HY_LANE_GOOD;
}

static int load_all(struct hy_lane *lane, struct hy_error *err) {
    for (size_t i = 0; i < lane->n_parts; i++) {
        lane->parts[i]->open = lane->parts[i]->good;
        int rc = hy_lane_load_data(lane, lane->parts[i], err);
        if (rc != HY_OK) return rc;
        hy_lane_alive(lane);
    }
    return HY_OK;
}

static void go(struct hy_lane *lane) {
    double seconds = (double)(hy_lane_mono(lane) - lane->restore.started_ms) / 1000;
    bool fresh = lane->restore.fresh;
    if (!commit_start(lane)) {
        // Elsewhere already (lost, refused, restoring)? Otherwise the start is not on record: once more.
        if (lane->phase == HY_LANE_HOLDING || lane->phase == HY_LANE_RESTORING) hy_lane_restore_start(lane, fresh);
        return;
    }
    hy_lane_restore_end(lane);
    hy_metric_observe(lane->metrics.restore_seconds, seconds);
    HY_INFO("lane.restored", "past the barrier", "lane=%d partitions=%zu ms=%.0f", lane->index, lane->n_parts,
            seconds * 1000);
    hy_lane_trouble(lane, NULL);
    hy_lane_assign(lane);
    hy_lane_set_phase(lane, HY_LANE_RUNNING);
    lane->next_tick_ms = hy_lane_mono(lane) + lane->options->tick_ms;
}

static void not_yet(struct hy_lane *lane, int rc, const struct hy_error *err) {
    struct hy_lane_restore *restore = &lane->restore;
    if (rc != HY_EAGAIN) {
        hy_lane_refuse(lane, err);
        return;
    }
    if (hy_lane_mono(lane) - restore->said_ms < COMPLAIN_MS) return;
    restore->said_ms = hy_lane_mono(lane);
    hy_lane_trouble(lane, err);
    HY_WARN("lane.restore", err->text, "lane=%d waiting_ms=%lld", lane->index,
            (long long)(hy_lane_mono(lane) - restore->started_ms));
}

void hy_lane_restore_turn(struct hy_lane *lane) {
    struct hy_lane_restore *restore = &lane->restore;
    struct hy_error err = {0};
    int rc = hy_lane_producer_ready(lane, &err);
    if (rc == HY_OK && !restore->committed) {
        rc = ask_committed(lane, &err);
        restore->committed = rc == HY_OK;
    }
    if (rc == HY_OK && !restore->folded) {
        rc = fold(lane, &err);
        restore->folded = rc == HY_OK;
    }
    if (rc == HY_OK) rc = positions(lane, &err);
    if (rc == HY_OK) rc = load_all(lane, &err);
    if (rc != HY_OK) {
        not_yet(lane, rc, &err);
        return;
    }
    go(lane);
}
