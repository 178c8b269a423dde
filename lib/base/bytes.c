#include "lib/base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hy_bytes hy_bytes_of(const char *text) {
    return hy_bytes_from(text, text == NULL ? 0 : strlen(text));
}

struct hy_bytes hy_bytes_from(const void *data, size_t len) {
    return (struct hy_bytes){.data = data, .len = len};
}

bool hy_bytes_equal(struct hy_bytes a, struct hy_bytes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

void hy_buf_free(struct hy_buf *buf) {
    free(buf->data);
    *buf = (struct hy_buf){0};
}

void hy_buf_clear(struct hy_buf *buf) {
    buf->len = 0;
    buf->failed = false;
    if (buf->data != NULL) buf->data[0] = '\0';
}

int hy_buf_reserve(struct hy_buf *buf, size_t extra) {
    // One byte more than asked, for the NUL; the limit keeps the doubling below from wrapping.
    if (extra >= PTRDIFF_MAX / 2 - buf->len) {
        buf->failed = true;
        return HY_ENOMEM;
    }
    size_t need = buf->len + extra + 1;
    if (need <= buf->cap) return HY_OK;
    size_t cap = buf->cap < 64 ? 64 : buf->cap;
    while (cap < need) {
        cap *= 2;
    }
    char *data = realloc(buf->data, cap);
    if (data == NULL) {
        buf->failed = true;
        return HY_ENOMEM;
    }
    if (buf->data == NULL) data[0] = '\0';
    buf->data = data;
    buf->cap = cap;
    return HY_OK;
}

void hy_buf_add(struct hy_buf *buf, const void *data, size_t len) {
    if (hy_buf_reserve(buf, len) != HY_OK) return;
    if (len > 0) memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void hy_buf_adds(struct hy_buf *buf, const char *text) {
    if (text != NULL) hy_buf_add(buf, text, strlen(text));
}

void hy_buf_addf(struct hy_buf *buf, const char *fmt, ...) {
    char small[256]; // most texts fit, so most are formatted once
    va_list args;
    va_start(args, fmt);
    int wanted = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    if (wanted < 0) {
        buf->failed = true;
        return;
    }
    if ((size_t)wanted < sizeof small) {
        hy_buf_add(buf, small, (size_t)wanted);
        return;
    }
    if (hy_buf_reserve(buf, (size_t)wanted) != HY_OK) return;
    va_start(args, fmt);
    vsnprintf(buf->data + buf->len, (size_t)wanted + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)wanted;
}

bool hy_buf_ok(const struct hy_buf *buf) {
    return !buf->failed;
}

struct hy_bytes hy_buf_view(const struct hy_buf *buf) {
    return hy_bytes_from(buf->data, buf->len);
}

static int open_to_read(const char *path, struct hy_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return hy_fail(err, HY_EIO, "cannot open %s: %s", path, strerror(errno));
    return fd;
}

static int read_up_to(int fd, const char *path, size_t max, struct hy_buf *out, struct hy_error *err) {
    for (;;) {
        if (hy_buf_reserve(out, 16384) != HY_OK) return hy_fail(err, HY_ENOMEM, "no memory left to read %s", path);
        ssize_t n = read(fd, out->data + out->len, out->cap - out->len - 1);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return hy_fail(err, HY_EIO, "cannot read %s: %s", path, strerror(errno));
        if (n == 0) return HY_OK;
        out->len += (size_t)n;
        out->data[out->len] = '\0';
        if (out->len > max) return hy_fail(err, HY_ETOOBIG, "%s is larger than the %zu bytes allowed", path, max);
    }
}

int hy_read_file(const char *path, size_t max, struct hy_buf *out, struct hy_error *err) {
    hy_buf_clear(out);
    int fd = open_to_read(path, err);
    if (fd < 0) return fd;
    int rc = read_up_to(fd, path, max, out, err);
    close(fd);
    if (rc != HY_OK) hy_buf_clear(out);
    return rc;
}
