// What the journal record of a turn tells of clocks and deliveries, and the lists of effects.
#include "lib/core/case_turn.h"

void hy_rec_clock(struct hy_turn *t, const hy_case_clock *clock, const char *what, int64_t due_before) {
    Huiying__V1__ClockChange *change = hy_turn_new(t, &huiying__v1__clock_change__descriptor);
    change->clock = clock->name;
    change->epoch = clock->epoch;
    change->what = hy_lend(what);
    if (due_before != 0) change->due_before = hy_turn_time(t, due_before);
    change->due_after = clock->due;
    change->stage = clock->stage;
    change->provisional = clock->provisional;
    hy_turn_push(t, &t->rec->n_clocks, &t->rec->clocks, change);
}

void hy_rec_delivery(struct hy_turn *t, const hy_case_delivery *d, const char *what) {
    Huiying__V1__DeliveryChange *change = hy_turn_new(t, &huiying__v1__delivery_change__descriptor);
    change->row = d->row;
    change->target = d->target;
    change->what = hy_lend(what);
    change->attempt = d->attempt;
    change->receipt = d->receipt;
    hy_turn_push(t, &t->rec->n_deliveries, &t->rec->deliveries, change);
}

void hy_rec_fate(struct hy_turn *t, Huiying__V1__Fate fate, const char *event_id) {
    t->rec->fate = fate;
    t->rec->event_id = hy_lend(event_id);
}

// items with room for one more; lists are short, so they grow by doubling from four.
static void *room(struct hy_turn *t, const void *items, size_t n, size_t *cap, size_t size) {
    if (n < *cap) return NULL;
    size_t more = *cap == 0 ? 4 : *cap * 2;
    void *grown = hy_turn_alloc(t, more * size);
    if (n > 0) memcpy(grown, items, n * size);
    *cap = more;
    return grown;
}

#define ROOM(t, list)                                                                                                  \
    do {                                                                                                               \
        void *grown = room(t, (t)->out->list, (t)->out->n_##list, &(t)->out->cap_##list, sizeof *(t)->out->list);      \
        if (grown != NULL) (t)->out->list = grown;                                                                     \
    } while (0)

void hy_effect_put(struct hy_turn *t, const char *key, struct hy_bytes value, int64_t next_tick_ms) {
    ROOM(t, puts);
    t->out->puts[t->out->n_puts++] = (struct hy_effect_put){key, value, next_tick_ms};
}

void hy_effect_journal(struct hy_turn *t, const char *key, struct hy_bytes value) {
    ROOM(t, journal);
    t->out->journal[t->out->n_journal++] = (struct hy_effect_journal){key, value, t->rec};
}

void hy_effect_content(struct hy_turn *t, Huiying__V1__Content *content) {
    ROOM(t, contents);
    t->out->contents[t->out->n_contents++] = (struct hy_effect_content){content->key, content};
}

void hy_effect_work(struct hy_turn *t, const char *department, Huiying__V1__WorkItem *item) {
    ROOM(t, work);
    t->out->work[t->out->n_work++] = (struct hy_effect_work){department, item};
}
