// The auditor of a simulated city: what was accepted, what became of it, and what must be true at the end. It reads
// committed records, Redis and the other side of deliveries; the programs it judges tell it nothing.
// To hold another promise, note what it needs in audit.c's taps and judge it in audit_judge.
#ifndef HY_SIM_AUDIT_H
#define HY_SIM_AUDIT_H

#include "tests/sim/sim.h"

struct audit_sums {
    uint64_t accepted, repeated; // events; the same ones once more
    uint64_t opened, appended, noted, edited, withdrawn, dead;
    uint64_t acts, refused;
    uint64_t warned, breached;
    uint64_t timed;    // of these two: whose due time is known
    int64_t latest_ms; // how late a warning or breach was told at most
    uint64_t incidents, work_items, journal;
    uint64_t problems;
};
extern struct audit_sums audit_sums;

// late_ms: how late a warning or breach may be told at most.
void audit_start(int64_t late_ms);
void audit_end(void);
// The city says: this message was accepted (once more, when it was known).
void audit_accepted(const char *event_id);
// Somebody's act was accepted under this command id; there must be one verdict.
void audit_act(const char *command_id);
// At rest: judges everything. quiet_ms: how long nothing has gone wrong any more. Problems go to stderr.
void audit_judge(int64_t quiet_ms);

#endif
