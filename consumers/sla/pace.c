#include "consumers/sla/pace.h"

enum { START = 512, LEAST = 64, MOST = 1 << 20, FORGET_MS = 60000 };

void sla_pace_init(struct sla_pace *pace) {
    *pace = (struct sla_pace){.window = START};
}

void sla_pace_sent(struct sla_pace *pace, int64_t offset, int64_t mono_ms) {
    if (pace->watching || offset < pace->judged_to) return;
    pace->watching = true;
    pace->offset = offset;
    pace->since_ms = mono_ms;
}

// What would have taken lag_ms; at most to a half or by a half: one slow commit is no slow engine.
static int64_t fitting(int64_t window, int64_t took_ms, int64_t lag_ms) {
    int64_t least = window / 2;
    int64_t most = window + window / 2;
    int64_t fits = took_ms > 0 ? window * lag_ms / took_ms : most;
    fits = fits < least ? least : fits > most ? most : fits;
    return fits < LEAST ? LEAST : fits > MOST ? MOST : fits;
}

void sla_pace_seen(struct sla_pace *pace, int64_t progress, int64_t mono_ms, int64_t lag_ms) {
    if (!pace->watching) return;
    int64_t took_ms = mono_ms - pace->since_ms;
    if (progress <= pace->offset) {
        if (took_ms > FORGET_MS) pace->watching = false; // hy.commands was made anew: its offset is of another log
        return;
    }
    pace->watching = false;
    pace->judged_to = progress;
    if (took_ms > lag_ms || pace->full) pace->window = fitting(pace->window, took_ms, lag_ms);
    pace->full = false;
}
