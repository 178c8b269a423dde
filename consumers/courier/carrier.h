// What the courier does with each open row: claim it, read the own claim back, send while enough of the lease is left,
// report what came of it; look for what an earlier life may have sent. No thread, no socket and no clock of its own, so
// that the simulator runs it on virtual time. To do something new with a row, add a branch in look_at_row.
#ifndef HY_COURIER_CARRIER_H
#define HY_COURIER_CARRIER_H

#include "consumers/courier/attempts.h"
#include "consumers/courier/outbox.h"
#include "consumers/courier/target.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/lane/publisher.h"

enum { CARRIER_TARGETS = 2 };

// All pointers are borrowed. One thread.
struct carrier {
    char name[HY_ID_SIZE]; // of this start of the program: no other start has it
    struct hy_publisher *publisher;
    struct outbox *outbox;
    struct target *targets[CARRIER_TARGETS]; // the first also stands in for platforms without a way back
    const struct hy_clock *clock; // its mono goes on while the machine sleeps: a lease runs out in the real world
    struct hy_arena *arena;       // for one command
    struct attempts attempts;     // attempts_free, after all sends have ended
    int64_t looked_ms;
};

// Looks at the open rows, at most each 100 ms, and does the next step of each. Call it only while the outbox's fold has
// caught up: on an old view it would claim what is done. Failures are logged and tried again.
void carrier_look(struct carrier *carrier);

#endif
