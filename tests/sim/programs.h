// The programs of the simulated city: two routers, two engines, a sentinel, two sla, two couriers. Their own code runs
// on the models of lane, fold, publisher, Redis and targets that stand beside this file. To add a process, raise its
// number here; a new program gets its table in programs.c.
#ifndef HY_SIM_PROGRAMS_H
#define HY_SIM_PROGRAMS_H

#include "lib/run/packs.h"
#include "tests/sim/lane.h"

enum { SIM_LANES = 5, SIM_SLAS = 2, SIM_COURIERS = 2, SIM_PROGRAMS = SIM_LANES + SIM_SLAS + SIM_COURIERS };

extern struct sim_lane_program sim_lanes[SIM_LANES];
extern struct sim_program *sim_programs[SIM_PROGRAMS]; // all of them

// packs is borrowed until sim_programs_end.
void sim_programs_start(struct hy_packs *packs);
void sim_programs_end(void);

// fold.c: for a program that is stopped, its group misses it.
struct hy_fold;
void sim_fold_silent(struct hy_fold *fold, bool silent);

// targets.c: where couriers bring answers. How many texts reached each row's other side, for the auditor.
struct target *sim_target_new(const char *name, bool idempotent, bool looks, const struct sim_program *program);
// The most often that one row of a target that is not idempotent was brought.
int sim_targets_worst(void);
uint64_t sim_targets_brought(void);
void sim_targets_end(void);

#endif
