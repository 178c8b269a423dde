// Judging: the window against the levels and what is usual; runs; what there is to say.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/incident_internal.h"

// The last instant that belongs to the baseline: what the window and late events can still change does not.
static int64_t known_until(const struct hy_incident_rules *rules, int64_t now_ms) {
    return now_ms - rules->window_ms - rules->allowance_ms;
}

// Days of the baseline that were watched.
static int64_t known_days(const struct hy_incident_rules *rules, int64_t now_ms) {
    int64_t days = (known_until(rules, now_ms) - rules->watching_since_ms) / DAY_MS;
    return days > rules->baseline_days ? rules->baseline_days : days;
}

// Writers that a window of this length usually had.
static double usual_of(const struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t now_ms) {
    int64_t known = known_days(rules, now_ms), known_to = known_until(rules, now_ms);
    if (known < 1) return 0;
    int64_t last = known_to / DAY_MS, first = last - known + 1;
    double sum = 0;
    for (int i = 0; i < state->n_days; i++)
        if (state->first_day + i >= first && state->first_day + i <= last) sum += state->days[i];
    return sum / (double)known * (double)rules->window_ms / DAY_MS;
}

static uint64_t window_writers(const struct hy_subject_state *state, int64_t first, int64_t last) {
    if (!state->sketched) return (uint64_t)pairs_distinct(&state->writers, first, last);
    uint8_t all[SKETCH] = {0};
    for (int i = 0; i < state->n_buckets; i++)
        if (state->buckets[i].number >= first && state->buckets[i].number <= last && state->buckets[i].sketch != NULL)
            sketch_merge(all, state->buckets[i].sketch);
    return sketch_count(all);
}

void hy_subject_window(const struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t now_ms,
                       struct hy_window_totals *out) {
    int64_t first = window_first(rules, now_ms), last = now_ms / rules->bucket_ms;
    *out = (struct hy_window_totals){.estimated = state->sketched};
    for (int i = 0; i < state->n_buckets; i++) {
        const struct bucket *bucket = &state->buckets[i];
        if (bucket->number < first || bucket->number > last) continue;
        out->messages += bucket->messages;
        out->reach += bucket->reach;
        out->official += bucket->official;
        out->negative += bucket->negative;
    }
    out->writers = window_writers(state, first, last);
    out->usual = usual_of(state, rules, now_ms);
    if (run_stands_out(&state->run, rules, now_ms) && state->run.usual < out->usual) out->usual = state->run.usual;
}

// The worst level that the window fulfils; NULL when none.
static const struct hy_pack_level *level_of(const struct hy_incident_rules *rules,
                                            const struct hy_window_totals *window) {
    for (int i = 0; i < rules->n_levels; i++) {
        const struct hy_pack_level *level = &rules->levels[i];
        if (window->writers >= (uint64_t)level->writers &&
            (double)window->writers >= level->times_usual * window->usual)
            return level;
    }
    return NULL;
}

static void merge_window_writers(struct hy_subject_state *state, int64_t first) {
    struct run *run = &state->run;
    if (!state->sketched) {
        for (int i = 0; i < state->writers.n; i++)
            if (state->writers.bucket[i] >= first && run_add_writer(run, state->writers.hash[i]) < 0)
                return; // too few are counted, and the next sightings add theirs
        return;
    }
    if (run->sketch == NULL) run->sketch = calloc(SKETCH, 1);
    for (int i = 0; i < state->n_buckets && run->sketch != NULL; i++)
        if (state->buckets[i].number >= first && state->buckets[i].sketch != NULL)
            sketch_merge(run->sketch, state->buckets[i].sketch);
}

static void start_run(struct hy_subject_state *state, const struct hy_incident_rules *rules,
                      const struct hy_window_totals *window, int64_t now_ms) {
    struct run *run = &state->run;
    run_reset(run);
    run->running = run->dirty = true;
    run->number++;
    run->usual = known_days(rules, now_ms) < 1 ? -1 : window->usual;
    run->started_ms = now_ms;
    run->messages = window->messages;
    run->reach = window->reach;
    run->official = window->official;
    run->negative = window->negative;
    merge_window_writers(state, window_first(rules, now_ms));
}

// A run that ended keeps nothing: the next one has its own posts.
static void end_run(struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t now_ms) {
    run_reset(&state->run);
    state->run.running = false;
    int kept = 0;
    for (int i = 0; i < state->n_evidence; i++) {
        if (state->evidence[i].occurred_ms >= now_ms - rules->window_ms)
            state->evidence[kept++] = state->evidence[i];
        else
            evidence_free(&state->evidence[i]);
    }
    state->n_evidence = kept;
    state->weakest = NONE_KNOWN;
}

// Outside a run, posts that left the window must not hold places of newer ones.
static void forget_old_evidence(struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t now_ms) {
    if (!state->run.running && state->n_evidence > 0) end_run(state, rules, now_ms);
}

static uint64_t run_writers(struct run *run) {
    uint64_t writers = run->sketch != NULL ? sketch_count(run->sketch) : (uint64_t)run->writers.n;
    if (writers < run->writers_said) writers = run->writers_said;
    return run->writers_said = writers;
}

static int compare_evidence(const void *a, const void *b) {
    return evidence_compare(*(const struct hy_evidence *const *)a, *(const struct hy_evidence *const *)b);
}

