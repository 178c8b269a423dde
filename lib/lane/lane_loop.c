// The thread of a lane: one turn after the other, each short, each polling the consumer.
#include <stdio.h>
#include <string.h>

#include "lib/base/breakage.h"
#include "lib/lane/lane_internal.h"

enum { IDLE_MS = 100, DRY_MS = 5, POLL_EACH = 64 };

int64_t hy_lane_mono(const struct hy_lane *lane) {
    return hy_mono_ms(lane->options->clock);
}

int64_t hy_lane_wall(const struct hy_lane *lane) {
    return hy_wall_ms(lane->options->clock);
}

void hy_lane_alive(struct hy_lane *lane) {
    atomic_fetch_add(&lane->turns, 1);
}

void hy_lane_set_phase(struct hy_lane *lane, enum hy_lane_phase phase) {
    lane->phase = phase;
    atomic_store(&lane->shown_phase, (int)phase);
}

void hy_lane_trouble(struct hy_lane *lane, const struct hy_error *err) {
    pthread_mutex_lock(&lane->text_lock);
    if (!lane->refused) {
        lane->trouble = err == NULL ? HY_OK : err->code;
        snprintf(lane->trouble_text, sizeof lane->trouble_text, "%s", err == NULL ? "" : err->text);
    }
    pthread_mutex_unlock(&lane->text_lock);
}

void hy_lane_refuse(struct hy_lane *lane, const struct hy_error *err) {
    HY_ERROR("lane.refuse", err->text, "lane=%d code=%s", lane->index, hy_error_name(err->code));
    pthread_mutex_lock(&lane->text_lock);
    if (!lane->refused) snprintf(lane->trouble_text, sizeof lane->trouble_text, "%s", err->text);
    if (!lane->refused) lane->trouble = err->code;
    lane->refused = true;
    pthread_mutex_unlock(&lane->text_lock);
    hy_lane_set_phase(lane, HY_LANE_REFUSED);
}

void hy_lane_hold(struct hy_lane *lane, int64_t ms) {
    if (hy_lane_commit(lane) != HY_LANE_GOOD) return; // what came before the held record
    hy_metric_add(lane->metrics.held, 1);
    hy_lane_assign_nothing(lane);
    lane->resume_ms = hy_lane_mono(lane) + ms;
    if (lane->waiting.code != HY_OK) hy_lane_trouble(lane, &lane->waiting);
    hy_lane_set_phase(lane, HY_LANE_HOLDING);
}

// ---- records ----

// A record before the position was handled already. A gap is lawful: lanes and the replay write in transactions, which
// leave markers and aborted records; what retention took away is told at the start (lane_position.c) or by the broker.
static bool in_order(struct hy_lane *lane, const struct hy_part *part, const rd_kafka_message_t *message) {
    if (message->offset >= part->open.next) return true;
    hy_metric_add(lane->metrics.backward, 1);
    HY_ERROR("lane.backward", "a record was offered again and is skipped", "partition=%d offset=%lld next=%lld",
             part->partition, (long long)message->offset, (long long)part->open.next);
    return false;
}

static bool offset_first(struct hy_lane *lane, struct hy_part *part, int64_t offset) {
    part->open.next = offset + 1;
    part->touched = true;
    return hy_lane_commit(lane) == HY_LANE_GOOD && hy_lane_begin(lane) == HY_OK;
}

static void on_record(struct hy_lane *lane, const rd_kafka_message_t *message) {
    struct hy_part *part = hy_lane_part(lane, rd_kafka_topic_name(message->rkt), message->partition);
    if (part == NULL || !in_order(lane, part, message)) return;
    if (hy_lane_is_single(part)) {
        hy_lane_handle_alone(lane, part, message);
        return;
    }
    if (hy_lane_begin(lane) != HY_OK) {
        hy_lane_rebarrier(lane);
        return;
    }
    if (HY_BROKEN(offset_before_effect) && lane->txn.records == 0 && !offset_first(lane, part, message->offset)) return;
    int rc = hy_lane_handle(lane, part, message);
    if (rc == HY_EAGAIN && !lane->txn.broken) {
        hy_lane_hold(lane, HY_LANE_HOLD_MS);
    } else if (rc != HY_OK) {
        (void)hy_lane_commit(lane); // broken: aborted there, and done again
    } else if (part->txn_records >= hy_lane_batch_limit(lane, part)) {
        (void)hy_lane_commit(lane);
    }
}

