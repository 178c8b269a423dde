// How one log line looks, as JSON and as text; internal to lib/base/log.c and its tests. A line is one line whatever
// the message holds: control characters are escaped, so nothing that came from outside can forge a second record. To
// add a member to every line, add it to struct hy_log_line and to both writers.
#ifndef HY_BASE_LOG_LINE_H
#define HY_BASE_LOG_LINE_H

#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/clock.h"

struct hy_log_line {
    struct hy_time time;
    const char *level, *program, *class_name, *message; // borrowed
    const char *fields;                                 // borrowed; "key=value key2=value2", see hy_log_write
    uint64_t held;                                      // lines held back before this one
};

// Appends the line with its newline. A word of fields without "=" belongs to the value before it; key="a b=c" keeps
// what the quotes hold together. In JSON a value that is a plain number is written as one.
void hy_log_line_json(const struct hy_log_line *line, struct hy_buf *out);
void hy_log_line_text(const struct hy_log_line *line, struct hy_buf *out);

#endif
