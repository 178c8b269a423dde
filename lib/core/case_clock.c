// Clocks: started by a point, stopped by a proof, never paused. What is armed for Redis is (epoch, stage, stage_due).
#include "lib/core/case_turn.h"

#include <stdlib.h>

#define STATE(name) HUIYING__V1__CLOCK_STATE__CLOCK_STATE_##name

hy_case_clock *hy_clock_named(const hy_case *c, const char *name) {
    for (size_t i = 0; i < c->n_clocks; i++) {
        if (hy_text_equal(c->clocks[i]->name, name)) return c->clocks[i];
    }
    return NULL;
}

// A reopened case runs its main clock anew as "reply#2": the same row, another round; the first one stays as it ended.
const struct hy_pack_clock *hy_clock_row(const struct hy_turn *t, const hy_case_clock *clock) {
    const char *mark = strchr(clock->name, '#');
    size_t len = mark == NULL ? strlen(clock->name) : (size_t)(mark - clock->name);
    for (int i = 0; i < t->kind->n_clocks; i++) {
        const char *name = t->kind->clocks[i].name;
        if (strncmp(name, clock->name, len) == 0 && name[len] == '\0') return &t->kind->clocks[i];
    }
    return NULL;
}

uint32_t hy_clock_round(const hy_case_clock *clock) {
    const char *mark = strchr(clock->name, '#');
    return mark == NULL ? 0 : (uint32_t)strtoul(mark + 1, NULL, 10) - 1;
}

void hy_clock_plan_or_raise(struct hy_turn *t, const struct hy_pack *pack, const struct hy_pack_clock *row,
                            int64_t start_ms, struct hy_clock_plan *plan) {
    int rc = hy_clock_plan(t->engine->calendar, pack, row, start_ms, plan);
    if (rc != 0)
        hy_turn_raise(t, rc, "clock %s of pack %s: no deadline can be computed from its start", row->name, pack->id);
}

// Stages whose time had passed before the clock was armed were never armed: only the last of them is told, at once.
static uint32_t last_passed(const struct hy_clock_plan *plan, uint32_t stage, int64_t now) {
    while (stage + 1 < (uint32_t)plan->n_stages && plan->stage_due_ms[stage + 1] <= now) {
        stage++;
    }
    return stage;
}

static void arm_at(struct hy_turn *t, hy_case_clock *clock, uint32_t stage, int64_t stage_due) {
    clock->epoch++;
    clock->stage = stage;
    clock->stage_due = hy_turn_time(t, stage_due);
    clock->skew_ms = 0;
}

static const char *class_name(const struct hy_pack_clock *row, int clock_class) {
    if (clock_class == HY_CLASS_IN_HOURS) return "in_hours";
    if (clock_class == HY_CLASS_OUT_OF_HOURS) return "out_of_hours";
    return row->unit == HY_UNIT_WORKDAYS ? "working_days" : "";
}

void hy_clock_start(struct hy_turn *t, const struct hy_pack_clock *row, const char *name, int64_t at_ms) {
    struct hy_clock_plan plan;
    hy_clock_plan_or_raise(t, t->pack, row, at_ms, &plan);
    hy_case_clock *clock = hy_turn_new(t, &huiying__v1__clock__descriptor);
    clock->name = hy_lend(name);
    clock->state = STATE(RUNNING);
    clock->started = hy_turn_time(t, at_ms);
    clock->due = hy_turn_time(t, plan.deadline.due.unix_ms);
    clock->provisional = plan.deadline.provisional;
    clock->clock_class = hy_lend(class_name(row, plan.clock_class));
    uint32_t stage = last_passed(&plan, 0, t->now);
    arm_at(t, clock, stage, plan.stage_due_ms[stage]);
    hy_turn_push(t, &t->c->n_clocks, &t->c->clocks, clock);
    hy_rec_clock(t, clock, "started", 0);
}

static void end(struct hy_turn *t, hy_case_clock *clock, Huiying__V1__ClockState state, int64_t at_ms) {
    clock->epoch++;
    clock->state = state;
    clock->ended = hy_turn_time(t, at_ms);
}

void hy_clock_stop(struct hy_turn *t, hy_case_clock *clock, int64_t at_ms) {
    int64_t due = hy_time_or(clock->due, 0);
    if (clock->state == STATE(RUNNING)) {
        // The proof is late though no timer told so yet: a breach all the same.
        if (at_ms > due) {
            clock->breached_once = true;
            hy_rec_clock(t, clock, "breached", 0);
        }
        end(t, clock, STATE(STOPPED), at_ms);
        hy_rec_clock(t, clock, "stopped", 0);
    } else if (clock->state == STATE(BREACHED) && at_ms <= due) {
        clock->breached_once = false;
        end(t, clock, STATE(REFUTED), at_ms);
        hy_rec_clock(t, clock, "refuted", 0);
        hy_work_change(t, "the breach is withdrawn: the proof is earlier than the deadline", NULL);
    } else if (clock->state == STATE(BREACHED)) {
        end(t, clock, STATE(STOPPED), at_ms);
        hy_rec_clock(t, clock, "stopped", 0);
    }
}

