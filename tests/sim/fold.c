// A model of the fold (lib/fold/fold.h): the real sinks of sla and courier run on it. It opens partitions as the real
// one does, with its judgement of stored positions, and hands over batches; a batch that fails is opened anew later.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fold/fold_parts.h"
#include "tests/sim/kafka.h"
#include "tests/sim/programs.h"

enum { BATCH = 256, RETRY_LEAST_MS = 50, RETRY_MOST_MS = 2000 };

struct hy_fold {
    struct hy_fold_options options;
    const char *topics[4];
    struct hy_fold_sink sink;
    struct sim_program *program;
    struct sim_member *member; // NULL: all partitions
    struct hy_fold_parts parts, seen;
    bool reassign;
};

static void changed(void *ctx, uint64_t generation) {
    struct hy_fold *fold = ctx;
    (void)generation;
    fold->reassign = true;
    sim_program_wake(fold->program, 1);
}

int hy_fold_new(const struct hy_fold_options *options, const struct hy_fold_sink *sink, struct hy_fold **out,
                struct hy_error *err) {
    struct hy_fold *fold = calloc(1, sizeof *fold);
    if (!fold || options->n_topics > 4) return hy_fail(err, HY_ENOMEM, "no memory");
    fold->options = *options;
    for (size_t i = 0; i < options->n_topics; i++)
        fold->topics[i] = options->topics[i];
    fold->sink = *sink;
    fold->program = sim_program_running;
    fold->reassign = true;
    if (options->group) fold->member = sim_group_join(options->group, fold->program->name, changed, fold);
    *out = fold;
    return HY_OK;
}

void hy_fold_free(struct hy_fold *fold) {
    if (!fold) return;
    if (fold->member) sim_group_vanish(fold->member);
    hy_fold_parts_free(&fold->parts);
    hy_fold_parts_free(&fold->seen);
    free(fold);
}

void sim_fold_silent(struct hy_fold *fold, bool silent) {
    if (fold->member) sim_group_silent(fold->member, silent);
}

static void take_all(struct hy_fold *fold) {
    for (size_t i = 0; fold->sink.revoked && i < fold->parts.n; i++)
        fold->sink.revoked(fold->sink.ctx, fold->parts.list[i].topic, fold->parts.list[i].partition);
    hy_fold_parts_clear(&fold->parts);
    fold->reassign = false;
    for (size_t t = 0; t < fold->options.n_topics; t++) {
        for (int32_t p = 0; p < sim_partitions_of(fold->topics[t]); p++) {
            if (fold->member && !sim_group_owns(fold->member, p)) continue;
            if (!hy_fold_parts_add(&fold->parts, fold->topics[t], p)) abort();
            if (fold->sink.assigned) fold->sink.assigned(fold->sink.ctx, fold->topics[t], p);
        }
    }
}

static void saw(struct hy_fold *fold, const struct hy_fold_part *part) {
    struct hy_fold_part *seen = hy_fold_parts_find(&fold->seen, part->topic, part->partition);
    if (!seen) seen = hy_fold_parts_add(&fold->seen, part->topic, part->partition);
    seen->position = part->position;
}

static int start_over(struct hy_fold *fold, struct hy_fold_part *part, enum hy_fold_reset why, struct hy_error *err) {
    struct hy_fold_position start = {.offset = sim_log_low(part->topic, part->partition)};
    snprintf(start.log_id, sizeof start.log_id, "%s", sim_log_id(part->topic));
    int rc = fold->sink.reset(fold->sink.ctx, part->topic, part->partition, &start, why, err);
    if (rc != HY_OK) return rc;
    part->from_start = false;
    part->position = start;
    saw(fold, part);
    return HY_OK;
}

static int open_part(struct hy_fold *fold, struct hy_fold_part *part, struct hy_error *err) {
    struct hy_fold_position stored = {.offset = HY_FOLD_NOWHERE};
    enum hy_fold_reset why = HY_FOLD_RESET_STORE;
    int rc = fold->sink.open(fold->sink.ctx, part->topic, part->partition, &stored, err);
    if (rc != HY_OK) return rc;
    const struct hy_fold_part *seen = hy_fold_parts_find(&fold->seen, part->topic, part->partition);
    bool older = seen && stored.offset >= 0 && stored.offset < seen->position.offset;
    if (stored.offset >= 0 && (part->from_start || older)) return start_over(fold, part, HY_FOLD_RESET_STORE, err);
    switch (hy_fold_judge(&stored, sim_log_id(part->topic), sim_log_low(part->topic, part->partition),
                          sim_stable_end(part->topic, part->partition), part->beyond_seen, &why)) {
    case HY_FOLD_GO_ON:
        part->position = stored;
        return HY_OK;
    case HY_FOLD_LOOK_AGAIN:
        part->beyond_seen++;
        return hy_fail(err, HY_EAGAIN, "beyond the end");
    case HY_FOLD_FROM_START:
    default:
        return start_over(fold, part, why, err);
    }
}

static void shut(struct hy_fold_part *part) {
    part->open = false;
    part->retry_at_ms = sim_now.now_ms + sim_between(RETRY_LEAST_MS, RETRY_MOST_MS);
}

