// A subject's state to bytes and back: SubjectState of the contract. Buckets are written as ages, so that equal content
// is small; on reading with another bucket length each falls into the bucket its beginning lies in.
#include <stdlib.h>
#include <string.h>

#include "huiying/v1/subject.pb-c.h"
#include "lib/base/arena.h"
#include "lib/core/incident_internal.h"

enum { STATE_VERSION = 1, PACK_ARENA = 512 * 1024, UNPACK_ARENA = 1024 * 1024 };

typedef Huiying__V1__SubjectState pb_state;

static uint32_t age_of(const struct hy_subject_state *state, int64_t number) {
    return number > state->newest ? 0 : (uint32_t)(state->newest - number);
}

// Hashes and ages of a set into arena arrays; `from` is where a ring begins.
static bool pack_pairs(struct hy_arena *arena, const struct hy_subject_state *state, const struct pairs *pairs,
                       int from, uint64_t **hashes, uint32_t **ages) {
    size_t n = (size_t)pairs->n;
    *hashes = hy_arena_alloc(arena, n * sizeof **hashes + 8);
    *ages = hy_arena_alloc(arena, n * sizeof **ages + 8);
    if (*hashes == NULL || *ages == NULL) return false;
    for (int i = 0; i < pairs->n; i++) {
        int at = (from + i) % pairs->n;
        (*hashes)[i] = pairs->hash[at];
        (*ages)[i] = age_of(state, pairs->bucket[at]);
    }
    return true;
}

static bool pack_buckets(struct hy_arena *arena, const struct hy_subject_state *state, pb_state *pb) {
    size_t n = (size_t)state->n_buckets;
    Huiying__V1__SubjectBucket *rows = hy_arena_zalloc(arena, n * sizeof *rows + 8);
    pb->buckets = hy_arena_alloc(arena, n * sizeof *pb->buckets + 8);
    if (rows == NULL || pb->buckets == NULL) return false;
    for (size_t i = 0; i < n; i++) {
        const struct bucket *bucket = &state->buckets[i];
        huiying__v1__subject_bucket__init(&rows[i]);
        rows[i].age = age_of(state, bucket->number);
        rows[i].messages = bucket->messages;
        rows[i].reach = bucket->reach;
        rows[i].official = bucket->official;
        rows[i].negative = bucket->negative;
        if (bucket->sketch != NULL) rows[i].sketch = (ProtobufCBinaryData){SKETCH, bucket->sketch};
        pb->buckets[i] = &rows[i];
    }
    pb->n_buckets = n;
    return true;
}

static bool pack_evidence(struct hy_arena *arena, struct hy_subject_state *state, pb_state *pb) {
    size_t n = (size_t)state->n_evidence;
    Huiying__V1__SubjectEvidence *rows = hy_arena_zalloc(arena, n * sizeof *rows + 8);
    pb->evidence = hy_arena_alloc(arena, n * sizeof *pb->evidence + 8);
    if (rows == NULL || pb->evidence == NULL) return false;
    for (size_t i = 0; i < n; i++) {
        struct hy_evidence *post = &state->evidence[i];
        huiying__v1__subject_evidence__init(&rows[i]);
        rows[i].event_id = post->event_id;
        rows[i].occurred_ms = post->occurred_ms;
        rows[i].url = post->url;
        rows[i].reach = post->reach;
        rows[i].case_dossier = post->case_dossier;
        pb->evidence[i] = &rows[i];
    }
    pb->n_evidence = n;
    return true;
}

static void pack_run(struct run *run, pb_state *pb) {
    pb->counter = run->counter;
    pb->run = run->number;
    pb->running = run->running;
    pb->dirty = run->dirty;
    pb->level = run->level;
    pb->last_above_ms = run->last_above_ms;
    pb->last_observed_ms = run->last_observed_ms;
    pb->run_usual = run->usual;
    pb->run_started_ms = run->started_ms;
    pb->run_messages = run->messages;
    pb->run_reach = run->reach;
    pb->run_official = run->official;
    pb->run_negative = run->negative;
    pb->run_writers_said = run->writers_said;
    pb->run_writers = run->writers.hash;
    pb->n_run_writers = (size_t)run->writers.n;
    if (run->sketch != NULL) pb->run_sketch = (ProtobufCBinaryData){SKETCH, run->sketch};
}

