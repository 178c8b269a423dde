// What everybody in the city can see of its cases: the newest committed snapshot of each, read once for the people who
// act on it and for the auditor who judges it, and kept until the run ends. To see more of a case, add it here and in
// take() of seen.c.
#ifndef HY_SIM_SEEN_H
#define HY_SIM_SEEN_H

#include <uthash.h>

#include "huiying/v1/case.pb-c.h"
#include "lib/base/id.h"
#include "tests/sim/sim.h"

enum { SEEN_CLOCKS = 8 };

struct seen_clock {
    char name[24];
    uint32_t epoch, stage;
    int64_t due_ms;  // of the stage, as Redis holds it
    int64_t skew_ms; // which is so much later than it is due, for a fast clock of Redis
    bool running;
};

struct seen_case {
    char id[HY_ID_SIZE], dossier[HY_ID_SIZE];
    char kind[16], owner[24];
    Huiying__V1__CaseState state;
    uint64_t step, version;
    uint8_t draft[32]; // hash of the text under review
    bool open, acknowledged;
    int64_t opened_ms;
    struct seen_clock clocks[SEEN_CLOCKS];
    int n_clocks;
    uint64_t planned; // of people.c: the step that somebody has a plan for
    UT_hash_handle hh;
};

// changed runs after each new snapshot; it may schedule, not publish.
void seen_start(void (*changed)(struct seen_case *c));
void seen_end(void);
struct seen_case *seen_all(void); // the first; next by hh.next
struct seen_case *seen_find(const char *id);

#endif
