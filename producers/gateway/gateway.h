// The gateway program, put together: configuration, spool, publisher, intake, doors, health, signals. main.c runs it;
// tests may too. A new option is a row in gateway_config.c and its use here.
// The order of start and stop is in gateway.c, once: doors open last and close first.
#ifndef HY_GATEWAY_GATEWAY_H
#define HY_GATEWAY_GATEWAY_H

#include "lib/base/config.h"

enum { GATEWAY_CONNECTIONS = 1000 }; // at the same time, of all clients

struct gateway_config {
    struct hy_config_common common;
    char *accounts_dir;
    int64_t body_limit;
    int64_t answer_kafka_ms;
    int64_t answer_ms;
    int64_t spool_keep_ms;
    int64_t spool_max;
    int64_t spool_segment;
    int64_t drain_rate;
    int64_t limit_rate;
    int64_t limit_burst;
    int64_t limit_connections;
    bool limit_loopback;
    bool limit_forwarded;
};

extern const struct hy_config_table gateway_table;

// Serves until SIGTERM or SIGINT, then drains; a second signal ends it at once. The exit code: 0, or 1 when it could
// not start (said on the log).
int gateway_run(const struct gateway_config *config);

#endif
