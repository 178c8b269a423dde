// SQLite for folds: a database in WAL with numbered migrations, statements that are prepared once, transactions, and
// the positions of a fold kept in the same file, so that data and position are one transaction. A view that is damaged
// or of a newer layout is a file to delete: the fold brings it back.
//
// One struct hy_sqlite is one connection and belongs to one thread; a program opens one to write (the fold) and others,
// read_only, for its readers. To change a layout, append a migration; never edit one that was released.
#ifndef HY_FOLD_SQLITE_H
#define HY_FOLD_SQLITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/fold/fold.h"

struct hy_sqlite_options {
    const char *path;              // ":memory:" works for one connection
    bool read_only;                // no migrations; HY_ENOTFOUND when the file is not there, HY_EVERSION when too old
    const char *const *migrations; // SQL texts, the nth brings user_version from n to n + 1; borrowed
    size_t n_migrations;
    int busy_timeout_ms; // 0 = 5000
    bool check;          // PRAGMA quick_check on open: HY_EFORMAT when damaged
    // Called on the fresh handle before migrations: tokenizers, functions. NULL = nothing.
    int (*prepare)(sqlite3 *handle, void *ctx, struct hy_error *err);
    void *prepare_ctx;
};

struct hy_sqlite; // opaque; one thread

// Opens (and makes) the file: WAL, synchronous NORMAL, foreign keys on, temp in memory; then the migrations, each in a
// transaction of its own. HY_EVERSION: the file is of a newer program. HY_EFORMAT: not a database, or damaged. Close
// with hy_sqlite_close.
HY_MUST_CHECK int hy_sqlite_open(const struct hy_sqlite_options *options, struct hy_sqlite **out, struct hy_error *err);
void hy_sqlite_close(struct hy_sqlite *db);
sqlite3 *hy_sqlite_handle(struct hy_sqlite *db);
// PRAGMA quick_check again, at any time.
HY_MUST_CHECK int hy_sqlite_check(struct hy_sqlite *db, struct hy_error *err);
// Removes a view's file with its -wal and -shm. Nothing may have it open.
HY_MUST_CHECK int hy_sqlite_remove(const char *path, struct hy_error *err);

// Runs SQL without rows (several statements allowed).
HY_MUST_CHECK int hy_sqlite_exec(struct hy_sqlite *db, const char *sql, struct hy_error *err);

// A prepared statement, kept with the connection under its text's address: give the same literal each time. It comes
// reset and without bindings, owned by db. NULL and *err on a mistake in the SQL.
sqlite3_stmt *hy_sqlite_stmt(struct hy_sqlite *db, const char *sql, struct hy_error *err);
// Binding by position, from 1; text and bytes are borrowed until the statement is reset. NULL text binds NULL.
void hy_sqlite_bind_text(sqlite3_stmt *stmt, int at, const char *text);
void hy_sqlite_bind_bytes(sqlite3_stmt *stmt, int at, struct hy_bytes bytes);
void hy_sqlite_bind_blob(sqlite3_stmt *stmt, int at, struct hy_bytes bytes);
void hy_sqlite_bind_int(sqlite3_stmt *stmt, int at, int64_t value);
void hy_sqlite_bind_real(sqlite3_stmt *stmt, int at, double value);
void hy_sqlite_bind_null(sqlite3_stmt *stmt, int at);
// 1 = a row stands in stmt, 0 = done (stmt is reset), negative = failed. HY_EAGAIN: locked past the busy timeout.
HY_MUST_CHECK int hy_sqlite_step(struct hy_sqlite *db, sqlite3_stmt *stmt, struct hy_error *err);
// For a statement without rows of interest: steps it to its end and resets it.
HY_MUST_CHECK int hy_sqlite_run(struct hy_sqlite *db, sqlite3_stmt *stmt, struct hy_error *err);
// Columns of the row that stands, from 0. Text is never NULL (""), valid until the next step.
const char *hy_sqlite_text(sqlite3_stmt *stmt, int column);
struct hy_bytes hy_sqlite_blob(sqlite3_stmt *stmt, int column);
int64_t hy_sqlite_int(sqlite3_stmt *stmt, int column);
double hy_sqlite_real(sqlite3_stmt *stmt, int column);
bool hy_sqlite_is_null(sqlite3_stmt *stmt, int column);
// The first column of the first row of a query without parameters; fallback when there is no row.
HY_MUST_CHECK int hy_sqlite_get_int(struct hy_sqlite *db, const char *sql, int64_t fallback, int64_t *out,
                                    struct hy_error *err);

// Write transactions (BEGIN IMMEDIATE). Not nested. Rollback never fails: what cannot be rolled back is already gone.
HY_MUST_CHECK int hy_sqlite_begin(struct hy_sqlite *db, struct hy_error *err);
HY_MUST_CHECK int hy_sqlite_commit(struct hy_sqlite *db, struct hy_error *err);
void hy_sqlite_rollback(struct hy_sqlite *db);

// Positions of a fold, in table fold_position (made on open). get gives offset HY_FOLD_NOWHERE when there is none.
HY_MUST_CHECK int hy_sqlite_position_get(struct hy_sqlite *db, const char *topic, int32_t partition,
                                         struct hy_fold_position *out, struct hy_error *err);
HY_MUST_CHECK int hy_sqlite_position_put(struct hy_sqlite *db, const char *topic, int32_t partition,
                                         const struct hy_fold_position *position, struct hy_error *err);

#endif
