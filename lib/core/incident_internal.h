// Inside of a subject's state, shared by counting, judging and packing; no one else's.
// Writers are kept one by one up to EXACT_WRITERS (writer, bucket) pairs, then as one HyperLogLog a bucket until the
// window has emptied. Buckets are kept for window and allowance; what leaves goes into the days of the baseline.
#ifndef HY_CORE_INCIDENT_INTERNAL_H
#define HY_CORE_INCIDENT_INTERNAL_H

#include "lib/core/incident.h"

enum {
    SKETCH = 512, // registers: standard error 4.6 %
    EXACT_WRITERS = 512,
    EXACT_EVENTS = 1024,
    MAX_DAYS = 92,
    DAY_MS = 86400000,
    NAME_TEXT = 256,
    NONE_KNOWN = -1
};

struct bucket {
    int64_t number; // unix ms / bucket_ms
    uint64_t messages, reach, official, negative;
    uint8_t *sketch; // SKETCH registers, NULL while exact
};

// A growing set of (hash, bucket number).
struct pairs {
    uint64_t *hash;
    int64_t *bucket;
    int n, cap;
};

struct run {
    bool running, dirty;
    uint64_t number, counter;
    uint32_t level;
    double usual;       // when it began: a run is not measured against itself; -1: nothing was known yet
    int64_t started_ms; // what lasts longer than the baseline is usual
    int64_t last_above_ms, last_observed_ms;
    uint64_t messages, reach, official, negative, writers_said;
    struct pairs writers; // bucket unused
    uint8_t *sketch;      // once there are too many
};

struct hy_subject_state {
    char subject[NAME_TEXT], topic[NAME_TEXT], place[NAME_TEXT], entity[NAME_TEXT];
    int64_t bucket_ms;
    int64_t newest;         // bucket number; buckets before newest - kept are gone
    struct bucket *buckets; // by number, ascending
    int n_buckets, cap_buckets;
    struct pairs writers;
    bool sketched;
    struct pairs events;
    int events_next;   // ring once full
    int64_t first_day; // of days[0]; days lie in a row
    uint32_t days[MAX_DAYS];
    int n_days;
    struct run run;
    struct hy_evidence evidence[HY_EVIDENCE];
    int n_evidence;
    int weakest; // of a full set of evidence, NONE_KNOWN when it must be looked for
};

// pairs
HY_MUST_CHECK int pairs_add(struct pairs *pairs, uint64_t hash, int64_t bucket);
bool pairs_has(const struct pairs *pairs, uint64_t hash, int64_t bucket);
bool pairs_has_hash(const struct pairs *pairs, uint64_t hash);
void pairs_drop_before(struct pairs *pairs, int64_t bucket);
int pairs_distinct(const struct pairs *pairs, int64_t first, int64_t last); // distinct hashes in buckets first to last
void pairs_free(struct pairs *pairs);

// sketch
void sketch_add(uint8_t *sketch, uint64_t hash);
void sketch_merge(uint8_t *sketch, const uint8_t *other);
uint64_t sketch_count(const uint8_t *sketch);

// counting
int64_t kept_buckets(const struct hy_incident_rules *rules);                 // window and allowance
int64_t window_first(const struct hy_incident_rules *rules, int64_t now_ms); // first bucket of the window
void move_on(struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t now_ms);
void lapse(struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t now_ms); // incident_level.c
HY_MUST_CHECK int run_add_writer(struct run *run, uint64_t hash);
void run_reset(struct run *run);
// Does the run stand out still, so that its measure does not move?
bool run_stands_out(const struct run *run, const struct hy_incident_rules *rules, int64_t now_ms);
int evidence_compare(const struct hy_evidence *a, const struct hy_evidence *b); // < 0: a is the stronger
void evidence_free(struct hy_evidence *evidence);
HY_MUST_CHECK int evidence_add(struct hy_subject_state *state, const struct hy_sighted *sighted, int64_t occurred_ms);

#endif
