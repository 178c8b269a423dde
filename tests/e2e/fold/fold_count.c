// fold_count BROKERS PREFIX DATABASE TOPIC...: counts the records of each key of the topics in SQLite, as a view would.
// Says "ready" on stdout each time it is at the end of everything. A table "runs" tells why partitions were reset.
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/fold/sqlite_sink.h"

static const char *const LAYOUT[] = {
    "CREATE TABLE counts(topic TEXT, part INTEGER, key BLOB, n INTEGER, PRIMARY KEY(topic, part, key)) WITHOUT ROWID"};

static volatile sig_atomic_t stopped;

static void stop(int number) {
    (void)number;
    stopped = 1;
}

static int count(void *ctx, struct hy_sqlite *db, const struct hy_fold_record *record, struct hy_error *err) {
    (void)ctx;
    sqlite3_stmt *stmt =
        hy_sqlite_stmt(db, "INSERT INTO counts VALUES(?1, ?2, ?3, 1) ON CONFLICT DO UPDATE SET n = n + 1", err);
    if (!stmt) return err->code;
    hy_sqlite_bind_text(stmt, 1, record->topic);
    hy_sqlite_bind_int(stmt, 2, record->partition);
    hy_sqlite_bind_blob(stmt, 3, record->key);
    return hy_sqlite_run(db, stmt, err);
}

static int forget(void *ctx, struct hy_sqlite *db, const char *topic, int32_t partition, struct hy_error *err) {
    (void)ctx;
    sqlite3_stmt *stmt = hy_sqlite_stmt(db, "DELETE FROM counts WHERE topic = ?1 AND part = ?2", err);
    if (!stmt) return err->code;
    hy_sqlite_bind_text(stmt, 1, topic);
    hy_sqlite_bind_int(stmt, 2, partition);
    return hy_sqlite_run(db, stmt, err);
}

static int flush(void *ctx, struct hy_sqlite *db, struct hy_error *err) {
    (void)ctx, (void)db, (void)err;
    HY_FAULT_POINT("fold.before_commit");
    return 0;
}

static void stored(void *ctx, const struct hy_fold_commit *parts, size_t n) {
    (void)ctx, (void)parts, (void)n;
    HY_FAULT_POINT("fold.after_commit");
}

static int run(struct hy_fold *fold) {
    struct hy_error err = {0};
    bool was = false;
    while (!stopped) {
        if (hy_fold_poll(fold, 100, &err) < 0) {
            fprintf(stderr, "fold_count: %s\n", err.text);
            return 1;
        }
        bool is = hy_fold_caught_up(fold);
        if (is && !was) {
            puts("ready");
            fflush(stdout);
        }
        was = is;
    }
    return 0;
}

int main(int argc, char **argv) {
    struct hy_error err = {0};
    struct hy_sqlite *db = NULL;
    struct hy_fold *fold = NULL;
    if (argc < 5) return 2;
    signal(SIGTERM, stop);
    hy_log_init(&(struct hy_log_options){.program = "fold_count", .level = HY_LOG_INFO});
    struct hy_sqlite_options file = {.path = argv[3], .migrations = LAYOUT, .n_migrations = 1, .check = true};
    struct hy_fold_options options = {.name = "count",
                                      .kafka = {.brokers = argv[1], .prefix = argv[2]},
                                      .topics = (const char *const *)&argv[4],
                                      .n_topics = (size_t)argc - 4,
                                      .refresh_ms = 500};
    if (hy_sqlite_open(&file, &db, &err) != 0) goto failed;
    struct hy_sqlite_sink view = {.db = db, .record = count, .forget = forget, .flush = flush, .stored = stored};
    struct hy_fold_sink sink = hy_sqlite_sink(&view);
    if (hy_fold_new(&options, &sink, &fold, &err) != 0) goto failed;
    int rc = run(fold);
    hy_fold_free(fold);
    hy_sqlite_close(db);
    return rc;
failed:
    fprintf(stderr, "fold_count: %s\n", err.text);
    hy_sqlite_close(db);
    return 1;
}
