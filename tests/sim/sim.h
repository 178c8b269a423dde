// The simulator's ground: virtual time, one seeded source of chance, and what happens next. Everything of a simulated
// city runs on one thread and in one order, so the same seed gives the same run. Times are milliseconds since 1970 UTC.
// To simulate something new, schedule it here with sim_after and draw its chances from sim_below.
#ifndef HY_SIM_SIM_H
#define HY_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/clock.h"

typedef void (*sim_fn)(void *ctx, uint64_t tag);

struct sim_event {
    int64_t at_ms;
    uint64_t seq; // what was scheduled first happens first
    sim_fn fn;
    void *ctx;
    uint64_t tag;
};

struct sim {
    int64_t start_ms, now_ms;
    uint64_t chance;          // state of the source of chance
    uint64_t trace;           // a hash over all that became visible: equal seeds give equal traces
    struct sim_event *events; // a heap by time
    size_t n_events, cap_events;
    uint64_t next_seq;
    struct hy_clock clock; // of every program
};

// The one under way. The interfaces that the simulator stands in for (publisher, Redis, packs) carry no context.
extern struct sim sim_now;

void sim_start(int64_t start_ms, uint64_t seed);
void sim_end(void);
// Runs fn after delay_ms (>= 0) of virtual time.
void sim_after(int64_t delay_ms, sim_fn fn, void *ctx, uint64_t tag);
// Does what comes next; false when nothing comes any more or it comes after until_ms.
bool sim_step(int64_t until_ms);

uint64_t sim_random(void);
int64_t sim_below(int64_t n);                     // 0 .. n - 1, n >= 1
int64_t sim_between(int64_t least, int64_t most); // both may come
bool sim_chance(int64_t one_in);                  // true once in one_in; never for 0
// Mixes bytes into the trace.
void sim_note(const void *bytes, size_t len);

#endif
