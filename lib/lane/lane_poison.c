// Records that crash the process. Every start is counted in the progress (tries) before its first record and forgotten
// with the first commit that moved on; a second start in a row is careful: records one by one, each noted as begun
// before it is handled, and after HY_LANE_SINGLES of them in batches that double until they are normal again - a crash
// on the way starts over with single records, at what is committed by then, so that the record at fault is soon alone.
// Only a record that was begun alone five times is a dead letter: a process also dies for reasons of its own, and then
// a record that was only in hand has been begun, too.
#include <stdlib.h>
#include <string.h>

#include "lib/base/fault.h"
#include "lib/lane/lane_internal.h"

void hy_lane_count_start(struct hy_part *part) {
    part->open.tries = part->good.tries + 1;
    part->careful = part->open.tries > 1 ? 1 : 0;
    if (part->careful > 0)
        HY_WARN("lane.careful", "the last start ended before a commit: records one by one",
                "partition=%d next=%lld tries=%u", part->partition, (long long)part->open.next, part->open.tries);
}

bool hy_lane_is_single(const struct hy_part *part) {
    return part->careful > 0 && part->careful <= HY_LANE_SINGLES;
}

int64_t hy_lane_batch_limit(const struct hy_lane *lane, const struct hy_part *part) {
    if (part->careful == 0) return lane->options->commit_records;
    if (hy_lane_is_single(part)) return 1;
    uint32_t doublings = part->careful - HY_LANE_SINGLES;
    int64_t limit = doublings > 20 ? lane->options->commit_records : (int64_t)1 << doublings;
    return limit < lane->options->commit_records ? limit : lane->options->commit_records;
}

// Nothing waits that could have been the cause, or a whole normal batch went well.
static bool is_over(const struct hy_lane *lane, const struct hy_part *part) {
    if (part->at_end) return true;
    return part->txn_records > 0 && hy_lane_batch_limit(lane, part) >= lane->options->commit_records;
}

void hy_lane_mark_progress(const struct hy_lane *lane, struct hy_part *part) {
    if (part->open.tries > 0 && is_over(lane, part)) part->open.tries = 0;
}

void hy_lane_note_commit(const struct hy_lane *lane, struct hy_part *part) {
    (void)lane;
    if (part->careful == 0) return;
    if (part->open.tries == 0) {
        part->careful = 0;
        HY_INFO("lane.careful", "over", "partition=%d next=%lld", part->partition, (long long)part->open.next);
    } else if (part->txn_records > 0) {
        part->careful++;
    }
}

// What this lane itself has begun and outlived does not count again: only a begin that nobody came back from does. Kept
// by the lane, not by the part, because a partition may leave and return between.
static bool begun_by_us(struct hy_lane *lane, const struct hy_part *part, int64_t offset) {
    for (size_t i = 0; i < lane->n_begun; i++)
        if (lane->begun[i].input == part->input && lane->begun[i].partition == part->partition) {
            bool same = lane->begun[i].offset == offset;
            lane->begun[i].offset = offset;
            return same;
        }
    struct hy_begun *more = realloc(lane->begun, (lane->n_begun + 1) * sizeof *more);
    if (more == NULL) return false;
    lane->begun = more;
    lane->begun[lane->n_begun++] =
        (struct hy_begun){.input = part->input, .partition = part->partition, .offset = offset};
    return false;
}

// Commits that the record is begun now. False when that did not become known good; the record is offered again.
static bool note_begun(struct hy_lane *lane, struct hy_part *part, int64_t offset) {
    bool again = begun_by_us(lane, part, offset);
    if (again && part->good.begun == offset) return true;
    if (hy_lane_begin(lane) != HY_OK) {
        hy_lane_rebarrier(lane);
        return false;
    }
    uint32_t before = part->good.begun == offset ? part->good.begun_times : 0;
    part->open.begun_times = before + 1;
    part->open.begun = offset;
    part->touched = true;
    return hy_lane_commit(lane) == HY_LANE_GOOD;
}

static int handle_begun(struct hy_lane *lane, struct hy_part *part, const rd_kafka_message_t *message) {
    if (part->good.begun != message->offset || part->good.begun_times < HY_LANE_BEGUN_MOST) return HY_EAGAIN;
    HY_ERROR("lane.poison", "a record ended the process each time it was handled: dead letter",
             "topic=%s partition=%d offset=%lld", rd_kafka_topic_name(message->rkt), part->partition,
             (long long)message->offset);
    return hy_lane_dead_message(lane, part, message, "crashed", "the process ended each time it handled this record");
}

static void finish(struct hy_lane *lane, struct hy_part *part) {
    part->open.begun = -1;
    part->open.begun_times = 0;
    (void)hy_lane_commit(lane); // good or not, the lane is where that puts it
}

// A slow commit costs the producer; a new one is made before the record is offered again.
static bool needs_producer(struct hy_lane *lane) {
    if (!lane->producer_bad) return false;
    hy_lane_hold(lane, 0);
    return true;
}

// It was begun and outlived: a death from here on is not its.
static void waits(struct hy_lane *lane, struct hy_part *part) {
    part->open.begun = -1;
    part->open.begun_times = 0;
    part->touched = lane->txn.open;
    hy_lane_hold(lane, HY_LANE_HOLD_MS);
}

void hy_lane_handle_alone(struct hy_lane *lane, struct hy_part *part, const rd_kafka_message_t *message) {
    if (hy_lane_commit(lane) != HY_LANE_GOOD || needs_producer(lane)) return;
    int rc;
    if (part->good.begun == message->offset && part->good.begun_times >= HY_LANE_BEGUN_MOST) {
        rc = hy_lane_begin(lane) == HY_OK ? handle_begun(lane, part, message) : HY_EFENCED;
    } else {
        if (!note_begun(lane, part, message->offset) || needs_producer(lane)) return;
        rc = hy_lane_begin(lane) == HY_OK ? hy_lane_handle(lane, part, message) : HY_EFENCED;
    }
    if (rc == HY_EAGAIN && !lane->txn.broken) {
        waits(lane, part);
    } else if (rc != HY_OK && !lane->txn.open) {
        hy_lane_rebarrier(lane);
    } else {
        finish(lane, part); // a broken transaction is aborted there
    }
}
