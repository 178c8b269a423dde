#include "lib/base/random.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

int hy_random(void *out, size_t n) {
    uint8_t *at = out;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return HY_EIO;
        at += got;
        n -= (size_t)got;
    }
    return HY_OK;
}
