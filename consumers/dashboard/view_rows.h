// What one record of each topic does to the tables of the view. A function here returns HY_EFORMAT or HY_EVERSION for a
// record that cannot be read, and SQLite's failures as they are. Runs on the view's thread, inside the batch's
// transaction. To keep another property: a column in schema.c and a value here.
#ifndef HY_DASHBOARD_VIEW_ROWS_H
#define HY_DASHBOARD_VIEW_ROWS_H

#include "lib/base/arena.h"
#include "lib/fold/fold.h"
#include "lib/fold/sqlite.h"

enum { VIEW_SLOT_MS = 300000 }; // messages of a source are counted in slots of this length

typedef int (*view_row_fn)(struct hy_arena *arena, struct hy_sqlite *db, const struct hy_fold_record *record,
                           struct hy_error *err);

int view_case(struct hy_arena *arena, struct hy_sqlite *db, const struct hy_fold_record *record, struct hy_error *err);
int view_journal(struct hy_arena *arena, struct hy_sqlite *db, const struct hy_fold_record *record,
                 struct hy_error *err);
int view_content(struct hy_arena *arena, struct hy_sqlite *db, const struct hy_fold_record *record,
                 struct hy_error *err);
int view_work(struct hy_arena *arena, struct hy_sqlite *db, const struct hy_fold_record *record, struct hy_error *err);
int view_dead(struct hy_arena *arena, struct hy_sqlite *db, const struct hy_fold_record *record, struct hy_error *err);
int view_source(struct hy_arena *arena, struct hy_sqlite *db, const struct hy_fold_record *record,
                struct hy_error *err);

#endif
