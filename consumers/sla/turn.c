// One turn of the worker over what it stands on: open, fold and claim, drain, close. No thread and no waiting of its
// own beyond what the fold's poll takes, so that the simulator runs it on virtual time.
#include <stdlib.h>

#include "consumers/sla/sla.h"
#include "lib/base/log.h"

enum { ARENA_LIMIT = 1 << 20, BEAT_MS = 10000, FENCED_MS = 6000, AGREE_MS = 1000 };

void sla_init(struct sla *sla, const struct sla_options *options, const struct hy_clock *clock,
              struct hy_health *health) {
    sla->options = options;
    sla->clock = clock;
    sla->guard = (struct sla_guard){.slack_ms = options->step_ms, .hold_ms = options->hold_ms, .agree_ms = AGREE_MS};
    sla->health_worker = hy_health_part(health, "worker", BEAT_MS);
    sla->health_redis = hy_health_part(health, "redis", BEAT_MS);
    sla->health_kafka = hy_health_part(health, "kafka", 0);
    sla->health_clock = hy_health_part(health, "clock", 0);
    sla_metrics_register(&sla->metrics);
}

static int open_redis(struct sla *sla, struct hy_error *err) {
    const struct sla_options *o = sla->options;
    struct hy_redis_options redis = {.url = o->common.redis_url,
                                     .user = o->redis_user,
                                     .password = o->common.redis_password,
                                     .client_name = "sla",
                                     .clock = sla->clock};
    int rc = hy_redis_new(&redis, &sla->redis, err);
    if (rc == 0) hy_timers_use(sla->redis);
    return rc;
}

static int open_publisher(struct sla *sla, struct hy_error *err) {
    static const char *const warm[] = {HY_TOPIC_COMMANDS};
    struct hy_publisher_options publisher = {
        .kafka = sla_kafka(sla->options), .timeout_ms = 10000, .linger_ms = -1, .warm = warm, .n_warm = 1};
    int rc = hy_publisher_open(&publisher, &sla->publisher, err);
    if (rc == 0 && !(sla->fires = sla_fires_new(sla->publisher, sla->clock)))
        rc = hy_fail(err, HY_ENOMEM, "no memory for fires");
    return rc;
}

static int open_fold(struct sla *sla, struct hy_error *err) {
    static const char *const topics[] = {HY_TOPIC_CASES};
    struct hy_fold_sink sink = sla_sink(sla);
    struct hy_fold_options fold = {.name = "sla",
                                   .kafka = sla_kafka(sla->options),
                                   .group = "sla",
                                   .instance = sla->options->common.instance,
                                   .topics = topics,
                                   .n_topics = 1,
                                   .clock = sla->clock,
                                   .batch_records = SLA_BATCH};
    return hy_fold_new(&fold, &sink, &sla->fold, err);
}

int sla_open(struct sla *sla, struct hy_error *err) {
    sla->arena = hy_arena_new(ARENA_LIMIT);
    int rc = sla->arena ? 0 : hy_fail(err, HY_ENOMEM, "no memory to start");
    if (rc == 0) rc = open_redis(sla, err);
    if (rc == 0) rc = open_publisher(sla, err);
    if (rc == 0) rc = open_fold(sla, err);
    sla->all_open_ms = hy_mono_ms(sla->clock);
    sla->reading.round_ms = hy_mono_ms(sla->clock) + sla->options->audit_ms;
    return rc;
}

// Whose token was refused asks the group who owns what; as long as the group has not answered, nothing is done.
static void ask_the_group(struct sla *sla) {
    int64_t now = hy_mono_ms(sla->clock);
    for (int i = 0; i < sla->n_shards; i++) {
        struct sla_shard *shard = &sla->shards[i];
        if (!shard->ours || shard->refused_ms == 0 || now - shard->refused_ms < FENCED_MS) continue;
        HY_WARN("sla.fenced", "another owner holds a shard that the group gave to us; joining the group anew",
                "partition=%d", i);
        for (int k = 0; k < sla->n_shards; k++)
            sla->shards[k].refused_ms = 0;
        hy_fold_rejoin(sla->fold);
        return;
    }
}

int sla_turn(struct sla *sla, struct hy_error *err) {
    int rc = 0;
    if (!sla_audit_slice(sla)) rc = hy_fold_poll(sla->fold, sla_sleep_ms(sla), err);
    if (rc < 0) return rc;
    sla_claims(sla);
    int32_t bad = sla->audit ? sla_audit_verdict(sla->audit) : -1;
    if (bad >= 0) {
        sla->shards[bad].open = sla->shards[bad].ready = false;
        hy_fold_refold(sla->fold, HY_TOPIC_CASES, bad, true);
    }
    ask_the_group(sla);
    sla_report(sla);
    return 0;
}

// What was claimed is sent and its offsets stored, so that the next owner repeats nothing.
void sla_drain(struct sla *sla) {
    int64_t until = hy_mono_ms(sla->clock) + sla->options->drain_ms;
    for (int i = 0; i < sla->n_shards; i++)
        sla->shards[i].ready = false; // no more claims
    while ((sla_fires_waiting(sla->fires) || sla_fires_unconfirmed(sla->fires)) && hy_mono_ms(sla->clock) < until) {
        (void)hy_publisher_poll(sla->publisher, 5);
        sla_claims(sla);
    }
    HY_INFO("sla.stop", "drained", "unsent=%zu unconfirmed=%zu", sla_fires_waiting(sla->fires),
            sla_fires_unconfirmed(sla->fires));
}

void sla_close(struct sla *sla) {
    sla_audit_stop(sla->audit);
    hy_fold_free(sla->fold);
    hy_publisher_close(sla->publisher, 0);
    sla_fires_free(sla->fires);
    hy_redis_free(sla->redis);
    hy_arena_free(sla->arena);
    hy_buf_free(&sla->reading.names);
    sla_audit_shot_clear(&sla->reading.shot);
    for (int i = 0; i < SLA_SHARDS_MAX; i++)
        hy_buf_free(&sla->shards[i].packed);
}
