// Edits and withdrawals: what an author does to a message that he wrote earlier. They never touch a clock.
#include "lib/core/case_turn.h"

enum { ROOM_FOR_ACTS = 4 * 1024 };

struct change {
    const hy_event *event;
    const Huiying__V1__Route *route;
    bool withdrawal;
    uint64_t self, member; // hashes of the change and of the message it changes
};

static void tell(struct hy_turn *t, const struct change *change, const char *rule, const char *why) {
    hy_rec_fate(t, change->withdrawal ? HUIYING__V1__FATE__FATE_WITHDRAWN : HUIYING__V1__FATE__FATE_EDITED,
                change->event->id);
    hy_turn_apply(t, rule, "%s", why);
}

static void repeated(struct hy_turn *t, const struct change *change) {
    hy_rec_fate(t, HUIYING__V1__FATE__FATE_REPEATED, change->event->id);
    hy_turn_repeat(t, "message.repeated", "this change is known already");
}

// The new text stands beside the old one: what the department first read stays provable.
static void keep_text(struct hy_turn *t, const struct change *change, const char *key, const char *case_id,
                      const char *replaces) {
    Huiying__V1__Content *content = hy_content_of(t, key, case_id, change->event);
    content->replaces = hy_lend(replaces);
    hy_effect_content(t, content);
}

// Nothing of the case is wanted any more, and no answer is on its way.
static bool all_withdrawn(const struct hy_turn *t) {
    const hy_case *c = t->c;
    bool knows = t->kind->states & 1u << HUIYING__V1__CASE_STATE__CASE_STATE_WITHDRAWN;
    return knows && hy_case_is_open(c) && c->n_withdrawn >= c->n_members &&
           c->state < HUIYING__V1__CASE_STATE__CASE_STATE_APPROVED;
}

static void in_case(struct hy_turn *t, const struct change *change) {
    hy_case *c = t->c;
    if (hy_turn_has_hash(c->n_changes, c->changes, change->self)) {
        repeated(t, change);
        return;
    }
    if (t->c_size > HY_CASE_SNAPSHOT_MAX - ROOM_FOR_ACTS) {
        hy_turn_dead(t, "the case has no room for another edit or withdrawal");
        return;
    }
    c->last_heard = hy_turn_time(t, t->now);
    hy_turn_push_hash(t, &c->n_changes, &c->changes, change->self);
    if (!change->withdrawal) {
        char *key = hy_turn_join(t, c->id, "/m/", change->event->id);
        keep_text(t, change, key, c->id, hy_turn_join(t, c->id, "/m/", change->event->answers));
        hy_turn_push(t, &c->n_content_keys, &c->content_keys, key);
        if (hy_case_is_open(c)) hy_work_change(t, "the author changed the message", change->event);
        tell(t, change, "message.edited", "its author changed a message of this case");
        return;
    }
    if (!hy_turn_has_hash(c->n_withdrawn, c->withdrawn, change->member))
        hy_turn_push_hash(t, &c->n_withdrawn, &c->withdrawn, change->member);
    if (all_withdrawn(t)) {
        hy_case_end(t, HUIYING__V1__CASE_STATE__CASE_STATE_WITHDRAWN, "withdrawn");
        tell(t, change, "message.withdrawn", "its author took back all that the case was about");
        return;
    }
    if (hy_case_is_open(c)) hy_work_change(t, "the author took a message back", NULL);
    tell(t, change, "message.withdrawn", "its author took back a message of this case");
}

static bool named(size_t n, char **ids, const char *id) {
    for (size_t i = 0; i < n; i++) {
        if (hy_text_equal(ids[i], id)) return true;
    }
    return false;
}

static bool in_note(struct hy_turn *t, const struct change *change, Huiying__V1__NotedMessage *noted) {
    bool known = named(noted->n_edits, noted->edits, change->event->id) ||
                 named(noted->n_withdrawals, noted->withdrawals, change->event->id);
    if (known) {
        repeated(t, change);
        return true;
    }
    // The edit made a request of it: it finds its place like a new message, and the note stays as it is.
    if (!change->withdrawal && change->route != NULL && change->route->request) return false;
    t->d_changed = true;
    noted->at = hy_turn_time(t, t->now);
    if (change->withdrawal)
        hy_turn_push(t, &noted->n_withdrawals, &noted->withdrawals, change->event->id);
    else
        hy_turn_push(t, &noted->n_edits, &noted->edits, change->event->id);
    if (!change->withdrawal)
        keep_text(t, change, hy_turn_join(t, t->cmd->dossier, "/n/", change->event->id), "", noted->content_key);
    tell(t, change, change->withdrawal ? "message.withdrawn" : "message.edited", "its author changed a noted message");
    return true;
}

static void before_message(struct hy_turn *t, const struct change *change) {
    if (hy_dossier_has_early(t, change->event->id)) {
        repeated(t, change);
        return;
    }
    hy_dossier_keep_early(t, change->event);
    if (!change->withdrawal) keep_text(t, change, hy_turn_join(t, t->cmd->dossier, "/n/", change->event->id), "", "");
    tell(t, change, "message.early", "the message that it changes has not come yet; kept until it does");
}

bool hy_change_apply(struct hy_turn *t, const hy_event *event, const Huiying__V1__Route *route) {
    struct change change = {.event = event,
                            .route = route,
                            .withdrawal = event->kind == HUIYING__V1__EVENT_KIND__EVENT_KIND_WITHDRAWAL,
                            .self = hy_member_hash(event->id),
                            .member = hy_member_hash(event->answers)};
    if (hy_dossier_holder(t, change.self) != NULL) return false; // an edit that became a case itself: known
    const char *holder = hy_dossier_holder(t, change.member);
    Huiying__V1__NotedMessage *noted = holder == NULL ? hy_dossier_noted(t->d, change.member) : NULL;
    if (holder != NULL) {
        if (hy_turn_load_case(t, holder)) in_case(t, &change);
        return true;
    }
    if (noted != NULL) return in_note(t, &change, noted);
    before_message(t, &change);
    return true;
}
