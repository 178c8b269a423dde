#include "tests/sim/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "huiying/v1/dead_letter.pb-c.h"
#include "lib/base/pb.h"
#include "lib/lane/progress.h"
#include "lib/lane/store.h"
#include "tests/sim/kafka.h"

enum {
    BATCH = 400, // records of a transaction
    ARENA = 64 << 20,
    TICK_BUSY_MS = 1000,
    TICK_IDLE_MS = 60000,
    BUSY_MS = 10000, // after the last record
    RETRY_MS = 100,
    OLD_TXN_MS = 5000
};

int64_t sim_lane_unknown;

enum phase { JOINING, RUNNING, FLUSHING, OFFSETS, ENDING };

struct part {
    int input;
    int32_t partition;
    struct hy_store store;
    void *data;
    struct hy_progress good, open;
    bool ready, touched;
};

struct emit {
    char topic[64];
    size_t key_at, key_len, value_at, value_len;
    bool tombstone;
};

struct hy_lane_ctx {
    struct lane *lane;
    struct part *part;
    const struct hy_record *record;
    int64_t now_ms;
    bool changed;
    struct mark {
        bool changed;
        size_t n_emits, bytes;
    } mark;
};

struct lane {
    struct sim_lane_program *of;
    struct hy_lane_handler handler;
    struct sim_producer producer;
    bool producer_ready, reassign;
    struct sim_member *member;
    uint64_t generation;
    enum phase phase;
    struct part parts[HY_LANE_MAX_INPUTS * SIM_PARTITIONS];
    int n_parts;
    bool txn_open, txn_broken;
    int64_t txn_ms, tick_ms, busy_ms;
    struct hy_arena *arena;
    struct emit *emits;
    size_t n_emits, cap_emits;
    struct hy_buf bytes;
    struct hy_lane_ctx ctx;
};

// ---- what handlers call (lib/lane/lane.h) ----

static struct hy_store *store_of(const struct hy_lane_ctx *ctx) {
    return &ctx->part->store;
}

int hy_lane_get(struct hy_lane_ctx *ctx, struct hy_bytes key, struct hy_bytes *value) {
    const struct hy_map_entry *entry = hy_store_get(store_of(ctx), key);
    if (!entry) return HY_ENOTFOUND;
    *value = hy_map_value(entry);
    return HY_OK;
}

int hy_lane_put(struct hy_lane_ctx *ctx, struct hy_bytes key, struct hy_bytes value, struct hy_error *err) {
    const struct hy_map_entry *old = hy_store_get(store_of(ctx), key);
    if (value.len > HY_LANE_MAX_SNAPSHOT && (!old || value.len > old->value_len))
        return hy_fail(err, HY_ETOOBIG, "a snapshot of %zu bytes", value.len);
    ctx->changed = true;
    return hy_store_put(store_of(ctx), key, value);
}

int hy_lane_delete(struct hy_lane_ctx *ctx, struct hy_bytes key, struct hy_error *err) {
    (void)err;
    ctx->changed = true;
    return hy_store_delete(store_of(ctx), key);
}

static int queue(struct hy_lane_ctx *ctx, const char *topic, struct hy_bytes key, struct hy_bytes value, bool tombstone,
                 struct hy_error *err) {
    struct lane *lane = ctx->lane;
    if (!hy_topic_find(topic)) return hy_fail(err, HY_ENOTFOUND, "topic %s does not exist", topic);
    if (lane->n_emits == lane->cap_emits) {
        lane->cap_emits = lane->cap_emits ? lane->cap_emits * 2 : 64;
        lane->emits = realloc(lane->emits, lane->cap_emits * sizeof *lane->emits);
        if (!lane->emits) abort();
    }
    struct emit *emit = &lane->emits[lane->n_emits++];
    *emit =
        (struct emit){.key_at = lane->bytes.len, .key_len = key.len, .value_len = value.len, .tombstone = tombstone};
    snprintf(emit->topic, sizeof emit->topic, "%s", topic);
    hy_buf_add(&lane->bytes, key.data, key.len);
    emit->value_at = lane->bytes.len;
    hy_buf_add(&lane->bytes, value.data, value.len);
    ctx->changed = true;
    return hy_buf_ok(&lane->bytes) ? HY_OK : HY_ENOMEM;
}

