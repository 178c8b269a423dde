// The dossier record: which cases a conversation has, what of it was only noted, and changes that came too early.
#include "lib/base/pb.h"
#include "lib/core/case_turn.h"

enum { EARLY_MAX = 64, EARLY_WAIT_MS = 3600000 };

Huiying__V1__DossierCase *hy_dossier_entry(const Huiying__V1__DossierRecord *d, const char *case_id) {
    for (size_t i = 0; i < d->n_cases; i++) {
        if (hy_text_equal(d->cases[i]->case_id, case_id)) return d->cases[i];
    }
    return NULL;
}

static void drop_entry(Huiying__V1__DossierRecord *d, const char *case_id) {
    size_t kept = 0;
    for (size_t i = 0; i < d->n_cases; i++) {
        if (!hy_text_equal(d->cases[i]->case_id, case_id)) d->cases[kept++] = d->cases[i];
    }
    d->n_cases = kept;
}

static bool is_empty(const Huiying__V1__DossierRecord *d) {
    return d->n_cases == 0 && d->n_noted == 0 && d->n_early == 0;
}

void hy_dossier_sync(struct hy_turn *t) {
    hy_turn_load_dossier(t);
    t->d_changed = true;
    if (t->c_gone) {
        drop_entry(t->d, t->c->id);
        t->d_gone = is_empty(t->d);
        return;
    }
    Huiying__V1__DossierCase *entry = hy_dossier_entry(t->d, t->c->id);
    if (entry == NULL) {
        entry = hy_turn_new(t, &huiying__v1__dossier_case__descriptor);
        entry->case_id = t->c->id;
        hy_turn_push(t, &t->d->n_cases, &t->d->cases, entry);
    }
    entry->last_written = t->c->last_written;
    entry->open = hy_case_is_open(t->c);
    entry->closed = entry->open ? NULL : t->c->closed;
}

const char *hy_dossier_holder(struct hy_turn *t, uint64_t member) {
    hy_turn_load_dossier(t);
    for (size_t i = t->d->n_cases; i-- > 0;) {
        char *key = hy_case_key(t->arena, t->cmd->dossier, t->d->cases[i]->case_id);
        if (key == NULL) hy_turn_raise(t, HY_ENOMEM, "the arena of this command is full: raise its limit");
        if (hy_case_has_member(t->view->get(t->view->ctx, key), member)) return t->d->cases[i]->case_id;
    }
    return NULL;
}

Huiying__V1__NotedMessage *hy_dossier_noted(const Huiying__V1__DossierRecord *d, uint64_t member) {
    for (size_t i = d->n_noted; i-- > 0;) {
        if (d->noted[i]->member == member) return d->noted[i];
    }
    return NULL;
}

void hy_dossier_note(struct hy_turn *t, const hy_event *event, const char *content_key, const struct hy_early *early) {
    Huiying__V1__NotedMessage *noted = hy_turn_new(t, &huiying__v1__noted_message__descriptor);
    noted->member = hy_member_hash(event->id);
    noted->at = hy_turn_time(t, t->now);
    noted->event_id = event->id;
    noted->content_key = hy_lend(content_key);
    noted->platform = event->platform;
    noted->account = event->account;
    noted->native_id = event->native_id;
    noted->received = hy_turn_time(t, hy_event_received(t, event));
    noted->occurred = hy_turn_time(t, hy_event_occurred(t, event));
    noted->historic = event->historic;
    noted->n_edits = early->n_edits;
    noted->edits = early->edits;
    noted->n_withdrawals = early->n_withdrawals;
    noted->withdrawals = early->withdrawals;
    hy_turn_push(t, &t->d->n_noted, &t->d->noted, noted);
    t->d_changed = true;
}

void hy_dossier_unnote(struct hy_turn *t, const Huiying__V1__NotedMessage *noted) {
    size_t kept = 0;
    for (size_t i = 0; i < t->d->n_noted; i++) {
        if (t->d->noted[i] != noted) t->d->noted[kept++] = t->d->noted[i];
    }
    t->d->n_noted = kept;
    t->d_changed = true;
}

// The command without what belongs in hy.content: no text and no person in hy.cases.
static ProtobufCBinaryData stripped(struct hy_turn *t, const hy_event *event) {
    Huiying__V1__Event lean = *event;
    lean.author = NULL;
    lean.title = lean.text = lean.language = hy_lend(NULL);
    lean.n_links = lean.n_attachments = 0;
    lean.place = NULL;
    lean.payload_case = HUIYING__V1__EVENT__PAYLOAD__NOT_SET;
    lean.base.n_unknown_fields = 0;
    Huiying__V1__Message message = *t->cmd->message;
    message.event = &lean;
    Huiying__V1__Command cmd = *t->cmd;
    cmd.message = &message;
    struct hy_bytes packed;
    if (hy_pb_write(&cmd, t->arena, &packed) != HY_OK)
        hy_turn_raise(t, HY_ENOMEM, "the arena of this command is full: raise its limit");
    return (ProtobufCBinaryData){.len = packed.len, .data = (uint8_t *)(uintptr_t)packed.data};
}

