// The citizen's receipt number as people type it, and what a citizen is told of a case's state. Pure. The number is
// Crockford base32, so small letters, spaces, missing hyphens and the usual confusions (O for 0, I and L for 1) are
// understood. To tell citizens of another state, add its row in receipt.c and its words in status_page.c.
#ifndef HY_DASHBOARD_RECEIPT_H
#define HY_DASHBOARD_RECEIPT_H

#include <stdbool.h>

#include "lib/base/id.h"

// The number in its one form "XXXX-XXXX-XXXX-XXXX"; false for what cannot be one.
bool receipt_normal(const char *typed, char out[HY_RECEIPT_SIZE]);
// The public word for a case's state: received, in_progress, answered, closed, withdrawn. Static.
const char *receipt_state(const char *case_state);

#endif
