#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "lib/base/log.h"
#include "lib/web/internal.h"

void hy_web_defer(struct hy_web_request *request) {
    request->deferred = true;
}

void hy_web_set_header(struct hy_web_request *request, const char *name, const char *value) {
    size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;
    struct hy_web_set_header *header = malloc(sizeof *header + name_size + value_size);
    if (!header) return;
    memcpy(header->name, name, name_size);
    header->value = header->name + name_size;
    memcpy(header->value, value, value_size);
    header->next = request->headers;
    request->headers = header;
}

static bool is_set(const struct hy_web_request *request, const char *name) {
    for (const struct hy_web_set_header *h = request->headers; h; h = h->next)
        if (strcasecmp(h->name, name) == 0) return true;
    return false;
}

static void add_default(struct hy_web_request *request, struct MHD_Response *response, const char *name,
                        const char *value) {
    if (!is_set(request, name)) MHD_add_response_header(response, name, value);
}

static void add_headers(struct hy_web_request *request, struct MHD_Response *response) {
    for (const struct hy_web_set_header *h = request->headers; h; h = h->next)
        MHD_add_response_header(response, h->name, h->value);
    const char *type = MHD_get_response_header(response, "Content-Type");
    bool page = type && strncmp(type, "text/html", 9) == 0;
    add_default(request, response, "Cache-Control", "no-store");
    add_default(request, response, "X-Content-Type-Options", "nosniff");
    add_default(request, response, "X-Frame-Options", "DENY");
    add_default(request, response, "Referrer-Policy", "no-referrer");
    add_default(request, response, "Cross-Origin-Resource-Policy", "same-origin");
    add_default(request, response, "Content-Security-Policy",
                page ? request->server->page_policy : "default-src 'none'; frame-ancestors 'none'");
    if (request->server->closing) add_default(request, response, "Connection", "close");
}

void hy_web_respond(struct hy_web_request *request, unsigned status, struct MHD_Response *response) {
    if (!request->by_server) request->deferred = false;
    if (!request->connection || request->phase == HY_WEB_ANSWERED) {
        // Nobody waits for it any more: the client or the server has gone, or the time-out has answered already.
        MHD_destroy_response(response);
        hy_web_request_release(request);
        return;
    }
    add_headers(request, response);
    request->response = response;
    request->status = status;
    bool waiting = request->phase == HY_WEB_WAITING;
    request->phase = HY_WEB_ANSWERED;
    if (!waiting) return;
    request->server->waiting--;
    MHD_resume_connection(request->connection->mhd);
    hy_web_kick(request->server);
}

enum MHD_Result hy_web_queue(struct hy_web_request *request, struct MHD_Connection *connection) {
    if (!request->response) return MHD_NO;
    enum MHD_Result rc = MHD_queue_response(connection, request->status, request->response);
    MHD_destroy_response(request->response);
    request->response = NULL;
    request->queued = true;
    return rc;
}

static void reply_memory(struct hy_web_request *request, unsigned status, const char *type, void *data, size_t len) {
    struct MHD_Response *response = MHD_create_response_from_buffer(len, data, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(data);
        data = NULL;
        response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        status = 500;
    }
    if (!response) abort(); // not even an empty answer: the process has no memory at all
    if (type) MHD_add_response_header(response, "Content-Type", type);
    hy_web_respond(request, status, response);
}

void hy_web_reply(struct hy_web_request *request, unsigned status, const char *type, struct hy_bytes body) {
    char *copy = malloc(body.len + 1);
    if (copy && body.len) memcpy(copy, body.data, body.len);
    reply_memory(request, copy ? status : 500, type, copy, copy ? body.len : 0);
}

void hy_web_reply_buf(struct hy_web_request *request, unsigned status, const char *type, struct hy_buf *body) {
    if (!hy_buf_ok(body)) {
        hy_buf_free(body);
        status = 500;
    }
    char *data = body->data;
    size_t len = body->len;
    memset(body, 0, sizeof *body);
    reply_memory(request, status, type, data, len);
}

void hy_web_reply_json(struct hy_web_request *request, unsigned status, json_t *root) {
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!text) {
        hy_web_reply(request, 500, "application/json", hy_bytes_of("{\"error\":\"internal\"}"));
        return;
    }
    reply_memory(request, status, "application/json", text, strlen(text));
}

void hy_web_count_refusal(const char *server, const char *reason) {
    char labels[128];
    snprintf(labels, sizeof labels, "server=\"%s\",reason=\"%s\"", server, reason);
    hy_metric_add(hy_metric_get(HY_COUNTER, "huiying_web_refused_total", "Requests refused, by reason", labels), 1);
}

static void refusal_text(struct hy_buf *out, const char *reason, const char *message) {
    hy_buf_adds(out, "{\"error\":\"");
    hy_buf_adds(out, reason);
    hy_buf_adds(out, "\",\"message\":\"");
    hy_buf_add_json(out, message, strlen(message));
    hy_buf_adds(out, "\"}\n");
}

void hy_web_refuse(struct hy_web_request *request, unsigned status, const char *reason, const char *fmt, ...) {
    char message[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    // Without a connection the server may be gone too, and nobody reads the answer.
    if (request->connection) hy_web_count_refusal(request->server->options.name, reason);
    struct hy_buf body = {0};
    refusal_text(&body, reason, message);
    hy_web_reply_buf(request, status, "application/json", &body);
}

void hy_web_cut(struct hy_web_request *request, unsigned status, const char *reason, const char *text) {
    if (request->status || !request->connection) return;
    request->status = status;
    hy_web_count_refusal(request->server->options.name, reason);
    struct hy_buf body = {0}, all = {0};
    refusal_text(&body, reason, text);
    hy_buf_addf(&all,
                "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                status, status == 408 ? "Request Timeout" : "Content Too Large", body.len);
    hy_buf_add(&all, body.data, body.len);
    // A fresh socket buffer takes these few bytes; if the client reads nothing it shall not hold us up.
    if (hy_buf_ok(&all) && send(request->connection->fd, all.data, all.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        HY_DEBUG("web.cut", "the client was gone before its refusal", "reason=%s", reason);
    shutdown(request->connection->fd, SHUT_RDWR);
    hy_buf_free(&body);
    hy_buf_free(&all);
}
