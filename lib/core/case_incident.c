// Incidents: sentinel observes a subject, the engine opens 网信办's case, grows it, hands it over when it is major, and
// after a closing opens the next episode only when it is worse than the closing level or silence lay between.
#include "lib/core/case_turn.h"

enum { EVIDENCE_MAX = 50, REASONS_MAX = 16, FIELD_MAX = 200, MINUTE_MS = 60000 };

static bool valid(struct hy_turn *t, const Huiying__V1__Observed *seen) {
    char dossier[HY_ID_SIZE];
    bool named =
        hy_text_set(seen->subject) && strlen(seen->subject) <= FIELD_MAX && hy_utf8_valid(hy_bytes_of(seen->subject));
    if (!named) {
        hy_turn_dead(t, "the observation names no subject, or one longer than %d bytes or not UTF-8", FIELD_MAX);
        return false;
    }
    hy_incident_dossier(seen->subject, dossier);
    if (!hy_text_equal(dossier, t->cmd->dossier))
        hy_turn_dead(t, "the command's dossier is not that of the observed subject");
    else if (seen->level > 4)
        hy_turn_dead(t, "the observed level is %u; levels are 1 (worst) to 4, 0 = below", seen->level);
    else
        return true;
    return false;
}

static Huiying__V1__DossierCase *youngest(const Huiying__V1__DossierRecord *d) {
    return d->n_cases == 0 ? NULL : d->cases[d->n_cases - 1];
}

static bool is_newer(const Huiying__V1__IncidentTotals *totals, const Huiying__V1__Observed *seen) {
    return seen->episode != totals->episode ? seen->episode > totals->episode : seen->counter > totals->counter;
}

static int64_t window_end(const struct hy_turn *t, const Huiying__V1__Observed *seen) {
    return hy_min64(hy_time_or(seen->window_end, t->now), t->now);
}

