#include "consumers/courier/courier.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "consumers/courier/carrier.h"
#include "lib/base/config.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/lane/publisher.h"
#include "lib/lane/topics.h"
#include "lib/web/health.h"

enum { TURN_MS = 50, DRAIN_MS = 8000, COMMAND_ARENA = 65536 };

struct settings {
    struct hy_config_common common;
    char *status_url, *webhook_url, *webhook_secret;
};

#define FIELD(name) offsetof(struct settings, name)
static const struct hy_config_row ROWS[] = {
    HY_CONFIG_COMMON(struct settings, common),
    {.key = "courier.status_url",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(status_url),
     .default_value = "http://127.0.0.1:8091",
     .description = "The public door where citizens read their answers by receipt number."},
    {.key = "courier.webhook_url",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(webhook_url),
     .default_value = "",
     .description = "Where incidents are handed over to the internet-information office; empty: they wait."},
    {.key = "courier.webhook_secret",
     .type = HY_CONFIG_SECRET,
     .offset = FIELD(webhook_secret),
     .default_value = "",
     .description = "Secret that signs the webhook: whsec_ and base64 of 24 to 64 bytes."},
};

struct courier {
    struct settings settings;
    uv_loop_t loop;
    struct hy_health *health;
    struct hy_health_part *part;
    struct hy_web_client *client;
    struct hy_fold *fold;
    struct carrier carrier; // owns its publisher, outbox, targets and arena
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number) {
    (void)number;
    stop_asked = 1;
}

