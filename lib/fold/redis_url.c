#include "lib/fold/redis_url.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FORMS "write redis://host:port/db or unix:///path?db=n"

// A decimal number of at most 5 digits that fills the whole text.
static int parse_number(const char *text, int min, int max, int *out) {
    size_t len = strlen(text);
    if (len == 0 || len > 5 || strspn(text, "0123456789") != len) return HY_EINVALID;
    int value = atoi(text);
    if (value < min || value > max) return HY_EINVALID;
    *out = value;
    return 0;
}

static int copy_host(const char *from, size_t len, struct hy_redis_url *out, struct hy_error *err) {
    if (len == 0 || len >= sizeof out->host)
        return hy_fail(err, HY_EINVALID, "redis url: the host or path has %zu bytes, 1 to %zu are allowed; " FORMS, len,
                       sizeof out->host - 1);
    memcpy(out->host, from, len);
    out->host[len] = 0;
    return 0;
}

static int parse_unix(const char *path, struct hy_redis_url *out, struct hy_error *err) {
    const char *query = strchr(path, '?');
    size_t len = query ? (size_t)(query - path) : strlen(path);
    if (path[0] != '/') return hy_fail(err, HY_EINVALID, "redis url: a socket's path must begin with /; " FORMS);
    if (query && (strncmp(query, "?db=", 4) != 0 || parse_number(query + 4, 0, UINT16_MAX, &out->db) != 0))
        return hy_fail(err, HY_EINVALID, "redis url: only ?db=0..65535 may follow the path; " FORMS);
    out->is_unix = true;
    return copy_host(path, len, out, err);
}

// host, host:port or [v6]:port; fills host and port.
static int parse_authority(const char *text, size_t len, struct hy_redis_url *out, struct hy_error *err) {
    char port[8] = "";
    const char *colon = memrchr(text, ':', len);
    const char *bracket = len > 0 && text[0] == '[' ? memchr(text, ']', len) : NULL;
    size_t host_len = len;
    if (colon && (!bracket || colon > bracket)) {
        size_t port_len = len - (size_t)(colon - text) - 1;
        if (port_len >= sizeof port) return hy_fail(err, HY_EINVALID, "redis url: the port is not 1..65535; " FORMS);
        memcpy(port, colon + 1, port_len);
        port[port_len] = 0;
        if (parse_number(port, 1, UINT16_MAX, &out->port) != 0)
            return hy_fail(err, HY_EINVALID, "redis url: the port is not 1..65535; " FORMS);
        host_len = (size_t)(colon - text);
    }
    if (bracket) return copy_host(text + 1, (size_t)(bracket - text) - 1, out, err);
    return copy_host(text, host_len, out, err);
}

static int parse_tcp(const char *rest, struct hy_redis_url *out, struct hy_error *err) {
    const char *slash = strchr(rest, '/');
    size_t len = slash ? (size_t)(slash - rest) : strlen(rest);
    if (memchr(rest, '@', len))
        return hy_fail(err, HY_EINVALID,
                       "redis url: user and password do not belong into it, they have rows of their own");
    if (slash && slash[1] && parse_number(slash + 1, 0, UINT16_MAX, &out->db) != 0)
        return hy_fail(err, HY_EINVALID, "redis url: the database after / is not 0..65535; " FORMS);
    return parse_authority(rest, len, out, err);
}

int hy_redis_url_parse(const char *text, struct hy_redis_url *out, struct hy_error *err) {
    memset(out, 0, sizeof *out);
    out->port = 6379;
    if (!text || !*text) return hy_fail(err, HY_EINVALID, "redis url: it is empty; " FORMS);
    if (strncmp(text, "unix://", 7) == 0) return parse_unix(text + 7, out, err);
    if (strncmp(text, "redis://", 8) == 0) return parse_tcp(text + 8, out, err);
    if (strncmp(text, "rediss://", 9) == 0)
        return hy_fail(err, HY_EINVALID,
                       "redis url: TLS is not spoken here; put a TLS proxy beside Redis and name it; " FORMS);
    return hy_fail(err, HY_EINVALID, "redis url: unknown scheme; " FORMS);
}