static void open_waiting(struct hy_fold *fold) {
    for (size_t i = 0; i < fold->parts.n; i++) {
        struct hy_fold_part *part = &fold->parts.list[i];
        struct hy_error err = {0};
        if (part->open || sim_now.now_ms < part->retry_at_ms) continue;
        if (open_part(fold, part, &err) != HY_OK) {
            shut(part);
            continue;
        }
        part->open = true;
        part->caught_up = false;
        part->beyond_seen = 0;
    }
}

static int read_part(struct hy_fold *fold, struct hy_fold_part *part, int *left, struct hy_error *err) {
    struct sim_record record;
    int rc = HY_OK, before = *left;
    part->next = part->position.offset;
    while (rc == HY_OK && *left > 0 && sim_read(part->topic, part->partition, part->next, &record)) {
        struct hy_fold_record one = {.topic = part->topic,
                                     .partition = part->partition,
                                     .offset = record.offset,
                                     .timestamp_ms = record.at_ms,
                                     .append_time = true,
                                     .key = record.key,
                                     .value = record.tombstone ? (struct hy_bytes){0} : record.value};
        rc = fold->sink.record(fold->sink.ctx, &one, err);
        part->next = record.offset + 1;
        --*left;
    }
    part->in_batch = *left < before;
    part->at_end = *left > 0;
    return rc;
}

static int commit(struct hy_fold *fold, struct hy_error *err) {
    struct hy_fold_commit parts[2 * SIM_PARTITIONS];
    size_t n = 0;
    for (size_t i = 0; i < fold->parts.n; i++) {
        struct hy_fold_part *part = &fold->parts.list[i];
        if (part->open && part->in_batch)
            parts[n++] = (struct hy_fold_commit){.topic = part->topic,
                                                 .partition = part->partition,
                                                 .log_id = part->position.log_id,
                                                 .from = part->position.offset,
                                                 .offset = part->next,
                                                 .at_end = part->at_end};
    }
    return n ? fold->sink.commit(fold->sink.ctx, parts, n, err) : HY_OK;
}

static int fold_batch(struct hy_fold *fold) {
    struct hy_error err = {0};
    int left = BATCH;
    int rc = fold->sink.begin ? fold->sink.begin(fold->sink.ctx, &err) : HY_OK;
    for (size_t i = 0; i < fold->parts.n; i++)
        fold->parts.list[i].in_batch = fold->parts.list[i].at_end = false;
    for (size_t i = 0; rc == HY_OK && i < fold->parts.n && left > 0; i++)
        if (fold->parts.list[i].open) rc = read_part(fold, &fold->parts.list[i], &left, &err);
    if (rc == HY_OK) rc = commit(fold, &err);
    if (rc != HY_OK && fold->sink.rollback) fold->sink.rollback(fold->sink.ctx);
    for (size_t i = 0; i < fold->parts.n; i++) {
        struct hy_fold_part *part = &fold->parts.list[i];
        if (part->in_batch && rc != HY_OK) shut(part);
        if (!part->open || rc != HY_OK) continue;
        if (part->in_batch) {
            part->position.offset = part->next;
            saw(fold, part);
        }
        bool tell = part->at_end && (part->in_batch || !part->caught_up);
        part->caught_up = part->caught_up || part->at_end;
        if (tell && fold->sink.caught_up) fold->sink.caught_up(fold->sink.ctx, part->topic, part->partition);
    }
    return BATCH - left;
}

int hy_fold_poll(struct hy_fold *fold, int timeout_ms, struct hy_error *err) {
    (void)timeout_ms;
    (void)err;
    if (sim_kafka_away) return 0;
    if (fold->reassign) take_all(fold);
    open_waiting(fold);
    return fold_batch(fold);
}

bool hy_fold_caught_up(const struct hy_fold *fold) {
    for (size_t i = 0; i < fold->parts.n; i++)
        if (!fold->parts.list[i].open || !fold->parts.list[i].caught_up) return false;
    return fold->parts.n > 0;
}

void hy_fold_counts(const struct hy_fold *fold, size_t *assigned, size_t *open) {
    *assigned = fold->parts.n;
    *open = 0;
    for (size_t i = 0; i < fold->parts.n; i++)
        *open += fold->parts.list[i].open;
}

bool hy_fold_position(const struct hy_fold *fold, const char *topic, int32_t partition, struct hy_fold_position *out) {
    for (size_t i = 0; i < fold->parts.n; i++) {
        const struct hy_fold_part *part = &fold->parts.list[i];
        if (!part->open || part->partition != partition || strcmp(part->topic, topic) != 0) continue;
        *out = part->position;
        return true;
    }
    return false;
}

void hy_fold_refold(struct hy_fold *fold, const char *topic, int32_t partition, bool from_start) {
    struct hy_fold_part *part = hy_fold_parts_find(&fold->parts, topic, partition);
    if (!part) return;
    part->open = false;
    part->from_start = part->from_start || from_start;
    part->retry_at_ms = sim_now.now_ms;
}

void hy_fold_rejoin(struct hy_fold *fold) {
    fold->reassign = true;
}
