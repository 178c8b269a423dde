#include "producers/replay/progress.h"

#include <string.h>
#include <unistd.h>

enum { BAR = 24, TERMINAL_MS = 200, PLAIN_MS = 5000 };

void progress_begin(struct progress *progress, FILE *out, int64_t total_bytes, int64_t now_ms) {
    *progress =
        (struct progress){.out = out, .terminal = isatty(fileno(out)), .total_bytes = total_bytes, .began_ms = now_ms};
}

static void draw_bar(FILE *out, double share) {
    int full = (int)(share * BAR);
    fputc('[', out);
    for (int i = 0; i < BAR; i++)
        fputs(i < full ? "#" : "-", out);
    fprintf(out, "] %3.0f%% ", share * 100);
}

void progress_show(struct progress *progress, const struct progress_figures *figures, int64_t now_ms, bool last) {
    int64_t every = progress->terminal ? TERMINAL_MS : PLAIN_MS;
    if (!last && now_ms - progress->shown_ms < every) return;
    progress->shown_ms = now_ms;
    double seconds = (double)(now_ms - progress->began_ms) / 1000.0;
    double rate = seconds > 0 ? (double)figures->sent / seconds : 0;
    double share = progress->total_bytes > 0 ? (double)figures->bytes / (double)progress->total_bytes : 0;
    if (last) share = 1;
    if (progress->terminal) fputs("\r\033[K", progress->out);
    if (progress->terminal && progress->total_bytes > 0) draw_bar(progress->out, share > 1 ? 1 : share);
    fprintf(progress->out, "rows %lld, sent %lld, skipped %lld, refused %lld, %.0f/s, behind %lld",
            (long long)figures->rows, (long long)figures->sent, (long long)figures->skipped,
            (long long)figures->refused, rate, (long long)figures->backlog);
    if (!last && share > 0.01) fprintf(progress->out, ", %.0f s left", seconds * (1 - share) / share);
    if (!progress->terminal || last) fputc('\n', progress->out);
    fflush(progress->out);
}
