// Casework: commands into cases (design sections 4-6). The case engine (lib/core/case.h) decides, the lane
// (lib/lane/lane.h) makes the decision and its effects one transaction; this file only carries between the two.
// To handle a new kind of command: a row in the engine, nothing here. Thread: the lanes' own; the struct is shared.
#ifndef HY_CASEWORK_CASEWORK_H
#define HY_CASEWORK_CASEWORK_H

#include "lib/base/metrics.h"
#include "lib/lane/lane.h"
#include "lib/run/packs.h"

enum { CASEWORK_OUTCOMES = 5 }; // of enum hy_engine_outcome

// What the handler needs, shared by all lanes. packs is borrowed until the lanes have stopped.
struct casework {
    struct hy_packs *packs;
    struct hy_metric *judged[CASEWORK_OUTCOMES]; // set by casework_handler
};

// The lane's handler over *casework (borrowed), whose metrics it registers.
struct hy_lane_handler casework_handler(struct casework *casework);

#endif
