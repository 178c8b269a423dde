// What the files of the lane share; included by nothing else. One lane = one thread; unless said otherwise a function
// runs on it. The files: lane_loop (the thread's turns), lane_rebalance (assignment, revoke, parking), lane_restore
// (the barrier), lane_poison (tries, careful mode), lane_record (handling one record, tick), lane_ctx (what handlers
// call), lane_commit (begin, commit, abort), lane_producer, lane_consumer (the two handles), lane_dead, lane_metrics,
// lanes (all lanes of a process, watchdog).
#ifndef HY_LANE_LANE_INTERNAL_H
#define HY_LANE_LANE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/base/backoff.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/lane/assignment.h"
#include "lib/lane/handles.h"
#include "lib/lane/lane.h"
#include "lib/lane/progress.h"
#include "lib/lane/reader.h"
#include "lib/lane/store.h"
#include "lib/lane/topics.h"

enum hy_lane_phase {
    HY_LANE_JOINING,   // no assignment
    HY_LANE_SPARE,     // in the group, with no partition: there are more lanes than partitions
    HY_LANE_RESTORING, // behind the barrier
    HY_LANE_RUNNING,
    HY_LANE_HOLDING, // waits until resume_ms, then goes on at the known-good positions
    HY_LANE_LOST,    // told by the broker before the consumer knew: waits for the rejoin
    HY_LANE_REFUSED, // will not work until an operator acts
    HY_LANE_ENDED
};

enum {
    HY_LANE_TXN_MS = 6000,        // transaction.timeout.ms
    HY_LANE_FLUSH_MS = 5000,      // a transaction older than this is not committed any more
    HY_LANE_GATHER_TIMES = 2,     // records are gathered so many times as long as commits took of late,
    HY_LANE_GATHER_LEAST_MS = 20, // at least so long, and commit_ms at most: who is quick to commit need not wait
    HY_LANE_LATE_MS = 1000,       // a record that has waited longer is worked off in larger transactions,
    HY_LANE_LATE_TIMES = 4,       // which last so many times commit_ms,
    HY_LANE_LATE_MOST_MS = 1000,  // but no longer than this because of it
    HY_LANE_SLOW_MS = 1000,       // a slower commit costs the producer (KAFKA-17754)
    HY_LANE_LOST_MS = 10000,      // a rejoin that takes longer costs the consumer
    HY_LANE_SINGLES = 16,         // records handled alone after a crash, before batches grow again
    HY_LANE_BEGUN_MOST = 5,       // times a record is begun alone before it is a dead letter
    HY_LANE_JUMP_MS = 5000,       // a clock that jumps further holds the lane
    HY_LANE_JUMP_HOLD_MS = 10000,
    // Between two offers of a record that a handler cannot take yet.
    HY_LANE_HOLD_MS = 250,
    HY_LANE_ORIGINAL_MOST = 512 * 1024, // bytes of a dead letter's original
    HY_LANE_ORIGINAL_HEAD = 4096
};

// One partition that this lane was given.
struct hy_part {
    int input; // index in the handler's inputs
    int32_t partition;
    struct hy_store store;
    void *data; // the handler's
    bool data_open;
    struct hy_progress good; // as of the last transaction known good
    struct hy_progress open; // as of the open transaction
    int64_t state_position;  // where a fold of the state topic goes on from store.base
    int64_t sent_state_end;  // behind the last snapshot acknowledged in the open transaction; -1 = none
    int64_t group_offset;    // what the group had at assignment, -1 = nothing
    int64_t low, high;       // of the input's log, at the barrier
    int64_t last_record_ms;  // time stamp of the last record handled
    int64_t txn_records;     // handled in the open transaction
    uint32_t careful;        // 0 = normal, else 1 + transactions since the lane went careful
    bool touched;            // the open transaction carries its position
    bool data_dirty;         // the handler's data may differ from good
    bool at_end;             // nothing more in the log for now
    bool seen_any;           // the state topic holds something for it
};

// The state of a partition that moved away, for the case that it comes back.
struct hy_parked {
    int32_t partition;
    struct hy_store store;
    int64_t state_position, since_ms;
    struct hy_parked *next;
};

// One record that a handler asked to send; bytes stand in hy_lane.emit_bytes.
struct hy_emit {
    rd_kafka_topic_t *topic;
    int32_t partition; // RD_KAFKA_PARTITION_UA = by the key
    size_t key_at, key_len, value_at, value_len;
    bool tombstone;
};

// A record that this lane began alone.
struct hy_begun {
    int input;
    int32_t partition;
    int64_t offset;
};

struct hy_lane_txn {
    bool open, broken; // broken: something in it failed, it can only be aborted
    bool late;         // its first record has waited for so long that larger transactions help more than earlier ones
    int64_t began_ms;
    int64_t records, bytes;
    uint64_t disconnects; // of the producer, when it began
    int64_t failed;       // delivery reports that told of an error
};

