#include "consumers/dashboard/out.h"

#include <stdlib.h>

#include "lib/base/clock.h"

void out_put(json_t *object, const char *key, json_t *value) {
    (void)json_object_set_new(object, key, value);
}

void out_add(json_t *array, json_t *value) {
    (void)json_array_append_new(array, value);
}

void out_text(json_t *object, const char *key, const char *text) {
    json_t *value = json_string(text ? text : "");
    out_put(object, key, value ? value : json_string(""));
}

void out_int(json_t *object, const char *key, int64_t value) {
    out_put(object, key, json_integer(value));
}

void out_bool(json_t *object, const char *key, bool value) {
    out_put(object, key, json_boolean(value));
}

void out_time(json_t *object, const char *key, int64_t unix_ms) {
    char text[HY_TIME_TEXT];
    bool none = unix_ms == 0 || unix_ms == INT64_MAX;
    hy_time_format((struct hy_time){unix_ms, HY_SHANGHAI_MINUTES}, text);
    out_put(object, key, none ? json_null() : json_string(text));
}

void out_hex(json_t *object, const char *key, struct hy_bytes bytes) {
    static const char DIGITS[] = "0123456789abcdef";
    char *text = malloc(2 * bytes.len + 1);
    if (!text) return;
    for (size_t i = 0; i < bytes.len; i++) {
        text[2 * i] = DIGITS[bytes.data[i] >> 4];
        text[2 * i + 1] = DIGITS[bytes.data[i] & 15];
    }
    text[2 * bytes.len] = '\0';
    out_text(object, key, text);
    free(text);
}