int hy_lane_emit(struct hy_lane_ctx *ctx, const char *topic, struct hy_bytes key, struct hy_bytes value,
                 struct hy_error *err) {
    return queue(ctx, topic, key, value, false, err);
}

int hy_lane_erase(struct hy_lane_ctx *ctx, const char *topic, struct hy_bytes key, struct hy_error *err) {
    return queue(ctx, topic, key, (struct hy_bytes){0}, true, err);
}

int hy_lane_dead(struct hy_lane_ctx *ctx, const char *reason, const char *detail, struct hy_error *err) {
    struct lane *lane = ctx->lane;
    Huiying__V1__DeadLetter letter = HUIYING__V1__DEAD_LETTER__INIT;
    char event[HY_ID_SIZE] = "";
    struct hy_bytes value;
    if (lane->handler.identify) lane->handler.identify(lane->arena, ctx->record->value, event);
    letter.schema_version = 1;
    letter.reason = (char *)(uintptr_t)reason;
    letter.detail = (char *)(uintptr_t)detail;
    letter.program = (char *)(uintptr_t)lane->handler.name;
    letter.event_id = event;
    lane->of->dead++;
    if (hy_pb_write(&letter, lane->arena, &value) != HY_OK) return hy_fail(err, HY_ENOMEM, "dead letter");
    return queue(ctx, HY_TOPIC_DEAD, ctx->record->key.len ? ctx->record->key : hy_bytes_of("none"), value, false, err);
}

void hy_lane_mark(struct hy_lane_ctx *ctx) {
    hy_store_keep(store_of(ctx));
    ctx->mark = (struct mark){ctx->changed, ctx->lane->n_emits, ctx->lane->bytes.len};
}

void hy_lane_back(struct hy_lane_ctx *ctx) {
    hy_store_undo(store_of(ctx));
    ctx->changed = ctx->mark.changed;
    ctx->lane->n_emits = ctx->mark.n_emits;
    ctx->lane->bytes.len = ctx->mark.bytes;
}

int64_t hy_lane_now(const struct hy_lane_ctx *ctx) {
    return ctx->now_ms;
}
int32_t hy_lane_partition(const struct hy_lane_ctx *ctx) {
    return ctx->part->partition;
}
int hy_lane_index(const struct hy_lane_ctx *ctx) {
    (void)ctx;
    return 0;
}
void *hy_lane_user(const struct hy_lane_ctx *ctx) {
    return ctx->lane->handler.user;
}
void *hy_lane_data(const struct hy_lane_ctx *ctx) {
    return ctx->part->data;
}
struct hy_arena *hy_lane_arena(struct hy_lane_ctx *ctx) {
    return ctx->lane->arena;
}
int hy_lane_each(struct hy_lane_ctx *ctx, int (*fn)(void *opaque, struct hy_bytes key, struct hy_bytes value),
                 void *opaque) {
    return hy_store_each(store_of(ctx), fn, opaque);
}
size_t hy_lane_keys(const struct hy_lane_ctx *ctx) {
    return store_of(ctx)->keys;
}

// ---- state: restore, rebuild, drop ----

static const char *input_of(const struct lane *lane, const struct part *part) {
    return lane->handler.inputs[part->input];
}

static void close_data(struct lane *lane, struct part *part) {
    if (lane->handler.close && part->data) lane->handler.close(lane->handler.user, part->data, part->partition);
    part->data = NULL;
}

struct loading {
    struct lane *lane;
    struct part *part;
};

static int load_one(void *opaque, struct hy_bytes key, struct hy_bytes value) {
    struct loading *loading = opaque;
    struct hy_error err = {0};
    int rc = loading->lane->handler.load(loading->lane->handler.user, loading->part->data, key, value, &err);
    if (rc != HY_OK) {
        fprintf(stderr, "sim: load: %s\n", err.text);
        abort();
    }
    return 0;
}

static void open_data(struct lane *lane, struct part *part) {
    struct loading loading = {lane, part};
    if (lane->handler.open) part->data = lane->handler.open(lane->handler.user, part->partition);
    if (lane->handler.load) hy_store_each(&part->store, load_one, &loading);
    if (lane->handler.ready) lane->handler.ready(lane->handler.user, part->data, part->partition);
}

