// Stored state in and out: loading a case or dossier, and closing a turn with its record and snapshots.
#include "lib/base/pb.h"
#include "lib/core/case_turn.h"
#include "lib/core/journal.h"

enum { SCHEMA = 1, DEFAULT_DAYS = 400, RECENT = 64 };

bool hy_turn_ahead(const struct hy_turn *t, const char *log_id, int64_t last_offset) {
    return hy_text_set(log_id) && hy_text_equal(log_id, t->in->log_id) && t->in->offset <= last_offset;
}

bool hy_turn_pinned(struct hy_turn *t, const char *pack_hash, const char *kind) {
    t->pack = t->engine->pack_of(t->engine->ctx, pack_hash);
    if (t->pack == NULL && !hy_text_set(pack_hash)) hy_turn_raise(t, HY_ENOTFOUND, "no pack is in force: publish one");
    if (t->pack == NULL)
        hy_turn_raise(t, HY_ENOTFOUND, "pack %.64s is not known: read hy.registry on, or publish it", pack_hash);
    t->kind = kind == NULL ? NULL : hy_pack_kind(t->pack, kind);
    return t->kind != NULL;
}

static char *key_of(struct hy_turn *t, const char *case_id) {
    char *key = hy_case_key(t->arena, t->cmd->dossier, case_id);
    if (key == NULL) hy_turn_raise(t, HY_ENOMEM, "the arena of this command is full: raise its limit");
    return key;
}

static hy_case *unpack_case(struct hy_turn *t, const char *key, struct hy_bytes bytes) {
    hy_case *c = hy_pb_reread(&huiying__v1__case__descriptor, t->arena, bytes);
    if (c == NULL) hy_turn_raise(t, HY_EFORMAT, "the snapshot of case %s (%zu bytes) cannot be read", key, bytes.len);
    if (c->schema_version != SCHEMA)
        hy_turn_raise(t, HY_EFORMAT, "the snapshot of case %s has schema_version %u, this program knows %d", key,
                      c->schema_version, SCHEMA);
    return c;
}

hy_case *hy_turn_peek(struct hy_turn *t, const char *case_id) {
    const char *key = key_of(t, case_id);
    struct hy_bytes bytes = t->view->get(t->view->ctx, key);
    return bytes.len == 0 ? NULL : unpack_case(t, key, bytes);
}

void hy_turn_take(struct hy_turn *t, hy_case *c, size_t size) {
    t->c = c;
    t->c_size = size;
    if (!hy_turn_pinned(t, c->pack_hash, c->kind))
        hy_turn_raise(t, HY_EFORMAT, "case %s is of kind %.64s, which its pack %.64s has not", c->id, c->kind,
                      c->pack_hash);
    t->before = (struct hy_turn_before){
        .state = c->state,
        .owner = c->owner,
        .review_stage = c->review_stage,
        .draft_hash =
            c->draft == NULL ? (struct hy_bytes){0} : hy_bytes_from(c->draft->text_hash.data, c->draft->text_hash.len),
        .open = hy_case_is_open(c),
        .last_written = hy_time_or(c->last_written, 0),
    };
}

bool hy_turn_load_case(struct hy_turn *t, const char *case_id) {
    if (!hy_text_set(case_id)) return false;
    const char *key = key_of(t, case_id);
    struct hy_bytes bytes = t->view->get(t->view->ctx, key);
    if (bytes.len == 0) return false;
    hy_case *c = unpack_case(t, key, bytes);
    if (hy_turn_ahead(t, c->log_id, c->last_offset)) {
        hy_turn_skip(t);
        return false;
    }
    hy_turn_take(t, c, bytes.len);
    return true;
}

void hy_turn_load_dossier(struct hy_turn *t) {
    if (t->d != NULL) return;
    struct hy_bytes bytes = t->view->get(t->view->ctx, t->cmd->dossier);
    if (bytes.len == 0) {
        t->d = hy_turn_new(t, &huiying__v1__dossier_record__descriptor);
        t->d->schema_version = SCHEMA;
        t->d->dossier = t->cmd->dossier;
        t->d->last_offset = -1;
        return;
    }
    t->d = hy_pb_reread(&huiying__v1__dossier_record__descriptor, t->arena, bytes);
    if (t->d == NULL || t->d->schema_version != SCHEMA)
        hy_turn_raise(t, HY_EFORMAT, "the dossier record %s (%zu bytes) cannot be read", t->cmd->dossier, bytes.len);
}

