#include "consumers/sla/fires.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>
#include <utlist.h>

#include "huiying/v1/command.pb-c.h"
#include "lib/base/breakage.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/lane/topics.h"

enum { RETRY_MS = 200, KEY_SIZE = HY_ID_SIZE + 16 };
#define NEVER_SEEN (INT64_C(1) << 50) // an offset that casework will not reach

enum state { TO_SEND, SENT, ACKED, CONFIRMING };

struct fire {
    char key[KEY_SIZE]; // shard and command id
    struct hy_timer_fire what;
    int32_t shard;
    enum state state;
    bool orphan; // its shard went to another owner while it was on its way
    bool again;
    int64_t fired_ms;                // Redis's clock at the claim
    int64_t sent_at_ms, retry_at_ms; // monotonic
    int64_t offset;
    struct hy_buf confirm; // packed once acknowledged
    struct sla_fires *owner;
    struct fire *prev, *next; // in the list of its shard and state, once acknowledged
    UT_hash_handle hh;
};

struct sla_fires {
    struct hy_publisher *publisher;
    const struct hy_clock *clock;
    struct fire *all;
    struct fire *acked[SLA_SHARDS_MAX], *confirming[SLA_SHARDS_MAX];
    int64_t behind_last[SLA_SHARDS_MAX]; // 1 + the offset acknowledged last, 0 = none
    size_t n_waiting;                    // TO_SEND and SENT
    size_t n_to_send;                    // TO_SEND
    size_t n_unconfirmed;                // ACKED and CONFIRMING
    int64_t broker_skew_ms;
    struct hy_metric *fired, *repeated, *failed, *late_claimed, *late_appended;
};

struct sla_fires *sla_fires_new(struct hy_publisher *publisher, const struct hy_clock *clock) {
    struct sla_fires *fires = calloc(1, sizeof *fires);
    if (!fires) return NULL;
    fires->publisher = publisher;
    fires->clock = clock;
    fires->fired = hy_metric_get(HY_COUNTER, "huiying_sla_fired_total", "Fires that Kafka has acknowledged.", NULL);
    fires->repeated =
        hy_metric_get(HY_COUNTER, "huiying_sla_repeated_total",
                      "Fires given out again, with the same id: after a restart, or passed without effect.", NULL);
    fires->failed = hy_metric_get(HY_COUNTER, "huiying_sla_send_failures_total",
                                  "Sends that failed or whose fate is unknown.", NULL);
    fires->late_claimed = hy_metric_histogram("huiying_sla_late_seconds", "How late a timer fired, by Redis's clock.",
                                              "until=\"claimed\"", NULL, 0);
    fires->late_appended = hy_metric_histogram("huiying_sla_late_seconds", "How late a timer fired, by Redis's clock.",
                                               "until=\"appended\"", NULL, 0);
    return fires;
}

static void forget(struct sla_fires *fires, struct fire *fire) {
    if (fire->state == TO_SEND) fires->n_to_send--;
    if (fire->state <= SENT)
        fires->n_waiting--;
    else
        fires->n_unconfirmed--;
    if (fire->state == ACKED) DL_DELETE(fires->acked[fire->shard], fire);
    if (fire->state == CONFIRMING) DL_DELETE(fires->confirming[fire->shard], fire);
    HASH_DEL(fires->all, fire);
    hy_buf_free(&fire->confirm);
    free(fire);
}

void sla_fires_free(struct sla_fires *fires) {
    struct fire *fire, *next;
    if (!fires) return;
    HASH_ITER(hh, fires->all, fire, next) {
        forget(fires, fire);
    }
    free(fires);
}

void sla_fire_id(const struct hy_timer_fire *fire, char out[HY_ID_SIZE]) {
    char epoch[12], stage[12];
    snprintf(epoch, sizeof epoch, "%" PRIu32, fire->epoch);
    snprintf(stage, sizeof stage, "%" PRIu32, fire->stage);
    hy_id_strings(out, 5, "timer", fire->case_id, fire->clock, epoch, stage);
}

// protobuf-c wants char * for texts that it only reads.
static char *text(const char *from) {
    union {
        const char *in;
        char *out;
    } u = {.in = from};
    return u.out;
}

