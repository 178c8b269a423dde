// Inside the case engine: one turn = one command (or tick) being judged. This header is for lib/core/case*.c only.
// A turn loads snapshots, changes them in the arena, collects effects, and closes with one journal record. What cannot
// go on (no memory, unknown pack, unreadable snapshot) unwinds to the frame in case.c by hy_turn_raise: everything
// lives in the arena, so there is nothing to release and no half effect to take back.
// To add an idea: a file with its functions, declared here under its name.
#ifndef HY_CORE_CASE_TURN_H
#define HY_CORE_CASE_TURN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "lib/core/case.h"

enum { HY_DAY_MS = 86400000, HY_MEMBER_LEN = 10 };
#define HY_KIND_LETTER   "letter"
#define HY_KIND_INCIDENT "incident"
#define HY_TRIAGE        "triage"

// The short names that the whole engine uses.
typedef Huiying__V1__Case hy_case;
typedef Huiying__V1__Clock hy_case_clock;
typedef Huiying__V1__Delivery hy_case_delivery;
typedef Huiying__V1__Event hy_event;
typedef Huiying__V1__Act hy_act;

// What the step is judged by: it rises when any of these changed in the turn.
struct hy_turn_before {
    Huiying__V1__CaseState state;
    const char *owner;
    uint32_t review_stage;
    struct hy_bytes draft_hash;
    bool open;
    int64_t last_written;
};

struct hy_turn {
    const struct hy_engine *engine;
    struct hy_arena *arena;
    const struct hy_engine_view *view;
    const Huiying__V1__Command *cmd; // a tick has an empty one
    const struct hy_engine_input *in;
    struct hy_effects *out;
    struct hy_error *err;
    int64_t now;

    const struct hy_pack *pack; // of c, or of what is being opened
    const struct hy_pack_kind *kind;
    hy_case *c;    // NULL: the turn is about the dossier only
    size_t c_size; // of its stored snapshot
    bool c_fresh;
    bool c_gone; // becomes a tombstone
    struct hy_turn_before before;
    Huiying__V1__DossierRecord *d;
    bool d_changed, d_gone;
    Huiying__V1__JournalRecord *rec;

    int failed;
    jmp_buf unwind;
};

// case_turn.c: memory, time, verdicts. No function here returns NULL: without memory they raise HY_ENOMEM.
_Noreturn void hy_turn_raise(struct hy_turn *t, int code, const char *fmt, ...) HY_PRINTF(3, 4);
void *hy_turn_alloc(struct hy_turn *t, size_t size);                                // cleared
void *hy_turn_new(struct hy_turn *t, const ProtobufCMessageDescriptor *descriptor); // an initialised message
char *hy_turn_fmt(struct hy_turn *t, const char *fmt, ...) HY_PRINTF(2, 3);
char *hy_turn_join(struct hy_turn *t, const char *a, const char *b, const char *c); // keys: a tenth of formatting
char *hy_turn_clip(struct hy_turn *t, const char *text, size_t max);             // at most max bytes, no character cut
Huiying__V1__Time *hy_turn_time(struct hy_turn *t, int64_t ms);                  // at +08:00
void *hy_turn_grow(struct hy_turn *t, const void *items, size_t n, size_t size); // a copy with room for one more
// Appends to a repeated field of messages or strings / of fixed64: &n, &array.
void hy_turn_push(struct hy_turn *t, size_t *n, void *array, const void *item);
void hy_turn_push_hash(struct hy_turn *t, size_t *n, uint64_t **array, uint64_t hash);
bool hy_turn_has_hash(size_t n, const uint64_t *array, uint64_t hash);
void hy_turn_text_hash(struct hy_turn *t, const char *text, ProtobufCBinaryData *out, char hex[65]);
char *hy_lend(const char *text); // for a message's char * field that only borrows; NULL gives ""
bool hy_text_set(const char *text);
bool hy_text_equal(const char *a, const char *b);
int64_t hy_time_or(const Huiying__V1__Time *time, int64_t otherwise);
int64_t hy_min64(int64_t a, int64_t b);
int64_t hy_max64(int64_t a, int64_t b);
// Verdicts: set once, last thing before a handler returns. Explanations are for people and hold no personal data.
void hy_turn_apply(struct hy_turn *t, const char *rule, const char *fmt, ...) HY_PRINTF(3, 4);
void hy_turn_vapply(struct hy_turn *t, const char *rule, const char *fmt, va_list args) HY_PRINTF(3, 0);
void hy_turn_refuse(struct hy_turn *t, const char *rule, const char *fmt, ...) HY_PRINTF(3, 4);
void hy_turn_repeat(struct hy_turn *t, const char *rule, const char *fmt, ...) HY_PRINTF(3, 4);
void hy_turn_dead(struct hy_turn *t, const char *fmt, ...) HY_PRINTF(2, 3);
void hy_turn_skip(struct hy_turn *t);

