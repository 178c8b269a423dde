#include "lib/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/bytes.h"

static const char *const names[] = {
#define X(name, text) [HY_ORDINAL_##name] = "HY_E" #name,
    HY_ERROR_MAP(X)
#undef X
};

static const char *const texts[] = {
#define X(name, text) [HY_ORDINAL_##name] = (text),
    HY_ERROR_MAP(X)
#undef X
};

// -1 when code is none of ours.
static int ordinal_of(int code) {
    if (code >= 0 || code < -HY_ORDINAL_COUNT) return -1;
    return -code - 1;
}

const char *hy_error_name(int code) {
    if (code == HY_OK) return "HY_OK";
    int ordinal = ordinal_of(code);
    return ordinal < 0 ? "HY_E?" : names[ordinal];
}

const char *hy_error_text(int code) {
    if (code == HY_OK) return "done";
    int ordinal = ordinal_of(code);
    return ordinal < 0 ? "unknown error" : texts[ordinal];
}

// Texts are often Chinese: a cut one must still be UTF-8, so the last character goes whole.
static void keep_whole_characters(char *text, size_t size, int wanted) {
    if (wanted < 0) {
        text[0] = '\0';
        return;
    }
    if ((size_t)wanted < size) return;
    text[hy_utf8_prefix(hy_bytes_from(text, size - 1), size - 1)] = '\0';
}

int hy_fail(struct hy_error *err, int code, const char *fmt, ...) {
    if (err == NULL) return code;
    char text[sizeof err->text]; // apart, so that an argument may be err->text itself
    va_list args;
    va_start(args, fmt);
    int wanted = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    keep_whole_characters(text, sizeof text, wanted);
    err->code = code;
    memcpy(err->text, text, strlen(text) + 1);
    return code;
}

int hy_fail_at(struct hy_error *err, const char *fmt, ...) {
    if (err == NULL) return HY_EINTERNAL;
    char front[sizeof err->text];
    va_list args;
    va_start(args, fmt);
    int wanted = vsnprintf(front, sizeof front, fmt, args);
    va_end(args);
    keep_whole_characters(front, sizeof front, wanted);
    char text[sizeof err->text];
    wanted = snprintf(text, sizeof text, "%s: %s", front, err->text);
    keep_whole_characters(text, sizeof text, wanted);
    memcpy(err->text, text, strlen(text) + 1);
    return err->code;
}
