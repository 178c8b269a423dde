#include "lib/fold/sqlite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_STATEMENTS = 256, BUSY_MS = 5000 };

struct statement {
    const char *sql; // its address is the key
    sqlite3_stmt *stmt;
};

struct hy_sqlite {
    sqlite3 *handle;
    char *path;
    struct statement statements[MOST_STATEMENTS];
    size_t n_statements;
};

static int code_of(int code) {
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return HY_EAGAIN;
    case SQLITE_NOMEM:
        return HY_ENOMEM;
    case SQLITE_FULL:
        return HY_EFULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return HY_EFORMAT;
    case SQLITE_CANTOPEN:
        return HY_ENOTFOUND;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return HY_EDENIED;
    case SQLITE_CONSTRAINT:
        return HY_EMISMATCH;
    case SQLITE_TOOBIG:
        return HY_ETOOBIG;
    case SQLITE_IOERR:
        return HY_EIO;
    default:
        return HY_EINTERNAL;
    }
}

static int failure(struct hy_sqlite *db, int code, const char *doing, struct hy_error *err) {
    return hy_fail(err, code_of(code), "%s: %s: %s", db->path, doing,
                   db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code));
}

int hy_sqlite_exec(struct hy_sqlite *db, const char *sql, struct hy_error *err) {
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : failure(db, code, "run a statement", err);
}

int hy_sqlite_get_int(struct hy_sqlite *db, const char *sql, int64_t fallback, int64_t *out, struct hy_error *err) {
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL);
    *out = fallback;
    if (code != SQLITE_OK) return failure(db, code, "prepare a query", err);
    code = sqlite3_step(stmt);
    if (code == SQLITE_ROW) *out = sqlite3_column_int64(stmt, 0);
    int rc = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : failure(db, code, "run a query", err);
    sqlite3_finalize(stmt);
    return rc;
}

