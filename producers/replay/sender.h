// Sends rows exactly once, over kills and restarts: records and the number of rows handled go into one transaction (the
// number as the committed offset of a group of this file's own). What a killed replay left open is aborted by the next
// start, which goes on at the stored row. One thread.
#ifndef HY_REPLAY_SENDER_H
#define HY_REPLAY_SENDER_H

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/lane/kafka_conf.h"

struct sender;

enum { SENDER_NOTE = 64 };

// Where earlier runs of the job stopped: rows handled, and the note they left ("" on the first run).
struct sender_cursor {
    int64_t row;
    char note[SENDER_NOTE];
};

// Opens for a job (a name that stands for file and mapping: the same job goes on where it was). Waits for Kafka up to
// timeout_ms. Free with sender_close.
HY_MUST_CHECK int sender_open(const struct hy_kafka_options *kafka, const char *job, int timeout_ms,
                              struct sender **out, struct sender_cursor *cursor, struct hy_error *err);
// Queues a record (topic: table name; bytes are copied); waits when the queue is full.
HY_MUST_CHECK int sender_add(struct sender *sender, const char *topic, struct hy_bytes key, struct hy_bytes value,
                             struct hy_error *err);
// Commits what was added together with the cursor (borrowed). HY_OK: all of it is in Kafka. Any error: none of it
// counts as sent; close, and start again.
HY_MUST_CHECK int sender_commit(struct sender *sender, const struct sender_cursor *cursor, struct hy_error *err);
void sender_close(struct sender *sender);

#endif
