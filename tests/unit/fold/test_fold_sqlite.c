// SQLite for folds: layouts move up by numbers, data and position are one transaction, what is damaged is said.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fold/sqlite_sink.h"

static const char *const LAYOUT[] = {"CREATE TABLE seen(key BLOB PRIMARY KEY, part INTEGER, n INTEGER)",
                                     "ALTER TABLE seen ADD COLUMN note TEXT; CREATE INDEX seen_part ON seen(part)"};

struct place {
    char folder[64];
    char path[96];
};

static int make_place(void **state) {
    struct place *place = calloc(1, sizeof *place);
    snprintf(place->folder, sizeof place->folder, "/tmp/hy-unit-sqlite-XXXXXX");
    if (!mkdtemp(place->folder)) return -1;
    snprintf(place->path, sizeof place->path, "%s/view.db", place->folder);
    *state = place;
    return 0;
}

static int drop_place(void **state) {
    struct place *place = *state;
    int rc = hy_sqlite_remove(place->path, NULL);
    rmdir(place->folder);
    free(place);
    return rc;
}

static struct hy_sqlite *open_with(const struct place *place, size_t n) {
    struct hy_sqlite_options options = {.path = place->path, .migrations = LAYOUT, .n_migrations = n, .check = true};
    struct hy_sqlite *db = NULL;
    struct hy_error err = {0};
    if (hy_sqlite_open(&options, &db, &err) != 0) fail_msg("%s", err.text);
    return db;
}

static int64_t number(struct hy_sqlite *db, const char *sql) {
    int64_t value;
    struct hy_error err = {0};
    if (hy_sqlite_get_int(db, sql, -7, &value, &err) != 0) fail_msg("%s", err.text);
    return value;
}

static void layouts_move_up_by_numbers_and_never_down(void **state) {
    struct place *place = *state;
    struct hy_sqlite_options options = {
        .path = place->path, .migrations = LAYOUT, .n_migrations = 2, .read_only = true};
    struct hy_sqlite *db;
    struct hy_error err = {0};
    assert_int_equal(hy_sqlite_open(&options, &db, &err), HY_ENOTFOUND);
    db = open_with(place, 1);
    assert_int_equal(hy_sqlite_exec(db, "INSERT INTO seen VALUES('a', 1, 1)", &err), 0);
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    hy_sqlite_close(db);
    assert_int_equal(hy_sqlite_open(&options, &db, &err), HY_EVERSION); // a reader does not migrate
    db = open_with(place, 2);
    assert_int_equal(number(db, "PRAGMA user_version"), 2);
    assert_int_equal(number(db, "SELECT count(*) FROM seen WHERE note IS NULL"), 1);
    hy_sqlite_close(db);
    options.n_migrations = 1;
    options.read_only = false;
    assert_int_equal(hy_sqlite_open(&options, &db, &err), HY_EVERSION);
    assert_non_null(strstr(err.text, "newer program"));
}

static void a_migration_that_fails_changes_nothing(void **state) {
    struct place *place = *state;
    static const char *const bad[] = {"CREATE TABLE seen(a)", "CREATE TABLE more(a); SELECT nonsense FROM nowhere"};
    struct hy_sqlite_options options = {.path = place->path, .migrations = bad, .n_migrations = 2};
    struct hy_sqlite *db;
    struct hy_error err = {0};
    assert_true(hy_sqlite_open(&options, &db, &err) < 0);
    assert_non_null(strstr(err.text, "migration to version 2"));
    options.n_migrations = 1;
    assert_int_equal(hy_sqlite_open(&options, &db, &err), 0);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_master WHERE name = 'more'"), 0);
    hy_sqlite_close(db);
}

