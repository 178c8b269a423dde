// The batch commands: JSON Lines in, JSON Lines out, no Kafka, no Redis. Each is a context and a function that takes
// one object and appends its answer (nothing, or one or more lines) to a buffer, so that tests drive it without a
// process. A row that cannot be answered becomes {"id","error"}; a line that is no JSON object is said on stderr and
// makes the exit code 1. To add one: its functions in batch_<group>.c, a row in that group's table.
#ifndef HY_TOOLS_HYCTL_BATCH_H
#define HY_TOOLS_HYCTL_BATCH_H

#include <stdio.h>

#include <jansson.h>

#include "lib/base/bytes.h"
#include "tools/hyctl/command.h"
#include "tools/hyctl/data.h"

// Appends the answer to one row; negative with *err: an error line is written instead.
typedef int (*hyctl_line)(void *ctx, const json_t *row, struct hy_buf *out, struct hy_error *err);

// Feeds each line of in to answer; lines of at most 16 MB. HYCTL_OK or HYCTL_FAILED (a line that is no JSON object, or
// reading or writing failed).
int hyctl_batch(FILE *in, FILE *out, hyctl_line answer, void *ctx);

// A text field: borrowed from the row; NULL when it is absent. HY_EINVALID when it is no text (a number is taken for
// id).
HY_MUST_CHECK int hyctl_text(const json_t *row, const char *key, const char **out, struct hy_error *err);
// The same, refused when it is absent.
HY_MUST_CHECK int hyctl_need(const json_t *row, const char *key, const char **out, struct hy_error *err);
// "id":… of the row as it came, a comma behind it: every answer begins so.
void hyctl_add_id(struct hy_buf *out, const json_t *row);
// "key":"text"
void hyctl_add_text(struct hy_buf *out, const char *key, const char *text);

// route explain
struct hyctl_route;
struct hyctl_route *hyctl_route_new(const struct hy_dispatch *dispatch);
void hyctl_route_free(struct hyctl_route *route);
int hyctl_route_explain(void *route, const json_t *row, struct hy_buf *out, struct hy_error *err);

// incident replay
struct hyctl_replay;
struct hyctl_replay *hyctl_replay_new(const struct hy_dispatch *dispatch, const struct hy_pack *pack);
void hyctl_replay_free(struct hyctl_replay *replay);
int hyctl_replay_line(void *replay, const json_t *row, struct hy_buf *out, struct hy_error *err);

// calendar due, calendar deadline: the context is the data, pack may be NULL for due
int hyctl_calendar_due(void *data, const json_t *row, struct hy_buf *out, struct hy_error *err);
int hyctl_calendar_deadline(void *data, const json_t *row, struct hy_buf *out, struct hy_error *err);

extern const struct hyctl_command hyctl_calendar_commands[], hyctl_incident_commands[], hyctl_route_commands[];

#endif
