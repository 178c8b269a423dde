// HTTP calls out, on a uv loop (libcurl multi): bounded in time and in the size of the answer, http and https only, no
// redirects unless asked. The caller learns whether anything left this machine, which is what a courier must know
// before it may try again. To use another feature of libcurl, set it in make_easy and describe its field here.
#ifndef HY_WEB_CLIENT_H
#define HY_WEB_CLIENT_H

#include <stdbool.h>

#include <uv.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

struct hy_web_client;

struct hy_web_client_options {
    const char *ca_file;  // PEM; NULL = the system's
    unsigned connections; // at the same time, in all; more wait [32]
    unsigned per_host;    // [8]
};

struct hy_web_answer {
    int code;    // 0: an answer came (any status); HY_ENET, HY_ETIMEOUT, HY_ETOOBIG, HY_EAUTH (TLS), HY_EDENIED
                 // (private address), HY_EINVALID (URL or protocol), HY_ECLOSED
    bool sent;   // at least one byte of the request was written: without an answer its effect is unknown
    long status; // HTTP status; 0 without an answer
    struct hy_bytes body;
    const char *type;   // Content-Type or ""
    long retry_after_s; // of Retry-After in seconds, or 0
    const char *text;   // what failed, for the log; holds no content
};

// Called exactly once from the loop; the answer is borrowed until it returns.
typedef void (*hy_web_answer_fn)(const struct hy_web_answer *answer, void *ctx);

// All that pointers lead to is copied. 0 in a number takes the default in brackets.
struct hy_web_call {
    const char *method; // "GET", "POST", "PUT", "DELETE"
    const char *url;
    const char *const *headers; // "Name: value", NULL-terminated; may be NULL
    struct hy_bytes body;
    unsigned connect_ms; // [3,000]
    unsigned timeout_ms; // for the whole call [10,000]
    size_t answer_limit; // bytes [1 MB]; more → HY_ETOOBIG
    bool once;           // on a fresh connection, so that libcurl itself never sends it twice
    bool public_only;    // refuse private, loopback and link-local addresses (a user-given URL)
    bool redirects;      // follow up to 3
    hy_web_answer_fn done;
    void *ctx;
};

HY_MUST_CHECK int hy_web_client_new(uv_loop_t *loop, const struct hy_web_client_options *options,
                                    struct hy_web_client **out, struct hy_error *err);
// Starts a call. A negative code (text says why) means that done will not be called.
HY_MUST_CHECK int hy_web_client_call(struct hy_web_client *client, const struct hy_web_call *call,
                                     struct hy_error *err);
// Calls under way.
size_t hy_web_client_busy(const struct hy_web_client *client);
// Ends every call under way (done with HY_ECLOSED), frees the client when its handles are closed, then calls closed
// (may be NULL) from the loop.
void hy_web_client_close(struct hy_web_client *client, void (*closed)(void *ctx), void *ctx);

#endif
