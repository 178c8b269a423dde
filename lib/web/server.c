#include "lib/web/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/web/internal.h"

static const char default_policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                                     "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "
                                     "frame-ancestors 'none'";

// ---- the daemon inside the loop ----

static void run(struct hy_web_server *server);

static void on_timer(uv_timer_t *timer) {
    run(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    (void)events;
    if (status < 0) HY_ERROR("web.poll", "the server's descriptor failed", "error=%s", uv_strerror(status));
    run(poll->data);
}

// Runs what is ready, then sets the timer to libmicrohttpd's own next time-out: its inner epoll is edge-triggered, so
// without that timer work that it has put off would stall.
static void run(struct hy_web_server *server) {
    if (!server->daemon) return;
    server->running = true;
    MHD_run(server->daemon);
    server->running = false;
    MHD_UNSIGNED_LONG_LONG ms = 0;
    if (MHD_get_timeout(server->daemon, &ms) == MHD_YES)
        uv_timer_start(&server->timer, on_timer, ms, 0);
    else
        uv_timer_stop(&server->timer);
}

void hy_web_kick(struct hy_web_server *server) {
    if (server->daemon) uv_timer_start(&server->timer, on_timer, 0, 0);
}

// ---- callbacks of libmicrohttpd ----

static void *on_target(void *ctx, const char *target, struct MHD_Connection *mhd) {
    struct hy_web_server *server = ctx;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct hy_web_connection *connection = info ? info->socket_context : NULL;
    if (!connection) return NULL;
    connection->request = hy_web_request_new(server, connection, target);
    return connection->request;
}

static void on_completed(void *ctx, struct MHD_Connection *mhd, void **con_cls, enum MHD_RequestTerminationCode code) {
    (void)ctx, (void)mhd, (void)code;
    struct hy_web_request *request = *con_cls;
    *con_cls = NULL;
    if (request) hy_web_request_completed(request);
}

static void peer_text(struct MHD_Connection *mhd, char *out, socklen_t size) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    out[0] = '\0';
    if (address && address->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, out, size);
    else if (address && address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, out, size);
}

static void connection_opened(struct hy_web_server *server, struct MHD_Connection *mhd, void **socket_context) {
    struct hy_web_connection *connection = calloc(1, sizeof *connection);
    if (!connection) return;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    connection->fd = info ? info->connect_fd : -1;
    connection->mhd = mhd;
    connection->since_ns = (int64_t)uv_hrtime();
    peer_text(mhd, connection->peer, sizeof connection->peer);
    connection->next = server->connections;
    if (connection->next) connection->next->prev = connection;
    server->connections = connection;
    *socket_context = connection;
}

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    struct hy_web_server *server = ctx;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        connection_opened(server, mhd, socket_context);
        return;
    }
    struct hy_web_connection *connection = *socket_context;
    if (!connection) return;
    if (connection->prev)
        connection->prev->next = connection->next;
    else
        server->connections = connection->next;
    if (connection->next) connection->next->prev = connection->prev;
    if (connection->request) connection->request->connection = NULL;
    free(connection);
}

static const struct hy_web_route *find_route(struct hy_web_server *server, struct hy_web_request *request,
                                             bool *other) {
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    for (size_t i = 0; i < server->n_routes; i++) {
        const struct hy_web_route *route = &server->routes[i];
        if (!hy_web_pattern_match(route->pattern, &request->target)) continue;
        if (strcmp(route->method, method) == 0) return route;
        *other = true;
    }
    return NULL;
}

static void handle(struct hy_web_request *request) {
    request->phase = HY_WEB_HANDLING;
    bool other_method = false;
    request->route = find_route(request->server, request, &other_method);
    if (request->too_big)
        hy_web_refuse(request, 413, "too_large", "the body may have at most %zu bytes",
                      request->server->options.body_limit);
    else if (request->route)
        request->route->handler(request, request->route->ctx);
    else if (other_method)
        hy_web_refuse(request, 405, "method", "this address does not take this method");
    else
        hy_web_refuse(request, 404, "not_found", "nothing is served at this address");
    if (request->phase == HY_WEB_HANDLING && !request->deferred) {
        HY_ERROR("web.handler", "a handler gave no answer", "route=%s", request->route ? request->route->pattern : "-");
        hy_web_refuse(request, 500, "internal", "the server failed to answer");
    }
}

