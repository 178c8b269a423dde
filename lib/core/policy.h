// Policy packs: a regulation as dated rows that cite their article. A pack is YAML (deploy/policies/<id>.yaml), may
// inherit from another, and is read into this immutable tree. The code knows kinds of rows, never a city. Pure: texts
// in, tree or a list of all mistakes out (file:line:column: what, and a suggestion). To add a kind of row: a field
// here, its reader in the row table of policy_*.c, its line in docs/policy.md, a test.
#ifndef HY_CORE_POLICY_H
#define HY_CORE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/core/calendar.h"

// What can start or stop a clock, and what a move or a proof is called. One vocabulary for packs and the engine.
enum hy_point {
    HY_POINT_NONE,
    HY_POINT_RECEIVED, // the official channel held it
    HY_POINT_OPENED,   // accepted (受理)
    HY_POINT_ASSIGNED, // on a department's queue
    HY_POINT_SIGNED,   // 签收
    HY_POINT_HANDLED,
    HY_POINT_DRAFTED,
    HY_POINT_APPROVED,
    HY_POINT_DELIVERED,    // delivery receipt of the approved reply
    HY_POINT_ACKNOWLEDGED, // 网信办 has it
    HY_POINT_MAJOR,        // an incident reached the level that must be handed over
    HY_POINT_HANDED_OFF,   // its notice was delivered
    HY_POINT_LINK,         // a published link was recorded
    HY_POINT_PROBED,       // a re-probe saw it mended
    HY_POINT_CLOSED,
    HY_POINT_COUNT
};

enum hy_unit {
    HY_UNIT_WORKDAYS,      // ends on the n-th working day, at work_time.last_day_ends
    HY_UNIT_WORK_MINUTES,  // minutes inside working hours
    HY_UNIT_WALL_MINUTES,  // minutes of the wall clock, by night and in holidays too
    HY_UNIT_CALENDAR_DAYS, // ends at midnight after the n-th day
    HY_UNIT_WALL_SECONDS   // for drills and the sample day
};

enum { HY_PACK_WARNINGS = 4, HY_CLASS_ANY = 0, HY_CLASS_IN_HOURS = 1, HY_CLASS_OUT_OF_HOURS = 2 };

// Where a step of a ladder goes when a stage of a clock fires.
struct hy_pack_step {
    int percent;  // 50, 80, 95; 100 = breach
    char *notify; // role or department code: owner, supervisor, operator, wangxinban, ...
    char *action; // remind, escalate, supervise (督办)
};

struct hy_pack_clock {
    char *name;    // reply, forward, cac_handoff, ...
    char *label;   // for people, Chinese
    char *article; // R002-8
    char *quote;   // the regulation's own words
    bool proposed; // the regulation gives no number: ours
    bool main;     // the clock that nothing pauses
    enum hy_unit unit;
    int64_t length;         // in the unit; class any, or in hours
    int64_t length_outside; // out of hours (unit wall minutes); 0 = the same
    bool class_by_receipt;  // class frozen by the receipt time
    enum hy_point start, stop;
    int n_warnings;
    int warnings[HY_PACK_WARNINGS]; // percents, ascending, without the breach
    int n_steps;
    struct hy_pack_step *steps;
    int max_level; // incidents: runs for level <= this; 0 = always
};

// One permitted move: verb in the contract's names (sign, reply, ...).
struct hy_pack_move {
    char *verb;
    uint32_t from;   // bits 1u << CaseState of the contract
    int to;          // CaseState; 0 = unchanged
    char *roles;     // "department,operator": who may; words of the contract's Actor.role
    bool owner_only; // a department must be the owner
    bool needs_reason, needs_text, needs_proof, needs_department;
    char *proofs; // "link,probe": kinds of proof the act may bring; one that is brought is that point (LINK, PROBED)
    char *article;
};

struct hy_pack_close {
    char *reason; // solved, explained, not_ours, ...
    char *label;
    char *proof; // receipt (a delivery of ours arrived), link, probe, approval, none
    char *article;
};

struct hy_pack_delivery {
    char *name;       // receipt, reply, cac_notice: what a child pack overrides
    char *purpose;    // receipt (受理回执), reply, notice
    enum hy_point at; // when the row is made
    char *target;     // origin (the platform it came from), status_page, cac_webhook
    char *text;       // template: {receipt_number} {department} {due} {category}, of incidents {subject} {topic}
                      // {place} {level} {writers} {messages}; "" = the approved draft
    bool main;        // its receipt is a point: HANDED_OFF when at is MAJOR (incidents), else DELIVERED (letters)
};

