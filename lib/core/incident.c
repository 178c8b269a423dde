// Counting: sightings into buckets, writers, events and evidence; what leaves the window into the baseline.
#include "lib/core/incident.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "lib/core/incident_internal.h"

int hy_incident_rules(const struct hy_pack_incident *pack, struct hy_incident_rules *out) {
    enum { BUCKETS = 24, SECOND = 1000, MINUTE = 60 * SECOND };
    if (pack->n_levels < 1 || pack->n_levels > HY_LEVELS || pack->window_minutes < 1) return HY_EINVALID;
    for (int i = 0; i < pack->n_levels; i++)
        if (pack->levels[i].writers < 1) return HY_EINVALID; // an empty window would be an incident
    int64_t window = pack->window_minutes * MINUTE;
    *out = (struct hy_incident_rules){
        .window_ms = window,
        .bucket_ms = window / BUCKETS,
        .allowance_ms = window < DAY_MS ? window : DAY_MS,
        .quiet_ms = pack->quiet_minutes * MINUTE,
        .baseline_days = pack->baseline_days > MAX_DAYS ? MAX_DAYS : (int)pack->baseline_days,
        .n_levels = pack->n_levels,
    };
    memcpy(out->levels, pack->levels, (size_t)pack->n_levels * sizeof *pack->levels);
    return 0;
}

static void copy_name(char out[NAME_TEXT], const char *text) {
    struct hy_bytes all = hy_bytes_of(text);
    size_t len = hy_utf8_prefix(all, all.len < NAME_TEXT - 1 ? all.len : NAME_TEXT - 1);
    if (len > 0) memcpy(out, text, len);
    out[len] = '\0';
}

struct hy_subject_state *hy_subject_new(const struct hy_incident_rules *rules, const char *subject, const char *topic,
                                        const char *place, const char *entity) {
    struct hy_subject_state *state = calloc(1, sizeof *state);
    if (state == NULL) return NULL;
    copy_name(state->subject, subject);
    copy_name(state->topic, topic);
    copy_name(state->place, place);
    copy_name(state->entity, entity);
    state->bucket_ms = rules->bucket_ms;
    state->newest = 0;
    state->weakest = NONE_KNOWN;
    return state;
}

void evidence_free(struct hy_evidence *evidence) {
    free(evidence->url);
    *evidence = (struct hy_evidence){.url = NULL};
}

void run_reset(struct run *run) {
    pairs_free(&run->writers);
    free(run->sketch);
    run->sketch = NULL;
    run->messages = run->reach = run->official = run->negative = run->writers_said = 0;
    run->level = 0;
}

void hy_subject_free(struct hy_subject_state *state) {
    if (state == NULL) return;
    for (int i = 0; i < state->n_buckets; i++)
        free(state->buckets[i].sketch);
    for (int i = 0; i < state->n_evidence; i++)
        evidence_free(&state->evidence[i]);
    run_reset(&state->run);
    free(state->buckets);
    pairs_free(&state->writers);
    pairs_free(&state->events);
    free(state);
}

bool run_stands_out(const struct run *run, const struct hy_incident_rules *rules, int64_t now_ms) {
    return run->running && run->usual >= 0 && now_ms - run->started_ms < rules->baseline_days * (int64_t)DAY_MS;
}

int64_t kept_buckets(const struct hy_incident_rules *rules) {
    return (rules->window_ms + rules->allowance_ms + rules->bucket_ms - 1) / rules->bucket_ms;
}

int64_t window_first(const struct hy_incident_rules *rules, int64_t now_ms) {
    return (now_ms - rules->window_ms) / rules->bucket_ms + 1;
}

// The day's cell of the baseline, NULL when it lies before all that is kept. Days move up as time goes on.
static uint32_t *day_cell(struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t day) {
    if (state->n_days == 0) state->first_day = day;
    if (day < state->first_day) {
        int64_t room = state->first_day - day;
        if (state->n_days + room > rules->baseline_days) return NULL;
        memmove(state->days + room, state->days, (size_t)state->n_days * sizeof *state->days);
        memset(state->days, 0, (size_t)room * sizeof *state->days);
        state->n_days += (int)room;
        state->first_day = day;
    }
    if (day - state->first_day >= 2 * (int64_t)MAX_DAYS) state->n_days = 0;
    if (state->n_days == 0) state->first_day = day;
    while (day - state->first_day >= state->n_days) {
        if (state->n_days == rules->baseline_days) {
            memmove(state->days, state->days + 1, (size_t)(state->n_days - 1) * sizeof *state->days);
            state->first_day++;
            state->n_days--;
        }
        state->days[state->n_days++] = 0;
    }
    return &state->days[day - state->first_day];
}

