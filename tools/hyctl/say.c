#include "tools/hyctl/say.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/hyctl/command.h"

int hyctl_say_json(json_t *value) {
    if (value == NULL) {
        hyctl_error("out of memory");
        return HYCTL_FAILED;
    }
    bool written = json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY) == 0;
    json_decref(value);
    if (!written || fputc('\n', stdout) == EOF || fflush(stdout) != 0) {
        hyctl_error("the answer could not be written");
        return HYCTL_FAILED;
    }
    return HYCTL_OK;
}

// East Asian wide: the blocks that names of places, people and rules are written in, and emoji.
static int columns_of(uint32_t c) {
    static const struct {
        uint32_t first, last;
    } wide[] = {{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},
                {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd}};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (c >= wide[i].first && c <= wide[i].last) return 2;
    return 1;
}

static uint32_t next_char(const unsigned char **at) {
    uint32_t c = *(*at)++;
    int more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    if (more > 0) c &= 0x3fu >> more;
    for (; more > 0 && (**at & 0xc0) == 0x80; more--)
        c = c << 6 | (*(*at)++ & 0x3fu);
    return c;
}

int hyctl_width(const char *text) {
    int width = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';)
        width += columns_of(next_char(&at));
    return width;
}

// C0, DEL, and C1 (C2 80 to C2 9F in UTF-8).
static bool steers(const unsigned char *at) {
    return *at < 0x20 || *at == 0x7f || (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0);
}

void hyctl_say_text(FILE *out, const char *text, bool multiline) {
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        bool fine = !steers(at) || (multiline && (*at == '\n' || *at == '\t'));
        if (!fine && *at == 0xc2) at++;
        fputc(fine ? *at : '?', out);
    }
}

// ---- tables ----

void hyctl_table_cell(struct hyctl_table *table, const char *fmt, ...) {
    if (table->n == table->cap) {
        size_t cap = table->cap == 0 ? 64 : 2 * table->cap;
        char **cells = realloc(table->cells, cap * sizeof *cells);
        if (cells == NULL) return;
        table->cells = cells;
        table->cap = cap;
    }
    char *cell = NULL;
    va_list args;
    va_start(args, fmt);
    if (vasprintf(&cell, fmt, args) < 0) cell = NULL;
    va_end(args);
    table->cells[table->n++] = cell;
}

static const char *cell_text(const struct hyctl_table *table, size_t i) {
    return table->cells[i] != NULL ? table->cells[i] : "";
}

void hyctl_table_print(struct hyctl_table *table, FILE *out) {
    int widths[HYCTL_COLUMNS] = {0};
    size_t columns = (size_t)table->columns;
    for (size_t i = 0; i < table->n; i++) {
        int width = hyctl_width(cell_text(table, i));
        if (width > widths[i % columns]) widths[i % columns] = width;
    }
    int owed = 0; // spaces are written before the next cell, so that no line ends with any
    for (size_t i = 0; i < table->n; i++) {
        bool last = (i + 1) % columns == 0;
        const char *text = cell_text(table, i);
        if (*text != '\0') {
            fprintf(out, "%*s", owed, "");
            hyctl_say_text(out, text, false);
            owed = 0;
        }
        owed = last ? 0 : owed + widths[i % columns] - hyctl_width(text) + 2;
        if (last) fputc('\n', out);
        free(table->cells[i]);
    }
    free(table->cells);
    *table = (struct hyctl_table){.columns = table->columns};
}

// ---- the bar ----

struct hyctl_progress {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ended;
    const char *what;
    _Atomic uint64_t done, total;
    struct timespec start;
};

char *hyctl_bar(char out[HYCTL_BAR], const char *what, uint64_t done, uint64_t total, int seconds) {
    enum { WIDTH = 30 };
    if (total == 0) {
        snprintf(out, HYCTL_BAR, "%s … %d s", what, seconds);
        return out;
    }
    if (done > total) done = total;
    char bar[WIDTH + 1];
    int full = (int)((double)done / (double)total * WIDTH);
    for (int i = 0; i < WIDTH; i++)
        bar[i] = i < full ? '#' : '.';
    bar[WIDTH] = '\0';
    snprintf(out, HYCTL_BAR, "%s [%s] %3d %% %llu/%llu %d s", what, bar, (int)(100.0 * (double)done / (double)total),
             (unsigned long long)done, (unsigned long long)total, seconds);
    return out;
}

static void *draw(void *opaque) {
    struct hyctl_progress *progress = opaque;
    struct timespec at = progress->start;
    char text[HYCTL_BAR];
    bool drawn = false;
    pthread_mutex_lock(&progress->lock);
    for (at.tv_sec += 1; !progress->ended;) {
        if (pthread_cond_timedwait(&progress->changed, &progress->lock, &at) != ETIMEDOUT) continue;
        int seconds = (int)(at.tv_sec - progress->start.tv_sec);
        fprintf(stderr, "\r\033[K%s", hyctl_bar(text, progress->what, progress->done, progress->total, seconds));
        drawn = true;
        at.tv_nsec += 200000000;
        if (at.tv_nsec >= 1000000000) {
            at.tv_nsec -= 1000000000;
            at.tv_sec++;
        }
    }
    pthread_mutex_unlock(&progress->lock);
    if (drawn) fputs("\r\033[K", stderr);
    return NULL;
}

struct hyctl_progress *hyctl_progress_start(const char *what, uint64_t total) {
    if (!isatty(STDERR_FILENO)) return NULL;
    struct hyctl_progress *progress = calloc(1, sizeof *progress);
    if (progress == NULL) return NULL;
    progress->what = what;
    progress->total = total;
    clock_gettime(CLOCK_MONOTONIC, &progress->start);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&progress->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&progress->lock, NULL);
    if (pthread_create(&progress->thread, NULL, draw, progress) == 0) return progress;
    free(progress);
    return NULL;
}

void hyctl_progress_set(struct hyctl_progress *progress, uint64_t done) {
    if (progress != NULL) progress->done = done;
}

void hyctl_progress_total(struct hyctl_progress *progress, uint64_t total) {
    if (progress != NULL) progress->total = total;
}

void hyctl_progress_end(struct hyctl_progress *progress) {
    if (progress == NULL) return;
    pthread_mutex_lock(&progress->lock);
    progress->ended = true;
    pthread_cond_signal(&progress->changed);
    pthread_mutex_unlock(&progress->lock);
    pthread_join(progress->thread, NULL);
    pthread_cond_destroy(&progress->changed);
    pthread_mutex_destroy(&progress->lock);
    free(progress);
}
