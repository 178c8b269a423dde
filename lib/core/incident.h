// How loud a subject is: distinct writers, messages, reach and official voices in a sliding window, against what is
// usual for that subject. One object a subject; the sentinel keeps them, feeds sightings in and asks for observations;
// the engine decides what becomes of those (episodes, cases). Pure: all times come in. Memory and packed size are
// bounded (HY_SUBJECT_PACKED) whatever comes in. Within the allowance the order of the input does not matter to the
// totals. To count something more: a field in the bucket (incident_internal.h, subject.proto), its sum in
// incident_level.c.
#ifndef HY_CORE_INCIDENT_H
#define HY_CORE_INCIDENT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/id.h"
#include "lib/core/policy.h"

enum {
    HY_EVIDENCE = 50,      // strongest posts kept
    HY_EVIDENCE_URL = 200, // bytes of a link kept; a longer one is left out
    HY_REASONS = 4,
    HY_REASON_TEXT = 128,
    HY_LEVELS = 8,              // levels a pack may have
    HY_OBSERVE_EVERY_MS = 1000, // observations of one subject are at least this far apart
    HY_SUBJECT_PACKED = 64 * 1024
};

// A pack's thresholds as the counting needs them. Plain value.
struct hy_incident_rules {
    int64_t window_ms, bucket_ms;
    int64_t allowance_ms; // how late an event may come and still count
    int64_t quiet_ms;     // below all levels this long ends a run
    int64_t
        watching_since_ms; // since when everything was seen; before that nothing is known of what is usual (0 = always)
    int baseline_days;
    int n_levels;
    struct hy_pack_level levels[HY_LEVELS]; // worst first
};
// From the pack's rows; watching_since_ms is left 0. HY_EINVALID: no levels, more than HY_LEVELS, one without writers,
// or no window.
HY_MUST_CHECK int hy_incident_rules(const struct hy_pack_incident *pack, struct hy_incident_rules *out);

// One sighting; texts borrowed.
struct hy_sighted {
    const char *event_id, *author; // as in Sighting: event_id and author_hash
    int64_t occurred_ms;           // what lies after `now` counts as now
    uint64_t reach;
    bool official, negative;
    const char *url, *case_dossier; // may be NULL
};

struct hy_subject_state; // one thread at a time

// A subject without history; texts are copied (each cut to 255 bytes). NULL: out of memory.
struct hy_subject_state *hy_subject_new(const struct hy_incident_rules *rules, const char *subject, const char *topic,
                                        const char *place, const char *entity);
void hy_subject_free(struct hy_subject_state *state);

enum hy_sighted_fate { HY_SIGHTED_COUNTED, HY_SIGHTED_REPEATED, HY_SIGHTED_LATE };
// Counts one sighting. An event id seen before in the window is REPEATED (of the last 1,024 events), one older than
// window and allowance is LATE; both change nothing. Negative: HY_ENOMEM, then the state is of no use any more: go back
// to the last one stored. Below 1 µs.
HY_MUST_CHECK int hy_subject_sighted(struct hy_subject_state *state, const struct hy_incident_rules *rules,
                                     const struct hy_sighted *sighted, int64_t now_ms);

struct hy_evidence {
    char event_id[HY_ID_SIZE];
    char case_dossier[HY_ID_SIZE];
    char *url; // "" when none
    int64_t occurred_ms;
    uint64_t reach;
};

// What the sentinel says of a subject: Observed of the contract. Texts belong to the state, until its next change.
struct hy_observation {
    const char *subject, *topic, *place, *entity;
    uint64_t counter; // rises by one with each observation
    uint64_t run;     // 1, 2, …: runs above a level, as this subject's own count; the engine counts episodes
    uint32_t level;   // worst reached in this run (1 = I)
    uint64_t writers, messages, reach, official, negative; // of this run; never less than said before in the run
    uint64_t window_writers;                               // now, in the window
    int64_t window_start_ms, window_end_ms;
    double usual; // writers that a window of this length usually has
    int n_evidence;
    const struct hy_evidence *evidence[HY_EVIDENCE]; // strongest first
    int n_reasons;
    char reasons[HY_REASONS][HY_REASON_TEXT]; // Chinese, for the duty officer
};

// Is there something to say? True at most once a second a subject, when it is above a level (or was, less than the
// quiet time ago) and something was counted since the last time, or the level became worse. Fills *out then and takes
// note of it. Call after sightings, and once a second for subjects with hy_subject_waiting. What changes without
// anything to say comes from time alone: it need not be stored, a later call judges it the same.
bool hy_subject_observe(struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t now_ms,
                        struct hy_observation *out);
// Needs the call now: something was counted that no observation told yet, or a run goes on and a new bucket began (a
// window is one of whole buckets: within one, time alone changes nothing).
bool hy_subject_waiting(const struct hy_subject_state *state, int64_t now_ms);
// Nothing is left that a new object would not know: never observed, nothing in the window or the baseline.
bool hy_subject_over(const struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t now_ms);

// The window at `now`, for tests and reports.
struct hy_window_totals {
    uint64_t writers, messages, reach, official, negative;
    bool estimated; // writers come from a sketch (error about 5 %)
    double usual;
};
void hy_subject_window(const struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t now_ms,
                       struct hy_window_totals *out);
size_t hy_subject_memory(const struct hy_subject_state *state); // bytes held

// SubjectState of the contract, at most HY_SUBJECT_PACKED bytes, appended to *out. HY_ENOMEM.
HY_MUST_CHECK int hy_subject_pack(const struct hy_subject_state *state, struct hy_buf *out);
// Back from bytes; with another bucket length in the rules the buckets are converted. HY_EFORMAT, HY_EVERSION,
// HY_ENOMEM.
HY_MUST_CHECK int hy_subject_unpack(const struct hy_incident_rules *rules, struct hy_bytes packed,
                                    struct hy_subject_state **out, struct hy_error *err);

#endif
