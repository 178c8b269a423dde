// The fold's store: running clocks as timers, each batch one call a shard with the position behind it.
#include <stdio.h>
#include <string.h>

#include "consumers/sla/sla.h"
#include "lib/base/breakage.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"

static struct sla_shard *shard_of(struct sla *sla, int32_t partition) {
    return partition >= 0 && partition < sla->n_shards ? &sla->shards[partition] : NULL;
}

static void clear_batch(struct sla_shard *shard) {
    hy_buf_clear(&shard->packed);
    shard->n = 0;
    shard->progressed = false;
}

static void sink_assigned(void *ctx, const char *topic, int32_t partition) {
    struct sla *sla = ctx;
    struct sla_shard *shard = shard_of(sla, partition);
    struct hy_error err = {0};
    (void)topic;
    if (!shard) return;
    int rc = hy_timers_shard_init(&shard->timers, sla->redis, sla->options->key_prefix, partition, &err);
    if (rc == 0) rc = hy_timers_new_token(&shard->timers);
    if (rc != 0)
        HY_ERROR("sla.shard", "a shard cannot be taken", "partition=%d reason=\"%s\"", (int)partition, err.text);
    shard->ours = rc == 0;
    shard->take = true;
    shard->open = shard->ready = shard->full = false;
    shard->refused_ms = 0;
}

static void sink_revoked(void *ctx, const char *topic, int32_t partition) {
    struct sla *sla = ctx;
    struct sla_shard *shard = shard_of(sla, partition);
    (void)topic;
    if (!shard) return;
    shard->ours = shard->open = shard->ready = false;
    shard->pending = shard->outbox = 0;
    clear_batch(shard);
    sla_fires_drop(sla->fires, partition);
}

void sla_shard_failed(struct sla *sla, int32_t partition, int code) {
    struct sla_shard *shard = &sla->shards[partition];
    shard->full = code == HY_EFULL && shard->open;
    if (shard->full) { // it took nothing, so it stands where it stood, and what it holds goes on firing
        shard->ready = true;
        return;
    }
    shard->open = shard->ready = false;
    switch (code) {
    case HY_EFENCED:
        hy_metric_add(sla->metrics.refused_token, 1);
        if (shard->refused_ms == 0) shard->refused_ms = hy_mono_ms(sla->clock);
        break;
    case HY_EMISMATCH:
        hy_metric_add(sla->metrics.refused_position, 1);
        break;
    case HY_ENOTFOUND:
        hy_metric_add(sla->metrics.lost, 1);
        break;
    default:
        break;
    }
}

static void begin_pace(struct sla *sla, int32_t partition) {
    sla_pace_init(&sla->shards[partition].pace);
    sla_fires_new_log(sla->fires, partition);
}

static void opened(struct sla *sla, int32_t partition, const struct hy_timers_state *state) {
    struct sla_shard *shard = &sla->shards[partition];
    begin_pace(sla, partition);
    shard->take = false;
    shard->open = true;
    shard->ready = shard->full; // an entry of an older snapshot may fire then; casework passes it over by its epoch
    shard->refused_ms = 0;
    shard->next_due_ms = state->next_due_ms;
    shard->progress = state->progress;
    shard->settled_offset = HY_TIMERS_NONE;
    shard->claimed_ms = shard->resent_ms = 0;
    shard->held_back = false;
}

static int sink_open(void *ctx, const char *topic, int32_t partition, struct hy_fold_position *out,
                     struct hy_error *err) {
    struct sla *sla = ctx;
    struct sla_shard *shard = shard_of(sla, partition);
    struct hy_timers_state state;
    (void)topic;
    if (!shard || !shard->ours) return hy_fail(err, HY_ERANGE, "partition %d cannot be a shard", (int)partition);
    clear_batch(shard);
    int64_t before = shard->timers.offset;
    int rc = hy_timers_open(&shard->timers, shard->take, &state, err);
    if (rc == HY_OK && (shard->take || state.position.offset != before)) shard->full = false;
    if (rc == HY_ENOTFOUND) {
        shard->full = false;
        out->offset = HY_FOLD_NOWHERE; // a new or flushed Redis: reset makes the shard
        return 0;
    }
    if (rc != 0) {
        sla_shard_failed(sla, partition, rc);
        return rc;
    }
    opened(sla, partition, &state);
    *out = state.position;
    return 0;
}

static int sink_reset(void *ctx, const char *topic, int32_t partition, const struct hy_fold_position *start,
                      enum hy_fold_reset why, struct hy_error *err) {
    struct sla *sla = ctx;
    struct sla_shard *shard = shard_of(sla, partition);
    static const struct hy_timers_state fresh = {.progress.offset = HY_TIMERS_NONE, .next_due_ms = HY_TIMERS_NONE};
    (void)topic;
    (void)why;
    int rc = hy_timers_reset(&shard->timers, shard->take, start, err);
    if (rc != 0) {
        sla_shard_failed(sla, partition, rc);
        return rc;
    }
    opened(sla, partition, &fresh);
    return 0;
}

static int sink_begin(void *ctx, struct hy_error *err) {
    struct sla *sla = ctx;
    (void)err;
    for (int i = 0; i < sla->n_shards; i++)
        if (sla->shards[i].n || sla->shards[i].progressed) clear_batch(&sla->shards[i]);
    return 0;
}

