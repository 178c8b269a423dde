// The fold's store for SQLite, ready made: the program gives what one record does to its tables and what it means to
// forget a partition; transaction, positions, rollback and refold are done here.
//
//     struct hy_sqlite_sink view = {.db = db, .ctx = me, .record = fold_record, .forget = forget_partition};
//     struct hy_fold_sink sink = hy_sqlite_sink(&view);
//     hy_fold_new(&options, &sink, &fold, err);
#ifndef HY_FOLD_SQLITE_SINK_H
#define HY_FOLD_SQLITE_SINK_H

#include "lib/fold/fold.h"
#include "lib/fold/sqlite.h"

struct hy_sqlite_sink {
    struct hy_sqlite *db; // the writing connection; borrowed, used only on the fold's thread
    void *ctx;
    // What one record does, inside the batch's transaction. A failure rolls the batch back and has it read again, so
    // what is wrong with the record itself must be dealt with here (counted, stored as unreadable), not returned.
    int (*record)(void *ctx, struct hy_sqlite *db, const struct hy_fold_record *record, struct hy_error *err);
    // Deletes every row that came from this partition, inside a transaction.
    int (*forget)(void *ctx, struct hy_sqlite *db, const char *topic, int32_t partition, struct hy_error *err);
    // Before the batch's transaction ends: derived rows, counters. (may be NULL)
    int (*flush)(void *ctx, struct hy_sqlite *db, struct hy_error *err);
    // After it: what may now be told (SSE). Also called with n = 0 after a forget. (may be NULL)
    void (*stored)(void *ctx, const struct hy_fold_commit *parts, size_t n);
    // Folded to the end, each time. (may be NULL)
    void (*caught_up)(void *ctx, const char *topic, int32_t partition);
};

// The hooks over *view, which must outlive the fold.
struct hy_fold_sink hy_sqlite_sink(struct hy_sqlite_sink *view);

#endif
