// One row and a mapping make one event: pure. The event lives in the arena. To map another column, see mapping.h.
// A row that cannot become an event is refused with its reason and changes nothing.
// The same row gives the same ids each time, so that a resumed replay repeats nothing.
#ifndef HY_REPLAY_ROW_EVENT_H
#define HY_REPLAY_ROW_EVENT_H

#include <jansson.h>

#include "huiying/v1/event.pb-c.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "producers/replay/mapping.h"

enum { ROW_EVENT_MAX = 1024 * 1024 }; // bytes of a packed event that the contract allows (docs/contract.md)

// What the command line says of all rows.
struct row_options {
    int64_t shift_ms;  // added to every time of the rows
    int64_t ingest_ms; // now
    bool historic;
};

// HY_EINVALID names the column and what is wrong with it, never its content. HY_ENOMEM. Times later than now are taken
// as now for `received`: no channel held a message before it came.
HY_MUST_CHECK int row_event(const struct replay_mapping *mapping, const struct row_options *options, const json_t *row,
                            struct hy_arena *arena, Huiying__V1__Event **out, struct hy_error *err);
// The event's bytes for Kafka, in the arena. HY_ETOOBIG: more than the topics are read with; it would become a dead
// letter, or end the run each time at the same row.
HY_MUST_CHECK int row_pack(const Huiying__V1__Event *event, struct hy_arena *arena, struct hy_bytes *out,
                           struct hy_error *err);
// Only the row's own time, for pacing and shifting. Errors as above.
HY_MUST_CHECK int row_time(const struct replay_mapping *mapping, const json_t *row, struct hy_time *out,
                           struct hy_error *err);

#endif
