// The fold behind the dashboard: hy.cases, hy.journal, hy.content, hy.work.*, hy.dead and the intake topics into the
// tables of schema.c, on a thread of its own. Readers use connections of their own and are told when there is more.
// To fold another topic: a row in TOPICS of view.c and its function.
#ifndef HY_DASHBOARD_VIEW_H
#define HY_DASHBOARD_VIEW_H

#include "lib/lane/kafka_conf.h"

struct view;

// Called on the view's thread after each batch was stored; must only wake somebody.
typedef void (*view_changed)(void *ctx);

// Opens the file (path) and starts to fold. Strings of kafka are borrowed. Free with view_stop.
HY_MUST_CHECK int view_start(const char *path, const struct hy_kafka_options *kafka, view_changed changed, void *ctx,
                             struct view **out, struct hy_error *err);
void view_stop(struct view *view);
// Any thread. HY_OK when it has folded to the end and follows; HY_EAGAIN while it is behind; else why it cannot go on.
HY_MUST_CHECK int view_health(struct view *view, struct hy_error *err);
// Any thread. Records between the view and the end.
long long view_lag(struct view *view);

#endif
