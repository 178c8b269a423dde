// The gateway's promise: what was answered with success is in Kafka (all replicas) or durable in the spool, and reaches
// Kafka in order per dossier. Runs on the loop's thread; the disk is touched by one job at a time on a worker thread.
//
// Each record gets a seq and goes into the log on disk. If Kafka is well and nothing of its dossier waits, it is also
// published at once and answered with Kafka's ack; after kafka_ms without an ack, or if Kafka is away, it is answered
// when the log is synced. The drain sends what waits, in the order of the log, paced. What was accepted in the last
// keep_ms is sent again after each start and after each time that the connection to Kafka broke: a broker without
// replicas may have lost it, and equal ids make repetition harmless.
//
// States of a record: DIRECT (published at once) → DONE, or → WAITING (its turn in the drain) → SENT → DONE.
// To send to something else than Kafka, replace struct intake_sink.
#ifndef HY_GATEWAY_INTAKE_H
#define HY_GATEWAY_INTAKE_H

#include <uv.h>

#include "lib/lane/publisher.h"
#include "lib/web/health.h"
#include "producers/gateway/spool.h"

struct intake;

// What publishes; hy_publisher in the program, a stand-in that fails on purpose in tests. Semantics as in publisher.h.
struct intake_sink {
    void *ctx;
    int (*publish)(void *ctx, const char *topic, struct hy_bytes key, struct hy_bytes value, hy_published_fn done,
                   void *opaque, struct hy_error *err);
    int (*poll)(void *ctx);             // runs callbacks without waiting; how many ran
    int (*fd)(void *ctx);               // readable when poll has something to do; -1 = none
    uint64_t (*disconnects)(void *ctx); // rises whenever a connection to a broker broke or could not be made
    int (*health)(void *ctx, struct hy_error *err);
    void (*close)(void *ctx, int timeout_ms); // reports the rest, frees
};
// The sink over a publisher, which is taken (closed by the sink).
struct intake_sink intake_publisher_sink(struct hy_publisher *publisher);

struct intake_options {
    uv_loop_t *loop;
    struct spool *spool;      // taken
    struct intake_sink sink;  // taken
    int64_t kafka_ms;         // how long Kafka's ack is waited for
    int64_t answer_ms;        // how long any answer may take, > kafka_ms
    int64_t keep_ms;          // what was accepted within this time is sent again
    int64_t drain_per_s;      // most records a second that the drain sends
    struct hy_health *health; // borrowed; may be NULL
};

// status: HY_OK = safe; HY_EFULL = no room on disk; HY_EIO, HY_ETIMEOUT = neither Kafka nor the disk took it in time.
typedef void (*intake_done)(void *ctx, int status);

// Reads the spool (blocks), then serves. HY_EIO, HY_ENOMEM; spool and sink are freed then too.
HY_MUST_CHECK int intake_new(const struct intake_options *options, struct intake **out, struct hy_error *err);
// Takes one record; topic must be static, bytes are copied. done is called exactly once, later, from the loop, iff this
// returned 0. HY_ENOMEM, HY_ETOOBIG, HY_ECLOSED.
HY_MUST_CHECK int intake_take(struct intake *intake, const char *topic, struct hy_bytes key, struct hy_bytes value,
                              intake_done done, void *ctx);
// Records that Kafka does not have yet; whether Kafka answers.
uint64_t intake_waiting(const struct intake *intake);
bool intake_kafka_up(const struct intake *intake);
// Answers what is open, syncs, closes the sink within timeout_ms, frees; then calls closed (may be NULL) from the loop.
void intake_close(struct intake *intake, int timeout_ms, void (*closed)(void *ctx), void *ctx);

#endif
