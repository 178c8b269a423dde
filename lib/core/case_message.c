// One message, one fate (design section 2): the rules by which a citizen's message finds its case.
#include "lib/core/case_turn.h"

enum { ROOM_FOR_ACTS = 8 * 1024, HOUR_MS = 3600000, FIELD_MAX = 256 };

#define KIND(name) HUIYING__V1__EVENT_KIND__EVENT_KIND_##name

bool hy_event_is_change(const hy_event *event) {
    return event->kind == KIND(EDIT) || event->kind == KIND(WITHDRAWAL);
}

static bool speaks_to_government(Huiying__V1__EventKind kind) {
    return kind == KIND(COMMENT) || kind == KIND(PRIVATE_MESSAGE) || kind == KIND(LETTER) || kind == KIND(FORM) ||
           kind == KIND(MENTION) || kind == KIND(TICKET) || kind == KIND(EDIT) || kind == KIND(WITHDRAWAL);
}

static int64_t known(const Huiying__V1__Time *time, int64_t otherwise) {
    return time != NULL && time->unix_ms > 0 ? time->unix_ms : otherwise;
}

// A clock never starts after ingest, and a platform whose clock is ahead does not move it into the future.
int64_t hy_event_received(const struct hy_turn *t, const hy_event *event) {
    int64_t ingested = hy_min64(known(event->ingested, t->now), t->now);
    return hy_min64(known(event->received, ingested), ingested);
}

int64_t hy_event_occurred(const struct hy_turn *t, const hy_event *event) {
    return hy_min64(known(event->occurred, hy_event_received(t, event)), t->now);
}

static bool readable(const char *text, size_t max) {
    struct hy_bytes bytes = hy_bytes_of(text);
    return bytes.len <= max && hy_utf8_valid(bytes);
}

static bool author_readable(const Huiying__V1__Author *author) {
    return author == NULL || (readable(author->handle, FIELD_MAX) && readable(author->display_name, FIELD_MAX) &&
                              readable(author->contact, FIELD_MAX));
}

// What makes the record a dead letter; NULL when it can be judged. Names the field, never its content.
static const char *fault_of(const struct hy_turn *t, const Huiying__V1__Message *message) {
    const hy_event *event = message == NULL ? NULL : message->event;
    if (event == NULL) return "the message has no event";
    if (event->schema_version != 1) return "the event's schema_version is not known";
    if (!hy_id_valid(event->id)) return "the event's id is not an id (26 characters of Crockford base32)";
    if (!hy_text_equal(event->dossier, t->cmd->dossier)) return "the event belongs to another dossier than the command";
    if (!speaks_to_government(event->kind)) return "the event's kind is none that speaks to the government";
    if (!readable(event->platform, FIELD_MAX) || !readable(event->account, FIELD_MAX) ||
        !readable(event->native_id, FIELD_MAX))
        return "platform, account or native_id is not UTF-8 or longer than 256 bytes";
    if (!readable(event->title, SIZE_MAX) || !readable(event->text, SIZE_MAX)) return "title or text is not UTF-8";
    if (!author_readable(event->author)) return "the author is not UTF-8 or longer than 256 bytes";
    if (hy_text_set(event->answers) && !hy_id_valid(event->answers)) return "answers is not an event id";
    if (hy_event_is_change(event) && !hy_text_set(event->answers))
        return "an edit or withdrawal does not say of what (answers)";
    return NULL;
}

Huiying__V1__Content *hy_content_of(struct hy_turn *t, const char *key, const char *case_id, const hy_event *event) {
    Huiying__V1__Content *content = hy_turn_new(t, &huiying__v1__content__descriptor);
    content->schema_version = 1;
    content->key = hy_lend(key);
    content->case_id = hy_lend(case_id);
    content->kind = hy_lend("message");
    content->title = event->title;
    content->text = event->text;
    content->author = event->author;
    content->n_links = event->n_links;
    content->links = event->links;
    content->n_attachments = event->n_attachments;
    content->attachments = event->attachments;
    content->at = hy_turn_time(t, hy_event_occurred(t, event));
    content->event_id = event->id;
    hy_turn_text_hash(t, event->text, &content->text_hash, NULL);
    content->place = event->place;
    return content;
}

// Where a message may go, as far as the rules have been asked.
struct choice {
    const hy_event *event;
    const Huiying__V1__Route *route;
    int64_t occurred;
    const char *kind; // row that a new case would get
    const char *rule;
    const char *link; // the full or closed case that a new one continues
    bool late;
    struct hy_early early;
};