static void it_is_in_wal_and_a_reader_sees_only_what_was_committed(void **state) {
    struct place *place = *state;
    struct hy_error err = {0};
    struct hy_sqlite *db = open_with(place, 2), *reader;
    struct hy_sqlite_options options = {
        .path = place->path, .migrations = LAYOUT, .n_migrations = 2, .read_only = true};
    assert_int_equal(hy_sqlite_open(&options, &reader, &err), 0);
    assert_int_equal(number(db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
    assert_int_equal(hy_sqlite_begin(db, &err), 0);
    sqlite3_stmt *stmt = hy_sqlite_stmt(db, "INSERT INTO seen(key, part, n, note) VALUES(?1, ?2, ?3, ?4)", &err);
    hy_sqlite_bind_blob(stmt, 1, hy_bytes_from("\0\1", 2));
    hy_sqlite_bind_int(stmt, 2, 3);
    hy_sqlite_bind_real(stmt, 3, 2.5);
    hy_sqlite_bind_text(stmt, 4, "停水\xf0\xa0\xae\xb7");
    assert_int_equal(hy_sqlite_run(db, stmt, &err), 0);
    assert_int_equal(number(reader, "SELECT count(*) FROM seen"), 0);
    assert_int_equal(hy_sqlite_commit(db, &err), 0);
    stmt = hy_sqlite_stmt(reader, "SELECT key, part, n, note, NULL FROM seen", &err);
    assert_int_equal(hy_sqlite_step(reader, stmt, &err), 1);
    assert_int_equal(hy_sqlite_blob(stmt, 0).len, 2);
    assert_int_equal(hy_sqlite_int(stmt, 1), 3);
    assert_true(hy_sqlite_real(stmt, 2) == 2.5);
    assert_string_equal(hy_sqlite_text(stmt, 3), "停水\xf0\xa0\xae\xb7");
    assert_string_equal(hy_sqlite_text(stmt, 4), "");
    assert_true(hy_sqlite_is_null(stmt, 4));
    assert_int_equal(hy_sqlite_step(reader, stmt, &err), 0);
    assert_true(hy_sqlite_exec(reader, "DELETE FROM seen", &err) < 0); // read only
    hy_sqlite_close(reader);
    hy_sqlite_close(db);
}

static void a_file_that_is_no_database_or_damaged_is_said_so(void **state) {
    struct place *place = *state;
    struct hy_sqlite_options options = {.path = place->path, .migrations = LAYOUT, .n_migrations = 2, .check = true};
    struct hy_sqlite *db;
    struct hy_error err = {0};
    FILE *file = fopen(place->path, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database ", file);
    fclose(file);
    assert_int_equal(hy_sqlite_open(&options, &db, &err), HY_EFORMAT);
    assert_int_equal(hy_sqlite_remove(place->path, &err), 0);
    db = open_with(place, 2);
    assert_int_equal(hy_sqlite_exec(db,
                                    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c LIMIT 2000) "
                                    "INSERT INTO seen SELECT randomblob(40), i, i, hex(randomblob(40)) FROM c",
                                    &err),
                     0);
    assert_int_equal(hy_sqlite_check(db, &err), 0);
    hy_sqlite_close(db);
    struct stat info;
    assert_int_equal(stat(place->path, &info), 0);
    file = fopen(place->path, "r+");
    for (long at = 8192; at < (long)info.st_size; at += 512) {
        fseek(file, at, SEEK_SET);
        fputs("damaged damaged damaged", file);
    }
    fclose(file);
    assert_int_equal(hy_sqlite_open(&options, &db, &err), HY_EFORMAT);
    options.path = "/nonexistent/folder/view.db";
    assert_int_equal(hy_sqlite_open(&options, &db, &err), HY_ENOTFOUND);
}

struct counter {
    int fail_at; // the record whose folding fails, 0 = none
    int n, stored, ends;
};

static int count_record(void *ctx, struct hy_sqlite *db, const struct hy_fold_record *record, struct hy_error *err) {
    struct counter *counter = ctx;
    if (++counter->n == counter->fail_at) return hy_fail(err, HY_EAGAIN, "not now");
    sqlite3_stmt *stmt = hy_sqlite_stmt(db,
                                        "INSERT INTO seen(key, part, n) VALUES(?1, ?2, 1) ON CONFLICT(key) DO UPDATE "
                                        "SET n = n + 1",
                                        err);
    if (!stmt) return err->code;
    hy_sqlite_bind_blob(stmt, 1, record->key);
    hy_sqlite_bind_int(stmt, 2, record->partition);
    return hy_sqlite_run(db, stmt, err);
}

static int forget_part(void *ctx, struct hy_sqlite *db, const char *topic, int32_t partition, struct hy_error *err) {
    (void)ctx, (void)topic;
    sqlite3_stmt *stmt = hy_sqlite_stmt(db, "DELETE FROM seen WHERE part = ?1", err);
    hy_sqlite_bind_int(stmt, 1, partition);
    return hy_sqlite_run(db, stmt, err);
}

static void note_stored(void *ctx, const struct hy_fold_commit *parts, size_t n) {
    (void)parts, (void)n;
    ((struct counter *)ctx)->stored++;
}

// What the fold does with a batch of n records of partition 3, in short.
static int batch(const struct hy_fold_sink *sink, int n, int64_t from) {
    struct hy_error err = {0};
    struct hy_fold_commit part = {"hy.cases", 3, "LOG", from, from + n, false};
    int rc = sink->begin(sink->ctx, &err);
    for (int i = 0; rc == 0 && i < n; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        struct hy_fold_record record = {
            .topic = "hy.cases", .partition = 3, .offset = from + i, .key = hy_bytes_of(key)};
        rc = sink->record(sink->ctx, &record, &err);
    }
    if (rc == 0) rc = sink->commit(sink->ctx, &part, 1, &err);
    if (rc != 0) sink->rollback(sink->ctx);
    return rc;
}

static void rows_and_position_are_stored_together_or_not_at_all(void **state) {
    struct place *place = *state;
    struct counter counter = {0};
    struct hy_sqlite *db = open_with(place, 2);
    struct hy_sqlite_sink view = {
        .db = db, .ctx = &counter, .record = count_record, .forget = forget_part, .stored = note_stored};
    struct hy_fold_sink sink = hy_sqlite_sink(&view);
    struct hy_fold_position at, start = {"LOG", 0};
    struct hy_error err = {0};
    assert_int_equal(sink.open(sink.ctx, "hy.cases", 3, &at, &err), 0);
    assert_int_equal(at.offset, HY_FOLD_NOWHERE);
    assert_int_equal(sink.reset(sink.ctx, "hy.cases", 3, &start, HY_FOLD_RESET_FIRST, &err), 0);
    assert_int_equal(batch(&sink, 10, 0), 0);
    counter.fail_at = counter.n + 5;
    assert_int_equal(batch(&sink, 10, 10), HY_EAGAIN);
    assert_int_equal(number(db, "SELECT sum(n) FROM seen"), 10);
    assert_int_equal(sink.open(sink.ctx, "hy.cases", 3, &at, &err), 0);
    assert_int_equal(at.offset, 10);
    assert_string_equal(at.log_id, "LOG");
    counter.fail_at = 0;
    assert_int_equal(batch(&sink, 10, 10), 0);
    assert_int_equal(number(db, "SELECT sum(n) FROM seen"), 20);
    hy_sqlite_close(db);
    db = open_with(place, 2); // as after a restart
    view.db = db;
    assert_int_equal(sink.open(sink.ctx, "hy.cases", 3, &at, &err), 0);
    assert_int_equal(at.offset, 20);
    start.offset = 4;
    assert_int_equal(sink.reset(sink.ctx, "hy.cases", 3, &start, HY_FOLD_RESET_BELOW, &err), 0);
    assert_int_equal(number(db, "SELECT count(*) FROM seen"), 0);
    assert_int_equal(sink.open(sink.ctx, "hy.cases", 3, &at, &err), 0);
    assert_int_equal(at.offset, 4);
    assert_int_equal(counter.stored, 4);
    hy_sqlite_close(db);
}

static void a_second_writer_waits_and_then_is_told_that_it_is_locked(void **state) {
    struct place *place = *state;
    struct hy_error err = {0};
    struct hy_sqlite *one = open_with(place, 2), *two;
    struct hy_sqlite_options options = {
        .path = place->path, .migrations = LAYOUT, .n_migrations = 2, .busy_timeout_ms = 30};
    assert_int_equal(hy_sqlite_open(&options, &two, &err), 0);
    assert_int_equal(hy_sqlite_begin(one, &err), 0);
    assert_int_equal(hy_sqlite_begin(two, &err), HY_EAGAIN);
    hy_sqlite_rollback(one);
    hy_sqlite_rollback(one); // nothing to roll back is no failure
    assert_int_equal(hy_sqlite_begin(two, &err), 0);
    assert_null(hy_sqlite_stmt(two, "SELEC nonsense", &err));
    assert_non_null(strstr(err.text, "syntax"));
    hy_sqlite_rollback(two);
    hy_sqlite_close(one);
    hy_sqlite_close(two);
}

#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, drop_place)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PLACE(layouts_move_up_by_numbers_and_never_down),
        WITH_PLACE(a_migration_that_fails_changes_nothing),
        WITH_PLACE(it_is_in_wal_and_a_reader_sees_only_what_was_committed),
        WITH_PLACE(a_file_that_is_no_database_or_damaged_is_said_so),
        WITH_PLACE(rows_and_position_are_stored_together_or_not_at_all),
        WITH_PLACE(a_second_writer_waits_and_then_is_told_that_it_is_locked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
