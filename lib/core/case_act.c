// What people ask of a case. All checks that every verb shares stand here, in one order; the pack's row says which
// verbs exist, from which states, for whom, and what they need. To add a verb: a row in `verbs` and its function.
#include "lib/core/case_turn.h"

#include <stdarg.h>
#include <stdio.h>

// MOVES: changes the step, so it needs `expects`; UNDER_CLAIM: refused while another person holds the claim;
// TAKES_PROOF: counts the proof itself, before the case ends.
enum { MOVES = 1, UNDER_CLAIM = 2, TAKES_PROOF = 4 };
enum { PROOF_MAX = 1024 };

#define VERB(name) HUIYING__V1__VERB__VERB_##name

static const struct hy_verb verbs[] = {
    {VERB(SIGN), "sign", hy_verb_sign, MOVES | UNDER_CLAIM},
    {VERB(CLAIM), "claim", hy_verb_claim, UNDER_CLAIM},
    {VERB(RELEASE), "release", hy_verb_release, UNDER_CLAIM},
    {VERB(HANDLE), "handle", hy_verb_handle, MOVES | UNDER_CLAIM},
    {VERB(REPLY), "reply", hy_verb_reply, MOVES | UNDER_CLAIM},
    {VERB(APPROVE), "approve", hy_verb_approve, MOVES},
    {VERB(REJECT), "reject", hy_verb_reject, MOVES},
    {VERB(RETURN), "return", hy_verb_return, MOVES | UNDER_CLAIM},
    {VERB(TRANSFER), "transfer", hy_verb_transfer, MOVES | UNDER_CLAIM},
    {VERB(CLOSE), "close", hy_verb_close, MOVES | UNDER_CLAIM | TAKES_PROOF},
    {VERB(REOPEN), "reopen", hy_verb_reopen, MOVES},
    {VERB(ACKNOWLEDGE), "acknowledge", hy_verb_acknowledge, 0},
    {VERB(SUPERVISE), "supervise", hy_verb_supervise, 0},
    {VERB(NOTE), "note", hy_verb_note, 0},
    {VERB(ASSIGN), "assign", hy_verb_assign, MOVES},
};

static const struct hy_verb *verb_of(Huiying__V1__Verb verb) {
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (verbs[i].verb == verb) return &verbs[i];
    }
    return NULL;
}

void hy_act_done(struct hy_turn *t, const struct hy_pack_move *move, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    t->rec->article = hy_lend(move->article);
    hy_turn_vapply(t, hy_turn_join(t, t->kind->name, ".", move->verb), fmt, args);
    va_end(args);
}

void hy_act_move(struct hy_turn *t, const struct hy_pack_move *move) {
    if (move->to != 0) t->c->state = (Huiying__V1__CaseState)move->to;
}

void hy_claim_clear(hy_case *c) {
    c->claimed_by = hy_lend(NULL);
    c->claimed_until = NULL;
}

// Is `word` one of the comma-separated words?
static bool listed(const char *words, const char *word) {
    size_t len = strlen(word);
    for (const char *at = words; at != NULL && *at != '\0' && len > 0;) {
        size_t n = strcspn(at, ",");
        if (n == len && memcmp(at, word, n) == 0) return true;
        at += n + (at[n] == ',');
        at += strspn(at, " ");
    }
    return false;
}

static bool fits(const char *text, size_t max) {
    struct hy_bytes bytes = hy_bytes_of(text);
    return bytes.len <= max && hy_utf8_valid(bytes);
}

static const char *content_fault(const hy_act *act) {
    if (!fits(act->text, HY_CASE_TEXT_MAX)) return "the text is longer than 64 KB or not UTF-8";
    if (!fits(act->proof, PROOF_MAX)) return "the proof is longer than 1024 bytes or not UTF-8";
    if (!fits(act->reason_code, HY_CASE_ID_MAX) || !fits(act->department, HY_CASE_ID_MAX) ||
        !fits(act->proof_kind, HY_CASE_ID_MAX) || !fits(act->event_id, HY_CASE_ID_MAX))
        return "a code is longer than 160 bytes or not UTF-8";
    return NULL;
}

