// How our programs talk to Kafka: brokers, pass-through properties, and the settings that correctness rests on.
// Every librdkafka handle of the project is made here, so that log, errors, statistics and TLS properties are wired
// once. A pass-through property ("ssl.ca.location=/etc/…;debug=broker") may set anything except what the exactly-once
// promise fixes (HY_KAFKA_FIXED in kafka_conf.c); to fix one more, add it there with its reason.
#ifndef HY_LANE_KAFKA_CONF_H
#define HY_LANE_KAFKA_CONF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "lib/base/config.h"
#include "lib/base/error.h"

// Where Kafka is. Strings are borrowed for the life of whatever was opened with it.
struct hy_kafka_options {
    const char *brokers;    // "host:port,host:port"
    const char *properties; // "k=v;k=v" passed to librdkafka, or NULL / "" (TLS: ssl.* and security.protocol)
    const char
        *prefix; // put before every topic, group and transactional id: "" in production, "t1." in tests; NULL = ""
    const char *client_id; // for the broker's log; NULL = "huiying"
};

// The same as fields and rows for a program's configuration:
//   struct my_config { struct hy_kafka_config kafka; … };
//   static const struct hy_config_row ROWS[] = { HY_KAFKA_CONFIG_ROWS(struct my_config, kafka), … };
struct hy_kafka_config {
    char *brokers;
    char *properties;
    char *prefix;
};
#define HY_KAFKA_CONFIG_ROWS(owner, field)                                                                             \
    {.key = "kafka.brokers",                                                                                           \
     .type = HY_CONFIG_STRING,                                                                                         \
     .offset = offsetof(owner, field.brokers),                                                                         \
     .default_value = "127.0.0.1:9092",                                                                                \
     .description = "Kafka's bootstrap addresses, host:port separated by commas."},                                    \
        {.key = "kafka.properties",                                                                                    \
         .type = HY_CONFIG_STRING,                                                                                     \
         .offset = offsetof(owner, field.properties),                                                                  \
         .default_value = "",                                                                                          \
         .description = "Further librdkafka properties as k=v;k=v, for TLS: security.protocol, ssl.*."},               \
    {                                                                                                                  \
        .key = "kafka.prefix", .type = HY_CONFIG_STRING, .offset = offsetof(owner, field.prefix), .default_value = "", \
        .description = "Put before every topic, group and transactional id; for tests that share a broker."            \
    }
// Borrows the strings of *config.
struct hy_kafka_options hy_kafka_options_of(const struct hy_kafka_config *config, const char *client_id);

enum hy_kafka_role {
    HY_KAFKA_GROUP_CONSUMER, // a lane's input: read_committed, eager range, no auto commit, auto.offset.reset=error
    HY_KAFKA_READER,         // assigns partitions itself: read_committed, partition EOF
    HY_KAFKA_PROBE,          // asks for offsets only: read_uncommitted, so that an end is the true end
    HY_KAFKA_TXN_PRODUCER,   // a lane's output
    HY_KAFKA_PRODUCER,       // the publisher: idempotent, acks=all
    HY_KAFKA_ADMIN           // topics
};

// What callbacks learn of one handle; the owner reads it. Zero-initialise. Atomics: callbacks may run on any thread.
struct hy_kafka_state {
    _Atomic int refused;          // RD_KAFKA_RESP_ERR_* of _AUTHENTICATION, _SSL, …: will not heal by waiting
    _Atomic uint64_t disconnects; // broker connections lost
    _Atomic int fatal;            // RD_KAFKA_RESP_ERR_* of a fatal error
    char refused_text[256];       // valid once refused is not 0
    void *owner;                  // for delivery and rebalance callbacks; set by the owner
    int index;                    // which of the program's handles of this role it is, for metrics; set by the owner
    enum hy_kafka_role role;      // set by hy_kafka_conf
};

// One "key=value" beyond the role's own settings, e.g. group.id.
struct hy_kafka_setting {
    const char *key, *value;
};

// A configuration for a role: the role's required settings, then `more` (n_more rows), then the pass-through
// properties. HY_ECONFIG names the property that is misspelt, has a bad value or is fixed. *out is owned by the caller
// until hy_kafka_new takes it. state (borrowed for the handle's life) becomes the opaque of all callbacks.
HY_MUST_CHECK int hy_kafka_conf(const struct hy_kafka_options *options, enum hy_kafka_role role,
                                const struct hy_kafka_setting *more, size_t n_more, struct hy_kafka_state *state,
                                rd_kafka_conf_t **out, struct hy_error *err);
// A handle from a configuration, which is taken in every case.
HY_MUST_CHECK int hy_kafka_new(enum hy_kafka_role role, rd_kafka_conf_t *conf, rd_kafka_t **out, struct hy_error *err);
// HY_EAUTH / HY_ECONFIG with what the broker said when the handle will never work (wrong certificate, refused log-in).
HY_MUST_CHECK int hy_kafka_refused(const struct hy_kafka_state *state, struct hy_error *err);
// Low and true high watermark of one partition through a probe handle. HY_ETIMEOUT, HY_ENOTFOUND, HY_ENET.
HY_MUST_CHECK int hy_kafka_watermarks(rd_kafka_t *probe, const char *topic, int32_t partition, int timeout_ms,
                                      int64_t *low, int64_t *high, struct hy_error *err);
// Number of partitions of a topic; HY_ENOTFOUND when it does not exist.
HY_MUST_CHECK int hy_kafka_partitions(rd_kafka_t *handle, const char *topic, int timeout_ms, int32_t *out,
                                      struct hy_error *err);
// The HY_E* that stands for a librdkafka error: HY_ETIMEOUT, HY_EAGAIN, HY_EFENCED, HY_ELOST, HY_EAUTH, HY_ENET, ….
int hy_kafka_code(rd_kafka_resp_err_t code);

#endif
