#include "town.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "consumers/dashboard/schema.h"
#include "consumers/dashboard/view_rows.h"
#include "lib/base/pb.h"
#include "lib/lane/topics.h"

enum { NOW_MS_S = 1771034400 }; // 2026-02-14T10:00:00+08:00

struct town *town_new(void) {
    struct town *town = calloc(1, sizeof *town);
    struct hy_error err = {0};
    assert_non_null(town);
    snprintf(town->path, sizeof town->path, "/tmp/hy-town-XXXXXX");
    int fd = mkstemp(town->path);
    assert_true(fd >= 0);
    close(fd);
    town->arena = hy_arena_new(8 << 20);
    assert_int_equal(schema_open_writer(town->path, &town->db, &err), HY_OK);
    assert_int_equal(queries_open(town->path, &town->q, &err), HY_OK);
    hy_fake_clock_init(&town->clock, (int64_t)NOW_MS_S * 1000);
    town->q.clock = &town->clock.clock;
    return town;
}

void town_free(struct town *town) {
    queries_close(&town->q);
    hy_sqlite_close(town->db);
    assert_int_equal(hy_sqlite_remove(town->path, NULL), HY_OK);
    hy_arena_free(town->arena);
    free(town);
}

static void hand_on(struct town *town, view_row_fn fold, const char *topic, const char *key, const void *message) {
    struct hy_fold_record record = {.topic = topic, .offset = town->offset++, .key = hy_bytes_of(key)};
    struct hy_error err = {0};
    assert_int_equal(hy_pb_write(message, town->arena, &record.value), HY_OK);
    int rc = fold(town->arena, town->db, &record, &err);
    if (rc != HY_OK) fail_msg("fold: %s", err.text);
    hy_arena_reset(town->arena);
}

const char *town_id(int n) {
    static char ids[8][HY_ID_SIZE];
    static int next;
    char number[16];
    char *id = ids[next++ % 8];
    snprintf(number, sizeof number, "%d", n);
    hy_id_strings(id, 2, "town", number);
    return id;
}

void town_case(struct town *town, const struct letter *letter) {
    Huiying__V1__Case c = HUIYING__V1__CASE__INIT;
    Huiying__V1__Clock clock = HUIYING__V1__CLOCK__INIT;
    Huiying__V1__Time due = HUIYING__V1__TIME__INIT, closed = HUIYING__V1__TIME__INIT;
    Huiying__V1__Clock *clocks[] = {&clock};
    char key[64], item[48];
    snprintf(key, sizeof key, "D.%s", town_id(letter->n));
    snprintf(item, sizeof item, "%s-%u", town_id(letter->n), letter->work_seq);
    c.schema_version = 1;
    c.id = (char *)(uintptr_t)town_id(letter->n);
    c.dossier = (char *)(uintptr_t) "D";
    c.kind = (char *)(uintptr_t)(letter->kind ? letter->kind : "letter");
    c.owner = (char *)(uintptr_t)letter->owner;
    c.state =
        letter->closed_ms ? HUIYING__V1__CASE_STATE__CASE_STATE_CLOSED : HUIYING__V1__CASE_STATE__CASE_STATE_ASSIGNED;
    c.work_seq = letter->work_seq;
    c.work_item = item;
    c.last_offset = letter->last_offset;
    closed.unix_ms = letter->closed_ms;
    if (letter->closed_ms) c.closed = &closed;
    due.unix_ms = letter->due_ms;
    clock.due = &due;
    clock.state = letter->breached ? HUIYING__V1__CLOCK_STATE__CLOCK_STATE_BREACHED
                                   : HUIYING__V1__CLOCK_STATE__CLOCK_STATE_RUNNING;
    c.n_clocks = letter->due_ms != 0;
    c.clocks = clocks;
    hand_on(town, view_case, HY_TOPIC_CASES, key, &c);
}

void town_journal(struct town *town, Huiying__V1__JournalRecord *record) {
    record->schema_version = 1;
    hand_on(town, view_journal, HY_TOPIC_JOURNAL, "D", record);
}

void town_work(struct town *town, int n, const char *department, uint64_t seq, Huiying__V1__WorkKind kind) {
    Huiying__V1__WorkItem item = HUIYING__V1__WORK_ITEM__INIT;
    char topic[64], id[48];
    snprintf(topic, sizeof topic, "hy.work.%s", department);
    snprintf(id, sizeof id, "%s-%llu", town_id(n), (unsigned long long)seq);
    item.schema_version = 1;
    item.id = id;
    item.case_id = (char *)(uintptr_t)town_id(n);
    item.department = (char *)(uintptr_t)department;
    item.seq = seq;
    item.kind = kind;
    hand_on(town, view_work, topic, town_id(n), &item);
}

void town_position(struct town *town, const char *topic, int64_t offset) {
    struct hy_fold_position position = {.log_id = "LOG", .offset = offset};
    assert_int_equal(hy_sqlite_position_put(town->db, topic, 0, &position, NULL), HY_OK);
}

void town_begin(struct town *town) {
    assert_int_equal(hy_sqlite_begin(town->db, NULL), HY_OK);
}

void town_commit(struct town *town) {
    assert_int_equal(hy_sqlite_commit(town->db, NULL), HY_OK);
}