static uint64_t writers_of(const struct hy_subject_state *state, const struct bucket *bucket) {
    if (bucket->sketch != NULL) return sketch_count(bucket->sketch);
    uint64_t n = 0;
    for (int i = 0; i < state->writers.n; i++)
        n += state->writers.bucket[i] == bucket->number;
    return n;
}

// Was the bucket part of the last run, while that stood out? What is extraordinary does not become usual.
static bool extraordinary(const struct run *run, const struct hy_incident_rules *rules, const struct bucket *bucket) {
    int64_t begin = bucket->number * rules->bucket_ms;
    return run->number > 0 && run->usual >= 0 && begin > run->started_ms - rules->window_ms &&
           begin <= run->last_above_ms && begin < run->started_ms + rules->baseline_days * (int64_t)DAY_MS;
}

static void retire(struct hy_subject_state *state, const struct hy_incident_rules *rules, struct bucket *bucket) {
    if (rules->baseline_days > 0 && !extraordinary(&state->run, rules, bucket)) {
        uint32_t *cell = day_cell(state, rules, bucket->number * rules->bucket_ms / DAY_MS);
        if (cell != NULL) *cell += (uint32_t)writers_of(state, bucket);
    }
    free(bucket->sketch);
}

// A full ring whose oldest entries expired becomes a plain array again.
static void drop_events(struct hy_subject_state *state, int64_t first) {
    struct pairs *events = &state->events;
    if (events->n == EXACT_EVENTS && state->events_next > 0) {
        uint64_t hash[EXACT_EVENTS];
        int64_t bucket[EXACT_EVENTS];
        for (int i = 0; i < EXACT_EVENTS; i++) {
            int from = (state->events_next + i) % EXACT_EVENTS;
            hash[i] = events->hash[from];
            bucket[i] = events->bucket[from];
        }
        memcpy(events->hash, hash, sizeof hash);
        memcpy(events->bucket, bucket, sizeof bucket);
    }
    state->events_next = 0;
    pairs_drop_before(events, first);
}

void move_on(struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t now_ms) {
    int64_t newest = now_ms / rules->bucket_ms;
    if (newest <= state->newest) return;
    state->newest = newest;
    int64_t first = newest - kept_buckets(rules);
    int gone = 0;
    while (gone < state->n_buckets && state->buckets[gone].number < first)
        retire(state, rules, &state->buckets[gone++]);
    if (gone == 0) return;
    state->n_buckets -= gone;
    memmove(state->buckets, state->buckets + gone, (size_t)state->n_buckets * sizeof *state->buckets);
    pairs_drop_before(&state->writers, first);
    drop_events(state, first);
    if (state->n_buckets == 0) state->sketched = false;
}

// The bucket of a number, made when new; buckets stay in order. NULL: out of memory.
static struct bucket *bucket_of(struct hy_subject_state *state, int64_t number) {
    int at = state->n_buckets;
    while (at > 0 && state->buckets[at - 1].number >= number)
        at--;
    if (at < state->n_buckets && state->buckets[at].number == number) return &state->buckets[at];
    if (state->n_buckets == state->cap_buckets) {
        int cap = state->cap_buckets == 0 ? 4 : state->cap_buckets * 2;
        struct bucket *wider = realloc(state->buckets, (size_t)cap * sizeof *wider);
        if (wider == NULL) return NULL;
        state->buckets = wider;
        state->cap_buckets = cap;
    }
    memmove(&state->buckets[at + 1], &state->buckets[at], (size_t)(state->n_buckets - at) * sizeof *state->buckets);
    state->buckets[at] = (struct bucket){.number = number};
    state->n_buckets++;
    return &state->buckets[at];
}

static int sketch_of(struct bucket *bucket) {
    if (bucket->sketch == NULL) bucket->sketch = calloc(SKETCH, 1);
    return bucket->sketch == NULL ? HY_ENOMEM : 0;
}

