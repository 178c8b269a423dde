// A small world for the engine: a store of snapshots, a clock that the test moves, packs, and builders of commands.
// Every command that is applied here goes through the auditor (audit.h), so each test also holds what is always true.
// To add a kind of command: a builder here; its rules in audit.c.
#ifndef HY_TESTS_CORE_CASE_WORLD_H
#define HY_TESTS_CORE_CASE_WORLD_H

#include "lib/core/case.h"

enum { WORLD_PACKS = 3 };

struct world_entry {
    char *key;
    uint8_t *data;
    size_t len;
};

struct world {
    struct hy_engine engine;
    struct hy_engine_view view;
    struct hy_arena *turn;  // effects of the last command
    struct hy_arena *build; // commands of this test
    struct world_entry *store;
    size_t n_store, cap_store;
    int64_t now;
    int64_t offset;
    uint64_t ids;
    struct hy_effects out;
    struct hy_error err;
    struct audit *audit;
    char dossier[HY_ID_SIZE]; // the one that builders use
    char case_id[HY_ID_SIZE]; // the case last opened
};

// Packs and calendar are read once and shared. packs[0] is in force.
extern const struct hy_pack *world_packs[WORLD_PACKS];
int world_setup(void **state);    // cmocka group setup
int world_teardown(void **state); // and teardown

struct world *world_new(void);
void world_free(struct world *w);

// Applies, audits, stores. Fails the test when the engine errs or the auditor finds a fault.
enum hy_engine_outcome world_apply(struct world *w, Huiying__V1__Command *cmd);
// The same without failing: NULL, or what is wrong (lives until the next call).
const char *world_try(struct world *w, const Huiying__V1__Command *cmd);
const char *world_try_tick(struct world *w, const char *key);
enum hy_engine_outcome world_tick(struct world *w, const char *key);
void world_advance(struct world *w, int64_t ms);

struct hy_bytes world_get(const struct world *w, const char *key);
// Unpacked into w->build; NULL when there is none.
Huiying__V1__Case *world_case(struct world *w);
Huiying__V1__Case *world_case_of(struct world *w, const char *dossier, const char *case_id);
Huiying__V1__DossierRecord *world_dossier(struct world *w);
const Huiying__V1__JournalRecord *world_record(const struct world *w); // of the last command
Huiying__V1__Clock *world_clock(struct world *w, const char *name);
// The first work item of that kind in the last effects, for that department (NULL: any); NULL when there is none.
const Huiying__V1__WorkItem *world_work(const struct world *w, Huiying__V1__WorkKind kind, const char *department);

// Builders: borrowed strings, memory in w->build. Ids rise, so equal calls give different commands.
Huiying__V1__Time *world_time(struct world *w, int64_t ms);
Huiying__V1__Command *world_command(struct world *w);
Huiying__V1__Command *world_message(struct world *w, const char *native_id, const char *text); // a request for jiaoyu
Huiying__V1__Command *world_change(struct world *w, const char *native_id, Huiying__V1__EventKind kind,
                                   const char *of_native_id);
Huiying__V1__Command *world_timer(struct world *w, const char *clock); // as Redis would fire it now
Huiying__V1__Command *world_act(struct world *w, Huiying__V1__Verb verb, const char *person,
                                const char *department); // expects the step
Huiying__V1__Command *world_claim(struct world *w, const char *row, uint32_t attempt);
Huiying__V1__Command *world_receipt(struct world *w, const char *row, uint32_t attempt,
                                    Huiying__V1__DeliveryOutcome outcome);
Huiying__V1__Command *world_observed(struct world *w, const char *subject, uint64_t counter, uint32_t level);
const char *world_event_id(struct world *w, const char *native_id);

// Shortcuts: open a case and bring it to a state, asserting on the way.
void world_open(struct world *w);
void world_reply(struct world *w, const char *text); // signed, drafted, reviewed by two, approved
void world_deliver(struct world *w, const char *row);

#endif
