// The spool on disk: an append-only log of what the gateway took, in segment files. It blocks, so the gateway calls it
// from one job at a time on a worker thread (intake.c); it knows nothing of Kafka or HTTP. A segment is a header and
// records, each with its length and CRC-32C; a segment is never written to again after a restart, so a torn end is only
// passed over. To change the format, raise SPOOL_VERSION in spool_format.h, keep the old reader, add a case.
#ifndef HY_GATEWAY_SPOOL_H
#define HY_GATEWAY_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

struct spool; // opaque; one caller at a time

enum { SPOOL_TOPIC_MAX = 64, SPOOL_KEY_MAX = 1024, SPOOL_VALUE_MAX = 4 << 20 };

// One record to write. Bytes are borrowed.
struct spool_record {
    uint64_t seq; // rises by one for each record of the gateway's life, over restarts
    int64_t accepted_ms;
    const char *topic;
    struct hy_bytes key;
    struct hy_bytes value;
};

// Where a record stands.
struct spool_place {
    uint32_t segment; // 0 = nowhere
    uint32_t offset;
    uint32_t size; // of the whole record on disk
};

struct spool_limits {
    uint64_t segment_bytes; // a new file beyond
    uint64_t max_bytes;     // HY_EFULL beyond
};

// What is on disk, as found while scanning.
struct spool_found {
    uint64_t seq;
    int64_t accepted_ms;
    uint64_t order; // hash of topic and dossier: records of one order are sent in sequence
    struct spool_place place;
};

// Opens (and makes) the folder and takes its lock. HY_EEXISTS: another process has it; HY_EIO; HY_EVERSION. Free with
// spool_close.
HY_MUST_CHECK int spool_open(const char *folder, const struct spool_limits *limits, struct spool **out,
                             struct hy_error *err);
void spool_close(struct spool *spool);

// Writes n records in order behind what is there; with sync, also makes all of the current segment durable. places gets
// n places. All or nothing: on HY_EFULL (disk or limit) and HY_EIO what was half written is taken back.
HY_MUST_CHECK int spool_append(struct spool *spool, const struct spool_record *records, size_t n, bool sync,
                               struct spool_place *places, struct hy_error *err);
// Reads one record; strings and bytes of *out point into *memory (replaced). HY_EFORMAT when it does not check out.
HY_MUST_CHECK int spool_read(struct spool *spool, struct spool_place place, struct hy_buf *memory,
                             struct spool_record *out, struct hy_error *err);
// Visits in order every whole record with seq >= from_seq or accepted_ms >= from_ms. Damaged stretches are passed over
// and counted. A negative code of visit ends it and is returned.
HY_MUST_CHECK int spool_scan(struct spool *spool, uint64_t from_seq, int64_t from_ms,
                             int (*visit)(void *ctx, const struct spool_found *found), void *ctx, struct hy_error *err);
// Deletes segments that hold nothing at or after keep_seq and nothing accepted at or after keep_ms; never the current
// one.
HY_MUST_CHECK int spool_release(struct spool *spool, uint64_t keep_seq, int64_t keep_ms, struct hy_error *err);

// All before this seq needs no sending after a restart. Written beside and renamed; an old one only means repetitions.
HY_MUST_CHECK int spool_save_cursor(struct spool *spool, uint64_t seq, struct hy_error *err);
uint64_t spool_cursor(const struct spool *spool);
// The seq after the highest on disk; 1 for an empty spool.
uint64_t spool_next_seq(const struct spool *spool);
uint64_t spool_bytes(const struct spool *spool);
uint64_t spool_damaged(const struct spool *spool); // stretches passed over since open
// Hash of a topic and the dossier part of a key.
uint64_t spool_order(const char *topic, struct hy_bytes key);

#endif
