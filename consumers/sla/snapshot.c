#include "consumers/sla/snapshot.h"

#include <stdio.h>
#include <string.h>

#include "huiying/v1/case.pb-c.h"

#define PROGRESS_KEY "!progress"

// Key "dossier.case": both parts into the arena. False when it is not the key of a case.
static bool split_key(struct hy_bytes key, struct hy_arena *arena, struct hy_timer_case *out) {
    const char *text = (const char *)key.data;
    const char *dot = key.len ? memchr(text, '.', key.len) : NULL;
    if (!dot || dot == text || dot == text + key.len - 1) return false;
    size_t dossier = (size_t)(dot - text);
    out->dossier = hy_arena_strn(arena, text, dossier);
    out->id = hy_arena_strn(arena, dot + 1, key.len - dossier - 1);
    return out->dossier && out->id;
}

static bool is_open(const Huiying__V1__Case *one) {
    return one->state != HUIYING__V1__CASE_STATE__CASE_STATE_CLOSED &&
           one->state != HUIYING__V1__CASE_STATE__CASE_STATE_WITHDRAWN;
}

// Two clocks of one name cannot both be told apart in Redis: the later row counts.
static void add_timer(struct sla_change *out, const struct hy_timer *timer) {
    for (size_t i = 0; i < out->one.n; i++)
        if (strcmp(out->timers[i].clock, timer->clock) == 0) {
            out->timers[i] = *timer;
            out->unfit++;
            return;
        }
    if (hy_timer_check(timer, NULL) != 0 || out->one.n == HY_TIMER_CLOCKS_MAX)
        out->unfit++;
    else
        out->timers[out->one.n++] = *timer;
}

static void take_clocks(const Huiying__V1__Case *one, struct sla_change *out) {
    for (size_t i = 0; is_open(one) && i < one->n_clocks; i++) {
        const Huiying__V1__Clock *clock = one->clocks[i];
        const Huiying__V1__Time *due = clock->stage_due ? clock->stage_due : clock->due;
        if (clock->state != HUIYING__V1__CLOCK_STATE__CLOCK_STATE_RUNNING) continue;
        add_timer(out, &(struct hy_timer){clock->name, clock->epoch, clock->stage, due ? due->unix_ms : -1});
    }
}

static int read_case(struct hy_bytes value, struct hy_arena *arena, struct sla_change *out, struct hy_error *err) {
    const Huiying__V1__Case *one = huiying__v1__case__unpack(hy_arena_pb(arena), value.len, value.data);
    if (!one) return hy_fail(err, HY_EFORMAT, "a case of %zu bytes cannot be read", value.len);
    if (one->schema_version != 1)
        return hy_fail(err, HY_EVERSION, "a case of schema version %u, this program knows 1", one->schema_version);
    if (strcmp(one->id, out->one.id) != 0 || strcmp(one->dossier, out->one.dossier) != 0)
        return hy_fail(err, HY_EFORMAT, "a case whose key names another case or dossier");
    if (one->version > HY_TIMER_VERSION_MAX || strlen(one->id) > HY_TIMER_ID_MAX ||
        strlen(one->dossier) > HY_TIMER_ID_MAX)
        return hy_fail(err, HY_EFORMAT, "a case whose version or id is out of range");
    out->one.version = one->version;
    take_clocks(one, out);
    return 0;
}

static int read_progress(struct hy_bytes value, struct hy_arena *arena, struct sla_change *out, struct hy_error *err) {
    if (!value.data) return 0;
    const Huiying__V1__Progress *progress = huiying__v1__progress__unpack(hy_arena_pb(arena), value.len, value.data);
    if (!progress || strlen(progress->log_id) >= sizeof out->progress.log_id || progress->next_offset < 0)
        return hy_fail(err, HY_EFORMAT, "a progress record of %zu bytes cannot be read", value.len);
    out->kind = SLA_PROGRESS;
    out->progress.offset = progress->next_offset;
    snprintf(out->progress.log_id, sizeof out->progress.log_id, "%s", progress->log_id);
    return 0;
}

int sla_read_record(struct hy_bytes key, struct hy_bytes value, struct hy_arena *arena, struct sla_change *out,
                    struct hy_error *err) {
    memset(out, 0, sizeof *out);
    if (hy_bytes_equal(key, hy_bytes_of(PROGRESS_KEY))) return read_progress(value, arena, out, err);
    if (!split_key(key, arena, &out->one)) return 0; // a dossier's own record
    out->kind = SLA_CASE;
    out->one.timers = out->timers;
    out->one.version = HY_TIMER_VERSION_MAX; // of a tombstone: nothing is newer
    return value.data ? read_case(value, arena, out, err) : 0;
}

// FNV-1a, then a mixing step, so that sums of hashes do not cancel.
static uint64_t mix(uint64_t hash) {
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ (hash >> 33);
}

static uint64_t add_text(uint64_t hash, const void *data, size_t len) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t sla_case_hash(const char *case_id) {
    return mix(add_text(UINT64_C(0xcbf29ce484222325), case_id, strlen(case_id)));
}

uint64_t sla_timer_hash(const char *clock, uint32_t epoch, uint32_t stage, int64_t due_ms) {
    uint64_t hash = add_text(UINT64_C(0xcbf29ce484222325), clock, strlen(clock) + 1);
    hash = add_text(hash, &epoch, sizeof epoch);
    hash = add_text(hash, &stage, sizeof stage);
    return mix(add_text(hash, &due_ms, sizeof due_ms));
}
