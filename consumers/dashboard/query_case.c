#include <string.h>

#include "consumers/dashboard/out.h"
#include "consumers/dashboard/queries.h"
#include "consumers/dashboard/words.h"
#include "lib/base/pb.h"
#include "lib/core/case.h"

static int64_t ms_of(const Huiying__V1__Time *time) {
    return time ? time->unix_ms : 0;
}

static void out_pb_time(json_t *object, const char *key, const Huiying__V1__Time *time) {
    out_time(object, key, ms_of(time));
}

static json_t *strings(char *const *list, size_t n) {
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        out_add(array, json_string(list[i]));
    return array;
}

static json_t *clocks_of(const Huiying__V1__Case *c, const struct hy_pack_kind *kind) {
    json_t *array = json_array();
    for (size_t i = 0; i < c->n_clocks; i++) {
        const Huiying__V1__Clock *clock = c->clocks[i];
        const struct hy_pack_clock *row = kind ? hy_pack_clock(kind, clock->name) : NULL;
        json_t *one = json_object();
        out_text(one, "name", clock->name);
        out_text(one, "label", row && row->label ? row->label : clock->name);
        out_text(one, "article", row ? row->article : "");
        out_bool(one, "main", row && row->main);
        out_text(one, "state", word_clock(clock->state));
        out_pb_time(one, "started", clock->started);
        out_pb_time(one, "due", clock->due);
        out_pb_time(one, "ended", clock->ended);
        out_int(one, "stage", clock->stage);
        out_int(one, "epoch", clock->epoch);
        out_text(one, "class", clock->clock_class);
        out_bool(one, "provisional", clock->provisional);
        out_bool(one, "breached_once", clock->breached_once);
        out_add(array, one);
    }
    return array;
}

static json_t *deliveries_of(const Huiying__V1__Case *c) {
    json_t *array = json_array();
    for (size_t i = 0; i < c->n_deliveries; i++) {
        const Huiying__V1__Delivery *d = c->deliveries[i];
        json_t *one = json_object();
        out_text(one, "row", d->row);
        out_text(one, "target", d->target);
        out_text(one, "purpose", d->purpose);
        out_text(one, "state", word_delivery(d->state));
        out_int(one, "attempt", d->attempt);
        out_text(one, "receipt", d->receipt);
        out_pb_time(one, "until", d->until);
        out_pb_time(one, "done", d->done);
        out_text(one, "content_key", d->content_key);
        out_add(array, one);
    }
    return array;
}

// label: what, or the name of the department whose code it is.
static json_t *reasons_of(const Huiying__V1__Case *c, const struct hy_pack *pack) {
    json_t *array = json_array();
    for (size_t i = 0; i < c->n_reasons; i++) {
        const char *what = c->reasons[i]->what;
        const struct hy_pack_department *row = pack ? hy_pack_department(pack, what) : NULL;
        json_t *one = json_object();
        out_text(one, "step", c->reasons[i]->step);
        out_text(one, "what", what);
        out_text(one, "label", row && row->name ? row->name : what);
        out_put(one, "weight", json_real(c->reasons[i]->weight));
        out_add(array, one);
    }
    return array;
}

static json_t *draft_of(const Huiying__V1__Draft *draft) {
    if (!draft) return json_null();
    json_t *one = json_object();
    out_text(one, "content_key", draft->content_key);
    out_hex(one, "text_hash", hy_bytes_from(draft->text_hash.data, draft->text_hash.len));
    out_text(one, "author", draft->author);
    out_put(one, "reviewers", strings(draft->reviewers, draft->n_reviewers));
    return one;
}

static json_t *evidence_of(const Huiying__V1__IncidentTotals *totals) {
    json_t *array = json_array();
    for (size_t i = 0; i < totals->n_evidence; i++) {
        json_t *one = json_object();
        out_text(one, "event_id", totals->evidence[i]->event_id);
        out_pb_time(one, "occurred", totals->evidence[i]->occurred);
        out_text(one, "url", totals->evidence[i]->url);
        out_int(one, "reach", (int64_t)totals->evidence[i]->reach);
        out_add(array, one);
    }
    return array;
}

