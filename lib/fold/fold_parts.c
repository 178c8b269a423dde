#include "lib/fold/fold_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BACKOFF_BASE_MS = 50, BACKOFF_CAP_MS = 2000, BEYOND_LIMIT = 3 };

struct hy_fold_part *hy_fold_parts_add(struct hy_fold_parts *parts, const char *topic, int32_t partition) {
    if (parts->n == parts->cap) {
        size_t cap = parts->cap ? parts->cap * 2 : 16;
        struct hy_fold_part *list = realloc(parts->list, cap * sizeof *list);
        if (!list) return NULL;
        parts->list = list;
        parts->cap = cap;
    }
    struct hy_fold_part *part = &parts->list[parts->n++];
    memset(part, 0, sizeof *part);
    snprintf(part->topic, sizeof part->topic, "%s", topic);
    part->partition = partition;
    part->position.offset = HY_FOLD_NOWHERE;
    part->backoff = (struct hy_backoff){
        .base_ms = BACKOFF_BASE_MS, .cap_ms = BACKOFF_CAP_MS, .seed = (uint64_t)partition * 0x9E3779B97F4A7C15u + 1};
    return part;
}

struct hy_fold_part *hy_fold_parts_find(struct hy_fold_parts *parts, const char *topic, int32_t partition) {
    for (size_t i = 0; i < parts->n; i++) {
        size_t at = (parts->last + i) % parts->n;
        struct hy_fold_part *part = &parts->list[at];
        if (part->partition == partition && strcmp(part->topic, topic) == 0) {
            parts->last = at;
            return part;
        }
    }
    return NULL;
}

void hy_fold_parts_clear(struct hy_fold_parts *parts) {
    parts->n = 0;
    parts->last = 0;
}

void hy_fold_parts_free(struct hy_fold_parts *parts) {
    free(parts->list);
    memset(parts, 0, sizeof *parts);
}

void hy_fold_part_shut(struct hy_fold_part *part, int64_t now_ms) {
    part->open = false;
    part->in_batch = false;
    part->caught_up = false;
    part->tell = false;
    part->retry_at_ms = now_ms + hy_backoff_next(&part->backoff);
}

enum hy_fold_verdict hy_fold_judge(const struct hy_fold_position *stored, const char *log_id, int64_t low, int64_t high,
                                   int beyond_seen, enum hy_fold_reset *why) {
    if (stored->offset < 0) {
        *why = HY_FOLD_RESET_FIRST;
        return HY_FOLD_FROM_START;
    }
    if (strcmp(stored->log_id, log_id) != 0) {
        *why = HY_FOLD_RESET_LOG;
        return HY_FOLD_FROM_START;
    }
    if (stored->offset < low) {
        *why = HY_FOLD_RESET_BELOW;
        return HY_FOLD_FROM_START;
    }
    if (stored->offset <= high) return HY_FOLD_GO_ON;
    *why = HY_FOLD_RESET_BEYOND;
    return beyond_seen + 1 < BEYOND_LIMIT ? HY_FOLD_LOOK_AGAIN : HY_FOLD_FROM_START;
}

bool hy_fold_wants(const char *const *wanted, size_t n, const char *topic) {
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(wanted[i]);
        bool prefix = len > 0 && wanted[i][len - 1] == '*';
        if (prefix ? strncmp(topic, wanted[i], len - 1) == 0 : strcmp(topic, wanted[i]) == 0) return true;
    }
    return false;
}

const char *hy_fold_reset_name(enum hy_fold_reset why) {
    static const char *const names[] = {"first", "log", "beyond", "below", "store"};
    return (size_t)why < sizeof names / sizeof *names ? names[why] : "?";
}
