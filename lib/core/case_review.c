// The answer on its way: a draft, its reviewers (distinct people, none of them its author), the text that was approved.
#include "lib/core/case_turn.h"

#define STATE(name) HUIYING__V1__CASE_STATE__CASE_STATE_##name

static bool same_hash(ProtobufCBinaryData a, ProtobufCBinaryData b) {
    return hy_bytes_equal(hy_bytes_from(a.data, a.len), hy_bytes_from(b.data, b.len));
}

void hy_draft_drop(struct hy_turn *t) {
    hy_case *c = t->c;
    if (c->draft != NULL) hy_deliveries_cancel(t, hy_bytes_from(c->draft->text_hash.data, c->draft->text_hash.len));
    c->draft = NULL;
    c->review_stage = 0;
}

static void keep_draft(struct hy_turn *t, const hy_act *act, ProtobufCBinaryData hash, const char *hex) {
    hy_case *c = t->c;
    hy_draft_drop(t);
    c->draft = hy_turn_new(t, &huiying__v1__draft__descriptor);
    c->draft->content_key = hy_turn_join(t, c->id, "/d/", hex);
    c->draft->text_hash = hash;
    c->draft->author = t->cmd->actor->id;
    Huiying__V1__Content *content = hy_turn_new(t, &huiying__v1__content__descriptor);
    content->schema_version = 1;
    content->key = c->draft->content_key;
    content->case_id = c->id;
    content->kind = hy_lend("draft");
    content->text = act->text;
    content->at = hy_turn_time(t, t->now);
    content->text_hash = hash;
    hy_effect_content(t, content);
    for (size_t i = 0; i < c->n_content_keys; i++) {
        if (hy_text_equal(c->content_keys[i], content->key)) return;
    }
    hy_turn_push(t, &c->n_content_keys, &c->content_keys, content->key);
}

static void approved(struct hy_turn *t) {
    t->c->state = STATE(APPROVED);
    hy_reach(t, HY_POINT_APPROVED, t->now);
}

void hy_verb_reply(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    ProtobufCBinaryData hash;
    char hex[65];
    if (!hy_text_set(act->text)) {
        hy_turn_refuse(t, "act.text", "a reply needs a text");
        return;
    }
    hy_turn_text_hash(t, act->text, &hash, hex);
    if (act->text_hash.len > 0 && !same_hash(act->text_hash, hash)) {
        hy_turn_refuse(t, "reply.hash", "the text does not have the hash that came with it");
        return;
    }
    if (hy_deliveries_busy(t)) {
        hy_turn_refuse(t, "reply.sending", "the approved answer is being sent right now: wait for its outcome");
        return;
    }
    keep_draft(t, act, hash, hex);
    t->rec->text_hash = hash;
    t->c->state = STATE(DRAFTED);
    hy_act_move(t, move);
    hy_reach(t, HY_POINT_DRAFTED, t->now);
    if (t->kind->reviews > 0) {
        hy_act_done(t, move, "the answer waits for %d review%s", t->kind->reviews, t->kind->reviews == 1 ? "" : "s");
        return;
    }
    approved(t);
    hy_act_done(t, move, "the answer needs no review and goes out");
}

static bool may_approve(struct hy_turn *t, const hy_act *act) {
    const Huiying__V1__Draft *draft = t->c->draft;
    const char *reviewer = t->cmd->actor->id;
    if (draft == NULL) {
        hy_turn_refuse(t, "review.draft", "there is no draft to review");
        return false;
    }
    if (!same_hash(act->text_hash, draft->text_hash)) {
        hy_turn_refuse(t, "review.hash", "what was read is not the draft that stands now (text_hash): read it again");
        return false;
    }
    if (hy_text_equal(draft->author, reviewer)) {
        hy_turn_refuse(t, "review.author", "who wrote the answer cannot review it");
        return false;
    }
    for (size_t i = 0; i < draft->n_reviewers; i++) {
        if (!hy_text_equal(draft->reviewers[i], reviewer)) continue;
        hy_turn_refuse(t, "review.twice", "this person has passed it already; the next review is another person's");
        return false;
    }
    return true;
}

void hy_verb_approve(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    if (!may_approve(t, act)) return;
    Huiying__V1__Draft *draft = t->c->draft;
    hy_turn_push(t, &draft->n_reviewers, &draft->reviewers, t->cmd->actor->id);
    t->c->review_stage++;
    t->rec->text_hash = draft->text_hash;
    int wanted = t->kind->reviews > 0 ? t->kind->reviews : 1;
    if (draft->n_reviewers < (size_t)wanted) {
        t->c->state = STATE(REVIEW);
        hy_act_done(t, move, "review %zu of %d passed", draft->n_reviewers, wanted);
        return;
    }
    approved(t);
    hy_act_done(t, move, "all reviews passed; the answer goes out");
}

void hy_verb_reject(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    (void)act;
    hy_case *c = t->c;
    if (c->draft == NULL) {
        hy_turn_refuse(t, "review.draft", "there is no draft to reject");
        return;
    }
    t->rec->text_hash = c->draft->text_hash;
    hy_draft_drop(t);
    c->state = t->kind->states & 1u << STATE(HANDLED) ? STATE(HANDLED) : STATE(ASSIGNED);
    hy_act_move(t, move);
    hy_work_change(t, "the review sent the answer back", NULL);
    hy_act_done(t, move, "the review sent the answer back");
}
