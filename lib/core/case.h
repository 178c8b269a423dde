// The case engine: the pure heart of Huiying. It takes one command and the stored snapshots that the command touches,
// and returns what must be written: snapshots, one journal record, work items, texts. No I/O, no clock, no globals:
// time, packs and snapshots come in as values, so the same code runs in casework, in the simulator and in a replay of
// last year.
//
// Inside: one file an idea (case_message.c, case_act.c, case_clock.c, case_delivery.c, case_incident.c, ...), each
// driven by a table. To add a verb: a row in case_act.c's table and a function; a kind of command: a row in case.c's
// table; a rule of a regulation: nothing here, but a row in a policy pack.
#ifndef HY_CORE_CASE_H
#define HY_CORE_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "huiying/v1/case.pb-c.h"
#include "huiying/v1/command.pb-c.h"
#include "huiying/v1/journal.pb-c.h"
#include "huiying/v1/work.pb-c.h"
#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/id.h"
#include "lib/core/calendar.h"
#include "lib/core/policy.h"

enum {
    HY_CASE_SNAPSHOT_MAX =
        60 * 1024, // a snapshot that a person's act would grow beyond is refused; a message then opens a linked case
    HY_CASE_SNAPSHOT_TEXTS = 58 * 1024,    // the same for an act that adds a text: the others keep some room
    HY_CASE_SNAPSHOT_PROGRAMS = 63 * 1024, // and for timers, couriers and ticks: a duty is not stopped by notes
    HY_CASE_TEXT_MAX = 64 * 1024,          // bytes of a reply or remark
    HY_CASE_ID_MAX = 160                   // bytes of ids that come in with commands
};

// Where packs and calendar come from. Immutable while the engine is used; threads may share it if pack_of may be
// shared.
struct hy_engine {
    // The pack with this hash, or for "" the pack now in force; NULL = not known (yet). Borrowed until apply returns.
    const struct hy_pack *(*pack_of)(void *ctx, const char *hash);
    void *ctx;
    const struct hy_calendar *calendar;
};

// The stored state, by key: dossier "." case id → packed Case; dossier → packed DossierRecord. Only keys of the
// command's own dossier are asked for, so one partition holds them all.
struct hy_engine_view {
    // Borrowed bytes, valid until apply returns; len 0 = there is none.
    struct hy_bytes (*get)(void *ctx, const char *key);
    void *ctx;
};

// What stands around the command: the engine's now (UTC ms) and where the record stood.
struct hy_engine_input {
    int64_t now_ms;
    const char *topic; // borrowed; "" when there is none (tick)
    int32_t partition;
    int64_t offset;
    const char *log_id; // borrowed; offsets compare only within one
};

enum hy_engine_outcome {
    HY_ENGINE_APPLIED,
    HY_ENGINE_REFUSED,  // a rule of the pack or the engine said no; the journal says which
    HY_ENGINE_REPEATED, // known already; counted, changed nothing
    HY_ENGINE_SKIPPED,  // at or below the offset that the snapshot carries (or a tick with nothing due): no effects at
                        // all
    HY_ENGINE_DEAD      // cannot be read as a command: `reason` for the dead letter; no other effects
};

// A record for hy.cases. value.len 0 = tombstone. next_tick_ms: when hy_engine_tick has something to do for this key,
// INT64_MAX = never unless another command comes.
struct hy_effect_put {
    const char *key;
    struct hy_bytes value;
    int64_t next_tick_ms;
};
// A record for hy.journal, sealed (journal.h): the bytes to publish, and the same as a message.
struct hy_effect_journal {
    const char *key;
    struct hy_bytes value;
    const Huiying__V1__JournalRecord *record;
};
// A record for hy.work.<department>.
struct hy_effect_work {
    const char *department;
    Huiying__V1__WorkItem *item;
};
// A record for hy.content; content NULL = tombstone.
struct hy_effect_content {
    const char *key;
    const Huiying__V1__Content *content;
};
// A record for hy.commands: what this case tells another one (design section 6). No command makes one yet.
struct hy_effect_command {
    const char *key;
    const Huiying__V1__Command *command;
};

// All of it lives in the arena given to apply and borrows from the command: write it out before either goes.
struct hy_effects {
    enum hy_engine_outcome outcome;
    const char *reason; // HY_ENGINE_DEAD: why, without personal data
    const char *rule;   // of the journal record; "" without one
    size_t n_puts, n_journal, n_work, n_contents, n_commands;
    struct hy_effect_put *puts;
    struct hy_effect_journal *journal;
    struct hy_effect_work *work;
    struct hy_effect_content *contents;
    struct hy_effect_command *commands;
    size_t cap_puts, cap_journal, cap_work, cap_contents, cap_commands; // private
};

// Judges one command, whose strings are UTF-8 (read it with hy_pb_read). Effects hold exactly one journal record for
// each command that is neither SKIPPED nor DEAD. *out is overwritten. Returns 0 (also for refusals), or, with nothing
// to write:
//   HY_ENOTFOUND  the pack that the case or route names is not known; err names its hash: fold the registry on, retry
//   HY_EFORMAT    a stored snapshot cannot be read; err names its key
//   HY_ENOMEM     the arena is full
//   HY_ERANGE     a deadline cannot be computed; err names the clock
// Thread: any, one arena a thread.
HY_MUST_CHECK int hy_engine_apply(const struct hy_engine *engine, struct hy_arena *arena,
                                  const struct hy_engine_view *view, const Huiying__V1__Command *cmd,
                                  const struct hy_engine_input *in, struct hy_effects *out, struct hy_error *err);

// What time alone does to the record under `key`: an expired `sending` becomes unknown, an expired claim ends, a case
// that was closed dossier_days ago goes to the journal (command "archive", with its snapshot) and becomes a tombstone,
// a dossier record forgets what is older and becomes a tombstone when it is empty, an edit that asks for something and
// whose message did not come within an hour opens a case of its own. in->offset and log_id are not used.
// Call it at the put's next_tick_ms (or later, or too often: then SKIPPED). Errors as apply.
HY_MUST_CHECK int hy_engine_tick(const struct hy_engine *engine, struct hy_arena *arena,
                                 const struct hy_engine_view *view, const char *key, const struct hy_engine_input *in,
                                 struct hy_effects *out, struct hy_error *err);

// The next_tick_ms of a stored record (after a restore); INT64_MAX = never. Errors as apply.
HY_MUST_CHECK int hy_engine_next_tick(const struct hy_engine *engine, struct hy_arena *arena, const char *key,
                                      struct hy_bytes value, int64_t *next_ms, struct hy_error *err);

// Keys. dossier "." case_id, in the arena; NULL when it is full.
char *hy_case_key(struct hy_arena *arena, const char *dossier, const char *case_id);
// The dossier of a subject's incidents: H("incident", subject). Sentinel's commands use it.
void hy_incident_dossier(const char *subject, char out[HY_ID_SIZE]);

// Open = still somebody's duty: neither closed nor withdrawn.
bool hy_case_is_open(const Huiying__V1__Case *c);
// Does the packed snapshot hold this message (hy_member_hash of its event id)? Reads the bytes without unpacking them.
bool hy_case_has_member(struct hy_bytes snapshot, uint64_t member);

// Names as in WorkItem.state, JournalRecord.command and packs: "assigned", "sign". Static; "" for what is none.
const char *hy_case_state_name(Huiying__V1__CaseState state);
const char *hy_verb_name(Huiying__V1__Verb verb);
// The verb of that name; UNSPECIFIED when there is none.
Huiying__V1__Verb hy_verb_parse(const char *name);

#endif
