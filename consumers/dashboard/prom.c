#include "consumers/dashboard/prom.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// The value behind the name and its labels, or NULL when the line is of another metric. A label's value may hold spaces
// and braces in quotes.
static const char *value_of(const char *line, const char *end, const char *name, size_t len) {
    if ((size_t)(end - line) <= len || memcmp(line, name, len) != 0) return NULL;
    const char *at = line + len;
    if (*at == '{') {
        bool quoted = false;
        for (at++; at < end && (quoted || *at != '}'); at++) {
            if (quoted && *at == '\\' && at + 1 < end)
                at++;
            else if (*at == '"')
                quoted = !quoted;
        }
        if (at < end) at++;
    }
    return at < end && *at == ' ' ? at + 1 : NULL;
}

static bool read_number(const char *text, const char *end, double *out) {
    char number[64];
    size_t n = (size_t)(end - text);
    if (n == 0 || n >= sizeof number) return false;
    memcpy(number, text, n);
    number[n] = '\0';
    char *stop = NULL;
    *out = strtod(number, &stop);
    return stop != number && (*stop == '\0' || *stop == ' ') && isfinite(*out);
}

bool prom_value(struct hy_bytes text, const char *name, enum prom_join join, double *out) {
    const char *at = (const char *)text.data;
    const char *stop = at + text.len;
    size_t len = strlen(name);
    bool any = false;
    for (const char *end; at < stop; at = end + 1) {
        end = memchr(at, '\n', (size_t)(stop - at));
        if (!end) end = stop;
        double value;
        const char *number = value_of(at, end, name, len);
        if (!number) continue;
        if (!read_number(number, end, &value)) return false;
        if (!any)
            *out = value;
        else if (join == PROM_SUM)
            *out += value;
        else if (value > *out)
            *out = value;
        any = true;
    }
    return any;
}
