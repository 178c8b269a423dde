#include "consumers/dashboard/words.h"

#include <stddef.h>

#define PICK(words, value) ((size_t)(value) < sizeof(words) / sizeof((words)[0]) ? (words)[value] : "")

const char *word_verdict(Huiying__V1__Verdict verdict) {
    static const char *const WORDS[] = {"", "applied", "refused", "repeated"};
    return PICK(WORDS, verdict);
}

const char *word_fate(Huiying__V1__Fate fate) {
    static const char *const WORDS[] = {"", "opened", "appended", "noted", "edited", "withdrawn", "repeated"};
    return PICK(WORDS, fate);
}

const char *word_work(Huiying__V1__WorkKind kind) {
    static const char *const WORDS[] = {"", "assigned", "reminded", "changed", "recalled", "closed"};
    return PICK(WORDS, kind);
}

const char *word_clock(Huiying__V1__ClockState state) {
    static const char *const WORDS[] = {"", "running", "stopped", "breached", "refuted"};
    return PICK(WORDS, state);
}

const char *word_delivery(Huiying__V1__DeliveryState state) {
    static const char *const WORDS[] = {"", "pending", "sending", "sent", "failed", "unknown"};
    return PICK(WORDS, state);
}
