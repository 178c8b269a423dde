// The life of a simulated program: it makes a step whenever it is woken, can be killed at any step (its memory is gone,
// nothing is said) and comes back, can be stopped and go on later as if nothing had been. A program is a table of four
// functions over a life of its own; to simulate another one, write that table and add it to city.c.
#ifndef HY_SIM_PROGRAM_H
#define HY_SIM_PROGRAM_H

#include "tests/sim/sim.h"

struct sim_program {
    char name[32]; // with the number of the process: "casework.1"
    void *(*begin)(struct sim_program *program);
    int64_t (*step)(void *life); // milliseconds to the next one; -1 = only when woken
    void (*end)(void *life);     // frees what memory held; Kafka and Redis learn nothing
    void (*silent)(void *life, bool silent);
    void *life; // NULL while it is down
    uint64_t lives;
    bool stopped, missed;
    int64_t doomed_in; // dies right after so many more steps; 0 = not doomed
    int64_t wake_ms;   // the next step, INT64_MAX = none
    int64_t lag_ms;    // how long a wake by new records takes at most
};

// The one that runs at the moment: what it opens (publisher, fold) wakes it.
extern struct sim_program *sim_program_running;

void sim_program_start(struct sim_program *program);
// Dies now and comes back after back_ms.
void sim_program_kill(struct sim_program *program, int64_t back_ms);
// Dies right after so many more steps: with what it just began in hand.
void sim_program_doom(struct sim_program *program, int64_t steps);
// Stands still for for_ms and then goes on where it was.
void sim_program_stop(struct sim_program *program, int64_t for_ms);
void sim_program_end(struct sim_program *program);
// A step within delay_ms, unless one comes earlier.
void sim_program_wake(struct sim_program *program, int64_t delay_ms);
// For sim_kafka_watch: something new to read. ctx is the program.
void sim_program_news(void *ctx, uint64_t partition);

#endif