// Goes on while the machine sleeps: a lease runs out in the real world.
static int64_t boot_ns(void *ctx) {
    struct timespec now;
    (void)ctx;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t wall_ms(void *ctx) {
    (void)ctx;
    return hy_wall_ms(hy_clock_system());
}

static const struct hy_clock BOOT_CLOCK = {.wall_ms = wall_ms, .mono_ns = boot_ns};

static int open_targets(struct courier *courier, struct hy_error *err) {
    const struct settings *settings = &courier->settings;
    int rc = hy_web_client_new(&courier->loop, &(struct hy_web_client_options){0}, &courier->client, err);
    if (rc != HY_OK) return rc;
    courier->carrier.targets[0] = target_status_new(&courier->loop, courier->client, settings->status_url);
    if (!courier->carrier.targets[0]) return hy_fail(err, HY_ENOMEM, "out of memory");
    if (!settings->webhook_url[0]) return HY_OK;
    courier->carrier.targets[1] =
        target_webhook_new(courier->client, settings->webhook_url, settings->webhook_secret, err);
    return courier->carrier.targets[1] ? HY_OK : HY_ECONFIG;
}

static int open_kafka(struct courier *courier, struct hy_error *err) {
    static const char *const TOPICS[] = {HY_TOPIC_CASES, HY_TOPIC_CONTENT};
    static const char *const WARM[] = {HY_TOPIC_COMMANDS};
    const struct hy_config_common *common = &courier->settings.common;
    const struct hy_kafka_options kafka = {common->kafka_brokers, common->kafka_properties, common->kafka_prefix,
                                           "courier"};
    const struct hy_publisher_options publisher = {.kafka = kafka, .warm = WARM, .n_warm = 1};
    const struct hy_fold_options fold = {.name = "courier", .kafka = kafka, .topics = TOPICS, .n_topics = 2};
    char path[4096];
    snprintf(path, sizeof path, "%s/courier.%s.db", common->data_dir, common->instance);
    int rc = outbox_open(path, &courier->carrier.outbox, err);
    if (rc == HY_OK) rc = hy_publisher_open(&publisher, &courier->carrier.publisher, err);
    struct hy_fold_sink sink = rc == HY_OK ? outbox_sink(courier->carrier.outbox) : (struct hy_fold_sink){0};
    return rc == HY_OK ? hy_fold_new(&fold, &sink, &courier->fold, err) : rc;
}

static int open_all(struct courier *courier, struct hy_error *err) {
    uint8_t nonce[16];
    int rc = hy_random(nonce, sizeof nonce);
    struct hy_bytes fields[] = {hy_bytes_of(courier->settings.common.instance), hy_bytes_from(nonce, sizeof nonce)};
    hy_id_of(fields, 2, courier->carrier.name);
    courier->carrier.arena = hy_arena_new(COMMAND_ARENA);
    courier->carrier.clock = &BOOT_CLOCK;
    courier->health = hy_health_new("courier");
    if (rc != HY_OK || !courier->carrier.arena || !courier->health || uv_loop_init(&courier->loop) != 0) {
        return hy_fail(err, HY_ENOMEM, "out of memory");
    }
    courier->part = hy_health_part(courier->health, "deliveries", 15000);
    rc = hy_health_start(courier->health, courier->settings.common.http_listen, err);
    if (rc == HY_OK) rc = open_targets(courier, err);
    return rc == HY_OK ? open_kafka(courier, err) : rc;
}

static int run(struct courier *courier, struct hy_error *err) {
    while (!stop_asked) {
        int folded = hy_fold_poll(courier->fold, TURN_MS, err);
        if (folded < 0) return folded;
        hy_publisher_poll(courier->carrier.publisher, 0);
        uv_run(&courier->loop, UV_RUN_NOWAIT);
        if (hy_fold_caught_up(courier->fold)) carrier_look(&courier->carrier);
        struct hy_error why = {0};
        bool well = hy_publisher_health(courier->carrier.publisher, &why) == HY_OK && hy_fold_caught_up(courier->fold);
        hy_health_report(courier->part, well, "%s", why.text[0] ? why.text : "folding");
    }
    return HY_OK;
}

// Lets what is being sent come to its end, so that its receipt is written: bounded by the calls' own time limits.
static void drain(struct courier *courier) {
    int64_t end = hy_mono_ms(&BOOT_CLOCK) + DRAIN_MS;
    courier->loop.data = courier; // no new tries
    while (courier->carrier.attempts.busy > 0 && hy_mono_ms(&BOOT_CLOCK) < end) {
        uv_run(&courier->loop, UV_RUN_NOWAIT);
        hy_publisher_poll(courier->carrier.publisher, 10);
    }
}

static void close_all(struct courier *courier) {
    if (courier->carrier.publisher) drain(courier);
    if (courier->client)
        hy_web_client_close(courier->client, NULL, NULL); // calls under way end: their rows become unknown
    uv_run(&courier->loop, UV_RUN_DEFAULT);
    for (int i = 0; i < CARRIER_TARGETS; i++) {
        if (courier->carrier.targets[i]) courier->carrier.targets[i]->close(courier->carrier.targets[i]);
    }
    if (courier->carrier.publisher) hy_publisher_close(courier->carrier.publisher, 5000);
    if (courier->fold) hy_fold_free(courier->fold);
    outbox_close(courier->carrier.outbox);
    attempts_free(&courier->carrier.attempts);
    hy_arena_free(courier->carrier.arena);
    if (courier->health) hy_health_free(courier->health);
    uv_loop_close(&courier->loop);
}

int courier_main(int argc, char **argv) {
    struct courier courier = {0};
    const struct hy_config_table table = {
        .program = "courier",
        .purpose = "Brings answers and notices to their targets under a claim, and the receipts back.",
        .rows = ROWS,
        .n_rows = sizeof ROWS / sizeof ROWS[0],
        .struct_size = sizeof courier.settings,
    };
    enum hy_config_outcome outcome = hy_config_main(&table, &courier.settings, argc, argv);
    if (outcome != HY_CONFIG_RUN) return outcome == HY_CONFIG_EXIT ? 0 : 2;
    hy_config_start_log("courier", &courier.settings.common);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    signal(SIGPIPE, SIG_IGN);
    struct hy_error err = {0};
    int rc = open_all(&courier, &err);
    if (rc == HY_OK) {
        HY_INFO("program.started", "running", "health=%s", hy_health_url(courier.health));
        rc = run(&courier, &err);
    }
    if (rc != HY_OK) HY_ERROR("program.stopped", "cannot go on", "code=%s why=\"%s\"", hy_error_name(rc), err.text);
    close_all(&courier);
    hy_config_free(&table, &courier.settings);
    return rc == HY_OK ? 0 : 1;
}
