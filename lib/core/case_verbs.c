// The verbs that change one thing: sign, claim, release, handle, note, supervise, acknowledge.
#include "lib/core/case_turn.h"

enum { DEFAULT_CLAIM_MINUTES = 60, MINUTE_MS = 60000 };

#define STATE(name) HUIYING__V1__CASE_STATE__CASE_STATE_##name

void hy_verb_sign(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    (void)act;
    t->c->state = STATE(SIGNED);
    hy_act_move(t, move);
    hy_reach(t, HY_POINT_SIGNED, t->now);
    hy_act_done(t, move, "%s signed for it", t->c->owner);
}

void hy_verb_claim(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    (void)act;
    int minutes = t->kind->claim_minutes > 0 ? t->kind->claim_minutes : DEFAULT_CLAIM_MINUTES;
    t->c->claimed_by = t->cmd->actor->id;
    t->c->claimed_until = hy_turn_time(t, t->now + (int64_t)minutes * MINUTE_MS);
    hy_act_move(t, move);
    hy_act_done(t, move, "taken for %d minutes", minutes);
}

void hy_verb_release(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    (void)act;
    if (!hy_text_set(t->c->claimed_by)) {
        hy_turn_refuse(t, "release.free", "nobody holds a claim on it");
        return;
    }
    hy_claim_clear(t->c);
    hy_act_move(t, move);
    hy_act_done(t, move, "given back to the queue of %s", t->c->owner);
}

void hy_verb_handle(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    (void)act;
    t->c->state = STATE(HANDLED);
    hy_act_move(t, move);
    hy_reach(t, HY_POINT_HANDLED, t->now);
    hy_act_done(t, move, "the matter was handled");
}

void hy_verb_note(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    hy_case *c = t->c;
    char hex[65];
    ProtobufCBinaryData hash;
    hy_turn_text_hash(t, act->text, &hash, hex);
    char *key = hy_turn_join(t, c->id, "/r/", hex);
    Huiying__V1__Content *content = hy_turn_new(t, &huiying__v1__content__descriptor);
    content->schema_version = 1;
    content->key = key;
    content->case_id = c->id;
    content->kind = hy_lend("note");
    content->text = act->text;
    content->at = hy_turn_time(t, t->now);
    content->text_hash = hash;
    hy_effect_content(t, content);
    bool known = false;
    for (size_t i = 0; i < c->n_content_keys; i++) {
        known = known || hy_text_equal(c->content_keys[i], key);
    }
    if (!known) hy_turn_push(t, &c->n_content_keys, &c->content_keys, key);
    t->rec->text_hash = hash;
    hy_act_done(t, move, "a remark was added");
}

// A supervision order (督办单) has a number, by which it is asked after.
void hy_verb_supervise(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    hy_case *c = t->c;
    const char *name = hy_text_set(c->receipt_number) ? c->receipt_number : c->id;
    c->supervised = true;
    c->supervise_seq++;
    hy_act_move(t, move);
    hy_work_remind(t, c->owner, hy_turn_fmt(t, "supervised, order %s-%u %s", name, c->supervise_seq, act->reason_code));
    hy_act_done(t, move, "supervision order %s-%u", name, c->supervise_seq);
}

void hy_verb_acknowledge(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    (void)act;
    Huiying__V1__IncidentTotals *incident = t->c->incident;
    if (incident == NULL || incident->acknowledged) {
        hy_turn_refuse(t, "acknowledge.done",
                       incident == NULL ? "the case is no incident" : "it is acknowledged already");
        return;
    }
    incident->acknowledged = true;
    incident->acknowledged_at = hy_turn_time(t, t->now);
    hy_act_move(t, move);
    hy_reach(t, HY_POINT_ACKNOWLEDGED, t->now);
    hy_act_done(t, move, "%s has it", t->c->owner);
}
