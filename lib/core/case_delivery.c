// Deliveries: rows that a courier sends under a claim. `unknown` never becomes `pending` by time: these targets have no
// idempotency key, so only who knows that nothing left the machine (a retry), or a person, sends again.
#include "lib/base/backoff.h"
#include "lib/core/case_turn.h"

enum {
    LEASE_MIN_MS = 1000,
    LEASE_MAX_MS = 300000,
    LEASE_MS = 60000,
    BACKOFF_MS = 5000,
    BACKOFF_CAP_MS = 900000,
    ATTEMPTS = 12, // then a person is told; it is tried on, more seldom
    SELDOM_CAP_MS = 3600000
};

#define STATE(name)   HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_##name
#define OUTCOME(name) HUIYING__V1__DELIVERY_OUTCOME__DELIVERY_OUTCOME_##name

static hy_case_delivery *row_named(const hy_case *c, const char *row) {
    for (size_t i = 0; i < c->n_deliveries; i++) {
        if (hy_text_equal(c->deliveries[i]->row, row)) return c->deliveries[i];
    }
    return NULL;
}

static const char *target_of(const struct hy_turn *t, const struct hy_pack_delivery *row) {
    return hy_text_equal(row->target, "origin") ? t->c->platform : row->target;
}

static const struct hy_pack_delivery *pack_row(const struct hy_turn *t, const hy_case_delivery *d) {
    for (int i = 0; i < t->kind->n_deliveries; i++) {
        const struct hy_pack_delivery *row = &t->kind->deliveries[i];
        if (hy_text_equal(row->purpose, d->purpose) && hy_text_equal(target_of(t, row), d->target)) return row;
    }
    return NULL;
}

bool hy_delivery_is_main(const struct hy_turn *t, const hy_case_delivery *d) {
    const struct hy_pack_delivery *row = pack_row(t, d);
    return row != NULL && row->main;
}

static bool has_hash(const hy_case_delivery *d, struct hy_bytes hash) {
    return hy_bytes_equal(hy_bytes_from(d->content_hash.data, d->content_hash.len), hash);
}

static void cancelled(struct hy_turn *t, hy_case_delivery *d) {
    d->state = STATE(FAILED);
    d->until = NULL;
    d->receipt = hy_lend("cancelled");
    d->done = hy_turn_time(t, t->now);
    hy_rec_delivery(t, d, "failed");
}

void hy_deliveries_cancel(struct hy_turn *t, struct hy_bytes content_hash) {
    for (size_t i = 0; i < t->c->n_deliveries; i++) {
        hy_case_delivery *d = t->c->deliveries[i];
        if (d->state == STATE(PENDING) && has_hash(d, content_hash)) cancelled(t, d);
    }
}

bool hy_deliveries_busy(const struct hy_turn *t) {
    const hy_case *c = t->c;
    for (size_t i = 0; c->draft != NULL && i < c->n_deliveries; i++) {
        const hy_case_delivery *d = c->deliveries[i];
        bool draft = has_hash(d, hy_bytes_from(c->draft->text_hash.data, c->draft->text_hash.len));
        if (draft && d->state == STATE(SENDING) && hy_time_or(d->until, 0) > t->now) return true;
    }
    return false;
}

// The same text for the same reader in the same round.
static bool is_same(const hy_case_delivery *a, const hy_case_delivery *b) {
    return a->round == b->round && hy_text_equal(a->purpose, b->purpose) && hy_text_equal(a->target, b->target) &&
           has_hash(a, hy_bytes_from(b->content_hash.data, b->content_hash.len));
}

// On its way or arrived already: not a second time. (After `unknown` or `failed` a person may decide to send again.)
static bool underway(const struct hy_turn *t, const hy_case_delivery *made) {
    for (size_t i = 0; i < t->c->n_deliveries; i++) {
        const hy_case_delivery *d = t->c->deliveries[i];
        bool open = d->state == STATE(PENDING) || d->state == STATE(SENDING) || d->state == STATE(SENT);
        if (open && is_same(d, made)) return true;
    }
    return false;
}

