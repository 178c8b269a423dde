// Reads single values out of a program's /metrics text (Prometheus 0.0.4), for the page's table of stages. Pure.
// A label's value may hold anything in quotes; a value that is no finite number counts as none.
// To read another figure, ask for its name; nothing here knows one.
#ifndef HY_DASHBOARD_PROM_H
#define HY_DASHBOARD_PROM_H

#include <stdbool.h>

#include "lib/base/bytes.h"

enum prom_join { PROM_SUM, PROM_MAX }; // over the series of one name

// The joined value of all series of the metric; false when there is none, or a value that is no number.
bool prom_value(struct hy_bytes text, const char *name, enum prom_join join, double *out);

#endif
