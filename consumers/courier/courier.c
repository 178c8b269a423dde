#include "consumers/courier/courier.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "consumers/courier/attempts.h"
#include "consumers/courier/outbox.h"
#include "consumers/courier/target.h"
#include "lib/base/config.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/base/pb.h"
#include "lib/lane/publisher.h"
#include "lib/lane/topics.h"
#include "lib/web/health.h"

enum {
    LEASE_MS = 30000,
    MARGIN_MS = 5000,      // of the lease that must be left right before the write
    CLAIM_AGAIN_MS = 5000, // a claim that showed no effect by then is asked for again
    ROWS_PER_TURN = 200,
    BUSY_MAX = 32,
    TURN_MS = 50,
    LOOK_MS = 100,
    SWEEP_MS = 600000,
    DRAIN_MS = 8000,
    COMMAND_ARENA = 65536,
    TARGETS = 2
};

#define STATE(name) HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_##name

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
    char name[HY_ID_SIZE]; // of this start of the program
    uv_loop_t loop;
    struct hy_health *health;
    struct hy_health_part *part;
    struct hy_publisher *publisher;
    struct hy_web_client *client;
    struct outbox *outbox;
    struct hy_fold *fold;
    struct target *targets[TARGETS];
    struct attempts attempts;
    struct hy_arena *arena;
    int64_t looked_ms;
};

// One send under way.
struct sending {
    struct courier *courier;
    struct attempt *attempt;
    uint32_t number;
    char case_id[HY_ID_SIZE], dossier[HY_ID_SIZE];
    char row[32];
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number) {
    (void)number;
    stop_asked = 1;
}

// Goes on while the machine sleeps: a lease runs out in the real world.
static int64_t boot_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void count(const char *what, const char *target) {
    char labels[128];
    char name[96];
    snprintf(labels, sizeof labels, "%s,what=\"%s\"", hy_metric_label(name, sizeof name, "target", target), what);
    hy_metric_add(hy_metric_get(HY_COUNTER, "huiying_courier_steps_total", "Steps of deliveries, by target.", labels),
                  1);
}

static struct target *target_of(struct courier *courier, const char *name) {
    for (int i = 0; i < TARGETS; i++) {
        if (courier->targets[i] && strcmp(courier->targets[i]->name, name) == 0) return courier->targets[i];
    }
    bool internal = strcmp(name, "cac_webhook") == 0;
    return internal ? NULL : courier->targets[0]; // a platform without a way back: the page by receipt number
}

static int publish(struct courier *courier, Huiying__V1__Command *command, struct hy_error *err) {
    Huiying__V1__Actor actor = HUIYING__V1__ACTOR__INIT;
    Huiying__V1__Time issued = HUIYING__V1__TIME__INIT;
    char key[2 * HY_ID_SIZE + 1];
    struct hy_bytes value;
    actor.kind = HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PROGRAM;
    actor.id = (char *)(uintptr_t) "courier"; // protobuf-c knows no const
    actor.role = (char *)(uintptr_t) "system";
    issued.unix_ms = hy_wall_ms(hy_clock_system());
    issued.offset_minutes = HY_SHANGHAI_MINUTES;
    command->schema_version = 1;
    command->actor = &actor;
    command->issued = &issued;
    snprintf(key, sizeof key, "%s.%s", command->dossier, command->case_id);
    hy_arena_reset(courier->arena);
    if (hy_pb_write(command, courier->arena, &value) != HY_OK) return hy_fail(err, HY_ENOMEM, "command: out of memory");
    return hy_publish(courier->publisher, HY_TOPIC_COMMANDS, hy_bytes_of(key), value, NULL, NULL, err);
}

static void claim(struct courier *courier, const struct outbox_row *row, struct attempt *attempt) {
    Huiying__V1__Command command = HUIYING__V1__COMMAND__INIT;
    Huiying__V1__ClaimDelivery body = HUIYING__V1__CLAIM_DELIVERY__INIT;
    char id[HY_ID_SIZE];
    char number[16];
    uint32_t next = row->attempt + 1;
    snprintf(number, sizeof number, "%u", next);
    hy_id_strings(id, 5, "claim", row->case_id, row->row, number, courier->name);
    body.row = row->row;
    body.attempt = next;
    body.courier = courier->name;
    body.lease_ms = LEASE_MS;
    command.id = id;
    command.dossier = row->dossier;
    command.case_id = row->case_id;
    command.body_case = HUIYING__V1__COMMAND__BODY_CLAIM_DELIVERY;
    command.claim_delivery = &body;
    struct hy_error err = {0};
    if (publish(courier, &command, &err) != HY_OK) {
        HY_WARN("courier.claim", "a claim could not be published; tried again", "why=\"%s\"", err.text);
        return;
    }
    attempt_step(&courier->attempts, attempt, ATTEMPT_CLAIMED, next, boot_ms());
    count("claim", row->target);
}

