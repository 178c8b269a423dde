// What a handler stands on, without Kafka: the calls of lib/lane/lane.h over a real store (lib/lane/store.h), records
// kept in memory instead of sent, and the packs of the source tree in place of those of the registry. Linked before the
// libraries, it takes the place of lane_ctx.c and packs.c, so that the programs' own handlers run unchanged. To stand
// in for another call of the lane, write it here beside the others.
#ifndef TESTS_BENCH_HANDLERS_SINK_H
#define TESTS_BENCH_HANDLERS_SINK_H

#include "lib/lane/lane.h"
#include "lib/run/packs.h"

// The pack of this id with its dispatch list and all calendars, read from the source tree; NULL after saying why not.
struct hy_packs *sink_packs_new(const char *pack_id);
void sink_packs_free(struct hy_packs *packs);
const char *sink_packs_town(const struct hy_packs *packs);

// One record that a handler emitted; borrowed until sink_clear.
struct sink_record {
    const char *topic; // static or of the work topics
    struct hy_bytes key, value;
};

struct sink; // one lane with one partition

struct sink *sink_new(const struct hy_lane_handler *handler); // NULL: out of memory
void sink_free(struct sink *sink);
// As the lane does it: the arena reset, the handler called, its writes kept. What was emitted is added to the sink.
int sink_handle(struct sink *sink, const struct hy_record *record, struct hy_error *err);
// Ends the transaction: the overlay becomes the state; what was emitted is forgotten.
void sink_commit(struct sink *sink);
size_t sink_records(const struct sink *sink);
struct sink_record sink_record(const struct sink *sink, size_t i);
// Calls fn for each key of the state.
void sink_each(struct sink *sink, int (*fn)(void *opaque, struct hy_bytes key, struct hy_bytes value), void *opaque);
// Bytes of the state as the store counts them; and of the records kept here, which a lane would have sent.
size_t sink_state_bytes(const struct sink *sink);
size_t sink_kept_bytes(const struct sink *sink);

#endif
