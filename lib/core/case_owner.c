// Who owes the case: return, transfer, assign. Every open case has exactly one owner at every moment, and no change of
// owner touches a clock.
#include "lib/core/case_turn.h"

enum { DEFAULT_RETURNS = 2 };

#define STATE(name) HUIYING__V1__CASE_STATE__CASE_STATE_##name

static const char *decider_of(const struct hy_turn *t) {
    return hy_text_set(t->kind->decider)    ? t->kind->decider
           : hy_text_set(t->kind->fallback) ? t->kind->fallback
                                            : HY_TRIAGE;
}

static bool is_fixed(const struct hy_turn *t) {
    uint32_t most = t->kind->max_returns > 0 ? (uint32_t)t->kind->max_returns : DEFAULT_RETURNS;
    return t->c->returns >= most;
}

// A department may hand on what it owes; a desk (triage, decider) and the operator may hand out what they hold.
static bool is_desk_actor(const struct hy_turn *t) {
    const Huiying__V1__Actor *actor = t->cmd->actor;
    if (!hy_text_equal(actor->role, "department")) return true;
    return hy_owner_is_desk(t, actor->department) &&
           (hy_text_equal(actor->department, t->c->owner) || hy_text_equal(actor->department, decider_of(t)));
}

void hy_owner_change(struct hy_turn *t, const char *department, const char *why) {
    hy_case *c = t->c;
    const char *old = c->owner;
    hy_draft_drop(t);
    hy_claim_clear(c);
    c->owner = hy_lend(department);
    hy_work_recall(t, old, why);
    hy_work_assign(t, NULL);
    if (hy_owner_is_desk(t, department)) return;
    if (c->first_assigned == NULL) c->first_assigned = hy_turn_time(t, t->now);
    hy_reach(t, HY_POINT_ASSIGNED, t->now);
}

// Where the case stands with its new owner, unless the pack's row says.
static void stand(struct hy_turn *t, const struct hy_pack_move *move) {
    bool waits = hy_owner_is_desk(t, t->c->owner) || !(t->kind->states & 1u << STATE(ASSIGNED));
    t->c->state = waits ? STATE(OPENED) : STATE(ASSIGNED);
    if (move->to != 0 && !hy_owner_is_desk(t, t->c->owner)) hy_act_move(t, move);
}

void hy_verb_return(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    hy_case *c = t->c;
    if (is_fixed(t)) {
        hy_turn_refuse(t, "return.limit", "it was returned %u times; now %s fixes who answers it", c->returns,
                       decider_of(t));
        return;
    }
    const char *fallback = hy_text_set(t->kind->fallback) ? t->kind->fallback : HY_TRIAGE;
    if (hy_owner_is_desk(t, c->owner)) {
        hy_turn_refuse(t, "return.desk", "%s hands cases out and cannot return one: assign it", c->owner);
        return;
    }
    const char *old = c->owner;
    c->returns++;
    hy_turn_push(t, &c->n_returned_by, &c->returned_by, old);
    hy_owner_change(t, is_fixed(t) ? decider_of(t) : fallback, act->reason_code);
    stand(t, move);
    hy_act_done(t, move, "%s returned it; now with %s", old, c->owner);
}

static bool may_go_to(struct hy_turn *t, const hy_act *act) {
    if (hy_pack_department(t->pack, act->department) == NULL) {
        hy_turn_refuse(t, "department.unknown", "the pack has no department of this code");
        return false;
    }
    if (hy_text_equal(act->department, t->c->owner)) {
        hy_turn_refuse(t, "department.same", "%s owns the case already", t->c->owner);
        return false;
    }
    return true;
}

static void hand_over(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    const char *old = t->c->owner;
    hy_owner_change(t, act->department, hy_text_set(act->reason_code) ? act->reason_code : move->verb);
    stand(t, move);
    hy_act_done(t, move, "from %s to %s", old, t->c->owner);
}

void hy_verb_transfer(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    if (is_fixed(t) && !is_desk_actor(t)) {
        hy_turn_refuse(t, "transfer.fixed", "the owner was fixed after %u returns; only %s may change it",
                       t->c->returns, decider_of(t));
        return;
    }
    if (may_go_to(t, act)) hand_over(t, act, move);
}

void hy_verb_assign(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move) {
    if (!is_desk_actor(t)) {
        hy_turn_refuse(t, "assign.desk",
                       "only a desk that hands cases out may assign; a department transfers or returns");
        return;
    }
    if (may_go_to(t, act)) hand_over(t, act, move);
}
