// HTTP calls of a command: several at the same time, answered or given up within their time.
// They are made by lib/web's client, so limits and TLS are as everywhere.
// Another header or method: a field of hyctl_call, used in http.c.
#ifndef HY_TOOLS_HYCTL_HTTP_H
#define HY_TOOLS_HYCTL_HTTP_H

#include <stdbool.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

struct hyctl_call {
    // asked; all borrowed
    const char *method, *url;
    const char *token;      // for "Authorization: Bearer"; NULL = none
    const char *repeat_key; // Idempotency-Key; NULL = none
    struct hy_bytes body;   // JSON
    unsigned timeout_ms;
    // answered
    int code;    // HY_OK: an answer came, of any status
    long status; // 0 without an answer
    long retry_after_s;
    struct hy_buf answer; // owned: hyctl_calls_free
    char text[256];       // why there is no answer
};

// Makes all calls and waits for all. An error means that none was made.
HY_MUST_CHECK int hyctl_http(struct hyctl_call *calls, size_t n, struct hy_error *err);
void hyctl_calls_free(struct hyctl_call *calls, size_t n);
// Adds text with everything but letters, digits and "-._~" percent-encoded.
void hyctl_url_add(struct hy_buf *url, const char *text);

#endif
