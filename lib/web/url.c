#include "lib/web/url.h"

#include <stdlib.h>
#include <string.h>

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

// One byte of text at *pos; -1 for a broken escape.
static int decode_one(const char *text, size_t len, bool plus, size_t *pos) {
    char c = text[*pos];
    if (c != '%') {
        *pos += 1;
        return c == '+' && plus ? ' ' : (unsigned char)c;
    }
    if (*pos + 2 >= len) return -1;
    int high = hex_digit(text[*pos + 1]);
    int low = hex_digit(text[*pos + 2]);
    if (high < 0 || low < 0) return -1;
    *pos += 3;
    return high * 16 + low;
}

int hy_web_decode(const char *text, size_t len, bool plus, char *out) {
    size_t n = 0;
    for (size_t pos = 0; pos < len;) {
        int byte = decode_one(text, len, plus, &pos);
        if (byte <= 0) return HY_EFORMAT;
        out[n++] = (char)byte;
    }
    out[n] = '\0';
    return hy_utf8_valid(hy_bytes_from(out, n)) ? (int)n : HY_EFORMAT;
}

// Appends the decoded text to the target's memory; NULL when it cannot be decoded.
static const char *keep(char **free_space, const char *text, size_t len, bool plus) {
    char *at = *free_space;
    int n = hy_web_decode(text, len, plus, at);
    if (n < 0) return NULL;
    *free_space = at + n + 1;
    return at;
}

static int parse_path(struct hy_web_target *out, const char *path, size_t len, char **space, struct hy_error *err) {
    const char *end = path + len;
    for (const char *at = path + 1;;) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        size_t n = (size_t)((slash ? slash : end) - at);
        if (out->n_segments == HY_WEB_SEGMENTS_MAX) return hy_fail(err, HY_ETOOBIG, "path: too many segments");
        const char *segment = keep(space, at, n, false);
        if (!segment) return hy_fail(err, HY_EFORMAT, "path: broken percent-encoding or no UTF-8");
        if (strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0)
            return hy_fail(err, HY_EFORMAT, "path: \".\" and \"..\" are not served");
        out->segments[out->n_segments++] = segment;
        if (!slash) return HY_OK;
        at = slash + 1;
    }
}

static int parse_pair(struct hy_web_target *out, const char *text, size_t len, char **space, struct hy_error *err) {
    if (out->n_query == HY_WEB_QUERY_MAX)
        return hy_fail(err, HY_ETOOBIG, "query: more than %d pairs", HY_WEB_QUERY_MAX);
    const char *equals = memchr(text, '=', len);
    size_t name_len = equals ? (size_t)(equals - text) : len;
    const char *name = keep(space, text, name_len, true);
    const char *value = "";
    if (equals) value = keep(space, equals + 1, len - name_len - 1, true);
    if (!name || !value) return hy_fail(err, HY_EFORMAT, "query: broken percent-encoding or no UTF-8");
    out->query[out->n_query++] = (struct hy_web_pair){name, value};
    return HY_OK;
}

static int parse_query(struct hy_web_target *out, const char *query, char **space, struct hy_error *err) {
    while (*query) {
        size_t n = strcspn(query, "&");
        int rc = n ? parse_pair(out, query, n, space, err) : HY_OK;
        if (rc < 0) return rc;
        query += n;
        if (*query) query++;
    }
    return HY_OK;
}

int hy_web_target_parse(const char *target, struct hy_web_target *out, struct hy_error *err) {
    memset(out, 0, sizeof *out);
    if (target[0] != '/') return hy_fail(err, HY_EFORMAT, "target: only a path that starts with \"/\" is served");
    size_t total = strlen(target);
    for (size_t i = 0; i < total; i++)
        if ((unsigned char)target[i] <= ' ' || target[i] == 0x7f || target[i] == '#')
            return hy_fail(err, HY_EFORMAT, "target: holds a character that must be percent-encoded");
    size_t path_len = strcspn(target, "?");
    // Decoding never grows a text; each piece adds one NUL and replaces a separator, but an absent value adds none.
    out->memory = malloc(2 * total + 2 + path_len + 1);
    if (!out->memory) return hy_fail(err, HY_ENOMEM, "target: out of memory");
    char *space = out->memory;
    memcpy(space, target, path_len);
    space[path_len] = '\0';
    out->path = space;
    space += path_len + 1;
    int rc = parse_path(out, target, path_len, &space, err);
    if (rc == HY_OK && target[path_len] == '?') rc = parse_query(out, target + path_len + 1, &space, err);
    if (rc < 0) hy_web_target_free(out);
    return rc;
}

void hy_web_target_free(struct hy_web_target *target) {
    free(target->memory);
    memset(target, 0, sizeof *target);
}

// Walks pattern and target side by side; with name, returns what "{name}" took.
static bool walk(const char *pattern, const struct hy_web_target *target, const char *name, const char **value) {
    size_t i = 0;
    for (const char *at = pattern; *at == '/'; i++) {
        at++;
        size_t n = strcspn(at, "/");
        if (n == 1 && *at == '*') return true;
        if (i >= target->n_segments) return false;
        const char *segment = target->segments[i];
        if (n > 2 && at[0] == '{') {
            if (!*segment) return false;
            if (name && strlen(name) == n - 2 && memcmp(at + 1, name, n - 2) == 0) *value = segment;
        } else if (strlen(segment) != n || memcmp(at, segment, n) != 0) {
            return false;
        }
        at += n;
    }
    return i == target->n_segments;
}

bool hy_web_pattern_match(const char *pattern, const struct hy_web_target *target) {
    return walk(pattern, target, NULL, NULL);
}

const char *hy_web_pattern_param(const char *pattern, const struct hy_web_target *target, const char *name) {
    const char *value = NULL;
    return walk(pattern, target, name, &value) ? value : NULL;
}
