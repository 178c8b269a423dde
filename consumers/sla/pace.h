// How many fires of a shard may be on their way to casework: as many as it works off within sla.engine_lag, so that
// after an outage a letter does not stand behind all timers that became overdue meanwhile. One fire at a time is
// watched: the time from Kafka's acknowledgement until casework's progress has passed it, less what it takes when
// nothing stands before it, moves the window; not when a queue of something else stands before it. Pure; a shard each.
// To judge by more than one fire, widen struct sla_pace; sla_pace_seen alone changes the window.
#ifndef HY_SLA_PACE_H
#define HY_SLA_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct sla_pace {
    int64_t window;    // fires under way at most
    bool full;         // it held claims back since the last answer
    bool watching;     // a fire
    int64_t offset;    // its own, in hy.commands
    int64_t ahead;     // records before it that casework had not handled
    int64_t since_ms;  // monotonic
    int64_t least_ms;  // what an answer takes with nothing before it
    int64_t judged_to; // offsets below belong to answers that were judged
};

// As a new owner begins, and when hy.commands was made anew.
void sla_pace_init(struct sla_pace *pace);
// Kafka has acknowledged a fire at this offset; watched when no other is. progress as below.
void sla_pace_sent(struct sla_pace *pace, int64_t offset, int64_t progress, int64_t mono_ms);
// Casework has worked off everything below `progress` (negative: not known). lag_ms: how far it may be behind.
void sla_pace_seen(struct sla_pace *pace, int64_t progress, int64_t mono_ms, int64_t lag_ms);

#endif
