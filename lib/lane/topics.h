// The one topics table: names, keys, counts, retention; making, checking, and log ids.
// A program names a topic by its table name ("hy.cases"); the prefix of hy_kafka_options is added here and in the lane
// and publisher, nowhere else. A new topic is one row in topics.c; a department's feed is the row "hy.work.<dept>".
// Counts are fixed at creation. Each topic gets a log id when it is made, kept in hy.registry (kind "log", id = the
// full name): offsets compare only within one log id.
#ifndef HY_LANE_TOPICS_H
#define HY_LANE_TOPICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/lane/kafka_conf.h"

#define HY_TOPIC_POSTS     "hy.posts"
#define HY_TOPIC_COMMENTS  "hy.comments"
#define HY_TOPIC_SIGNALS   "hy.signals"
#define HY_TOPIC_SIGHTINGS "hy.sightings"
#define HY_TOPIC_SUBJECTS  "hy.subjects"
#define HY_TOPIC_WATCH     "hy.watch"
#define HY_TOPIC_COMMANDS  "hy.commands"
#define HY_TOPIC_CASES     "hy.cases"
#define HY_TOPIC_JOURNAL   "hy.journal"
#define HY_TOPIC_CONTENT   "hy.content"
#define HY_TOPIC_REGISTRY  "hy.registry"
#define HY_TOPIC_WORK      "hy.work." // + department code
#define HY_TOPIC_DEAD      "hy.dead"

enum {
    HY_TOPIC_NAME_SIZE = 250, // Kafka's limit of 249 + NUL
    HY_LOG_ID_SIZE = 27       // 26 characters of Crockford base32 + NUL
};

struct hy_topic {
    const char *name;        // "hy.cases"; the row of the department feeds is "hy.work." (a pattern)
    const char *key;         // what the key is, for people
    const char *value;       // message of proto/huiying/v1
    const char *description; // one sentence for hyctl and the contract
    int32_t partitions;
    int64_t retention_ms; // -1: compacted, or for the archive period
    bool compacted;
    bool log_append_time; // the broker's clock stamps the records
    const char *compression;
    int32_t max_bytes; // of one record
};

// The table (static) and its length.
const struct hy_topic *hy_topics(size_t *n);
// The row of a table name; every "hy.work.x" finds the pattern's row. NULL when there is none.
const struct hy_topic *hy_topic_find(const char *name);
// True for a department code that can stand in "hy.work.<dept>": 1-64 of a-z, 0-9, '_', '-'.
bool hy_topic_dept_valid(const char *dept);
// prefix + name into out; returns out.
char *hy_topic_full(const char *prefix, const char *name, char out[HY_TOPIC_NAME_SIZE]);

// For tests and small machines: replaces counts of the table. 0 = the table's.
struct hy_topics_plan {
    int32_t partitions;  // of every topic that the table gives more than one
    int16_t replication; // 0 = default.replication.factor of the brokers
};

// Makes what is missing (the table's topics, and hy.work.<dept> for each of the n department codes), gives every topic
// without one a log id, and checks what was there. Appends one line a topic to *report (may be NULL): "hy.cases: made,
// 16 partitions". HY_EMISMATCH: all differences stand in *report and the first in err. Safe to run twice at once
// (fenced by a transactional id). Blocks up to timeout_ms. plan may be NULL.
HY_MUST_CHECK int hy_topics_create(const struct hy_kafka_options *kafka, const struct hy_topics_plan *plan,
                                   const char *const *depts, size_t n, int timeout_ms, struct hy_buf *report,
                                   struct hy_error *err);
// Only checks: HY_ENOTFOUND or HY_EMISMATCH with every difference in *report.
HY_MUST_CHECK int hy_topics_check(const struct hy_kafka_options *kafka, const struct hy_topics_plan *plan,
                                  int timeout_ms, struct hy_buf *report, struct hy_error *err);

// The log id of a topic (table name), from hy.registry folded to its end. HY_ENOTFOUND: run `hyctl topics create`.
HY_MUST_CHECK int hy_log_id(const struct hy_kafka_options *kafka, const char *name, int timeout_ms,
                            char out[HY_LOG_ID_SIZE], struct hy_error *err);
// The same for n topics with one passage through the registry; out[i] belongs to names[i].
HY_MUST_CHECK int hy_log_ids(const struct hy_kafka_options *kafka, const char *const *names, size_t n, int timeout_ms,
                             char (*out)[HY_LOG_ID_SIZE], struct hy_error *err);

#endif