// Sent again since, by a row of its own: the younger one counts.
static bool is_replaced(const hy_case *c, size_t i) {
    for (size_t k = i + 1; k < c->n_deliveries; k++)
        if (is_same(c->deliveries[i], c->deliveries[k])) return true;
    return false;
}

// A notice has a text of its own, from the pack's template; a reply is the approved draft.
static void fill(struct hy_turn *t, hy_case_delivery *d, const struct hy_pack_delivery *row) {
    hy_case *c = t->c;
    if (!hy_text_set(row->text)) {
        d->content_key = c->draft->content_key;
        d->content_hash = c->draft->text_hash;
        return;
    }
    const char *text = hy_notice_text(t, row->text);
    d->content_key = hy_turn_join(t, c->id, "/n/", d->row);
    hy_turn_text_hash(t, text, &d->content_hash, NULL);
    Huiying__V1__Content *content = hy_turn_new(t, &huiying__v1__content__descriptor);
    content->schema_version = 1;
    content->key = d->content_key;
    content->case_id = c->id;
    content->kind = hy_lend(hy_text_equal(row->purpose, "receipt") ? "receipt" : "notice");
    content->text = hy_lend(text);
    content->at = hy_turn_time(t, t->now);
    content->text_hash = d->content_hash;
    hy_effect_content(t, content);
    hy_turn_push(t, &c->n_content_keys, &c->content_keys, d->content_key);
}

static void make(struct hy_turn *t, const struct hy_pack_delivery *row) {
    hy_case *c = t->c;
    if (!hy_text_set(row->text) && c->draft == NULL) return;
    hy_case_delivery *d = hy_turn_new(t, &huiying__v1__delivery__descriptor);
    d->row = hy_turn_fmt(t, "d%u", c->delivery_seq + 1);
    d->target = hy_lend(target_of(t, row));
    d->purpose = row->purpose;
    d->round = c->reopened;
    d->state = STATE(PENDING);
    fill(t, d, row);
    if (!hy_text_set(row->text) && underway(t, d)) return;
    c->delivery_seq++;
    hy_turn_push(t, &c->n_deliveries, &c->deliveries, d);
    hy_rec_delivery(t, d, "pending");
}

void hy_deliveries_make(struct hy_turn *t, enum hy_point point) {
    // Old data is told to nobody, except what a person decides to answer today.
    if (t->c->historic && point != HY_POINT_APPROVED) return;
    for (int i = 0; i < t->kind->n_deliveries; i++) {
        if (t->kind->deliveries[i].at == point) make(t, &t->kind->deliveries[i]);
    }
}

static hy_case_delivery *row_or_refusal(struct hy_turn *t, const char *row) {
    hy_case_delivery *d = row_named(t->c, row);
    if (d == NULL) hy_turn_refuse(t, "delivery.row", "the case has no such delivery");
    return d;
}

void hy_cmd_claim(struct hy_turn *t) {
    const Huiying__V1__ClaimDelivery *claim = t->cmd->claim_delivery;
    hy_case_delivery *d = row_or_refusal(t, claim->row);
    if (d == NULL) return;
    bool same = d->attempt == claim->attempt && hy_text_equal(d->courier, claim->courier);
    if (d->state == STATE(SENDING) && same) {
        hy_turn_repeat(t, "delivery.repeated", "this courier holds this attempt already");
    } else if (d->state != STATE(PENDING)) {
        hy_turn_refuse(t, "delivery.state", "delivery %s is not pending", d->row);
    } else if (claim->attempt != d->attempt + 1) {
        hy_turn_refuse(t, "delivery.attempt", "the next attempt of delivery %s is %u", d->row, d->attempt + 1);
    } else if (!hy_text_set(claim->courier) || strlen(claim->courier) > HY_CASE_ID_MAX) {
        hy_turn_refuse(t, "delivery.courier", "a claim names its courier, in at most %d bytes", HY_CASE_ID_MAX);
    } else if (hy_time_or(d->not_before, 0) > t->now) {
        hy_turn_refuse(t, "delivery.backoff", "delivery %s waits until its next attempt", d->row);
    } else {
        int64_t lease = claim->lease_ms == 0 ? LEASE_MS : (int64_t)claim->lease_ms;
        d->state = STATE(SENDING);
        d->attempt = claim->attempt;
        d->courier = claim->courier;
        d->until = hy_turn_time(t, t->now + hy_max64(LEASE_MIN_MS, hy_min64(lease, LEASE_MAX_MS)));
        d->not_before = NULL;
        hy_rec_delivery(t, d, "sending");
        hy_turn_apply(t, "delivery.claimed", "delivery %s may be sent, attempt %u", d->row, d->attempt);
    }
}