int sla_fire_command(const struct hy_timer_fire *fire, int64_t fired_ms, struct hy_buf *out) {
    char id[HY_ID_SIZE];
    Huiying__V1__Time due = HUIYING__V1__TIME__INIT, fired = HUIYING__V1__TIME__INIT;
    Huiying__V1__Actor actor = HUIYING__V1__ACTOR__INIT;
    Huiying__V1__TimerFired body = HUIYING__V1__TIMER_FIRED__INIT;
    Huiying__V1__Command command = HUIYING__V1__COMMAND__INIT;
    sla_fire_id(fire, id);
    due.unix_ms = fire->due_ms;
    fired.unix_ms = fired_ms;
    due.offset_minutes = fired.offset_minutes = HY_SHANGHAI_MINUTES;
    actor.kind = HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PROGRAM;
    actor.id = text("sla");
    actor.role = text("system");
    body.clock = text(fire->clock);
    body.epoch = fire->epoch;
    body.stage = fire->stage;
    body.due = &due;
    body.fired = &fired;
    command.schema_version = 1;
    command.id = id;
    command.dossier = text(fire->dossier);
    command.case_id = text(fire->case_id);
    command.issued = &fired;
    command.actor = &actor;
    command.body_case = HUIYING__V1__COMMAND__BODY_TIMER_FIRED;
    command.timer_fired = &body;
    hy_buf_clear(out);
    size_t size = huiying__v1__command__get_packed_size(&command);
    if (hy_buf_reserve(out, size) != 0) return HY_ENOMEM;
    out->len = huiying__v1__command__pack(&command, (uint8_t *)out->data);
    out->data[out->len] = 0;
    return 0;
}

static void retry_later(struct fire *fire) {
    if (fire->state == SENT) fire->owner->n_to_send++;
    fire->state = TO_SEND;
    fire->retry_at_ms = hy_mono_ms(fire->owner->clock) + RETRY_MS;
}

// Redis's clock at the claim, the send's duration and the broker's stamp: further apart than the send took is skew.
static void compare_clocks(struct fire *fire, int64_t stamp_ms) {
    int64_t took = hy_mono_ms(fire->owner->clock) - fire->sent_at_ms;
    int64_t apart = stamp_ms - fire->fired_ms;
    fire->owner->broker_skew_ms = apart < 0 ? apart : apart > took ? apart - took : 0;
}

static void acknowledged(struct fire *fire, const struct hy_published *result) {
    struct sla_fires *fires = fire->owner;
    fire->state = ACKED;
    fire->offset = result->status == HY_OK ? result->offset : NEVER_SEEN;
    if (result->status == HY_OK) fires->behind_last[fire->shard] = result->offset + 1;
    DL_APPEND(fires->acked[fire->shard], fire);
    fires->n_waiting--;
    fires->n_unconfirmed++;
    hy_metric_add(fires->fired, 1);
    if (!fire->again) {
        hy_metric_observe(fires->late_appended, (double)(result->timestamp_ms - fire->what.due_ms) / 1000.0);
        compare_clocks(fire, result->timestamp_ms);
    }
    if (result->partition != fire->shard)
        HY_ERROR("sla.partitions",
                 "a fire went to another partition than its case; hy.commands and hy.cases must have "
                 "equally many",
                 "shard=%d partition=%d", (int)fire->shard, (int)result->partition);
    if (hy_timer_confirm_pack(&fire->what, fire->offset, &fire->confirm) != 0 || !hy_buf_ok(&fire->confirm))
        forget(fires, fire); // Redis keeps it without an offset; a restart repeats it under its id
}

static void on_published(void *opaque, const struct hy_published *result) {
    struct fire *fire = opaque;
    struct sla_fires *fires = fire->owner;
    if (fire->orphan) {
        forget(fires, fire);
        return;
    }
    if (result->status == HY_OK || HY_BROKEN(unsent_fire_confirmed)) {
        acknowledged(fire, result);
        return;
    }
    hy_metric_add(fires->failed, 1);
    HY_WARN("sla.send", "a fire was not acknowledged; it is sent again with the same id",
            "shard=%d code=%s reason=\"%s\"", (int)fire->shard, hy_error_name(result->status), result->why);
    if (HY_BROKEN(failed_send_forgotten))
        forget(fires, fire);
    else
        retry_later(fire);
}

