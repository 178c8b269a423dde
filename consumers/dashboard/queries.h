// What REST answers, read from the view (schema.h) and written as JSON with the names of docs/rest.md. One file a
// question: query_overview.c, query_list.c, query_case.c, query_work.c, query_message.c. Read-only, on the loop's
// thread, each in one short read transaction. To answer something new: a function here, its route in rest.c, its line
// in docs/rest.md.
//
// All return HY_OK and give *out to the caller; HY_ENOTFOUND; HY_EDENIED for what this identity may not see;
// HY_EINVALID for a parameter (err says which); else SQLite's failure, after which the caller may try again.
#ifndef HY_DASHBOARD_QUERIES_H
#define HY_DASHBOARD_QUERIES_H

#include <jansson.h>

#include "consumers/dashboard/who.h"
#include "huiying/v1/case.pb-c.h"
#include "lib/base/arena.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/core/policy.h"
#include "lib/fold/sqlite.h"

struct queries {
    struct hy_sqlite *db; // a reader of its own
    struct hy_arena *arena;
    const struct hy_clock *clock;
    // The pack with this hash, "" = the one in force; NULL when not known: codes stand for names then.
    const struct hy_pack *(*pack_of)(void *ctx, const char *hash);
    void *ctx;
};

// path: the file of view_start. HY_ENOTFOUND before that. Free with queries_close.
HY_MUST_CHECK int queries_open(const char *path, struct queries *out, struct hy_error *err);
void queries_close(struct queries *q);
// A read transaction around several statements, so that they see one moment.
HY_MUST_CHECK int queries_begin(struct queries *q, struct hy_error *err);
void queries_end(struct queries *q);
// Name of a department in the pack in force, or its code. Borrowed.
const char *queries_department(struct queries *q, const char *code);
// The first moment of today in Asia/Shanghai, UTC ms.
int64_t queries_day_start(int64_t now_ms);

// totals, departments, incidents, sources. The caller adds stages and view.
HY_MUST_CHECK int query_overview(struct queries *q, const struct who *who, json_t **out, struct hy_error *err);

struct list_filter {
    const char *filter;                                        // open soon late closed closed_today incident all
    const char *department, *platform, *account, *kind, *text; // "" = any
    const char *after;                                         // what the page before gave as next; "" = from the start
    int limit;                                                 // 1..200
};
HY_MUST_CHECK int query_list(struct queries *q, const struct who *who, const struct list_filter *filter, json_t **out,
                             struct hy_error *err);
HY_MUST_CHECK int query_case(struct queries *q, const struct who *who, const char *id, json_t **out,
                             struct hy_error *err);
HY_MUST_CHECK int query_work(struct queries *q, const struct who *who, const char *department, const char *after,
                             int limit, json_t **out, struct hy_error *err);
HY_MUST_CHECK int query_event(struct queries *q, const struct who *who, const char *event_id, json_t **out,
                              struct hy_error *err);
HY_MUST_CHECK int query_noted(struct queries *q, const struct who *who, const char *after, int limit, json_t **out,
                              struct hy_error *err);
// The verdict of a command: its first record that is not a repetition.
HY_MUST_CHECK int query_verdict(struct queries *q, const char *command_id, json_t **out, struct hy_error *err);
// What a citizen may know by a receipt number (receipt_normal of receipt.h).
HY_MUST_CHECK int query_receipt(struct queries *q, const char *number, json_t **out, struct hy_error *err);

// For acts: where a case is and who may speak to it.
struct case_place {
    char dossier[HY_ID_SIZE];
    char kind[64], owner[80], state[32];
    int64_t step, last_offset;
    bool listed; // an item of it once stood on this identity's department
};
HY_MUST_CHECK int query_place(struct queries *q, const struct who *who, const char *case_id, struct case_place *out,
                              struct hy_error *err);
// The dossier of a message that was noted. HY_ENOTFOUND when no such message is known.
HY_MUST_CHECK int query_event_dossier(struct queries *q, const char *event_id, char dossier[HY_ID_SIZE],
                                      struct hy_error *err);

// For live.c: what changed since, oldest first, each {"rev"|"n", …} with "owner" and "kind" for who_may_see.
HY_MUST_CHECK int query_changed_cases(struct queries *q, int64_t after_rev, int limit, json_t **out,
                                      struct hy_error *err);
HY_MUST_CHECK int query_new_journal(struct queries *q, int64_t after_n, int limit, json_t **out, struct hy_error *err);
HY_MUST_CHECK int query_newest(struct queries *q, int64_t *rev, int64_t *n, struct hy_error *err);

// ---- shared by the query_*.c files ----
// The columns of one line of a list, from cases c and content m; list_row reads them from column 0 on.
#define QUERY_ROW                                                                                                      \
    "c.id, c.receipt_number, c.kind, c.state, c.is_open, c.owner, c.platform, c.account, c.category, c.area,"          \
    " c.urgency, c.received_ms, c.opened_ms, c.closed_ms, c.due_ms, c.start_ms, c.late, c.soon, c.provisional, "       \
    "c.step,"                                                                                                          \
    " c.level, c.subject, c.writers, c.messages, c.acknowledged_ms, c.work_item, m.title, substr(m.text, 1, 60)"
enum { QUERY_ROW_COLUMNS = 28 };
json_t *query_row(struct queries *q, sqlite3_stmt *stmt);
// What a case is called: its title, else the beginning of its text, else its subject ("place|topic|entity") as people
// write it. Puts it into object as "title".
void query_title(json_t *object, const char *title, const char *text, const char *subject);
// "1760000000000.ID", the key of the row after which a list goes on; "" leaves *ms and *id as they are. False for
// anything else.
bool query_after(const char *after, int64_t *ms, const char **id);

#endif
