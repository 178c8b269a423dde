#include <string.h>

#include "consumers/dashboard/out.h"
#include "consumers/dashboard/queries.h"
#include "consumers/dashboard/view_rows.h"

enum { INCIDENTS = 10, SOURCES = 200, HOUR_SLOTS = 3600000 / VIEW_SLOT_MS };

// ?1 = WHO_SEES_*, ?2 = department.
#define SCOPE "(?1=0 OR (?1=1 AND owner=?2) OR (?1=2 AND kind='incident'))"

static sqlite3_stmt *scoped(struct queries *q, const struct who *who, const char *sql, struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(q->db, sql, err);
    if (!stmt) return NULL;
    hy_sqlite_bind_int(stmt, 1, who->sees);
    hy_sqlite_bind_text(stmt, 2, who->department);
    return stmt;
}

static const char *const FIGURES[] = {"open", "soon", "late", "closed_today"};

static json_t *department_row(struct queries *q, json_t *departments, const char *code) {
    size_t i;
    json_t *row;
    json_array_foreach(departments, i, row) {
        if (strcmp(json_string_value(json_object_get(row, "code")), code) == 0) return row;
    }
    row = json_object();
    out_text(row, "code", code);
    out_text(row, "name", queries_department(q, code));
    for (int k = 0; k < 4; k++)
        out_int(row, FIGURES[k], 0);
    out_add(departments, row);
    return row;
}