static bool is_full(const struct hy_turn *t) {
    bool many = t->kind->max_members > 0 && t->c->n_members >= (size_t)t->kind->max_members;
    return many || t->c_size > HY_CASE_SNAPSHOT_MAX - ROOM_FOR_ACTS;
}

// Old data never joins a live case, nor the other way round: it has no clocks.
static bool fits(const struct hy_turn *t, const struct choice *choice) {
    return t->c->historic == (choice->event->historic != 0) && hy_text_equal(t->c->kind, choice->kind);
}

static bool within_hours(const struct hy_turn *t, int64_t occurred) {
    int64_t hours = (int64_t)t->kind->append_hours * HOUR_MS;
    int64_t from = hy_time_or(t->c->received, 0) - hours, to = hy_time_or(t->c->last_written, 0) + hours;
    return from <= occurred && occurred <= to;
}

static void put_back(struct hy_turn *t) {
    t->c = NULL;
    t->pack = NULL;
    t->kind = NULL;
}

// Rule 1: the case that holds the message it answers.
static bool by_answer(struct hy_turn *t, struct choice *choice) {
    if (!hy_text_set(choice->event->answers)) return false;
    const char *id = hy_dossier_holder(t, hy_member_hash(choice->event->answers));
    if (id == NULL || !hy_turn_load_case(t, id)) return false;
    if (t->c->historic == (choice->event->historic != 0)) {
        bool closed = t->c->state == HUIYING__V1__CASE_STATE__CASE_STATE_CLOSED;
        choice->late = closed && choice->occurred <= hy_time_or(t->c->closed, 0);
        choice->rule = choice->late ? "message.late" : "message.answers";
        if ((hy_case_is_open(t->c) || choice->late) && !is_full(t)) return true;
        choice->link = t->c->id;
    }
    put_back(t);
    return false;
}

// The dossier's open or closed cases, last written to first; of equal times the younger case first.
static size_t by_writing(struct hy_turn *t, bool open, Huiying__V1__DossierCase ***out) {
    Huiying__V1__DossierCase **list = hy_turn_alloc(t, (t->d->n_cases + 1) * sizeof *list);
    size_t n = 0;
    for (size_t i = t->d->n_cases; i-- > 0;) {
        Huiying__V1__DossierCase *entry = t->d->cases[i];
        if ((entry->open != 0) != open) continue;
        size_t at = n++;
        for (; at > 0 && hy_time_or(list[at - 1]->last_written, 0) < hy_time_or(entry->last_written, 0); at--) {
            list[at] = list[at - 1];
        }
        list[at] = entry;
    }
    *out = list;
    return n;
}

// Rule 2: the open case last written to, within the pack's hours.
static bool by_hours(struct hy_turn *t, struct choice *choice) {
    Huiying__V1__DossierCase **list;
    size_t n = by_writing(t, true, &list);
    for (size_t i = 0; i < n; i++) {
        if (!hy_turn_load_case(t, list[i]->case_id)) return false;
        choice->rule = "message.recent";
        if (fits(t, choice) && within_hours(t, choice->occurred)) {
            if (!is_full(t)) return true;
            if (choice->link == NULL) choice->link = t->c->id;
        }
        put_back(t);
    }
    return false;
}

// Rule 3: a closed case, as late, if the message was written before the closing.
static bool by_closing(struct hy_turn *t, struct choice *choice) {
    Huiying__V1__DossierCase **list;
    size_t n = by_writing(t, false, &list);
    for (size_t i = 0; i < n; i++) {
        if (choice->occurred > hy_time_or(list[i]->closed, 0)) continue;
        if (!hy_turn_load_case(t, list[i]->case_id)) return false;
        bool closed = t->c->state == HUIYING__V1__CASE_STATE__CASE_STATE_CLOSED;
        int64_t from = hy_time_or(t->c->received, 0) - (int64_t)t->kind->append_hours * HOUR_MS;
        choice->late = closed && fits(t, choice) && from <= choice->occurred && !is_full(t);
        choice->rule = "message.late";
        if (choice->late) return true;
        put_back(t);
    }
    return false;
}

static void received_earlier(struct hy_turn *t, const hy_event *event) {
    int64_t received = hy_event_received(t, event);
    if (t->c->historic || !hy_case_is_open(t->c) || received >= hy_time_or(t->c->received, 0)) return;
    t->c->received = hy_turn_time(t, received);
    hy_clocks_earlier(t, received);
}

