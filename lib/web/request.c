#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/web/internal.h"

struct hy_web_request *hy_web_request_new(struct hy_web_server *server, struct hy_web_connection *connection,
                                          const char *target) {
    struct hy_web_request *request = calloc(1, sizeof *request);
    if (!request) return NULL;
    request->server = server;
    request->connection = connection;
    request->started_ns = (int64_t)uv_hrtime();
    if (hy_web_target_parse(target, &request->target, NULL) < 0)
        request->bad_target = "the address is malformed: check its percent-encoding";
    return request;
}

static void free_headers(struct hy_web_request *request) {
    for (struct hy_web_set_header *h = request->headers, *next; h; h = next) {
        next = h->next;
        free(h);
    }
    request->headers = NULL;
}

void hy_web_request_release(struct hy_web_request *request) {
    if (request->connection || request->deferred) return;
    if (request->response) MHD_destroy_response(request->response);
    free_headers(request);
    hy_web_target_free(&request->target);
    hy_buf_free(&request->body);
    free(request->method);
    free(request);
}

static void count_answer(struct hy_web_request *request) {
    struct hy_web_server *server = request->server;
    struct hy_web_route *route = request->route ? (struct hy_web_route *)(uintptr_t)request->route : &server->unmatched;
    unsigned class = request->status / 100 < HY_WEB_CLASSES ? request->status / 100 : 0;
    char labels[256];
    if (!route->answered[class]) {
        snprintf(labels, sizeof labels, "server=\"%s\",route=\"%s\",status=\"%uxx\"", server->options.name,
                 route->pattern, class);
        route->answered[class] = hy_metric_get(HY_COUNTER, "huiying_web_requests_total",
                                               "Requests answered, by route and class of status", labels);
    }
    if (!route->seconds) {
        snprintf(labels, sizeof labels, "server=\"%s\",route=\"%s\"", server->options.name, route->pattern);
        route->seconds = hy_metric_histogram("huiying_web_request_seconds",
                                             "From the request's headers to the end of its answer", labels, NULL, 0);
    }
    hy_metric_add(route->answered[class], 1);
    if (!request->stream) hy_metric_observe(route->seconds, (double)((int64_t)uv_hrtime() - request->started_ns) / 1e9);
}

void hy_web_request_completed(struct hy_web_request *request) {
    if (request->status) count_answer(request);
    if (request->connection) {
        request->connection->request = NULL;
        request->connection->since_ns = (int64_t)uv_hrtime();
        request->connection = NULL;
    }
    hy_web_request_release(request);
}

const char *hy_web_method(const struct hy_web_request *request) {
    return request->method;
}

const struct hy_web_target *hy_web_target(const struct hy_web_request *request) {
    return &request->target;
}

const char *hy_web_param(const struct hy_web_request *request, const char *name) {
    return request->route ? hy_web_pattern_param(request->route->pattern, &request->target, name) : NULL;
}

const char *hy_web_query(const struct hy_web_request *request, const char *name) {
    for (size_t i = 0; i < request->target.n_query; i++)
        if (strcmp(request->target.query[i].name, name) == 0) return request->target.query[i].value;
    return NULL;
}

size_t hy_web_query_count(const struct hy_web_request *request, const char *name) {
    size_t n = 0;
    for (size_t i = 0; i < request->target.n_query; i++)
        if (strcmp(request->target.query[i].name, name) == 0) n++;
    return n;
}

const char *hy_web_header(const struct hy_web_request *request, const char *name) {
    if (!request->connection) return NULL;
    return MHD_lookup_connection_value(request->connection->mhd, MHD_HEADER_KIND, name);
}

struct header_walk {
    const char *name;
    size_t n;
    void (*each)(void *ctx, const char *name, const char *value);
    void *ctx;
};

static enum MHD_Result on_header(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value) {
    (void)kind;
    struct header_walk *walk = ctx;
    if (walk->name && strcasecmp(walk->name, name) == 0) walk->n++;
    if (walk->each) walk->each(walk->ctx, name, value ? value : "");
    return MHD_YES;
}

size_t hy_web_header_count(const struct hy_web_request *request, const char *name) {
    struct header_walk walk = {.name = name};
    if (request->connection) MHD_get_connection_values(request->connection->mhd, MHD_HEADER_KIND, on_header, &walk);
    return walk.n;
}

void hy_web_headers(const struct hy_web_request *request, void (*each)(void *ctx, const char *name, const char *value),
                    void *ctx) {
    struct header_walk walk = {.each = each, .ctx = ctx};
    if (request->connection) MHD_get_connection_values(request->connection->mhd, MHD_HEADER_KIND, on_header, &walk);
}

int hy_web_cookie(const struct hy_web_request *request, const char *name, char *out, size_t size) {
    const char *at = hy_web_header(request, "Cookie");
    size_t name_len = strlen(name);
    while (at && *at) {
        at += strspn(at, "; ");
        size_t n = strcspn(at, ";");
        if (n > name_len && at[name_len] == '=' && memcmp(at, name, name_len) == 0) {
            size_t len = n - name_len - 1;
            if (len >= size) return HY_ETOOBIG;
            memcpy(out, at + name_len + 1, len);
            out[len] = '\0';
            return HY_OK;
        }
        at += n;
    }
    return HY_ENOTFOUND;
}

struct hy_bytes hy_web_body(const struct hy_web_request *request) {
    return hy_buf_view(&request->body);
}

const char *hy_web_peer(const struct hy_web_request *request) {
    return request->connection ? request->connection->peer : "";
}

int64_t hy_web_started_ns(const struct hy_web_request *request) {
    return request->started_ns;
}

struct hy_web_server *hy_web_request_server(const struct hy_web_request *request) {
    return request->server;
}

void hy_web_set_data(struct hy_web_request *request, void *data) {
    request->data = data;
}

void *hy_web_data(const struct hy_web_request *request) {
    return request->data;
}
