// A correction: running clocks get the deadline that another pack, or the calendar that came meanwhile, gives them. The
// only way in which a deadline moves later, and the journal keeps old, new and who.
#include "lib/core/case_turn.h"

static bool may_correct(struct hy_turn *t) {
    const Huiying__V1__Actor *actor = t->cmd->actor;
    bool allowed = actor != NULL && (hy_text_equal(actor->role, "operator") || hy_text_equal(actor->role, "system"));
    if (!allowed) hy_turn_refuse(t, "recompute.role", "a correction is for the operator");
    return allowed;
}

static size_t move_clocks(struct hy_turn *t) {
    size_t moved = 0;
    for (size_t i = 0; i < t->c->n_clocks; i++) {
        hy_case_clock *clock = t->c->clocks[i];
        const struct hy_pack_clock *row = hy_clock_row(t, clock);
        if (row == NULL || clock->state != HUIYING__V1__CLOCK_STATE__CLOCK_STATE_RUNNING) continue;
        struct hy_clock_plan plan;
        hy_clock_plan_or_raise(t, t->pack, row, hy_time_or(clock->started, 0), &plan);
        bool same = plan.deadline.due.unix_ms == hy_time_or(clock->due, 0) &&
                    (clock->provisional != 0) == plan.deadline.provisional;
        if (same) continue;
        hy_clock_move(t, clock, &plan);
        moved++;
    }
    return moved;
}

void hy_cmd_recompute(struct hy_turn *t) {
    const Huiying__V1__Recompute *body = t->cmd->recompute;
    if (!may_correct(t)) return;
    const char *hash = hy_text_set(body->pack_hash) ? body->pack_hash : t->c->pack_hash;
    if (strlen(hash) > 64) {
        hy_turn_refuse(t, "recompute.pack", "a pack's hash has 64 characters");
        return;
    }
    const struct hy_pack *old_pack = t->pack;
    const struct hy_pack_kind *old_kind = t->kind;
    if (!hy_turn_pinned(t, hash, t->c->kind)) {
        t->pack = old_pack;
        t->kind = old_kind;
        hy_turn_refuse(t, "recompute.kind", "that pack has no kind %s", t->c->kind);
        return;
    }
    if (!hy_case_is_open(t->c)) {
        hy_turn_refuse(t, "recompute.closed", "the case is closed");
        return;
    }
    t->c->pack_hash = hy_lend(hash);
    size_t moved = move_clocks(t);
    if (moved > 0) hy_work_change(t, "a deadline was corrected", NULL);
    hy_turn_apply(t, "recompute", "%zu deadlines moved", moved);
}