static bool fill(struct hy_arena *arena, struct hy_subject_state *state, pb_state *pb) {
    huiying__v1__subject_state__init(pb);
    pb->schema_version = STATE_VERSION;
    pb->subject = state->subject;
    pb->topic = state->topic;
    pb->place = state->place;
    pb->entity = state->entity;
    pb->bucket_ms = state->bucket_ms;
    pb->newest = state->newest;
    pb->first_day = state->first_day;
    pb->days = state->days;
    pb->n_days = (size_t)state->n_days;
    pack_run(&state->run, pb);
    pb->n_writers = pb->n_writer_ages = (size_t)state->writers.n;
    pb->n_events = pb->n_event_ages = (size_t)state->events.n;
    return pack_pairs(arena, state, &state->writers, 0, &pb->writers, &pb->writer_ages) &&
           pack_pairs(arena, state, &state->events, state->events_next, &pb->events, &pb->event_ages) &&
           pack_buckets(arena, state, pb) && pack_evidence(arena, state, pb);
}

int hy_subject_pack(const struct hy_subject_state *state, struct hy_buf *out) {
    struct hy_arena *arena = hy_arena_new(PACK_ARENA);
    pb_state pb;
    int rc = HY_ENOMEM;
    // protobuf-c takes pointers that it will not write through.
    struct hy_subject_state *writable = (struct hy_subject_state *)(uintptr_t)state;
    if (arena != NULL && fill(arena, writable, &pb)) {
        size_t size = huiying__v1__subject_state__get_packed_size(&pb);
        if (hy_buf_reserve(out, size) == 0) {
            out->len += huiying__v1__subject_state__pack(&pb, (uint8_t *)out->data + out->len);
            out->data[out->len] = '\0';
            rc = 0;
        }
    }
    hy_arena_free(arena);
    return rc;
}

// The present rules' bucket for one that was written with another length.
static int64_t number_of(const pb_state *pb, const struct hy_incident_rules *rules, uint32_t age) {
    int64_t number = pb->newest - (int64_t)age;
    return pb->bucket_ms == rules->bucket_ms ? number : number * pb->bucket_ms / rules->bucket_ms;
}

static int read_pairs(struct pairs *pairs, const pb_state *pb, const struct hy_incident_rules *rules,
                      const uint64_t *hashes, const uint32_t *ages, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (pairs_add(pairs, hashes[i], number_of(pb, rules, ages[i])) < 0) return HY_ENOMEM;
    return 0;
}

// Adds a written bucket to the last one when both fall into the same.
static int read_bucket(struct hy_subject_state *state, int64_t number, const Huiying__V1__SubjectBucket *row) {
    struct bucket *bucket = state->n_buckets > 0 ? &state->buckets[state->n_buckets - 1] : NULL;
    if (bucket == NULL || bucket->number != number) {
        bucket = &state->buckets[state->n_buckets++];
        *bucket = (struct bucket){.number = number};
    }
    bucket->messages += row->messages;
    bucket->reach += row->reach;
    bucket->official += row->official;
    bucket->negative += row->negative;
    if (row->sketch.len == 0) return 0;
    if (bucket->sketch == NULL) bucket->sketch = calloc(SKETCH, 1);
    if (bucket->sketch == NULL) return HY_ENOMEM;
    sketch_merge(bucket->sketch, row->sketch.data);
    state->sketched = true;
    return 0;
}

static int read_buckets(struct hy_subject_state *state, const pb_state *pb, const struct hy_incident_rules *rules) {
    state->buckets = calloc(pb->n_buckets + 1, sizeof *state->buckets);
    if (state->buckets == NULL) return HY_ENOMEM;
    state->cap_buckets = (int)pb->n_buckets + 1;
    for (size_t i = 0; i < pb->n_buckets; i++)
        if (read_bucket(state, number_of(pb, rules, pb->buckets[i]->age), pb->buckets[i]) < 0) return HY_ENOMEM;
    return 0;
}

static int read_evidence(struct hy_subject_state *state, const pb_state *pb) {
    for (size_t i = 0; i < pb->n_evidence; i++) {
        const Huiying__V1__SubjectEvidence *row = pb->evidence[i];
        struct hy_sighted post = {
            .event_id = row->event_id, .reach = row->reach, .url = row->url, .case_dossier = row->case_dossier};
        if (evidence_add(state, &post, row->occurred_ms) < 0) return HY_ENOMEM;
    }
    return 0;
}

static int read_run(struct run *run, const pb_state *pb) {
    run->counter = pb->counter;
    run->number = pb->run;
    run->running = pb->running;
    run->dirty = pb->dirty;
    run->level = pb->level;
    run->last_above_ms = pb->last_above_ms;
    run->last_observed_ms = pb->last_observed_ms;
    run->usual = pb->run_usual;
    run->started_ms = pb->run_started_ms;
    run->messages = pb->run_messages;
    run->reach = pb->run_reach;
    run->official = pb->run_official;
    run->negative = pb->run_negative;
    run->writers_said = pb->run_writers_said;
    for (size_t i = 0; i < pb->n_run_writers; i++)
        if (pairs_add(&run->writers, pb->run_writers[i], 0) < 0) return HY_ENOMEM;
    if (pb->run_sketch.len == 0) return 0;
    run->sketch = malloc(SKETCH);
    if (run->sketch == NULL) return HY_ENOMEM;
    memcpy(run->sketch, pb->run_sketch.data, SKETCH);
    return 0;
}

