// The dashboard: a fold of the truth into a view, and the doors to it: REST, event stream and page for those who work,
// receipts for citizens. Wiring only; each part stands in its own file. To add a part: open it in dashboard.c, close it
// in the same file, and say there what it waits for.
#ifndef HY_DASHBOARD_DASHBOARD_H
#define HY_DASHBOARD_DASHBOARD_H

#include "lib/base/config.h"

// For the test of the configuration table.
const struct hy_config_table *dashboard_table(void);
// main: 0 drained or asked for help; 1 refused or failed; 2 wrong use.
int dashboard_main(int argc, char **argv);

#endif
