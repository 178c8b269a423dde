// The partitions of a fold: which are ours, how far each is, when one that could not be opened is tried again, and what
// the batch in hand moves. Inside of lib/fold only; fold.c runs the loop over it, fold_open.c opens partitions.
// To keep more about a partition, add a field here; hy_fold_parts_add zeroes it.
#ifndef HY_FOLD_PARTS_H
#define HY_FOLD_PARTS_H

#include "lib/base/backoff.h"
#include "lib/fold/fold.h"

struct hy_fold_part {
    char topic[HY_TOPIC_NAME_SIZE]; // as in the table
    int32_t partition;
    bool open;       // in the consumer's assignment; else it waits to be opened
    bool from_start; // reset whatever the store says
    bool caught_up;  // folded to the end since it was opened
    bool tell;       // caught_up of the sink is due
    struct hy_fold_position position;
    int64_t last_record_ms; // the log's time of the newest record that was folded; 0 = none yet
    struct hy_backoff backoff;
    int64_t retry_at_ms; // monotonic
    int beyond_seen;     // times the position was found beyond the end, in a row
    // the batch in hand
    bool in_batch;
    int64_t next;
    bool at_end;
};

struct hy_fold_parts {
    struct hy_fold_part *list;
    size_t n, cap;
    size_t last; // index of the last hit: records come in runs of one partition
};

// NULL when memory is out. Pointers are valid until the next add.
struct hy_fold_part *hy_fold_parts_add(struct hy_fold_parts *parts, const char *topic, int32_t partition);
struct hy_fold_part *hy_fold_parts_find(struct hy_fold_parts *parts, const char *topic, int32_t partition);
void hy_fold_parts_clear(struct hy_fold_parts *parts); // forgets all, keeps the memory
void hy_fold_parts_free(struct hy_fold_parts *parts);

// Takes a partition out of the assignment until now + backoff.
void hy_fold_part_shut(struct hy_fold_part *part, int64_t now_ms);

// What a stored position is worth for a log of this id that holds [low, high). Pure.
enum hy_fold_verdict {
    HY_FOLD_GO_ON,
    HY_FOLD_FROM_START, // *why says the reason
    HY_FOLD_LOOK_AGAIN  // beyond the end: an end may lag for a moment after a broker's restart
};
enum hy_fold_verdict hy_fold_judge(const struct hy_fold_position *stored, const char *log_id, int64_t low, int64_t high,
                                   int beyond_seen, enum hy_fold_reset *why);
// True when topic is one of the wanted names, or begins with a wanted prefix ("hy.work.*"). Pure.
bool hy_fold_wants(const char *const *wanted, size_t n, const char *topic);

#endif
