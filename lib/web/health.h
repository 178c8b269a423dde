// /metrics (Prometheus text 0.0.4) and /healthz (JSON) for every program. A program makes one hy_health, its threads
// report the state of their parts, and it is served either by the program's own HTTP server or by a small one on a
// thread of its own, so that programs whose work is on lane threads have it too. To watch another part, make a
// part for it; nothing else.
#ifndef HY_WEB_HEALTH_H
#define HY_WEB_HEALTH_H

#include "lib/web/server.h"

struct hy_health;
struct hy_health_part;

// program is borrowed for the process's life. NULL when memory is out. Also registers huiying_build_info and the
// process_* metrics, which are read anew at each /metrics.
struct hy_health *hy_health_new(const char *program);

// Any thread. A part that must report at least every max_age_ms (0 = its last report holds for ever); until its first
// report it counts as failing with "starting". The same name gives the same part. Lives as long as health; never NULL.
struct hy_health_part *hy_health_part(struct hy_health *health, const char *name, unsigned max_age_ms);
// Any thread. Reports the part's state and that it is alive; why is NULL or a printf text without personal data.
void hy_health_report(struct hy_health_part *part, bool ok, const char *why, ...) HY_PRINTF(3, 4);
// Any thread. Only says that the part is alive; its last state stands.
void hy_health_beat(struct hy_health_part *part);

// Any thread. True when there are parts and every one is well; the whole state as JSON is added to out (may be NULL).
bool hy_health_json(struct hy_health *health, struct hy_buf *out);

// Adds GET /metrics and GET /healthz (200, or 503 when a part fails) to a server; health must outlive it.
HY_MUST_CHECK int hy_health_routes(struct hy_health *health, struct hy_web_server *server);
// Starts a server of its own with these routes on a thread of its own. listen as in server.h.
HY_MUST_CHECK int hy_health_start(struct hy_health *health, const char *listen, struct hy_error *err);
// The URL of that server (borrowed), or "".
const char *hy_health_url(const struct hy_health *health);
// Stops the thread if there is one and frees all. Not from that thread.
void hy_health_free(struct hy_health *health);

#endif