// How long a transaction may take records.
static int64_t commit_ms(const struct hy_lane *lane) {
    int64_t usual = lane->options->commit_ms, most = usual * HY_LANE_LATE_TIMES;
    if (most > HY_LANE_LATE_MOST_MS) most = HY_LANE_LATE_MOST_MS;
    if (lane->txn.late && most > usual) return most;
    int64_t gather = lane->commit_took_ms * HY_LANE_GATHER_TIMES;
    if (gather < HY_LANE_GATHER_LEAST_MS) gather = HY_LANE_GATHER_LEAST_MS;
    return gather < usual ? gather : usual;
}

static bool commit_is_due(const struct hy_lane *lane, bool dry, int64_t now_ms) {
    if (!lane->txn.open) return false;
    return dry || lane->txn.broken || lane->txn.records >= lane->options->commit_records ||
           lane->txn.bytes >= lane->options->commit_bytes || now_ms - lane->txn.began_ms >= commit_ms(lane);
}

// Polls once; true when there was a message of any kind.
static bool poll_once(struct hy_lane *lane, int timeout_ms) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(lane->consumer, timeout_ms);
    if (message == NULL) return false;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        hy_lane_on_event(lane, message);
    } else if (lane->phase == HY_LANE_RUNNING) {
        on_record(lane, message); // in any other phase the consumer has no partitions: a late one of an old assignment
    }
    rd_kafka_message_destroy(message);
    return true;
}

// ---- once a second ----

// The wall clock against the one that never jumps. A jump is an alarm and a pause; then the new time is believed.
static bool clock_jumped(struct hy_lane *lane) {
    int64_t wall = hy_lane_wall(lane), mono = hy_lane_mono(lane);
    int64_t drift = (wall - lane->wall_seen_ms) - (mono - lane->mono_seen_ms);
    bool jumped = lane->mono_seen_ms != 0 && (drift > HY_LANE_JUMP_MS || drift < -HY_LANE_JUMP_MS);
    lane->wall_seen_ms = wall;
    lane->mono_seen_ms = mono;
    if (!jumped) return false;
    hy_metric_add(lane->metrics.jumps, 1);
    HY_ERROR("lane.clock", "the wall clock jumped: holding for 10 s", "lane=%d ms=%lld", lane->index, (long long)drift);
    return true;
}

// A partition at its end has nothing left that could have crashed the last starts: its tries are forgotten. And its
// group moves past the markers behind the last record, or whoever watches the group sees a lag for as long as nothing
// comes.
static void settle_ends(struct hy_lane *lane) {
    for (size_t i = 0; i < lane->n_parts; i++) {
        struct hy_part *part = lane->parts[i];
        bool settled = part->open.tries == 0 && part->open.next == part->good.next;
        if (part->touched || !part->at_end || settled || hy_lane_begin(lane) != HY_OK) continue;
        part->touched = true;
    }
}

static void each_second(struct hy_lane *lane) {
    lane->next_tick_ms = hy_lane_mono(lane) + lane->options->tick_ms;
    rd_kafka_poll(lane->producer, 0); // an idle one has events, too, and they pile up
    hy_lane_metrics_turn(lane);
    hy_lane_free_parked(lane, lane->options->park_ms, (size_t)lane->options->park_bytes);
    if (clock_jumped(lane)) {
        hy_lane_hold(lane, HY_LANE_JUMP_HOLD_MS);
        return;
    }
    hy_lane_tick_all(lane);
    settle_ends(lane);
}

// ---- phases ----

static bool producer_is_ready(struct hy_lane *lane) {
    struct hy_error err = {0};
    int rc = hy_lane_producer_ready(lane, &err);
    if (rc == HY_OK) return true;
    if (rc == HY_EAGAIN || rc == HY_ETIMEOUT || rc == HY_ENET) {
        hy_lane_trouble(lane, &err);
    } else {
        hy_lane_refuse(lane, &err);
    }
    return false;
}

static int idle_ms(const struct hy_lane *lane) {
    int64_t left = lane->next_tick_ms - hy_lane_mono(lane);
    return left < 0 ? 0 : left < IDLE_MS ? (int)left : IDLE_MS;
}

static void run_turn(struct hy_lane *lane) {
    if (!lane->txn.open && !producer_is_ready(lane)) {
        if (lane->phase == HY_LANE_RUNNING) hy_lane_hold(lane, HY_LANE_HOLD_MS);
        return;
    }
    bool some = poll_once(lane, lane->txn.open ? DRY_MS : idle_ms(lane));
    if (lane->phase != HY_LANE_RUNNING) return;
    if (lane->txn.open && lane->txn.records % POLL_EACH == 0) rd_kafka_poll(lane->producer, 0);
    int64_t now = hy_lane_mono(lane); // once a record: asking the clock is not free
    if (commit_is_due(lane, !some, now) && hy_lane_commit(lane) != HY_LANE_GOOD) return;
    if (lane->producer_bad && !lane->txn.open) return; // the next transaction is another producer's
    if (now >= lane->next_tick_ms) each_second(lane);
}

