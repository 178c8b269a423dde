#include "producers/gateway/gateway.h"

#include <unistd.h>

#include "adapters/accounts.h"

#define F(field) offsetof(struct gateway_config, field)

static const struct hy_config_row rows[] = {
    HY_CONFIG_COMMON(struct gateway_config, common),
    HY_CONFIG_ROW("accounts.dir", HY_CONFIG_STRING, F(accounts_dir), "", NULL,
                  "Folder with one file <platform>-<account>.yaml for each account; empty serves the web form only."),
    {"body.limit", HY_CONFIG_SIZE, F(body_limit), "1MB", 1024, 4 << 20, NULL,
     "Largest body of a request; a larger one is refused with 413."},
    {"answer.kafka", HY_CONFIG_MS, F(answer_kafka_ms), "3s", 50, 4000, NULL,
     "How long Kafka's acknowledgement is waited for before the spool answers."},
    {"answer.limit", HY_CONFIG_MS, F(answer_ms), "4500ms", 100, 4900, NULL,
     "How long any answer may take; platforms give up after 5 seconds."},
    {"spool.keep", HY_CONFIG_MS, F(spool_keep_ms), "15m", 1000, 86400000, NULL,
     "What was accepted within this time is sent again after a restart of Kafka or of this program."},
    {"spool.max", HY_CONFIG_SIZE, F(spool_max), "1GB", 1 << 20, 1LL << 40, NULL,
     "Largest size of the spool on disk; when it is full and Kafka is away, requests get 503."},
    {"spool.segment", HY_CONFIG_SIZE, F(spool_segment), "16MB", 64 << 10, 256 << 20, NULL,
     "Size at which the spool begins a new file."},
    {"drain.rate", HY_CONFIG_INT, F(drain_rate), "2000", 1, 1000000, NULL,
     "Most records a second that the spool sends to Kafka, so that old ones do not delay new ones."},
    {"limit.rate", HY_CONFIG_INT, F(limit_rate), "50", 0, 1000000, NULL,
     "Requests a second that one client may make in the long run; 0 for no limit."},
    {"limit.burst", HY_CONFIG_INT, F(limit_burst), "200", 1, 1000000, NULL,
     "Requests that one client may make at once."},
    {"limit.connections", HY_CONFIG_INT, F(limit_connections), "200", 0, GATEWAY_CONNECTIONS, NULL,
     "Connections that one address may hold at once; 0 for no limit. Not with limit.forwarded: all are the proxy's."},
    HY_CONFIG_ROW("limit.loopback", HY_CONFIG_BOOL, F(limit_loopback), "no", NULL,
                  "Whether the requests of clients on this machine are limited too."),
    HY_CONFIG_ROW(
        "limit.forwarded", HY_CONFIG_BOOL, F(limit_forwarded), "no", NULL,
        "Whether the client is the last address of the last X-Forwarded-For; only behind a proxy of your own."),
};

// Accounts, and limits that depend on each other.
static int check(const void *target, struct hy_buf *problems) {
    const struct gateway_config *config = target;
    struct hy_adapter_accounts accounts;
    int rc = hy_adapter_accounts_load(config->accounts_dir, environ, &accounts, problems);
    if (rc == HY_OK) hy_adapter_accounts_free(&accounts);
    if (config->answer_kafka_ms >= config->answer_ms) {
        hy_buf_adds(problems, "answer.kafka: must be less than answer.limit\n");
        rc = HY_ECONFIG;
    }
    if (config->spool_segment * 4 > config->spool_max) {
        hy_buf_adds(problems, "spool.max: must be at least four times spool.segment\n");
        rc = HY_ECONFIG;
    }
    return rc;
}

const struct hy_config_table gateway_table = {
    .program = "gateway",
    .purpose = "Takes messages of platforms and web forms over HTTP and makes them safe in Kafka before it answers.",
    .rows = rows,
    .n_rows = sizeof rows / sizeof rows[0],
    .struct_size = sizeof(struct gateway_config),
    .check = check,
};
