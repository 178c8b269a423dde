// What status wants to know of a program's /metrics: how far it is behind, how old the oldest thing is that it has not
// handled, how many dead letters it wrote. Pure: text in, numbers out. A stage with another name for these: a line in
// the table of figures.c.
#ifndef HY_TOOLS_HYCTL_FIGURES_H
#define HY_TOOLS_HYCTL_FIGURES_H

#include <stdbool.h>

struct hyctl_figures {
    bool has_lag, has_oldest, has_dead; // false: the program shows none
    double lag;                         // records not handled yet: sum over its lanes, folds and spool
    double oldest_s;                    // seconds, the greatest of all
    double dead;                        // dead letters since it started
};

// Reads Prometheus text 0.0.4; lines that are none are passed over.
void hyctl_figures_read(const char *metrics, struct hyctl_figures *out);

#endif
