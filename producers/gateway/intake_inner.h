// What intake.c (taking, answering), drain.c (sending what waits) and disk.c (the job) share; nobody else includes it.
// Everything but struct disk_job's work function runs on the loop's thread.
// A new way for a record to wait gets its state in struct intake and its step in the file whose turn it is.
#ifndef HY_GATEWAY_INTAKE_INNER_H
#define HY_GATEWAY_INTAKE_INNER_H

#include "lib/base/metrics.h"
#include "producers/gateway/intake.h"
#include "producers/gateway/orders.h"

enum { DISK_WRITES = 1024, DISK_READS = 256 };

enum entry_state { ENTRY_DONE, ENTRY_DIRECT, ENTRY_WAITING, ENTRY_SENT };

// A record that somebody still needs: its bytes until they are written, its answer until it is given.
struct record {
    struct record *next;          // in the queue to the disk
    struct record *older, *newer; // among the unanswered
    uint64_t seq;
    int64_t accepted_ms;
    int64_t taken_ns;
    const char *topic;
    struct hy_bytes key, value; // in this allocation
    intake_done done;
    void *ctx;
    bool unanswered;
    bool queued;     // not yet written
    bool wants_disk; // its answer waits for the sync
};

// What is known of a seq, from the first that is not done on.
struct entry {
    uint64_t order;
    int64_t accepted_ms;
    struct spool_place place;
    struct record *record; // while unanswered
    enum entry_state state;
};

struct found_list {
    struct spool_found *list;
    size_t n, cap;
};

struct disk_job {
    uv_work_t work;
    struct intake *intake;
    // in
    struct record *writes[DISK_WRITES];
    size_t n_writes;
    bool sync;
    uint64_t reads[DISK_READS];
    struct spool_place read_places[DISK_READS];
    size_t n_reads;
    uint64_t reads_after; // the drain had passed all below it
    bool scan;
    int64_t scan_from_ms;
    bool keep_house;
    uint64_t done_before;
    int64_t keep_ms;
    // out
    struct spool_place places[DISK_WRITES];
    int write_code;
    struct hy_error write_error;
    struct hy_buf read_memory[DISK_READS];
    struct spool_record read_records[DISK_READS];
    int read_codes[DISK_READS];
    struct found_list found;
    int scan_code;
    uint64_t bytes, damaged;
    double seconds;
};

struct intake_metrics {
    struct hy_metric *by_kafka, *by_spool, *failed, *waiting, *oldest, *bytes, *written, *unkept, *drained, *lost,
        *rewinds, *kafka_up, *accept_seconds, *disk_seconds, *damaged;
};

struct intake {
    struct intake_options options;
    uv_poll_t poll;
    uv_timer_t fast, slow;
    int handles;
    bool has_poll;
    struct intake_metrics metrics;
    struct hy_health_part *kafka_part, *spool_part;

    struct entry *ring;
    size_t ring_cap;                   // power of two
    uint64_t front, next;              // seqs: [front, next) stand in the ring
    struct orders backlog;             // orders of WAITING and SENT
    struct record *queue, **queue_end; // to be written
    size_t queue_len;
    struct record *oldest, *newest; // unanswered

    bool kafka_up;
    bool disk_ok;
    size_t direct_in_flight, drain_in_flight;
    uint64_t drain_seq; // first that the drain has not passed
    double allowance;   // records that the drain may send now
    int64_t allowance_ns;
    int64_t drain_after_ns;
    bool drain_reading;

    uint64_t disconnects;
    // A connection broke: what was accepted lately must be sent again, and before anything later.
    bool suspect;
    int64_t suspect_ns, rewound_ns;
    bool scan_wanted;

    struct disk_job job;
    bool job_running;
    bool house_due;
    bool closing;
    bool finished; // no job may start any more
    int close_ms;
    void (*closed)(void *ctx);
    void *closed_ctx;
};

static inline struct entry *intake_entry(struct intake *intake, uint64_t seq) {
    return &intake->ring[seq & (intake->ring_cap - 1)];
}

// intake.c
void intake_answer(struct intake *intake, struct record *record, int status);
void intake_set_kafka(struct intake *intake, bool up);
void intake_note_waiting(const struct intake *intake); // the metric, at each change
void intake_entry_done(struct intake *intake, uint64_t seq);
void intake_entry_waits(struct intake *intake, uint64_t seq);
HY_MUST_CHECK int intake_room(struct intake *intake, uint64_t front, uint64_t next); // ring holds [front, next)
// drain.c
void drain_plan(struct intake *intake, struct disk_job *job); // which records the next job shall read
void drain_send(struct intake *intake, struct disk_job *job);
HY_MUST_CHECK int drain_load(struct intake *intake, const struct found_list *found);
void drain_suspect(struct intake *intake); // asks whether a connection broke
void drain_watch(struct intake *intake);   // once a second
// disk.c
void disk_kick(struct intake *intake); // starts the job when there is something to do
HY_MUST_CHECK int found_add(void *list, const struct spool_found *found);

#endif
