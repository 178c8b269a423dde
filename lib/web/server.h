// An HTTP/1.1 server inside a uv loop (libmicrohttpd in epoll mode, one thread, no locks): routes, requests that are
// read whole and bounded, answers now or later, event streams (stream.h), files (files.h), bearer tokens (tokens.h).
// Everything here runs on the loop's thread.
//
// What it refuses before a handler sees anything, each counted in huiying_web_refused_total{server,reason}:
// two Content-Length, Content-Length with Transfer-Encoding, not exactly one Host (request smuggling, CWE-444), a
// broken target, too many headers, a body over the limit (chunked or not), a request that takes too long. To serve
// something, write a handler and add a route; to add a refusal, add it to guard.c and its test.
#ifndef HY_WEB_SERVER_H
#define HY_WEB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <uv.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/web/url.h"

struct hy_web_server;
struct hy_web_request;

// 0 in a field takes the default in brackets.
struct hy_web_options {
    const char *name;      // for metrics and logs: "gateway"; must be given, borrowed for the server's life
    const char *listen;    // "127.0.0.1:8080", "[::1]:0"; NULL = "127.0.0.1:0"; port 0 = a free one
    size_t body_limit;     // bytes of a request's body; more → 413 [1 MB]
    size_t drain_limit;    // of a too large body this much is read and dropped, so that the client sees the 413 [16 MB]
    unsigned header_limit; // number of headers; more → 431 [64]
    unsigned connections;  // at the same time; more wait in the listen queue [1000]
    unsigned per_address;  // at the same time from one address [as connections]
    unsigned idle_ms;      // a connection without a request, or with an unread answer, is closed [30,000]
    unsigned request_ms;   // a request must be here as a whole, else 408 [10,000]
    unsigned answer_ms;    // a deferred answer must come, else 503 [30,000]
    const char *page_policy; // Content-Security-Policy of text/html answers [default-src 'self'; no inline, no frames]
};

// Must answer with exactly one of the hy_web_reply… calls, hy_web_refuse, hy_web_stream_open, or call hy_web_defer and
// do so later from the loop. An unanswered, undeferred request gets a 500.
typedef void (*hy_web_handler)(struct hy_web_request *request, void *ctx);

// Binds and listens. HY_EINVALID: listen cannot be read; HY_EIO: the address cannot be bound (text says which).
HY_MUST_CHECK int hy_web_server_new(uv_loop_t *loop, const struct hy_web_options *options, struct hy_web_server **out,
                                    struct hy_error *err);
// Serves method ("GET" serves HEAD too) and pattern (url.h). The first match in order of adding wins. pattern is
// borrowed for the server's life, and names the route in metrics.
HY_MUST_CHECK int hy_web_route(struct hy_web_server *server, const char *method, const char *pattern,
                               hy_web_handler handler, void *ctx);
// The port that was bound, and "http://address:port" (borrowed).
uint16_t hy_web_server_port(const struct hy_web_server *server);
const char *hy_web_server_url(const struct hy_web_server *server);
// Stops listening at once, closes streams, waits up to grace_ms for answers under way, then answers what is left with
// 503; frees the server and calls done (may be NULL) from the loop. Call once.
void hy_web_server_close(struct hy_web_server *server, unsigned grace_ms, void (*done)(void *ctx), void *ctx);

// ---- the request; what is returned is borrowed and lives until the answer ----
const char *hy_web_method(const struct hy_web_request *request);
const struct hy_web_target *hy_web_target(const struct hy_web_request *request);
const char *hy_web_param(const struct hy_web_request *request, const char *name); // of the pattern; NULL if it has none
const char *hy_web_query(const struct hy_web_request *request, const char *name); // first value, or NULL
size_t hy_web_query_count(const struct hy_web_request *request, const char *name);
const char *hy_web_header(const struct hy_web_request *request, const char *name); // first, any case, or NULL
size_t hy_web_header_count(const struct hy_web_request *request, const char *name);
// Calls each for every header as sent, duplicates too, in order.
void hy_web_headers(const struct hy_web_request *request, void (*each)(void *ctx, const char *name, const char *value),
                    void *ctx);
// A cookie's value into out (size bytes), or HY_ENOTFOUND, HY_ETOOBIG.
HY_MUST_CHECK int hy_web_cookie(const struct hy_web_request *request, const char *name, char *out, size_t size);
struct hy_bytes hy_web_body(const struct hy_web_request *request);
const char *hy_web_peer(const struct hy_web_request *request);   // the client's address as text, without port
int64_t hy_web_started_ns(const struct hy_web_request *request); // uv_hrtime() when its headers were read
struct hy_web_server *hy_web_request_server(const struct hy_web_request *request);
// A place for the handler's own pointer.
void hy_web_set_data(struct hy_web_request *request, void *data);
void *hy_web_data(const struct hy_web_request *request);

// ---- the answer ----
// Promises an answer later; the request then stays valid until that answer, even when the client has gone or the server
// closes (the answer is then dropped).
void hy_web_defer(struct hy_web_request *request);
// Adds a header to the coming answer (copied); call before the answer.
void hy_web_set_header(struct hy_web_request *request, const char *name, const char *value);
// body is copied. type NULL = none. Security headers and "Cache-Control: no-store" are added unless set before.
void hy_web_reply(struct hy_web_request *request, unsigned status, const char *type, struct hy_bytes body);
// The buffer's memory is taken; *body becomes empty.
void hy_web_reply_buf(struct hy_web_request *request, unsigned status, const char *type, struct hy_buf *body);
// root is taken; NULL = 500.
void hy_web_reply_json(struct hy_web_request *request, unsigned status, json_t *root);
// {"error": reason, "message": text}, counted by reason. reason is a short fixed class ("missing_field"), never taken
// from input; the text says what to do and holds no personal data.
void hy_web_refuse(struct hy_web_request *request, unsigned status, const char *reason, const char *fmt, ...)
    HY_PRINTF(4, 5);
// The last refusal's counter for a server and a reason, for code that refuses without a request.
void hy_web_count_refusal(const char *server, const char *reason);

// ---- JSON ----
enum { HY_WEB_JSON_DEPTH = 32 };
// Parses strictly: UTF-8 without NUL, no duplicate keys, at most HY_WEB_JSON_DEPTH deep, nothing after the value. On
// failure returns NULL, *reason (static: utf8, nul, depth, duplicate_key, json) and err's text. Free with json_decref.
json_t *hy_web_json_parse(struct hy_bytes text, const char **reason, struct hy_error *err);
// The body as a JSON object; Content-Type must be application/json. On failure NULL, and the request was refused.
json_t *hy_web_json_body(struct hy_web_request *request);

#endif