// An act's id with its verdict, so that an equal id gets the equal verdict.
static void remember_act(struct hy_turn *t) {
    if (t->cmd->body_case != HUIYING__V1__COMMAND__BODY_ACT || t->out->outcome == HY_ENGINE_REPEATED) return;
    if (t->c_gone || hy_text_equal(t->rec->rule, "act.id")) return;
    hy_case *c = t->c;
    if (c->n_recent_commands >= RECENT) {
        size_t drop = c->n_recent_commands - RECENT + 1;
        c->recent_commands += drop;
        c->n_recent_commands -= drop;
    }
    bool refused = t->out->outcome == HY_ENGINE_REFUSED;
    const char *entry = refused ? hy_turn_join(t, t->cmd->id, " ", t->rec->rule) : t->cmd->id;
    hy_turn_push(t, &c->n_recent_commands, &c->recent_commands, entry);
}

static bool moved(const struct hy_turn *t) {
    const hy_case *c = t->c;
    struct hy_bytes draft =
        c->draft == NULL ? (struct hy_bytes){0} : hy_bytes_from(c->draft->text_hash.data, c->draft->text_hash.len);
    return c->state != t->before.state || !hy_text_equal(c->owner, t->before.owner) ||
           c->review_stage != t->before.review_stage || !hy_bytes_equal(draft, t->before.draft_hash);
}

static void tell_case(struct hy_turn *t) {
    const hy_case *c = t->c;
    Huiying__V1__JournalRecord *rec = t->rec;
    rec->case_id = c->id;
    rec->state_before = hy_lend(t->c_fresh ? "" : hy_case_state_name(t->before.state));
    rec->state_after = hy_lend(hy_case_state_name(c->state));
    rec->owner_before = hy_lend(t->c_fresh ? "" : t->before.owner);
    rec->owner_after = c->owner;
    rec->step = c->step;
    rec->version = c->version;
    rec->pack_hash = c->pack_hash;
    if (c->incident != NULL) rec->level = c->incident->level;
}

// The head of a chain moves on by this turn's record.
static void seal(struct hy_turn *t, const char *key, uint64_t *seq, ProtobufCBinaryData *head) {
    struct hy_bytes value;
    t->rec->seq = *seq + 1;
    if (hy_journal_seal(t->rec, hy_bytes_from(head->data, head->len), t->arena, &value) != 0)
        hy_turn_raise(t, HY_ENOMEM, "the arena of this command is full: raise its limit");
    *seq = t->rec->seq;
    *head = t->rec->hash;
    hy_effect_journal(t, key, value);
}

static struct hy_bytes pack(struct hy_turn *t, const void *message) {
    struct hy_bytes out;
    if (hy_pb_write(message, t->arena, &out) != HY_OK)
        hy_turn_raise(t, HY_ENOMEM, "the arena of this command is full: raise its limit");
    return out;
}

// A tick is no command: it leaves the offset of the last one alone.
static void stamp(const struct hy_turn *t, char **log_id, int64_t *last_offset) {
    if (!hy_text_set(t->in->log_id)) return;
    *log_id = hy_lend(t->in->log_id);
    *last_offset = t->in->offset;
}

// Too large: the turn is judged again as a refusal, on the snapshot as it was stored.
static void refuse_growth(struct hy_turn *t) {
    hy_case *stored = hy_turn_peek(t, t->c->id);
    const char *command = t->rec->command;
    hy_turn_begin(t);
    t->rec->command = hy_lend(command);
    t->d = NULL;
    t->d_changed = false;
    hy_turn_take(t, stored, t->c_size);
    hy_turn_refuse(t, "case.full", "the case holds as much as a snapshot may (%d KB): close it and go on in a new one",
                   HY_CASE_SNAPSHOT_MAX / 1024);
    hy_turn_finish(t);
}

static size_t limit_of(const struct hy_turn *t) {
    if (t->cmd->body_case != HUIYING__V1__COMMAND__BODY_ACT) return HY_CASE_SNAPSHOT_PROGRAMS;
    Huiying__V1__Verb verb = t->cmd->act->verb;
    bool text = verb == HUIYING__V1__VERB__VERB_NOTE || verb == HUIYING__V1__VERB__VERB_REPLY;
    return text ? HY_CASE_SNAPSHOT_TEXTS : HY_CASE_SNAPSHOT_MAX;
}

