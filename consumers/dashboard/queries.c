#include "consumers/dashboard/queries.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/dashboard/out.h"
#include "consumers/dashboard/schema.h"

enum { CASE_ARENA = 4 * 1024 * 1024, DAY_MS = 86400000 };

int queries_open(const char *path, struct queries *out, struct hy_error *err) {
    *out = (struct queries){.clock = hy_clock_system()};
    out->arena = hy_arena_new(CASE_ARENA);
    if (!out->arena) return hy_fail(err, HY_ENOMEM, "queries: out of memory");
    int rc = schema_open_reader(path, &out->db, err);
    if (rc != HY_OK) queries_close(out);
    return rc;
}

void queries_close(struct queries *q) {
    if (q->db) hy_sqlite_close(q->db);
    hy_arena_free(q->arena);
    q->db = NULL;
    q->arena = NULL;
}

int queries_begin(struct queries *q, struct hy_error *err) {
    return hy_sqlite_exec(q->db, "BEGIN DEFERRED", err);
}

void queries_end(struct queries *q) {
    if (!sqlite3_get_autocommit(hy_sqlite_handle(q->db))) (void)!hy_sqlite_exec(q->db, "COMMIT", NULL);
}

const char *queries_department(struct queries *q, const char *code) {
    const struct hy_pack *pack = q->pack_of ? q->pack_of(q->ctx, "") : NULL;
    const struct hy_pack_department *row = pack ? hy_pack_department(pack, code) : NULL;
    return row && row->name && row->name[0] ? row->name : code;
}

int64_t queries_day_start(int64_t now_ms) {
    int64_t shift = (int64_t)HY_SHANGHAI_MINUTES * 60000;
    return (now_ms + shift) / DAY_MS * DAY_MS - shift;
}

// Share of the wall time between start and due that is gone, 0..100.
static int percent_gone(int64_t start_ms, int64_t due_ms, int64_t now_ms) {
    if (due_ms == INT64_MAX) return 0;
    if (now_ms >= due_ms) return 100;
    return now_ms <= start_ms ? 0 : (int)((now_ms - start_ms) * 100 / (due_ms - start_ms));
}

static void row_figures(json_t *row, sqlite3_stmt *stmt) {
    static const char *const TIMES[] = {"received", "opened", "closed", "due"};
    for (int i = 0; i < 4; i++)
        out_time(row, TIMES[i], hy_sqlite_int(stmt, 11 + i));
    out_bool(row, "late", hy_sqlite_int(stmt, 16));
    out_bool(row, "soon", hy_sqlite_int(stmt, 17));
    out_bool(row, "provisional", hy_sqlite_int(stmt, 18));
    out_int(row, "step", hy_sqlite_int(stmt, 19));
    if (strcmp(hy_sqlite_text(stmt, 2), "incident") != 0) return;
    out_int(row, "level", hy_sqlite_int(stmt, 20));
    out_text(row, "subject", hy_sqlite_text(stmt, 21));
    out_int(row, "writers", hy_sqlite_int(stmt, 22));
    out_int(row, "messages", hy_sqlite_int(stmt, 23));
    out_time(row, "acknowledged", hy_sqlite_int(stmt, 24));
}

json_t *query_row(struct queries *q, sqlite3_stmt *stmt) {
    static const char *const TEXTS[] = {"id",       "receipt_number", "kind",     NULL,   NULL,     "owner",
                                        "platform", "account",        "category", "area", "urgency"};
    json_t *row = json_object();
    for (int i = 0; i < 11; i++)
        if (TEXTS[i]) out_text(row, TEXTS[i], hy_sqlite_text(stmt, i));
    out_text(row, "state", hy_sqlite_text(stmt, 3));
    out_bool(row, "open", hy_sqlite_int(stmt, 4));
    out_text(row, "owner_name", queries_department(q, hy_sqlite_text(stmt, 5)));
    row_figures(row, stmt);
    out_int(row, "percent", percent_gone(hy_sqlite_int(stmt, 15), hy_sqlite_int(stmt, 14), hy_wall_ms(q->clock)));
    out_text(row, "work_item", hy_sqlite_text(stmt, 25));
    query_title(row, hy_sqlite_text(stmt, 26), hy_sqlite_text(stmt, 27), hy_sqlite_text(stmt, 21));
    return row;
}

void query_title(json_t *object, const char *title, const char *text, const char *subject) {
    struct hy_buf shown = {0};
    if (title[0] || text[0]) {
        out_text(object, "title", title[0] ? title : text);
        return;
    }
    for (const char *at = subject; *at;) {
        size_t n = strcspn(at, "|");
        if (n > 0 && shown.len > 0) hy_buf_adds(&shown, " · ");
        hy_buf_add(&shown, at, n);
        at += n + (at[n] == '|');
    }
    out_text(object, "title", hy_buf_ok(&shown) && shown.data ? shown.data : "");
    hy_buf_free(&shown);
}

int query_place(struct queries *q, const struct who *who, const char *case_id, struct case_place *out,
                struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(q->db,
                                        "SELECT dossier, kind, owner, state, step, last_offset, EXISTS(SELECT 1 FROM"
                                        " work w WHERE w.topic='hy.work.' || ?2 AND w.case_id=c.id)"
                                        " FROM cases c WHERE id=?1",
                                        err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, case_id);
    hy_sqlite_bind_text(stmt, 2, who->department);
    int rc = hy_sqlite_step(q->db, stmt, err);
    if (rc <= 0) return rc == 0 ? hy_fail(err, HY_ENOTFOUND, "no such case") : rc;
    const struct {
        char *to;
        size_t size;
    } TEXTS[] = {{out->dossier, sizeof out->dossier},
                 {out->kind, sizeof out->kind},
                 {out->owner, sizeof out->owner},
                 {out->state, sizeof out->state}};
    for (int i = 0; i < 4; i++)
        snprintf(TEXTS[i].to, TEXTS[i].size, "%s", hy_sqlite_text(stmt, i));
    out->step = hy_sqlite_int(stmt, 4);
    out->last_offset = hy_sqlite_int(stmt, 5);
    out->listed = hy_sqlite_int(stmt, 6);
    sqlite3_reset(stmt);
    return HY_OK;
}

bool query_after(const char *after, int64_t *ms, const char **id) {
    if (!after[0]) return true;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(after, &end, 10);
    if (errno || end == after || *end != '.' || !hy_id_valid(end + 1)) return false;
    *ms = value;
    *id = end + 1;
    return true;
}
