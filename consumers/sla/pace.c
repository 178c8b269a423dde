#include "consumers/sla/pace.h"

enum { START = 512, LEAST = 64, MOST = 1 << 20, OURS = 2, ALONE = 8 };

void sla_pace_init(struct sla_pace *pace) {
    *pace = (struct sla_pace){.window = START, .least_ms = INT64_MAX};
}

void sla_pace_sent(struct sla_pace *pace, int64_t offset, int64_t progress, int64_t mono_ms) {
    if (pace->watching || offset < pace->judged_to) return;
    pace->watching = true;
    pace->offset = offset;
    pace->ahead = progress < 0 ? 0 : offset - progress;
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

// Of an answer, what the records before it made it wait. Only one that had hardly any before it tells that answers have
// become slow for good, as with a broker further away.
static int64_t queued(struct sla_pace *pace, int64_t took_ms) {
    if (took_ms < pace->least_ms || pace->ahead <= ALONE) pace->least_ms = took_ms;
    return took_ms - pace->least_ms;
}

void sla_pace_seen(struct sla_pace *pace, int64_t progress, int64_t mono_ms, int64_t lag_ms) {
    if (!pace->watching || progress <= pace->offset) return;
    int64_t waited_ms = queued(pace, mono_ms - pace->since_ms);
    bool ours = pace->ahead <= OURS * pace->window;
    pace->watching = false;
    pace->judged_to = progress;
    if (waited_ms > lag_ms ? ours : pace->full) pace->window = fitting(pace->window, waited_ms, lag_ms);
    pace->full = false;
}
