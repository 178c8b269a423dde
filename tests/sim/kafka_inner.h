// What kafka.c (the log) and group.c (who reads it) share; included by nothing else. A third part of the model gets its
// own file and its functions listed here; what programs may use stands in kafka.h. All of it belongs to the one thread
// of the simulator.
#ifndef HY_SIM_KAFKA_INNER_H
#define HY_SIM_KAFKA_INNER_H

#include "tests/sim/kafka.h"

int sim_txn_put_offset(const struct sim_producer *producer, const char *group, const char *topic, int32_t partition,
                       int64_t next);
void sim_groups_end(void);

#endif
