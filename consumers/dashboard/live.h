// The event stream: what changed, to everybody who may see it. `overview` at most once a second when something changed,
// `case` for each case that changed, `journal` for each new record, all read from the view after it was stored. On the
// loop's thread. To tell of something else: its query (queries.h), and its turn in live_wake.
#ifndef HY_DASHBOARD_LIVE_H
#define HY_DASHBOARD_LIVE_H

#include "consumers/dashboard/queries.h"
#include "consumers/dashboard/stages.h"
#include "consumers/dashboard/view.h"
#include "lib/web/server.h"

struct live;

// All borrowed.
HY_MUST_CHECK int live_open(uv_loop_t *loop, struct queries *q, struct view *view, struct stages *stages,
                            struct live **out, struct hy_error *err);
// The whole overview: figures, stages, and how far the view has read. As query_overview.
HY_MUST_CHECK int live_overview(struct live *live, const struct who *who, json_t **out, struct hy_error *err);
// Handles GET /v1/stream. With Last-Event-ID the journal goes on behind that record, as far as 500 records
// reach; with ?recent=N it begins N (at most 100) records back.
void live_stream(struct live *live, const struct who *who, struct hy_web_request *request);
// The view, or the stages, have news.
void live_wake(struct live *live);
void live_touch(void *live);
// Ends the streams. Free when the server is closed.
void live_close(struct live *live);
void live_free(struct live *live);

#endif
