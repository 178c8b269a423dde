#include <stdio.h>
#include <string.h>

#include "consumers/dashboard/out.h"
#include "consumers/dashboard/queries.h"

// A list is a filter, an order and optional narrowing. Each stands as literals of its own, because the planner must see
// `owner=?1` to use the index of one department's cases, and because a plain count must be answered by an index alone:
// the rows hold snapshots. It knows no statistics, so the small partial indexes are named.
// ?1 owner, ?2 only incidents, ?3 platform, ?4 account, ?5 kind, ?6 text, ?7/?8 the key after which to go on, ?9 limit,
// ?10 start of the day.
#define SCOPE  " AND (?2=0 OR c.kind='incident') AND ?10>=0"
#define NARROW " AND (?3='' OR c.platform=?3) AND (?4='' OR c.account=?4) AND (?5='' OR c.kind=?5)"
#define WORDS                                                                                                          \
    " AND (?6='' OR instr(m.title, ?6) OR instr(m.text, ?6) OR instr(c.subject, ?6) OR c.receipt_number=upper(?6) OR"  \
    " c.id=upper(?6))"
#define TEXTS         " LEFT JOIN content m ON m.key=c.opening_key"
#define SOONEST_FIRST " AND (c.due_ms, c.id) > (?7, ?8) ORDER BY c.due_ms, c.id LIMIT ?9"
#define NEWEST_FIRST  " AND (c.closed_ms, c.id) < (?7, ?8) ORDER BY c.closed_ms DESC, c.id DESC LIMIT ?9"

enum { COUNT_PLAIN, COUNT_NARROW, COUNT_FOUND, COUNTS }; // by what narrows it

static const struct list {
    const char *name;
    const char *column;            // of the key
    const char *rows[2];           // any owner, one owner
    const char *counts[COUNTS][2]; // without after and limit
} LIST[] = {
#define LISTS(name, index, where, order, column)                                                                       \
    {                                                                                                                  \
        name, column,                                                                                                  \
            {"SELECT " QUERY_ROW ", " column " FROM cases c " index TEXTS                                              \
             " WHERE ?1='' AND " where SCOPE NARROW WORDS order,                                                       \
             "SELECT " QUERY_ROW ", " column " FROM cases c" TEXTS                                                     \
             " WHERE c.owner=?1 AND " where SCOPE NARROW WORDS order},                                                 \
        {                                                                                                              \
            {"SELECT count(*) FROM cases c " index " WHERE ?1='' AND " where SCOPE,                                    \
             "SELECT count(*) FROM cases c WHERE c.owner=?1 AND " where SCOPE},                                        \
                {"SELECT count(*) FROM cases c " index " WHERE ?1='' AND " where SCOPE NARROW,                         \
                 "SELECT count(*) FROM cases c WHERE c.owner=?1 AND " where SCOPE NARROW},                             \
            {                                                                                                          \
                "SELECT count(*) FROM cases c " index TEXTS " WHERE ?1='' AND " where SCOPE NARROW WORDS,              \
                    "SELECT count(*) FROM cases c" TEXTS " WHERE c.owner=?1 AND " where SCOPE NARROW WORDS             \
            }                                                                                                          \
        }                                                                                                              \
    }
    LISTS("open", "", "c.is_open=1", SOONEST_FIRST, "c.due_ms"),
    LISTS("soon", "INDEXED BY cases_soon", "c.is_open=1 AND c.soon=1", SOONEST_FIRST, "c.due_ms"),
    LISTS("late", "INDEXED BY cases_late", "c.is_open=1 AND c.late=1", SOONEST_FIRST, "c.due_ms"),
    LISTS("incident", "INDEXED BY cases_incident", "c.is_open=1 AND c.kind='incident'", SOONEST_FIRST, "c.due_ms"),
    LISTS("all", "", "c.id<>''", SOONEST_FIRST, "c.due_ms"),
    LISTS("closed", "", "c.is_open=0", NEWEST_FIRST, "c.closed_ms"),
    LISTS("closed_today", "", "c.is_open=0 AND c.closed_ms>=?10", NEWEST_FIRST, "c.closed_ms"),
#undef LISTS
};

static const struct list *list_named(const char *name) {
    for (size_t i = 0; i < sizeof LIST / sizeof LIST[0]; i++) {
        if (strcmp(LIST[i].name, name) == 0) return &LIST[i];
    }
    return NULL;
}

