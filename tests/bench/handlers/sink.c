#include "sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/lane/store.h"

// ---- packs ----

enum { PACKS = 3, LISTS = 3, PLACES = 2, SOURCES = PACKS + LISTS + PLACES, TEXT_MOST = 1 << 22 };

struct hy_packs {
    struct hy_pack *pack;
    struct hy_dispatch *dispatch;
    struct hy_calendar *calendar;
};

static const char *const PATHS[SOURCES] = {
    "policies/national.yaml",
    "policies/yuancheng.yaml",
    "policies/sample.yaml",
    "policies/dispatch/district.yaml",
    "policies/dispatch/yuancheng.yaml",
    "policies/dispatch/sample.yaml",
    "gazetteer/yuancheng.yaml",
    "gazetteer/sample.yaml",
};

static int read_source(const char *path, struct hy_buf *out) {
    char full[512];
    struct hy_error err = {0};
    snprintf(full, sizeof full, "%s/deploy/%s", HY_SOURCE_DIR, path);
    int rc = hy_read_file(full, TEXT_MOST, out, &err);
    if (rc != HY_OK) fprintf(stderr, "%s: %s\n", full, err.text);
    return rc;
}

static int load_pack(struct hy_packs *packs, const char *id) {
    struct hy_buf texts[SOURCES] = {0}, problems = {0};
    struct hy_pack_source sources[SOURCES];
    int rc = HY_OK;
    for (int i = 0; rc == HY_OK && i < SOURCES; i++) {
        rc = read_source(PATHS[i], &texts[i]);
        sources[i] = (struct hy_pack_source){PATHS[i], hy_buf_view(&texts[i])};
    }
    if (rc == HY_OK) rc = hy_pack_load(sources, PACKS, id, &packs->pack, &problems);
    if (rc == HY_OK) {
        struct hy_dispatch_input input = {sources + PACKS, LISTS, sources + PACKS + LISTS, PLACES, id, packs->pack};
        rc = hy_dispatch_load(&input, &packs->dispatch, &problems);
    }
    if (problems.len > 0) fputs(problems.data, stderr);
    for (int i = 0; i < SOURCES; i++)
        hy_buf_free(&texts[i]);
    hy_buf_free(&problems);
    return rc;
}

static int load_calendar(struct hy_packs *packs) {
    packs->calendar = hy_calendar_new();
    struct hy_buf text = {0};
    int rc = packs->calendar == NULL ? HY_ENOMEM : HY_OK;
    for (int year = 2025; rc == HY_OK && year <= 2026; year++) {
        char path[64];
        snprintf(path, sizeof path, "calendars/%d.json", year);
        rc = read_source(path, &text);
        if (rc == HY_OK) rc = hy_calendar_add_year(packs->calendar, path, hy_buf_view(&text), NULL);
    }
    hy_buf_free(&text);
    return rc;
}

struct hy_packs *sink_packs_new(const char *pack_id) {
    struct hy_packs *packs = calloc(1, sizeof *packs);
    if (packs == NULL || (load_pack(packs, pack_id) == HY_OK && load_calendar(packs) == HY_OK)) return packs;
    sink_packs_free(packs);
    return NULL;
}

void sink_packs_free(struct hy_packs *packs) {
    hy_dispatch_free(packs->dispatch);
    hy_pack_free(packs->pack);
    hy_calendar_free(packs->calendar);
    free(packs);
}

const char *sink_packs_town(const struct hy_packs *packs) {
    return packs->pack->jurisdiction;
}

const struct hy_pack *hy_packs_find(void *opaque, const char *hash) {
    struct hy_packs *packs = opaque;
    return hash == NULL || hash[0] == '\0' || strcmp(packs->pack->hash, hash) == 0 ? packs->pack : NULL;
}

const struct hy_dispatch *hy_packs_dispatch(struct hy_packs *packs) {
    return packs->dispatch;
}

const struct hy_calendar *hy_packs_calendar(struct hy_packs *packs) {
    return packs->calendar;
}

int hy_packs_refresh(struct hy_packs *packs, int timeout_ms, struct hy_error *err) {
    (void)packs;
    (void)timeout_ms;
    return hy_fail(err, HY_ENET, "there is no registry here");
}

// ---- the lane ----

struct row {
    char topic[64];
    size_t key_at, key_len, value_at, value_len;
};

struct hy_lane_ctx {
    const struct hy_lane_handler *handler;
    struct hy_arena *arena;
    struct hy_store store;
    void *data;
    int64_t now_ms;
    struct hy_buf bytes;
    struct row *rows;
    size_t n_rows, cap_rows;
};

struct sink {
    struct hy_lane_ctx ctx;
};

struct sink *sink_new(const struct hy_lane_handler *handler) {
    struct sink *sink = calloc(1, sizeof *sink);
    if (sink == NULL) return NULL;
    sink->ctx.handler = handler;
    sink->ctx.arena = hy_arena_new(64U << 20);
    if (handler->open != NULL) sink->ctx.data = handler->open(handler->user, 0);
    return sink;
}

