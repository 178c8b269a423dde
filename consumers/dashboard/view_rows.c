#include "consumers/dashboard/view_rows.h"

#include <string.h>

#include "consumers/dashboard/words.h"
#include "huiying/v1/dead_letter.pb-c.h"
#include "huiying/v1/event.pb-c.h"
#include "huiying/v1/journal.pb-c.h"
#include "huiying/v1/work.pb-c.h"
#include "lib/base/pb.h"
#include "lib/core/case.h"

static int64_t ms_of(const Huiying__V1__Time *time) {
    return time ? time->unix_ms : 0;
}

// Values for a statement, bound in order.
struct binder {
    sqlite3_stmt *stmt;
    int at;
};

static void text(struct binder *b, const char *value) {
    hy_sqlite_bind_text(b->stmt, ++b->at, value);
}

static void number(struct binder *b, int64_t value) {
    hy_sqlite_bind_int(b->stmt, ++b->at, value);
}

static void blob(struct binder *b, struct hy_bytes value) {
    hy_sqlite_bind_blob(b->stmt, ++b->at, value);
}

static int delete_by(struct hy_sqlite *db, const char *sql, const char *key, struct hy_error *err) {
    sqlite3_stmt *stmt = hy_sqlite_stmt(db, sql, err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_text(stmt, 1, key);
    return hy_sqlite_run(db, stmt, err);
}

// The clocks of a case in one line of a list: the next due, and whether anything is late or soon late.
struct dues {
    int64_t due_ms, start_ms;
    bool late, soon, provisional;
};

static struct dues dues_of(const Huiying__V1__Case *c) {
    struct dues dues = {0};
    for (size_t i = 0; i < c->n_clocks; i++) {
        const Huiying__V1__Clock *clock = c->clocks[i];
        bool running = clock->state == HUIYING__V1__CLOCK_STATE__CLOCK_STATE_RUNNING;
        bool breached = clock->state == HUIYING__V1__CLOCK_STATE__CLOCK_STATE_BREACHED;
        if (!running && !breached) continue;
        dues.late = dues.late || breached;
        dues.soon = dues.soon || clock->stage > 0;
        if (dues.due_ms == 0 || ms_of(clock->due) < dues.due_ms) {
            dues.due_ms = ms_of(clock->due);
            dues.start_ms = ms_of(clock->started);
            dues.provisional = clock->provisional;
        }
    }
    return dues;
}

static void bind_case(struct binder *b, const Huiying__V1__Case *c, const struct hy_fold_record *record) {
    bool open = hy_case_is_open(c);
    struct dues dues = open ? dues_of(c) : (struct dues){0};
    const Huiying__V1__IncidentTotals *incident = c->incident;
    text(b, c->id);
    number(b, record->partition);
    text(b, c->dossier);
    text(b, c->kind);
    text(b, hy_case_state_name(c->state));
    number(b, open);
    text(b, c->owner);
    text(b, c->receipt_number);
    text(b, c->opening_event[0] && c->n_content_keys > 0 ? c->content_keys[0] : "");
    text(b, c->platform);
    text(b, c->account);
    text(b, c->category);
    text(b, c->area);
    text(b, c->urgency);
    number(b, ms_of(c->received));
    number(b, ms_of(c->opened));
    number(b, ms_of(c->closed));
    number(b, dues.due_ms ? dues.due_ms : INT64_MAX);
    number(b, dues.start_ms);
    number(b, dues.late);
    number(b, dues.soon && !dues.late);
    number(b, dues.provisional);
    number(b, (int64_t)c->step);
    number(b, incident ? (int64_t)incident->level : 0);
    text(b, incident ? incident->subject : "");
    number(b, incident ? (int64_t)incident->writers : 0);
    number(b, incident ? (int64_t)incident->messages : 0);
    number(b, incident && incident->acknowledged ? ms_of(incident->acknowledged_at) : 0);
    text(b, c->work_item);
    number(b, c->work_seq);
    number(b, c->last_offset);
    blob(b, record->value);
}

int view_case(struct hy_arena *arena, struct hy_sqlite *db, const struct hy_fold_record *record, struct hy_error *err) {
    const char *key = (const char *)record->key.data;
    const char *dot = record->key.len ? memchr(key, '.', record->key.len) : NULL;
    if (!dot) return HY_OK; // a dossier record, or the progress of a partition
    if (!record->value.data) {
        char *id = hy_arena_strn(arena, dot + 1, record->key.len - (size_t)(dot + 1 - key));
        return id ? delete_by(db, "DELETE FROM cases WHERE id=?", id, err) : HY_ENOMEM;
    }
    Huiying__V1__Case *c = NULL;
    int rc = hy_pb_read(&huiying__v1__case__descriptor, arena, record->value, 1, &c, err);
    if (rc != HY_OK) return rc;
    struct binder b = {
        hy_sqlite_stmt(
            db,
            "INSERT OR REPLACE INTO cases VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,"
            " (SELECT coalesce(max(rev), 0) + 1 FROM cases))",
            err),
        0};
    if (!b.stmt) return HY_EINTERNAL;
    bind_case(&b, c, record);
    return hy_sqlite_run(db, b.stmt, err);
}

// receipt: HY_RECEIPT_SIZE bytes that live until the statement has run.
static void bind_journal(struct binder *b, const Huiying__V1__JournalRecord *j, char *receipt,
                         const struct hy_fold_record *record) {
    receipt[0] = '\0';
    // A citizen is no name for the history: only people who act for a department and programs are.
    bool citizen = j->actor && j->actor->kind == HUIYING__V1__ACTOR_KIND__ACTOR_KIND_CITIZEN;
    if (j->fate != HUIYING__V1__FATE__FATE_UNSPECIFIED) hy_receipt_number(j->event_id, receipt);
    number(b, record->partition);
    number(b, record->offset);
    text(b, j->case_id);
    text(b, j->dossier);
    number(b, (int64_t)j->seq);
    text(b, j->command_id);
    text(b, j->command);
    number(b, ms_of(j->at));
    text(b, !j->actor ? "" : citizen ? "citizen" : j->actor->id);
    text(b, word_verdict(j->verdict));
    text(b, j->rule);
    text(b, j->article);
    text(b, j->explanation);
    text(b, word_fate(j->fate));
    text(b, j->event_id);
    text(b, receipt);
    text(b, j->state_after);
    text(b, j->owner_after);
    number(b, (int64_t)j->step);
}

int view_journal(struct hy_arena *arena, struct hy_sqlite *db, const struct hy_fold_record *record,
                 struct hy_error *err) {
    Huiying__V1__JournalRecord *j = NULL;
    int rc = hy_pb_read(&huiying__v1__journal_record__descriptor, arena, record->value, 1, &j, err);
    if (rc != HY_OK) return rc;
    struct binder b = {
        hy_sqlite_stmt(db,
                       "INSERT OR IGNORE INTO journal(part, offset, case_id, dossier, seq, command_id, command, at_ms,"
                       " actor, verdict, rule, article, explanation, fate, event_id, receipt, state_after,"
                       " owner_after, step) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                       err),
        0};
    if (!b.stmt) return HY_EINTERNAL;
    char *receipt = hy_arena_alloc(arena, HY_RECEIPT_SIZE);
    if (!receipt) return HY_ENOMEM;
    bind_journal(&b, j, receipt, record);
    return hy_sqlite_run(db, b.stmt, err);
}

int view_content(struct hy_arena *arena, struct hy_sqlite *db, const struct hy_fold_record *record,
                 struct hy_error *err) {
    char *key = hy_arena_strn(arena, (const char *)record->key.data, record->key.len);
    if (!key) return HY_ENOMEM;
    if (!record->value.data) return delete_by(db, "DELETE FROM content WHERE key=?", key, err);
    Huiying__V1__Content *content = NULL;
    int rc = hy_pb_read(&huiying__v1__content__descriptor, arena, record->value, 1, &content, err);
    if (rc != HY_OK) return rc;
    struct binder b = {hy_sqlite_stmt(db, "INSERT OR REPLACE INTO content VALUES(?,?,?,?,?,?,?,?)", err), 0};
    if (!b.stmt) return HY_EINTERNAL;
    text(&b, key);
    number(&b, record->partition);
    text(&b, content->case_id);
    text(&b, content->event_id);
    text(&b, content->kind);
    text(&b, content->title);
    text(&b, content->text);
    number(&b, ms_of(content->at));
    return hy_sqlite_run(db, b.stmt, err);
}

// One row a case and department: the item that stands there, and what was last said of it. ASSIGNED begins it, RECALLED
// and CLOSED end it; a reminder or a change speaks about it (also to a supervisor, who has no item). A lower seq than
// the row's is ignored, as the contract says.
int view_work(struct hy_arena *arena, struct hy_sqlite *db, const struct hy_fold_record *record, struct hy_error *err) {
    Huiying__V1__WorkItem *item = NULL;
    int rc = hy_pb_read(&huiying__v1__work_item__descriptor, arena, record->value, 1, &item, err);
    if (rc != HY_OK) return rc;
    struct binder b = {
        hy_sqlite_stmt(db,
                       "INSERT INTO work VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(topic, case_id) DO UPDATE SET"
                       " id=CASE WHEN excluded.kind='assigned' THEN excluded.id ELSE work.id END,"
                       " part=excluded.part, offset=excluded.offset, seq=excluded.seq, kind=excluded.kind,"
                       " at_ms=excluded.at_ms, why=excluded.why, standing=CASE excluded.kind WHEN 'assigned' THEN 1"
                       " WHEN 'recalled' THEN 0 WHEN 'closed' THEN 0 ELSE work.standing END"
                       " WHERE excluded.seq > work.seq",
                       err),
        0};
    if (!b.stmt) return HY_EINTERNAL;
    text(&b, record->topic);
    text(&b, item->case_id);
    text(&b, item->id);
    number(&b, record->partition);
    number(&b, record->offset);
    text(&b, item->department);
    number(&b, (int64_t)item->seq);
    text(&b, word_work(item->kind));
    number(&b, ms_of(item->at));
    text(&b, item->why);
    number(&b, item->kind == HUIYING__V1__WORK_KIND__WORK_KIND_ASSIGNED);
    return hy_sqlite_run(db, b.stmt, err);
}

int view_dead(struct hy_arena *arena, struct hy_sqlite *db, const struct hy_fold_record *record, struct hy_error *err) {
    Huiying__V1__DeadLetter *letter = NULL;
    int rc = hy_pb_read(&huiying__v1__dead_letter__descriptor, arena, record->value, 1, &letter, err);
    if (rc != HY_OK) return rc;
    struct binder b = {hy_sqlite_stmt(db, "INSERT OR REPLACE INTO dead VALUES(?,?,?,?,?)", err), 0};
    if (!b.stmt) return HY_EINTERNAL;
    number(&b, record->partition);
    number(&b, record->offset);
    text(&b, letter->reason);
    text(&b, letter->program);
    number(&b, ms_of(letter->at));
    return hy_sqlite_run(db, b.stmt, err);
}

static int note_heard(struct hy_sqlite *db, const char *event_id, int64_t at_ms, struct hy_error *err) {
    struct binder b = {hy_sqlite_stmt(db, "INSERT OR IGNORE INTO heard VALUES(?,?)", err), 0};
    if (!b.stmt) return HY_EINTERNAL;
    text(&b, event_id);
    number(&b, at_ms / VIEW_SLOT_MS);
    return hy_sqlite_run(db, b.stmt, err);
}

int view_source(struct hy_arena *arena, struct hy_sqlite *db, const struct hy_fold_record *record,
                struct hy_error *err) {
    Huiying__V1__Event *event = NULL;
    int rc = hy_pb_read(&huiying__v1__event__descriptor, arena, record->value, 1, &event, err);
    if (rc != HY_OK) return rc;
    struct binder b = {hy_sqlite_stmt(db,
                                      "INSERT INTO sources SELECT ?,?,?,?,?,1,? WHERE NOT EXISTS(SELECT 1 FROM heard"
                                      " WHERE event_id=?) ON CONFLICT DO UPDATE SET n=n+1,"
                                      " last_ms=max(last_ms, excluded.last_ms)",
                                      err),
                       0};
    if (!b.stmt) return HY_EINTERNAL;
    int64_t at = event->ingested ? event->ingested->unix_ms : record->timestamp_ms;
    text(&b, record->topic);
    number(&b, record->partition);
    text(&b, event->platform);
    text(&b, event->account);
    number(&b, at / VIEW_SLOT_MS);
    number(&b, at);
    text(&b, event->id);
    rc = hy_sqlite_run(db, b.stmt, err);
    return rc == HY_OK ? note_heard(db, event->id, at, err) : rc;
}