struct bound {
    const struct list_filter *filter;
    const char *owner, *after_id;
    bool incidents;
    int64_t after_ms, day_ms;
    int limit;
};

static sqlite3_stmt *bound_stmt(struct queries *q, const char *sql, const struct bound *b, struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(q->db, sql, err);
    if (!stmt) return NULL;
    hy_sqlite_bind_text(stmt, 1, b->owner);
    hy_sqlite_bind_int(stmt, 2, b->incidents);
    hy_sqlite_bind_text(stmt, 3, b->filter->platform);
    hy_sqlite_bind_text(stmt, 4, b->filter->account);
    hy_sqlite_bind_text(stmt, 5, b->filter->kind);
    hy_sqlite_bind_text(stmt, 6, b->filter->text);
    hy_sqlite_bind_int(stmt, 7, b->after_ms);
    hy_sqlite_bind_text(stmt, 8, b->after_id);
    hy_sqlite_bind_int(stmt, 9, b->limit);
    hy_sqlite_bind_int(stmt, 10, b->day_ms);
    return stmt;
}

// One row more than asked for shows that there is a next page; its key is that of the last row shown.
static int rows(struct queries *q, const struct list *list, const struct bound *b, json_t *out, struct hy_error *err) {
    struct bound more = *b;
    more.limit++;
    sqlite3_stmt *stmt = bound_stmt(q, list->rows[b->owner[0] != '\0'], &more, err);
    if (!stmt) return HY_EINTERNAL;
    json_t *cases = json_array();
    char next[64] = "";
    int rc;
    int n = 0;
    while ((rc = hy_sqlite_step(q->db, stmt, err)) == 1 && n++ < b->limit) {
        out_add(cases, query_row(q, stmt));
        snprintf(next, sizeof next, "%lld.%s", (long long)hy_sqlite_int(stmt, QUERY_ROW_COLUMNS),
                 hy_sqlite_text(stmt, 0));
    }
    sqlite3_reset(stmt);
    out_put(out, "cases", cases);
    out_text(out, "next", rc == 1 ? next : "");
    return rc < 0 ? rc : HY_OK;
}

static int count(struct queries *q, const struct list *list, const struct bound *b, json_t *out, struct hy_error *err) {
    bool narrow = b->filter->platform[0] || b->filter->account[0] || b->filter->kind[0];
    int which = b->filter->text[0] ? COUNT_FOUND : narrow ? COUNT_NARROW : COUNT_PLAIN;
    sqlite3_stmt *stmt = bound_stmt(q, list->counts[which][b->owner[0] != '\0'], b, err);
    if (!stmt) return HY_EINTERNAL;
    int rc = hy_sqlite_step(q->db, stmt, err);
    if (rc < 0) return rc;
    out_int(out, "total", hy_sqlite_int(stmt, 0));
    sqlite3_reset(stmt);
    return HY_OK;
}

int query_list(struct queries *q, const struct who *who, const struct list_filter *filter, json_t **out,
               struct hy_error *err) {
    const struct list *list = list_named(filter->filter);
    if (!list)
        return hy_fail(err, HY_EINVALID, "filter must be one of open, soon, late, closed, closed_today, incident, all");
    if (who->sees == WHO_SEES_INCIDENTS && strcmp(list->name, "open") == 0) list = list_named("incident"); // the same
    bool own = who->sees == WHO_SEES_DEPARTMENT;
    if (own && filter->department[0] && strcmp(filter->department, who->department) != 0)
        return hy_fail(err, HY_EDENIED, "a department sees its own cases only");
    bool newest = strcmp(list->column, "c.closed_ms") == 0;
    struct bound b = {.filter = filter,
                      .owner = own ? who->department : filter->department,
                      .after_id = "",
                      .incidents = who->sees == WHO_SEES_INCIDENTS,
                      .after_ms = newest ? INT64_MAX : -1,
                      .day_ms = queries_day_start(hy_wall_ms(q->clock)),
                      .limit = filter->limit};
    if (!query_after(filter->after, &b.after_ms, &b.after_id))
        return hy_fail(err, HY_EINVALID, "after must be what a page before gave as next");
    int rc = queries_begin(q, err);
    if (rc != HY_OK) return rc;
    *out = json_object();
    rc = rows(q, list, &b, *out, err);
    if (rc == HY_OK && !filter->after[0]) rc = count(q, list, &b, *out, err);
    queries_end(q);
    if (rc == HY_OK) return rc;
    json_decref(*out);
    *out = NULL;
    return rc;
}
