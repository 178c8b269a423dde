#include "consumers/sentinel/sentinel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/sentinel/observed.h"
#include "consumers/sentinel/subjects.h"
#include "huiying/v1/sighting.pb-c.h"
#include "lib/base/metrics.h"
#include "lib/base/pb.h"
#include "lib/core/case.h"
#include "lib/core/route.h"
#include "lib/lane/topics.h"

enum { TICK_OBSERVATIONS = 200, TICK_EVICTIONS = 200 };

// Where a partition's event time is kept among its subjects; no subject's key is that short.
static const char EVENT_TIME_KEY[] = "event-time";

static int rules_now(struct sentinel *sentinel, struct hy_incident_rules *rules, struct hy_error *err) {
    const struct hy_pack *pack = hy_packs_find(sentinel->packs, "");
    int rc = pack ? hy_incident_rules(&pack->incident, rules) : HY_ENOTFOUND;
    return rc == HY_OK ? rc : hy_fail(err, HY_EAGAIN, "the pack in force has no incident levels");
}

// Event time goes on with the wall clock while nothing comes in, so that a quiet hour ends a run.
static int64_t event_now(const struct subjects *subjects, int64_t lane_now_ms) {
    int64_t idle = lane_now_ms > subjects->advanced_at ? lane_now_ms - subjects->advanced_at : 0;
    int64_t now = subjects->event_ms + idle;
    return now < lane_now_ms ? now : lane_now_ms;
}

static int report(struct hy_lane_ctx *ctx, const char *dossier, const struct hy_observation *observation,
                  struct hy_error *err) {
    struct hy_bytes value;
    if (observed_command(hy_lane_arena(ctx), dossier, observation, hy_lane_now(ctx), &value) != HY_OK) {
        return hy_fail(err, HY_ENOMEM, "observation: out of memory");
    }
    hy_metric_add(hy_metric_get(HY_COUNTER, "huiying_sentinel_observations_total", "Observations reported.", NULL), 1);
    return hy_lane_emit(ctx, HY_TOPIC_COMMANDS, hy_bytes_of(dossier), value, err);
}

static int store(struct hy_lane_ctx *ctx, const struct subject *subject, struct hy_error *err) {
    struct hy_buf packed = {0};
    int rc = hy_subject_pack(subject->state, &packed);
    if (rc == HY_OK)
        rc = hy_lane_put(ctx, hy_bytes_of(subject->key), hy_buf_view(&packed), err);
    else
        hy_fail(err, rc, "subject: out of memory");
    hy_buf_free(&packed);
    return rc;
}

// Says what there is to say of the subject, and stores it: both in the record's transaction.
static int tell(struct hy_lane_ctx *ctx, const struct hy_incident_rules *rules, struct subject *subject, int64_t now_ms,
                struct hy_error *err) {
    struct hy_observation observation;
    int rc = HY_OK;
    if (hy_subject_observe(subject->state, rules, now_ms, &observation))
        rc = report(ctx, subject->key, &observation, err);
    return rc == HY_OK ? store(ctx, subject, err) : rc;
}

// The same without a sighting: what time alone changed is stored only with something to say.
static int look(struct hy_lane_ctx *ctx, const struct hy_incident_rules *rules, struct subject *subject, int64_t now_ms,
                struct hy_error *err) {
    struct hy_observation observation;
    if (!hy_subject_observe(subject->state, rules, now_ms, &observation)) return HY_OK;
    int rc = report(ctx, subject->key, &observation, err);
    return rc == HY_OK ? store(ctx, subject, err) : rc;
}

static int advance(struct hy_lane_ctx *ctx, int64_t received_ms, struct hy_error *err) {
    struct subjects *subjects = hy_lane_data(ctx);
    int64_t now = hy_lane_now(ctx);
    int64_t at = received_ms < now ? received_ms : now;
    if (at <= subjects->event_ms) return HY_OK;
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, at);
    int rc = hy_lane_put(ctx, hy_bytes_of(EVENT_TIME_KEY), hy_bytes_of(text), err);
    if (rc != HY_OK) return rc;
    subjects->event_ms = at;
    subjects->advanced_at = now;
    return HY_OK;
}

static int count_one(struct hy_lane_ctx *ctx, const struct hy_incident_rules *rules, const Huiying__V1__Sighting *s,
                     const char *key, struct hy_error *err) {
    static const char *const FATES[] = {"fate=\"counted\"", "fate=\"repeated\"", "fate=\"late\""};
    struct subjects *subjects = hy_lane_data(ctx);
    struct subject *subject = subjects_find(subjects, key);
    if (!subject)
        subject = subjects_add(subjects, key, hy_subject_new(rules, s->subject, s->topic, s->place, s->entity));
    if (!subject) return hy_fail(err, HY_ENOMEM, "subject: out of memory");
    const struct hy_sighted sighted = {.event_id = s->event_id,
                                       .author = s->author_hash,
                                       .occurred_ms = s->occurred->unix_ms,
                                       .reach = s->reach,
                                       .official = s->official_media,
                                       .negative = s->negative,
                                       .url = s->url,
                                       .case_dossier = s->case_dossier};
    int64_t now = event_now(subjects, hy_lane_now(ctx));
    int fate = hy_subject_sighted(subject->state, rules, &sighted, now);
    if (fate < 0) return hy_fail(err, fate, "subject: out of memory");
    hy_metric_add(hy_metric_get(HY_COUNTER, "huiying_sentinel_sightings_total", "Sightings, by what became of them.",
                                FATES[fate]),
                  1);
    return fate == HY_SIGHTED_COUNTED ? tell(ctx, rules, subject, now, err) : HY_OK;
}