static void publish(struct fire *fire) {
    struct sla_fires *fires = fire->owner;
    struct hy_buf value = {0};
    struct hy_error err = {0};
    char key[2 * HY_TIMER_ID_MAX + 2];
    snprintf(key, sizeof key, "%s.%s", fire->what.dossier, fire->what.case_id);
    int rc = sla_fire_command(&fire->what, fire->fired_ms, &value);
    fire->sent_at_ms = hy_mono_ms(fires->clock);
    if (rc == 0)
        rc = hy_publish(fires->publisher, HY_TOPIC_COMMANDS, hy_bytes_of(key), hy_buf_view(&value), on_published, fire,
                        &err);
    hy_buf_free(&value);
    if (rc == 0) {
        fire->state = SENT;
        fires->n_to_send--;
        return;
    }
    if (rc != HY_EAGAIN) {
        hy_metric_add(fires->failed, 1);
        HY_ERROR("sla.send", "a fire could not be handed to Kafka; it is tried again", "shard=%d code=%s reason=\"%s\"",
                 (int)fire->shard, hy_error_name(rc), err.text);
    }
    retry_later(fire);
}

void sla_fires_add(struct sla_fires *fires, int32_t shard, const struct hy_timer_fire *what, int64_t now_ms,
                   bool again) {
    char id[HY_ID_SIZE], key[KEY_SIZE];
    struct fire *fire;
    sla_fire_id(what, id);
    snprintf(key, sizeof key, "%d/%s", (int)shard, id);
    HASH_FIND_STR(fires->all, key, fire);
    if (shard < 0 || shard >= SLA_SHARDS_MAX) return;
    if (fire) {
        fire->orphan = false;
        return; // it is on its way, or only its confirmation was lost
    }
    fire = calloc(1, sizeof *fire);
    if (!fire) {
        HY_ERROR("sla.send", "no memory for a fire; it stays in Redis's outbox", "shard=%d", (int)shard);
        return;
    }
    memcpy(fire->key, key, sizeof key);
    fire->what = *what;
    fire->shard = shard;
    fire->again = again;
    fire->fired_ms = now_ms;
    fire->owner = fires;
    HASH_ADD_STR(fires->all, key, fire);
    fires->n_waiting++;
    fires->n_to_send++;
    if (again)
        hy_metric_add(fires->repeated, 1);
    else
        hy_metric_observe(fires->late_claimed, (double)(now_ms - what->due_ms) / 1000.0);
    HY_FAULT_POINT("sla.before_publish");
    publish(fire);
}

void sla_fires_send(struct sla_fires *fires) {
    struct fire *fire, *next;
    if (fires->n_to_send == 0) return;
    int64_t now = hy_mono_ms(fires->clock);
    HASH_ITER(hh, fires->all, fire, next) {
        if (fire->state == TO_SEND && fire->orphan)
            forget(fires, fire);
        else if (fire->state == TO_SEND && now >= fire->retry_at_ms)
            publish(fire);
    }
}

size_t sla_fires_acked(struct sla_fires *fires, int32_t shard, struct hy_bytes *views, size_t max) {
    struct fire *fire, *next;
    size_t n = 0;
    DL_FOREACH_SAFE(fires->acked[shard], fire, next) {
        if (n == max) break;
        DL_DELETE(fires->acked[shard], fire);
        DL_APPEND(fires->confirming[shard], fire);
        fire->state = CONFIRMING;
        views[n++] = hy_buf_view(&fire->confirm);
    }
    return n;
}

void sla_fires_confirmed(struct sla_fires *fires, int32_t shard, bool stored) {
    struct fire *fire, *next;
    DL_FOREACH_SAFE(fires->confirming[shard], fire, next) {
        if (stored) {
            forget(fires, fire);
            continue;
        }
        DL_DELETE(fires->confirming[shard], fire);
        DL_APPEND(fires->acked[shard], fire);
        fire->state = ACKED;
    }
}

void sla_fires_drop(struct sla_fires *fires, int32_t shard) {
    struct fire *fire, *next;
    fires->behind_last[shard] = 0;
    HASH_ITER(hh, fires->all, fire, next) {
        if (fire->shard != shard) continue;
        if (fire->state == SENT)
            fire->orphan = true; // its report will come and frees it
        else
            forget(fires, fire);
    }
}

size_t sla_fires_waiting(const struct sla_fires *fires) {
    return fires->n_waiting;
}

size_t sla_fires_unconfirmed(const struct sla_fires *fires) {
    return fires->n_unconfirmed;
}

int64_t sla_fires_last_offset(const struct sla_fires *fires, int32_t shard) {
    return fires->behind_last[shard] > 0 ? fires->behind_last[shard] - 1 : HY_TIMERS_NONE;
}

void sla_fires_new_log(struct sla_fires *fires, int32_t shard) {
    fires->behind_last[shard] = 0;
}

int64_t sla_fires_broker_skew(const struct sla_fires *fires) {
    return fires->broker_skew_ms;
}