static json_t *incident_of(const Huiying__V1__IncidentTotals *totals) {
    if (!totals) return json_null();
    json_t *one = json_object();
    out_text(one, "subject", totals->subject);
    out_text(one, "topic", totals->topic);
    out_text(one, "place", totals->place);
    out_text(one, "entity", totals->entity);
    out_int(one, "level", totals->level);
    out_int(one, "writers", (int64_t)totals->writers);
    out_int(one, "messages", (int64_t)totals->messages);
    out_int(one, "reach", (int64_t)totals->reach);
    out_int(one, "official", (int64_t)totals->official);
    out_int(one, "episode", (int64_t)totals->episode);
    out_pb_time(one, "first_seen", totals->first_seen);
    out_pb_time(one, "last_grown", totals->last_grown);
    out_time(one, "acknowledged", totals->acknowledged ? ms_of(totals->acknowledged_at) : 0);
    out_put(one, "reasons", strings(totals->reasons, totals->n_reasons));
    out_put(one, "evidence", evidence_of(totals));
    return one;
}

// Is word one of the comma-separated words?
static bool listed(const char *words, const char *word) {
    size_t len = strlen(word);
    for (const char *at = words; at && *at; at += strspn(at, ", ")) {
        size_t n = strcspn(at, ",");
        if (n == len && memcmp(at, word, n) == 0) return true;
        at += n;
    }
    return false;
}

// What this identity could do now, as the pack's rows say; the engine decides when it is done.
static json_t *moves_of(const Huiying__V1__Case *c, const struct hy_pack_kind *kind, const struct who *who) {
    json_t *array = json_array();
    for (int i = 0; kind && i < kind->n_moves; i++) {
        const struct hy_pack_move *move = &kind->moves[i];
        bool department = who->sees == WHO_SEES_DEPARTMENT;
        bool foreign = move->owner_only && department && strcmp(who->department, c->owner) != 0;
        if (!listed(move->roles, who->role) || foreign || !(move->from & 1u << c->state)) continue;
        json_t *one = json_object(), *needs = json_array();
        out_text(one, "verb", move->verb);
        if (move->needs_reason) out_add(needs, json_string("reason_code"));
        if (move->needs_text) out_add(needs, json_string("text"));
        if (move->needs_proof) out_add(needs, json_string("proof"));
        if (move->needs_department) out_add(needs, json_string("department"));
        out_put(one, "needs", needs);
        out_text(one, "proofs", move->proofs);
        out_text(one, "article", move->article);
        out_add(array, one);
    }
    return array;
}

static json_t *closes_of(const struct hy_pack_kind *kind) {
    json_t *array = json_array();
    for (int i = 0; kind && i < kind->n_closes; i++) {
        json_t *one = json_object();
        out_text(one, "reason_code", kind->closes[i].reason);
        out_text(one, "label", kind->closes[i].label);
        out_text(one, "proof", kind->closes[i].proof);
        out_add(array, one);
    }
    return array;
}

// The texts that the case lists, oldest first. A key whose text was erased or has not come yet is left out.
static int texts_of(struct queries *q, const Huiying__V1__Case *c, json_t *into, struct hy_error *err) {
    for (size_t i = 0; i < c->n_content_keys; i++) {
        sqlite3_stmt *stmt =
            hy_sqlite_stmt(q->db, "SELECT kind, title, text, at_ms, event_id FROM content WHERE key=?", err);
        if (!stmt) return HY_EINTERNAL;
        hy_sqlite_bind_text(stmt, 1, c->content_keys[i]);
        int rc = hy_sqlite_step(q->db, stmt, err);
        if (rc < 0) return rc;
        if (rc == 0) continue;
        json_t *one = json_object();
        out_text(one, "key", c->content_keys[i]);
        out_text(one, "kind", hy_sqlite_text(stmt, 0));
        out_text(one, "title", hy_sqlite_text(stmt, 1));
        out_text(one, "text", hy_sqlite_text(stmt, 2));
        out_time(one, "at", hy_sqlite_int(stmt, 3));
        out_text(one, "event_id", hy_sqlite_text(stmt, 4));
        out_add(into, one);
        sqlite3_reset(stmt);
    }
    return HY_OK;
}