#define FAR_MS INT64_C(1000000000000000) // 30,000 years

static bool far_off(int64_t unix_ms) {
    return unix_ms < -FAR_MS || unix_ms > FAR_MS;
}

// What no state of ours can hold; a state that passes cannot break the counting.
static const char *flaw(const pb_state *pb) {
    enum { FAR = 100000 };
    if (pb->bucket_ms < 1 || pb->bucket_ms > FAR * (int64_t)DAY_MS || pb->newest < 0 ||
        pb->newest > FAR_MS / pb->bucket_ms)
        return "bucket length or newest bucket";
    if (far_off(pb->last_above_ms) || far_off(pb->last_observed_ms) || far_off(pb->run_started_ms) ||
        far_off(pb->first_day))
        return "times of the run";
    if (pb->n_writers != pb->n_writer_ages || pb->n_writers > EXACT_WRITERS) return "writers";
    if (pb->n_events != pb->n_event_ages || pb->n_events > EXACT_EVENTS) return "events";
    if (pb->n_days > MAX_DAYS || pb->n_evidence > HY_EVIDENCE || pb->n_run_writers > EXACT_WRITERS)
        return "days, evidence or writers of the run";
    if (pb->run_sketch.len != 0 && pb->run_sketch.len != SKETCH) return "sketch of the run";
    for (size_t i = 0; i < pb->n_buckets; i++) {
        if (pb->buckets[i]->sketch.len != 0 && pb->buckets[i]->sketch.len != SKETCH) return "sketch of a bucket";
        if (pb->buckets[i]->age > FAR || (i > 0 && pb->buckets[i]->age >= pb->buckets[i - 1]->age))
            return "order of the buckets";
    }
    return NULL;
}

static int read_all(struct hy_subject_state *state, const pb_state *pb, const struct hy_incident_rules *rules) {
    state->newest = number_of(pb, rules, 0);
    state->first_day = pb->first_day;
    state->n_days = pb->n_days > (size_t)rules->baseline_days ? rules->baseline_days : (int)pb->n_days;
    state->first_day += (int64_t)pb->n_days - state->n_days; // the newest stay
    if (state->n_days > 0)
        memcpy(state->days, pb->days + (pb->n_days - (size_t)state->n_days),
               (size_t)state->n_days * sizeof *state->days);
    int rc = read_buckets(state, pb, rules);
    if (rc == 0) rc = read_pairs(&state->writers, pb, rules, pb->writers, pb->writer_ages, pb->n_writers);
    if (rc == 0) rc = read_pairs(&state->events, pb, rules, pb->events, pb->event_ages, pb->n_events);
    if (rc == 0) rc = read_evidence(state, pb);
    return rc == 0 ? read_run(&state->run, pb) : rc;
}

int hy_subject_unpack(const struct hy_incident_rules *rules, struct hy_bytes packed, struct hy_subject_state **out,
                      struct hy_error *err) {
    *out = NULL;
    struct hy_arena *arena = hy_arena_new(UNPACK_ARENA);
    if (arena == NULL) return hy_fail(err, HY_ENOMEM, "no memory to read a subject's state");
    pb_state *pb = huiying__v1__subject_state__unpack(hy_arena_pb(arena), packed.len, packed.data);
    int rc = 0;
    if (pb == NULL)
        rc = hy_fail(err, HY_EFORMAT, "a subject's state of %zu bytes is no SubjectState", packed.len);
    else if (pb->schema_version != STATE_VERSION)
        rc = hy_fail(err, HY_EVERSION, "a subject's state has version %u, this program reads %d", pb->schema_version,
                     STATE_VERSION);
    else if (flaw(pb) != NULL)
        rc = hy_fail(err, HY_EFORMAT, "a subject's state is inconsistent: %s", flaw(pb));
    if (rc == 0) {
        struct hy_subject_state *state = hy_subject_new(rules, pb->subject, pb->topic, pb->place, pb->entity);
        rc = state == NULL ? HY_ENOMEM : read_all(state, pb, rules);
        if (rc < 0)
            hy_subject_free(state);
        else
            *out = state;
        if (rc < 0) hy_fail(err, rc, "no memory to read a subject's state");
    }
    hy_arena_free(arena);
    return rc;
}
