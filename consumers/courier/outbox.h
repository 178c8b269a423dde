// What is still to be delivered: a fold of hy.cases (open delivery rows) and hy.content (their texts) in a SQLite file
// of the courier's own, so that a restart goes on where it was. Everything in it can be lost and comes back. Only texts
// of our own pen are kept (notices, receipts, drafts), never a citizen's, and a text goes when its case is closed and
// its last row is done. Neither topic waits for the other, and the view is right in whatever order their records come.
// To keep another property of a delivery, add a column by a migration and fill it in fold_case.
#ifndef HY_COURIER_OUTBOX_H
#define HY_COURIER_OUTBOX_H

#include "huiying/v1/case.pb-c.h"
#include "lib/base/arena.h"
#include "lib/fold/fold.h"

struct outbox; // one thread

// One open row; strings in the arena given to outbox_next.
struct outbox_row {
    char *case_id, *dossier, *row, *target, *purpose, *courier, *receipt_number, *content_key;
    int state; // DeliveryState
    uint32_t attempt;
    int64_t until_ms, not_before_ms;
    uint8_t content_hash[32];
    char *text;
    Huiying__V1__Case *snapshot; // the whole case as it stood
};

// Opens path (made when missing; thrown away and made anew when damaged). Free with outbox_close.
HY_MUST_CHECK int outbox_open(const char *path, struct outbox **out, struct hy_error *err);
void outbox_close(struct outbox *outbox);
// The sink for hy_fold_new over hy.cases and hy.content; lives as long as the outbox.
struct hy_fold_sink outbox_sink(struct outbox *outbox);

// The rows that the courier has to look at, oldest first, at most max: calls each with a row that lives until it
// returns. Left out, since they would only stand before the others: rows whose text has not come yet, and those of the
// target `unserved` ("" = none). HY_EIO and the like from SQLite.
HY_MUST_CHECK int outbox_each(struct outbox *outbox, const char *unserved, int max,
                              void (*each)(void *ctx, const struct outbox_row *row), void *ctx, struct hy_error *err);
// Numbers of open rows, for metrics.
int64_t outbox_count(struct outbox *outbox);

#endif