struct hy_lane_ctx {
    struct hy_lane *lane;
    struct hy_part *part;
    const struct hy_record *record; // NULL in tick
    int64_t now_ms;
    bool changed; // put, deleted or sent something
    struct hy_lane_mark {
        bool changed;
        size_t n_emits, emit_bytes;
    } mark; // what hy_lane_back goes back to
};

struct hy_lane_restore {
    struct hy_reader *reader;
    struct hy_reader_part *reads;
    int64_t started_ms, said_ms;
    bool fresh;     // serves a new assignment (counts as a start); else the same one after an unknown result
    bool committed; // step 0 answered
    bool folded;
};

struct hy_lane_metrics {
    struct hy_metric *records, *commits, *aborts, *unknown, *restores, *dead, *backward, *recreated, *held, *jumps;
    struct hy_metric *commit_seconds, *restore_seconds;
    struct hy_metric *lag, *oldest, *bytes, *keys, *partitions, *parked, *tick_errors;
};

struct hy_lanes;

struct hy_lane {
    struct hy_lanes *owner;
    const struct hy_lane_handler *handler;
    const struct hy_lane_options *options;
    int index;
    pthread_t thread;
    char group_id[HY_TOPIC_NAME_SIZE], txn_id[HY_TOPIC_NAME_SIZE + 80];

    rd_kafka_t *consumer, *producer;
    struct hy_assignment assignment;
    struct hy_kafka_state consumer_state, producer_state;
    struct hy_handles handles;
    rd_kafka_topic_t *state_topic, *dead_topic; // of the producer
    int32_t dead_partitions;
    bool producer_ready; // init_transactions is done
    bool producer_bad;   // recreate before the next begin
    rd_kafka_consumer_group_metadata_t *group;

    enum hy_lane_phase phase;
    struct hy_part **parts;
    size_t n_parts;
    struct hy_parked *parked;
    struct hy_lane_restore restore;
    struct hy_lane_txn txn;
    struct hy_lane_ctx ctx;
    struct hy_arena *arena;
    struct hy_emit *emits;
    size_t n_emits, cap_emits;
    struct hy_buf emit_bytes, packed;
    struct hy_begun *begun;
    size_t n_begun;

    int64_t resume_ms, lost_ms, next_tick_ms;
    int64_t commit_took_ms;             // smoothed
    int64_t wall_seen_ms, mono_seen_ms; // for clock jumps
    struct hy_backoff failures;         // of transactions in a row
    struct hy_lane_metrics metrics;

    _Atomic uint64_t turns;
    _Atomic bool stop;
    _Atomic int shown_phase;
    struct hy_error waiting; // why the last record cannot be taken yet; code HY_OK = none waits
    pthread_mutex_t text_lock;
    int trouble; // HY_E* of what holds the lane up, 0 = nothing
    char trouble_text[512];
    bool refused; // under text_lock
};

// What all lanes of a process share.
struct hy_lanes {
    struct hy_lane_handler handler;
    struct hy_lane_options options;
    struct hy_lane **lanes;
    int n;
    char log_ids[HY_LANE_MAX_INPUTS][HY_LOG_ID_SIZE], state_log_id[HY_LOG_ID_SIZE];
    char inputs[HY_LANE_MAX_INPUTS][HY_TOPIC_NAME_SIZE], state[HY_TOPIC_NAME_SIZE]; // full names
    size_t n_inputs;
    pthread_t watchdog;
    _Atomic bool stop_watchdog;
    bool watching;
};

// lane_loop.c
void *hy_lane_thread(void *lane);
int64_t hy_lane_mono(const struct hy_lane *lane);
int64_t hy_lane_wall(const struct hy_lane *lane);
void hy_lane_alive(struct hy_lane *lane); // for the watchdog
void hy_lane_set_phase(struct hy_lane *lane, enum hy_lane_phase phase);
void hy_lane_trouble(struct hy_lane *lane, const struct hy_error *err); // shows it in health; NULL = over
void hy_lane_refuse(struct hy_lane *lane, const struct hy_error *err);
void hy_lane_hold(struct hy_lane *lane, int64_t ms); // commits, then waits without partitions

// lane_consumer.c
HY_MUST_CHECK int hy_lane_consumer_open(struct hy_lane *lane, struct hy_error *err);
void hy_lane_consumer_drop(struct hy_lane *lane);
// Gives the consumer the partitions at the known-good positions, or (empty) none while it stays in the group.
void hy_lane_assign(struct hy_lane *lane);
void hy_lane_assign_nothing(struct hy_lane *lane);
// Takes what a consumer message says that is no record (end of partition, errors).
void hy_lane_on_event(struct hy_lane *lane, const rd_kafka_message_t *message);
struct hy_part *hy_lane_part(const struct hy_lane *lane, const char *topic, int32_t partition);

