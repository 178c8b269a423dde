// The inside of sla: one worker thread folds hy.cases into Redis and claims what is due, in turns; an audit thread
// compares. sink.c is the fold's store, claims.c the other half of a turn, turn.c the turn itself, audit.c the
// comparison, worker.c the life of all of it. A new duty of the worker is a function called from its turn; nothing
// blocks longer than a reply of Redis may take.
#ifndef HY_SLA_SLA_H
#define HY_SLA_SLA_H

#include <stdatomic.h>

#include "consumers/sla/audit.h"
#include "consumers/sla/fires.h"
#include "consumers/sla/guard.h"
#include "consumers/sla/options.h"
#include "consumers/sla/pace.h"
#include "consumers/sla/snapshot.h"
#include "lib/fold/timers.h"
#include "lib/web/health.h"

enum { SLA_BATCH = 256 };

// One partition of hy.cases as a shard of timers.
struct sla_shard {
    bool ours;           // assigned to this process
    bool take;           // the next open makes us its owner (once an assignment)
    bool open;           // the fold has opened it: Redis and we agree where it stands
    bool ready;          // folded to the end since: claims may run
    bool full;           // Redis is: it was ready when a write was refused, and claims may run on
    int64_t refused_ms;  // monotonic; since when another's token stands there, 0 = it does not
    int64_t next_due_ms; // HY_TIMERS_NONE = none
    int64_t claimed_ms;  // monotonic, of the last claim
    int64_t pending, outbox, under_way;
    uint64_t given; // fires that claims gave out
    struct hy_timers_shard timers;
    // casework's progress: the newest, and the newest whose effects have all been folded
    struct hy_fold_position progress;
    int64_t settled_offset;
    int64_t resent_ms; // monotonic
    struct sla_pace pace;
    bool held_back;       // what is due waits for casework
    int64_t held_back_ms; // monotonic, since when
    // the batch in hand: packed cases behind each other
    struct hy_buf packed;
    size_t ends[SLA_BATCH];
    size_t n;
    bool progressed;
    // the round of claims in hand
    bool claiming, confirming;
};

struct sla_metrics {
    struct hy_metric *pending, *outbox, *oldest_due, *redis_up, *held, *skew_host, *skew_broker, *held_back;
    struct hy_metric *refused_token, *refused_version, *refused_position, *lost, *unreadable, *unfit, *steps, *claims;
};

// The shard under audit, read slice by slice between claims.
struct sla_audit_read {
    bool active;
    int bucket;          // the next record hash to read
    uint64_t given;      // of the shard when the reading began
    int next;            // the partition to audit next
    int64_t round_ms;    // monotonic, when the next round over all partitions begins
    struct hy_buf names; // of clocks, from the header
    struct sla_audit_shot shot;
};

struct sla {
    const struct sla_options *options;
    const struct hy_clock *clock;
    struct hy_redis *redis;
    struct hy_fold *fold;
    struct hy_publisher *publisher;
    struct sla_fires *fires;
    struct sla_audit *audit;
    struct sla_audit_read reading;
    struct hy_arena *arena; // of the batch in hand
    struct sla_guard guard;
    struct sla_metrics metrics;
    struct hy_health_part *health_worker, *health_redis, *health_kafka, *health_clock;
    int64_t reported_ms, probed_ms, all_open_ms; // monotonic
    int64_t host_skew_ms;                        // Redis's clock against the host's, > 0 = Redis is ahead
    int n_shards;                                // partitions of hy.cases
    struct sla_shard shards[SLA_SHARDS_MAX];
};

// sink.c
struct hy_fold_sink sla_sink(struct sla *sla);
// What a refusal or failure of Redis means for a shard: counts it, and closes the shard until the fold opens it again.
void sla_shard_failed(struct sla *sla, int32_t partition, int code);
// claims.c: confirms and claims of all shards that need one, in one round trip.
void sla_claims(struct sla *sla);
// Milliseconds the worker may sleep: until the next due time, within 0..sleep_max.
int sla_sleep_ms(const struct sla *sla);
// audit_read.c: reads a slice of the shard under audit, if there is one; true while a shard is being read (nothing may
// be folded then, so that it stands still).
bool sla_audit_slice(struct sla *sla);
// metrics.c
void sla_metrics_register(struct sla_metrics *metrics);
// Gauges and health, at most each 500 ms.
void sla_report(struct sla *sla);

// turn.c. *sla is cleared before init; n_shards is set before open. open fails as its parts do; close frees what open
// made, also after it failed, and leaves the struct itself.
void sla_init(struct sla *sla, const struct sla_options *options, const struct hy_clock *clock,
              struct hy_health *health);
HY_MUST_CHECK int sla_open(struct sla *sla, struct hy_error *err);
// Folds, claims, sends, reports. Sleeps at most until the next due time. Negative: waiting cannot mend it.
HY_MUST_CHECK int sla_turn(struct sla *sla, struct hy_error *err);
// What was claimed is sent and its offsets stored, so that the next owner repeats nothing. At most options->drain_ms.
void sla_drain(struct sla *sla);
void sla_close(struct sla *sla);

// worker.c: runs until *stop, then drains. 0, or a negative code after which the process must end with an error.
int sla_run(const struct sla_options *options, struct hy_health *health, atomic_bool *stop, struct hy_error *err);

#endif
