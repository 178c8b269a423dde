// What operators see of sla: gauges, counters, health.
#include "consumers/sla/sla.h"
#include "lib/base/log.h"

enum { REPORT_MS = 500, DOWN_ALARM_MS = 1000, CLOSED_ALARM_MS = 4000 };

static struct hy_metric *counter(const char *name, const char *help, const char *labels) {
    return hy_metric_get(HY_COUNTER, name, help, labels);
}

static struct hy_metric *gauge(const char *name, const char *help, const char *labels) {
    return hy_metric_get(HY_GAUGE, name, help, labels);
}

void sla_metrics_register(struct sla_metrics *m) {
    static const char refused[] = "Calls that Redis refused, by reason.";
    static const char skew[] = "Redis's clock minus another's.";
    m->pending = gauge("huiying_sla_pending", "Running clocks held in Redis, those in the outbox too.", NULL);
    m->outbox = gauge("huiying_sla_outbox", "Fires whose effect the cases do not show yet.", NULL);
    m->oldest_due = gauge("huiying_sla_oldest_due_seconds", "How long the oldest unclaimed timer is overdue.", NULL);
    m->held_back = gauge("huiying_sla_held_back", "Shards whose overdue timers wait for casework.", NULL);
    m->redis_up = gauge("huiying_sla_redis_up", "1 while Redis answers.", NULL);
    m->held = gauge("huiying_sla_held", "1 while a clock step holds the timers.", NULL);
    m->skew_host = gauge("huiying_sla_clock_skew_seconds", skew, "against=\"host\"");
    m->skew_broker = gauge("huiying_sla_clock_skew_seconds", skew, "against=\"kafka\"");
    m->refused_token = counter("huiying_sla_refused_total", refused, "reason=\"token\"");
    m->refused_version = counter("huiying_sla_refused_total", refused, "reason=\"version\"");
    m->refused_position = counter("huiying_sla_refused_total", refused, "reason=\"position\"");
    m->lost = counter("huiying_sla_lost_total", "Times a shard was not there: Redis was flushed or is new.", NULL);
    m->unreadable = counter("huiying_sla_unreadable_total", "Records of hy.cases that could not be read.", NULL);
    m->unfit = counter("huiying_sla_unfit_clocks_total", "Running clocks that cannot be kept as timers.", NULL);
    m->steps = counter("huiying_sla_clock_steps_total", "Jumps of Redis's clock that held the timers.", NULL);
    m->claims = counter("huiying_sla_claims_total", "Claims that Redis answered.", NULL);
}

static void report_shards(struct sla *sla, int64_t now) {
    int64_t pending = 0, outbox = 0, oldest = 0, held_back = 0;
    for (int i = 0; i < sla->n_shards; i++) {
        const struct sla_shard *shard = &sla->shards[i];
        if (!shard->ours) continue;
        pending += shard->pending;
        outbox += shard->outbox;
        held_back += shard->held_back;
        if (shard->next_due_ms != HY_TIMERS_NONE && now - shard->next_due_ms > oldest)
            oldest = now - shard->next_due_ms;
    }
    hy_metric_set(sla->metrics.pending, (double)pending);
    hy_metric_set(sla->metrics.outbox, (double)outbox);
    hy_metric_set(sla->metrics.held_back, (double)held_back);
    hy_metric_set(sla->metrics.oldest_due, (double)oldest / 1000.0);
}

static void report_redis(struct sla *sla) {
    struct hy_error err = {0};
    int64_t down = hy_redis_down_ms(sla->redis);
    if (hy_redis_up(sla->redis)) return;
    if (down > DOWN_ALARM_MS)
        HY_ERROR("sla.redis", "Redis is away; timers fire late, none is lost", "down_ms=%lld", (long long)down);
    if (hy_redis_connect(sla->redis, &err) != 0) HY_DEBUG("sla.redis", "no connection yet", "reason=\"%s\"", err.text);
}

// Said at once when it changes: a turn can take as long as Redis may take to answer.
static void note_redis(struct sla *sla) {
    bool up = hy_redis_up(sla->redis);
    hy_metric_set(sla->metrics.redis_up, up);
    hy_health_report(sla->health_redis, up, "Redis has been away for %lld ms", (long long)hy_redis_down_ms(sla->redis));
}

static void report_clocks(struct sla *sla) {
    int64_t broker = sla_fires_broker_skew(sla->fires);
    bool apart = sla_guard_apart(&sla->guard, sla->host_skew_ms, 0) || sla_guard_apart(&sla->guard, broker, 0);
    hy_metric_set(sla->metrics.held, sla->guard.held);
    hy_metric_set(sla->metrics.skew_host, (double)sla->host_skew_ms / 1000.0);
    hy_metric_set(sla->metrics.skew_broker, (double)-broker / 1000.0);
    hy_health_report(sla->health_clock, !apart && !sla->guard.held, "Redis - host %lld ms, Redis - Kafka %lld ms%s",
                     (long long)sla->host_skew_ms, (long long)-broker, sla->guard.held ? ", timers are held" : "");
    if (apart)
        HY_ERROR("sla.clock", "clocks are more than a second apart; set them right",
                 "redis_minus_host_ms=%lld redis_minus_kafka_ms=%lld", (long long)sla->host_skew_ms,
                 (long long)-broker);
}

// Shards that stay closed (Redis full, refused, unreachable; Kafka's registry away) are timers that do not fire.
static void report_worker(struct sla *sla, int64_t mono) {
    size_t assigned, open;
    hy_fold_counts(sla->fold, &assigned, &open);
    if (open == assigned) sla->all_open_ms = mono;
    bool ok = mono - sla->all_open_ms < CLOSED_ALARM_MS;
    hy_health_report(sla->health_worker, ok, "%zu of %zu shards are open", open, assigned);
    if (!ok)
        HY_ERROR("sla.shard", "shards cannot be opened; their timers fire late, none is lost", "open=%zu assigned=%zu",
                 open, assigned);
}

void sla_report(struct sla *sla) {
    struct hy_error err = {0};
    int64_t mono = hy_mono_ms(sla->clock);
    hy_health_beat(sla->health_worker);
    note_redis(sla);
    if (mono - sla->reported_ms < REPORT_MS) return;
    sla->reported_ms = mono;
    int64_t now = sla_guard_expect(&sla->guard, mono);
    report_shards(sla, now < 0 ? hy_wall_ms(sla->clock) : now);
    report_redis(sla);
    report_clocks(sla);
    int rc = hy_publisher_health(sla->publisher, &err);
    hy_health_report(sla->health_kafka, rc == 0, "%s", rc == 0 ? "" : err.text);
    report_worker(sla, mono);
}
