// How a case ends, and how it goes on. Closing needs the proof that the pack's row names; a clock that ends with the
// case without its proof runs on, from where it was, when the case is opened again.
#include "lib/core/case_turn.h"

#define STATE(name) HUIYING__V1__CASE_STATE__CASE_STATE_##name

void hy_case_end(struct hy_turn *t, Huiying__V1__CaseState state, const char *reason) {
    hy_case *c = t->c;
    bool answered = c->state == STATE(DELIVERED);
    if (c->draft != NULL && !answered)
        hy_deliveries_cancel(t, hy_bytes_from(c->draft->text_hash.data, c->draft->text_hash.len));
    c->state = state;
    c->closed = hy_turn_time(t, t->now);
    c->close_reason = hy_lend(reason);
    hy_claim_clear(c);
    hy_reach(t, HY_POINT_CLOSED, t->now);
    hy_clocks_end(t);
    hy_work_close(t, reason);
}

// The state that a pack's own reopen row names, else where an owned case stands.
static Huiying__V1__CaseState reopened_state(const struct hy_turn *t, int to) {
    const struct hy_pack_move *move = hy_pack_move(t->kind, "reopen");
    if (to == 0 && move != NULL) to = move->to;
    if (to != 0) return (Huiying__V1__CaseState)to;
    return t->kind->states & 1u << STATE(ASSIGNED) ? STATE(ASSIGNED) : STATE(OPENED);
}

void hy_case_resume(struct hy_turn *t, int to, int64_t at_ms) {
    hy_case *c = t->c;
    c->state = reopened_state(t, to);
    c->reopened++;
    c->closed = NULL;
    c->close_reason = hy_lend(NULL);
    if (c->incident != NULL) { // whoever has it now says so anew; else nothing could bring it to its next end
        c->incident->acknowledged = false;
        c->incident->acknowledged_at = NULL;
    }
    hy_draft_drop(t);
    hy_claim_clear(c);
    hy_clocks_resume(t, at_ms);
    if (!hy_text_set(c->work_item)) hy_work_assign(t, NULL);
}

static bool delivered(const struct hy_turn *t, const hy_act *act) {
    (void)act;
    if (t->kind->states & 1u << STATE(DELIVERED)) return t->c->state == STATE(DELIVERED);
    for (size_t i = 0; i < t->c->n_deliveries; i++) {
        const hy_case_delivery *d = t->c->deliveries[i];
        if (d->state == HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_SENT && hy_delivery_is_main(t, d)) return true;
    }
    return false;
}

static bool brings(const hy_act *act, const char *kind) {
    return hy_text_set(act->proof) && hy_text_equal(act->proof_kind, kind);
}

static bool linked(const struct hy_turn *t, const hy_act *act) {
    (void)t;
    return brings(act, "link");
}

static bool probed(const struct hy_turn *t, const hy_act *act) {
    (void)t;
    return brings(act, "probe");
}

static bool consented(const struct hy_turn *t, const hy_act *act) {
    (void)t;
    return brings(act, "approval");
}

static bool nothing(const struct hy_turn *t, const hy_act *act) {
    (void)t;
    (void)act;
    return true;
}

// What a pack may ask as proof, and how it is seen.
static const struct proof {
    const char *name;
    bool (*holds)(const struct hy_turn *t, const hy_act *act);
    const char *wanted;
} proofs[] = {
    {"receipt", delivered, "an answer whose delivery is confirmed"},
    {"link", linked, "the published link (proof, proof_kind link)"},
    {"probe", probed, "a re-probe that saw it mended"},
    {"approval", consented, "the number of the approval (proof, proof_kind approval)"},
    {"none", nothing, ""},
};

static const struct proof *proof_named(const char *name) {
    for (size_t i = 0; i < sizeof proofs / sizeof proofs[0]; i++) {
        if (hy_text_equal(proofs[i].name, hy_text_set(name) ? name : "none")) return &proofs[i];
    }
    return NULL;
}

void hy_verb_close(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    const struct hy_pack_close *row = hy_pack_close(t->kind, act->reason_code);
    if (row == NULL) {
        hy_turn_refuse(t, "close.reason", "the pack's list of reasons for closing has no such reason_code");
        return;
    }
    const struct proof *proof = proof_named(row->proof);
    if (proof == NULL || !proof->holds(t, act)) {
        hy_turn_refuse(t, "proof.missing", "closing as %s needs %s", row->reason,
                       proof == NULL ? row->proof : proof->wanted);
        return;
    }
    hy_act_proof(t, act);
    hy_case_end(t, STATE(CLOSED), row->reason);
    hy_act_done(t, move, "closed as %s", row->reason);
    if (hy_text_set(row->article)) t->rec->article = hy_lend(row->article);
}

void hy_verb_reopen(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    (void)act;
    hy_case_resume(t, move->to, t->now);
    hy_act_done(t, move, "open again, with %s", t->c->owner);
}