static int journal_of(struct queries *q, const char *id, json_t *into, struct hy_error *err) {
    static const char *const TEXTS[] = {"command",     "command_id", "actor",    "verdict",     "rule",       "article",
                                        "explanation", "fate",       "event_id", "state_after", "owner_after"};
    sqlite3_stmt *stmt = hy_sqlite_stmt(q->db,
                                        "SELECT seq, at_ms, step, command, command_id, actor, verdict, rule, article,"
                                        " explanation, fate, event_id, state_after, owner_after FROM journal"
                                        " WHERE case_id=? ORDER BY seq, n",
                                        err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, id);
    int rc;
    while ((rc = hy_sqlite_step(q->db, stmt, err)) == 1) {
        json_t *one = json_object();
        out_int(one, "seq", hy_sqlite_int(stmt, 0));
        out_time(one, "at", hy_sqlite_int(stmt, 1));
        out_int(one, "step", hy_sqlite_int(stmt, 2));
        for (int i = 0; i < 11; i++)
            out_text(one, TEXTS[i], hy_sqlite_text(stmt, 3 + i));
        out_add(into, one);
    }
    return rc;
}

static int work_of(struct queries *q, const char *id, json_t *into, struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(
        q->db, "SELECT id, department, seq, kind, at_ms, why, standing FROM work WHERE case_id=? ORDER BY seq", err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, id);
    int rc;
    while ((rc = hy_sqlite_step(q->db, stmt, err)) == 1) {
        json_t *one = json_object();
        out_text(one, "id", hy_sqlite_text(stmt, 0));
        out_text(one, "department", hy_sqlite_text(stmt, 1));
        out_int(one, "seq", hy_sqlite_int(stmt, 2));
        out_text(one, "kind", hy_sqlite_text(stmt, 3));
        out_time(one, "at", hy_sqlite_int(stmt, 4));
        out_text(one, "why", hy_sqlite_text(stmt, 5));
        out_bool(one, "standing", hy_sqlite_int(stmt, 6));
        out_add(into, one);
    }
    return rc;
}

// A post of the evidence that is a message of a case which this identity may see: what it is called, and which case.
static int name_post(struct queries *q, const struct who *who, json_t *post, struct hy_error *err) {
    sqlite3_stmt *stmt =
        hy_sqlite_stmt(q->db,
                       "SELECT c.id, c.kind, c.owner, coalesce(m.title, ''), coalesce(substr(m.text, 1, 60), '')"
                       " FROM journal j JOIN cases c ON c.id=j.case_id LEFT JOIN content m ON"
                       " m.key=j.case_id || '/m/' || j.event_id WHERE j.event_id=? AND j.fate<>''"
                       " ORDER BY j.fate='repeated' LIMIT 1",
                       err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, json_string_value(json_object_get(post, "event_id")));
    int rc = hy_sqlite_step(q->db, stmt, err);
    if (rc < 0) return rc;
    bool seen = rc == 1 && who_may_see(who, hy_sqlite_text(stmt, 1), hy_sqlite_text(stmt, 2));
    out_text(post, "case_id", seen ? hy_sqlite_text(stmt, 0) : "");
    query_title(post, seen ? hy_sqlite_text(stmt, 3) : "", seen ? hy_sqlite_text(stmt, 4) : "", "");
    sqlite3_reset(stmt);
    return HY_OK;
}

static int name_evidence(struct queries *q, const struct who *who, json_t *one, struct hy_error *err) {
    json_t *post;
    size_t i;
    int rc = HY_OK;
    json_array_foreach(json_object_get(json_object_get(one, "incident"), "evidence"), i, post) {
        if (rc == HY_OK) rc = name_post(q, who, post, err);
    }
    return rc;
}

