// Dead letters as commands see them: found by one pass over hy.dead, each by its source coordinates, or, where it
// stands for a push that never was a record, by its key; the newest letter of a record or push only. The originals are
// not kept here: a second pass takes those that are asked for. A new way of choosing: a field of hyctl_dead_filter, its
// line in dead_wanted, its option in dead.c.
#ifndef HY_TOOLS_HYCTL_DEAD_H
#define HY_TOOLS_HYCTL_DEAD_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "huiying/v1/dead_letter.pb-c.h"
#include "lib/base/arena.h"
#include "tools/hyctl/connect.h"

enum { HYCTL_DEAD_ID = 320, HYCTL_DEAD_KEY_KEPT = 4096 };

// One letter without its original. Texts are owned.
struct hyctl_letter {
    char id[HYCTL_DEAD_ID]; // "hy.commands/3/120": topic, partition, offset of the record; of a push its key
    int32_t partition;      // where the letter itself stands in hy.dead
    int64_t offset;
    int64_t at_ms;
    char *reason, *detail, *program, *event_id;
    uint64_t size; // of the original, bytes
    uint32_t tries;
    bool whole; // the original was kept to its last byte
};

// What is wanted; NULL or 0 = whatever it is.
struct hyctl_dead_filter {
    const char *const *ids;
    int n_ids;
    const char *topic, *reason;
};

struct hyctl_letters {
    struct hyctl_letter *list; // by time, the oldest first
    size_t n, cap;
    size_t unreadable; // records of hy.dead that are no letters
};
void hyctl_letters_free(struct hyctl_letters *letters);

// All letters that the filter wants.
HY_MUST_CHECK int hyctl_dead_find(const struct hy_kafka_options *kafka, const struct hyctl_dead_filter *filter,
                                  struct hyctl_letters *out, struct hy_error *err);
// Gives each of these letters whole, original and all, in the order of hy.dead. An error of fn ends it.
typedef int (*hyctl_dead_fn)(void *opaque, const struct hyctl_letter *letter, const Huiying__V1__DeadLetter *whole,
                             struct hy_error *err);
HY_MUST_CHECK int hyctl_dead_each(const struct hy_kafka_options *kafka, const struct hyctl_letters *letters,
                                  hyctl_dead_fn fn, void *opaque, struct hy_error *err);

// May it be sent again? HY_OK; else err says what was lost of it.
HY_MUST_CHECK int hyctl_dead_sendable(const Huiying__V1__DeadLetter *letter, struct hy_error *err);
// The first bytes of an original for people: as text where they are UTF-8, else in hex. Appended to *out.
void hyctl_dead_head(struct hy_bytes original, size_t most, struct hy_buf *out);

#endif
