// The lane: records into records, exactly once, with state (design section 5). One lane = one thread with a consumer, a
// transactional producer and the state of the partitions it was given; a program runs several, in several processes.
// A program supplies a struct hy_lane_handler; everything about Kafka (transactions, fencing, restore, rebalance,
// poison records, drain) happens here. What a handler writes (hy_lane_put, hy_lane_emit) takes effect together with its
// record or not at all. To extend: a new ctx function must buffer until the call returned 0, as put and emit do.
//
// Rules for handlers: no I/O, no clock but hy_lane_now, no state outside hy_lane_put except what `load` can rebuild.
#ifndef HY_LANE_LANE_H
#define HY_LANE_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/base/id.h"
#include "lib/lane/kafka_conf.h"

enum {
    HY_LANE_MAX_INPUTS = 3,
    HY_LANE_MAX_OUTPUTS = 8,
    HY_LANE_MAX_KEY = 512,        // bytes of a key that is put or emitted; of an input's key it is a dead letter beyond
    HY_LANE_MAX_SNAPSHOT = 65536, // a state value beyond may only shrink
    HY_LANE_MAX_EMIT = 1048576    // bytes of an emitted value
};

// One input record; all borrowed for the call.
struct hy_record {
    const char *topic; // table name, without prefix
    int input;         // index in the handler's inputs
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; // the broker's append time on LogAppendTime topics, else the producer's
    const char *log_id;   // of the topic
    struct hy_bytes key;  // may be empty
    struct hy_bytes value;
    bool tombstone; // no value at all
};

struct hy_lane_ctx; // valid only within the callback it was given to

// What a program does with records. Functions run on lane threads: with several lanes they run at the same time, on
// different partitions; user is shared by all of them.
struct hy_lane_handler {
    const char *name;                       // program: group, transactional ids, metrics, dead letters
    const char *inputs[HY_LANE_MAX_INPUTS]; // table names; exactly one when there is state
    const char *state;                      // compacted topic with as many partitions as the input; NULL = no state
    const char
        *outputs[HY_LANE_MAX_OUTPUTS]; // topics it emits to (warmed and checked at start); others are found on use
    size_t max_record_bytes;           // a larger input value is a dead letter unseen; 0 = 1 MB

    // Handles one record. 0: done. HY_EAGAIN: not yet (what it needs is not here): everything it wrote is undone, the
    // lane waits 250 ms and offers the record again; nothing overtakes it, and health shows err->text meanwhile. Any
    // other error: what it wrote is undone and
    // the record becomes a dead letter, in the same transaction, with hy_error_name(code) as reason and err->text as
    // detail (no personal data!). Required.
    int (*handle)(struct hy_lane_ctx *ctx, const struct hy_record *record, struct hy_error *err);
    // Whose record this is: writes the event's id, so that a dead letter says which message it was; leaves out empty
    // when the value does not tell. Called for dead letters alone, with any bytes whatever. Optional.
    void (*identify)(struct hy_arena *arena, struct hy_bytes value, char out[HY_ID_SIZE]);
    // Once a second for each partition of a stateful lane, inside a transaction; now as hy_lane_now. An error is
    // logged, counted, undone. Optional.
    int (*tick)(struct hy_lane_ctx *ctx, int32_t partition, int64_t now_ms, struct hy_error *err);

    // A handler's own view of one partition's state (indexes, decoded windows). open makes it, load is called once for
    // each live key in no special order, ready when all came; hy_lane_data gives it to handle and tick, which change it
    // beside their puts - after the last call in them that can fail. When a transaction is aborted, the data of the
    // partitions that it touched is closed and built again by open, load, ready. close frees it. All optional (load
    // needs open); open may return NULL for none.
    void *(*open)(void *user, int32_t partition);
    int (*load)(void *user, void *data, struct hy_bytes key, struct hy_bytes value, struct hy_error *err);
    void (*ready)(void *user, void *data, int32_t partition);
    void (*close)(void *user, void *data, int32_t partition);

    void *user;
};

// ---- within handle and tick ----

