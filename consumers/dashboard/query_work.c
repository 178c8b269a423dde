#include <stdio.h>
#include <string.h>

#include "consumers/dashboard/out.h"
#include "consumers/dashboard/queries.h"
#include "lib/lane/topics.h"

// The standing items of a department: those that its feed shows, and, where the feed has forgotten them (it is kept for
// 30 days), the open cases it owns. The feed's position is read in the same transaction, so that a reader who goes on
// there misses nothing: what the list does not show yet comes after it.
// ?1 topic, ?2 department, ?3/?4 the key after which to go on, ?5 limit.
#define ITEMS                                                                                                          \
    "WITH items AS (SELECT case_id, id, seq, kind, at_ms, why FROM work WHERE topic=?1 AND standing=1"                 \
    " UNION ALL SELECT c.id, c.work_item, c.work_seq, 'assigned', c.opened_ms, '' FROM cases c WHERE c.owner=?2"       \
    " AND c.is_open=1 AND NOT EXISTS(SELECT 1 FROM work w WHERE w.topic=?1 AND w.case_id=c.id"                         \
    " AND (w.standing=1 OR w.seq>=c.work_seq)))"
#define PAGE                                                                                                           \
    " SELECT " QUERY_ROW ", i.case_id, i.id, i.seq, i.kind, i.at_ms, i.why, m.text,"                                   \
    " coalesce(c.due_ms, 9223372036854775807) AS due FROM items i LEFT JOIN cases c ON c.id=i.case_id"                 \
    " LEFT JOIN content m ON m.key=c.opening_key WHERE (due, i.case_id) > (?3, ?4)"                                    \
    " ORDER BY due, i.case_id LIMIT ?5"

enum {
    COLUMN_CASE = QUERY_ROW_COLUMNS,
    COLUMN_ID,
    COLUMN_SEQ,
    COLUMN_KIND,
    COLUMN_AT,
    COLUMN_WHY,
    COLUMN_TEXT,
    COLUMN_DUE
};

static json_t *item_of(struct queries *q, sqlite3_stmt *stmt) {
    json_t *one = query_row(q, stmt);
    out_text(one, "id", hy_sqlite_text(stmt, COLUMN_ID));
    out_text(one, "case_id", hy_sqlite_text(stmt, COLUMN_CASE));
    out_text(one, "case_kind", hy_sqlite_text(stmt, 2));
    out_int(one, "seq", hy_sqlite_int(stmt, COLUMN_SEQ));
    out_text(one, "kind", hy_sqlite_text(stmt, COLUMN_KIND));
    out_time(one, "at", hy_sqlite_int(stmt, COLUMN_AT));
    out_text(one, "why", hy_sqlite_text(stmt, COLUMN_WHY));
    out_text(one, "text", hy_sqlite_text(stmt, COLUMN_TEXT));
    (void)json_object_del(one, "work_item");
    return one;
}

static int items(struct queries *q, sqlite3_stmt *stmt, int limit, json_t *out, struct hy_error *err) {
    json_t *list = json_array();
    char next[64] = "";
    int rc;
    int n = 0;
    while ((rc = hy_sqlite_step(q->db, stmt, err)) == 1 && n++ < limit) {
        out_add(list, item_of(q, stmt));
        snprintf(next, sizeof next, "%lld.%s", (long long)hy_sqlite_int(stmt, COLUMN_DUE),
                 hy_sqlite_text(stmt, COLUMN_CASE));
    }
    sqlite3_reset(stmt);
    out_put(out, "items", list);
    out_text(out, "next", rc == 1 ? next : "");
    return rc < 0 ? rc : HY_OK;
}

static int may_read(const struct who *who, const char *department, struct hy_error *err) {
    if (!hy_topic_dept_valid(department))
        return hy_fail(err, HY_EINVALID,
                       "department must be a department's code; only a department's token needs none");
    if (who->sees == WHO_SEES_ALL || strcmp(department, who->department) == 0) return HY_OK;
    return hy_fail(err, HY_EDENIED, "a department reads its own queue only");
}

int query_work(struct queries *q, const struct who *who, const char *department, const char *after, int limit,
               json_t **out, struct hy_error *err) {
    char topic[HY_TOPIC_NAME_SIZE];
    int64_t after_ms = -1;
    const char *after_id = "";
    struct hy_fold_position position = {.offset = HY_FOLD_NOWHERE};
    int rc = may_read(who, department, err);
    if (rc != HY_OK) return rc;
    if (!query_after(after, &after_ms, &after_id))
        return hy_fail(err, HY_EINVALID, "after must be what a page before gave as next");
    snprintf(topic, sizeof topic, "%s%s", HY_TOPIC_WORK, department);
    rc = queries_begin(q, err);
    if (rc != HY_OK) return rc;
    *out = json_object();
    sqlite3_stmt *stmt = hy_sqlite_stmt(q->db, ITEMS PAGE, err);
    rc = stmt ? hy_sqlite_position_get(q->db, topic, 0, &position, err) : HY_EINTERNAL;
    if (rc == HY_OK) {
        hy_sqlite_bind_text(stmt, 1, topic);
        hy_sqlite_bind_text(stmt, 2, department);
        hy_sqlite_bind_int(stmt, 3, after_ms);
        hy_sqlite_bind_text(stmt, 4, after_id);
        hy_sqlite_bind_int(stmt, 5, limit + 1);
        rc = items(q, stmt, limit, *out, err);
    }
    queries_end(q);
    out_text(*out, "department", department);
    out_text(*out, "feed_topic", topic);
    out_text(*out, "feed_log_id", position.log_id);
    out_int(*out, "feed_offset", position.offset == HY_FOLD_NOWHERE ? 0 : position.offset);
    if (rc == HY_OK) return rc;
    json_decref(*out);
    *out = NULL;
    return rc;
}