int hy_sqlite_check(struct hy_sqlite *db, struct hy_error *err) {
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(db->handle, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    if (code != SQLITE_OK) return failure(db, code, "check", err);
    int rc = 0;
    code = sqlite3_step(stmt);
    const char *said = code == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (code != SQLITE_ROW)
        rc = failure(db, code, "check", err);
    else if (!said || strcmp(said, "ok") != 0)
        rc = hy_fail(err, HY_EFORMAT, "%s: damaged (%.200s); stop the program and delete the file, it is folded again",
                     db->path, said ? said : "");
    sqlite3_finalize(stmt);
    return rc;
}

static int migrate_one(struct hy_sqlite *db, const char *sql, size_t to, struct hy_error *err) {
    char version[64];
    int rc = hy_sqlite_begin(db, err);
    if (rc != 0) return rc;
    snprintf(version, sizeof version, "PRAGMA user_version = %zu", to);
    if ((rc = hy_sqlite_exec(db, sql, err)) == 0 && (rc = hy_sqlite_exec(db, version, err)) == 0)
        rc = hy_sqlite_commit(db, err);
    if (rc != 0) {
        hy_sqlite_rollback(db);
        return hy_fail_at(err, "migration to version %zu", to);
    }
    return 0;
}

static int migrate(struct hy_sqlite *db, const struct hy_sqlite_options *options, struct hy_error *err) {
    int64_t have;
    int rc = hy_sqlite_get_int(db, "PRAGMA user_version", 0, &have, err);
    if (rc != 0) return rc;
    if (have < 0 || (uint64_t)have > options->n_migrations)
        return hy_fail(
            err, HY_EVERSION,
            "%s: layout version %lld, this program knows up to %zu; use the newer program or delete the file", db->path,
            (long long)have, options->n_migrations);
    if (options->read_only && (uint64_t)have < options->n_migrations)
        return hy_fail(err, HY_EVERSION, "%s: layout version %lld, %zu is wanted; open it to write first", db->path,
                       (long long)have, options->n_migrations);
    for (size_t i = (size_t)have; rc == 0 && i < options->n_migrations; i++)
        rc = migrate_one(db, options->migrations[i], i + 1, err);
    return rc;
}

#define POSITION_TABLE                                                                                                 \
    "CREATE TABLE IF NOT EXISTS fold_position(topic TEXT NOT NULL, partition INTEGER NOT NULL, log_id TEXT NOT NULL, " \
    "next_offset INTEGER NOT NULL, PRIMARY KEY(topic, partition)) WITHOUT ROWID"

static int prepare(struct hy_sqlite *db, const struct hy_sqlite_options *options, struct hy_error *err) {
    int rc = hy_sqlite_exec(db, "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY", err);
    if (rc == 0 && !options->read_only)
        rc = hy_sqlite_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL", err);
    if (rc == 0 && options->check) rc = hy_sqlite_check(db, err);
    if (rc == 0 && options->prepare) rc = options->prepare(db->handle, options->prepare_ctx, err);
    if (rc == 0 && !options->read_only) rc = hy_sqlite_exec(db, POSITION_TABLE, err);
    return rc == 0 ? migrate(db, options, err) : rc;
}

int hy_sqlite_open(const struct hy_sqlite_options *options, struct hy_sqlite **out, struct hy_error *err) {
    struct hy_sqlite *db = calloc(1, sizeof *db);
    if (!db || !(db->path = strdup(options->path))) {
        free(db);
        return hy_fail(err, HY_ENOMEM, "no memory for a database");
    }
    int flags = options->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(options->path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);
    int rc = code == SQLITE_OK ? 0 : failure(db, code, "open", err);
    if (rc == 0) {
        sqlite3_extended_result_codes(db->handle, 1);
        sqlite3_busy_timeout(db->handle, options->busy_timeout_ms ? options->busy_timeout_ms : BUSY_MS);
        rc = prepare(db, options, err);
    }
    if (rc != 0) {
        hy_sqlite_close(db);
        return rc;
    }
    *out = db;
    return 0;
}

void hy_sqlite_close(struct hy_sqlite *db) {
    if (!db) return;
    for (size_t i = 0; i < db->n_statements; i++)
        sqlite3_finalize(db->statements[i].stmt);
    sqlite3_close_v2(db->handle);
    free(db->path);
    free(db);
}

sqlite3 *hy_sqlite_handle(struct hy_sqlite *db) {
    return db->handle;
}

int hy_sqlite_remove(const char *path, struct hy_error *err) {
    static const char *const tails[] = {"-wal", "-shm", ""};
    char name[4096];
    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        int len = snprintf(name, sizeof name, "%s%s", path, tails[i]);
        if (len < 0 || (size_t)len >= sizeof name)
            return hy_fail(err, HY_EINVALID, "a path of %zu bytes is too long", strlen(path));
        if (access(name, F_OK) == 0 && unlink(name) != 0)
            return hy_fail(err, HY_EIO, "%s: cannot be removed; check its owner and rights", name);
    }
    return 0;
}

sqlite3_stmt *hy_sqlite_stmt(struct hy_sqlite *db, const char *sql, struct hy_error *err) {
    for (size_t i = 0; i < db->n_statements; i++)
        if (db->statements[i].sql == sql) {
            sqlite3_reset(db->statements[i].stmt);
            sqlite3_clear_bindings(db->statements[i].stmt);
            return db->statements[i].stmt;
        }
    if (db->n_statements == MOST_STATEMENTS) {
        (void)hy_fail(err, HY_EFULL, "%s: more than %d kept statements", db->path, MOST_STATEMENTS);
        return NULL;
    }
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (code != SQLITE_OK) {
        (void)failure(db, code, "prepare a statement", err);
        return NULL;
    }
    db->statements[db->n_statements++] = (struct statement){sql, stmt};
    return stmt;
}

void hy_sqlite_bind_text(sqlite3_stmt *stmt, int at, const char *text) {
    (void)(text ? sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC) : sqlite3_bind_null(stmt, at));
}

void hy_sqlite_bind_bytes(sqlite3_stmt *stmt, int at, struct hy_bytes bytes) {
    const char *data = bytes.len ? (const char *)bytes.data : "";
    (void)sqlite3_bind_text64(stmt, at, data, bytes.len, SQLITE_STATIC, SQLITE_UTF8);
}

void hy_sqlite_bind_blob(sqlite3_stmt *stmt, int at, struct hy_bytes bytes) {
    const void *data = bytes.len ? (const void *)bytes.data : "";
    (void)sqlite3_bind_blob64(stmt, at, data, bytes.len, SQLITE_STATIC);
}

