// A model of the lane (lib/lane/lane.h): the real handlers of router, casework and sentinel run on it, with the real
// stores beneath. It keeps the lane's promises in the lane's order: restore behind the barrier, overlay, snapshots and
// progress in the record's transaction, offsets sent under the group's generation, everything anew after a result that
// is not known. What may go wrong between two of its steps is for faults.c to choose.
#ifndef HY_SIM_LANE_H
#define HY_SIM_LANE_H

#include "lib/lane/lane.h"
#include "tests/sim/program.h"

// A program whose work is one lane. handler is called for each life; release for what it gave as user.
struct sim_lane_program {
    struct sim_program program;
    struct hy_lane_handler (*handler)(void);
    void (*release)(void *user);
    const char *group;
    // what was seen, for the report
    uint64_t records, commits, aborts, unknown, restores, dead;
};

void sim_lane_program_init(struct sim_lane_program *of, const char *group, int number);

// One in so many ends of a transaction has a result that the lane does not learn; 0 = none.
extern int64_t sim_lane_unknown;

#endif
