#include "lib/core/case_turn.h"

#include <stdio.h>

#include "lib/base/clock.h"

void hy_turn_raise(struct hy_turn *t, int code, const char *fmt, ...) {
    char text[sizeof t->err->text];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    hy_fail(t->err, code, "%s", text);
    t->failed = code;
    longjmp(t->unwind, 1);
}

static void *need(struct hy_turn *t, void *memory) {
    if (memory == NULL) hy_turn_raise(t, HY_ENOMEM, "the arena of this command is full: raise its limit");
    return memory;
}

void *hy_turn_alloc(struct hy_turn *t, size_t size) {
    return need(t, hy_arena_zalloc(t->arena, size));
}

void *hy_turn_new(struct hy_turn *t, const ProtobufCMessageDescriptor *descriptor) {
    void *message = need(t, hy_arena_alloc(t->arena, descriptor->sizeof_message));
    protobuf_c_message_init(descriptor, message);
    return message;
}

enum { TEXT_MOST = 1024, VERDICT_MOST = 400 };

// At most `room` bytes with the NUL.
static char *HY_PRINTF(3, 0) format(struct hy_turn *t, size_t room, const char *fmt, va_list args) {
    char text[TEXT_MOST];
    int n = vsnprintf(text, room, fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
    // A cut may have split a character, and the contract knows only whole ones.
    if ((size_t)n >= room) len = hy_utf8_prefix(hy_bytes_from(text, len), len);
    return need(t, hy_arena_strn(t->arena, text, len));
}

char *hy_turn_fmt(struct hy_turn *t, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    char *text = format(t, TEXT_MOST, fmt, args);
    va_end(args);
    return text;
}

char *hy_turn_join(struct hy_turn *t, const char *a, const char *b, const char *c) {
    size_t first = strlen(a), second = strlen(b), third = strlen(c);
    char *text = need(t, hy_arena_alloc(t->arena, first + second + third + 1));
    memcpy(text, a, first);
    memcpy(text + first, b, second);
    memcpy(text + first + second, c, third + 1);
    return text;
}

char *hy_turn_clip(struct hy_turn *t, const char *text, size_t max) {
    struct hy_bytes all = hy_bytes_of(text);
    if (all.len <= max) return hy_lend(text);
    return need(t, hy_arena_strn(t->arena, text, hy_utf8_prefix(all, max)));
}

Huiying__V1__Time *hy_turn_time(struct hy_turn *t, int64_t ms) {
    Huiying__V1__Time *time = hy_turn_new(t, &huiying__v1__time__descriptor);
    time->unix_ms = ms;
    time->offset_minutes = HY_SHANGHAI_MINUTES;
    return time;
}

void *hy_turn_grow(struct hy_turn *t, const void *items, size_t n, size_t size) {
    char *grown = need(t, hy_arena_alloc(t->arena, (n + 1) * size));
    if (n > 0) memcpy(grown, items, n * size);
    memset(grown + n * size, 0, size);
    return grown;
}

void hy_turn_push(struct hy_turn *t, size_t *n, void *array, const void *item) {
    const void **items;
    memcpy(&items, array, sizeof items);
    items = hy_turn_grow(t, items, *n, sizeof *items);
    items[(*n)++] = item;
    memcpy(array, &items, sizeof items);
}

void hy_turn_push_hash(struct hy_turn *t, size_t *n, uint64_t **array, uint64_t hash) {
    *array = hy_turn_grow(t, *array, *n, sizeof **array);
    (*array)[(*n)++] = hash;
}

bool hy_turn_has_hash(size_t n, const uint64_t *array, uint64_t hash) {
    for (size_t i = 0; i < n; i++) {
        if (array[i] == hash) return true;
    }
    return false;
}

void hy_turn_text_hash(struct hy_turn *t, const char *text, ProtobufCBinaryData *out, char hex[65]) {
    uint8_t *hash = hy_turn_alloc(t, 32);
    hy_sha256(hy_bytes_of(text), hash);
    *out = (ProtobufCBinaryData){.len = 32, .data = hash};
    if (hex == NULL) return;
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    hex[64] = '\0';
}

char *hy_lend(const char *text) {
    return text == NULL ? (char *)(uintptr_t)protobuf_c_empty_string : (char *)(uintptr_t)text;
}

bool hy_text_set(const char *text) {
    return text != NULL && text[0] != '\0';
}

bool hy_text_equal(const char *a, const char *b) {
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

int64_t hy_time_or(const Huiying__V1__Time *time, int64_t otherwise) {
    return time == NULL ? otherwise : time->unix_ms;
}

int64_t hy_min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t hy_max64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static void HY_PRINTF(5, 0) judge(struct hy_turn *t, enum hy_engine_outcome outcome, Huiying__V1__Verdict verdict,
                                  const char *rule, const char *fmt, va_list args) {
    t->out->outcome = outcome;
    t->rec->verdict = verdict;
    t->rec->rule = hy_lend(rule);
    t->rec->explanation = format(t, VERDICT_MOST, fmt, args);
}

void hy_turn_vapply(struct hy_turn *t, const char *rule, const char *fmt, va_list args) {
    judge(t, HY_ENGINE_APPLIED, HUIYING__V1__VERDICT__VERDICT_APPLIED, rule, fmt, args);
}

void hy_turn_apply(struct hy_turn *t, const char *rule, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    hy_turn_vapply(t, rule, fmt, args);
    va_end(args);
}

void hy_turn_refuse(struct hy_turn *t, const char *rule, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    judge(t, HY_ENGINE_REFUSED, HUIYING__V1__VERDICT__VERDICT_REFUSED, rule, fmt, args);
    va_end(args);
}

void hy_turn_repeat(struct hy_turn *t, const char *rule, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    judge(t, HY_ENGINE_REPEATED, HUIYING__V1__VERDICT__VERDICT_REPEATED, rule, fmt, args);
    va_end(args);
}

void hy_turn_dead(struct hy_turn *t, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    t->out->outcome = HY_ENGINE_DEAD;
    t->out->reason = format(t, VERDICT_MOST, fmt, args);
    va_end(args);
}

void hy_turn_skip(struct hy_turn *t) {
    t->out->outcome = HY_ENGINE_SKIPPED;
}
