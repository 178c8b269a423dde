#include "consumers/courier/outbox.h"

#include <stdlib.h>
#include <string.h>

#include "huiying/v1/work.pb-c.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/base/pb.h"
#include "lib/fold/sqlite.h"
#include "lib/fold/sqlite_sink.h"
#include "lib/lane/topics.h"

enum { RECORD_ARENA = 4 * 1024 * 1024 };

static const char *const MIGRATIONS[] = {
    "CREATE TABLE delivery(case_id TEXT, row TEXT, part INT, dossier TEXT, target TEXT, purpose TEXT, courier TEXT,"
    " receipt_number TEXT, content_key TEXT, content_hash BLOB, state INT, attempt INT, until_ms INT, not_before_ms "
    "INT,"
    " since_ms INT, PRIMARY KEY(case_id, row)) WITHOUT ROWID;"
    "CREATE INDEX delivery_content ON delivery(content_key);"
    "CREATE TABLE snapshot(case_id TEXT PRIMARY KEY, part INT, value BLOB) WITHOUT ROWID;"
    "CREATE TABLE content(key TEXT PRIMARY KEY, part INT, case_id TEXT, text TEXT) WITHOUT ROWID;",
    // Folded anew: of the texts that are there nobody knows when they were written.
    "DELETE FROM fold_position; DELETE FROM delivery; DELETE FROM snapshot; DROP TABLE content;"
    "CREATE TABLE content(key TEXT PRIMARY KEY, part INT, draft INT, at_ms INT, text TEXT) WITHOUT ROWID;"
    "CREATE TABLE done(case_id TEXT PRIMARY KEY, part INT, closed_ms INT) WITHOUT ROWID;",
};

struct outbox {
    struct hy_sqlite *db;
    struct hy_arena *arena;
    struct hy_sqlite_sink view;
};

static bool is_open(const Huiying__V1__Delivery *d) {
    return d->state == HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_PENDING ||
           d->state == HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_SENDING ||
           d->state == HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_UNKNOWN;
}

static bool is_over(const Huiying__V1__Case *c) {
    return c->state == HUIYING__V1__CASE_STATE__CASE_STATE_CLOSED ||
           c->state == HUIYING__V1__CASE_STATE__CASE_STATE_WITHDRAWN;
}

static int64_t ms_of(const Huiying__V1__Time *time) {
    return time ? time->unix_ms : 0;
}

static int run_text(struct hy_sqlite *db, const char *sql, const char *text, struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(db, sql, err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, text);
    return hy_sqlite_run(db, stmt, err);
}

static int put_delivery(struct hy_sqlite *db, int32_t part, const Huiying__V1__Case *c, const Huiying__V1__Delivery *d,
                        int64_t since_ms, struct hy_error *err) {
    sqlite3_stmt *stmt =
        hy_sqlite_stmt(db, "INSERT OR REPLACE INTO delivery VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", err);
    if (!stmt) return HY_EINTERNAL;
    const char *texts[] = {c->id, d->row};
    const char *more[] = {c->dossier, d->target, d->purpose, d->courier, c->receipt_number, d->content_key};
    for (int i = 0; i < 2; i++)
        hy_sqlite_bind_text(stmt, 1 + i, texts[i]);
    hy_sqlite_bind_int(stmt, 3, part);
    for (int i = 0; i < 6; i++)
        hy_sqlite_bind_text(stmt, 4 + i, more[i]);
    hy_sqlite_bind_blob(stmt, 10, hy_bytes_from(d->content_hash.data, d->content_hash.len));
    hy_sqlite_bind_int(stmt, 11, (int64_t)d->state);
    hy_sqlite_bind_int(stmt, 12, d->attempt);
    hy_sqlite_bind_int(stmt, 13, ms_of(d->until));
    hy_sqlite_bind_int(stmt, 14, ms_of(d->not_before));
    hy_sqlite_bind_int(stmt, 15, since_ms);
    return hy_sqlite_run(db, stmt, err);
}

static int put_snapshot(struct hy_sqlite *db, int32_t part, const char *case_id, struct hy_bytes value,
                        struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(db, "INSERT OR REPLACE INTO snapshot VALUES(?,?,?)", err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, case_id);
    hy_sqlite_bind_int(stmt, 2, part);
    hy_sqlite_bind_blob(stmt, 3, value);
    return hy_sqlite_run(db, stmt, err);
}

// What an older snapshot of the case said.
static int forget_case(struct hy_sqlite *db, const char *case_id, struct hy_error *err) {
    int rc = run_text(db, "DELETE FROM delivery WHERE case_id=?", case_id, err);
    if (rc == HY_OK) rc = run_text(db, "DELETE FROM snapshot WHERE case_id=?", case_id, err);
    return rc == HY_OK ? run_text(db, "DELETE FROM done WHERE case_id=?", case_id, err) : rc;
}

