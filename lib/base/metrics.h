// Prometheus metrics (text format 0.0.4): counters, gauges, histograms with labels, registered once and updated with
// atomics from any thread. Names follow the field's rules: huiying_<part>_<what>_<unit>[_total].
// Get a series once and keep the pointer where it is updated often: the look-up takes a lock, the update does not.
#ifndef HY_BASE_METRICS_H
#define HY_BASE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

enum hy_metric_kind { HY_COUNTER, HY_GAUGE, HY_HISTOGRAM };

struct hy_metric; // one series; lives as long as the process

// Registers (or finds) the series of `name` with the given labels, written "key=\"value\",key2=\"value2\"" or NULL. A
// name keeps the kind and help of its first registration; another kind is a programming fault and aborts. Label values
// are escaped by the caller with hy_metric_label. At most 4096 series; beyond, a shared overflow series is returned and
// huiying_metrics_overflow_total counts; malformed labels end there too. Any thread; never NULL.
struct hy_metric *hy_metric_get(enum hy_metric_kind kind, const char *name, const char *help, const char *labels);
// The same for a histogram with its own upper bounds (ascending, n <= 32, seconds); NULL = 1 ms .. 60 s.
struct hy_metric *hy_metric_histogram(const char *name, const char *help, const char *labels, const double *bounds,
                                      size_t n);
// key="value" with value escaped into out (size bytes), for one label; returns out. A value that does not fit is cut
// between characters, bytes that are not UTF-8 become "?". With no room even for key="" the result is "".
char *hy_metric_label(char *out, size_t size, const char *key, const char *value);

void hy_metric_add(struct hy_metric *metric,
                   double amount);                          // counter (what is negative or no number is ignored), gauge
void hy_metric_set(struct hy_metric *metric, double value); // gauge
void hy_metric_observe(struct hy_metric *metric, double value); // histogram
// The current value; of a histogram, how many values were observed.
double hy_metric_value(const struct hy_metric *metric);

// The exposition text of all series, names sorted, HELP and TYPE once a name.
void hy_metrics_render(struct hy_buf *out);

#endif
