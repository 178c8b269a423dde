// The citizens' door: the state and the published answers of one message by its receipt number, as JSON and as a page,
// on a listener of its own. No token; no personal data but the answer to who holds the number (80 bits, not to be
// guessed); limited by address. Here answers are published: a courier reads them back as its receipt.
// To show citizens something more: query_receipt, and status_page.c for the page.
#ifndef HY_DASHBOARD_PUBLIC_H
#define HY_DASHBOARD_PUBLIC_H

#include "consumers/dashboard/queries.h"
#include "lib/web/limiter.h"
#include "lib/web/server.h"

struct public_door {
    struct queries *q;              // borrowed
    struct hy_web_limiter *limiter; // borrowed
};

// pages: the folder whose folder "public" holds the page's assets.
HY_MUST_CHECK int public_routes(struct hy_web_server *server, struct public_door *door, const char *pages,
                                struct hy_error *err);

#endif
