// A point of the pack's vocabulary was reached: the clocks that wait for it stop, those that begin with it start, and
// the deliveries that belong to it are made.
#include "lib/core/case_turn.h"

static bool starts_here(const struct hy_turn *t, const struct hy_pack_clock *row, enum hy_point point) {
    if (row->start != point || t->c->historic || hy_clock_named(t->c, row->name) != NULL) return false;
    if (row->max_level == 0) return true;
    return t->c->incident != NULL && t->c->incident->level > 0 && t->c->incident->level <= (uint32_t)row->max_level;
}

void hy_reach_round(struct hy_turn *t, enum hy_point point, int64_t at_ms, uint32_t max_round) {
    for (size_t i = 0; i < t->c->n_clocks; i++) {
        hy_case_clock *clock = t->c->clocks[i];
        const struct hy_pack_clock *row = hy_clock_row(t, clock);
        if (row != NULL && row->stop == point && hy_clock_round(clock) <= max_round) hy_clock_stop(t, clock, at_ms);
    }
    for (int i = 0; i < t->kind->n_clocks; i++) {
        const struct hy_pack_clock *row = &t->kind->clocks[i];
        if (starts_here(t, row, point)) hy_clock_start(t, row, row->name, at_ms);
    }
    hy_deliveries_make(t, point);
}

void hy_reach(struct hy_turn *t, enum hy_point point, int64_t at_ms) {
    hy_reach_round(t, point, at_ms, UINT32_MAX);
}
