#include "consumers/dashboard/out.h"
#include "consumers/dashboard/queries.h"

// What live.c tells: the view's own counters of changed cases (rev) and new journal records (n).

int query_changed_cases(struct queries *q, int64_t after_rev, int limit, json_t **out, struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(
        q->db,
        "SELECT " QUERY_ROW
        ", c.rev FROM cases c LEFT JOIN content m ON m.key=c.opening_key WHERE c.rev>?1 ORDER BY c.rev LIMIT ?2",
        err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_int(stmt, 1, after_rev);
    hy_sqlite_bind_int(stmt, 2, limit);
    *out = json_array();
    int rc;
    while ((rc = hy_sqlite_step(q->db, stmt, err)) == 1) {
        json_t *row = query_row(q, stmt);
        out_int(row, "rev", hy_sqlite_int(stmt, QUERY_ROW_COLUMNS));
        out_add(*out, row);
    }
    if (rc == 0) return HY_OK;
    json_decref(*out);
    *out = NULL;
    return rc;
}

int query_new_journal(struct queries *q, int64_t after_n, int limit, json_t **out, struct hy_error *err) {
    static const char *const TEXTS[] = {"case_id",     "command", "command_id", "actor", "verdict", "rule",
                                        "explanation", "fate",    "event_id",   "owner", "state",   "kind"};
    // The case's snapshot may come a moment after its journal: the record's own owner stands in.
    sqlite3_stmt *stmt = hy_sqlite_stmt(
        q->db,
        "SELECT j.n, j.seq, j.at_ms, j.step, j.case_id, j.command, j.command_id, j.actor, j.verdict, j.rule,"
        " j.explanation, j.fate, j.event_id, coalesce(nullif(j.owner_after, ''), c.owner), j.state_after,"
        " coalesce(c.kind, CASE WHEN j.owner_after='wangxinban' THEN 'incident' ELSE '' END), m.title,"
        " substr(m.text, 1, 60), c.subject"
        " FROM journal j LEFT JOIN cases c ON c.id=j.case_id LEFT JOIN content m ON m.key=CASE j.case_id WHEN ''"
        " THEN j.dossier || '/n/' || j.event_id ELSE coalesce(c.opening_key, j.case_id || '/m/' || j.event_id) END "
        "WHERE j.n>?1 ORDER BY j.n LIMIT ?2",
        err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_int(stmt, 1, after_n);
    hy_sqlite_bind_int(stmt, 2, limit);
    *out = json_array();
    int rc;
    while ((rc = hy_sqlite_step(q->db, stmt, err)) == 1) {
        json_t *row = json_object();
        out_int(row, "n", hy_sqlite_int(stmt, 0));
        out_int(row, "seq", hy_sqlite_int(stmt, 1));
        out_time(row, "at", hy_sqlite_int(stmt, 2));
        out_int(row, "step", hy_sqlite_int(stmt, 3));
        for (int i = 0; i < 12; i++)
            out_text(row, TEXTS[i], hy_sqlite_text(stmt, 4 + i));
        query_title(row, hy_sqlite_text(stmt, 16), hy_sqlite_text(stmt, 17), hy_sqlite_text(stmt, 18));
        out_add(*out, row);
    }
    if (rc == 0) return HY_OK;
    json_decref(*out);
    *out = NULL;
    return rc;
}

int query_newest(struct queries *q, int64_t *rev, int64_t *n, struct hy_error *err) {
    int rc = hy_sqlite_get_int(q->db, "SELECT coalesce(max(rev), 0) FROM cases", 0, rev, err);
    return rc == HY_OK ? hy_sqlite_get_int(q->db, "SELECT coalesce(max(n), 0) FROM journal", 0, n, err) : rc;
}
