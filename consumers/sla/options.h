// The configuration of sla: what every program has (lib/base/config.h), and its own rows, which say how long it sleeps,
// how often it audits, and what it takes for a clock step.
// To add a row: a field here, a line in options.c; docs and --help follow by themselves.
#ifndef HY_SLA_OPTIONS_H
#define HY_SLA_OPTIONS_H

#include "lib/base/config.h"
#include "lib/lane/kafka_conf.h"

struct sla_options {
    struct hy_config_common common;
    char *key_prefix;     // of keys in Redis
    char *redis_user;     // ACL user, "" = default
    int64_t sleep_max_ms; // longest sleep without looking
    int64_t audit_ms;     // between audits of one shard, 0 = never
    int64_t step_ms;      // a jump of Redis's clock that holds the timers
    int64_t hold_ms;      // how long the clock must then be steady
    int64_t resend_ms;    // least time between two repeats of what casework passed without effect
    int64_t lag_ms;       // how far casework may fall behind because of fires, 0 = as far as it likes
    int64_t drain_ms;     // how long SIGTERM waits for what is on its way
    int64_t look_ms;      // shards with nothing due are looked at so often; no row sets it, 0 = 1 s
};

extern const struct hy_config_table SLA_CONFIG;
struct hy_kafka_options sla_kafka(const struct sla_options *options);

#endif
