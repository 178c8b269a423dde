// What a record of hy.cases means for timers: a case's running clocks, casework's progress, or nothing. Pure.
// An entry exists for each clock that runs in a case that is open; its identity is (case, clock, epoch, stage). To give
// timers to something else, add a kind here and handle it in sink.c and audit_view.c.
#ifndef HY_SLA_SNAPSHOT_H
#define HY_SLA_SNAPSHOT_H

#include "lib/base/arena.h"
#include "lib/fold/fold.h"
#include "lib/fold/timers_codec.h"

enum sla_change_kind { SLA_NOTHING, SLA_CASE, SLA_PROGRESS };

struct sla_change {
    enum sla_change_kind kind;
    struct hy_timer_case one; // SLA_CASE; timers point into the array below, texts into the arena
    struct hy_timer timers[HY_TIMER_CLOCKS_MAX];
    size_t unfit;                     // running clocks that cannot be kept (name, stage or time out of range)
    struct hy_fold_position progress; // SLA_PROGRESS: of casework in hy.commands
};

// Reads one record; its texts live in the arena until that is reset. HY_EFORMAT or HY_EVERSION: the record cannot be
// read (err says why, without its content); what is known of its case must then stay as it is.
HY_MUST_CHECK int sla_read_record(struct hy_bytes key, struct hy_bytes value, struct hy_arena *arena,
                                  struct sla_change *out, struct hy_error *err);

// The 64-bit hash of a case's id, and of one timer; a case's timers are summed up. For comparing sets.
uint64_t sla_case_hash(const char *case_id);
uint64_t sla_timer_hash(const char *clock, uint32_t epoch, uint32_t stage, int64_t due_ms);

#endif