// A new demand after the answer was delivered, or a late one that the pack lets reopen: the duty begins again.
static bool goes_on(const struct hy_turn *t, const struct choice *choice) {
    if (choice->route == NULL || !choice->route->request) return false;
    if (choice->late) return t->kind->late_reopens;
    if (t->c->state != HUIYING__V1__CASE_STATE__CASE_STATE_DELIVERED) return false;
    int64_t delivered = 0;
    for (size_t i = 0; i < t->c->n_deliveries; i++) {
        if (hy_delivery_is_main(t, t->c->deliveries[i]))
            delivered = hy_max64(delivered, hy_time_or(t->c->deliveries[i]->done, 0));
    }
    return choice->occurred > delivered;
}

static void append(struct hy_turn *t, const struct choice *choice) {
    const hy_event *event = choice->event;
    hy_case *c = t->c;
    bool again = goes_on(t, choice);
    c->last_heard = hy_turn_time(t, t->now);
    hy_turn_push_hash(t, &c->n_members, &c->members, hy_member_hash(event->id));
    char *key = hy_turn_join(t, c->id, "/m/", event->id);
    hy_turn_push(t, &c->n_content_keys, &c->content_keys, key);
    hy_effect_content(t, hy_content_of(t, key, c->id, event));
    hy_early_join(t, &choice->early);
    if (choice->occurred > hy_time_or(c->last_written, 0)) c->last_written = hy_turn_time(t, choice->occurred);
    received_earlier(t, event);
    hy_work_change(t, choice->late ? "late message" : "new message", event);
    if (again) hy_case_resume(t, 0, hy_event_received(t, event));
    hy_rec_fate(t, HUIYING__V1__FATE__FATE_APPENDED, event->id);
    if (choice->late)
        hy_turn_apply(t, choice->rule, "written before the case was closed%s", again ? "; the case is open again" : "");
    else
        hy_turn_apply(t, choice->rule, "belongs to the open case%s",
                      again ? "; asked after the answer, so a new term runs" : "");
}

static void note(struct hy_turn *t, const struct choice *choice, const char *rule, const char *why) {
    const hy_event *event = choice->event;
    char *key = hy_turn_join(t, t->cmd->dossier, "/n/", event->id);
    hy_dossier_note(t, event, key, &choice->early);
    hy_effect_content(t, hy_content_of(t, key, "", event));
    hy_rec_fate(t, HUIYING__V1__FATE__FATE_NOTED, event->id);
    hy_turn_apply(t, rule, "%s", why);
}

// Known already? Then it is counted in the chain that holds it, and changes nothing.
static bool is_known(struct hy_turn *t, const hy_event *event) {
    uint64_t member = hy_member_hash(event->id);
    const char *holder = hy_dossier_holder(t, member);
    bool noted = holder == NULL && hy_dossier_noted(t->d, member) != NULL;
    if (holder == NULL && !noted) return false;
    if (holder != NULL && !hy_turn_load_case(t, holder)) return true;
    hy_rec_fate(t, HUIYING__V1__FATE__FATE_REPEATED, event->id);
    hy_turn_repeat(t, "message.repeated", "this message is known already");
    return true;
}

static void find_place(struct hy_turn *t, const Huiying__V1__Message *message) {
    const hy_event *event = message->event;
    const char *kind =
        message->route != NULL && hy_text_set(message->route->kind) ? message->route->kind : HY_KIND_LETTER;
    struct choice choice = {
        .event = event, .route = message->route, .occurred = hy_event_occurred(t, event), .kind = kind};
    choice.early = hy_dossier_take_early(t, event->id);
    if (choice.early.n_withdrawals > 0) {
        note(t, &choice, "message.withdrawn_before", "its author had taken it back before it came");
        return;
    }
    bool found = by_answer(t, &choice) || by_hours(t, &choice) || by_closing(t, &choice);
    if (t->out->outcome == HY_ENGINE_SKIPPED) return;
    if (found) {
        append(t, &choice);
    } else if (message->route == NULL || !message->route->request) {
        note(t, &choice, "message.noted", "not a request; noted, and can be opened as a case");
    } else {
        hy_open_letter(t, &(struct hy_opening){
                              .event = event, .route = message->route, .link = choice.link, .early = choice.early});
    }
}

void hy_cmd_message(struct hy_turn *t) {
    const Huiying__V1__Message *message = t->cmd->message;
    const char *fault = fault_of(t, message);
    if (fault != NULL) {
        hy_turn_dead(t, "%s", fault);
        return;
    }
    hy_turn_load_dossier(t);
    if (hy_turn_ahead(t, t->d->log_id, t->d->last_offset)) {
        hy_turn_skip(t);
        return;
    }
    if (hy_event_is_change(message->event) && hy_change_apply(t, message->event, message->route)) return;
    if (!is_known(t, message->event)) find_place(t, message);
}