void sink_free(struct sink *sink) {
    struct hy_lane_ctx *ctx = &sink->ctx;
    if (ctx->handler->close != NULL) ctx->handler->close(ctx->handler->user, ctx->data, 0);
    hy_store_free(&ctx->store);
    hy_arena_free(ctx->arena);
    hy_buf_free(&ctx->bytes);
    free(ctx->rows);
    free(sink);
}

int sink_handle(struct sink *sink, const struct hy_record *record, struct hy_error *err) {
    struct hy_lane_ctx *ctx = &sink->ctx;
    ctx->now_ms = record->timestamp_ms;
    hy_arena_reset(ctx->arena);
    int rc = ctx->handler->handle(ctx, record, err);
    if (rc == HY_OK)
        hy_store_keep(&ctx->store);
    else
        hy_store_undo(&ctx->store);
    return rc;
}

void sink_commit(struct sink *sink) {
    if (hy_store_commit(&sink->ctx.store) != HY_OK) abort();
    sink->ctx.n_rows = 0;
    hy_buf_clear(&sink->ctx.bytes);
}

size_t sink_records(const struct sink *sink) {
    return sink->ctx.n_rows;
}

struct sink_record sink_record(const struct sink *sink, size_t i) {
    const struct row *row = &sink->ctx.rows[i];
    const char *bytes = sink->ctx.bytes.data;
    return (struct sink_record){row->topic, hy_bytes_from(bytes + row->key_at, row->key_len),
                                hy_bytes_from(bytes + row->value_at, row->value_len)};
}

void sink_each(struct sink *sink, int (*fn)(void *opaque, struct hy_bytes key, struct hy_bytes value), void *opaque) {
    (void)hy_store_each(&sink->ctx.store, fn, opaque);
}

size_t sink_state_bytes(const struct sink *sink) {
    return sink->ctx.store.base.bytes + sink->ctx.store.overlay.bytes;
}

size_t sink_kept_bytes(const struct sink *sink) {
    return sink->ctx.bytes.cap + sink->ctx.cap_rows * sizeof *sink->ctx.rows;
}

int hy_lane_get(struct hy_lane_ctx *ctx, struct hy_bytes key, struct hy_bytes *value) {
    const struct hy_map_entry *entry = hy_store_get(&ctx->store, key);
    if (entry == NULL) return HY_ENOTFOUND;
    *value = hy_map_value(entry);
    return HY_OK;
}

int hy_lane_put(struct hy_lane_ctx *ctx, struct hy_bytes key, struct hy_bytes value, struct hy_error *err) {
    (void)err;
    return hy_store_put(&ctx->store, key, value);
}

int hy_lane_delete(struct hy_lane_ctx *ctx, struct hy_bytes key, struct hy_error *err) {
    (void)err;
    return hy_store_delete(&ctx->store, key);
}

int hy_lane_emit(struct hy_lane_ctx *ctx, const char *topic, struct hy_bytes key, struct hy_bytes value,
                 struct hy_error *err) {
    (void)err;
    if (ctx->n_rows == ctx->cap_rows) {
        ctx->cap_rows = ctx->cap_rows == 0 ? 1024 : ctx->cap_rows * 2;
        ctx->rows = realloc(ctx->rows, ctx->cap_rows * sizeof *ctx->rows);
        if (ctx->rows == NULL) abort();
    }
    struct row *row = &ctx->rows[ctx->n_rows++];
    *row = (struct row){
        .key_at = ctx->bytes.len, .key_len = key.len, .value_at = ctx->bytes.len + key.len, .value_len = value.len};
    memcpy(row->topic, topic, strnlen(topic, sizeof row->topic - 1));
    hy_buf_add(&ctx->bytes, key.data, key.len);
    hy_buf_add(&ctx->bytes, value.data, value.len);
    return hy_buf_ok(&ctx->bytes) ? HY_OK : HY_ENOMEM;
}

int hy_lane_erase(struct hy_lane_ctx *ctx, const char *topic, struct hy_bytes key, struct hy_error *err) {
    return hy_lane_emit(ctx, topic, key, (struct hy_bytes){0}, err);
}

int hy_lane_dead(struct hy_lane_ctx *ctx, const char *reason, const char *detail, struct hy_error *err) {
    (void)ctx;
    return hy_fail(err, HY_EINVALID, "%s: %s", reason, detail); // a bench has no records that may be dead letters
}

// Only ticks ask for these, and a bench has none.
void hy_lane_mark(struct hy_lane_ctx *ctx) {
    (void)ctx;
}

void hy_lane_back(struct hy_lane_ctx *ctx) {
    (void)ctx;
    abort();
}

int64_t hy_lane_now(const struct hy_lane_ctx *ctx) {
    return ctx->now_ms;
}

int32_t hy_lane_partition(const struct hy_lane_ctx *ctx) {
    (void)ctx;
    return 0;
}

int hy_lane_index(const struct hy_lane_ctx *ctx) {
    (void)ctx;
    return 0;
}

void *hy_lane_user(const struct hy_lane_ctx *ctx) {
    return ctx->handler->user;
}

void *hy_lane_data(const struct hy_lane_ctx *ctx) {
    return ctx->data;
}

struct hy_arena *hy_lane_arena(struct hy_lane_ctx *ctx) {
    return ctx->arena;
}
