// A log in memory with what the programs rely on of Kafka: partitions, transactions with fencing and a last stable
// offset, consumer groups with sessions and generations, compaction. Readers see committed records only. To let Kafka
// fail in a new way, add a switch to struct sim_kafka and ask it where the call is made.
#ifndef HY_SIM_KAFKA_H
#define HY_SIM_KAFKA_H

#include "lib/base/bytes.h"
#include "lib/base/id.h"
#include "lib/lane/topics.h"
#include "tests/sim/sim.h"

enum {
    SIM_PARTITIONS = 4, // of every topic that the table gives more than one
    SIM_TXN_MS = 6000,
    SIM_SESSION_MS = 6000
};

struct sim_record {
    int64_t offset, at_ms;
    struct hy_bytes key, value;
    bool tombstone;
};
typedef void (*sim_tap)(void *ctx, const char *topic, int32_t partition, const struct sim_record *record);

// Away: no call gets through. Switched by the faults.
extern bool sim_kafka_away;

void sim_kafka_start(void);
void sim_kafka_end(void);
int32_t sim_partitions_of(const char *topic);
const char *sim_log_id(const char *topic); // of all topics the same one
// fn sees each record of the topic (or, with a last '*', of all that begin so) as it becomes readable, in order.
void sim_kafka_tap(const char *topic, sim_tap fn, void *ctx);
// fn runs when something became readable there.
void sim_kafka_watch(const char *topic, sim_fn fn, void *ctx);

// ---- producing ----
struct sim_producer {
    int id;
    uint32_t epoch;
};
// The transactional producer of that name: whoever had it before is fenced, his open transaction aborted. HY_ENET.
HY_MUST_CHECK int sim_producer_init(const char *name, struct sim_producer *out);
// Appends; partition -1 = by the key. In a transaction with a producer, alone with NULL. HY_EFENCED, HY_ENET.
HY_MUST_CHECK int sim_append(const char *topic, int32_t partition, struct hy_bytes key, struct hy_bytes value,
                             bool tombstone, const struct sim_producer *producer, int64_t *offset);
// Ends the open transaction. HY_EFENCED: it is not this producer's any more. HY_ENET: nothing happened.
HY_MUST_CHECK int sim_txn_end(const struct sim_producer *producer, bool commit);
// The group's position, to be stored with the transaction. HY_EFENCED also for an old generation.
HY_MUST_CHECK int sim_txn_offset(const struct sim_producer *producer, const char *group, uint64_t generation,
                                 const char *topic, int32_t partition, int64_t next);

// ---- reading ----
// The first readable record at or behind `from`; false at the end.
bool sim_read(const char *topic, int32_t partition, int64_t from, struct sim_record *out);
int64_t sim_log_end(const char *topic, int32_t partition);
int64_t sim_stable_end(const char *topic, int32_t partition); // last stable offset
int64_t sim_log_low(const char *topic, int32_t partition);
int64_t sim_group_position(const char *group, const char *topic, int32_t partition); // -1 = none
// True while an open transaction holds a position of the group there: what stands now may be about to change.
bool sim_group_unsettled(const char *group, const char *topic, int32_t partition);
// What a reader will not ask for again may go (topics that are not compacted).
void sim_release(const char *topic, int32_t partition, int64_t below);

// ---- groups ----
struct sim_member; // one a running program
// Joins; changed runs (once now, and whenever its share changed) as soon as the group has settled.
struct sim_member *sim_group_join(const char *group, const char *name, sim_fn changed, void *ctx);
void sim_group_leave(struct sim_member *member);  // at once
void sim_group_vanish(struct sim_member *member); // like a kill: the group notices after the session
// A stopped program: out of the group after the session, until it is back and says so.
void sim_group_silent(struct sim_member *member, bool silent);
uint64_t sim_group_generation(const struct sim_member *member); // of the group, 0 = not in it
// Is this partition (of topics that are shared alike) the member's?
bool sim_group_owns(const struct sim_member *member, int32_t partition);

#endif
