// A fold keeps a view of Kafka topics in a store: assign, fold, store the position in the same atomic write as the
// data, follow. The store is a struct hy_fold_sink: it says where it stands (open), takes records in batches (begin,
// record, commit) and forgets a partition that must be folded again from the start (reset). Views can be lost: deleted,
// they come back by themselves.
//
// To add a store, fill a struct hy_fold_sink (lib/fold/sqlite_sink.h is the ready one for SQLite; consumers/sla holds
// the one for timers in Redis). To fold other topics, name them in the options. Nothing here knows what a record means.
#ifndef HY_FOLD_FOLD_H
#define HY_FOLD_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/lane/kafka_conf.h"
#include "lib/lane/topics.h"

enum {
    HY_FOLD_NOWHERE = -1 // offset of a store that holds nothing of a partition yet
};

// How far a store is: the next offset to fold, in the log with that id. Offsets compare only within one log id.
struct hy_fold_position {
    char log_id[HY_LOG_ID_SIZE];
    int64_t offset; // next to fold, or HY_FOLD_NOWHERE
};

// One record as it came, topic as in the table (no prefix); everything borrowed until the batch's commit has returned.
// value.data is NULL for a tombstone.
struct hy_fold_record {
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; // of the record, -1 when it has none
    bool append_time;     // the broker's append time, not the producer's
    struct hy_bytes key;
    struct hy_bytes value;
};

// What a commit stores for one partition of the batch.
struct hy_fold_commit {
    const char *topic;
    int32_t partition;
    const char *log_id;
    int64_t from;   // position before the batch
    int64_t offset; // position after it
    bool at_end;    // the batch reached what was the end of the partition when it was read
};

// Why a partition is folded again from its start; also the label of huiying_fold_refolds_total.
enum hy_fold_reset {
    HY_FOLD_RESET_FIRST,  // the store held nothing: not counted as a refold
    HY_FOLD_RESET_LOG,    // another log id: the topic was made anew
    HY_FOLD_RESET_BEYOND, // the position is beyond the end of the log
    HY_FOLD_RESET_BELOW,  // records between the position and the start of the log are gone
    HY_FOLD_RESET_STORE,  // the store asked for it: hy_fold_refold, or a position behind one it had confirmed
};
// "first", "log", "beyond", "below", "store". Static strings.
const char *hy_fold_reset_name(enum hy_fold_reset why);

// The store. Every hook runs on the thread that calls hy_fold_poll. A hook that fails gives a negative HY_E* code: its
// partitions leave the assignment (polling goes on, so the group keeps us), are opened again after a backoff, and go on
// from the position that open then gives. Hooks marked (may be NULL) can be left out.
struct hy_fold_sink {
    void *ctx;
    // A partition came to us by an assignment (again): a moment to make a new owner's token. (may be NULL)
    void (*assigned)(void *ctx, const char *topic, int32_t partition);
    // A partition is no longer ours: nothing may be written for it any more. (may be NULL)
    void (*revoked)(void *ctx, const char *topic, int32_t partition);
    // Fills *out with the stored position (HY_FOLD_NOWHERE when there is none).
    int (*open)(void *ctx, const char *topic, int32_t partition, struct hy_fold_position *out, struct hy_error *err);
    // Forget all of this partition; stand at `start` from now on, whose log id open must then give. Atomic.
    int (*reset)(void *ctx, const char *topic, int32_t partition, const struct hy_fold_position *start,
                 enum hy_fold_reset why, struct hy_error *err);
    // A batch begins / is over and must be stored whole, with its positions, or not at all. (begin may be NULL)
    int (*begin)(void *ctx, struct hy_error *err);
    int (*record)(void *ctx, const struct hy_fold_record *record, struct hy_error *err);
    int (*commit)(void *ctx, const struct hy_fold_commit *parts, size_t n, struct hy_error *err);
    // A batch that failed after begin was dropped. (may be NULL)
    void (*rollback)(void *ctx);
    // The partition was folded to what was its end at that moment: after each (re)opening, and again each time that the
    // end is reached after more records. (may be NULL)
    void (*caught_up)(void *ctx, const char *topic, int32_t partition);
};

struct hy_fold_options {
    const char *name;              // of the fold, a label of its metrics: "sla", "dashboard"; borrowed for its life
    struct hy_kafka_options kafka; // strings borrowed for its life; its prefix is put before topics and group
    const char *group;             // group whose range assignor shares the partitions; NULL = all partitions, no group
    const char
        *instance; // of this process within the group: a restart within the session (6 s) gets its partitions back
                   //   at once; two processes with one name end each other. NULL = a member like any other
    const char *const *topics;    // table names ("hy.cases"), or, without a group, prefixes that end in "*"
    size_t n_topics;              //   ("hy.work.*": topics that come later are found); copied
    const struct hy_clock *clock; // NULL = the system's
    uint32_t batch_records;       // most records a batch; 0 = 1000
    uint32_t batch_bytes;         // most bytes a batch; 0 = 4 MB
    uint32_t refresh_ms;          // how often log ids and, without a group, topics are looked up anew; 0 = 10000
    int32_t session_ms;           // group session; 0 = 6000
    // Tells the log id of a topic, asked again each refresh_ms; NULL = by hy.registry, which the fold then follows.
    int (*log_id)(void *ctx, const char *topic, char out[HY_LOG_ID_SIZE], struct hy_error *err);
    void *log_id_ctx;
};

struct hy_fold; // opaque; one thread, but hy_fold_wake may be called from any

// Does not wait for the broker. HY_EINVALID or HY_ECONFIG names what is wrong with the options. Free with hy_fold_free,
// which leaves the group.
HY_MUST_CHECK int hy_fold_new(const struct hy_fold_options *options, const struct hy_fold_sink *sink,
                              struct hy_fold **out, struct hy_error *err);
void hy_fold_free(struct hy_fold *fold);

// One turn: opens what waits, reads for at most timeout_ms (returns at the first dry moment after a record), hands one
// batch to the sink and commits it. Returns the number of records folded, >= 0. Negative only for what
// waiting cannot mend (HY_EAUTH: Kafka refuses us; a fatal client error): say so and end, or make a new one. Kafka or
// the store being away is no failure: it is logged, counted and tried again.
HY_MUST_CHECK int hy_fold_poll(struct hy_fold *fold, int timeout_ms, struct hy_error *err);

// True when at least one partition is assigned and each of them was folded to its end since it was opened.
bool hy_fold_caught_up(const struct hy_fold *fold);
// Partitions assigned, and how many of them are open (folding).
void hy_fold_counts(const struct hy_fold *fold, size_t *assigned, size_t *open);
// Records between the position and the last known end, summed over open partitions. >= 0.
int64_t hy_fold_lag(const struct hy_fold *fold);
// Position of one partition; false when it is not open.
bool hy_fold_position(const struct hy_fold *fold, const char *topic, int32_t partition, struct hy_fold_position *out);

// The store lost a partition or distrusts it: open it again now, and, with from_start, reset it whatever it says.
void hy_fold_refold(struct hy_fold *fold, const char *topic, int32_t partition, bool from_start);
// Gives the assignment back and joins the group anew (an owner whose token was refused asks the group who owns what).
void hy_fold_rejoin(struct hy_fold *fold);
// Makes a hy_fold_poll that waits return soon. Any thread.
void hy_fold_wake(struct hy_fold *fold);

#endif