static void say_reason(struct hy_observation *out, const char *fmt, ...) HY_PRINTF(2, 3);
static void say_reason(struct hy_observation *out, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    vsnprintf(out->reasons[out->n_reasons++], HY_REASON_TEXT, fmt, args);
    va_end(args);
}

static void give_reasons(const struct hy_incident_rules *rules, const struct hy_window_totals *window,
                         struct hy_observation *out) {
    int64_t minutes = rules->window_ms / 60000;
    const char *unit = minutes % 1440 == 0 ? "天" : minutes % 60 == 0 ? "小时" : "分钟";
    int64_t length = minutes % 1440 == 0 ? minutes / 1440 : minutes % 60 == 0 ? minutes / 60 : minutes;
    say_reason(out, "%lld%s内有%llu人反映，共%llu条", (long long)length, unit, (unsigned long long)window->writers,
               (unsigned long long)window->messages);
    if (window->usual > 0)
        say_reason(out, "平常同样时长约%.1f人，现为%.1f倍", window->usual, (double)window->writers / window->usual);
    else
        say_reason(out, "此前没有人反映");
    if (window->official > 0) say_reason(out, "有%llu条来自官方媒体", (unsigned long long)window->official);
    if (window->negative > 0) say_reason(out, "%llu条为负面", (unsigned long long)window->negative);
}

static void fill(struct hy_subject_state *state, const struct hy_incident_rules *rules,
                 const struct hy_window_totals *window, int64_t now_ms, struct hy_observation *out) {
    struct run *run = &state->run;
    *out = (struct hy_observation){
        .subject = state->subject,
        .topic = state->topic,
        .place = state->place,
        .entity = state->entity,
        .counter = run->counter,
        .run = run->number,
        .level = run->level,
        .writers = run_writers(run),
        .messages = run->messages,
        .reach = run->reach,
        .official = run->official,
        .negative = run->negative,
        .window_writers = window->writers,
        .window_start_ms = now_ms - rules->window_ms,
        .window_end_ms = now_ms,
        .usual = window->usual,
        .n_evidence = state->n_evidence,
    };
    for (int i = 0; i < state->n_evidence; i++)
        out->evidence[i] = &state->evidence[i];
    qsort(out->evidence, (size_t)out->n_evidence, sizeof *out->evidence, compare_evidence);
    give_reasons(rules, window, out);
}

// Below the lowest level whatever the distinct count says: most subjects, most of the time.
static bool too_few(const struct hy_subject_state *state, const struct hy_incident_rules *rules) {
    return !state->run.running && !state->sketched && state->writers.n < rules->levels[rules->n_levels - 1].writers;
}

// Judges the time since the run was last above a level, as ticks would have done: with nothing new the window only
// empties, so it stayed above until some bucket's end. Called before anything moves on, so that runs do not depend on
// ticks.
void lapse(struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t now_ms) {
    struct run *run = &state->run;
    if (!run->running) return;
    struct hy_window_totals window;
    while (run->last_above_ms + 1 < now_ms) {
        hy_subject_window(state, rules, run->last_above_ms + 1, &window);
        if (level_of(rules, &window) == NULL) break;
        run->last_above_ms += rules->bucket_ms;
    }
    if (now_ms - run->last_above_ms >= rules->quiet_ms) end_run(state, rules, now_ms);
}

bool hy_subject_observe(struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t now_ms,
                        struct hy_observation *out) {
    struct run *run = &state->run;
    lapse(state, rules, now_ms);
    move_on(state, rules, now_ms);
    if (too_few(state, rules)) {
        forget_old_evidence(state, rules, now_ms);
        run->dirty = false;
        return false;
    }
    if (now_ms - run->last_observed_ms < HY_OBSERVE_EVERY_MS) return false;
    struct hy_window_totals window;
    hy_subject_window(state, rules, now_ms, &window);
    const struct hy_pack_level *level = level_of(rules, &window);
    if (level == NULL && !run->running) {
        forget_old_evidence(state, rules, now_ms);
        run->dirty = false;
        return false;
    }
    if (level != NULL) {
        run->last_above_ms = (now_ms / rules->bucket_ms + 1) * rules->bucket_ms - 1; // a window is one of whole buckets
        if (!run->running) start_run(state, rules, &window, now_ms);
    }
    bool worse = level != NULL && (run->level == 0 || (uint32_t)level->level < run->level);
    if (worse) run->level = (uint32_t)level->level;
    if (!worse && !run->dirty) return false;
    run->dirty = false;
    run->last_observed_ms = now_ms;
    run->counter++;
    fill(state, rules, &window, now_ms, out);
    return true;
}

bool hy_subject_waiting(const struct hy_subject_state *state, int64_t now_ms) {
    return state->run.dirty || (state->run.running && now_ms / state->bucket_ms > state->newest);
}

bool hy_subject_over(const struct hy_subject_state *state, const struct hy_incident_rules *rules, int64_t now_ms) {
    if (state->run.running || state->run.counter > 0) // the counter must never begin anew
        return false;
    if (state->n_buckets > 0 &&
        state->buckets[state->n_buckets - 1].number >= now_ms / rules->bucket_ms - kept_buckets(rules))
        return false;
    int64_t first = (now_ms - rules->window_ms - rules->allowance_ms) / DAY_MS - rules->baseline_days;
    for (int i = 0; i < state->n_days; i++)
        if (state->days[i] > 0 && state->first_day + i > first) return false;
    return true;
}
