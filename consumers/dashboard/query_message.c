#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/dashboard/out.h"
#include "consumers/dashboard/queries.h"
#include "consumers/dashboard/receipt.h"
#include "lib/base/pb.h"

// What became of single messages and single commands: rows of the journal.

int query_verdict(struct queries *q, const char *command_id, json_t **out, struct hy_error *err) {
    static const char *const TEXTS[] = {"command_id",  "verdict", "rule",  "article",
                                        "explanation", "case_id", "state", "owner"};
    sqlite3_stmt *stmt = hy_sqlite_stmt(q->db,
                                        "SELECT command_id, verdict, rule, article, explanation, case_id, state_after,"
                                        " owner_after, step, at_ms FROM journal WHERE command_id=?"
                                        " ORDER BY verdict='repeated', at_ms, offset LIMIT 1",
                                        err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, command_id);
    int rc = hy_sqlite_step(q->db, stmt, err);
    if (rc <= 0) return rc == 0 ? hy_fail(err, HY_ENOTFOUND, "no verdict is known for this command") : rc;
    *out = json_object();
    for (int i = 0; i < 8; i++)
        out_text(*out, TEXTS[i], hy_sqlite_text(stmt, i));
    out_int(*out, "step", hy_sqlite_int(stmt, 8));
    out_time(*out, "at", hy_sqlite_int(stmt, 9));
    sqlite3_reset(stmt);
    return HY_OK;
}

static int fate_row(struct queries *q, const struct who *who, const char *event_id, json_t **out,
                    struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(
        q->db,
        "SELECT j.fate, j.case_id, j.at_ms, j.rule, j.explanation, j.receipt, j.dossier, coalesce(c.kind, ''),"
        " coalesce(c.owner, j.owner_after), (SELECT count(*) FROM journal r WHERE r.event_id=j.event_id AND"
        " r.fate<>'' AND r.fate='repeated') FROM journal j LEFT JOIN cases c ON c.id=j.case_id WHERE j.event_id=?"
        // a noted message that was opened after all is opened; a repetition says nothing
        " AND j.fate<>'' ORDER BY j.fate='repeated', j.fate='noted', j.at_ms, j.n LIMIT 1",
        err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, event_id);
    int rc = hy_sqlite_step(q->db, stmt, err);
    if (rc <= 0) return rc == 0 ? hy_fail(err, HY_ENOTFOUND, "no fate is known for this message") : rc;
    static const struct {
        const char *key;
        int column;
    } TEXTS[] = {{"fate", 0}, {"case_id", 1}, {"rule", 3}, {"explanation", 4}, {"receipt_number", 5}, {"dossier", 6}};
    if (who_may_see(who, hy_sqlite_text(stmt, 7), hy_sqlite_text(stmt, 8))) {
        *out = json_object();
        out_text(*out, "event_id", event_id);
        for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++)
            out_text(*out, TEXTS[i].key, hy_sqlite_text(stmt, TEXTS[i].column));
        out_time(*out, "at", hy_sqlite_int(stmt, 2));
        out_int(*out, "repeated", hy_sqlite_int(stmt, 9));
        rc = HY_OK;
    } else {
        rc = hy_fail(err, HY_EDENIED, "the message belongs to no case of yours");
    }
    sqlite3_reset(stmt);
    return rc;
}

int query_event(struct queries *q, const struct who *who, const char *event_id, json_t **out, struct hy_error *err) {
    return fate_row(q, who, event_id, out, err);
}

int query_event_dossier(struct queries *q, const char *event_id, char dossier[HY_ID_SIZE], struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(
        q->db, "SELECT dossier FROM journal WHERE event_id=? AND fate<>'' AND fate='noted' LIMIT 1", err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, event_id);
    int rc = hy_sqlite_step(q->db, stmt, err);
    if (rc <= 0) return rc == 0 ? hy_fail(err, HY_ENOTFOUND, "no noted message has this id") : rc;
    snprintf(dossier, HY_ID_SIZE, "%s", hy_sqlite_text(stmt, 0));
    sqlite3_reset(stmt);
    return HY_OK;
}

// "at_ms.n" of the last row shown; newest first.
static bool read_after(const char *after, int64_t *ms, int64_t *n) {
    char *end = NULL;
    *ms = *n = INT64_MAX;
    if (!after[0]) return true;
    errno = 0;
    *ms = strtoll(after, &end, 10);
    if (errno || end == after || *end != '.') return false;
    const char *rest = end + 1;
    *n = strtoll(rest, &end, 10);
    return !errno && end != rest && *end == '\0';
}

static int noted_rows(struct queries *q, sqlite3_stmt *stmt, int limit, json_t *out, struct hy_error *err) {
    static const char *const TEXTS[] = {"event_id", "rule", "explanation", "dossier", "title", "text"};
    json_t *list = json_array();
    char next[64] = "";
    int rc;
    int n = 0;
    while ((rc = hy_sqlite_step(q->db, stmt, err)) == 1 && n++ < limit) {
        json_t *one = json_object();
        for (int i = 0; i < 6; i++)
            out_text(one, TEXTS[i], hy_sqlite_text(stmt, 2 + i));
        out_time(one, "at", hy_sqlite_int(stmt, 0));
        out_add(list, one);
        snprintf(next, sizeof next, "%lld.%lld", (long long)hy_sqlite_int(stmt, 0), (long long)hy_sqlite_int(stmt, 1));
    }
    sqlite3_reset(stmt);
    out_put(out, "noted", list);
    out_text(out, "next", rc == 1 ? next : "");
    return rc < 0 ? rc : HY_OK;
}

