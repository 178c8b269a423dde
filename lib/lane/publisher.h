// Publishing one record so that the caller knows when it is safe: idempotent, acks=all.
// One publisher belongs to one thread. On a libuv loop: uv_poll hy_publisher_fd readable and call hy_publisher_poll(p,
// 0) (also from a 1 s timer); in a tool: hy_publish, then hy_publisher_flush. After a fatal error of the client it
// makes a new one by itself; what was in flight is reported to its callbacks, never silently sent twice.
#ifndef HY_LANE_PUBLISHER_H
#define HY_LANE_PUBLISHER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/lane/kafka_conf.h"

struct hy_publisher; // opaque; one thread

struct hy_publisher_options {
    struct hy_kafka_options kafka;
    int64_t timeout_ms;       // a record not acknowledged by then is reported failed; 0 = 30000
    int32_t linger_ms;        // waits for company; 0 = 2, -1 = none
    int32_t queue_records;    // HY_EAGAIN beyond; 0 = 100000
    int32_t queue_kbytes;     // HY_EAGAIN beyond; 0 = 65536
    int32_t max_record_bytes; // HY_ETOOBIG beyond; 0 = 2 MB
    const char *const *warm;  // table names whose metadata is fetched at open, so that the first record is not late
    size_t n_warm;
};

// What became of a record. status: HY_OK = all replicas have it at partition/offset; HY_EUNKNOWN = it may stand in the
// log or not (send again only under an id that readers know); any other = it is surely not in the log (HY_ETIMEOUT,
// HY_ETOOBIG, HY_ENOTFOUND, HY_EAUTH, HY_ENET, HY_ECLOSED).
struct hy_published {
    int status;
    const char *why; // text of the failure, "" when OK; borrowed for the call
    int32_t partition;
    int64_t offset;       // -1 unless OK
    int64_t timestamp_ms; // as stored (the broker's for LogAppendTime topics); -1 unless OK
};
typedef void (*hy_published_fn)(void *opaque, const struct hy_published *result);

// Opens; does not wait for the broker. Free with hy_publisher_close.
HY_MUST_CHECK int hy_publisher_open(const struct hy_publisher_options *options, struct hy_publisher **out,
                                    struct hy_error *err);
// Queues a record for a topic of the table (without prefix). key may be empty; a value with data NULL is a tombstone.
// Bytes are copied. done (may be NULL) is called exactly once with opaque, from hy_publisher_poll, _flush or _close,
// iff this returned 0. HY_EAGAIN: the queue is full, poll and try again. HY_ETOOBIG, HY_ENOTFOUND (no such topic in the
// table), HY_EAUTH (Kafka refuses this client for good; err says why).
HY_MUST_CHECK int hy_publish(struct hy_publisher *publisher, const char *topic, struct hy_bytes key,
                             struct hy_bytes value, hy_published_fn done, void *opaque, struct hy_error *err);
// Runs callbacks of finished records; waits up to timeout_ms for the first. Returns how many ran.
int hy_publisher_poll(struct hy_publisher *publisher, int timeout_ms);
// Waits until nothing is in flight. HY_ETIMEOUT when something still is (it stays in flight).
HY_MUST_CHECK int hy_publisher_flush(struct hy_publisher *publisher, int timeout_ms);
// A file descriptor that is readable when hy_publisher_poll has something to do; valid until close.
int hy_publisher_fd(const struct hy_publisher *publisher);
// Records accepted and not yet reported.
size_t hy_publisher_in_flight(const struct hy_publisher *publisher);
// HY_OK, or why nothing gets through (for /healthz): HY_EAUTH, HY_ENET, ….
HY_MUST_CHECK int hy_publisher_health(const struct hy_publisher *publisher, struct hy_error *err);
// How often a connection to a broker broke or could not be made: rises when a broker restarted, so that a program that
// keeps what it sent lately knows when to send it again.
uint64_t hy_publisher_disconnects(const struct hy_publisher *publisher);
// Sends one record and waits for its fate: for tools. Other callbacks run meanwhile. result may be NULL.
HY_MUST_CHECK int hy_publish_wait(struct hy_publisher *publisher, const char *topic, struct hy_bytes key,
                                  struct hy_bytes value, int timeout_ms, struct hy_published *result,
                                  struct hy_error *err);
// Waits up to timeout_ms, reports the rest (HY_ECLOSED or HY_EUNKNOWN) to their callbacks, frees. NULL is nothing.
void hy_publisher_close(struct hy_publisher *publisher, int timeout_ms);

#endif