static void restore_state(struct lane *lane, struct part *part) {
    struct sim_record record;
    for (int64_t at = 0; sim_read(lane->handler.state, part->partition, at, &record); at = record.offset + 1) {
        bool progress = hy_bytes_equal(record.key, hy_bytes_of(HY_PROGRESS_KEY));
        int rc = progress ? hy_progress_unpack(record.value, &part->good)
                          : hy_store_load(&part->store, record.key, record.value, record.tombstone);
        if (rc != HY_OK) abort();
    }
}

// Behind the barrier: what an earlier owner has begun must have ended before his state can be read.
static bool restore(struct lane *lane, struct part *part) {
    const char *state = lane->handler.state, *input = input_of(lane, part);
    part->good = hy_progress_none();
    if (state && sim_stable_end(state, part->partition) < sim_log_end(state, part->partition)) return false;
    if (!state && sim_group_unsettled(lane->of->group, input, part->partition)) return false;
    if (state)
        restore_state(lane, part);
    else
        part->good.next = sim_group_position(lane->of->group, input, part->partition);
    if (part->good.next < 0) part->good.next = 0;
    snprintf(part->good.log_id, sizeof part->good.log_id, "%s", sim_log_id(input));
    snprintf(part->good.state_log_id, sizeof part->good.state_log_id, "%s", state ? sim_log_id(state) : "");
    part->open = part->good;
    part->ready = true;
    open_data(lane, part);
    lane->of->restores++;
    return true;
}

static void drop_parts(struct lane *lane) {
    for (int i = 0; i < lane->n_parts; i++) {
        close_data(lane, &lane->parts[i]);
        hy_store_free(&lane->parts[i].store);
    }
    memset(lane->parts, 0, sizeof lane->parts);
    lane->n_parts = 0;
}

static void take_parts(struct lane *lane) {
    drop_parts(lane);
    for (int input = 0; input < HY_LANE_MAX_INPUTS && lane->handler.inputs[input]; input++) {
        for (int32_t p = 0; p < sim_partitions_of(lane->handler.inputs[input]); p++) {
            if (!sim_group_owns(lane->member, p)) continue;
            lane->parts[lane->n_parts++] = (struct part){.input = input, .partition = p};
        }
    }
    lane->generation = sim_group_generation(lane->member);
    lane->reassign = false;
}

static void forget_emits(struct lane *lane) {
    lane->n_emits = 0;
    hy_buf_clear(&lane->bytes);
}

// Everything since the last known good state is taken back; then all is restored, as after a result not known.
static void give_up(struct lane *lane, bool new_producer) {
    if (lane->txn_open && !new_producer && sim_txn_end(&lane->producer, false) != HY_OK) new_producer = true;
    if (new_producer) lane->producer_ready = false;
    lane->of->aborts += lane->txn_open;
    lane->txn_open = lane->txn_broken = false;
    lane->reassign = true;
    lane->phase = JOINING;
    forget_emits(lane);
}

// ---- records ----

static int send_emits(struct lane *lane) {
    int rc = HY_OK;
    for (size_t i = 0; rc == HY_OK && i < lane->n_emits; i++) {
        const struct emit *emit = &lane->emits[i];
        rc = sim_append(emit->topic, -1, hy_bytes_from(lane->bytes.data + emit->key_at, emit->key_len),
                        hy_bytes_from(lane->bytes.data + emit->value_at, emit->value_len), emit->tombstone,
                        &lane->producer, NULL);
    }
    forget_emits(lane);
    return rc;
}

static void keep(struct lane *lane, struct part *part) {
    hy_store_keep(&part->store);
    part->touched = true;
    if (!lane->txn_open) lane->txn_ms = sim_now.now_ms;
    lane->txn_open = true;
    if (send_emits(lane) != HY_OK) lane->txn_broken = true;
}

static void undo(struct lane *lane, struct part *part) {
    hy_store_undo(&part->store);
    forget_emits(lane);
}