// case.c: the frame.
int hy_turn_run(struct hy_turn *t, void (*body)(struct hy_turn *t));
void hy_turn_begin(struct hy_turn *t);

// case_snapshot.c: stored state in and out.
bool hy_turn_load_case(struct hy_turn *t,
                       const char *case_id);                   // false: there is none, or (outcome SKIPPED) it is ahead
void hy_turn_load_dossier(struct hy_turn *t);                  // makes an empty one where there is none
hy_case *hy_turn_peek(struct hy_turn *t, const char *case_id); // NULL: there is none
void hy_turn_take(struct hy_turn *t, hy_case *c, size_t size); // c becomes the turn's case; its pack is found
bool hy_turn_pinned(struct hy_turn *t, const char *pack_hash,
                    const char *kind); // sets pack and kind; false: no such kind
bool hy_turn_ahead(const struct hy_turn *t, const char *log_id, int64_t last_offset);
void hy_turn_finish(struct hy_turn *t);         // steps, versions, journal, snapshots
int64_t hy_keep_ms(const struct hy_pack *pack); // how long a dossier remembers
int64_t hy_case_archive_ms(const hy_case *c, const struct hy_pack *pack);
int64_t hy_case_next_tick(const hy_case *c, const struct hy_pack *pack);
int64_t hy_dossier_next_tick(const Huiying__V1__DossierRecord *d, const struct hy_pack *pack);

// case_journal.c: what the record tells, and the effects lists.
void hy_rec_clock(struct hy_turn *t, const hy_case_clock *clock, const char *what, int64_t due_before);
void hy_rec_delivery(struct hy_turn *t, const hy_case_delivery *d, const char *what);
void hy_rec_fate(struct hy_turn *t, Huiying__V1__Fate fate, const char *event_id);
void hy_effect_put(struct hy_turn *t, const char *key, struct hy_bytes value, int64_t next_tick_ms);
void hy_effect_journal(struct hy_turn *t, const char *key, struct hy_bytes value);
void hy_effect_content(struct hy_turn *t, Huiying__V1__Content *content);
void hy_effect_work(struct hy_turn *t, const char *department, Huiying__V1__WorkItem *item);

// Changes of a message that came before it.
struct hy_early {
    size_t n_edits, n_withdrawals;
    char **edits, **withdrawals; // event ids
};

// case_dossier.c: the dossier record.
Huiying__V1__DossierCase *hy_dossier_entry(const Huiying__V1__DossierRecord *d, const char *case_id);
void hy_dossier_sync(struct hy_turn *t);                           // the entry of t->c
const char *hy_dossier_holder(struct hy_turn *t, uint64_t member); // id of the case that holds the message; NULL
Huiying__V1__NotedMessage *hy_dossier_noted(const Huiying__V1__DossierRecord *d, uint64_t member);
void hy_dossier_note(struct hy_turn *t, const hy_event *event, const char *content_key, const struct hy_early *early);
void hy_dossier_unnote(struct hy_turn *t, const Huiying__V1__NotedMessage *noted);
void hy_dossier_keep_early(struct hy_turn *t, const hy_event *event);
bool hy_dossier_has_early(struct hy_turn *t, const char *event_id);
struct hy_early hy_dossier_take_early(struct hy_turn *t, const char *event_id); // they leave the dossier record
const Huiying__V1__Message *hy_dossier_overdue_early(struct hy_turn *t); // the first one leaves the record; NULL: none
void hy_early_join(struct hy_turn *t, const struct hy_early *early); // t->c holds the message: its changes belong to it
bool hy_dossier_forget(struct hy_turn *t, int64_t keep_ms);          // drops what is older; true if anything went

// case_message.c, case_change.c: one message, one fate.
void hy_cmd_message(struct hy_turn *t);
bool hy_event_is_change(const hy_event *event); // an edit or a withdrawal
// Handles a change; false when it must be judged as a message of its own (an edit that made a request of a noted one).
bool hy_change_apply(struct hy_turn *t, const hy_event *event, const Huiying__V1__Route *route);
int64_t hy_event_received(const struct hy_turn *t, const hy_event *event);
int64_t hy_event_occurred(const struct hy_turn *t, const hy_event *event);
Huiying__V1__Content *hy_content_of(struct hy_turn *t, const char *key, const char *case_id, const hy_event *event);

// case_open.c: how a case begins.
struct hy_opening {
    const hy_event *event;
    const Huiying__V1__Route *route;
    const char *content_key; // where the text stands already; NULL: the event brings it
    const char *link;        // case that this one continues, or NULL
    struct hy_early early;
};
void hy_open_letter(struct hy_turn *t, const struct hy_opening *opening);
// The common part: id, owner, times; the caller adds what is its kind's and then begins its duties.
void hy_open_case(struct hy_turn *t, char *case_id, const char *department, int64_t received);
void hy_open_duties(struct hy_turn *t, const hy_event *event);

