#include "consumers/dashboard/schema.h"

#include "lib/base/log.h"

// part = partition a row came from, so that a partition can be forgotten. Times are ms since 1970 UTC.
static const char *const MIGRATIONS[] = {
    "CREATE TABLE cases(id TEXT PRIMARY KEY, part INT, dossier TEXT, kind TEXT, state TEXT, is_open INT, owner TEXT,"
    " receipt_number TEXT, opening_key TEXT, platform TEXT, account TEXT, category TEXT, area TEXT, urgency TEXT,"
    " received_ms INT, opened_ms INT, closed_ms INT, due_ms INT, start_ms INT, late INT, soon INT, provisional INT,"
    " step INT, level INT, subject TEXT, writers INT, messages INT, acknowledged_ms INT, work_item TEXT, work_seq INT,"
    " last_offset INT, snapshot BLOB, rev INT) WITHOUT ROWID;"
    "CREATE INDEX cases_list ON cases(is_open, due_ms, id);"
    "CREATE INDEX cases_due ON cases(due_ms, id);"
    "CREATE INDEX cases_owner ON cases(owner, is_open, due_ms, id);"
    "CREATE INDEX cases_closed ON cases(is_open, closed_ms, id, owner, kind);"
    "CREATE INDEX cases_figures ON cases(is_open, owner, late, soon, kind);"
    "CREATE INDEX cases_source ON cases(is_open, platform, account);"
    "CREATE INDEX cases_kind ON cases(kind, opened_ms);"
    "CREATE INDEX cases_late ON cases(due_ms, id, owner) WHERE is_open=1 AND late=1;"
    "CREATE INDEX cases_soon ON cases(due_ms, id, owner) WHERE is_open=1 AND soon=1;"
    "CREATE INDEX cases_incident ON cases(due_ms, id, owner) WHERE is_open=1 AND kind='incident';"
    "CREATE INDEX cases_rev ON cases(rev);" // rises with each change: what live.c tells
    "CREATE TABLE content(key TEXT PRIMARY KEY, part INT, case_id TEXT, event_id TEXT, kind TEXT, title TEXT,"
    " text TEXT, at_ms INT) WITHOUT ROWID;"
    // receipt = the citizen's number of event_id, by which the public door finds it
    "CREATE TABLE journal(n INTEGER PRIMARY KEY AUTOINCREMENT, part INT, offset INT, case_id TEXT, dossier TEXT,"
    " seq INT, command_id TEXT, command TEXT, at_ms INT, actor TEXT, verdict TEXT, rule TEXT, article TEXT,"
    " explanation TEXT, fate TEXT, event_id TEXT, receipt TEXT, state_after TEXT, owner_after TEXT, step INT,"
    " UNIQUE(part, offset));"
    "CREATE INDEX journal_case ON journal(case_id, seq);"
    "CREATE INDEX journal_command ON journal(command_id);"
    "CREATE INDEX journal_event ON journal(event_id) WHERE fate <> '';"
    "CREATE INDEX journal_receipt ON journal(receipt) WHERE fate <> '';"
    "CREATE INDEX journal_noted ON journal(at_ms, n, event_id) WHERE fate = 'noted';"
    "CREATE INDEX journal_after_all ON journal(event_id) WHERE fate = 'opened' AND command = 'open';"
    "CREATE TABLE work(topic TEXT, case_id TEXT, id TEXT, part INT, offset INT, department TEXT, seq INT, kind TEXT,"
    " at_ms INT, why TEXT, standing INT, PRIMARY KEY(topic, case_id)) WITHOUT ROWID;"
    "CREATE INDEX work_standing ON work(topic) WHERE standing=1;"
    "CREATE INDEX work_case ON work(case_id, seq);"
    // slot = five minutes of the ingest time
    "CREATE TABLE sources(topic TEXT, part INT, platform TEXT, account TEXT, slot INT, n INT, last_ms INT,"
    " PRIMARY KEY(topic, part, platform, account, slot)) WITHOUT ROWID;"
    // What came in the last slots: after a restart the gateway sends its last 15 minutes again, with equal ids.
    "CREATE TABLE heard(event_id TEXT PRIMARY KEY, slot INT) WITHOUT ROWID;"
    "CREATE TRIGGER heard_is_over AFTER INSERT ON sources BEGIN DELETE FROM heard WHERE slot < NEW.slot - 6; END;"
    "CREATE TABLE dead(part INT, offset INT, reason TEXT, program TEXT, at_ms INT, PRIMARY KEY(part, offset))"
    " WITHOUT ROWID;",
};

static struct hy_sqlite_options options_for(const char *path, bool read_only) {
    return (struct hy_sqlite_options){
        .path = path,
        .read_only = read_only,
        .migrations = MIGRATIONS,
        .n_migrations = sizeof MIGRATIONS / sizeof MIGRATIONS[0],
        .check = !read_only,
    };
}

int schema_open_writer(const char *path, struct hy_sqlite **out, struct hy_error *err) {
    const struct hy_sqlite_options options = options_for(path, false);
    int rc = hy_sqlite_open(&options, out, err);
    if (rc != HY_EFORMAT && rc != HY_EVERSION) return rc;
    HY_WARN("dashboard.view", "the view cannot be used and is folded anew", "why=\"%s\"", err ? err->text : "");
    rc = hy_sqlite_remove(path, err);
    return rc == HY_OK ? hy_sqlite_open(&options, out, err) : rc;
}

int schema_open_reader(const char *path, struct hy_sqlite **out, struct hy_error *err) {
    const struct hy_sqlite_options options = options_for(path, true);
    return hy_sqlite_open(&options, out, err);
}