static bool actor_known(struct hy_turn *t) {
    const Huiying__V1__Actor *actor = t->cmd->actor;
    bool known = actor != NULL && hy_text_set(actor->id) && hy_text_set(actor->role) && fits(actor->id, HY_CASE_ID_MAX);
    if (!known) hy_turn_refuse(t, "act.actor", "nobody is named as the one who acts");
    return known;
}

// Refused on the same ground before? Applied before? Equal id, equal verdict.
static bool is_repeat(struct hy_turn *t) {
    const char *id = t->cmd->id;
    size_t len = strlen(id);
    for (size_t i = 0; i < t->c->n_recent_commands; i++) {
        const char *entry = t->c->recent_commands[i];
        if (strncmp(entry, id, len) != 0) continue;
        if (entry[len] == '\0') {
            hy_turn_repeat(t, "act.repeated", "this act was applied before");
            return true;
        }
        if (entry[len] != ' ') continue;
        hy_turn_refuse(t, "act.id", "this act was refused before by rule %s; look again and send a new one",
                       entry + len + 1);
        return true;
    }
    return false;
}

static bool row_allows(struct hy_turn *t, const struct hy_pack_move *move) {
    const Huiying__V1__Actor *actor = t->cmd->actor;
    t->rec->article = hy_lend(move->article);
    if (!listed(move->roles, actor->role)) {
        hy_turn_refuse(t, "act.role", "%s is for %s", move->verb, move->roles);
        return false;
    }
    if (move->owner_only && hy_text_equal(actor->role, "department") &&
        !hy_text_equal(actor->department, t->c->owner)) {
        hy_turn_refuse(t, "act.owner", "the case is with %s now", t->c->owner);
        return false;
    }
    if (!(move->from & 1u << t->c->state)) {
        hy_turn_refuse(t, "act.state", "%s is not possible in state %s", move->verb, hy_case_state_name(t->c->state));
        return false;
    }
    return true;
}

static bool sees_this_step(struct hy_turn *t, const struct hy_verb *verb) {
    bool named = t->cmd->expectation_case == HUIYING__V1__COMMAND__EXPECTATION_EXPECTS;
    if (named && t->cmd->expects != t->c->step) {
        hy_turn_refuse(t, "act.expects", "the case moved on: it is at step %llu, with %s, in state %s; look again",
                       (unsigned long long)t->c->step, t->c->owner, hy_case_state_name(t->c->state));
        return false;
    }
    bool person = t->cmd->actor->kind == HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PERSON;
    if (named || !person || !(verb->flags & MOVES)) return true;
    hy_turn_refuse(t, "act.expects_missing", "a person's act must name the step it saw (expects)");
    return false;
}

static bool is_free(struct hy_turn *t, const struct hy_verb *verb) {
    const hy_case *c = t->c;
    const Huiying__V1__Actor *actor = t->cmd->actor;
    bool held = hy_text_set(c->claimed_by) && hy_time_or(c->claimed_until, 0) > t->now;
    if (!(verb->flags & UNDER_CLAIM) || !held || hy_text_equal(c->claimed_by, actor->id) ||
        hy_text_equal(actor->role, "operator"))
        return true;
    hy_turn_refuse(t, "act.claimed", "another person (%s) works on it until the claim ends", c->claimed_by);
    return false;
}

static bool has_needs(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    const struct {
        bool needed;
        const char *value, *rule, *what;
    } needs[] = {
        {move->needs_reason, act->reason_code, "act.reason", "a reason_code"},
        {move->needs_text, act->text, "act.text", "a text"},
        {move->needs_proof, act->proof, "proof.missing", "a proof"},
        {move->needs_department, act->department, "act.department", "a department"},
    };
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        if (!needs[i].needed || hy_text_set(needs[i].value)) continue;
        hy_turn_refuse(t, needs[i].rule, "%s needs %s", move->verb, needs[i].what);
        return false;
    }
    return true;
}