// case_point.c: something happened that clocks and deliveries wait for.
void hy_reach(struct hy_turn *t, enum hy_point point, int64_t at_ms);
void hy_reach_round(struct hy_turn *t, enum hy_point point, int64_t at_ms, uint32_t max_round);

// case_clock.c
hy_case_clock *hy_clock_named(const hy_case *c, const char *name);
const struct hy_pack_clock *hy_clock_row(const struct hy_turn *t, const hy_case_clock *clock);
uint32_t hy_clock_round(const hy_case_clock *clock);
void hy_clock_start(struct hy_turn *t, const struct hy_pack_clock *row, const char *name, int64_t at_ms);
void hy_clock_stop(struct hy_turn *t, hy_case_clock *clock, int64_t at_ms);     // by its proof
void hy_clock_arm(struct hy_turn *t, hy_case_clock *clock, uint32_t stage);     // sets stage and its time, one epoch on
uint32_t hy_clock_percent(const struct hy_turn *t, const hy_case_clock *clock); // of the stage that was reached
void hy_clocks_earlier(struct hy_turn *t, int64_t received_ms);
void hy_clocks_end(struct hy_turn *t);                   // the case ends without their proof
void hy_clocks_resume(struct hy_turn *t, int64_t at_ms); // the case goes on
void hy_clocks_level(struct hy_turn *t);                 // an incident got worse: clocks of that level
// Gives the clock a new due and the stages that belong to it.
void hy_clock_move(struct hy_turn *t, hy_case_clock *clock, const struct hy_clock_plan *plan);
void hy_clock_plan_or_raise(struct hy_turn *t, const struct hy_pack *pack, const struct hy_pack_clock *row,
                            int64_t start_ms, struct hy_clock_plan *plan);
void hy_cmd_timer(struct hy_turn *t); // case_timer.c

// case_work.c: what departments read.
void hy_work_assign(struct hy_turn *t, const hy_event *event); // event: its text rides along; NULL: content keys
void hy_work_recall(struct hy_turn *t, const char *old_owner, const char *why);
void hy_work_change(struct hy_turn *t, const char *why, const hy_event *event);
void hy_work_remind(struct hy_turn *t, const char *department, const char *why);
void hy_work_close(struct hy_turn *t, const char *why);
void hy_work_finish(struct hy_turn *t); // fills in what is known only at the end: step, state, clocks

// case_owner.c
void hy_owner_change(struct hy_turn *t, const char *department, const char *why);
bool hy_owner_is_desk(const struct hy_turn *t,
                      const char *department); // triage or decider: not yet a department's duty

// case_act.c and the verbs
struct hy_verb {
    Huiying__V1__Verb verb;
    const char *name;
    void (*run)(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move);
    unsigned flags;
};
void hy_cmd_act(struct hy_turn *t);
void hy_act_done(struct hy_turn *t, const struct hy_pack_move *move, const char *fmt, ...)
    HY_PRINTF(3, 4);                                     // rule kind.verb
void hy_act_proof(struct hy_turn *t, const hy_act *act); // the proof that rides along is a point itself
void hy_act_move(struct hy_turn *t, const struct hy_pack_move *move);
#define HY_VERB_FN(name) void hy_verb_##name(struct hy_turn *t, const hy_act *act, const struct hy_pack_move *move)
HY_VERB_FN(sign);
HY_VERB_FN(claim);
HY_VERB_FN(release);
HY_VERB_FN(handle);
HY_VERB_FN(note);
HY_VERB_FN(supervise);
HY_VERB_FN(acknowledge);
HY_VERB_FN(reply);
HY_VERB_FN(approve);
HY_VERB_FN(reject);
HY_VERB_FN(return);
HY_VERB_FN(transfer);
HY_VERB_FN(assign);
HY_VERB_FN(close);
HY_VERB_FN(reopen);
void hy_verb_open(struct hy_turn *t, const hy_act *act); // of a noted message: there is no case yet
void hy_claim_clear(hy_case *c);

// case_review.c, case_close.c
void hy_draft_drop(struct hy_turn *t); // the text under review goes, with deliveries of it that nobody began
void hy_case_end(struct hy_turn *t, Huiying__V1__CaseState state, const char *reason);
void hy_case_resume(struct hy_turn *t, int to, int64_t at_ms);

// case_delivery.c, case_notice.c
void hy_cmd_claim(struct hy_turn *t);
void hy_cmd_receipt(struct hy_turn *t);
void hy_deliveries_make(struct hy_turn *t, enum hy_point point);
void hy_deliveries_cancel(struct hy_turn *t, struct hy_bytes content_hash);
bool hy_deliveries_busy(const struct hy_turn *t); // is the draft being sent under a claim that still runs?
bool hy_delivery_is_main(const struct hy_turn *t, const hy_case_delivery *d);
const char *hy_notice_text(struct hy_turn *t, const char *template_text);

// case_incident.c, case_recompute.c
void hy_cmd_observed(struct hy_turn *t);
void hy_cmd_recompute(struct hy_turn *t);

#endif
