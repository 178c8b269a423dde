// The guard against clock steps. Redis's clock decides what is due; it must move as the host's monotonic clock does. A
// jump of more than `slack` holds all claims until the clock has been steady for `hold` again and agrees with the
// host's wall clock (or ten times as long without agreement: a wrong but steady clock fires late or is re-armed by the
// engine, a held one never fires). Pure: all readings come in as values. To watch another clock, add its reading to
// guard_see.
#ifndef HY_SLA_GUARD_H
#define HY_SLA_GUARD_H

#include <stdbool.h>
#include <stdint.h>

struct sla_guard {
    int64_t slack_ms; // a larger jump holds
    int64_t hold_ms;
    int64_t agree_ms; // Redis and host further apart than this: alarm
    // what it knows
    bool known;
    int64_t redis_ms, mono_ms; // the last reading, both at one moment
    bool held;
    int64_t steady_since_ms; // monotonic
};

// What Redis's clock should say at mono_ms, -1 when nothing is known yet.
int64_t sla_guard_expect(const struct sla_guard *guard, int64_t mono_ms);
// Before the first reading: is it so far from the host's wall clock that it counts as a jump? A fire that is an hour
// early would be armed anew, and come an hour late once Redis's clock is set right.
bool sla_guard_wrong(const struct sla_guard *guard, int64_t redis_ms, int64_t host_ms);
// A reading that a claim accepted.
void sla_guard_accept(struct sla_guard *guard, int64_t redis_ms, int64_t mono_ms);
// A reading that was refused: from now on held. The new reading is what must prove steady.
void sla_guard_stepped(struct sla_guard *guard, int64_t redis_ms, int64_t mono_ms);
// A reading while held; true when the hold ends with it. The clock is steady as long as it is read every few seconds.
bool sla_guard_recovers(struct sla_guard *guard, int64_t redis_ms, int64_t mono_ms, int64_t host_ms);
// True when the two clocks are further apart than agreed.
bool sla_guard_apart(const struct sla_guard *guard, int64_t redis_ms, int64_t host_ms);

#endif