// The first call of a request: its headers are here, its body is not. Only now, or after the whole body, can an answer
// be queued; so what is too large is read and dropped if that is bearable, since a client that is still writing does
// not read.
static enum MHD_Result begin(struct hy_web_request *request, struct MHD_Connection *mhd, const char *method,
                             const char *version) {
    const struct hy_web_options *options = &request->server->options;
    request->started = true;
    request->method = strdup(method);
    if (!request->method) return MHD_NO;
    request->http11 = strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
    unsigned status = 400;
    const char *message = "";
    const char *reason = hy_web_guard(request, mhd, &status, &message);
    bool asks_first = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, "Expect") != NULL;
    size_t bearable = asks_first ? options->body_limit : options->drain_limit;
    if (!reason && hy_web_length_over(mhd, bearable)) {
        status = 413;
        reason = "too_large";
        message = "the body is too large";
    }
    if (!reason) return MHD_YES;
    request->phase = HY_WEB_HANDLING;
    hy_web_set_header(request, "Connection", "close");
    hy_web_refuse(request, status, reason, "%s", message);
    return hy_web_queue(request, mhd);
}

static enum MHD_Result take_body(struct hy_web_request *request, const char *data, size_t size) {
    const struct hy_web_options *options = &request->server->options;
    if (!request->too_big && request->body.len + size > options->body_limit) request->too_big = true;
    if (!request->too_big) {
        hy_buf_add(&request->body, data, size);
        return hy_buf_ok(&request->body) ? MHD_YES : MHD_NO;
    }
    hy_buf_free(&request->body);
    request->dropped += size;
    if (request->dropped > options->drain_limit) hy_web_cut(request, 413, "too_large", "the body is too large");
    return MHD_YES;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **con_cls) {
    (void)ctx, (void)url;
    struct hy_web_request *request = *con_cls;
    if (!request) return MHD_NO;
    if (!request->started) return begin(request, mhd, method, version);
    if (request->queued) return MHD_YES;
    if (request->status && request->phase == HY_WEB_READING) return MHD_NO; // cut off already
    if (*size > 0) {
        size_t n = *size;
        *size = 0;
        return take_body(request, data, n);
    }
    if (request->phase == HY_WEB_READING) handle(request);
    if (request->phase == HY_WEB_ANSWERED) return hy_web_queue(request, mhd);
    request->phase = HY_WEB_WAITING;
    request->waiting_ns = (int64_t)uv_hrtime();
    request->server->waiting++;
    MHD_suspend_connection(mhd);
    return MHD_YES;
}

HY_PRINTF(2, 0) static void on_log(void *ctx, const char *fmt, va_list args) {
    const struct hy_web_server *server = ctx;
    char text[256];
    // The text is libmicrohttpd's own; it quotes no content of requests.
    if (vsnprintf(text, sizeof text, fmt, args) < 0) return;
    text[strcspn(text, "\n")] = '\0';
    HY_DEBUG("web.http", text, "server=%s", server->options.name);
}

// ---- once a second ----

static void sweep_request(struct hy_web_server *server, struct hy_web_request *request, int64_t now) {
    const struct hy_web_options *options = &server->options;
    if (request->phase == HY_WEB_READING && !request->status) {
        if (now - request->started_ns < options->request_ms * 1000000LL) return;
        hy_web_cut(request, 408, "slow", "the request did not arrive in time");
    } else if (request->phase == HY_WEB_WAITING) {
        if (now - request->waiting_ns < options->answer_ms * 1000000LL) return;
        request->by_server = true;
        hy_web_refuse(request, 503, "busy", "no answer in time, try again later");
        request->by_server = false;
    }
}

static void finish_close(struct hy_web_server *server);

static void on_sweep(uv_timer_t *timer) {
    struct hy_web_server *server = timer->data;
    int64_t now = (int64_t)uv_hrtime();
    for (struct hy_web_connection *c = server->connections, *next; c; c = next) {
        next = c->next;
        if (c->request)
            sweep_request(server, c->request, now);
        else if (now - c->since_ns > server->options.idle_ms * 1000000LL && c->fd >= 0)
            shutdown(c->fd, SHUT_RDWR);
    }
    hy_web_streams_sweep(server, now);
    // Even when nothing asks for it: libmicrohttpd before 1.0.3 could pass over ready connections while others were
    // suspended.
    run(server);
    if (server->closing) finish_close(server);
}

