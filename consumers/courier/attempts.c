#include "consumers/courier/attempts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 128 };

// At most a few hundred rows are open at a time: a list is enough.
struct attempt *attempts_of(struct attempts *attempts, const char *case_id, const char *row) {
    char key[KEY_MAX];
    snprintf(key, sizeof key, "%s/%s", case_id, row);
    for (struct attempt *a = attempts->first; a; a = a->next) {
        if (strcmp(a->key, key) == 0) return a;
    }
    struct attempt *made = calloc(1, sizeof *made);
    if (!made || !(made->key = strdup(key))) {
        free(made);
        return NULL;
    }
    made->next = attempts->first;
    attempts->first = made;
    return made;
}

void attempt_step(struct attempts *attempts, struct attempt *attempt, enum attempt_step step, uint32_t number,
                  int64_t now_ms) {
    attempts->busy += (step == ATTEMPT_SENDING) - (attempt->step == ATTEMPT_SENDING);
    attempt->step = step;
    attempt->number = number;
    attempt->since_ms = now_ms;
}

void attempt_claim(struct attempts *attempts, struct attempt *attempt, uint32_t number, int64_t now_ms) {
    bool again = attempt->step == ATTEMPT_CLAIMED && attempt->number == number;
    if (!again) attempt->claimed_ms = now_ms;
    attempt_step(attempts, attempt, ATTEMPT_CLAIMED, number, now_ms);
}

void attempts_sweep(struct attempts *attempts, int64_t now_ms, int64_t max_age_ms) {
    for (struct attempt **at = &attempts->first; *at;) {
        struct attempt *a = *at;
        if (a->step == ATTEMPT_SENDING || now_ms - a->since_ms < max_age_ms) {
            at = &a->next;
            continue;
        }
        *at = a->next;
        free(a->key);
        free(a);
    }
}

void attempts_free(struct attempts *attempts) {
    for (struct attempt *a = attempts->first, *next; a; a = next) {
        next = a->next;
        free(a->key);
        free(a);
    }
    *attempts = (struct attempts){0};
}
