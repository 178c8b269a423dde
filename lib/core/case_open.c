// How a case begins: its id, its owner, its receipt number, and the duties that begin with it.
#include "lib/core/case_turn.h"

enum { REASONS_MAX = 16, WHAT_MAX = 120, FIELD_MAX = 120 };

static const char *fallback_of(const struct hy_pack_kind *kind) {
    return hy_text_set(kind->fallback) ? kind->fallback : HY_TRIAGE;
}

// Never nobody: the kind's fixed owner, else the route's department if the pack knows it, else the triage desk.
static const char *owner_of(const struct hy_turn *t, const char *department) {
    if (hy_text_set(t->kind->owner)) return t->kind->owner;
    if (hy_text_set(department) && hy_pack_department(t->pack, department) != NULL) return department;
    return fallback_of(t->kind);
}

bool hy_owner_is_desk(const struct hy_turn *t, const char *department) {
    if (hy_text_set(t->kind->owner)) return false;
    return hy_text_equal(department, fallback_of(t->kind)) ||
           (hy_text_set(t->kind->decider) && hy_text_equal(department, t->kind->decider));
}

void hy_open_case(struct hy_turn *t, char *case_id, const char *department, int64_t received) {
    hy_case *c = hy_turn_new(t, &huiying__v1__case__descriptor);
    c->schema_version = 1;
    c->id = case_id;
    c->dossier = t->cmd->dossier;
    c->kind = t->kind->name;
    c->state = HUIYING__V1__CASE_STATE__CASE_STATE_OPENED;
    c->owner = hy_lend(owner_of(t, department));
    c->jurisdiction = hy_lend(hy_text_set(t->kind->jurisdiction) ? t->kind->jurisdiction : t->pack->jurisdiction);
    c->pack_hash = hy_lend(t->pack->hash);
    c->received = hy_turn_time(t, received);
    c->opened = hy_turn_time(t, t->now);
    c->last_offset = -1;
    t->c = c;
    t->c_fresh = true;
    t->c_size = 0;
    t->before = (struct hy_turn_before){.owner = ""};
}

// The citizen's case is accepted at the moment when the channel held the message: its clocks run from there.
void hy_open_duties(struct hy_turn *t, const hy_event *event) {
    hy_case *c = t->c;
    int64_t received = c->received->unix_ms;
    bool assigned = !hy_owner_is_desk(t, c->owner);
    if (assigned && t->kind->states & 1u << HUIYING__V1__CASE_STATE__CASE_STATE_ASSIGNED)
        c->state = HUIYING__V1__CASE_STATE__CASE_STATE_ASSIGNED;
    hy_work_assign(t, event);
    hy_reach(t, HY_POINT_RECEIVED, received);
    hy_reach(t, HY_POINT_OPENED, received);
    if (!assigned) return;
    c->first_assigned = hy_turn_time(t, t->now);
    hy_reach(t, HY_POINT_ASSIGNED, t->now);
}

// The route's reasons stand in state, record and work item: kept short, whatever the router sent.
static void take_route(struct hy_turn *t, const Huiying__V1__Route *route) {
    hy_case *c = t->c;
    if (route == NULL) return;
    c->category = hy_turn_clip(t, route->category, FIELD_MAX);
    c->area = hy_turn_clip(t, route->area, FIELD_MAX);
    c->urgency = hy_turn_clip(t, route->urgency, FIELD_MAX);
    for (size_t i = 0; i < route->n_reasons && i < REASONS_MAX; i++) {
        Huiying__V1__RouteReason *reason = hy_turn_new(t, &huiying__v1__route_reason__descriptor);
        reason->step = hy_turn_clip(t, route->reasons[i]->step, FIELD_MAX);
        reason->what = hy_turn_clip(t, route->reasons[i]->what, WHAT_MAX);
        reason->weight = route->reasons[i]->weight;
        hy_turn_push(t, &c->n_reasons, &c->reasons, reason);
    }
    t->rec->n_reasons = c->n_reasons;
    t->rec->reasons = c->reasons;
}

