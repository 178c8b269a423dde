// The routes of the dashboard's REST (docs/rest.md): who asks, what is asked for, which query answers. Every call but
// the citizens' checks its token here before anything else. On the loop's thread.
// To add a call: a row in rest.c, its query or act, its line in docs/rest.md.
#ifndef HY_DASHBOARD_REST_H
#define HY_DASHBOARD_REST_H

#include "consumers/dashboard/acts.h"
#include "consumers/dashboard/live.h"
#include "lib/web/tokens.h"

// All borrowed for the server's life.
struct rest {
    const struct hy_web_tokens *tokens;
    struct queries *q;
    struct acts *acts;
    struct live *live;
};

HY_MUST_CHECK int rest_routes(struct hy_web_server *server, struct rest *rest);
// Answers a request by what a query returned; out is taken. For the public door too.
void rest_answer(struct hy_web_request *request, int rc, json_t *out, const struct hy_error *err);

#endif
