#include "consumers/courier/carrier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/base/pb.h"
#include "lib/lane/topics.h"

enum {
    LEASE_MS = 30000,
    MARGIN_MS = 17000, // of the lease that must be left right before the write: longer than a target's call may take
    CLAIM_AGAIN_MS = 5000, // a claim that showed no effect by then is asked for again
    ROWS_PER_TURN = 200,
    BUSY_MAX = 32,
    LOOK_MS = 100,
    SWEEP_MS = 600000
};

#define STATE(name) HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_##name

// One send under way.
struct sending {
    struct carrier *carrier;
    struct attempt *attempt;
    uint32_t number;
    char case_id[HY_ID_SIZE], dossier[HY_ID_SIZE];
    char row[32];
};

static void count(const char *what, const char *target) {
    char labels[128];
    char name[96];
    snprintf(labels, sizeof labels, "%s,what=\"%s\"", hy_metric_label(name, sizeof name, "target", target), what);
    hy_metric_add(hy_metric_get(HY_COUNTER, "huiying_courier_steps_total", "Steps of deliveries, by target.", labels),
                  1);
}

static const char *const INTERNAL = "cac_webhook"; // no reader of the status page is meant by it

static struct target *target_of(struct carrier *carrier, const char *name) {
    for (int i = 0; i < CARRIER_TARGETS; i++) {
        if (carrier->targets[i] && strcmp(carrier->targets[i]->name, name) == 0) return carrier->targets[i];
    }
    if (strcmp(name, INTERNAL) == 0) return NULL;
    return carrier->targets[0]; // a platform without a way back: the page by receipt number
}

static int publish(struct carrier *carrier, Huiying__V1__Command *command, struct hy_error *err) {
    Huiying__V1__Actor actor = HUIYING__V1__ACTOR__INIT;
    Huiying__V1__Time issued = HUIYING__V1__TIME__INIT;
    char key[2 * HY_ID_SIZE + 1];
    struct hy_bytes value;
    actor.kind = HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PROGRAM;
    actor.id = (char *)(uintptr_t) "courier"; // protobuf-c knows no const
    actor.role = (char *)(uintptr_t) "system";
    issued.unix_ms = hy_wall_ms(carrier->clock);
    issued.offset_minutes = HY_SHANGHAI_MINUTES;
    command->schema_version = 1;
    command->actor = &actor;
    command->issued = &issued;
    snprintf(key, sizeof key, "%s.%s", command->dossier, command->case_id);
    hy_arena_reset(carrier->arena);
    if (hy_pb_write(command, carrier->arena, &value) != HY_OK) return hy_fail(err, HY_ENOMEM, "command: out of memory");
    return hy_publish(carrier->publisher, HY_TOPIC_COMMANDS, hy_bytes_of(key), value, NULL, NULL, err);
}

static void claim(struct carrier *carrier, const struct outbox_row *row, struct attempt *attempt) {
    Huiying__V1__Command command = HUIYING__V1__COMMAND__INIT;
    Huiying__V1__ClaimDelivery body = HUIYING__V1__CLAIM_DELIVERY__INIT;
    char id[HY_ID_SIZE];
    char number[16];
    uint32_t next = row->attempt + 1;
    snprintf(number, sizeof number, "%u", next);
    hy_id_strings(id, 5, "claim", row->case_id, row->row, number, carrier->name);
    body.row = row->row;
    body.attempt = next;
    body.courier = carrier->name;
    body.lease_ms = LEASE_MS;
    command.id = id;
    command.dossier = row->dossier;
    command.case_id = row->case_id;
    command.body_case = HUIYING__V1__COMMAND__BODY_CLAIM_DELIVERY;
    command.claim_delivery = &body;
    struct hy_error err = {0};
    int64_t before_ms = hy_mono_ms(carrier->clock);
    if (publish(carrier, &command, &err) != HY_OK) {
        HY_WARN("courier.claim", "a claim could not be published; tried again", "why=\"%s\"", err.text);
        return;
    }
    attempt_claim(&carrier->attempts, attempt, next, before_ms);
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
    seen.unix_ms = hy_wall_ms(sending->carrier->clock);
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
    return publish(sending->carrier, &command, err);
}