static bool finish_case(struct hy_turn *t) {
    hy_case *c = t->c;
    remember_act(t);
    if (t->c_fresh)
        c->step = 1;
    else if (moved(t))
        c->step++;
    c->version++;
    hy_work_finish(t);
    tell_case(t);
    const char *key = key_of(t, c->id);
    stamp(t, &c->log_id, &c->last_offset);
    if (t->c_gone) {
        struct hy_bytes last = pack(t, c);
        t->rec->snapshot = (ProtobufCBinaryData){.len = last.len, .data = (uint8_t *)(uintptr_t)last.data};
    }
    seal(t, key, &c->journal_seq, &c->journal_hash);
    if (t->c_gone) {
        hy_effect_put(t, key, (struct hy_bytes){0}, INT64_MAX);
        return true;
    }
    struct hy_bytes value = pack(t, c);
    if (value.len > limit_of(t) && value.len > t->c_size && t->out->outcome == HY_ENGINE_APPLIED && !t->c_fresh)
        return false;
    hy_effect_put(t, key, value, hy_case_next_tick(c, t->pack));
    return true;
}

static void finish_dossier(struct hy_turn *t, bool chain) {
    Huiying__V1__DossierRecord *d = t->d;
    d->version++;
    stamp(t, &d->log_id, &d->last_offset);
    if (chain) {
        t->rec->version = d->version;
        seal(t, d->dossier, &d->journal_seq, &d->journal_hash);
    }
    struct hy_bytes value = {0};
    if (!t->d_gone) value = pack(t, d);
    for (; value.len > HY_CASE_SNAPSHOT_MAX && d->n_noted > 0; value = pack(t, d)) {
        // The oldest notes go first: what they name stands in the journal too.
        size_t drop = d->n_noted / 4 + 1;
        d->noted += drop;
        d->n_noted -= drop;
    }
    int64_t next = INT64_MAX;
    if (!t->d_gone) next = hy_dossier_next_tick(d, t->engine->pack_of(t->engine->ctx, ""));
    hy_effect_put(t, d->dossier, value, next);
}

void hy_turn_finish(struct hy_turn *t) {
    if (t->c == NULL) {
        hy_turn_load_dossier(t);
        finish_dossier(t, true);
        return;
    }
    bool written = hy_time_or(t->c->last_written, 0) != t->before.last_written;
    if (t->c_fresh || t->c_gone || written || hy_case_is_open(t->c) != t->before.open) hy_dossier_sync(t);
    if (!finish_case(t)) {
        refuse_growth(t);
        return;
    }
    if (t->d_changed) finish_dossier(t, false);
}

int64_t hy_keep_ms(const struct hy_pack *pack) {
    return (pack != NULL && pack->dossier_days > 0 ? pack->dossier_days : DEFAULT_DAYS) * HY_DAY_MS;
}

// Whole for its time after the closing, and after the last message: until then a repeat must be known.
int64_t hy_case_archive_ms(const hy_case *c, const struct hy_pack *pack) {
    if (hy_case_is_open(c)) return INT64_MAX;
    return hy_max64(hy_time_or(c->closed, 0), hy_time_or(c->last_heard, 0)) + hy_keep_ms(pack);
}

int64_t hy_case_next_tick(const hy_case *c, const struct hy_pack *pack) {
    int64_t next = INT64_MAX;
    for (size_t i = 0; i < c->n_deliveries; i++) {
        if (c->deliveries[i]->state == HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_SENDING)
            next = hy_min64(next, hy_time_or(c->deliveries[i]->until, 0));
    }
    if (hy_text_set(c->claimed_by)) next = hy_min64(next, hy_time_or(c->claimed_until, 0));
    return hy_min64(next, hy_case_archive_ms(c, pack));
}

int64_t hy_dossier_next_tick(const Huiying__V1__DossierRecord *d, const struct hy_pack *pack) {
    int64_t oldest = INT64_MAX, opens = INT64_MAX;
    if (d->n_cases + d->n_noted + d->n_early == 0) return 0; // keeps nothing but a chain of refusals
    for (size_t i = 0; i < d->n_noted; i++) {
        oldest = hy_min64(oldest, hy_time_or(d->noted[i]->at, 0));
    }
    for (size_t i = 0; i < d->n_early; i++) {
        oldest = hy_min64(oldest, hy_time_or(d->early[i]->at, 0));
        opens = hy_min64(opens, hy_time_or(d->early[i]->opens_at, INT64_MAX));
    }
    return hy_min64(opens, oldest == INT64_MAX ? INT64_MAX : oldest + hy_keep_ms(pack));
}