void hy_sqlite_bind_int(sqlite3_stmt *stmt, int at, int64_t value) {
    (void)sqlite3_bind_int64(stmt, at, value);
}

void hy_sqlite_bind_real(sqlite3_stmt *stmt, int at, double value) {
    (void)sqlite3_bind_double(stmt, at, value);
}

void hy_sqlite_bind_null(sqlite3_stmt *stmt, int at) {
    (void)sqlite3_bind_null(stmt, at);
}

int hy_sqlite_step(struct hy_sqlite *db, sqlite3_stmt *stmt, struct hy_error *err) {
    int code = sqlite3_step(stmt);
    if (code == SQLITE_ROW) return 1;
    int rc = code == SQLITE_DONE ? 0 : failure(db, code, sqlite3_sql(stmt), err);
    sqlite3_reset(stmt);
    return rc;
}

int hy_sqlite_run(struct hy_sqlite *db, sqlite3_stmt *stmt, struct hy_error *err) {
    int rc;
    while ((rc = hy_sqlite_step(db, stmt, err)) > 0) {
    }
    return rc;
}

const char *hy_sqlite_text(sqlite3_stmt *stmt, int column) {
    const unsigned char *text = sqlite3_column_text(stmt, column);
    return text ? (const char *)text : "";
}

struct hy_bytes hy_sqlite_blob(sqlite3_stmt *stmt, int column) {
    const void *data = sqlite3_column_blob(stmt, column);
    return hy_bytes_from(data, (size_t)sqlite3_column_bytes(stmt, column));
}

int64_t hy_sqlite_int(sqlite3_stmt *stmt, int column) {
    return sqlite3_column_int64(stmt, column);
}

double hy_sqlite_real(sqlite3_stmt *stmt, int column) {
    return sqlite3_column_double(stmt, column);
}

bool hy_sqlite_is_null(sqlite3_stmt *stmt, int column) {
    return sqlite3_column_type(stmt, column) == SQLITE_NULL;
}

int hy_sqlite_begin(struct hy_sqlite *db, struct hy_error *err) {
    return hy_sqlite_exec(db, "BEGIN IMMEDIATE", err);
}

int hy_sqlite_commit(struct hy_sqlite *db, struct hy_error *err) {
    return hy_sqlite_exec(db, "COMMIT", err);
}

void hy_sqlite_rollback(struct hy_sqlite *db) {
    // A pending read would keep the transaction open; SQLite may also have rolled back by itself (disk full).
    for (size_t i = 0; i < db->n_statements; i++)
        sqlite3_reset(db->statements[i].stmt);
    if (!sqlite3_get_autocommit(db->handle)) (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

int hy_sqlite_position_get(struct hy_sqlite *db, const char *topic, int32_t partition, struct hy_fold_position *out,
                           struct hy_error *err) {
    *out = (struct hy_fold_position){.offset = HY_FOLD_NOWHERE};
    sqlite3_stmt *stmt =
        hy_sqlite_stmt(db, "SELECT log_id, next_offset FROM fold_position WHERE topic = ?1 AND partition = ?2", err);
    if (!stmt) return err ? err->code : HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, topic);
    hy_sqlite_bind_int(stmt, 2, partition);
    int rc = hy_sqlite_step(db, stmt, err);
    if (rc > 0) {
        snprintf(out->log_id, sizeof out->log_id, "%s", hy_sqlite_text(stmt, 0));
        out->offset = hy_sqlite_int(stmt, 1);
    }
    sqlite3_reset(stmt);
    return rc < 0 ? rc : 0;
}

int hy_sqlite_position_put(struct hy_sqlite *db, const char *topic, int32_t partition,
                           const struct hy_fold_position *position, struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(
        db, "INSERT OR REPLACE INTO fold_position(topic, partition, log_id, next_offset) VALUES(?1, ?2, ?3, ?4)", err);
    if (!stmt) return err ? err->code : HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, topic);
    hy_sqlite_bind_int(stmt, 2, partition);
    hy_sqlite_bind_text(stmt, 3, position->log_id);
    hy_sqlite_bind_int(stmt, 4, position->offset);
    return hy_sqlite_run(db, stmt, err);
}