static void on_done(void *ctx, Huiying__V1__DeliveryOutcome outcome, const char *receipt, const char *detail) {
    static const char *const NAMES[] = {"", "sent", "failed", "retry", "unknown"};
    struct sending *sending = ctx;
    struct carrier *carrier = sending->carrier;
    struct hy_error err = {0};
    if (report(sending, outcome, receipt, detail, &err) != HY_OK) {
        // The lease runs out and the row becomes unknown: looked for later, not lost.
        HY_WARN("courier.receipt", "a receipt could not be published", "why=\"%s\"", err.text);
    }
    attempt_step(&carrier->attempts, sending->attempt, ATTEMPT_REPORTED, sending->number, hy_mono_ms(carrier->clock));
    count(NAMES[outcome], "all");
    free(sending);
}

typedef int (*target_call)(struct target *self, const struct outbox_row *row, target_done done, void *ctx,
                           struct hy_error *err);

static void start(struct carrier *carrier, struct target *target, target_call call, const struct outbox_row *row,
                  struct attempt *attempt) {
    struct sending *sending = calloc(1, sizeof *sending);
    struct hy_error err = {0};
    if (!sending) return;
    sending->carrier = carrier;
    sending->attempt = attempt;
    sending->number = row->attempt;
    snprintf(sending->case_id, sizeof sending->case_id, "%s", row->case_id);
    snprintf(sending->dossier, sizeof sending->dossier, "%s", row->dossier);
    snprintf(sending->row, sizeof sending->row, "%s", row->row);
    attempt_step(&carrier->attempts, attempt, ATTEMPT_SENDING, row->attempt, hy_mono_ms(carrier->clock));
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

static void resolve(struct carrier *carrier, struct target *target, const struct outbox_row *row,
                    struct attempt *attempt) {
    if (target->look)
        start(carrier, target, target->look, row, attempt);
    else if (target->idempotent)
        start(carrier, target, retry_at_once, row, attempt);
}

// Our own claim stands in the snapshot: send, if enough of the lease is left on a clock that nobody can set.
static void send_claimed(struct carrier *carrier, struct target *target, const struct outbox_row *row,
                         struct attempt *attempt) {
    bool ours =
        strcmp(row->courier, carrier->name) == 0 && attempt->step == ATTEMPT_CLAIMED && attempt->number == row->attempt;
    if (!ours) return;
    // Counted from before the first claim was published: the engine takes it for one, however often it was asked.
    int64_t left = attempt->claimed_ms + LEASE_MS - hy_mono_ms(carrier->clock);
    if (left < MARGIN_MS) return; // it becomes unknown and is looked for
    start(carrier, target, target->send, row, attempt);
}

static void look_at_row(void *ctx, const struct outbox_row *row) {
    struct carrier *carrier = ctx;
    struct target *target = target_of(carrier, row->target);
    struct attempt *attempt = attempts_of(&carrier->attempts, row->case_id, row->row);
    if (!target || !attempt || attempt->step == ATTEMPT_SENDING || carrier->attempts.busy >= BUSY_MAX) return;
    int64_t now = hy_mono_ms(carrier->clock);
    bool waiting = attempt->step != ATTEMPT_NONE && now - attempt->since_ms < CLAIM_AGAIN_MS;
    if (row->state == STATE(SENDING)) {
        send_claimed(carrier, target, row, attempt);
    } else if (row->state == STATE(UNKNOWN)) {
        if (!waiting || attempt->step == ATTEMPT_CLAIMED) resolve(carrier, target, row, attempt);
    } else if (row->not_before_ms <= hy_wall_ms(carrier->clock)) {
        bool claimed_next = attempt->step == ATTEMPT_CLAIMED && attempt->number == row->attempt + 1;
        if (!(claimed_next && waiting)) claim(carrier, row, attempt);
    }
}

void carrier_look(struct carrier *carrier) {
    struct hy_error err = {0};
    int64_t now = hy_mono_ms(carrier->clock);
    if (now - carrier->looked_ms < LOOK_MS) return;
    carrier->looked_ms = now;
    const char *unserved = target_of(carrier, INTERNAL) ? "" : INTERNAL; // they wait for its configuration
    int rc = outbox_each(carrier->outbox, unserved, ROWS_PER_TURN, look_at_row, carrier, &err);
    if (rc != HY_OK) HY_ERROR("courier.outbox", "the outbox cannot be read", "why=\"%s\"", err.text);
    attempts_sweep(&carrier->attempts, now, SWEEP_MS);
    hy_metric_set(hy_metric_get(HY_GAUGE, "huiying_courier_open_deliveries", "Deliveries not yet done.", NULL),
                  (double)outbox_count(carrier->outbox));
}