// Two statements, each over an index that holds all it asks for.
static int departments(struct queries *q, const struct who *who, json_t *into, struct hy_error *err) {
    sqlite3_stmt *stmt = scoped(q, who,
                                "SELECT owner, count(*), sum(soon), sum(late) FROM cases WHERE is_open=1 AND " SCOPE
                                " GROUP BY owner ORDER BY sum(late) DESC, sum(soon) DESC, count(*) DESC, owner",
                                err);
    if (!stmt) return HY_EINTERNAL;
    int rc;
    while ((rc = hy_sqlite_step(q->db, stmt, err)) == 1) {
        json_t *row = department_row(q, into, hy_sqlite_text(stmt, 0));
        for (int i = 0; i < 3; i++)
            out_int(row, FIGURES[i], hy_sqlite_int(stmt, 1 + i));
    }
    if (rc < 0) return rc;
    stmt = scoped(q, who,
                  "SELECT owner, count(*) FROM cases WHERE is_open=0 AND closed_ms>=?3 AND " SCOPE
                  " GROUP BY owner ORDER BY owner",
                  err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_int(stmt, 3, queries_day_start(hy_wall_ms(q->clock)));
    while ((rc = hy_sqlite_step(q->db, stmt, err)) == 1)
        out_int(department_row(q, into, hy_sqlite_text(stmt, 0)), FIGURES[3], hy_sqlite_int(stmt, 1));
    return rc;
}

static int one_number(struct queries *q, const struct who *who, const char *sql, int64_t *out, struct hy_error *err) {
    sqlite3_stmt *stmt = scoped(q, who, sql, err);
    if (!stmt) return HY_EINTERNAL;
    int rc = hy_sqlite_step(q->db, stmt, err);
    if (rc < 0) return rc;
    *out = rc == 1 ? hy_sqlite_int(stmt, 0) : 0;
    sqlite3_reset(stmt);
    return HY_OK;
}

// Each figure is the sum of its column, so that the page's parts never contradict each other.
static int totals(struct queries *q, const struct who *who, const json_t *rows, json_t *into, struct hy_error *err) {
    for (int k = 0; k < 4; k++) {
        json_int_t sum = 0;
        for (size_t i = 0; i < json_array_size(rows); i++)
            sum += json_integer_value(json_object_get(json_array_get(rows, i), FIGURES[k]));
        out_int(into, FIGURES[k], sum);
    }
    int64_t n = 0;
    int rc = one_number(q, who, "SELECT count(*) FROM cases WHERE is_open=1 AND kind='incident' AND " SCOPE, &n, err);
    out_int(into, "incident", n);
    if (rc != HY_OK || who->sees != WHO_SEES_ALL) return rc;
    rc = one_number(q, who,
                    "SELECT count(*) FROM journal j WHERE fate='noted' AND ?1=0 AND ?2='' AND NOT EXISTS(SELECT 1"
                    " FROM journal o WHERE o.event_id=j.event_id AND o.fate='opened' AND o.command='open')",
                    &n, err);
    out_int(into, "noted", n);
    return rc;
}

static int incidents(struct queries *q, const struct who *who, json_t *into, struct hy_error *err) {
    sqlite3_stmt *stmt = scoped(q, who,
                                "SELECT id, level, subject, writers, messages, opened_ms, acknowledged_ms, state FROM"
                                " cases WHERE kind='incident' AND " SCOPE " ORDER BY opened_ms DESC LIMIT ?3",
                                err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_int(stmt, 3, INCIDENTS);
    int rc;
    while ((rc = hy_sqlite_step(q->db, stmt, err)) == 1) {
        json_t *row = json_object();
        out_text(row, "id", hy_sqlite_text(stmt, 0));
        out_int(row, "level", hy_sqlite_int(stmt, 1));
        out_text(row, "subject", hy_sqlite_text(stmt, 2));
        query_title(row, "", "", hy_sqlite_text(stmt, 2));
        out_int(row, "writers", hy_sqlite_int(stmt, 3));
        out_int(row, "messages", hy_sqlite_int(stmt, 4));
        out_time(row, "opened", hy_sqlite_int(stmt, 5));
        out_time(row, "acknowledged", hy_sqlite_int(stmt, 6));
        out_text(row, "state", hy_sqlite_text(stmt, 7));
        out_add(into, row);
    }
    return rc;
}

// Which sources speak and which went quiet: the whole installation's, so only for the operator.
static int sources(struct queries *q, const struct who *who, json_t *into, struct hy_error *err) {
    if (who->sees != WHO_SEES_ALL) return HY_OK;
    sqlite3_stmt *stmt = hy_sqlite_stmt(
        q->db,
        "SELECT platform, account, max(last_ms), sum(CASE WHEN slot>?1 THEN n ELSE 0 END), (SELECT count(*) FROM cases"
        " c WHERE c.is_open=1 AND c.platform=s.platform AND c.account=s.account) FROM sources s"
        " GROUP BY platform, account ORDER BY max(last_ms) DESC LIMIT ?2",
        err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_int(stmt, 1, hy_wall_ms(q->clock) / VIEW_SLOT_MS - HOUR_SLOTS);
    hy_sqlite_bind_int(stmt, 2, SOURCES);
    int rc;
    while ((rc = hy_sqlite_step(q->db, stmt, err)) == 1) {
        json_t *row = json_object();
        out_text(row, "platform", hy_sqlite_text(stmt, 0));
        out_text(row, "account", hy_sqlite_text(stmt, 1));
        out_time(row, "last", hy_sqlite_int(stmt, 2));
        out_int(row, "hour", hy_sqlite_int(stmt, 3));
        out_int(row, "open", hy_sqlite_int(stmt, 4));
        out_add(into, row);
    }
    return rc;
}

int query_overview(struct queries *q, const struct who *who, json_t **out, struct hy_error *err) {
    int rc = queries_begin(q, err);
    if (rc != HY_OK) return rc;
    json_t *rows = json_array(), *sums = json_object(), *newest = json_array(), *from = json_array();
    rc = departments(q, who, rows, err);
    if (rc == HY_OK) rc = totals(q, who, rows, sums, err);
    if (rc == HY_OK) rc = incidents(q, who, newest, err);
    if (rc == HY_OK) rc = sources(q, who, from, err);
    queries_end(q);
    *out = json_object();
    out_time(*out, "at", hy_wall_ms(q->clock));
    out_put(*out, "totals", sums);
    out_put(*out, "departments", rows);
    out_put(*out, "incidents", newest);
    out_put(*out, "sources", from);
    if (rc == HY_OK) return rc;
    json_decref(*out);
    *out = NULL;
    return rc;
}