// State of the current partition as this record sees it. HY_ENOTFOUND when there is none. Borrowed until the callback
// returns or the same key is put again.
HY_MUST_CHECK int hy_lane_get(struct hy_lane_ctx *ctx, struct hy_bytes key, struct hy_bytes *value);
// Sets state; bytes are copied; one snapshot a changed key goes to the state topic with the commit. HY_ETOOBIG: beyond
// HY_LANE_MAX_SNAPSHOT and larger than what stands (the state is unchanged). HY_EINVALID: empty or too long key, key
// that begins with '!', empty value.
HY_MUST_CHECK int hy_lane_put(struct hy_lane_ctx *ctx, struct hy_bytes key, struct hy_bytes value,
                              struct hy_error *err);
// Removes state (a tombstone goes to the state topic). HY_OK also when there was none.
HY_MUST_CHECK int hy_lane_delete(struct hy_lane_ctx *ctx, struct hy_bytes key, struct hy_error *err);
// Sends a record to a topic of the table (without prefix, also "hy.work.<dept>"), placed by the key. HY_ENOTFOUND: the
// topic does not exist. HY_ETOOBIG, HY_EINVALID as above. hy_lane_erase sends a tombstone.
HY_MUST_CHECK int hy_lane_emit(struct hy_lane_ctx *ctx, const char *topic, struct hy_bytes key, struct hy_bytes value,
                               struct hy_error *err);
HY_MUST_CHECK int hy_lane_erase(struct hy_lane_ctx *ctx, const char *topic, struct hy_bytes key, struct hy_error *err);
// Writes a dead letter for the current record beside whatever else it does (reason: a fixed class such as
// "unknown_version"; detail: no personal data). For handlers that go on; returning an error does the same and undoes.
HY_MUST_CHECK int hy_lane_dead(struct hy_lane_ctx *ctx, const char *reason, const char *detail, struct hy_error *err);
// For ticks that look at many things: what was written before the mark stays, whatever becomes of the rest of the call.
// hy_lane_back takes back state and records written since the mark, or since the call began; what the handler keeps in
// its own data is its own affair. On the lane's thread, within a call.
void hy_lane_mark(struct hy_lane_ctx *ctx);
void hy_lane_back(struct hy_lane_ctx *ctx);
// max(append time of the record, last now of the partition): never goes back, also over restarts. In tick: the wall
// clock in place of the append time. Milliseconds since 1970 UTC.
int64_t hy_lane_now(const struct hy_lane_ctx *ctx);
int32_t hy_lane_partition(const struct hy_lane_ctx *ctx);
// Index of the lane in its process (0..): for scratch memory of the handler's own.
int hy_lane_index(const struct hy_lane_ctx *ctx);
void *hy_lane_user(const struct hy_lane_ctx *ctx);
// What open returned for the partition; NULL without open.
void *hy_lane_data(const struct hy_lane_ctx *ctx);
// Memory until the callback returns (at most 64 MB).
struct hy_arena *hy_lane_arena(struct hy_lane_ctx *ctx);
// Calls fn for each key of the current partition as the callback sees it, in no special order, until fn returns
// non-zero (which is returned). fn must not put or delete; collect first.
int hy_lane_each(struct hy_lane_ctx *ctx, int (*fn)(void *opaque, struct hy_bytes key, struct hy_bytes value),
                 void *opaque);
size_t hy_lane_keys(const struct hy_lane_ctx *ctx);

// ---- running lanes ----

struct hy_lanes; // opaque; start, stop and run from one thread, health from any

struct hy_lane_options {
    struct hy_kafka_options kafka;
    const char *instance;   // stable over restarts, different for each process of the program: transactional ids
    int lanes;              // threads; 0 = 2
    int64_t commit_ms;      // 0 = 100; four times that while the records have waited for longer than a second
    int64_t commit_records; // 0 = 10000
    int64_t commit_bytes;   // 0 = 8 MB
    int64_t tick_ms;        // 0 = 1000
    int64_t park_ms;        // how long the state of a revoked partition is kept; 0 = 600000
    int64_t park_bytes;     // of each lane; 0 = 256 MB
    int64_t stuck_ms; // a callback or call that takes longer ends the process (the supervisor starts it); 0 = 30000
    const char
        *from; // "earliest": an operator's word that a start without position may begin at what is left; else NULL
    const struct hy_clock *clock; // NULL = the system's
};

// The same as configuration rows (see HY_KAFKA_CONFIG_ROWS).
struct hy_lane_config {
    struct hy_kafka_config kafka;
    char *instance;
    int64_t lanes, commit_ms, commit_records, commit_bytes, park_ms, park_bytes, stuck_ms;
    char *from;
};
#define HY_LANE_ROW_(owner, field, k, t, def, lo, hi, text)                                                            \
    {                                                                                                                  \
        .key = "lane." #k, .type = t, .offset = offsetof(owner, field.k), .default_value = def, .min = lo, .max = hi,  \
        .description = text                                                                                            \
    }
