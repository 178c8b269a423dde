// Topic handles of one producer: made once, with the topic's compression from the table, and asked for at start so that
// the first record does not wait for metadata (librdkafka #5032). A producer that is made anew gets new handles.
// Used by the lanes and the publisher on the thread that owns the producer.
#ifndef HY_LANE_HANDLES_H
#define HY_LANE_HANDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "lib/base/error.h"

struct hy_handle {
    char *name; // table name
    rd_kafka_topic_t *topic;
    bool known;               // the broker has confirmed it
    int64_t missing_until_ms; // asked for and not there: not asked again before
};

struct hy_handles {
    rd_kafka_t *rk;
    const char *prefix;     // borrowed
    struct hy_handle *rows; // by name
    size_t n, cap;
};

void hy_handles_init(struct hy_handles *handles, rd_kafka_t *rk, const char *prefix);
void hy_handles_free(struct hy_handles *handles);
// The handle of a table name, made on first use. NULL: no such topic in the table, or no memory.
rd_kafka_topic_t *hy_handles_topic(struct hy_handles *handles, const char *name);
// Asks for the topic's metadata without waiting for long (<= 2 s).
void hy_handles_warm(struct hy_handles *handles, const char *name);
// HY_OK when the broker has the topic, and *topic is its handle; HY_ENOTFOUND; HY_EAGAIN when it could not be asked.
HY_MUST_CHECK int hy_handles_check(struct hy_handles *handles, const char *name, rd_kafka_topic_t **topic);

#endif
