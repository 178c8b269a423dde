// Sentinel: sightings into observations (design sections 2 and 4). A lane with state: one window a subject
// (lib/core/incident.h), kept in hy.subjects. It reports at most once a second a subject, folds storms and drops
// nothing; what becomes of an observation (an incident, its growth, the next episode) is the engine's decision. Its
// time is event time: the latest `received` of the partition, never later than the wall clock. So a file of past
// messages is judged as it was lived, and a live stream as it is.
#ifndef HY_SENTINEL_SENTINEL_H
#define HY_SENTINEL_SENTINEL_H

#include "lib/lane/lane.h"
#include "lib/run/packs.h"

struct sentinel {
    struct hy_packs *packs; // borrowed until the lanes have stopped
};

struct hy_lane_handler sentinel_handler(struct sentinel *sentinel);

#endif
