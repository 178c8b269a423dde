// How each program does: asked every two seconds for /healthz and /metrics, and, where deploy/up supervises, how often
// it was started again (run/supervisor.json). On the loop's thread. A stage's figures are the metrics of lib/lane and
// lib/fold; to show another one, a row in stages.c and its column on the page.
#ifndef HY_DASHBOARD_STAGES_H
#define HY_DASHBOARD_STAGES_H

#include <jansson.h>

#include "lib/base/error.h"
#include "lib/web/client.h"

struct stages;

// programs: "router=http://127.0.0.1:9102,sla=…", "" = none. supervisor: path of the state file, "" = none. changed
// (may be NULL) is called when a figure moved. client is borrowed. HY_ECONFIG: programs cannot be read.
HY_MUST_CHECK int stages_open(uv_loop_t *loop, struct hy_web_client *client, const char *programs,
                              const char *supervisor, void (*changed)(void *ctx), void *ctx, struct stages **out,
                              struct hy_error *err);
// [{"name","up","lag","oldest_ms","restarts"}], null where unknown. New reference.
json_t *stages_json(const struct stages *stages);
// Stops asking. The client must be closed (and its callbacks have run) before stages_free.
void stages_close(struct stages *stages);
void stages_free(struct stages *stages);

#endif