void hy_dossier_keep_early(struct hy_turn *t, const hy_event *event) {
    Huiying__V1__EarlyChange *early = hy_turn_new(t, &huiying__v1__early_change__descriptor);
    early->event_id = event->id;
    early->command = stripped(t, event);
    early->at = hy_turn_time(t, t->now);
    const Huiying__V1__Route *route = t->cmd->message->route;
    bool request = event->kind == HUIYING__V1__EVENT_KIND__EVENT_KIND_EDIT && route != NULL && route->request;
    if (request) early->opens_at = hy_turn_time(t, t->now + EARLY_WAIT_MS);
    if (t->d->n_early >= EARLY_MAX) {
        t->d->early++;
        t->d->n_early--;
    }
    hy_turn_push(t, &t->d->n_early, &t->d->early, early);
    t->d_changed = true;
}

bool hy_dossier_has_early(struct hy_turn *t, const char *event_id) {
    for (size_t i = 0; i < t->d->n_early; i++) {
        if (hy_text_equal(t->d->early[i]->event_id, event_id)) return true;
    }
    return false;
}

static const Huiying__V1__Message *early_message(struct hy_turn *t, const Huiying__V1__EarlyChange *early) {
    const Huiying__V1__Command *cmd = hy_pb_reread(&huiying__v1__command__descriptor, t->arena,
                                                   hy_bytes_from(early->command.data, early->command.len));
    if (cmd == NULL || cmd->body_case != HUIYING__V1__COMMAND__BODY_MESSAGE || cmd->message->event == NULL)
        hy_turn_raise(t, HY_EFORMAT, "the dossier record %s keeps a change that cannot be read", t->cmd->dossier);
    return cmd->message;
}

const Huiying__V1__Message *hy_dossier_overdue_early(struct hy_turn *t) {
    for (size_t i = 0; i < t->d->n_early; i++) {
        Huiying__V1__EarlyChange *early = t->d->early[i];
        if (early->opens_at == NULL || early->opens_at->unix_ms > t->now) continue;
        memmove(&t->d->early[i], &t->d->early[i + 1], (t->d->n_early - i - 1) * sizeof *t->d->early);
        t->d->n_early--;
        t->d_changed = true;
        return early_message(t, early);
    }
    return NULL;
}

struct hy_early hy_dossier_take_early(struct hy_turn *t, const char *event_id) {
    struct hy_early found = {0};
    size_t kept = 0, n = t->d->n_early;
    for (size_t i = 0; i < n; i++) {
        Huiying__V1__EarlyChange *early = t->d->early[i];
        const hy_event *event = early_message(t, early)->event;
        if (!hy_text_equal(event->answers, event_id)) {
            t->d->early[kept++] = early;
            continue;
        }
        if (event->kind == HUIYING__V1__EVENT_KIND__EVENT_KIND_WITHDRAWAL)
            hy_turn_push(t, &found.n_withdrawals, &found.withdrawals, early->event_id);
        else
            hy_turn_push(t, &found.n_edits, &found.edits, early->event_id);
    }
    if (kept != n) t->d_changed = true;
    t->d->n_early = kept;
    return found;
}

void hy_early_join(struct hy_turn *t, const struct hy_early *early) {
    hy_case *c = t->c;
    for (size_t i = 0; i < early->n_edits; i++) {
        hy_turn_push(t, &c->n_content_keys, &c->content_keys, hy_turn_join(t, t->cmd->dossier, "/n/", early->edits[i]));
        hy_turn_push_hash(t, &c->n_changes, &c->changes, hy_member_hash(early->edits[i]));
    }
    for (size_t i = 0; i < early->n_withdrawals; i++) {
        hy_turn_push_hash(t, &c->n_changes, &c->changes, hy_member_hash(early->withdrawals[i]));
    }
}

bool hy_dossier_forget(struct hy_turn *t, int64_t keep_ms) {
    Huiying__V1__DossierRecord *d = t->d;
    size_t noted = 0, early = 0, before = d->n_noted + d->n_early;
    for (size_t i = 0; i < d->n_noted; i++) {
        if (hy_time_or(d->noted[i]->at, 0) + keep_ms > t->now) d->noted[noted++] = d->noted[i];
    }
    for (size_t i = 0; i < d->n_early; i++) {
        if (hy_time_or(d->early[i]->at, 0) + keep_ms > t->now) d->early[early++] = d->early[i];
    }
    d->n_noted = noted;
    d->n_early = early;
    t->d_gone = is_empty(d);
    return t->d_gone || noted + early != before;
}