static bool proof_fits(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    if (!hy_text_set(act->proof)) return true;
    if (hy_text_set(act->proof_kind) && !listed(move->proofs, act->proof_kind)) {
        hy_turn_refuse(t, "proof.kind", "%s takes no proof of this kind", move->verb);
        return false;
    }
    bool program = t->cmd->actor->kind == HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PROGRAM;
    if (hy_text_equal(act->proof_kind, "probe") && !program) {
        hy_turn_refuse(t, "proof.probe", "a re-probe is seen by a program, not claimed by a person");
        return false;
    }
    bool link = strncmp(act->proof, "http://", 7) == 0 || strncmp(act->proof, "https://", 8) == 0;
    if (hy_text_equal(act->proof_kind, "link") && !link) {
        hy_turn_refuse(t, "proof.link", "a link begins with http:// or https://");
        return false;
    }
    return true;
}

// A proof that rides on any applied act is itself a point that clocks may wait for.
void hy_act_proof(struct hy_turn *t, const hy_act *act) {
    if (!hy_text_set(act->proof)) return;
    if (hy_text_equal(act->proof_kind, "link")) hy_reach(t, HY_POINT_LINK, t->now);
    if (hy_text_equal(act->proof_kind, "probe")) hy_reach(t, HY_POINT_PROBED, t->now);
}

static void judge_on_case(struct hy_turn *t, const hy_act *act) {
    const struct hy_verb *verb = verb_of(act->verb);
    const struct hy_pack_move *move = verb == NULL ? NULL : hy_pack_move(t->kind, verb->name);
    if (move == NULL) {
        hy_turn_refuse(t, "act.verb", "a case of kind %s knows no such move", t->kind->name);
        return;
    }
    if (!row_allows(t, move) || !sees_this_step(t, verb) || !is_free(t, verb) || !has_needs(t, act, move) ||
        !proof_fits(t, act, move))
        return;
    verb->run(t, act, move);
    if (t->out->outcome != HY_ENGINE_APPLIED) return;
    if (!(verb->flags & TAKES_PROOF)) hy_act_proof(t, act);
    t->rec->reason_code = act->reason_code;
    t->rec->proof = act->proof;
}

// There is no case yet: the pack in force says who may open one from a noted message.
static void judge_open(struct hy_turn *t, const hy_act *act) {
    hy_turn_load_dossier(t);
    if (hy_turn_ahead(t, t->d->log_id, t->d->last_offset)) {
        hy_turn_skip(t);
        return;
    }
    const struct hy_pack_move *move = hy_turn_pinned(t, "", HY_KIND_LETTER) ? hy_pack_move(t->kind, "open") : NULL;
    if (move == NULL)
        hy_turn_refuse(t, "act.verb", "the pack in force knows no move open");
    else if (actor_known(t) && !listed(move->roles, t->cmd->actor->role))
        hy_turn_refuse(t, "act.role", "open is for %s", move->roles);
    else if (t->out->outcome == HY_ENGINE_APPLIED)
        hy_verb_open(t, act);
}

void hy_cmd_act(struct hy_turn *t) {
    const hy_act *act = t->cmd->act;
    const char *fault = content_fault(act);
    if (fault != NULL || !hy_text_set(t->cmd->id)) {
        hy_turn_dead(t, "%s",
                     fault != NULL ? fault : "an act needs a command id, by which it is known when it comes again");
        return;
    }
    t->rec->command = hy_lend(hy_verb_name(act->verb));
    if (act->verb == VERB(OPEN)) {
        judge_open(t, act);
        return;
    }
    if (!hy_turn_load_case(t, t->cmd->case_id)) {
        if (t->out->outcome == HY_ENGINE_SKIPPED) return;
        t->rec->case_id = t->cmd->case_id;
        hy_turn_refuse(t, "case.unknown", "there is no such case here; it may have been archived");
        return;
    }
    if (!is_repeat(t) && actor_known(t)) judge_on_case(t, act);
}