// False: the handler cannot take it yet.
static bool handle(struct lane *lane, struct part *part, const struct sim_record *in) {
    struct hy_record record = {.topic = input_of(lane, part),
                               .input = part->input,
                               .partition = part->partition,
                               .offset = in->offset,
                               .timestamp_ms = in->at_ms,
                               .log_id = sim_log_id(input_of(lane, part)),
                               .key = in->key,
                               .value = in->value,
                               .tombstone = in->tombstone};
    struct hy_error err = {0};
    int64_t now = in->at_ms > part->open.now_ms ? in->at_ms : part->open.now_ms;
    lane->ctx = (struct hy_lane_ctx){.lane = lane, .part = part, .record = &record, .now_ms = now};
    hy_arena_reset(lane->arena);
    int rc = lane->handler.handle(&lane->ctx, &record, &err);
    if (rc == HY_EAGAIN) {
        undo(lane, part);
        return false;
    }
    if (rc != HY_OK) {
        undo(lane, part);
        if (hy_lane_dead(&lane->ctx, hy_error_name(rc), err.text, &err) != HY_OK) abort();
    }
    keep(lane, part);
    part->open.next = in->offset + 1;
    part->open.now_ms = now;
    lane->of->records++;
    return true;
}

static void read_part(struct lane *lane, struct part *part, int *left) {
    struct sim_record record;
    while (*left > 0 && !lane->txn_broken &&
           sim_read(input_of(lane, part), part->partition, part->open.next, &record)) {
        if (!handle(lane, part, &record)) return;
        --*left;
        lane->busy_ms = sim_now.now_ms;
    }
}

static void tick(struct lane *lane, struct part *part) {
    struct hy_error err = {0};
    int64_t now = sim_now.now_ms > part->open.now_ms ? sim_now.now_ms : part->open.now_ms;
    lane->ctx = (struct hy_lane_ctx){.lane = lane, .part = part, .now_ms = now};
    hy_arena_reset(lane->arena);
    if (lane->handler.tick(&lane->ctx, part->partition, now, &err) != HY_OK) {
        undo(lane, part);
    } else if (lane->ctx.changed) {
        keep(lane, part);
        part->open.now_ms = now;
    } else {
        hy_store_keep(&part->store);
    }
}

static void tick_all(struct lane *lane) {
    if (!lane->handler.tick || sim_now.now_ms < lane->tick_ms) return;
    bool busy = sim_now.now_ms - lane->busy_ms < BUSY_MS;
    lane->tick_ms = sim_now.now_ms + (busy ? TICK_BUSY_MS : TICK_IDLE_MS);
    for (int i = 0; i < lane->n_parts && !lane->txn_broken; i++)
        if (lane->parts[i].ready) tick(lane, &lane->parts[i]);
}

// ---- the steps of a transaction ----

static int send_state(struct lane *lane, struct part *part) {
    struct hy_buf progress = {0};
    size_t cursor = 0;
    int rc = HY_OK;
    for (const struct hy_map_entry *e; rc == HY_OK && (e = hy_map_next(&part->store.overlay, &cursor));)
        rc = sim_append(lane->handler.state, part->partition, hy_map_key(e), hy_map_value(e), e->deleted,
                        &lane->producer, NULL);
    if (rc == HY_OK && hy_progress_pack(&part->open, lane->of->program.name, &progress) != HY_OK) abort();
    if (rc == HY_OK)
        rc = sim_append(lane->handler.state, part->partition, hy_bytes_of(HY_PROGRESS_KEY), hy_buf_view(&progress),
                        false, &lane->producer, NULL);
    hy_buf_free(&progress);
    return rc;
}

static int send_states(struct lane *lane) {
    int rc = HY_OK;
    for (int i = 0; rc == HY_OK && lane->handler.state && i < lane->n_parts; i++)
        if (lane->parts[i].touched) rc = send_state(lane, &lane->parts[i]);
    return rc;
}

static int send_offsets(struct lane *lane) {
    int rc = HY_OK;
    for (int i = 0; rc == HY_OK && i < lane->n_parts; i++) {
        const struct part *part = &lane->parts[i];
        if (part->touched)
            rc = sim_txn_offset(&lane->producer, lane->of->group, lane->generation, input_of(lane, part),
                                part->partition, part->open.next);
    }
    return rc;
}

static void committed(struct lane *lane) {
    for (int i = 0; i < lane->n_parts; i++) {
        struct part *part = &lane->parts[i];
        if (!part->touched) continue;
        if (hy_store_commit(&part->store) != HY_OK) abort();
        part->good = part->open;
        part->touched = false;
        sim_release(input_of(lane, part), part->partition, part->good.next);
    }
    lane->txn_open = false;
    lane->phase = RUNNING;
    lane->of->commits++;
}

