// The inside of a fold, shared by fold.c (the loop), fold_open.c (opening partitions) and fold_batch.c (one batch).
// Nothing outside lib/fold includes it. A new part of the loop gets its own file and its functions listed here.
// All of it runs on the thread of the fold; the pure part of a view stays out of here.
#ifndef HY_FOLD_INNER_H
#define HY_FOLD_INNER_H

#include <pthread.h>

#include <librdkafka/rdkafka.h>

#include "lib/base/metrics.h"
#include "lib/fold/fold_parts.h"
#include "lib/lane/assignment.h"
#include "lib/lane/registry.h"

struct hy_fold_metrics {
    struct hy_metric *records, *batches, *failures, *refolds[HY_FOLD_RESET_STORE + 1];
    struct hy_metric *lag, *oldest, *assigned, *open;
};

// One topic's log id, remembered for as long as the assignment lasts.
struct hy_fold_log {
    char topic[HY_TOPIC_NAME_SIZE];
    char log_id[HY_LOG_ID_SIZE];
};

struct hy_fold {
    struct hy_fold_options options;
    char **topics; // copies; full names when subscribed
    struct hy_fold_sink sink;
    const struct hy_clock *clock;
    size_t prefix_len;
    rd_kafka_t *consumer;
    struct hy_assignment assignment;
    rd_kafka_queue_t *queue; // the consumer's, for hy_fold_wake, under queue_lock
    pthread_mutex_t queue_lock;
    rd_kafka_t *probe;
    struct hy_kafka_state consumer_state, probe_state;
    struct hy_fold_parts parts;
    struct hy_fold_parts seen;    // positions the store has confirmed to this process; kept over assignments
    struct hy_registry *registry; // of the log ids; NULL until first asked
    struct hy_fold_log *logs;
    size_t n_logs;
    rd_kafka_message_t **batch;
    size_t n_batch;
    size_t batch_bytes;
    bool rejoin;
    bool assignment_changed;                         // rd_kafka_assign is due
    int64_t refresh_at_ms, gauges_at_ms, logs_at_ms; // monotonic
    struct hy_fold_metrics metrics;
};

// Remembers a position that the store has confirmed.
void hy_fold_saw(struct hy_fold *fold, const struct hy_fold_part *part);
// fold_open.c: opens partitions whose time has come; sets assignment_changed.
void hy_fold_open_waiting(struct hy_fold *fold);
// Now and then: has a topic that we fold another log id by now?
void hy_fold_check_logs(struct hy_fold *fold);
// Without a group: looks topics and partitions up when it is time.
void hy_fold_refresh(struct hy_fold *fold);
// A partition is ours / none is ours any more.
void hy_fold_take(struct hy_fold *fold, const char *topic, int32_t partition);
void hy_fold_leave_all(struct hy_fold *fold);
// Gives the consumer exactly the open partitions, at their positions.
void hy_fold_reassign(struct hy_fold *fold);

// fold_batch.c: reads events and records for at most timeout_ms; hands the batch to the sink. Both count and log.
void hy_fold_gather(struct hy_fold *fold, int timeout_ms);
int hy_fold_hand_over(struct hy_fold *fold); // records folded
void hy_fold_drop_batch(struct hy_fold *fold);

#endif
