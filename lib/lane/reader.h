// Reading whole partitions to their true end: the fold under the lane's restore barrier and under hy.registry.
// The end is asked for under read_uncommitted (a read_committed end can be too low, KAFKA-10167); records are read
// under read_committed; a partition is done when the reader stands at or past that end, so every transaction that was
// open when the end was asked for has met its fate. Joins no group, commits nothing. To fold something new, give
// another fn.
#ifndef HY_LANE_READER_H
#define HY_LANE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/lane/kafka_conf.h"

struct hy_reader; // opaque; one thread

struct hy_reader_part {
    int32_t partition;
    int64_t position; // in: first offset wanted; then: next offset to be read
    int64_t low;      // oldest offset left, from hy_reader_ends
    int64_t end;      // true end, from hy_reader_ends; -1 before
    bool done;        // position reached end
};

struct hy_reader_record {
    size_t part; // index into the parts
    int32_t partition;
    int64_t offset;
    struct hy_bytes key, value;
    bool tombstone;
};
// 0 goes on; an error ends hy_reader_step with it.
typedef int (*hy_reader_fn)(void *opaque, const struct hy_reader_record *record, struct hy_error *err);

// How long the broker may hold a fetch that finds nothing. Whoever reads to the end is told of it only then; for
// whoever follows the end each answer is idle work of the broker, and a record ends the wait anyway.
enum hy_reader_wait { HY_READER_TO_THE_END = 50, HY_READER_FOLLOWS = 200 };

// topic: full name. parts: borrowed until close, filled in place. group: what the broker's rights name this reader by.
HY_MUST_CHECK int hy_reader_open(const struct hy_kafka_options *kafka, const char *group, const char *topic,
                                 enum hy_reader_wait wait, struct hy_reader_part *parts, size_t n,
                                 struct hy_reader **out, struct hy_error *err);
// Asks for the ends of the partitions that have none yet; waits up to timeout_ms a partition. Called again after
// hy_reader_refresh to read up to a later end.
HY_MUST_CHECK int hy_reader_ends(struct hy_reader *reader, int timeout_ms, struct hy_error *err);
void hy_reader_refresh(struct hy_reader *reader);
// Reads for about timeout_ms or until all parts are done; with `follow` it goes on past them. Returns the number of
// records given to fn, or HY_E*.
int hy_reader_step(struct hy_reader *reader, int timeout_ms, bool follow, hy_reader_fn fn, void *opaque,
                   struct hy_error *err);
bool hy_reader_done(const struct hy_reader *reader);
// The reader's handle for offsets (read_uncommitted), borrowed.
rd_kafka_t *hy_reader_probe(struct hy_reader *reader);
void hy_reader_close(struct hy_reader *reader);

#endif