// A draft may be written again under the key that it had before the closing: then it is younger than that.
static int drop_text(struct hy_sqlite *db, const char *key, int64_t closed_ms, struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(db, "DELETE FROM content WHERE key=? AND (draft=0 OR at_ms<?)", err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, key);
    hy_sqlite_bind_int(stmt, 2, closed_ms);
    return hy_sqlite_run(db, stmt, err);
}

// Nothing more will be sent of the case as it stood then. Neither topic waits for the other: texts of a later reopening
// may be here already and stay, and older ones that are still to come are not wanted.
static int finish_case(struct hy_sqlite *db, int32_t part, const Huiying__V1__Case *c, struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(db, "INSERT OR REPLACE INTO done VALUES(?,?,?)", err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, c->id);
    hy_sqlite_bind_int(stmt, 2, part);
    hy_sqlite_bind_int(stmt, 3, ms_of(c->closed));
    int rc = hy_sqlite_run(db, stmt, err);
    for (size_t i = 0; rc == HY_OK && i < c->n_content_keys; i++)
        rc = drop_text(db, c->content_keys[i], ms_of(c->closed), err);
    return rc;
}

static int fold_case(struct outbox *outbox, struct hy_sqlite *db, const struct hy_fold_record *record,
                     struct hy_error *err) {
    const char *key = (const char *)record->key.data;
    const char *dot = memchr(key, '.', record->key.len);
    if (!dot) return HY_OK; // a dossier record or the progress of a partition
    char *case_id = hy_arena_strn(outbox->arena, dot + 1, record->key.len - (size_t)(dot + 1 - key));
    if (!case_id) return hy_fail(err, HY_ENOMEM, "outbox: out of memory");
    int rc = forget_case(db, case_id, err);
    if (rc != HY_OK || !record->value.data) return rc;
    Huiying__V1__Case *c = NULL;
    struct hy_error why = {0};
    if (hy_pb_read(&huiying__v1__case__descriptor, outbox->arena, record->value, 1, &c, &why) != HY_OK) {
        HY_ERROR("courier.case", "a case cannot be read; its deliveries wait", "partition=%d offset=%lld why=\"%s\"",
                 record->partition, (long long)record->offset, why.text);
        return HY_OK;
    }
    bool any = false;
    for (size_t i = 0; rc == HY_OK && i < c->n_deliveries; i++) {
        if (!is_open(c->deliveries[i])) continue;
        any = true;
        rc = put_delivery(db, record->partition, c, c->deliveries[i], record->timestamp_ms, err);
    }
    if (rc == HY_OK && any) return put_snapshot(db, record->partition, c->id, record->value, err);
    // A draft comes long before the delivery that it becomes: texts go only when nothing more will be sent.
    return rc == HY_OK && is_over(c) ? finish_case(db, record->partition, c, err) : rc;
}

// Unless its case was done with it already.
static int put_content(struct hy_sqlite *db, int32_t part, const char *key, const Huiying__V1__Content *content,
                       struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(db,
                                        "INSERT OR REPLACE INTO content SELECT ?1,?2,?3,?4,?5 WHERE NOT EXISTS"
                                        " (SELECT 1 FROM done WHERE case_id=?6 AND ?4<closed_ms)",
                                        err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, key);
    hy_sqlite_bind_int(stmt, 2, part);
    hy_sqlite_bind_int(stmt, 3, strcmp(content->kind, "draft") == 0);
    hy_sqlite_bind_int(stmt, 4, ms_of(content->at));
    hy_sqlite_bind_text(stmt, 5, content->text);
    hy_sqlite_bind_text(stmt, 6, content->case_id);
    return hy_sqlite_run(db, stmt, err);
}

static int fold_content(struct outbox *outbox, struct hy_sqlite *db, const struct hy_fold_record *record,
                        struct hy_error *err) {
    char *key = hy_arena_strn(outbox->arena, (const char *)record->key.data, record->key.len);
    if (!key) return hy_fail(err, HY_ENOMEM, "outbox: out of memory");
    if (!record->value.data) return run_text(db, "DELETE FROM content WHERE key=?", key, err);
    Huiying__V1__Content *content = NULL;
    struct hy_error why = {0};
    int rc = hy_pb_read(&huiying__v1__content__descriptor, outbox->arena, record->value, 1, &content, &why);
    if (rc != HY_OK || strcmp(content->kind, "message") == 0) return HY_OK; // a citizen's text is none of our business
    return put_content(db, record->partition, key, content, err);
}

static int fold_record(void *ctx, struct hy_sqlite *db, const struct hy_fold_record *record, struct hy_error *err) {
    struct outbox *outbox = ctx;
    hy_arena_reset(outbox->arena);
    if (strcmp(record->topic, HY_TOPIC_CASES) == 0) return fold_case(outbox, db, record, err);
    return fold_content(outbox, db, record, err);
}

