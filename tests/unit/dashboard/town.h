// A view in a temporary file, filled through the fold's own functions (view_rows.h) without Kafka, and the queries over
// it. For the tests of this folder. To fold another kind of record, a function here that packs it and hands it on.
// The clock is the test's own, so that figures of a day do not depend on the hour it runs at.
#ifndef HY_TESTS_DASHBOARD_TOWN_H
#define HY_TESTS_DASHBOARD_TOWN_H

#include "consumers/dashboard/queries.h"
#include "huiying/v1/journal.pb-c.h"
#include "huiying/v1/work.pb-c.h"

struct town {
    char path[64];
    struct hy_sqlite *db;
    struct hy_arena *arena;
    struct hy_fake_clock clock;
    struct queries q;
    int64_t offset;
};

struct town *town_new(void);
void town_free(struct town *town);

// One letter of a department. n makes its ids; due_ms 0 = no clock.
struct letter {
    int n;
    const char *owner, *kind; // kind NULL = letter
    int64_t due_ms, closed_ms;
    bool breached;
    uint32_t work_seq;
    int64_t last_offset;
};
const char *town_id(int n); // of letter n; static
void town_case(struct town *town, const struct letter *letter);
void town_journal(struct town *town, Huiying__V1__JournalRecord *record);
void town_work(struct town *town, int n, const char *department, uint64_t seq, Huiying__V1__WorkKind kind);
void town_position(struct town *town, const char *topic, int64_t offset);
void town_begin(struct town *town); // many records in one transaction
void town_commit(struct town *town);

#endif