static int handle(struct hy_lane_ctx *ctx, const struct hy_record *record, struct hy_error *err) {
    Huiying__V1__Sighting *sighting = NULL;
    struct hy_incident_rules rules;
    int rc = hy_pb_read(&huiying__v1__sighting__descriptor, hy_lane_arena(ctx), record->value, 1, &sighting, err);
    if (rc != HY_OK) return rc;
    char key[HY_ID_SIZE];
    hy_incident_dossier(sighting->subject, key);
    if (!sighting->occurred || !sighting->received || !hy_bytes_equal(record->key, hy_bytes_of(key))) {
        return hy_fail(err, HY_EINVALID, "sighting without times, or its key is not its subject's");
    }
    if (sighting->historic) return HY_OK;                               // old data makes no incidents
    if (sighting->weight * 100 < HY_SUBJECT_MAIN_PERCENT) return HY_OK; // only in passing: it would count for nothing
    rc = rules_now(hy_lane_user(ctx), &rules, err);
    if (rc == HY_OK) rc = advance(ctx, sighting->received->unix_ms, err);
    return rc == HY_OK ? count_one(ctx, &rules, sighting, key, err) : rc;
}

static void identify(struct hy_arena *arena, struct hy_bytes value, char out[HY_ID_SIZE]) {
    Huiying__V1__Sighting *sighting = NULL;
    struct hy_error why = {0};
    int rc = hy_pb_read(&huiying__v1__sighting__descriptor, arena, value, 0, &sighting, &why);
    if (rc == HY_OK && hy_id_valid(sighting->event_id)) snprintf(out, HY_ID_SIZE, "%s", sighting->event_id);
}

// A subject that the window and the baseline have forgotten makes room.
static int evict(struct hy_lane_ctx *ctx, struct subject *subject, struct hy_error *err) {
    int rc = hy_lane_delete(ctx, hy_bytes_of(subject->key), err);
    if (rc == HY_OK) subjects_remove(hy_lane_data(ctx), subject);
    return rc;
}

static int tick(struct hy_lane_ctx *ctx, int32_t partition, int64_t now_ms, struct hy_error *err) {
    (void)partition;
    struct subjects *subjects = hy_lane_data(ctx);
    struct hy_incident_rules rules;
    int observations = TICK_OBSERVATIONS;
    int evictions = TICK_EVICTIONS;
    int rc = rules_now(hy_lane_user(ctx), &rules, err);
    int64_t now = event_now(subjects, now_ms);
    struct subject *subject;
    struct subject *next;
    HASH_ITER(hh, subjects->table, subject, next) {
        if (rc != HY_OK) break;
        if (hy_subject_waiting(subject->state, now)) {
            if (observations-- > 0) rc = look(ctx, &rules, subject, now, err);
        } else if (evictions > 0 && hy_subject_over(subject->state, &rules, now)) {
            evictions--;
            rc = evict(ctx, subject, err);
        }
    }
    return rc;
}

static void *open_partition(void *user, int32_t partition) {
    (void)user;
    (void)partition;
    return subjects_new();
}

static void close_partition(void *user, void *data, int32_t partition) {
    (void)user;
    (void)partition;
    subjects_free(data);
}

static int load_key(void *user, void *data, struct hy_bytes key, struct hy_bytes value, struct hy_error *err) {
    struct subjects *subjects = data;
    struct hy_incident_rules rules;
    char text[HY_ID_SIZE];
    if (hy_bytes_equal(key, hy_bytes_of(EVENT_TIME_KEY))) {
        snprintf(text, sizeof text, "%.*s", (int)value.len, (const char *)value.data);
        subjects->event_ms = strtoll(text, NULL, 10);
        return HY_OK;
    }
    if (key.len >= sizeof text) return hy_fail(err, HY_EFORMAT, "hy.subjects: a key of %zu bytes", key.len);
    memcpy(text, key.data, key.len);
    text[key.len] = '\0';
    int rc = rules_now(user, &rules, err);
    struct hy_subject_state *state = NULL;
    if (rc == HY_OK) rc = hy_subject_unpack(&rules, value, &state, err);
    if (rc == HY_OK && !subjects_add(subjects, text, state)) rc = hy_fail(err, HY_ENOMEM, "subject: out of memory");
    return rc;
}

struct hy_lane_handler sentinel_handler(struct sentinel *sentinel) {
    return (struct hy_lane_handler){
        .name = "sentinel",
        .inputs = {HY_TOPIC_SIGHTINGS},
        .state = HY_TOPIC_SUBJECTS,
        .outputs = {HY_TOPIC_COMMANDS},
        .max_record_bytes = 64 * 1024,
        .handle = handle,
        .identify = identify,
        .tick = tick,
        .open = open_partition,
        .load = load_key,
        .close = close_partition,
        .user = sentinel,
    };
}