// From one by one to sketches: what is known goes over, so that nobody is counted anew.
static int start_sketching(struct hy_subject_state *state) {
    for (int i = 0; i < state->n_buckets; i++)
        if (sketch_of(&state->buckets[i]) < 0) return HY_ENOMEM;
    for (int i = 0; i < state->writers.n; i++)
        for (int k = 0; k < state->n_buckets; k++)
            if (state->buckets[k].number == state->writers.bucket[i])
                sketch_add(state->buckets[k].sketch, state->writers.hash[i]);
    pairs_free(&state->writers);
    state->sketched = true;
    return 0;
}

static int add_writer(struct hy_subject_state *state, struct bucket *bucket, uint64_t hash) {
    if (!state->sketched && pairs_has(&state->writers, hash, bucket->number)) return 0;
    if (!state->sketched && state->writers.n < EXACT_WRITERS) return pairs_add(&state->writers, hash, bucket->number);
    if (!state->sketched && start_sketching(state) < 0) return HY_ENOMEM;
    if (sketch_of(bucket) < 0) return HY_ENOMEM;
    sketch_add(bucket->sketch, hash);
    return 0;
}

int run_add_writer(struct run *run, uint64_t hash) {
    if (run->sketch == NULL) {
        if (pairs_has_hash(&run->writers, hash)) return 0;
        if (run->writers.n < EXACT_WRITERS) return pairs_add(&run->writers, hash, 0);
        run->sketch = calloc(SKETCH, 1);
        if (run->sketch == NULL) return HY_ENOMEM;
        for (int i = 0; i < run->writers.n; i++)
            sketch_add(run->sketch, run->writers.hash[i]);
        pairs_free(&run->writers);
    }
    sketch_add(run->sketch, hash);
    return 0;
}

static int note_event(struct hy_subject_state *state, uint64_t hash, int64_t bucket) {
    struct pairs *events = &state->events;
    if (events->n < EXACT_EVENTS) return pairs_add(events, hash, bucket);
    events->hash[state->events_next] = hash;
    events->bucket[state->events_next] = bucket;
    state->events_next = (state->events_next + 1) % EXACT_EVENTS;
    return 0;
}

static void add_totals(struct hy_subject_state *state, struct bucket *bucket, const struct hy_sighted *sighted) {
    bucket->messages++;
    bucket->reach += sighted->reach;
    bucket->official += sighted->official;
    bucket->negative += sighted->negative;
    struct run *run = &state->run;
    run->dirty = true;
    if (!run->running) return;
    run->messages++;
    run->reach += sighted->reach;
    run->official += sighted->official;
    run->negative += sighted->negative;
}

static uint64_t hash_of(const char *text) {
    struct hy_bytes bytes = hy_bytes_of(text);
    return XXH3_64bits(bytes.data, bytes.len);
}

int hy_subject_sighted(struct hy_subject_state *state, const struct hy_incident_rules *rules,
                       const struct hy_sighted *sighted, int64_t now_ms) {
    int64_t occurred = sighted->occurred_ms < now_ms ? sighted->occurred_ms : now_ms;
    lapse(state, rules, now_ms);
    move_on(state, rules, now_ms);
    int64_t number = occurred / rules->bucket_ms;
    if (occurred < 0 || number < state->newest - kept_buckets(rules)) return HY_SIGHTED_LATE;
    uint64_t event = hash_of(sighted->event_id), author = hash_of(sighted->author);
    if (pairs_has_hash(&state->events, event)) return HY_SIGHTED_REPEATED;
    struct bucket *bucket = bucket_of(state, number);
    // Evidence first: it is what a failed allocation may leave behind without harm.
    if (bucket == NULL || evidence_add(state, sighted, occurred) < 0 || add_writer(state, bucket, author) < 0)
        return HY_ENOMEM;
    if (state->run.running && run_add_writer(&state->run, author) < 0) return HY_ENOMEM;
    if (note_event(state, event, number) < 0) return HY_ENOMEM;
    add_totals(state, bucket, sighted);
    return HY_SIGHTED_COUNTED;
}

size_t hy_subject_memory(const struct hy_subject_state *state) {
    size_t bytes = sizeof *state + (size_t)state->cap_buckets * sizeof *state->buckets;
    bytes += (size_t)(state->writers.cap + state->events.cap + state->run.writers.cap) * 16;
    for (int i = 0; i < state->n_buckets; i++)
        bytes += state->buckets[i].sketch != NULL ? SKETCH : 0;
    for (int i = 0; i < state->n_evidence; i++)
        bytes += strlen(state->evidence[i].url) + 1;
    return bytes + (state->run.sketch != NULL ? SKETCH : 0);
}
