#include "lib/fold/sqlite_sink.h"

#include <stdio.h>

static int sink_open(void *ctx, const char *topic, int32_t partition, struct hy_fold_position *out,
                     struct hy_error *err) {
    struct hy_sqlite_sink *view = ctx;
    return hy_sqlite_position_get(view->db, topic, partition, out, err);
}

static int forget(struct hy_sqlite_sink *view, const char *topic, int32_t partition,
                  const struct hy_fold_position *start, struct hy_error *err) {
    int rc = view->forget(view->ctx, view->db, topic, partition, err);
    if (rc == 0) rc = hy_sqlite_position_put(view->db, topic, partition, start, err);
    return rc == 0 ? hy_sqlite_commit(view->db, err) : rc;
}

static int sink_reset(void *ctx, const char *topic, int32_t partition, const struct hy_fold_position *start,
                      enum hy_fold_reset why, struct hy_error *err) {
    struct hy_sqlite_sink *view = ctx;
    (void)why;
    int rc = hy_sqlite_begin(view->db, err);
    if (rc != 0) return rc;
    if ((rc = forget(view, topic, partition, start, err)) != 0) {
        hy_sqlite_rollback(view->db);
        return rc;
    }
    if (view->stored) view->stored(view->ctx, NULL, 0);
    return 0;
}

static int sink_begin(void *ctx, struct hy_error *err) {
    struct hy_sqlite_sink *view = ctx;
    return hy_sqlite_begin(view->db, err);
}

static int sink_record(void *ctx, const struct hy_fold_record *record, struct hy_error *err) {
    struct hy_sqlite_sink *view = ctx;
    return view->record(view->ctx, view->db, record, err);
}

static int sink_commit(void *ctx, const struct hy_fold_commit *parts, size_t n, struct hy_error *err) {
    struct hy_sqlite_sink *view = ctx;
    int rc = view->flush ? view->flush(view->ctx, view->db, err) : 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct hy_fold_position position = {.offset = parts[i].offset};
        snprintf(position.log_id, sizeof position.log_id, "%s", parts[i].log_id);
        rc = hy_sqlite_position_put(view->db, parts[i].topic, parts[i].partition, &position, err);
    }
    if (rc == 0) rc = hy_sqlite_commit(view->db, err);
    if (rc == 0 && view->stored) view->stored(view->ctx, parts, n);
    return rc;
}

static void sink_rollback(void *ctx) {
    struct hy_sqlite_sink *view = ctx;
    hy_sqlite_rollback(view->db);
}

static void sink_caught_up(void *ctx, const char *topic, int32_t partition) {
    struct hy_sqlite_sink *view = ctx;
    if (view->caught_up) view->caught_up(view->ctx, topic, partition);
}

struct hy_fold_sink hy_sqlite_sink(struct hy_sqlite_sink *view) {
    return (struct hy_fold_sink){.ctx = view,
                                 .open = sink_open,
                                 .reset = sink_reset,
                                 .begin = sink_begin,
                                 .record = sink_record,
                                 .commit = sink_commit,
                                 .rollback = sink_rollback,
                                 .caught_up = sink_caught_up};
}
