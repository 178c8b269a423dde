#include "consumers/sentinel/observed.h"

#include <inttypes.h>
#include <stdio.h>

#include "huiying/v1/command.pb-c.h"
#include "lib/base/clock.h"
#include "lib/base/pb.h"

static Huiying__V1__Time *make_time(struct hy_arena *arena, int64_t ms) {
    Huiying__V1__Time *time = hy_arena_alloc(arena, sizeof *time);
    if (!time) return NULL;
    huiying__v1__time__init(time);
    time->unix_ms = ms;
    time->offset_minutes = HY_SHANGHAI_MINUTES;
    return time;
}

static Huiying__V1__EvidencePost *evidence_post(struct hy_arena *arena, const struct hy_evidence *from) {
    Huiying__V1__EvidencePost *post = hy_arena_alloc(arena, sizeof *post);
    if (!post) return NULL;
    huiying__v1__evidence_post__init(post);
    post->event_id = hy_arena_str(arena, from->event_id);
    post->case_dossier = hy_arena_str(arena, from->case_dossier);
    post->url = hy_arena_str(arena, from->url);
    post->reach = from->reach;
    post->occurred = make_time(arena, from->occurred_ms);
    return post->event_id && post->case_dossier && post->url && post->occurred ? post : NULL;
}

static bool fill_lists(struct hy_arena *arena, const struct hy_observation *o, Huiying__V1__Observed *out) {
    out->evidence = hy_arena_zalloc(arena, HY_EVIDENCE * sizeof *out->evidence);
    out->reasons = hy_arena_zalloc(arena, HY_REASONS * sizeof *out->reasons);
    if (!out->evidence || !out->reasons) return false;
    for (int i = 0; i < o->n_evidence; i++) {
        if (!(out->evidence[out->n_evidence++] = evidence_post(arena, o->evidence[i]))) return false;
    }
    for (int i = 0; i < o->n_reasons; i++) {
        if (!(out->reasons[out->n_reasons++] = hy_arena_str(arena, o->reasons[i]))) return false;
    }
    return true;
}

static bool fill_observed(struct hy_arena *arena, const struct hy_observation *o, Huiying__V1__Observed *out) {
    out->subject = hy_arena_str(arena, o->subject);
    out->topic = hy_arena_str(arena, o->topic);
    out->place = hy_arena_str(arena, o->place);
    out->entity = hy_arena_str(arena, o->entity);
    out->counter = o->counter;
    out->episode = o->run;
    out->level = o->level;
    out->writers = o->writers;
    out->messages = o->messages;
    out->reach = o->reach;
    out->official = o->official;
    out->window_start = make_time(arena, o->window_start_ms);
    out->window_end = make_time(arena, o->window_end_ms);
    out->usual = o->usual;
    bool texts = out->subject && out->topic && out->place && out->entity;
    return texts && out->window_start && out->window_end && fill_lists(arena, o, out);
}

int observed_command(struct hy_arena *arena, const char *dossier, const struct hy_observation *observation,
                     int64_t issued_ms, struct hy_bytes *out) {
    Huiying__V1__Command command = HUIYING__V1__COMMAND__INIT;
    Huiying__V1__Actor actor = HUIYING__V1__ACTOR__INIT;
    Huiying__V1__Observed observed = HUIYING__V1__OBSERVED__INIT;
    char id[HY_ID_SIZE];
    char counter[24];
    snprintf(counter, sizeof counter, "%" PRIu64, observation->counter);
    hy_id_strings(id, 3, "observed", dossier, counter);
    actor.kind = HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PROGRAM;
    actor.id = (char *)(uintptr_t) "sentinel"; // protobuf-c knows no const
    actor.role = (char *)(uintptr_t) "system";
    command.schema_version = 1;
    command.id = id;
    command.dossier = (char *)(uintptr_t)dossier;
    command.issued = make_time(arena, issued_ms);
    command.actor = &actor;
    command.body_case = HUIYING__V1__COMMAND__BODY_OBSERVED;
    command.observed = &observed;
    if (!command.issued || !fill_observed(arena, observation, &observed)) return HY_ENOMEM;
    return hy_pb_write(&command, arena, out);
}
