// What goes wrong in a simulated city, chosen by the run's chance: kills and stops of programs, Kafka and Redis away,
// Redis flushed, restored from an old copy, its clock set, calls and commits whose result nobody learns, several at
// once and healed in any order. A new fault is a function and a row in FAULTS of faults.c.
#ifndef HY_SIM_FAULTS_H
#define HY_SIM_FAULTS_H

#include "tests/sim/sim.h"

// One fault each every_ms on average until until_ms; 0 = none. Each heals by itself within two minutes.
void faults_start(int64_t every_ms, int64_t until_ms);
// Counts of each kind, as one line of text.
void faults_print(void);

#endif
