// What departments read. An open case has exactly one standing item: ASSIGNED begins it, RECALLED or CLOSED ends it,
// and a RECALLED is followed by the next ASSIGNED in the same effects. REMINDED and CHANGED speak about the standing
// item.
#include "lib/core/case_turn.h"

#define KIND(name) HUIYING__V1__WORK_KIND__WORK_KIND_##name

static Huiying__V1__WorkItem *item_of(struct hy_turn *t, Huiying__V1__WorkKind kind, const char *department,
                                      const char *why) {
    hy_case *c = t->c;
    Huiying__V1__WorkItem *item = hy_turn_new(t, &huiying__v1__work_item__descriptor);
    item->schema_version = 1;
    item->seq = ++c->work_seq;
    item->id = hy_turn_fmt(t, "%s-%u", c->id, c->work_seq);
    item->kind = kind;
    item->department = hy_lend(department);
    item->why = hy_lend(why);
    hy_effect_work(t, item->department, item);
    return item;
}

static void carry_text(struct hy_turn *t, Huiying__V1__WorkItem *item, const hy_event *event) {
    item->title = event->title;
    item->text = event->text;
    item->author = event->author;
    item->n_links = event->n_links;
    item->links = event->links;
    item->n_attachments = event->n_attachments;
    item->attachments = event->attachments;
    for (size_t i = t->c->n_content_keys; i-- > 0;) {
        const char *id = strrchr(t->c->content_keys[i], '/');
        if (id == NULL || !hy_text_equal(id + 1, event->id)) continue;
        item->n_content_keys = 1;
        item->content_keys = &t->c->content_keys[i];
        return;
    }
}

// What the citizen wrote: messages and their edits; not our drafts, remarks and notices.
static void carry_keys(struct hy_turn *t, Huiying__V1__WorkItem *item) {
    const hy_case *c = t->c;
    char *messages = hy_turn_join(t, c->id, "/m/", ""), *noted = hy_turn_join(t, c->dossier, "/n/", "");
    item->n_content_keys = 0;
    item->content_keys = NULL;
    for (size_t i = 0; i < c->n_content_keys; i++) {
        const char *key = c->content_keys[i];
        bool written = strncmp(key, messages, strlen(messages)) == 0 || strncmp(key, noted, strlen(noted)) == 0;
        if (written) hy_turn_push(t, &item->n_content_keys, &item->content_keys, key);
    }
}

void hy_work_assign(struct hy_turn *t, const hy_event *event) {
    Huiying__V1__WorkItem *item = item_of(t, KIND(ASSIGNED), t->c->owner, "");
    if (event != NULL) carry_text(t, item, event);
    if (event == NULL && t->c->incident != NULL) item->title = t->c->incident->subject; // nobody wrote it
    carry_keys(t, item);
    t->c->work_item = item->id;
    t->rec->work_item = item->id;
}

void hy_work_recall(struct hy_turn *t, const char *old_owner, const char *why) {
    Huiying__V1__WorkItem *item = item_of(t, KIND(RECALLED), old_owner, why);
    item->ends = t->c->work_item;
    t->c->work_item = hy_lend(NULL);
}

void hy_work_change(struct hy_turn *t, const char *why, const hy_event *event) {
    Huiying__V1__WorkItem *item = item_of(t, KIND(CHANGED), t->c->owner, why);
    if (event != NULL) carry_text(t, item, event);
}

void hy_work_remind(struct hy_turn *t, const char *department, const char *why) {
    item_of(t, KIND(REMINDED), department, why);
}

void hy_work_close(struct hy_turn *t, const char *why) {
    if (!hy_text_set(t->c->work_item)) return;
    Huiying__V1__WorkItem *item = item_of(t, KIND(CLOSED), t->c->owner, why);
    item->ends = t->c->work_item;
    t->c->work_item = hy_lend(NULL);
}

static Huiying__V1__WorkClock **clocks_of(struct hy_turn *t, size_t *n) {
    Huiying__V1__WorkClock **clocks = NULL;
    *n = 0;
    for (size_t i = 0; i < t->c->n_clocks; i++) {
        const hy_case_clock *clock = t->c->clocks[i];
        bool breached = clock->state == HUIYING__V1__CLOCK_STATE__CLOCK_STATE_BREACHED;
        if (!breached && clock->state != HUIYING__V1__CLOCK_STATE__CLOCK_STATE_RUNNING) continue;
        Huiying__V1__WorkClock *shown = hy_turn_new(t, &huiying__v1__work_clock__descriptor);
        shown->name = clock->name;
        shown->due = clock->due;
        shown->breached = breached;
        shown->provisional = clock->provisional;
        shown->percent = hy_clock_percent(t, clock);
        hy_turn_push(t, n, &clocks, shown);
    }
    return clocks;
}

// Items are shown as the case stands when the turn is over.
void hy_work_finish(struct hy_turn *t) {
    if (t->out->n_work == 0) return;
    const hy_case *c = t->c;
    size_t n_clocks;
    Huiying__V1__WorkClock **clocks = clocks_of(t, &n_clocks);
    Huiying__V1__Time *at = hy_turn_time(t, t->now);
    for (size_t i = 0; i < t->out->n_work; i++) {
        Huiying__V1__WorkItem *item = t->out->work[i].item;
        item->case_id = c->id;
        item->dossier = c->dossier;
        item->case_kind = c->kind;
        item->state = hy_lend(hy_case_state_name(c->state));
        item->step = c->step;
        item->urgency = c->urgency;
        item->category = c->category;
        item->area = c->area;
        item->received = c->received;
        item->n_clocks = n_clocks;
        item->clocks = clocks;
        item->n_reasons = c->n_reasons;
        item->reasons = c->reasons;
        item->platform = c->platform;
        item->account = c->account;
        item->receipt_number = c->receipt_number;
        item->at = at;
        item->level = c->incident == NULL ? 0 : c->incident->level;
        item->article = hy_lend(hy_text_set(t->rec->article) ? t->rec->article : t->kind->article);
    }
}