// Stage times follow the due that the clock has, even where the calendar has learned more since.
static int64_t stage_time(struct hy_turn *t, const struct hy_pack_clock *row, const hy_case_clock *clock,
                          uint32_t stage) {
    int64_t start = hy_time_or(clock->started, 0), due = hy_time_or(clock->due, 0);
    struct hy_clock_plan plan;
    if (row == NULL || stage >= (uint32_t)row->n_warnings) return due;
    hy_clock_plan_or_raise(t, t->pack, row, start, &plan);
    if (plan.deadline.due.unix_ms == due) return plan.stage_due_ms[stage];
    return hy_percent_point(t->engine->calendar, &t->pack->work, start, due, row->warnings[stage]);
}

void hy_clock_arm(struct hy_turn *t, hy_case_clock *clock, uint32_t stage) {
    arm_at(t, clock, stage, stage_time(t, hy_clock_row(t, clock), clock, stage));
}

uint32_t hy_clock_percent(const struct hy_turn *t, const hy_case_clock *clock) {
    const struct hy_pack_clock *row = hy_clock_row(t, clock);
    if (clock->state == STATE(BREACHED)) return 100;
    if (row == NULL || clock->stage == 0 || clock->stage > (uint32_t)row->n_warnings) return 0;
    return (uint32_t)row->warnings[clock->stage - 1];
}

void hy_clock_move(struct hy_turn *t, hy_case_clock *clock, const struct hy_clock_plan *plan) {
    int64_t before = hy_time_or(clock->due, 0);
    clock->due = hy_turn_time(t, plan->deadline.due.unix_ms);
    clock->provisional = plan->deadline.provisional;
    uint32_t stage = clock->stage < (uint32_t)plan->n_stages ? clock->stage : (uint32_t)plan->n_stages - 1;
    stage = last_passed(plan, stage, t->now);
    bool armed = clock->stage == stage && before == plan->deadline.due.unix_ms &&
                 hy_time_or(clock->stage_due, 0) == plan->stage_due_ms[stage] + (int64_t)clock->skew_ms;
    if (!armed) arm_at(t, clock, stage, plan->stage_due_ms[stage]);
    hy_rec_clock(t, clock, "moved", before);
}

void hy_clocks_earlier(struct hy_turn *t, int64_t received_ms) {
    for (size_t i = 0; i < t->c->n_clocks; i++) {
        hy_case_clock *clock = t->c->clocks[i];
        const struct hy_pack_clock *row = hy_clock_row(t, clock);
        if (clock->state != STATE(RUNNING) || row == NULL || hy_clock_round(clock) > 0) continue;
        if (row->start != HY_POINT_RECEIVED && row->start != HY_POINT_OPENED) continue;
        struct hy_clock_plan plan;
        hy_clock_plan_or_raise(t, t->pack, row, received_ms, &plan);
        // An earlier start never gives a later deadline, whatever class it would fall into.
        if (plan.deadline.due.unix_ms > hy_time_or(clock->due, 0)) continue;
        clock->started = hy_turn_time(t, received_ms);
        hy_clock_move(t, clock, &plan);
    }
}

void hy_clocks_end(struct hy_turn *t) {
    for (size_t i = 0; i < t->c->n_clocks; i++) {
        hy_case_clock *clock = t->c->clocks[i];
        if (clock->state != STATE(RUNNING)) continue;
        clock->ended_by_close = true;
        hy_clock_stop(t, clock, t->now);
    }
}

static void next_round(struct hy_turn *t, const struct hy_pack_clock *row, int64_t at_ms) {
    char *name = hy_turn_fmt(t, "%s#%u", row->name, t->c->reopened + 1);
    // What never began has no next round: an incident that was not major is not owed to anybody in minutes.
    bool wanted = row->main && !t->c->historic && hy_clock_named(t->c, row->name) != NULL;
    for (size_t i = 0; wanted && i < t->c->n_clocks; i++) {
        const hy_case_clock *clock = t->c->clocks[i];
        bool ended = clock->state == STATE(STOPPED) || clock->state == STATE(REFUTED);
        if (hy_clock_row(t, clock) == row && !ended) wanted = false; // an older round is still owed
    }
    if (wanted && hy_clock_named(t->c, name) == NULL) hy_clock_start(t, row, name, at_ms);
}

void hy_clocks_resume(struct hy_turn *t, int64_t at_ms) {
    for (size_t i = 0; i < t->c->n_clocks; i++) {
        hy_case_clock *clock = t->c->clocks[i];
        if (clock->state != STATE(STOPPED) || !clock->ended_by_close) continue;
        clock->state = STATE(RUNNING);
        clock->ended = NULL;
        clock->ended_by_close = false;
        hy_clock_arm(t, clock, clock->stage);
        hy_rec_clock(t, clock, "rearmed", 0);
    }
    for (int i = 0; i < t->kind->n_clocks; i++) {
        next_round(t, &t->kind->clocks[i], at_ms);
    }
}

void hy_clocks_level(struct hy_turn *t) {
    for (int i = 0; i < t->kind->n_clocks; i++) {
        const struct hy_pack_clock *row = &t->kind->clocks[i];
        bool reached =
            row->start == HY_POINT_RECEIVED || row->start == HY_POINT_OPENED || row->start == HY_POINT_ASSIGNED;
        bool severe = row->max_level > 0 && t->c->incident->level <= (uint32_t)row->max_level;
        if (reached && severe && !t->c->historic && hy_clock_named(t->c, row->name) == NULL)
            hy_clock_start(t, row, row->name, t->now);
    }
}
