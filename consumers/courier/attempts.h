// What this courier is doing at the moment, by case and row: so that a row is claimed once and sent once while the view
// lags behind. Memory only; a restart begins with none, and the engine's claims keep it honest. One thread.
// A new step of an attempt is a value of enum attempt_step and its place in courier.c.
#ifndef HY_COURIER_ATTEMPTS_H
#define HY_COURIER_ATTEMPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"

enum attempt_step { ATTEMPT_NONE, ATTEMPT_CLAIMED, ATTEMPT_SENDING, ATTEMPT_REPORTED };

struct attempt {
    struct attempt *next;
    char *key; // case "/" row
    uint32_t number;
    enum attempt_step step;
    int64_t since_ms;   // boot clock, of this step
    int64_t claimed_ms; // boot clock, before the first claim of this number: its lease cannot have begun earlier
};

struct attempts {
    struct attempt *first;
    int busy; // in step SENDING
};

// The entry of case and row, made when missing; NULL: out of memory.
struct attempt *attempts_of(struct attempts *attempts, const char *case_id, const char *row);
// Moves an entry on.
void attempt_step(struct attempts *attempts, struct attempt *attempt, enum attempt_step step, uint32_t number,
                  int64_t now_ms);
// A claim of this number is about to be published at now_ms, for the first time or again.
void attempt_claim(struct attempts *attempts, struct attempt *attempt, uint32_t number, int64_t now_ms);
// Forgets what has rested for max_age_ms (never what is being sent).
void attempts_sweep(struct attempts *attempts, int64_t now_ms, int64_t max_age_ms);
void attempts_free(struct attempts *attempts);

#endif