// lane_rebalance.c
void hy_lane_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                          void *opaque);
void hy_lane_lost(struct hy_lane *lane, const char *why); // the broker says that the assignment is another's
void hy_lane_park_all(struct hy_lane *lane);
void hy_lane_free_parked(struct hy_lane *lane, int64_t older_than_ms, size_t most_bytes);

// lane_restore.c
void hy_lane_restore_start(struct hy_lane *lane, bool fresh);
void hy_lane_restore_turn(struct hy_lane *lane);
void hy_lane_restore_end(struct hy_lane *lane); // frees its handles
HY_MUST_CHECK int hy_lane_load_data(struct hy_lane *lane, struct hy_part *part, struct hy_error *err);
void hy_lane_close_data(struct hy_lane *lane, struct hy_part *part);
void hy_lane_keep_progress(struct hy_lane *lane, struct hy_part *part);

// lane_position.c: where each partition goes on, or why the lane refuses to
HY_MUST_CHECK int hy_lane_check_position(struct hy_lane *lane, struct hy_part *part, struct hy_error *err);

// lane_producer.c
HY_MUST_CHECK int hy_lane_producer_ready(struct hy_lane *lane, struct hy_error *err);
void hy_lane_producer_drop(struct hy_lane *lane);
// Sends one record in the open transaction; waits while the queue is full. opaque: see hy_lane_on_delivery.
HY_MUST_CHECK int hy_lane_produce(struct hy_lane *lane, rd_kafka_topic_t *topic, int32_t partition, struct hy_bytes key,
                                  struct hy_bytes value, bool tombstone, void *opaque);

// lane_commit.c
enum hy_lane_verdict {
    HY_LANE_GOOD,     // committed, or there was nothing to commit
    HY_LANE_AGAIN,    // known not committed: the lane went back to the known-good positions
    HY_LANE_ELSEWHERE // the lane is restoring, has lost its assignment or refused
};
HY_MUST_CHECK int hy_lane_begin(struct hy_lane *lane); // opens a transaction if none is open
enum hy_lane_verdict hy_lane_commit(struct hy_lane *lane);
// Aborts what is open and forgets it. False: it is not known whether that worked; the producer is gone, the barrier
// must be passed before anything else.
bool hy_lane_abort(struct hy_lane *lane);
// What an open transaction changed in a partition is as if it had never been.
void hy_lane_drop_overlay(struct hy_part *part);
// After a known abort: positions, data and consumer back to the known good.
void hy_lane_rewind(struct hy_lane *lane);
// After an unknown result: through the barrier again.
void hy_lane_rebarrier(struct hy_lane *lane);

// lane_record.c
// Handles one record of a part within the open transaction. HY_OK: handled (or dead-lettered). HY_EAGAIN: not now,
// nothing happened. Others: the transaction is broken.
HY_MUST_CHECK int hy_lane_handle(struct hy_lane *lane, struct hy_part *part, const rd_kafka_message_t *message);
void hy_lane_tick_all(struct hy_lane *lane);
int64_t hy_lane_record_time(const struct hy_lane *lane, const rd_kafka_message_t *message, bool *future);
HY_MUST_CHECK int hy_lane_send_emits(struct hy_lane *lane);
void hy_lane_forget_emits(struct hy_lane *lane);
HY_MUST_CHECK int hy_lane_dead_message(struct hy_lane *lane, struct hy_part *part, const rd_kafka_message_t *message,
                                       const char *reason, const char *detail);

// lane_ctx.c
HY_MUST_CHECK int hy_lane_queue_emit(struct hy_lane *lane, rd_kafka_topic_t *topic, int32_t partition,
                                     struct hy_bytes key, struct hy_bytes value, bool tombstone);

// lane_dead.c: packs a DeadLetter of the message and queues it. HY_ENOMEM.
HY_MUST_CHECK int hy_lane_queue_dead(struct hy_lane *lane, const struct hy_part *part, int64_t offset,
                                     struct hy_bytes key, struct hy_bytes value, const char *reason, const char *detail,
                                     uint32_t tries);

// lane_poison.c
void hy_lane_count_start(struct hy_part *part); // tries + 1, careful when that is more than one
bool hy_lane_is_single(const struct hy_part *part);
int64_t hy_lane_batch_limit(const struct hy_lane *lane, const struct hy_part *part);
void hy_lane_mark_progress(const struct hy_lane *lane, struct hy_part *part); // before it is written
void hy_lane_note_commit(const struct hy_lane *lane, struct hy_part *part);   // after it is known good
// One record alone: noted as begun, handled, committed. Leaves the lane in whatever phase came of it.
void hy_lane_handle_alone(struct hy_lane *lane, struct hy_part *part, const rd_kafka_message_t *message);

// lane_metrics.c
void hy_lane_metrics_open(struct hy_lane *lane);
void hy_lane_metrics_turn(struct hy_lane *lane); // gauges, once a second

#endif