static int forget_part(struct hy_sqlite *db, const char *sql, int32_t part, struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(db, sql, err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_int(stmt, 1, part);
    return hy_sqlite_run(db, stmt, err);
}

static int forget(void *ctx, struct hy_sqlite *db, const char *topic, int32_t partition, struct hy_error *err) {
    (void)ctx;
    if (strcmp(topic, HY_TOPIC_CONTENT) == 0)
        return forget_part(db, "DELETE FROM content WHERE part=?", partition, err);
    int rc = forget_part(db, "DELETE FROM delivery WHERE part=?", partition, err);
    if (rc == HY_OK) rc = forget_part(db, "DELETE FROM snapshot WHERE part=?", partition, err);
    return rc == HY_OK ? forget_part(db, "DELETE FROM done WHERE part=?", partition, err) : rc;
}

static int open_db(const char *path, struct hy_sqlite **out, struct hy_error *err) {
    const struct hy_sqlite_options options = {.path = path,
                                              .migrations = MIGRATIONS,
                                              .n_migrations = sizeof MIGRATIONS / sizeof MIGRATIONS[0],
                                              .check = true};
    int rc = hy_sqlite_open(&options, out, err);
    if (rc != HY_EFORMAT) return rc;
    HY_WARN("courier.outbox", "the outbox was damaged and is folded anew", "path=%s", path);
    rc = hy_sqlite_remove(path, err);
    return rc == HY_OK ? hy_sqlite_open(&options, out, err) : rc;
}

int outbox_open(const char *path, struct outbox **out, struct hy_error *err) {
    *out = NULL;
    struct outbox *outbox = calloc(1, sizeof *outbox);
    if (outbox) outbox->arena = hy_arena_new(RECORD_ARENA);
    if (!outbox || !outbox->arena) {
        outbox_close(outbox);
        return hy_fail(err, HY_ENOMEM, "outbox: out of memory");
    }
    int rc = open_db(path, &outbox->db, err);
    if (rc != HY_OK) {
        outbox_close(outbox);
        return rc;
    }
    outbox->view = (struct hy_sqlite_sink){.db = outbox->db, .ctx = outbox, .record = fold_record, .forget = forget};
    *out = outbox;
    return HY_OK;
}

void outbox_close(struct outbox *outbox) {
    if (!outbox) return;
    if (outbox->db) hy_sqlite_close(outbox->db);
    hy_arena_free(outbox->arena);
    free(outbox);
}

struct hy_fold_sink outbox_sink(struct outbox *outbox) {
    return hy_sqlite_sink(&outbox->view);
}

static bool read_row(struct hy_arena *arena, sqlite3_stmt *stmt, struct outbox_row *row) {
    char **texts[] = {&row->case_id, &row->row,     &row->dossier,        &row->target,
                      &row->purpose, &row->courier, &row->receipt_number, &row->content_key};
    for (int i = 0; i < 8; i++) {
        if (!(*texts[i] = hy_arena_str(arena, hy_sqlite_text(stmt, i)))) return false;
    }
    row->state = (int)hy_sqlite_int(stmt, 8);
    row->attempt = (uint32_t)hy_sqlite_int(stmt, 9);
    row->until_ms = hy_sqlite_int(stmt, 10);
    row->not_before_ms = hy_sqlite_int(stmt, 11);
    struct hy_bytes hash = hy_sqlite_blob(stmt, 12);
    if (hash.len == sizeof row->content_hash) memcpy(row->content_hash, hash.data, hash.len);
    row->text = hy_arena_str(arena, hy_sqlite_text(stmt, 13));
    struct hy_bytes snapshot = hy_sqlite_blob(stmt, 14);
    return row->text && hy_pb_read(&huiying__v1__case__descriptor, arena, snapshot, 1, &row->snapshot, NULL) == HY_OK;
}

int outbox_each(struct outbox *outbox, const char *unserved, int max,
                void (*each)(void *ctx, const struct outbox_row *row), void *ctx, struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(
        outbox->db,
        "SELECT d.case_id, d.row, d.dossier, d.target, d.purpose, d.courier, d.receipt_number, d.content_key, d.state,"
        " d.attempt, d.until_ms, d.not_before_ms, d.content_hash, c.text, s.value FROM delivery d"
        " JOIN snapshot s ON s.case_id = d.case_id JOIN content c ON c.key = d.content_key WHERE d.target <> ?"
        " ORDER BY d.not_before_ms, d.since_ms LIMIT ?",
        err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, unserved);
    hy_sqlite_bind_int(stmt, 2, max);
    int rc;
    while ((rc = hy_sqlite_step(outbox->db, stmt, err)) == 1) {
        struct outbox_row row = {0};
        hy_arena_reset(outbox->arena);
        if (read_row(outbox->arena, stmt, &row)) each(ctx, &row);
    }
    return rc;
}

int64_t outbox_count(struct outbox *outbox) {
    int64_t n = 0;
    return hy_sqlite_get_int(outbox->db, "SELECT count(*) FROM delivery", 0, &n, NULL) == HY_OK ? n : -1;
}