int query_noted(struct queries *q, const struct who *who, const char *after, int limit, json_t **out,
                struct hy_error *err) {
    int64_t after_ms, after_n;
    if (who->sees != WHO_SEES_ALL) return hy_fail(err, HY_EDENIED, "noted messages are for the operator");
    if (!read_after(after, &after_ms, &after_n))
        return hy_fail(err, HY_EINVALID, "after must be what a page before gave as next");
    sqlite3_stmt *stmt = hy_sqlite_stmt(
        q->db,
        "SELECT j.at_ms, j.n, j.event_id, j.rule, j.explanation, j.dossier, m.title, m.text FROM journal j"
        " LEFT JOIN content m ON m.key=j.dossier || '/n/' || j.event_id WHERE j.fate='noted'"
        " AND NOT EXISTS(SELECT 1 FROM journal o WHERE o.event_id=j.event_id AND o.fate='opened' AND o.command='open')"
        " AND (j.at_ms, j.n) < (?1, ?2) ORDER BY j.at_ms DESC, j.n DESC LIMIT ?3",
        err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_int(stmt, 1, after_ms);
    hy_sqlite_bind_int(stmt, 2, after_n);
    hy_sqlite_bind_int(stmt, 3, limit + 1);
    *out = json_object();
    int rc = noted_rows(q, stmt, limit, *out, err);
    if (rc == HY_OK) return rc;
    json_decref(*out);
    *out = NULL;
    return rc;
}

// ---- the public door ----

// A text is public once a courier has claimed it for a citizen: it then reads this answer back as its receipt. What
// goes to 网信办 is no citizen's.
static bool is_public(const Huiying__V1__Delivery *d) {
    bool on_its_way = d->state == HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_SENDING ||
                      d->state == HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_SENT;
    return on_its_way && strcmp(d->target, "cac_webhook") != 0;
}

static int answer_of(struct queries *q, const Huiying__V1__Delivery *d, json_t *into, struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(q->db, "SELECT text, at_ms FROM content WHERE key=?", err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, d->content_key);
    int rc = hy_sqlite_step(q->db, stmt, err);
    if (rc <= 0) return rc;
    json_t *one = json_object();
    out_text(one, "purpose", d->purpose);
    out_text(one, "text", hy_sqlite_text(stmt, 0));
    out_time(one, "at", d->done ? d->done->unix_ms : hy_sqlite_int(stmt, 1));
    out_add(into, one);
    sqlite3_reset(stmt);
    return HY_OK;
}

static int answers_of(struct queries *q, const char *case_id, json_t *out, struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(q->db, "SELECT snapshot, state FROM cases WHERE id=?", err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, case_id);
    int rc = hy_sqlite_step(q->db, stmt, err);
    if (rc <= 0) return rc; // its journal came first; the snapshot follows at once
    Huiying__V1__Case *c = NULL;
    hy_arena_reset(q->arena);
    rc = hy_pb_read(&huiying__v1__case__descriptor, q->arena, hy_sqlite_blob(stmt, 0), 1, &c, err);
    out_text(out, "state", receipt_state(hy_sqlite_text(stmt, 1)));
    sqlite3_reset(stmt);
    json_t *answers = json_object_get(out, "answers");
    for (size_t i = 0; rc == HY_OK && i < c->n_deliveries; i++) {
        if (is_public(c->deliveries[i])) rc = answer_of(q, c->deliveries[i], answers, err);
    }
    if (rc == HY_OK && c->received) out_time(out, "received", c->received->unix_ms);
    return rc;
}

int query_receipt(struct queries *q, const char *number, json_t **out, struct hy_error *err) {
    int rc = queries_begin(q, err);
    if (rc != HY_OK) return rc;
    sqlite3_stmt *stmt = hy_sqlite_stmt(q->db,
                                        "SELECT case_id, at_ms, fate FROM journal WHERE receipt=?1 AND fate<>''"
                                        " ORDER BY case_id='', fate='repeated', n LIMIT 1",
                                        err);
    if (stmt) hy_sqlite_bind_text(stmt, 1, number);
    rc = stmt ? hy_sqlite_step(q->db, stmt, err) : HY_EINTERNAL;
    if (rc == 1) {
        char case_id[HY_ID_SIZE];
        snprintf(case_id, sizeof case_id, "%s", hy_sqlite_text(stmt, 0));
        *out = json_object();
        out_text(*out, "number", number);
        out_text(*out, "state", case_id[0] ? "received" : "noted");
        out_time(*out, "received", hy_sqlite_int(stmt, 1));
        out_put(*out, "answers", json_array());
        sqlite3_reset(stmt);
        rc = case_id[0] ? answers_of(q, case_id, *out, err) : HY_OK;
    } else if (rc == 0) {
        rc = hy_fail(err, HY_ENOTFOUND, "this receipt number is not known");
    }
    queries_end(q);
    if (rc == HY_OK) return rc;
    json_decref(*out);
    *out = NULL;
    return rc;
}
