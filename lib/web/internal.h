// What the files of lib/web's server share; nobody else includes this. The life of a request: connection (internal) →
// on_target makes the request → guard → body → handler → answer, perhaps deferred → on_completed. A request is freed
// when both libmicrohttpd and a deferring handler have let go of it.
#ifndef HY_WEB_INTERNAL_H
#define HY_WEB_INTERNAL_H

#include <microhttpd.h>
#include <netinet/in.h>

#include "lib/base/metrics.h"
#include "lib/web/server.h"

enum { HY_WEB_CLASSES = 6 }; // status / 100

struct hy_web_route {
    const char *method;
    const char *pattern;
    hy_web_handler handler;
    void *ctx;
    void (*release)(void *ctx); // with the server; may be NULL
    struct hy_metric *answered[HY_WEB_CLASSES];
    struct hy_metric *seconds;
};

// One TCP connection; linked in its server.
struct hy_web_connection {
    struct hy_web_connection *prev, *next;
    struct MHD_Connection *mhd;
    struct hy_web_request *request; // the one being read or answered, or NULL
    int64_t since_ns;               // accepted, or the last request completed
    int fd;
    char peer[INET6_ADDRSTRLEN];
};

struct hy_web_set_header {
    struct hy_web_set_header *next;
    char *value; // in the same memory as name
    char name[];
};

enum hy_web_phase {
    HY_WEB_READING,  // headers are here, the body is coming
    HY_WEB_HANDLING, // in the handler
    HY_WEB_WAITING,  // suspended, the answer comes later
    HY_WEB_ANSWERED  // an answer is queued or about to be
};

struct hy_web_request {
    struct hy_web_server *server;
    struct hy_web_connection *connection; // NULL when libmicrohttpd has let go
    const struct hy_web_route *route;     // NULL until matched
    char *raw_target;
    char *method;
    struct hy_web_target target;
    const char *bad_target; // why the target was refused, or NULL
    struct hy_buf body;
    size_t dropped; // bytes of the body beyond the limit
    bool started;   // libmicrohttpd has shown its headers
    bool http11;
    bool too_big;
    bool deferred;  // the handler holds a reference
    bool by_server; // the coming answer is the server's own, not the handler's
    bool queued;    // the answer was given to libmicrohttpd
    enum hy_web_phase phase;
    unsigned status;
    struct MHD_Response *response; // owned until queued
    struct hy_web_set_header *headers;
    int64_t started_ns;
    int64_t waiting_ns;
    void *data;
    struct hy_web_stream *stream;
};

struct hy_web_server {
    uv_loop_t *loop;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer; // libmicrohttpd's own next time-out
    uv_timer_t sweep; // once a second
    int handles;      // open uv handles
    int listen_fd;
    struct hy_web_options options;
    char *page_policy;
    char url[80];
    uint16_t port;
    struct hy_web_route *routes;
    size_t n_routes;
    struct hy_web_route unmatched; // for metrics
    struct hy_web_connection *connections;
    struct hy_web_stream *streams;
    unsigned waiting; // suspended requests without an answer yet
    bool running;     // inside MHD_run
    bool closing;
    int64_t close_at_ns;
    void (*done)(void *ctx);
    void *done_ctx;
};

// server.c
void hy_web_kick(struct hy_web_server *server); // run libmicrohttpd from the loop, soon
// guard.c: NULL, or why these headers are refused; *status is set then.
const char *hy_web_guard(struct hy_web_request *request, struct MHD_Connection *connection, unsigned *status,
                         const char **message);
bool hy_web_length_over(struct MHD_Connection *connection, size_t limit);
// request.c
struct hy_web_request *hy_web_request_new(struct hy_web_server *server, struct hy_web_connection *connection,
                                          const char *target);
void hy_web_request_release(struct hy_web_request *request); // frees when nobody holds it
void hy_web_request_completed(struct hy_web_request *request);
// reply.c
enum MHD_Result hy_web_queue(struct hy_web_request *request, struct MHD_Connection *connection);
void hy_web_respond(struct hy_web_request *request, unsigned status, struct MHD_Response *response); // response taken
// Writes a bare answer to the socket and shuts it down: for a request whose body is still coming, when libmicrohttpd
// takes no answer.
void hy_web_cut(struct hy_web_request *request, unsigned status, const char *reason, const char *text);
// stream.c
void hy_web_streams_sweep(struct hy_web_server *server, int64_t now_ns);
void hy_web_streams_close(struct hy_web_server *server);

#endif
