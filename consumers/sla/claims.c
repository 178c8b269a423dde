// The other half of a turn: confirms what Kafka has acknowledged and claims what is due, all shards in one round trip.
#include "consumers/sla/sla.h"
#include "lib/base/breakage.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"

enum {
    LOOK_MS = 1000,
    BUSY_MS = 10,
    HELD_MS = 100,
    PACE_MS = 20,
    STUCK_MS = 60000,
    STUCK_MORE = 16,
    CONFIRM_MAX = HY_TIMERS_WRITE_MAX
};

// A shard whose call failed is opened again by the fold; until then nothing is claimed from it.
static void failed(struct sla *sla, int partition, int code, const struct hy_error *err) {
    HY_WARN("sla.shard", "a shard must be opened again", "partition=%d code=%s reason=\"%s\"", partition,
            hy_error_name(code), err->text);
    sla_shard_failed(sla, partition, code);
    hy_fold_refold(sla->fold, HY_TOPIC_CASES, partition, false);
}

static bool claim_needed(const struct sla *sla, const struct sla_shard *shard, int64_t mono) {
    int64_t now = sla_guard_expect(&sla->guard, mono);
    if (!shard->open || !shard->ready) return false;
    bool due = shard->next_due_ms != HY_TIMERS_NONE && (now < 0 || now >= shard->next_due_ms);
    int64_t look = sla->options->look_ms ? sla->options->look_ms : LOOK_MS;
    if (shard->held_back) look = PACE_MS;
    return (due && !shard->held_back) || mono - shard->claimed_ms >= look;
}

// The casework offset below which a sent fire must have shown its effect by now, or none this time.
static int64_t seen_below(const struct sla *sla, struct sla_shard *shard, int64_t mono) {
    if (shard->outbox <= 0 || shard->settled_offset < 0 || mono - shard->resent_ms < sla->options->resend_ms)
        return HY_TIMERS_NONE;
    shard->resent_ms = mono;
    return shard->settled_offset;
}

// The window moves with what casework has worked off.
static void watch(struct sla *sla, struct sla_shard *shard, int partition, int64_t mono) {
    int64_t last = sla_fires_last_offset(sla->fires, partition);
    if (sla->options->lag_ms == 0) return;
    sla_pace_seen(&shard->pace, shard->progress.offset, mono, sla->options->lag_ms);
    if (last != HY_TIMERS_NONE && last >= shard->progress.offset)
        sla_pace_sent(&shard->pace, last, shard->progress.offset, mono);
}

// Fires that may be under way; some more when nothing has moved for long, for what Kafka or casework has lost is never
// answered and must not hold up the rest.
static int64_t window_of(const struct sla *sla, const struct sla_shard *shard, int64_t mono) {
    if (sla->options->lag_ms == 0) return 0;
    bool stuck = shard->held_back && mono - shard->held_back_ms > STUCK_MS;
    return stuck ? shard->under_way + STUCK_MORE : shard->pace.window;
}

static int send_one(struct sla *sla, int partition, int64_t mono, struct hy_error *err) {
    struct sla_shard *shard = &sla->shards[partition];
    struct hy_bytes views[CONFIRM_MAX];
    size_t n = shard->open ? sla_fires_acked(sla->fires, partition, views, CONFIRM_MAX) : 0;
    if (n > 0) HY_FAULT_POINT("sla.before_confirm");
    int rc = n ? hy_timers_send_confirm(&shard->timers, views, n, err) : 0;
    if (rc != 0) {
        sla_fires_confirmed(sla->fires, partition, false);
        return rc;
    }
    shard->confirming = n > 0;
    watch(sla, shard, partition, mono);
    if (!claim_needed(sla, shard, mono)) return 0;
    struct hy_timers_claim claim = {.expected_ms = HY_BROKEN(clock_step_trusted)
                                                       ? HY_TIMERS_NONE
                                                       : sla_guard_expect(&sla->guard, hy_mono_ms(sla->clock)),
                                    .slack_ms = sla->options->step_ms,
                                    .seen_below = seen_below(sla, shard, mono),
                                    .limit = HY_TIMERS_CLAIM_MAX,
                                    .window = window_of(sla, shard, mono),
                                    .handled_below = shard->settled_offset};
    rc = hy_timers_send_claim(&shard->timers, &claim, err);
    shard->claiming = rc == 0;
    return rc;
}

static void stepped(struct sla *sla, int64_t redis_ms) {
    int64_t mono = hy_mono_ms(sla->clock);
    if (!sla->guard.held) {
        hy_metric_add(sla->metrics.steps, 1);
        HY_ERROR("sla.clock", "Redis's clock jumped or is wrong; timers are held until it is steady again",
                 "redis_ms=%lld expected_ms=%lld", (long long)redis_ms, (long long)sla_guard_expect(&sla->guard, mono));
    }
    sla_guard_stepped(&sla->guard, redis_ms, mono);
}