// What only the snapshot knows; the line of a list is already in `one`.
static void add_snapshot(json_t *one, const Huiying__V1__Case *c, const struct hy_pack *pack, const struct who *who) {
    const struct hy_pack_kind *kind = pack ? hy_pack_kind(pack, c->kind) : NULL;
    out_text(one, "dossier", c->dossier);
    out_text(one, "kind_label", kind && kind->label ? kind->label : c->kind);
    out_text(one, "pack", pack ? pack->id : "");
    out_text(one, "pack_hash", c->pack_hash);
    out_text(one, "jurisdiction", c->jurisdiction);
    out_int(one, "version", (int64_t)c->version);
    out_text(one, "close_reason", c->close_reason);
    out_text(one, "claimed_by", c->claimed_by);
    out_pb_time(one, "claimed_until", c->claimed_until);
    out_int(one, "returns", c->returns);
    out_int(one, "review_stage", c->review_stage);
    out_int(one, "reopened", c->reopened);
    out_bool(one, "historic", c->historic);
    out_bool(one, "supervised", c->supervised);
    out_text(one, "linked_case", c->linked_case);
    out_text(one, "opening_event", c->opening_event);
    out_put(one, "clocks", clocks_of(c, kind));
    out_put(one, "deliveries", deliveries_of(c));
    out_put(one, "reasons", reasons_of(c, pack));
    out_put(one, "draft", draft_of(c->draft));
    out_put(one, "incident", incident_of(c->incident));
    out_put(one, "moves", moves_of(c, kind, who));
    out_put(one, "closes", closes_of(kind));
}

static int add_tables(struct queries *q, const Huiying__V1__Case *c, json_t *one, struct hy_error *err) {
    json_t *texts = json_array(), *journal = json_array(), *work = json_array();
    out_put(one, "texts", texts);
    out_put(one, "journal", journal);
    out_put(one, "work", work);
    int rc = texts_of(q, c, texts, err);
    if (rc == HY_OK) rc = journal_of(q, c->id, journal, err);
    return rc == HY_OK ? work_of(q, c->id, work, err) : rc;
}

static int read_case(struct queries *q, const struct who *who, const char *id, json_t *one, Huiying__V1__Case **c,
                     struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(
        q->db, "SELECT " QUERY_ROW ", c.snapshot FROM cases c LEFT JOIN content m ON m.key=c.opening_key WHERE c.id=?",
        err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, id);
    int rc = hy_sqlite_step(q->db, stmt, err);
    if (rc <= 0) return rc == 0 ? hy_fail(err, HY_ENOTFOUND, "no such case here; it may have been archived") : rc;
    if (who_may_see(who, hy_sqlite_text(stmt, 2), hy_sqlite_text(stmt, 5))) {
        json_t *row = query_row(q, stmt);
        (void)json_object_update(one, row);
        json_decref(row);
        hy_arena_reset(q->arena);
        rc = hy_pb_read(&huiying__v1__case__descriptor, q->arena, hy_sqlite_blob(stmt, QUERY_ROW_COLUMNS), 1, c, err);
    } else {
        rc = hy_fail(err, HY_EDENIED, "the case is with %s now", hy_sqlite_text(stmt, 5));
    }
    sqlite3_reset(stmt);
    return rc;
}

int query_case(struct queries *q, const struct who *who, const char *id, json_t **out, struct hy_error *err) {
    Huiying__V1__Case *c = NULL;
    int rc = queries_begin(q, err);
    if (rc != HY_OK) return rc;
    *out = json_object();
    rc = read_case(q, who, id, *out, &c, err);
    if (rc == HY_OK) {
        add_snapshot(*out, c, q->pack_of ? q->pack_of(q->ctx, c->pack_hash) : NULL, who);
        rc = add_tables(q, c, *out, err);
        if (rc == HY_OK) rc = name_evidence(q, who, *out, err);
    }
    queries_end(q);
    if (rc == HY_OK) return rc;
    json_decref(*out);
    *out = NULL;
    return rc;
}