static void end_txn(struct lane *lane) {
    bool unknown = sim_chance(sim_lane_unknown);
    int rc = unknown && sim_chance(2) ? HY_ENET : sim_txn_end(&lane->producer, true); // lost on the way there, or back
    if (rc == HY_OK && !unknown) {
        committed(lane);
        return;
    }
    lane->of->unknown++;
    give_up(lane, true);
}

static int64_t join(struct lane *lane) {
    bool all = true;
    if (!lane->producer_ready) {
        if (sim_producer_init(lane->of->program.name, &lane->producer) != HY_OK) return RETRY_MS;
        lane->producer_ready = true;
    }
    if (lane->reassign) take_parts(lane);
    for (int i = 0; i < lane->n_parts; i++)
        if (!lane->parts[i].ready) all = restore(lane, &lane->parts[i]) && all;
    if (all) lane->phase = RUNNING;
    return all ? 0 : RETRY_MS;
}

static int64_t work(struct lane *lane) {
    int left = BATCH;
    for (int i = 0; i < lane->n_parts && left > 0; i++)
        read_part(lane, &lane->parts[i], &left);
    tick_all(lane);
    if (!lane->txn_open) return lane->handler.tick ? lane->tick_ms - sim_now.now_ms : TICK_IDLE_MS;
    lane->phase = FLUSHING;
    return sim_between(1, 3);
}

static int64_t lane_step(void *life) {
    struct lane *lane = life;
    if (sim_kafka_away) return RETRY_MS;
    if (lane->reassign && lane->phase != JOINING) give_up(lane, false);
    if (lane->txn_broken || (lane->txn_open && sim_now.now_ms - lane->txn_ms > OLD_TXN_MS)) give_up(lane, true);
    int rc = HY_OK;
    switch (lane->phase) {
    case JOINING:
        return join(lane);
    case RUNNING:
        return work(lane);
    case FLUSHING:
        rc = send_states(lane);
        lane->phase = OFFSETS;
        break;
    case OFFSETS:
        rc = send_offsets(lane);
        lane->phase = ENDING;
        break;
    case ENDING:
        end_txn(lane);
        return sim_between(0, 2);
    }
    if (rc != HY_OK) give_up(lane, rc == HY_EFENCED ? false : true);
    return sim_between(1, 3);
}

// ---- the life of the program ----

static void changed(void *ctx, uint64_t generation) {
    struct lane *lane = ctx;
    if (generation == lane->generation) return;
    lane->reassign = true;
    sim_program_wake(&lane->of->program, 1);
}

static void *begin(struct sim_program *program) {
    struct sim_lane_program *of = (struct sim_lane_program *)program;
    struct lane *lane = calloc(1, sizeof *lane);
    if (!lane || !(lane->arena = hy_arena_new(ARENA))) abort();
    lane->of = of;
    lane->handler = of->handler();
    lane->phase = JOINING;
    lane->reassign = true;
    program->life = lane;
    lane->member = sim_group_join(of->group, program->name, changed, lane);
    return lane;
}

static void end(void *life) {
    struct lane *lane = life;
    sim_group_vanish(lane->member);
    drop_parts(lane);
    if (lane->of->release) lane->of->release(lane->handler.user);
    hy_arena_free(lane->arena);
    hy_buf_free(&lane->bytes);
    free(lane->emits);
    free(lane);
}

static void silent(void *life, bool is) {
    struct lane *lane = life;
    sim_group_silent(lane->member, is);
}

void sim_lane_program_init(struct sim_lane_program *of, const char *group, int number) {
    of->group = group;
    of->program.begin = begin;
    of->program.step = lane_step;
    of->program.end = end;
    of->program.silent = silent;
    of->program.lag_ms = 5;
    snprintf(of->program.name, sizeof of->program.name, "%s.%d", group, number);
    struct hy_lane_handler handler = of->handler();
    for (int i = 0; i < HY_LANE_MAX_INPUTS && handler.inputs[i]; i++)
        sim_kafka_watch(handler.inputs[i], sim_program_news, &of->program);
    if (of->release) of->release(handler.user);
}