static void take_message(struct hy_turn *t, const struct hy_opening *opening) {
    hy_case *c = t->c;
    const hy_event *event = opening->event;
    char receipt[HY_RECEIPT_SIZE];
    hy_receipt_number(event->id, receipt);
    c->receipt_number = hy_turn_join(t, receipt, "", "");
    c->platform = event->platform;
    c->account = event->account;
    c->opening_event = event->id;
    c->historic = event->historic;
    c->last_written = hy_turn_time(t, hy_event_occurred(t, event));
    c->linked_case = hy_lend(opening->link);
    hy_turn_push_hash(t, &c->n_members, &c->members, hy_member_hash(event->id));
    const char *key = opening->content_key;
    if (key == NULL) {
        key = hy_turn_join(t, c->id, "/m/", event->id);
        hy_effect_content(t, hy_content_of(t, key, c->id, event));
    }
    hy_turn_push(t, &c->n_content_keys, &c->content_keys, key);
    hy_early_join(t, &opening->early);
}

void hy_open_letter(struct hy_turn *t, const struct hy_opening *opening) {
    const hy_event *event = opening->event;
    const Huiying__V1__Route *route = opening->route;
    const char *kind = route != NULL && hy_text_set(route->kind) ? route->kind : HY_KIND_LETTER;
    if (!hy_turn_pinned(t, route == NULL ? "" : route->pack_hash, kind)) {
        hy_turn_dead(t, "pack %s has no kind %.64s: the router and the pack do not fit", t->pack->id, kind);
        return;
    }
    char id[HY_ID_SIZE];
    hy_case_id(t->cmd->dossier, event->platform, event->account, event->native_id, id);
    // Two events of one native id (a comment that is a mention too) would make one id: then the second names its event.
    if (hy_turn_peek(t, id) != NULL) hy_case_id(t->cmd->dossier, event->platform, event->account, event->id, id);
    hy_open_case(t, hy_turn_join(t, id, "", ""), route == NULL ? NULL : route->department, hy_event_received(t, event));
    take_message(t, opening);
    take_route(t, route);
    hy_open_duties(t, opening->content_key == NULL ? event : NULL);
    hy_rec_fate(t, HUIYING__V1__FATE__FATE_OPENED, event->id);
    if (t->cmd->body_case == HUIYING__V1__COMMAND__BODY_MESSAGE)
        hy_turn_apply(t, "message.opened", "opened for %s%s", t->c->owner,
                      opening->link == NULL ? "" : ", continuing an earlier case");
}

// A noted message becomes a case after all: a person decided so. Its clock runs from when it was received.
void hy_verb_open(struct hy_turn *t, const hy_act *act) {
    hy_turn_load_dossier(t);
    uint64_t member = hy_member_hash(act->event_id);
    Huiying__V1__NotedMessage *noted = hy_text_set(act->event_id) ? hy_dossier_noted(t->d, member) : NULL;
    if (noted == NULL) {
        bool held = hy_text_set(act->event_id) && hy_dossier_holder(t, member) != NULL;
        hy_turn_refuse(t, "open.event",
                       held ? "this message belongs to a case already" : "no noted message has this event_id");
        return;
    }
    Huiying__V1__Event *event = hy_turn_new(t, &huiying__v1__event__descriptor);
    event->id = noted->event_id;
    event->platform = noted->platform;
    event->account = noted->account;
    event->native_id = noted->native_id;
    event->dossier = t->cmd->dossier;
    event->received = noted->received;
    event->occurred = noted->occurred;
    event->historic = noted->historic;
    Huiying__V1__Route *route = hy_turn_new(t, &huiying__v1__route__descriptor);
    route->department = act->department;
    route->request = true;
    struct hy_opening opening = {.event = event, .route = route, .content_key = noted->content_key};
    opening.early = (struct hy_early){noted->n_edits, noted->n_withdrawals, noted->edits, noted->withdrawals};
    hy_open_letter(t, &opening);
    if (t->out->outcome == HY_ENGINE_DEAD) return;
    hy_dossier_unnote(t, noted);
    hy_turn_apply(t, "letter.open", "a noted message was opened as a case for %s", t->c->owner);
}
