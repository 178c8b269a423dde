// What a series is made of; shared by the registry (metrics.c) and the exposition text (metrics_text.c) and by nobody
// else. A series is never freed or moved once it is registered, so readers need no lock for its values. To add a kind
// of metric, add it to enum hy_metric_kind, to hy_metric_value and to the writers in metrics_text.c.
#ifndef HY_BASE_METRICS_SERIES_H
#define HY_BASE_METRICS_SERIES_H

#include <stdatomic.h>
#include <stdbool.h>

#include "lib/base/metrics.h"

enum { HY_METRIC_MOST_SERIES = 4096, HY_METRIC_MOST_BOUNDS = 32 };

// All series of one name.
struct hy_metric_family {
    enum hy_metric_kind kind;
    const char *name;
    const char *help;
    double bounds[HY_METRIC_MOST_BOUNDS]; // histogram: upper bounds, ascending, without +Inf
    size_t n_bounds;
};

struct hy_metric {
    const struct hy_metric_family *family;
    const char *labels;                                  // "" without
    _Atomic uint64_t value;                              // bits of a double; histogram: the sum of what was observed
    _Atomic uint64_t buckets[HY_METRIC_MOST_BOUNDS + 1]; // histogram: not cumulative; the one after the bounds is +Inf
};

double hy_metric_bits(uint64_t bits);
// Copies pointers to all registered series into out[HY_METRIC_MOST_SERIES]; returns how many.
size_t hy_metric_all(const struct hy_metric **out);
bool hy_metric_name_valid(const char *name);
bool hy_metric_labels_valid(const char *labels);

#endif
