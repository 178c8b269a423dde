// Structured log on stderr, one line a record, as JSON or as text. Each line has time, level, program, class (a fixed
// short name such as "kafka.broker"), a message, and fields. No personal data: callers log ids, counts and codes.
// A class writes at most a burst of lines per interval; what was held back is counted and said with the next line.
#ifndef HY_BASE_LOG_H
#define HY_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"

enum hy_log_level { HY_LOG_DEBUG, HY_LOG_INFO, HY_LOG_WARN, HY_LOG_ERROR };

struct hy_log_options {
    const char *program;     // borrowed for the process's life
    enum hy_log_level level; // lines below are dropped
    bool json;               // else text for people
    uint32_t burst;          // lines a class may write per interval (0 = 20)
    uint32_t interval_ms;    // (0 = 10000)
    int fd;                  // where lines go (0 = stderr)
};

// Call once before threads start; a program that never calls it logs text at INFO on stderr.
void hy_log_init(const struct hy_log_options *options);

// Any thread; never fails and keeps errno. fields is a printf text of key=value pairs separated by spaces
// ("offset=%lld topic=%s"), or NULL. A word without "=" belongs to the value before it; what holds a "=" of its own
// goes in double quotes. In JSON each pair is a member, numbers as numbers. Every line, also one held back, counts in
// the metric huiying_log_lines_total{class,level}.
void hy_log_write(enum hy_log_level level, const char *class_name, const char *message, const char *fields, ...)
    HY_PRINTF(4, 5);

#define HY_DEBUG(cls, msg, ...) hy_log_write(HY_LOG_DEBUG, cls, msg, __VA_ARGS__)
#define HY_INFO(cls, msg, ...)  hy_log_write(HY_LOG_INFO, cls, msg, __VA_ARGS__)
#define HY_WARN(cls, msg, ...)  hy_log_write(HY_LOG_WARN, cls, msg, __VA_ARGS__)
#define HY_ERROR(cls, msg, ...) hy_log_write(HY_LOG_ERROR, cls, msg, __VA_ARGS__)

// "debug" .. "error" → level; HY_EINVALID otherwise.
HY_MUST_CHECK int hy_log_level_parse(const char *text, enum hy_log_level *out);

#endif