static void note_held_back(struct sla *sla, struct sla_shard *shard, const struct hy_timers_claimed *claimed) {
    bool due = claimed->next_due_ms != HY_TIMERS_NONE && claimed->next_due_ms <= claimed->now_ms;
    bool held = sla->options->lag_ms && due && claimed->under_way >= shard->pace.window;
    if (held && (!shard->held_back || claimed->n > claimed->again)) shard->held_back_ms = hy_mono_ms(sla->clock);
    shard->under_way = claimed->under_way;
    shard->held_back = held;
    shard->pace.full |= held;
}

static void take_claimed(struct sla *sla, int partition, const struct hy_timers_claimed *claimed) {
    struct sla_shard *shard = &sla->shards[partition];
    int64_t mono = hy_mono_ms(sla->clock);
    sla_guard_accept(&sla->guard, claimed->now_ms, mono);
    sla->host_skew_ms = claimed->now_ms - hy_wall_ms(sla->clock);
    shard->claimed_ms = mono;
    shard->next_due_ms = claimed->next_due_ms;
    shard->outbox = claimed->outbox;
    note_held_back(sla, shard, claimed);
    shard->given += claimed->n;
    hy_metric_add(sla->metrics.claims, 1);
    if (claimed->n > 0) HY_FAULT_POINT("sla.after_claim");
    for (size_t i = HY_BROKEN(outbox_forgotten) ? claimed->again : 0; i < claimed->n; i++)
        sla_fires_add(sla->fires, partition, &claimed->fires[i], claimed->now_ms, i < claimed->again);
}

static void take_one(struct sla *sla, int partition) {
    struct sla_shard *shard = &sla->shards[partition];
    static struct hy_timers_claimed claimed; // one worker thread
    struct hy_error err = {0};
    size_t kept;
    int rc = 0;
    if (shard->confirming) {
        rc = hy_timers_take_confirm(&shard->timers, &kept, &err);
        sla_fires_confirmed(sla->fires, partition, rc == 0);
    }
    if (shard->claiming) {
        int claim_rc = hy_timers_take_claim(&shard->timers, &claimed, &err);
        if (claim_rc == 0)
            take_claimed(sla, partition, &claimed);
        else if (claim_rc == HY_ERANGE)
            stepped(sla, claimed.now_ms);
        rc = rc != 0 ? rc : claim_rc == HY_ERANGE ? 0 : claim_rc;
    }
    shard->confirming = shard->claiming = false;
    if (rc != 0) failed(sla, partition, rc, &err);
}

// While held nothing is claimed; the clock is read each second until it has proved steady.
static bool held(struct sla *sla, int64_t mono) {
    struct hy_error err = {0};
    int64_t redis_ms;
    if (!sla->guard.held) return false;
    if (mono - sla->probed_ms < LOOK_MS / 4) return true;
    sla->probed_ms = mono;
    if (hy_redis_time(sla->redis, &redis_ms, &err) != 0) return true;
    sla->host_skew_ms = redis_ms - hy_wall_ms(sla->clock);
    if (!sla_guard_recovers(&sla->guard, redis_ms, hy_mono_ms(sla->clock), hy_wall_ms(sla->clock))) return true;
    HY_WARN("sla.clock", "Redis's clock is steady again; timers fire", "redis_ms=%lld", (long long)redis_ms);
    return false;
}

// Looked at once, before the first claim; no answer means that nothing is claimed.
static bool wrong_at_start(struct sla *sla) {
    struct hy_error err = {0};
    int64_t redis_ms;
    if (sla->guard.known) return false;
    if (hy_redis_time(sla->redis, &redis_ms, &err) != 0) return true;
    sla->host_skew_ms = redis_ms - hy_wall_ms(sla->clock);
    if (!sla_guard_wrong(&sla->guard, redis_ms, hy_wall_ms(sla->clock))) return false;
    stepped(sla, redis_ms);
    return true;
}

void sla_claims(struct sla *sla) {
    struct hy_error err = {0};
    int64_t mono = hy_mono_ms(sla->clock);
    int rc = 0, sent = 0;
    (void)hy_publisher_poll(sla->publisher, 0);
    sla_fires_send(sla->fires);
    if (held(sla, mono) || wrong_at_start(sla)) return;
    for (; sent < sla->n_shards && rc == 0; sent++)
        rc = send_one(sla, sent, mono, &err);
    if (rc != 0) failed(sla, sent - 1, rc, &err);
    for (int i = 0; i < sent; i++)
        if (sla->shards[i].confirming || sla->shards[i].claiming) take_one(sla, i);
}

int sla_sleep_ms(const struct sla *sla) {
    int64_t least = sla->options->sleep_max_ms;
    int64_t now = sla_guard_expect(&sla->guard, hy_mono_ms(sla->clock));
    if (sla->guard.held) return HELD_MS;
    if ((sla_fires_waiting(sla->fires) || sla_fires_unconfirmed(sla->fires)) && least > BUSY_MS) least = BUSY_MS;
    for (int i = 0; i < sla->n_shards; i++) {
        const struct sla_shard *shard = &sla->shards[i];
        if (!shard->open || !shard->ready || shard->next_due_ms == HY_TIMERS_NONE || now < 0) continue;
        int64_t wait = shard->next_due_ms - now;
        if (shard->held_back && wait < PACE_MS) wait = PACE_MS;
        least = wait < least ? wait : least;
    }
    return least > 0 ? (int)least : 0;
}