static int report(struct sending *sending, Huiying__V1__DeliveryOutcome outcome, const char *receipt,
                  const char *detail, struct hy_error *err) {
    Huiying__V1__Command command = HUIYING__V1__COMMAND__INIT;
    Huiying__V1__DeliveryReceipt body = HUIYING__V1__DELIVERY_RECEIPT__INIT;
    Huiying__V1__Time seen = HUIYING__V1__TIME__INIT;
    char id[HY_ID_SIZE];
    char number[16];
    char outcome_text[16];
    snprintf(number, sizeof number, "%u", sending->number);
    snprintf(outcome_text, sizeof outcome_text, "%d", (int)outcome);
    hy_id_strings(id, 5, "receipt", sending->case_id, sending->row, number, outcome_text);
    seen.unix_ms = hy_wall_ms(hy_clock_system());
    seen.offset_minutes = HY_SHANGHAI_MINUTES;
    body.row = sending->row;
    body.attempt = sending->number;
    body.outcome = outcome;
    body.receipt = (char *)(uintptr_t)receipt;
    body.detail = (char *)(uintptr_t)detail;
    body.seen = &seen;
    command.id = id;
    command.dossier = sending->dossier;
    command.case_id = sending->case_id;
    command.body_case = HUIYING__V1__COMMAND__BODY_DELIVERY_RECEIPT;
    command.delivery_receipt = &body;
    return publish(sending->courier, &command, err);
}

static void on_done(void *ctx, Huiying__V1__DeliveryOutcome outcome, const char *receipt, const char *detail) {
    static const char *const NAMES[] = {"", "sent", "failed", "retry", "unknown"};
    struct sending *sending = ctx;
    struct courier *courier = sending->courier;
    struct hy_error err = {0};
    if (report(sending, outcome, receipt, detail, &err) != HY_OK) {
        // The lease runs out and the row becomes unknown: looked for later, not lost.
        HY_WARN("courier.receipt", "a receipt could not be published", "why=\"%s\"", err.text);
    }
    attempt_step(&courier->attempts, sending->attempt, ATTEMPT_REPORTED, sending->number, boot_ms());
    count(NAMES[outcome], "all");
    free(sending);
}

typedef int (*target_call)(struct target *self, const struct outbox_row *row, target_done done, void *ctx,
                           struct hy_error *err);

static void start(struct courier *courier, struct target *target, target_call call, const struct outbox_row *row,
                  struct attempt *attempt) {
    struct sending *sending = calloc(1, sizeof *sending);
    struct hy_error err = {0};
    if (!sending) return;
    sending->courier = courier;
    sending->attempt = attempt;
    sending->number = row->attempt;
    snprintf(sending->case_id, sizeof sending->case_id, "%s", row->case_id);
    snprintf(sending->dossier, sizeof sending->dossier, "%s", row->dossier);
    snprintf(sending->row, sizeof sending->row, "%s", row->row);
    attempt_step(&courier->attempts, attempt, ATTEMPT_SENDING, row->attempt, boot_ms());
    count("send", target->name);
    if (call(target, row, on_done, sending, &err) == HY_OK) return;
    on_done(sending, HUIYING__V1__DELIVERY_OUTCOME__DELIVERY_OUTCOME_RETRY, "", err.text); // nothing left this machine
}

// An unknown row: look for the text; where that cannot be done but a repeat does no harm, say so (retry); else a
// person.
static int retry_at_once(struct target *self, const struct outbox_row *row, target_done done, void *ctx,
                         struct hy_error *err) {
    (void)self;
    (void)row;
    (void)err;
    done(ctx, HUIYING__V1__DELIVERY_OUTCOME__DELIVERY_OUTCOME_RETRY, "", "may be sent again under the same id");
    return HY_OK;
}

static void resolve(struct courier *courier, struct target *target, const struct outbox_row *row,
                    struct attempt *attempt) {
    if (target->look)
        start(courier, target, target->look, row, attempt);
    else if (target->idempotent)
        start(courier, target, retry_at_once, row, attempt);
}

// Our own claim stands in the snapshot: send, if enough of the lease is left on a clock that nobody can set.
static void send_claimed(struct courier *courier, struct target *target, const struct outbox_row *row,
                         struct attempt *attempt) {
    bool ours =
        strcmp(row->courier, courier->name) == 0 && attempt->step == ATTEMPT_CLAIMED && attempt->number == row->attempt;
    if (!ours) return;
    int64_t left =
        attempt->since_ms + LEASE_MS - boot_ms(); // counted from before the claim was published: never too late
    if (left < MARGIN_MS) return;                 // it becomes unknown and is looked for
    start(courier, target, target->send, row, attempt);
}