// ---- start ----

static int parse_listen(const char *text, char *host, size_t size, char *port, size_t port_size, struct hy_error *err) {
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    bool bracketed = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    if (bracketed) {
        text++;
        n -= 2;
    }
    if (!colon || n == 0 || n >= size || strlen(colon + 1) >= port_size || (!bracketed && memchr(text, ':', n)))
        return hy_fail(err, HY_EINVALID, "listen \"%s\": write address:port, such as 127.0.0.1:8080 or [::1]:0", text);
    memcpy(host, text, n);
    host[n] = '\0';
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return HY_OK;
}

static int open_listener(const struct addrinfo *address, const char *listen_text, struct hy_error *err) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int one = 1;
    if (fd < 0) return hy_fail(err, HY_EIO, "listen %s: %s", listen_text, strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, 511) == 0) return fd;
    int rc =
        hy_fail(err, HY_EIO, "listen %s: %s; choose another port or stop what holds it", listen_text, strerror(errno));
    close(fd);
    return rc;
}

static int bind_listener(struct hy_web_server *server, const char *listen_text, struct hy_error *err) {
    char host[64], port[8];
    int rc = parse_listen(listen_text, host, sizeof host, port, sizeof port, err);
    if (rc < 0) return rc;
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int gai = getaddrinfo(host, port, &hints, &found);
    if (gai != 0) return hy_fail(err, HY_EINVALID, "listen %s: %s", listen_text, gai_strerror(gai));
    int fd = open_listener(found, listen_text, err);
    freeaddrinfo(found);
    if (fd < 0) return fd;
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof bound;
    getsockname(fd, (struct sockaddr *)&bound, &len);
    bool v6 = bound.ss_family == AF_INET6;
    server->port = ntohs(v6 ? ((struct sockaddr_in6 *)(void *)&bound)->sin6_port
                            : ((struct sockaddr_in *)(void *)&bound)->sin_port);
    snprintf(server->url, sizeof server->url, v6 ? "http://[%s]:%u" : "http://%s:%u", host, server->port);
    server->listen_fd = fd;
    return HY_OK;
}

static int start_daemon(struct hy_web_server *server, struct hy_error *err) {
    const struct hy_web_options *o = &server->options;
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, server,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, server, MHD_OPTION_LISTEN_SOCKET, server->listen_fd,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_CONNECTION_LIMIT, o->connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->per_address,
        MHD_OPTION_CONNECTION_TIMEOUT, (o->idle_ms + 999) / 1000, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
    if (!server->daemon) return hy_fail(err, HY_EIO, "listen %s: the HTTP server could not be started", server->url);
    return HY_OK;
}

static int join_loop(struct hy_web_server *server, struct hy_error *err) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || uv_poll_init(server->loop, &server->poll, info->epoll_fd) != 0)
        return hy_fail(err, HY_EIO, "the HTTP server cannot join the loop");
    uv_timer_init(server->loop, &server->timer);
    uv_timer_init(server->loop, &server->sweep);
    server->poll.data = server->timer.data = server->sweep.data = server;
    server->handles = 3;
    uv_poll_start(&server->poll, UV_READABLE, on_readable);
    uv_timer_start(&server->sweep, on_sweep, 1000, 1000);
    return HY_OK;
}

static void set_defaults(struct hy_web_options *o) {
    if (!o->listen) o->listen = "127.0.0.1:0";
    if (!o->body_limit) o->body_limit = 1 << 20;
    if (!o->drain_limit) o->drain_limit = 16 << 20;
    if (!o->header_limit) o->header_limit = 64;
    if (!o->connections) o->connections = 1000;
    if (!o->per_address) o->per_address = o->connections;
    if (!o->idle_ms) o->idle_ms = 30000;
    if (!o->request_ms) o->request_ms = 10000;
    if (!o->answer_ms) o->answer_ms = 30000;
    if (!o->page_policy) o->page_policy = default_policy;
}