static int add_case(struct sla *sla, struct sla_shard *shard, const struct sla_change *change, struct hy_error *err) {
    if (change->unfit) {
        hy_metric_add(sla->metrics.unfit, (double)change->unfit);
        HY_ERROR("sla.unfit", "running clocks of a case cannot be kept; correct the pack that made them",
                 "case=%s clocks=%zu", change->one.id, change->unfit);
    }
    int rc = hy_timer_case_pack(&change->one, &shard->timers.names, &shard->packed, err);
    if (rc == 0) shard->ends[shard->n++] = shard->packed.len;
    return rc;
}

static int sink_record(void *ctx, const struct hy_fold_record *record, struct hy_error *err) {
    struct sla *sla = ctx;
    struct sla_shard *shard = shard_of(sla, record->partition);
    struct sla_change change;
    hy_arena_reset(sla->arena);
    int rc = sla_read_record(record->key, record->value, sla->arena, &change, err);
    if (rc != 0) {
        hy_metric_add(sla->metrics.unreadable, 1);
        HY_ERROR("sla.unreadable", "a record of hy.cases cannot be read; its timers stay as they were",
                 "partition=%d offset=%lld code=%s reason=\"%s\"", (int)record->partition, (long long)record->offset,
                 hy_error_name(rc), err->text);
        return 0;
    }
    if (change.kind == SLA_CASE) return add_case(sla, shard, &change, err);
    if (change.kind == SLA_PROGRESS) {
        if (strcmp(shard->progress.log_id, change.progress.log_id) != 0) begin_pace(sla, record->partition);
        shard->progress = change.progress;
        shard->progressed = true;
    }
    return 0;
}

static int position_first(struct sla_shard *shard, const struct hy_fold_commit *part, struct hy_error *err) {
    struct hy_timers_written written;
    int rc = hy_timers_send_write(&shard->timers, NULL, 0, part->offset, NULL, err);
    if (rc == 0) rc = hy_timers_take_write(&shard->timers, part->offset, &written, err);
    HY_FAULT_POINT("sla.before_write");
    return rc;
}

static int send_write(struct sla_shard *shard, const struct hy_fold_commit *part, struct hy_error *err) {
    struct hy_bytes cases[SLA_BATCH];
    size_t from = 0;
    if (!hy_buf_ok(&shard->packed)) return hy_fail(err, HY_ENOMEM, "no memory for a batch of timers");
    if (HY_BROKEN(position_outside)) {
        int rc = position_first(shard, part, err);
        if (rc != 0) return rc;
    }
    for (size_t i = 0; i < shard->n; i++) {
        cases[i] = hy_bytes_from(shard->packed.data + from, shard->ends[i] - from);
        from = shard->ends[i];
    }
    return hy_timers_send_write(&shard->timers, cases, shard->n, part->offset,
                                shard->progressed ? &shard->progress : NULL, err);
}

static int take_write(struct sla *sla, struct sla_shard *shard, const struct hy_fold_commit *part,
                      struct hy_error *err) {
    struct hy_timers_written written;
    int rc = hy_timers_take_write(&shard->timers, part->offset, &written, err);
    if (rc != 0) return rc;
    shard->next_due_ms = written.next_due_ms;
    shard->pending = written.pending;
    hy_metric_add(sla->metrics.refused_version, (double)written.stale);
    clear_batch(shard);
    return 0;
}

// Every answer is taken, also after one that refused: the shards that were written stand where Redis says.
static int sink_commit(void *ctx, const struct hy_fold_commit *parts, size_t n, struct hy_error *err) {
    struct sla *sla = ctx;
    int first = 0;
    size_t sent = 0;
    HY_FAULT_POINT("sla.before_write");
    for (; sent < n && first == 0; sent++)
        first = send_write(shard_of(sla, parts[sent].partition), &parts[sent], err);
    if (first != 0) sent--;
    for (size_t i = 0; i < sent; i++) {
        struct hy_error one = {0};
        int rc = take_write(sla, shard_of(sla, parts[i].partition), &parts[i], &one);
        if (rc != 0) {
            sla_shard_failed(sla, parts[i].partition, rc);
            if (first == 0 && err) *err = one;
            first = first ? first : rc;
        }
    }
    HY_FAULT_POINT("sla.after_write");
    return first;
}

static void sink_rollback(void *ctx) {
    (void)sink_begin(ctx, NULL);
}

static void sink_caught_up(void *ctx, const char *topic, int32_t partition) {
    struct sla *sla = ctx;
    struct sla_shard *shard = shard_of(sla, partition);
    (void)topic;
    if (!shard || !shard->open) return;
    shard->ready = true;
    shard->full = false;
    // A transaction becomes readable whole: at the end, all that casework's progress stands for has been folded.
    shard->settled_offset = shard->progress.offset;
}

struct hy_fold_sink sla_sink(struct sla *sla) {
    return (struct hy_fold_sink){.ctx = sla,
                                 .assigned = sink_assigned,
                                 .revoked = sink_revoked,
                                 .open = sink_open,
                                 .reset = sink_reset,
                                 .begin = sink_begin,
                                 .record = sink_record,
                                 .commit = sink_commit,
                                 .rollback = sink_rollback,
                                 .caught_up = sink_caught_up};
}
