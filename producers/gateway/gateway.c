#include "producers/gateway/gateway.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/accounts.h"
#include "lib/base/log.h"
#include "lib/lane/publisher.h"
#include "lib/web/health.h"
#include "producers/gateway/door.h"
#include "producers/gateway/intake.h"

enum { CLOSE_MS = 5000, GRACE_MS = 5000, FLIGHT_MS = 24 * 3600 * 1000 };

struct gateway {
    const struct gateway_config *config;
    uv_loop_t loop;
    uv_signal_t terminate, interrupt;
    struct hy_health *health;
    struct hy_adapter_accounts accounts;
    struct hy_web_server *server;
    struct intake *intake;
    struct door *door;
    bool stopping;
};

// ---- parts ----

static int open_publisher(const struct gateway_config *config, struct hy_publisher **out, struct hy_error *err) {
    struct hy_publisher_options options = {
        .kafka = {.brokers = config->common.kafka_brokers,
                  .properties = config->common.kafka_properties,
                  .prefix = config->common.kafka_prefix,
                  .client_id = "gateway"},
        // The client never gives a record up on its own: what it holds goes before what the spool holds.
        // No topic is warmed: that would wait for a broker, and the spool serves without one.
        .timeout_ms = FLIGHT_MS,
    };
    return hy_publisher_open(&options, out, err);
}

static int open_spool(const struct gateway_config *config, struct spool **out, struct hy_error *err) {
    struct spool_limits limits = {(uint64_t)config->spool_segment, (uint64_t)config->spool_max};
    struct hy_buf folder = {0};
    if (mkdir(config->common.data_dir, 0700) != 0 && errno != EEXIST)
        return hy_fail(err, HY_EIO, "data.dir %s: %s; make the folder or choose another", config->common.data_dir,
                       strerror(errno));
    hy_buf_addf(&folder, "%s/spool", config->common.data_dir);
    int rc = hy_buf_ok(&folder) ? spool_open(folder.data, &limits, out, err) : HY_ENOMEM;
    hy_buf_free(&folder);
    return rc;
}

static int open_intake(struct gateway *gateway, struct hy_error *err) {
    const struct gateway_config *config = gateway->config;
    struct spool *spool = NULL;
    struct hy_publisher *publisher = NULL;
    int rc = open_spool(config, &spool, err);
    if (rc == HY_OK) rc = open_publisher(config, &publisher, err);
    if (rc < 0) {
        spool_close(spool);
        return rc;
    }
    struct intake_options options = {.loop = &gateway->loop,
                                     .spool = spool,
                                     .sink = intake_publisher_sink(publisher),
                                     .kafka_ms = config->answer_kafka_ms,
                                     .answer_ms = config->answer_ms,
                                     .keep_ms = config->spool_keep_ms,
                                     .drain_per_s = config->drain_rate,
                                     .health = gateway->health};
    return intake_new(&options, &gateway->intake, err);
}

// A proxy is one address for all its clients and limits them itself.
static unsigned connections_of_one(const struct gateway_config *config) {
    bool limited = config->limit_connections > 0 && !config->limit_forwarded;
    return limited ? (unsigned)config->limit_connections : GATEWAY_CONNECTIONS;
}

static int open_server(struct gateway *gateway, struct hy_error *err) {
    struct hy_web_options options = {.name = "gateway",
                                     .listen = gateway->config->common.http_listen,
                                     .body_limit = (size_t)gateway->config->body_limit,
                                     .connections = GATEWAY_CONNECTIONS,
                                     .per_address = connections_of_one(gateway->config),
                                     .request_ms = 10000,
                                     .answer_ms = 8000};
    int rc = hy_web_server_new(&gateway->loop, &options, &gateway->server, err);
    return rc < 0 ? rc : hy_health_routes(gateway->health, gateway->server);
}