// For a program that has HY_CONFIG_COMMON (which brings brokers, properties and instance): only what a lane adds.
#define HY_LANE_TUNING_ROWS(owner, field)                                                                              \
    HY_LANE_ROW_(owner, field, lanes, HY_CONFIG_INT, "2", 1, 64, "Lanes (threads) of this process."),                  \
        HY_LANE_ROW_(owner, field, commit_ms, HY_CONFIG_MS, "100ms", 5, 4000,                                          \
                     "Longest time between commits, shorter where they are quick; four times that while working off "  \
                     "what has waited."),                                                                              \
        HY_LANE_ROW_(owner, field, commit_records, HY_CONFIG_INT, "10000", 1, 100000,                                  \
                     "Most records of a transaction."),                                                                \
        HY_LANE_ROW_(owner, field, commit_bytes, HY_CONFIG_SIZE, "8MB", 65536, 67108864,                               \
                     "Most bytes of a transaction."),                                                                  \
        HY_LANE_ROW_(owner, field, park_ms, HY_CONFIG_MS, "10m", 1, 600000,                                            \
                     "How long the state of a partition that moved away is kept in memory."),                          \
        HY_LANE_ROW_(owner, field, park_bytes, HY_CONFIG_SIZE, "256MB", 0, 68719476736,                                \
                     "Most memory of each lane for such states."),                                                     \
        HY_LANE_ROW_(owner, field, stuck_ms, HY_CONFIG_MS, "30s", 8000, 600000,                                        \
                     "A lane that makes no turn for so long ends the process; its supervisor starts it again."),       \
        HY_LANE_ROW_(                                                                                                  \
            owner, field, from, HY_CONFIG_STRING, "", 0, 0,                                                            \
            "earliest: a start without position may begin at the oldest record left, though earlier ones are gone.")
#define HY_LANE_CONFIG_ROWS(owner, field)                                                                              \
    HY_KAFKA_CONFIG_ROWS(owner, field.kafka),                                                                          \
        HY_LANE_ROW_(owner, field, instance, HY_CONFIG_STRING, "0", 0, 0,                                              \
                     "Name of this process among those of its program; stable over restarts."),                        \
        HY_LANE_TUNING_ROWS(owner, field)
struct hy_lane_options hy_lane_options_of(const struct hy_lane_config *config, const char *client_id);

// Starts the lanes. *handler is borrowed until stop. Checks the topics first (HY_EMISMATCH, HY_ENOTFOUND) and fails
// when Kafka refuses the client (HY_EAUTH); an absent broker is waited for
// (HY_ECLOSED when SIGTERM comes meanwhile, see hy_lanes_block_signals). Free with hy_lanes_stop.
HY_MUST_CHECK int hy_lanes_start(const struct hy_lane_options *options, const struct hy_lane_handler *handler,
                                 struct hy_lanes **out, struct hy_error *err);
// HY_OK; HY_EAGAIN while a lane waits for its group or is restoring (alive, not ready); else why a lane cannot work,
// for /healthz. A lane that refused (bad position, other log id, no rights) does so for good: the program should stop,
// say err->text and exit 1; hy_lanes_refused tells these from passing troubles.
HY_MUST_CHECK int hy_lanes_health(struct hy_lanes *lanes, struct hy_error *err);
bool hy_lanes_refused(struct hy_lanes *lanes, struct hy_error *err);
// Drains: finishes the records in hand, commits, leaves the group, ends the threads, frees. Takes at most timeout_ms;
// HY_ETIMEOUT when a thread did not end (it is left behind: exit the process; nothing is lost, its transaction is
// aborted).
HY_MUST_CHECK int hy_lanes_stop(struct hy_lanes *lanes, int timeout_ms, struct hy_error *err);
// For a program without a loop of its own: blocks until SIGTERM or SIGINT (then drains within 10 s) or a refusal.
// Returns the exit code of the program, 0 or 1, after saying why on the log. Call it from main, with both signals
// blocked in all threads (hy_lanes_block_signals before the first thread is made).
int hy_lanes_run(struct hy_lanes *lanes);
void hy_lanes_block_signals(void);

#endif