static void look_at_row(void *ctx, const struct outbox_row *row) {
    struct courier *courier = ctx;
    struct target *target = target_of(courier, row->target);
    struct attempt *attempt = attempts_of(&courier->attempts, row->case_id, row->row);
    if (!target || !attempt || attempt->step == ATTEMPT_SENDING || courier->attempts.busy >= BUSY_MAX) return;
    if (!row->has_text) return; // never sends without the text: it comes with the content topic
    int64_t now = boot_ms();
    bool waiting = attempt->step != ATTEMPT_NONE && now - attempt->since_ms < CLAIM_AGAIN_MS;
    if (row->state == STATE(SENDING)) {
        send_claimed(courier, target, row, attempt);
    } else if (row->state == STATE(UNKNOWN)) {
        if (!waiting || attempt->step == ATTEMPT_CLAIMED) resolve(courier, target, row, attempt);
    } else if (row->not_before_ms <= hy_wall_ms(hy_clock_system())) {
        bool claimed_next = attempt->step == ATTEMPT_CLAIMED && attempt->number == row->attempt + 1;
        if (!(claimed_next && waiting)) claim(courier, row, attempt);
    }
}

static void look_around(struct courier *courier) {
    struct hy_error err = {0};
    int64_t now = boot_ms();
    if (now - courier->looked_ms < LOOK_MS || !hy_fold_caught_up(courier->fold)) return;
    courier->looked_ms = now;
    int rc = outbox_each(courier->outbox, ROWS_PER_TURN, look_at_row, courier, &err);
    if (rc != HY_OK) HY_ERROR("courier.outbox", "the outbox cannot be read", "why=\"%s\"", err.text);
    attempts_sweep(&courier->attempts, now, SWEEP_MS);
    hy_metric_set(hy_metric_get(HY_GAUGE, "huiying_courier_open_deliveries", "Deliveries not yet done.", NULL),
                  (double)outbox_count(courier->outbox));
}

static int open_targets(struct courier *courier, struct hy_error *err) {
    const struct settings *settings = &courier->settings;
    int rc = hy_web_client_new(&courier->loop, &(struct hy_web_client_options){0}, &courier->client, err);
    if (rc != HY_OK) return rc;
    courier->targets[0] = target_status_new(&courier->loop, courier->client, settings->status_url);
    if (!courier->targets[0]) return hy_fail(err, HY_ENOMEM, "out of memory");
    if (!settings->webhook_url[0]) return HY_OK;
    courier->targets[1] = target_webhook_new(courier->client, settings->webhook_url, settings->webhook_secret, err);
    return courier->targets[1] ? HY_OK : HY_ECONFIG;
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
    int rc = outbox_open(path, &courier->outbox, err);
    if (rc == HY_OK) rc = hy_publisher_open(&publisher, &courier->publisher, err);
    struct hy_fold_sink sink = rc == HY_OK ? outbox_sink(courier->outbox) : (struct hy_fold_sink){0};
    return rc == HY_OK ? hy_fold_new(&fold, &sink, &courier->fold, err) : rc;
}

static int open_all(struct courier *courier, struct hy_error *err) {
    uint8_t nonce[16];
    int rc = hy_random(nonce, sizeof nonce);
    struct hy_bytes fields[] = {hy_bytes_of(courier->settings.common.instance), hy_bytes_from(nonce, sizeof nonce)};
    hy_id_of(fields, 2, courier->name);
    courier->arena = hy_arena_new(COMMAND_ARENA);
    courier->health = hy_health_new("courier");
    if (rc != HY_OK || !courier->arena || !courier->health || uv_loop_init(&courier->loop) != 0) {
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
        hy_publisher_poll(courier->publisher, 0);
        uv_run(&courier->loop, UV_RUN_NOWAIT);
        look_around(courier);
        struct hy_error why = {0};
        bool well = hy_publisher_health(courier->publisher, &why) == HY_OK && hy_fold_caught_up(courier->fold);
        hy_health_report(courier->part, well, "%s", why.text[0] ? why.text : "folding");
    }
    return HY_OK;
}

// Lets what is being sent come to its end, so that its receipt is written: bounded by the calls' own time limits.
static void drain(struct courier *courier) {
    int64_t end = boot_ms() + DRAIN_MS;
    courier->loop.data = courier; // no new tries
    while (courier->attempts.busy > 0 && boot_ms() < end) {
        uv_run(&courier->loop, UV_RUN_NOWAIT);
        hy_publisher_poll(courier->publisher, 10);
    }
}

static void close_all(struct courier *courier) {
    if (courier->publisher) drain(courier);
    if (courier->client)
        hy_web_client_close(courier->client, NULL, NULL); // calls under way end: their rows become unknown
    uv_run(&courier->loop, UV_RUN_DEFAULT);
    for (int i = 0; i < TARGETS; i++) {
        if (courier->targets[i]) courier->targets[i]->close(courier->targets[i]);
    }
    if (courier->publisher) hy_publisher_close(courier->publisher, 5000);
    if (courier->fold) hy_fold_free(courier->fold);
    outbox_close(courier->outbox);
    attempts_free(&courier->attempts);
    hy_arena_free(courier->arena);
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
