#include "consumers/sla/audit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/sla/fires.h"
#include "consumers/sla/snapshot.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"

enum { TURN_MS = 200, ARENA_LIMIT = 1 << 20, BEAT_MS = 30000, PATIENCE_MS = 60000 };

enum kind { MISSING, EXTRA, DIFFERS, COUNTS, N_KINDS };
static const char *const KIND_LABELS[N_KINDS] = {"kind=\"missing\"", "kind=\"extra\"", "kind=\"differs\"",
                                                 "kind=\"counts\""};

struct sla_audit {
    struct hy_kafka_options kafka;
    struct hy_health_part *part;
    pthread_t thread;
    atomic_bool stop;
    struct hy_arena *arena;
    struct hy_fold *fold;
    struct sla_audit_map maps[SLA_SHARDS_MAX];
    uint32_t mark;
    struct hy_metric *audits, *skipped, *differences[N_KINDS];
    // between the two threads, under lock
    pthread_mutex_t lock;
    bool full; // shot waits to be compared
    struct sla_audit_shot shot;
    int64_t submitted_ms;
    int32_t verdict;
};

static int memory_open(void *ctx, const char *topic, int32_t partition, struct hy_fold_position *out,
                       struct hy_error *err) {
    (void)ctx, (void)topic, (void)partition, (void)err;
    out->offset = HY_FOLD_NOWHERE; // memory begins empty each time
    return 0;
}

static int memory_reset(void *ctx, const char *topic, int32_t partition, const struct hy_fold_position *start,
                        enum hy_fold_reset why, struct hy_error *err) {
    struct sla_audit *audit = ctx;
    (void)topic, (void)start, (void)why;
    if (partition >= SLA_SHARDS_MAX)
        return hy_fail(err, HY_ERANGE, "partition %d is beyond the auditor's %d", (int)partition, SLA_SHARDS_MAX);
    sla_audit_map_free(&audit->maps[partition]);
    return 0;
}

static int memory_record(void *ctx, const struct hy_fold_record *record, struct hy_error *err) {
    struct sla_audit *audit = ctx;
    struct sla_change change;
    hy_arena_reset(audit->arena);
    if (sla_read_record(record->key, record->value, audit->arena, &change, err) != 0 || change.kind != SLA_CASE)
        return 0; // the worker counts what cannot be read
    struct sla_audit_map *map = &audit->maps[record->partition];
    uint64_t key = sla_case_hash(change.one.id);
    if (change.one.n == 0 && !sla_audit_map_get(map, key)) return 0;
    struct sla_audit_entry *entry = sla_audit_map_put(map, key);
    if (!entry) return hy_fail(err, HY_ENOMEM, "no memory for the audit");
    entry->sum = 0;
    entry->n = (uint32_t)change.one.n;
    entry->offset = record->offset;
    for (size_t i = 0; i < change.one.n; i++) {
        const struct hy_timer *timer = &change.timers[i];
        entry->sum += sla_timer_hash(timer->clock, timer->epoch, timer->stage, timer->due_ms);
    }
    return 0;
}

static int memory_commit(void *ctx, const struct hy_fold_commit *parts, size_t n, struct hy_error *err) {
    (void)ctx, (void)parts, (void)n, (void)err;
    return 0;
}

static int open_fold(struct sla_audit *audit, struct hy_error *err) {
    static const char *const topics[] = {HY_TOPIC_CASES};
    struct hy_fold_options options = {.name = "sla-audit", .kafka = audit->kafka, .topics = topics, .n_topics = 1};
    struct hy_fold_sink sink = {
        .ctx = audit, .open = memory_open, .reset = memory_reset, .record = memory_record, .commit = memory_commit};
    return hy_fold_new(&options, &sink, &audit->fold, err);
}

void sla_audit_shot_clear(struct sla_audit_shot *shot) {
    free(shot->found);
    sla_hashes_free(&shot->waiting);
    sla_hashes_free(&shot->indexed);
    memset(shot, 0, sizeof *shot);
}

// True when Redis holds what hy.cases says.
static bool judge(struct sla_audit *audit, struct sla_audit_shot *shot) {
    struct sla_audit_map *map = &audit->maps[shot->partition];
    struct sla_audit_result r = sla_audit_compare(map, shot->found, shot->n, shot->position.offset, ++audit->mark);
    uint64_t unindexed = sla_hashes_missing(&shot->waiting, &shot->indexed);
    bool moved = shot->claimed != shot->outbox || unindexed > 0;
    bool counts = shot->pending != shot->timers || shot->unreadable > 0 || (moved && !shot->disturbed);
    sla_audit_map_sweep(map, shot->position.offset);
    hy_metric_add(audit->audits, 1);
    hy_metric_add(audit->differences[MISSING], (double)r.missing);
    hy_metric_add(audit->differences[EXTRA], (double)r.extra);
    hy_metric_add(audit->differences[DIFFERS], (double)r.differs);
    hy_metric_add(audit->differences[COUNTS], counts);
    if (r.missing + r.extra + r.differs == 0 && !counts) return true;
    HY_ERROR("sla.audit", "timers in Redis are not the running clocks of hy.cases; the shard is folded again",
             "partition=%d missing=%llu extra=%llu differs=%llu pending=%lld timers=%lld claimed=%lld outbox=%lld "
             "waiting=%zu unindexed=%llu unreadable=%llu",
             (int)shot->partition, (unsigned long long)r.missing, (unsigned long long)r.extra,
             (unsigned long long)r.differs, (long long)shot->pending, (long long)shot->timers, (long long)shot->claimed,
             (long long)shot->outbox, shot->waiting.n, (unsigned long long)unindexed,
             (unsigned long long)shot->unreadable);
    return false;
}