static void free_server(struct hy_web_server *server) {
    if (server->daemon) MHD_stop_daemon(server->daemon);
    if (server->listen_fd >= 0) close(server->listen_fd);
    for (size_t i = 0; i < server->n_routes; i++)
        if (server->routes[i].release) server->routes[i].release(server->routes[i].ctx);
    free(server->routes);
    free(server->page_policy);
    free(server);
}

int hy_web_server_new(uv_loop_t *loop, const struct hy_web_options *options, struct hy_web_server **out,
                      struct hy_error *err) {
    struct hy_web_server *server = calloc(1, sizeof *server);
    if (!server) return hy_fail(err, HY_ENOMEM, "HTTP server: out of memory");
    server->loop = loop;
    server->listen_fd = -1;
    server->options = *options;
    set_defaults(&server->options);
    server->page_policy = strdup(server->options.page_policy);
    server->unmatched.pattern = "-";
    int rc = server->page_policy ? bind_listener(server, server->options.listen, err) : HY_ENOMEM;
    if (rc == HY_OK) rc = start_daemon(server, err);
    if (rc == HY_OK) rc = join_loop(server, err);
    if (rc < 0) {
        free_server(server);
        return rc;
    }
    server->options.listen = NULL; // the caller's text may go
    *out = server;
    return HY_OK;
}

int hy_web_route(struct hy_web_server *server, const char *method, const char *pattern, hy_web_handler handler,
                 void *ctx) {
    struct hy_web_route *grown = realloc(server->routes, (server->n_routes + 1) * sizeof *grown);
    if (!grown) return HY_ENOMEM;
    server->routes = grown;
    server->routes[server->n_routes++] =
        (struct hy_web_route){.method = method, .pattern = pattern, .handler = handler, .ctx = ctx};
    return HY_OK;
}

uint16_t hy_web_server_port(const struct hy_web_server *server) {
    return server->port;
}

const char *hy_web_server_url(const struct hy_web_server *server) {
    return server->url;
}

// ---- stop ----

static void on_handle_closed(uv_handle_t *handle) {
    struct hy_web_server *server = handle->data;
    if (--server->handles > 0) return;
    void (*done)(void *) = server->done;
    void *ctx = server->done_ctx;
    free_server(server);
    if (done) done(ctx);
}

static void refuse_waiting(struct hy_web_server *server) {
    for (struct hy_web_connection *c = server->connections; c; c = c->next) {
        if (!c->request || c->request->phase != HY_WEB_WAITING) continue;
        c->request->by_server = true;
        hy_web_refuse(c->request, 503, "closing", "the server is closing, try again");
        c->request->by_server = false;
    }
}

static bool busy(const struct hy_web_server *server) {
    for (const struct hy_web_connection *c = server->connections; c; c = c->next)
        if (c->request) return true;
    return false;
}

// Every connection must be resumed before libmicrohttpd is stopped, and run once so that its answer goes out.
static void finish_close(struct hy_web_server *server) {
    bool late = (int64_t)uv_hrtime() >= server->close_at_ns;
    if (busy(server) && !late) return;
    if (uv_is_closing((uv_handle_t *)&server->poll)) return;
    refuse_waiting(server);
    run(server);
    uv_poll_stop(&server->poll);
    MHD_stop_daemon(server->daemon);
    server->daemon = NULL;
    uv_close((uv_handle_t *)&server->poll, on_handle_closed);
    uv_close((uv_handle_t *)&server->timer, on_handle_closed);
    uv_close((uv_handle_t *)&server->sweep, on_handle_closed);
}

void hy_web_server_close(struct hy_web_server *server, unsigned grace_ms, void (*done)(void *ctx), void *ctx) {
    if (server->closing) return;
    server->closing = true;
    server->done = done;
    server->done_ctx = ctx;
    server->close_at_ns = (int64_t)uv_hrtime() + grace_ms * 1000000LL;
    MHD_socket fd = MHD_quiesce_daemon(server->daemon);
    if (fd != MHD_INVALID_SOCKET) {
        close(fd);
        server->listen_fd = -1;
    }
    hy_web_streams_close(server);
    run(server);
    uv_timer_start(&server->sweep, on_sweep, 0, 20);
}