static uint64_t most(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static void take_post(struct hy_turn *t, Huiying__V1__IncidentTotals *totals, const Huiying__V1__EvidencePost *seen) {
    Huiying__V1__EvidencePost *post = hy_turn_new(t, &huiying__v1__evidence_post__descriptor);
    *post = *seen;
    post->url = hy_turn_clip(t, post->url, FIELD_MAX);
    post->event_id = hy_turn_clip(t, post->event_id, HY_ID_LEN);
    post->case_dossier = hy_turn_clip(t, post->case_dossier, HY_ID_LEN);
    post->base.n_unknown_fields = 0;
    hy_turn_push(t, &totals->n_evidence, &totals->evidence, post);
}

static bool shows(const Huiying__V1__Observed *seen, const Huiying__V1__EvidencePost *post) {
    for (size_t i = 0; i < seen->n_evidence; i++) {
        if (hy_text_equal(seen->evidence[i]->event_id, post->event_id)) return true;
    }
    return false;
}

// Evidence is the strongest that was seen, as the last observation ranks it, without texts; behind it, while there is
// room, what an earlier run of the subject showed.
static void take_evidence(struct hy_turn *t, Huiying__V1__IncidentTotals *totals, const Huiying__V1__Observed *seen) {
    Huiying__V1__EvidencePost **before = totals->evidence;
    size_t n_before = totals->n_evidence;
    totals->n_evidence = 0;
    totals->evidence = NULL;
    for (size_t i = 0; i < seen->n_evidence && totals->n_evidence < EVIDENCE_MAX; i++) {
        take_post(t, totals, seen->evidence[i]);
    }
    for (size_t i = 0; i < n_before && totals->n_evidence < EVIDENCE_MAX; i++) {
        if (!shows(seen, before[i])) take_post(t, totals, before[i]);
    }
    totals->n_reasons = 0;
    totals->reasons = NULL;
    for (size_t i = 0; i < seen->n_reasons && i < REASONS_MAX; i++) {
        hy_turn_push(t, &totals->n_reasons, &totals->reasons, hy_turn_clip(t, seen->reasons[i], FIELD_MAX));
    }
}

static void count(struct hy_turn *t, Huiying__V1__IncidentTotals *totals, const Huiying__V1__Observed *seen) {
    totals->episode = seen->episode;
    totals->counter = seen->counter;
    totals->writers = most(totals->writers, seen->writers);
    totals->messages = most(totals->messages, seen->messages);
    totals->reach = most(totals->reach, seen->reach);
    totals->official = most(totals->official, seen->official);
    totals->last_grown = hy_turn_time(t, hy_max64(hy_time_or(totals->last_grown, 0), window_end(t, seen)));
    if (seen->n_evidence > 0) take_evidence(t, totals, seen);
}

static bool is_major(const struct hy_turn *t, uint32_t level) {
    return level > 0 && t->pack->incident.major_level > 0 && level <= (uint32_t)t->pack->incident.major_level;
}

static void open_incident(struct hy_turn *t, const Huiying__V1__Observed *seen, const char *link) {
    char id[HY_ID_SIZE];
    char *native = hy_turn_fmt(t, "%llu-%llu", (unsigned long long)seen->episode, (unsigned long long)seen->counter);
    hy_case_id(t->cmd->dossier, HY_KIND_INCIDENT, seen->subject, native, id);
    if (!hy_turn_pinned(t, "", HY_KIND_INCIDENT)) {
        hy_turn_dead(t, "pack %s has no kind incident", t->pack->id);
        return;
    }
    hy_open_case(t, hy_turn_join(t, id, "", ""), NULL, t->now);
    hy_case *c = t->c;
    c->incident = hy_turn_new(t, &huiying__v1__incident_totals__descriptor);
    c->incident->subject = seen->subject;
    c->incident->level = seen->level;
    c->incident->topic = hy_turn_clip(t, seen->topic, FIELD_MAX);
    c->incident->place = hy_turn_clip(t, seen->place, FIELD_MAX);
    c->incident->entity = hy_turn_clip(t, seen->entity, FIELD_MAX);
    c->incident->first_seen = hy_turn_time(t, hy_min64(hy_time_or(seen->window_start, t->now), t->now));
    c->category = c->incident->topic;
    c->area = c->incident->place;
    c->last_written = hy_turn_time(t, window_end(t, seen));
    c->linked_case = hy_lend(link);
    count(t, c->incident, seen);
    hy_open_duties(t, NULL);
    if (is_major(t, seen->level)) hy_reach(t, HY_POINT_MAJOR, t->now);
    t->rec->article = hy_lend(t->pack->incident.article);
    hy_turn_apply(t, "incident.opened", "%llu writers, %llu messages: level %u", (unsigned long long)seen->writers,
                  (unsigned long long)seen->messages, seen->level);
}

static unsigned magnitude(uint64_t n) {
    unsigned bits = 0;
    for (; n > 0; n >>= 1) {
        bits++;
    }
    return bits;
}

// 网信办 is told when the level rises or the number of messages doubles, not with each observation.
static void grow(struct hy_turn *t, const Huiying__V1__Observed *seen) {
    Huiying__V1__IncidentTotals *totals = t->c->incident;
    uint32_t before = totals->level;
    unsigned size = magnitude(totals->messages);
    bool worse = seen->level > 0 && (before == 0 || seen->level < before);
    count(t, totals, seen);
    if (worse) totals->level = seen->level;
    if (worse) hy_clocks_level(t);
    if (is_major(t, totals->level) && !is_major(t, before)) hy_reach(t, HY_POINT_MAJOR, t->now);
    if (worse)
        hy_work_change(t, hy_turn_fmt(t, "level %u", totals->level), NULL);
    else if (magnitude(totals->messages) > size)
        hy_work_change(t, hy_turn_fmt(t, "%llu messages", (unsigned long long)totals->messages), NULL);
    hy_turn_apply(t, worse ? "incident.worse" : "incident.grown", "%llu writers, %llu messages: level %u",
                  (unsigned long long)totals->writers, (unsigned long long)totals->messages, totals->level);
}

static bool next_episode(const struct hy_turn *t, const Huiying__V1__Observed *seen) {
    const Huiying__V1__IncidentTotals *totals = t->c->incident;
    if (seen->level == 0) return false;
    bool worse = totals->level == 0 || seen->level < totals->level;
    int64_t quiet = (int64_t)t->pack->incident.quiet_minutes * MINUTE_MS;
    return worse || window_end(t, seen) - hy_time_or(totals->last_grown, 0) >= quiet;
}

static void after_closing(struct hy_turn *t, const Huiying__V1__Observed *seen) {
    if (!next_episode(t, seen)) {
        count(t, t->c->incident, seen);
        hy_turn_apply(t, "incident.after_closing",
                      "counted; not worse than when it was closed, and no silence lay between");
        return;
    }
    const char *link = t->c->id;
    t->c = NULL;
    open_incident(t, seen, link);
}

void hy_cmd_observed(struct hy_turn *t) {
    const Huiying__V1__Observed *seen = t->cmd->observed;
    if (!valid(t, seen)) return;
    hy_turn_load_dossier(t);
    if (hy_turn_ahead(t, t->d->log_id, t->d->last_offset)) {
        hy_turn_skip(t);
        return;
    }
    const Huiying__V1__DossierCase *entry = youngest(t->d);
    if (entry != NULL && !hy_turn_load_case(t, entry->case_id) && t->out->outcome == HY_ENGINE_SKIPPED) return;
    if (t->c != NULL && t->c->incident != NULL) {
        if (!is_newer(t->c->incident, seen))
            hy_turn_repeat(t, "incident.counter", "an observation of this counter is known already");
        else if (hy_case_is_open(t->c))
            grow(t, seen);
        else
            after_closing(t, seen);
    } else if (seen->level == 0) {
        hy_turn_refuse(t, "incident.below", "below every level of the pack: no incident");
    } else {
        open_incident(t, seen, NULL);
    }
}
