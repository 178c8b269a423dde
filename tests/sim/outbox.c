// In the place of consumers/courier/outbox.c, which keeps the same in SQLite: open deliveries and the texts of our own
// pen, in memory. It outlives its courier, as the file does, with the positions it was folded to.
#include "consumers/courier/outbox.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "huiying/v1/work.pb-c.h"
#include "lib/base/pb.h"
#include "tests/sim/kafka.h"

enum { ARENA = 4 << 20 };

struct open_case {
    char id[HY_ID_SIZE];
    int32_t part;
    struct hy_buf snapshot;
    UT_hash_handle hh;
};

struct text {
    UT_hash_handle hh;
    int32_t part;
    bool draft;
    int64_t at_ms;
    char *text;
    char key[];
};

struct outbox {
    struct open_case *cases;
    struct text *texts;
    struct hy_arena *arena;
    struct hy_fold_position positions[2][SIM_PARTITIONS]; // of cases, of content
};

static bool is_open(const Huiying__V1__Delivery *d) {
    return d->state == HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_PENDING ||
           d->state == HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_SENDING ||
           d->state == HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_UNKNOWN;
}

static int64_t ms_of(const Huiying__V1__Time *time) {
    return time ? time->unix_ms : 0;
}

static void drop_case(struct outbox *outbox, struct open_case *c) {
    if (!c) return;
    HASH_DEL(outbox->cases, c);
    hy_buf_free(&c->snapshot);
    free(c);
}

static void drop_text(struct outbox *outbox, struct text *text) {
    if (!text) return;
    HASH_DEL(outbox->texts, text);
    free(text->text);
    free(text);
}

static void drop_texts_of(struct outbox *outbox, const Huiying__V1__Case *c) {
    for (size_t i = 0; i < c->n_content_keys; i++) {
        struct text *text;
        HASH_FIND_STR(outbox->texts, c->content_keys[i], text);
        if (text && (!text->draft || text->at_ms < ms_of(c->closed))) drop_text(outbox, text);
    }
}

static void keep_case(struct outbox *outbox, const struct hy_fold_record *record, const Huiying__V1__Case *c) {
    struct open_case *one = calloc(1, sizeof *one);
    if (!one) abort();
    memcpy(one->id, c->id, HY_ID_LEN);
    one->part = record->partition;
    hy_buf_add(&one->snapshot, record->value.data, record->value.len);
    HASH_ADD_STR(outbox->cases, id, one);
}

static void fold_case(struct outbox *outbox, const struct hy_fold_record *record) {
    const char *dot = record->key.len ? memchr(record->key.data, '.', record->key.len) : NULL;
    Huiying__V1__Case *c = NULL;
    struct open_case *old;
    char id[HY_ID_SIZE] = "";
    if (!dot || record->key.len != 2 * HY_ID_LEN + 1) return;
    memcpy(id, dot + 1, HY_ID_LEN);
    HASH_FIND_STR(outbox->cases, id, old);
    drop_case(outbox, old);
    if (!record->value.data) return;
    if (hy_pb_read(&huiying__v1__case__descriptor, outbox->arena, record->value, 1, &c, NULL) != HY_OK) abort();
    for (size_t i = 0; i < c->n_deliveries; i++) {
        if (!is_open(c->deliveries[i])) continue;
        keep_case(outbox, record, c);
        return;
    }
    if (c->state >= HUIYING__V1__CASE_STATE__CASE_STATE_CLOSED) drop_texts_of(outbox, c);
}

static void fold_content(struct outbox *outbox, const struct hy_fold_record *record) {
    Huiying__V1__Content *content = NULL;
    struct text *text;
    HASH_FIND(hh, outbox->texts, record->key.data, record->key.len, text);
    drop_text(outbox, text);
    if (!record->value.data) return;
    if (hy_pb_read(&huiying__v1__content__descriptor, outbox->arena, record->value, 1, &content, NULL) != HY_OK)
        abort();
    if (strcmp(content->kind, "message") == 0) return;
    text = calloc(1, sizeof *text + record->key.len + 1);
    if (!text || !(text->text = strdup(content->text))) abort();
    text->part = record->partition;
    text->draft = strcmp(content->kind, "draft") == 0;
    text->at_ms = ms_of(content->at);
    memcpy(text->key, record->key.data, record->key.len);
    HASH_ADD_KEYPTR(hh, outbox->texts, text->key, record->key.len, text);
}

static struct hy_fold_position *position(struct outbox *outbox, const char *topic, int32_t partition) {
    return &outbox->positions[strcmp(topic, HY_TOPIC_CASES) != 0][partition];
}

