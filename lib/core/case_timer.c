// A timer fired: judged by its epoch alone. A warning reminds, the last stage is the breach, and both climb the ladder.
#include "lib/core/case_turn.h"

enum { LATER_MS = 1000 };

#define STATE(name) HUIYING__V1__CLOCK_STATE__CLOCK_STATE_##name

static const char *above(const struct hy_turn *t) {
    const struct hy_pack_department *own = hy_pack_department(t->pack, t->c->owner);
    return own == NULL || !hy_text_set(own->supervisor) ? NULL : own->supervisor;
}

// The queue of a ladder's step: a department's code, or a role; a role without a queue of its own reaches the decider.
static const char *reader_of(const struct hy_turn *t, const char *notify) {
    if (hy_text_equal(notify, "owner")) return t->c->owner;
    const char *reader = hy_text_equal(notify, "supervisor") ? above(t)
                         : hy_text_equal(notify, "decider")  ? t->kind->decider
                                                             : notify;
    if (hy_text_set(reader) && hy_pack_department(t->pack, reader) != NULL) return reader;
    if (hy_text_set(t->kind->decider)) return t->kind->decider;
    return hy_text_set(t->kind->fallback) ? t->kind->fallback : HY_TRIAGE;
}

// One reminder a queue, however many steps name it.
static bool told(const struct hy_turn *t, const char *department) {
    for (size_t i = 0; i < t->out->n_work; i++) {
        if (hy_text_equal(t->out->work[i].department, department)) return true;
    }
    return false;
}

static void climb(struct hy_turn *t, const hy_case_clock *clock, const struct hy_pack_clock *row, int percent) {
    char *why = hy_turn_fmt(t, "%s %d%%", clock->name, percent);
    hy_work_remind(t, t->c->owner, why);
    for (int i = 0; row != NULL && i < row->n_steps; i++) {
        const struct hy_pack_step *step = &row->steps[i];
        if (step->percent != percent) continue;
        if (hy_text_equal(step->action, "supervise")) t->c->supervised = true;
        const char *reader = reader_of(t, step->notify);
        if (!told(t, reader)) hy_work_remind(t, reader, why);
    }
}

static void rearm_early(struct hy_turn *t, hy_case_clock *clock, int64_t early) {
    clock->epoch++;
    clock->skew_ms += (uint64_t)(early + LATER_MS);
    clock->stage_due = hy_turn_time(t, hy_time_or(clock->stage_due, 0) + early + LATER_MS);
    hy_rec_clock(t, clock, "rearmed", 0);
    hy_turn_apply(t, "clock.early", "fired %lld ms before its time: the timer's clock is fast, armed again",
                  (long long)early);
}

static void warn(struct hy_turn *t, hy_case_clock *clock, const struct hy_pack_clock *row) {
    int percent = row->warnings[clock->stage];
    hy_clock_arm(t, clock, clock->stage + 1);
    hy_rec_clock(t, clock, "warned", 0);
    climb(t, clock, row, percent);
    hy_turn_apply(t, "clock.warned", "%d %% of the time of clock %s is gone", percent, clock->name);
}

static void breach(struct hy_turn *t, hy_case_clock *clock, const struct hy_pack_clock *row) {
    clock->epoch++;
    clock->state = STATE(BREACHED);
    clock->breached_once = true;
    clock->ended = clock->due;
    hy_rec_clock(t, clock, "breached", 0);
    climb(t, clock, row, 100);
    hy_turn_apply(t, "clock.breached", "clock %s is past its deadline and its proof has not come", clock->name);
}

void hy_cmd_timer(struct hy_turn *t) {
    const Huiying__V1__TimerFired *fired = t->cmd->timer_fired;
    hy_case_clock *clock = hy_clock_named(t->c, fired->clock);
    if (clock == NULL) {
        hy_turn_refuse(t, "timer.clock", "the case has no such clock");
        return;
    }
    if (clock->state != STATE(RUNNING) || clock->epoch != fired->epoch) {
        hy_turn_repeat(t, "timer.epoch", "what fired is no longer armed (epoch %u, now %u)", fired->epoch,
                       clock->epoch);
        return;
    }
    const struct hy_pack_clock *row = hy_clock_row(t, clock);
    if (row != NULL) t->rec->article = hy_lend(row->article);
    int64_t early = hy_time_or(clock->stage_due, 0) - (int64_t)clock->skew_ms - t->now;
    if (early > 0)
        rearm_early(t, clock, early);
    else if (row != NULL && clock->stage < (uint32_t)row->n_warnings)
        warn(t, clock, row);
    else
        breach(t, clock, row);
}
