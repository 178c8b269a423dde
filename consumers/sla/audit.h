// The auditor: a thread that folds hy.cases by itself into memory and compares it with what the worker read from
// Redis's raw records. It shares nothing with the worker's way but the reading of a snapshot. A difference is counted,
// logged and has the shard folded again from its start. To compare more, add it to struct sla_audit_shot and to
// audit.c's judge.
#ifndef HY_SLA_AUDIT_H
#define HY_SLA_AUDIT_H

#include "consumers/sla/audit_index.h"
#include "consumers/sla/audit_map.h"
#include "consumers/sla/options.h"
#include "lib/fold/fold.h"
#include "lib/web/health.h"

// What stood in Redis at one moment for one shard.
struct sla_audit_shot {
    int32_t partition;
    struct hy_fold_position position;
    struct sla_audit_entry *found; // key, sum, n of each case; owned
    size_t n, cap;
    int64_t pending;           // the shard's own count of entries
    int64_t timers;            // entries in its records
    int64_t claimed, outbox;   // claimed entries; members of the outbox
    struct sla_hashes waiting; // what the due index should hold: a hash each case with an unclaimed entry
    struct sla_hashes indexed; // what it holds
    bool disturbed;            // something was claimed meanwhile: the three lines above say nothing
    uint64_t unreadable;       // records and entries that could not be read
};

void sla_audit_shot_clear(struct sla_audit_shot *shot); // frees what it owns; all zero again

struct sla_audit; // opaque

// Starts the thread. options, health and their texts are borrowed for its life.
HY_MUST_CHECK int sla_audit_start(const struct sla_options *options, struct hy_health *health, struct sla_audit **out,
                                  struct hy_error *err);
// Worker's thread: may a shot be handed over now? False while the last one is being compared.
bool sla_audit_free(struct sla_audit *audit);
// Worker's thread: hands a shot over; what it owns is taken.
void sla_audit_submit(struct sla_audit *audit, struct sla_audit_shot *shot);
// Worker's thread: a partition that must be folded again from its start, or -1.
int32_t sla_audit_verdict(struct sla_audit *audit);
// Ends the thread and frees all. NULL is nothing.
void sla_audit_stop(struct sla_audit *audit);

#endif