static int sink_open(void *ctx, const char *topic, int32_t partition, struct hy_fold_position *out,
                     struct hy_error *err) {
    (void)err;
    *out = *position(ctx, topic, partition);
    return HY_OK;
}

static int sink_reset(void *ctx, const char *topic, int32_t partition, const struct hy_fold_position *start,
                      enum hy_fold_reset why, struct hy_error *err) {
    struct outbox *outbox = ctx;
    struct open_case *c, *next_case;
    struct text *text, *next_text;
    (void)why;
    (void)err;
    if (strcmp(topic, HY_TOPIC_CASES) == 0) {
        HASH_ITER(hh, outbox->cases, c, next_case) if (c->part == partition) drop_case(outbox, c);
    } else {
        HASH_ITER(hh, outbox->texts, text, next_text) if (text->part == partition) drop_text(outbox, text);
    }
    *position(ctx, topic, partition) = *start;
    return HY_OK;
}

static int sink_record(void *ctx, const struct hy_fold_record *record, struct hy_error *err) {
    struct outbox *outbox = ctx;
    (void)err;
    hy_arena_reset(outbox->arena);
    if (strcmp(record->topic, HY_TOPIC_CASES) == 0)
        fold_case(outbox, record);
    else
        fold_content(outbox, record);
    return HY_OK;
}

static int sink_commit(void *ctx, const struct hy_fold_commit *parts, size_t n, struct hy_error *err) {
    (void)err;
    for (size_t i = 0; i < n; i++)
        position(ctx, parts[i].topic, parts[i].partition)->offset = parts[i].offset;
    return HY_OK;
}

int outbox_open(const char *path, struct outbox **out, struct hy_error *err) {
    struct outbox *outbox = calloc(1, sizeof *outbox);
    (void)path;
    (void)err;
    if (!outbox || !(outbox->arena = hy_arena_new(ARENA))) abort();
    for (int topic = 0; topic < 2; topic++)
        for (int p = 0; p < SIM_PARTITIONS; p++)
            outbox->positions[topic][p].offset = HY_FOLD_NOWHERE;
    *out = outbox;
    return HY_OK;
}

void outbox_close(struct outbox *outbox) {
    struct open_case *c, *next_case;
    struct text *text, *next_text;
    if (!outbox) return;
    HASH_ITER(hh, outbox->cases, c, next_case) drop_case(outbox, c);
    HASH_ITER(hh, outbox->texts, text, next_text) drop_text(outbox, text);
    hy_arena_free(outbox->arena);
    free(outbox);
}

struct hy_fold_sink outbox_sink(struct outbox *outbox) {
    return (struct hy_fold_sink){
        .ctx = outbox, .open = sink_open, .reset = sink_reset, .record = sink_record, .commit = sink_commit};
}

static struct outbox_row row_of(struct outbox *outbox, Huiying__V1__Case *c, const Huiying__V1__Delivery *d) {
    struct outbox_row row = {.case_id = c->id,
                             .dossier = c->dossier,
                             .row = d->row,
                             .target = d->target,
                             .purpose = d->purpose,
                             .courier = d->courier,
                             .receipt_number = c->receipt_number,
                             .content_key = d->content_key,
                             .state = (int)d->state,
                             .attempt = d->attempt,
                             .until_ms = ms_of(d->until),
                             .not_before_ms = ms_of(d->not_before),
                             .snapshot = c};
    struct text *text;
    HASH_FIND_STR(outbox->texts, d->content_key, text);
    row.text = text ? text->text : NULL;
    return row;
}

int outbox_each(struct outbox *outbox, const char *unserved, int max,
                void (*each)(void *ctx, const struct outbox_row *row), void *ctx, struct hy_error *err) {
    struct open_case *one, *next;
    (void)err;
    HASH_ITER(hh, outbox->cases, one, next) {
        Huiying__V1__Case *c = NULL;
        hy_arena_reset(outbox->arena);
        if (hy_pb_read(&huiying__v1__case__descriptor, outbox->arena, hy_buf_view(&one->snapshot), 1, &c, NULL) !=
            HY_OK)
            abort();
        for (size_t i = 0; i < c->n_deliveries && max > 0; i++) {
            if (!is_open(c->deliveries[i])) continue;
            struct outbox_row row = row_of(outbox, c, c->deliveries[i]);
            if (!row.text || strcmp(row.target, unserved) == 0) continue;
            each(ctx, &row);
            max--;
        }
    }
    return HY_OK;
}

int64_t outbox_count(struct outbox *outbox) {
    return HASH_COUNT(outbox->cases);
}