// A shot is comparable once our own fold of the same log has come as far; one that waits too long is let go. `full`
// stays set meanwhile, so the shot is ours without the lock.
static void compare_if_ready(struct sla_audit *audit) {
    struct hy_fold_position mine;
    struct sla_audit_shot *shot = &audit->shot;
    pthread_mutex_lock(&audit->lock);
    bool full = audit->full;
    pthread_mutex_unlock(&audit->lock);
    if (!full) return;
    bool ready = hy_fold_position(audit->fold, HY_TOPIC_CASES, shot->partition, &mine) &&
                 strcmp(mine.log_id, shot->position.log_id) == 0 && mine.offset >= shot->position.offset;
    bool late = hy_mono_ms(hy_clock_system()) - audit->submitted_ms > PATIENCE_MS;
    if (!ready && !late) return;
    int32_t verdict = ready && !judge(audit, shot) ? shot->partition : -1;
    if (!ready) hy_metric_add(audit->skipped, 1);
    sla_audit_shot_clear(shot);
    pthread_mutex_lock(&audit->lock);
    audit->full = false;
    audit->verdict = verdict >= 0 ? verdict : audit->verdict;
    pthread_mutex_unlock(&audit->lock);
}

static void *run(void *opaque) {
    struct sla_audit *audit = opaque;
    struct hy_error err = {0};
    while (!atomic_load(&audit->stop)) {
        int rc = hy_fold_poll(audit->fold, TURN_MS, &err);
        hy_health_report(audit->part, rc >= 0, "%s", rc >= 0 ? "" : err.text);
        if (rc < 0) {
            HY_ERROR("sla.audit", "the audit cannot read hy.cases any more; restart sla", "reason=\"%s\"", err.text);
            break;
        }
        compare_if_ready(audit);
    }
    return NULL;
}

static void register_metrics(struct sla_audit *audit) {
    audit->audits = hy_metric_get(HY_COUNTER, "huiying_sla_audits_total", "Shards compared with hy.cases.", NULL);
    audit->skipped = hy_metric_get(HY_COUNTER, "huiying_sla_audits_skipped_total",
                                   "Audits given up because hy.cases could not be read as far.", NULL);
    for (int i = 0; i < N_KINDS; i++)
        audit->differences[i] =
            hy_metric_get(HY_COUNTER, "huiying_sla_audit_differences_total",
                          "Cases whose timers in Redis were not those of hy.cases.", KIND_LABELS[i]);
}

int sla_audit_start(const struct sla_options *options, struct hy_health *health, struct sla_audit **out,
                    struct hy_error *err) {
    struct sla_audit *audit = calloc(1, sizeof *audit);
    if (!audit || !(audit->arena = hy_arena_new(ARENA_LIMIT))) {
        free(audit);
        return hy_fail(err, HY_ENOMEM, "no memory for the audit");
    }
    audit->kafka = sla_kafka(options);
    audit->verdict = -1;
    pthread_mutex_init(&audit->lock, NULL);
    register_metrics(audit);
    int rc = open_fold(audit, err);
    if (rc == 0) {
        audit->part = hy_health_part(health, "audit", BEAT_MS);
        if (pthread_create(&audit->thread, NULL, run, audit) != 0)
            rc = hy_fail(err, HY_ENOMEM, "no thread for the audit");
    }
    if (rc != 0) {
        hy_fold_free(audit->fold);
        hy_arena_free(audit->arena);
        free(audit);
        return rc;
    }
    *out = audit;
    return 0;
}

bool sla_audit_free(struct sla_audit *audit) {
    pthread_mutex_lock(&audit->lock);
    bool is_free = !audit->full;
    pthread_mutex_unlock(&audit->lock);
    return is_free;
}

void sla_audit_submit(struct sla_audit *audit, struct sla_audit_shot *shot) {
    pthread_mutex_lock(&audit->lock);
    if (!audit->full) {
        audit->shot = *shot;
        audit->full = true;
        audit->submitted_ms = hy_mono_ms(hy_clock_system());
    } else {
        sla_audit_shot_clear(shot);
    }
    pthread_mutex_unlock(&audit->lock);
    memset(shot, 0, sizeof *shot);
}

int32_t sla_audit_verdict(struct sla_audit *audit) {
    pthread_mutex_lock(&audit->lock);
    int32_t partition = audit->verdict;
    audit->verdict = -1;
    pthread_mutex_unlock(&audit->lock);
    return partition;
}

void sla_audit_stop(struct sla_audit *audit) {
    if (!audit) return;
    atomic_store(&audit->stop, true);
    pthread_join(audit->thread, NULL);
    hy_fold_free(audit->fold);
    for (int i = 0; i < SLA_SHARDS_MAX; i++)
        sla_audit_map_free(&audit->maps[i]);
    sla_audit_shot_clear(&audit->shot);
    hy_arena_free(audit->arena);
    pthread_mutex_destroy(&audit->lock);
    free(audit);
}