struct hy_pack_kind {
    char *name; // letter, incident
    char *label;
    char *article;
    char *jurisdiction;
    char *owner;       // fixed owner (incident → wangxinban); NULL = the route's department
    char *fallback;    // owner when the route names nobody known: triage
    uint32_t states;   // bits of the states that exist
    int reviews;       // distinct reviewers before APPROVED
    int append_hours;  // rule (2): a further message within these hours joins the open case
    bool late_reopens; // a message from before the closing reopens; else it is appended as late
    int max_members;   // "full": beyond, a linked case opens
    int max_returns;   // after that many a decider fixes the owner (default 2)
    char *decider;     // department code
    int claim_minutes; // lease of a claim
    int n_clocks, n_moves, n_closes, n_deliveries;
    struct hy_pack_clock *clocks;
    struct hy_pack_move *moves;
    struct hy_pack_close *closes;
    struct hy_pack_delivery *deliveries;
};

struct hy_pack_department {
    char *code; // a-z 0-9 _: the topic is hy.work.<code>
    char *name; // 教育局
    char **aliases;
    int n_aliases;
    char *supervisor; // code, "" at the top
};

// Thresholds of an incident level (1 = I, worst, .. 4 = IV).
struct hy_pack_level {
    int level;
    int writers;        // distinct writers in the window, at least
    double times_usual; // and at least this many times what is usual
};

struct hy_pack_incident {
    int64_t window_minutes, baseline_days;
    int n_levels;
    struct hy_pack_level *levels; // worst first
    int major_level;              // levels <= this are handed to 网信办 (POINT_MAJOR)
    int quiet_minutes;            // the next episode only after a quiet window of this length
    char *article;
};

struct hy_pack {
    char *id;   // national, yuancheng
    char *name; // for people
    char *jurisdiction;
    char *source;   // file of the regulation, its date
    char *inherits; // id, NULL at the root
    int64_t valid_from_ms;
    char hash[65]; // hex SHA-256 over the packed texts of itself and what it inherits
    struct hy_work_time work;
    int n_kinds, n_departments;
    struct hy_pack_kind *kinds;
    struct hy_pack_department *departments;
    struct hy_pack_incident incident;
    int64_t dossier_days; // how long a dossier record is kept (400)
    int64_t journal_days;
    struct hy_arena *memory; // of hy_pack_load: holds all of the above
};

// One YAML text with the name used in messages.
struct hy_pack_source {
    const char *name;
    struct hy_bytes yaml;
};

enum { HY_PACK_TEXT_MAX = 1 << 20, HY_PACK_SOURCES_MAX = 64 }; // bytes of one source; sources of one load

// Reads the pack `id` from the sources (borrowed; its own and those it inherits, in any order; others are only looked
// at for their id). All mistakes are appended to *problems, one a line, by file and line: "name:line:column: what; what
// to do". HY_ECONFIG when there is any (also: no source has this id), HY_ENOMEM. *out is NULL on failure, else freed
// with hy_pack_free; it never changes and may be read by all threads.
HY_MUST_CHECK int hy_pack_load(const struct hy_pack_source *sources, int n, const char *id, struct hy_pack **out,
                               struct hy_buf *problems);
void hy_pack_free(struct hy_pack *pack);

// Rows by name; NULL when there is none. Borrowed from the pack.
const struct hy_pack_kind *hy_pack_kind(const struct hy_pack *pack, const char *name);
const struct hy_pack_clock *hy_pack_clock(const struct hy_pack_kind *kind, const char *name);
const struct hy_pack_move *hy_pack_move(const struct hy_pack_kind *kind, const char *verb);
const struct hy_pack_close *hy_pack_close(const struct hy_pack_kind *kind, const char *reason);
const struct hy_pack_department *hy_pack_department(const struct hy_pack *pack, const char *code);
const char *hy_point_name(enum hy_point point);           // "delivered"; static
int hy_point_parse(const char *name, enum hy_point *out); // HY_ENOTFOUND
const char *hy_state_name(int state); // of a CaseState of the contract: "assigned"; NULL when there is none; static
int hy_state_parse(const char *name, int *out); // HY_ENOTFOUND

// Due time, class and stage times of a clock that starts at start_ms. stage_due has n_warnings + 1 entries, the last is
// due. Warnings of clocks in working days, working minutes and calendar days fall at shares of the working time between
// start and due, those of wall clocks at shares of the wall time. HY_ERANGE: a start before 1970 or after 2199.
struct hy_clock_plan {
    struct hy_deadline deadline;
    int clock_class; // HY_CLASS_*
    int n_stages;
    int64_t stage_due_ms[HY_PACK_WARNINGS + 1];
};
HY_MUST_CHECK int hy_clock_plan(const struct hy_calendar *calendar, const struct hy_pack *pack,
                                const struct hy_pack_clock *clock, int64_t start_ms, struct hy_clock_plan *out);

#endif
