#include "lib/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log_line.h"
#include "lib/base/metrics.h"

// Classes are fixed names in the code, so a small table holds them; should it ever be full, the rest share one budget.
enum { MOST_CLASSES = 256, NAME_SIZE = 48, DEFAULT_BURST = 20, DEFAULT_INTERVAL_MS = 10000, FIELDS_SIZE = 4096 };

struct class_state {
    char name[NAME_SIZE];
    int64_t since_ms;           // start of the interval
    uint32_t written;           // in it
    uint64_t held;              // back since the last line
    struct hy_metric *lines[4]; // by level, written or held back; NULL until the first
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hy_log_options options = {.program = "huiying", .level = HY_LOG_INFO};
static struct class_state classes[MOST_CLASSES];
static size_t n_classes;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void hy_log_init(const struct hy_log_options *wanted) {
    pthread_mutex_lock(&lock);
    options = *wanted;
    if (options.program == NULL) options.program = "huiying";
    n_classes = 0;
    pthread_mutex_unlock(&lock);
}

int hy_log_level_parse(const char *text, enum hy_log_level *out) {
    for (int i = 0; i < 4 && text != NULL; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum hy_log_level)i;
            return HY_OK;
        }
    }
    return HY_EINVALID;
}

static struct class_state *class_of(const char *name) {
    for (size_t i = 0; i < n_classes; i++) {
        if (strncmp(classes[i].name, name, NAME_SIZE - 1) == 0) return &classes[i];
    }
    if (n_classes == MOST_CLASSES) return &classes[MOST_CLASSES - 1];
    struct class_state *state = &classes[n_classes++];
    *state = (struct class_state){0};
    snprintf(state->name, sizeof state->name, "%s", name);
    return state;
}

// Every line counts, also one that is held back: the rate of a class is seen even when its text is not.
static void count(struct class_state *state, enum hy_log_level level) {
    if (state->lines[level] == NULL) {
        char labels[128], level_label[32];
        hy_metric_label(labels, sizeof labels - sizeof level_label, "class", state->name);
        hy_metric_label(level_label, sizeof level_label, "level", level_names[level]);
        strcat(strcat(labels, ","), level_label);
        state->lines[level] = hy_metric_get(HY_COUNTER, "huiying_log_lines_total",
                                            "Log lines by class and level, also those held back.", labels);
    }
    hy_metric_add(state->lines[level], 1);
}

// True when the class may write a line now; *held gets what was held back before it.
static bool admit(struct class_state *state, uint64_t *held) {
    uint32_t burst = options.burst == 0 ? DEFAULT_BURST : options.burst;
    int64_t interval = options.interval_ms == 0 ? DEFAULT_INTERVAL_MS : options.interval_ms;
    int64_t now = hy_mono_ms(hy_clock_system());
    if (state->written == 0 || now - state->since_ms >= interval) {
        state->since_ms = now;
        state->written = 0;
    }
    if (state->written >= burst) {
        state->held++;
        return false;
    }
    state->written++;
    *held = state->held;
    state->held = 0;
    return true;
}

// One write a line, so that lines of several programs on one pipe do not mix. What the pipe refuses is lost: a log that
// blocks or fails must not stop the work.
static void put(const struct hy_buf *line) {
    int fd = options.fd == 0 ? STDERR_FILENO : options.fd;
    size_t done = 0;
    while (done < line->len) {
        ssize_t n = write(fd, line->data + done, line->len - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        done += (size_t)n;
    }
}

void hy_log_write(enum hy_log_level level, const char *class_name, const char *message, const char *fields, ...) {
    if (level < options.level) return;
    if (level > HY_LOG_ERROR) level = HY_LOG_ERROR;
    int saved = errno; // a caller may log first and look at errno afterwards
    char text[FIELDS_SIZE] = "";
    if (fields != NULL) {
        va_list args;
        va_start(args, fields);
        vsnprintf(text, sizeof text, fields, args);
        va_end(args);
    }
    struct hy_log_line line = {
        .time = {.unix_ms = hy_wall_ms(hy_clock_system()), .offset_minutes = HY_SHANGHAI_MINUTES},
        .level = level_names[level],
        .class_name = class_name,
        .message = message,
        .fields = text,
    };
    pthread_mutex_lock(&lock);
    line.program = options.program;
    struct class_state *state = class_of(class_name);
    count(state, level);
    if (admit(state, &line.held)) {
        struct hy_buf out = {0};
        if (options.json)
            hy_log_line_json(&line, &out);
        else
            hy_log_line_text(&line, &out);
        put(&out);
        hy_buf_free(&out);
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
}