static void hold_turn(struct hy_lane *lane) {
    int64_t left = lane->resume_ms - hy_lane_mono(lane);
    (void)poll_once(lane, left < 0 ? 0 : left < IDLE_MS ? (int)left : IDLE_MS);
    if (lane->phase != HY_LANE_HOLDING || hy_lane_mono(lane) < lane->resume_ms) return;
    if (!producer_is_ready(lane)) return;
    if (lane->waiting.code == HY_OK) hy_lane_trouble(lane, NULL); // else it is offered again, and may wait on
    hy_lane_assign(lane);
    hy_lane_set_phase(lane, HY_LANE_RUNNING);
}

static void lost_turn(struct hy_lane *lane) {
    (void)poll_once(lane, IDLE_MS);
    if (lane->phase != HY_LANE_LOST || hy_lane_mono(lane) - lane->lost_ms < HY_LANE_LOST_MS) return;
    HY_WARN("lane.lost", "no new assignment came: a new consumer", "lane=%d", lane->index);
    hy_lane_consumer_drop(lane);
}

static void restore_turn(struct hy_lane *lane) {
    (void)poll_once(lane, 0);
    if (lane->phase == HY_LANE_RESTORING) hy_lane_restore_turn(lane);
    // Steps that wait inside take their own time; those that answer at once must not spin.
    if (lane->phase == HY_LANE_RESTORING) (void)poll_once(lane, 10);
}

static void open_turn(struct hy_lane *lane) {
    struct hy_error err = {0};
    int rc = hy_lane_consumer_open(lane, &err);
    if (rc != HY_OK) hy_lane_refuse(lane, &err);
}

static void check_consumer(struct hy_lane *lane) {
    struct hy_error err = {0};
    if (hy_kafka_refused(&lane->consumer_state, &err) != HY_OK) {
        hy_lane_refuse(lane, &err);
    } else if (atomic_load(&lane->consumer_state.fatal) != 0) {
        HY_WARN("lane.consumer", "the consumer failed for good: a new one", "lane=%d", lane->index);
        hy_lane_consumer_drop(lane);
    }
}

static void turn(struct hy_lane *lane) {
    hy_lane_alive(lane);
    if (lane->phase == HY_LANE_REFUSED) {
        hy_lane_consumer_drop(lane); // leaves the group, so that nobody waits for us
        hy_lane_producer_drop(lane);
        nanosleep(&(struct timespec){.tv_nsec = IDLE_MS * 1000000L}, NULL);
        return;
    }
    if (lane->consumer == NULL) {
        open_turn(lane);
        return;
    }
    check_consumer(lane);
    if (lane->consumer == NULL || lane->phase == HY_LANE_REFUSED) return;
    if (lane->phase != HY_LANE_RUNNING && lane->producer != NULL) rd_kafka_poll(lane->producer, 0);
    switch (lane->phase) {
    case HY_LANE_RUNNING:
        run_turn(lane);
        break;
    case HY_LANE_RESTORING:
        restore_turn(lane);
        break;
    case HY_LANE_HOLDING:
        hold_turn(lane);
        break;
    case HY_LANE_LOST:
        lost_turn(lane);
        break;
    default:
        (void)poll_once(lane, IDLE_MS);
    }
}

// ---- the thread ----

static void drain(struct hy_lane *lane) {
    if (lane->phase == HY_LANE_RUNNING) (void)hy_lane_commit(lane);
    hy_lane_restore_end(lane);
    hy_lane_consumer_drop(lane);
    (void)hy_lane_abort(lane);
    hy_lane_producer_drop(lane);
    hy_lane_park_all(lane);
    hy_lane_free_parked(lane, -1, 0);
}

void *hy_lane_thread(void *opaque) {
    struct hy_lane *lane = opaque;
    char name[16];
    snprintf(name, sizeof name, "lane-%d", lane->index);
    pthread_setname_np(pthread_self(), name);
    lane->commit_took_ms = lane->options->commit_ms / HY_LANE_GATHER_TIMES; // not known yet
    lane->failures = (struct hy_backoff){.base_ms = 20, .cap_ms = 2000, .seed = (uint64_t)lane->index + 1};
    while (!atomic_load(&lane->stop))
        turn(lane);
    drain(lane);
    hy_lane_set_phase(lane, HY_LANE_ENDED);
    return NULL;
}
