// A progress line on a terminal (a bar with rate and time left), or a plain line every few seconds elsewhere.
// Percent goes by bytes, since a file's rows are not counted beforehand. To show another figure, add it to the struct.
// It writes nothing about the rows themselves: they may hold personal data.
#ifndef HY_REPLAY_PROGRESS_H
#define HY_REPLAY_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
    FILE *out;
    bool terminal;
    int64_t total_bytes; // 0 = not known
    int64_t began_ms, shown_ms;
};

struct progress_figures {
    int64_t bytes, rows, sent, refused, skipped, backlog;
};

void progress_begin(struct progress *progress, FILE *out, int64_t total_bytes, int64_t now_ms);
// Shows the figures if it is time (or last is set).
void progress_show(struct progress *progress, const struct progress_figures *figures, int64_t now_ms, bool last);

#endif
