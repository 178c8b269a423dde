#include "tools/hyctl/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum figure { LAG, OLDEST, DEAD };

static const struct {
    const char *name;
    enum figure figure;
} NAMES[] = {
    {"huiying_lane_lag_records", LAG},
    {"huiying_fold_lag_records", LAG},
    {"huiying_spool_waiting", LAG},
    {"huiying_lane_oldest_unhandled_seconds", OLDEST},
    {"huiying_fold_oldest_unhandled_seconds", OLDEST},
    {"huiying_sla_oldest_due_seconds", OLDEST},
    {"huiying_spool_oldest_seconds", OLDEST},
    {"huiying_lane_dead_letters_total", DEAD},
};

static void take(struct hyctl_figures *out, enum figure figure, double value) {
    switch (figure) {
    case LAG:
        out->has_lag = true;
        out->lag += value;
        break;
    case OLDEST:
        out->has_oldest = true;
        if (value > out->oldest_s) out->oldest_s = value;
        break;
    case DEAD:
        out->has_dead = true;
        out->dead += value;
        break;
    }
}

// Behind the name come labels, whose values are in quotes and may hold anything, then the value.
static const char *behind_labels(const char *at) {
    if (*at != '{') return at;
    bool quoted = false;
    for (at++; *at != '\0' && *at != '\n'; at++) {
        if (quoted && *at == '\\' && at[1] != '\0')
            at++;
        else if (*at == '"')
            quoted = !quoted;
        else if (*at == '}' && !quoted)
            return at + 1;
    }
    return at;
}

static void read_line(const char *line, struct hyctl_figures *out) {
    size_t len = strcspn(line, "{ \n");
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        if (strlen(NAMES[i].name) != len || memcmp(NAMES[i].name, line, len) != 0) continue;
        const char *at = behind_labels(line + len);
        char *end;
        double value = *at == ' ' ? strtod(at, &end) : NAN;
        if (!isnan(value) && end != at && value >= 0) take(out, NAMES[i].figure, value);
    }
}

void hyctl_figures_read(const char *metrics, struct hyctl_figures *out) {
    *out = (struct hyctl_figures){0};
    for (const char *line = metrics; line != NULL && *line != '\0';) {
        if (*line != '#') read_line(line, out);
        line = strchr(line, '\n');
        if (line != NULL) line++;
    }
}