static int open_door(struct gateway *gateway, struct hy_error *err) {
    const struct gateway_config *config = gateway->config;
    struct door_options options = {.server = gateway->server,
                                   .accounts = &gateway->accounts,
                                   .intake = gateway->intake,
                                   .rate_per_s = config->limit_rate,
                                   .burst = config->limit_burst,
                                   .limit_loopback = config->limit_loopback,
                                   .forwarded = config->limit_forwarded,
                                   .repeat_ms = config->spool_keep_ms};
    return door_new(&options, &gateway->door, err);
}

// ---- stopping ----

static void on_server_closed(void *ctx) {
    struct gateway *gateway = ctx;
    gateway->server = NULL;
    if (gateway->intake) intake_close(gateway->intake, CLOSE_MS, NULL, NULL);
    gateway->intake = NULL;
}

static void stop(struct gateway *gateway) {
    if (gateway->stopping) return;
    gateway->stopping = true;
    if (gateway->server)
        hy_web_server_close(gateway->server, GRACE_MS, on_server_closed, gateway);
    else
        on_server_closed(gateway);
}

static void on_signal(uv_signal_t *signal, int number) {
    struct gateway *gateway = signal->data;
    if (gateway->stopping) {
        HY_WARN("gateway.stop", "a second signal: ending at once; the spool has what was promised", NULL);
        _exit(1);
    }
    HY_INFO("gateway.stop", "draining", "signal=%d", number);
    // Unreferenced, they keep watching for a second signal and do not hold the loop.
    uv_unref((uv_handle_t *)&gateway->terminate);
    uv_unref((uv_handle_t *)&gateway->interrupt);
    stop(gateway);
}

// ---- run ----

static int start(struct gateway *gateway, struct hy_error *err) {
    struct hy_buf problems = {0};
    int rc = hy_adapter_accounts_load(gateway->config->accounts_dir, environ, &gateway->accounts, &problems);
    if (rc < 0) hy_fail(err, rc, "accounts: %s", problems.data ? problems.data : hy_error_text(rc));
    hy_buf_free(&problems);
    if (rc == HY_OK) rc = open_server(gateway, err);
    if (rc == HY_OK) rc = open_intake(gateway, err);
    if (rc == HY_OK) rc = open_door(gateway, err);
    return rc;
}

static void watch_signals(struct gateway *gateway) {
    uv_signal_init(&gateway->loop, &gateway->terminate);
    uv_signal_init(&gateway->loop, &gateway->interrupt);
    gateway->terminate.data = gateway->interrupt.data = gateway;
    uv_signal_start(&gateway->terminate, on_signal, SIGTERM);
    uv_signal_start(&gateway->interrupt, on_signal, SIGINT);
}

static void finish(struct gateway *gateway) {
    uv_close((uv_handle_t *)&gateway->terminate, NULL);
    uv_close((uv_handle_t *)&gateway->interrupt, NULL);
    uv_run(&gateway->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&gateway->loop) != 0) HY_ERROR("gateway.stop", "the loop was left with open handles", NULL);
    door_free(gateway->door);
    hy_adapter_accounts_free(&gateway->accounts);
    hy_health_free(gateway->health);
}

int gateway_run(const struct gateway_config *config) {
    struct gateway gateway = {.config = config};
    struct hy_error err = {0};
    json_object_seed(0);
    signal(SIGPIPE, SIG_IGN);
    gateway.health = hy_health_new("gateway");
    if (!gateway.health || uv_loop_init(&gateway.loop) != 0) return 1;
    watch_signals(&gateway);
    int rc = start(&gateway, &err);
    if (rc < 0) {
        HY_ERROR("gateway.start", err.text, NULL);
        uv_unref((uv_handle_t *)&gateway.terminate);
        uv_unref((uv_handle_t *)&gateway.interrupt);
        stop(&gateway);
    } else {
        HY_INFO("gateway.start", "taking messages", "url=%s accounts=%zu", hy_web_server_url(gateway.server),
                gateway.accounts.n);
    }
    uv_run(&gateway.loop, UV_RUN_DEFAULT);
    finish(&gateway);
    if (rc == HY_OK) HY_INFO("gateway.stop", "done", NULL);
    return rc < 0 ? 1 : 0;
}
