// Byte strings: a borrowed view, a growing buffer that owns its memory, and what every text needs: is it UTF-8, where
// may it be cut, how does it stand in JSON. A reading of bytes that two folders need belongs here; a reading that only
// one needs stays there.
#ifndef HY_BASE_BYTES_H
#define HY_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

// A borrowed run of bytes; not NUL-terminated, may hold NUL. data may be NULL when len is 0.
struct hy_bytes {
    const uint8_t *data;
    size_t len;
};

// A view of a C string (borrowed; NULL gives the empty view) and of any memory.
struct hy_bytes hy_bytes_of(const char *text);
struct hy_bytes hy_bytes_from(const void *data, size_t len);
bool hy_bytes_equal(struct hy_bytes a, struct hy_bytes b);

// A buffer that grows. Zero-initialise before use; hy_buf_free releases it and makes it empty again. data is kept
// NUL-terminated behind len, so it can be read as a C string. A failed growth sets `failed` and leaves the content;
// callers may append freely and check once (hy_buf_ok).
struct hy_buf {
    char *data;
    size_t len;
    size_t cap;
    bool failed;
};

void hy_buf_free(struct hy_buf *buf);
void hy_buf_clear(struct hy_buf *buf); // keeps the memory, forgets a failure
int hy_buf_reserve(struct hy_buf *buf, size_t extra);
void hy_buf_add(struct hy_buf *buf, const void *data, size_t len);
void hy_buf_adds(struct hy_buf *buf, const char *text);
void hy_buf_addf(struct hy_buf *buf, const char *fmt, ...) HY_PRINTF(2, 3);
bool hy_buf_ok(const struct hy_buf *buf);
// Appends text as the inside of a JSON string (quotes not added); invalid UTF-8 becomes U+FFFD.
void hy_buf_add_json(struct hy_buf *buf, const char *text, size_t len);
// A view of the content; valid until the next change.
struct hy_bytes hy_buf_view(const struct hy_buf *buf);

// True when the bytes are well-formed UTF-8 without U+0000 (RFC 3629: no surrogates, no overlong forms, <= U+10FFFF).
bool hy_utf8_valid(struct hy_bytes text);
// The longest prefix of at most max bytes that does not cut a character.
size_t hy_utf8_prefix(struct hy_bytes text, size_t max);

// Reads a whole file (at most max bytes, HY_ETOOBIG beyond) into *out, replacing its content. HY_EIO names the path.
HY_MUST_CHECK int hy_read_file(const char *path, size_t max, struct hy_buf *out, struct hy_error *err);

#endif
