// The address of a Redis as operators write it, taken apart: "redis://host:port/db", "redis://host",
// "unix:///path?db=1". A url with a password is refused, because a url ends up in logs and process lists; the password
// has a row of its own. Pure: to allow another form, extend hy_redis_url_parse and its table of tests.
#ifndef HY_FOLD_REDIS_URL_H
#define HY_FOLD_REDIS_URL_H

#include <stdbool.h>

#include "lib/base/error.h"

enum { HY_REDIS_HOST_SIZE = 256 };

struct hy_redis_url {
    bool is_unix;
    char host[HY_REDIS_HOST_SIZE]; // host name or address, or the socket's path
    int port;                      // 1..65535; 6379 when not given
    int db;                        // 0..65535; 0 when not given
};

// HY_EINVALID says what is wrong and how it should look.
HY_MUST_CHECK int hy_redis_url_parse(const char *text, struct hy_redis_url *out, struct hy_error *err);

#endif