// The text is with its reader: all main rows of it are sent, so the duty is done at the time of the last proof.
static void arrived(struct hy_turn *t, const hy_case_delivery *d) {
    hy_case *c = t->c;
    int64_t last = hy_time_or(d->done, t->now);
    const struct hy_pack_delivery *row = pack_row(t, d);
    if (row == NULL || !row->main) return;
    for (size_t i = 0; i < c->n_deliveries; i++) {
        const hy_case_delivery *other = c->deliveries[i];
        bool same =
            other->round == d->round && has_hash(other, hy_bytes_from(d->content_hash.data, d->content_hash.len));
        if (!same || !hy_delivery_is_main(t, other)) continue;
        if (other->state != STATE(SENT) && is_replaced(c, i)) continue;
        if (other->state != STATE(SENT)) return;
        last = hy_max64(last, hy_time_or(other->done, 0));
    }
    bool stands = c->draft != NULL && has_hash(d, hy_bytes_from(c->draft->text_hash.data, c->draft->text_hash.len));
    if (c->state == HUIYING__V1__CASE_STATE__CASE_STATE_APPROVED && stands)
        c->state = HUIYING__V1__CASE_STATE__CASE_STATE_DELIVERED;
    hy_reach_round(t, row->at == HY_POINT_MAJOR ? HY_POINT_HANDED_OFF : HY_POINT_DELIVERED, last, d->round);
}

static void sent(struct hy_turn *t, hy_case_delivery *d, const Huiying__V1__DeliveryReceipt *receipt) {
    int64_t seen = hy_min64(hy_time_or(receipt->seen, t->now), t->now);
    d->state = STATE(SENT);
    d->receipt = hy_turn_clip(t, receipt->receipt, HY_CASE_ID_MAX);
    d->done = hy_turn_time(t, hy_max64(seen, hy_time_or(t->c->opened, seen)));
    d->until = NULL;
    hy_rec_delivery(t, d, "sent");
    arrived(t, d);
    hy_turn_apply(t, "delivery.sent", "delivery %s arrived", d->row);
}

static void failed(struct hy_turn *t, hy_case_delivery *d, const Huiying__V1__DeliveryReceipt *receipt) {
    d->state = STATE(FAILED);
    d->receipt = hy_turn_clip(t, receipt->receipt, HY_CASE_ID_MAX);
    d->done = hy_turn_time(t, t->now);
    d->until = NULL;
    hy_rec_delivery(t, d, "failed");
    hy_work_change(t, hy_turn_fmt(t, "delivery %s to %s failed", d->row, d->target), NULL);
    hy_turn_apply(t, "delivery.failed", "delivery %s was refused for good; a person must look", d->row);
}

static void unknown(struct hy_turn *t, hy_case_delivery *d, const Huiying__V1__DeliveryReceipt *receipt) {
    (void)receipt;
    d->state = STATE(UNKNOWN);
    d->until = NULL;
    hy_rec_delivery(t, d, "unknown");
    hy_work_change(t, hy_turn_fmt(t, "delivery %s to %s: result unknown", d->row, d->target), NULL);
    hy_turn_apply(t, "delivery.unknown",
                  "delivery %s was written, but no answer came; look for it before sending again", d->row);
}

// Is the text still to go out? A notice always; an answer as long as it stands and is not overtaken by the closing.
static bool is_wanted(const struct hy_turn *t, const hy_case_delivery *d) {
    const struct hy_pack_delivery *row = pack_row(t, d);
    const hy_case *c = t->c;
    if (row != NULL && hy_text_set(row->text)) return true;
    bool stands = c->draft != NULL && has_hash(d, hy_bytes_from(c->draft->text_hash.data, c->draft->text_hash.len));
    if (!stands || hy_case_is_open(c)) return stands;
    for (size_t i = 0; i < c->n_deliveries; i++) {
        const hy_case_delivery *other = c->deliveries[i];
        bool same = has_hash(other, hy_bytes_from(d->content_hash.data, d->content_hash.len));
        if (same && other->state == STATE(SENT) && hy_delivery_is_main(t, other)) return true;
    }
    return false;
}

static void later(struct hy_turn *t, hy_case_delivery *d, const Huiying__V1__DeliveryReceipt *receipt) {
    if (!is_wanted(t, d)) {
        cancelled(t, d);
        hy_turn_apply(t, "delivery.cancelled", "nothing left this machine, and the text of %s is no longer wanted",
                      d->row);
        return;
    }
    (void)receipt;
    bool seldom = d->attempt >= ATTEMPTS;
    struct hy_backoff backoff = {BACKOFF_MS, seldom ? SELDOM_CAP_MS : BACKOFF_CAP_MS, d->attempt - 1,
                                 hy_member_hash(t->c->id) ^ d->attempt};
    d->state = STATE(PENDING);
    d->until = NULL;
    d->not_before = hy_turn_time(t, t->now + hy_backoff_next(&backoff));
    hy_rec_delivery(t, d, "pending");
    if (d->attempt == ATTEMPTS) {
        const char *why = hy_turn_fmt(t, "delivery %s to %s did not get through %d times", d->row, d->target, ATTEMPTS);
        hy_work_change(t, why, NULL);
    }
    hy_turn_apply(t, "delivery.retry", "nothing left this machine; delivery %s is tried again later", d->row);
}

// What an outcome makes of a row that is being sent or unknown. A repeat finds the row in `becomes` already.
static const struct outcome {
    Huiying__V1__DeliveryOutcome outcome;
    Huiying__V1__DeliveryState becomes;
    void (*run)(struct hy_turn *t, hy_case_delivery *d, const Huiying__V1__DeliveryReceipt *receipt);
} outcomes[] = {
    {OUTCOME(SENT), STATE(SENT), sent},
    {OUTCOME(FAILED), STATE(FAILED), failed},
    {OUTCOME(RETRY), STATE(PENDING), later},
    {OUTCOME(UNKNOWN), STATE(UNKNOWN), unknown},
};

static const struct outcome *outcome_of(Huiying__V1__DeliveryOutcome outcome) {
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        if (outcomes[i].outcome == outcome) return &outcomes[i];
    }
    return NULL;
}

void hy_cmd_receipt(struct hy_turn *t) {
    const Huiying__V1__DeliveryReceipt *receipt = t->cmd->delivery_receipt;
    hy_case_delivery *d = row_or_refusal(t, receipt->row);
    if (d == NULL) return;
    const struct outcome *outcome = outcome_of(receipt->outcome);
    bool awaited = d->state == STATE(SENDING) || d->state == STATE(UNKNOWN);
    if (outcome == NULL)
        hy_turn_refuse(t, "delivery.outcome", "the receipt names no outcome that this program knows");
    else if (receipt->attempt == d->attempt && d->state == outcome->becomes)
        hy_turn_repeat(t, "delivery.repeated", "this outcome is known already");
    else if (receipt->attempt != d->attempt || !awaited)
        hy_turn_refuse(t, "delivery.attempt", "delivery %s is not waiting for the outcome of attempt %u", d->row,
                       receipt->attempt);
    else
        outcome->run(t, d, receipt);
}
