#include "lib/web/stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/base/log.h"
#include "lib/web/internal.h"

struct hy_web_stream {
    struct hy_web_stream *prev, *next;
    struct hy_web_server *server;
    struct hy_web_request *request;
    struct hy_buf queue;
    size_t taken; // of the queue, by libmicrohttpd
    size_t limit;
    bool suspended;
    bool ending;  // after the queue
    bool dropped; // at once
    int64_t last_ns;
    void (*closed)(void *ctx);
    void *ctx;
};

static struct hy_metric *open_streams(const struct hy_web_server *server) {
    char labels[96];
    snprintf(labels, sizeof labels, "server=\"%s\"", server->options.name);
    return hy_metric_get(HY_GAUGE, "huiying_web_streams", "Open event streams", labels);
}

static void wake(struct hy_web_stream *stream) {
    if (!stream->suspended) return;
    stream->suspended = false;
    MHD_resume_connection(stream->request->connection->mhd);
    hy_web_kick(stream->server);
}

static ssize_t on_read(void *ctx, uint64_t pos, char *out, size_t max) {
    (void)pos;
    struct hy_web_stream *stream = ctx;
    size_t left = stream->queue.len - stream->taken;
    if (stream->dropped) return MHD_CONTENT_READER_END_WITH_ERROR;
    if (left == 0 && stream->ending) return MHD_CONTENT_READER_END_OF_STREAM;
    if (left == 0) {
        stream->suspended = true;
        MHD_suspend_connection(stream->request->connection->mhd);
        return 0;
    }
    size_t n = left < max ? left : max;
    memcpy(out, stream->queue.data + stream->taken, n);
    stream->taken += n;
    if (stream->taken == stream->queue.len) {
        hy_buf_clear(&stream->queue);
        stream->taken = 0;
    }
    return (ssize_t)n;
}

static void on_freed(void *ctx) {
    struct hy_web_stream *stream = ctx;
    if (stream->prev)
        stream->prev->next = stream->next;
    else
        stream->server->streams = stream->next;
    if (stream->next) stream->next->prev = stream->prev;
    hy_metric_add(open_streams(stream->server), -1);
    if (stream->closed) stream->closed(stream->ctx);
    hy_buf_free(&stream->queue);
    free(stream);
}

static void link_stream(struct hy_web_stream *stream) {
    stream->next = stream->server->streams;
    if (stream->next) stream->next->prev = stream;
    stream->server->streams = stream;
    hy_metric_add(open_streams(stream->server), 1);
}

struct hy_web_stream *hy_web_stream_open(struct hy_web_request *request, size_t limit, void (*closed)(void *ctx),
                                         void *ctx) {
    struct hy_web_stream *stream = calloc(1, sizeof *stream);
    struct MHD_Response *response = NULL;
    if (stream) response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, on_read, stream, on_freed);
    if (!response) {
        free(stream);
        hy_web_refuse(request, 503, "busy", "no memory for another stream, try again later");
        return NULL;
    }
    *stream = (struct hy_web_stream){.server = request->server,
                                     .request = request,
                                     .limit = limit ? limit : 256 << 10,
                                     .last_ns = (int64_t)uv_hrtime(),
                                     .closed = closed,
                                     .ctx = ctx};
    link_stream(stream);
    request->stream = stream;
    hy_buf_adds(&stream->queue, "retry: 2000\n\n");
    MHD_add_response_header(response, "Content-Type", "text/event-stream");
    hy_web_set_header(request, "X-Accel-Buffering", "no");
    hy_web_respond(request, 200, response);
    return stream;
}

static void add_field(struct hy_buf *queue, const char *name, const char *text, size_t len) {
    hy_buf_addf(queue, "%s: ", name);
    hy_buf_add(queue, text, len);
    hy_buf_adds(queue, "\n");
}

// Every line of the data is a field of its own; a bare CR would end a line for the client, so it counts as one.
static void add_data(struct hy_buf *queue, struct hy_bytes data) {
    const char *at = (const char *)data.data;
    const char *end = at + data.len;
    while (at < end) {
        size_t n = 0;
        while (at + n < end && at[n] != '\n' && at[n] != '\r')
            n++;
        add_field(queue, "data", at, n);
        at += n;
        if (at < end && *at == '\r' && at + 1 < end && at[1] == '\n') at++;
        if (at < end) at++;
    }
    if (data.len == 0) hy_buf_adds(queue, "data: \n");
}

static void drop_taken(struct hy_web_stream *stream) {
    if (!stream->taken) return;
    memmove(stream->queue.data, stream->queue.data + stream->taken, stream->queue.len - stream->taken);
    stream->queue.len -= stream->taken;
    stream->taken = 0;
}

int hy_web_stream_send(struct hy_web_stream *stream, const char *event, const char *id, struct hy_bytes data) {
    if (stream->ending || stream->dropped) return HY_ECLOSED;
    drop_taken(stream);
    if (id) add_field(&stream->queue, "id", id, strcspn(id, "\r\n"));
    if (event) add_field(&stream->queue, "event", event, strcspn(event, "\r\n"));
    add_data(&stream->queue, data);
    hy_buf_adds(&stream->queue, "\n");
    bool full = stream->queue.len > stream->limit || !hy_buf_ok(&stream->queue);
    if (full) {
        stream->dropped = true;
        shutdown(stream->request->connection->fd, SHUT_RDWR); // libmicrohttpd is waiting for room to write
        HY_INFO("web.stream", "a client did not keep up and was dropped", "server=%s", stream->server->options.name);
    }
    stream->last_ns = (int64_t)uv_hrtime();
    wake(stream);
    return full ? HY_EFULL : HY_OK;
}

void hy_web_stream_close(struct hy_web_stream *stream) {
    stream->ending = true;
    wake(stream);
}

size_t hy_web_stream_pending(const struct hy_web_stream *stream) {
    return stream->queue.len - stream->taken;
}

void hy_web_streams_sweep(struct hy_web_server *server, int64_t now_ns) {
    for (struct hy_web_stream *stream = server->streams; stream; stream = stream->next) {
        if (now_ns - stream->last_ns < HY_WEB_STREAM_COMMENT_MS * 1000000LL) continue;
        stream->last_ns = now_ns;
        // A client that has not even taken the last comment is judged by the queue's limit and the idle time-out.
        if (stream->queue.len < stream->limit) hy_buf_adds(&stream->queue, ":\n\n");
        wake(stream);
    }
}

void hy_web_streams_close(struct hy_web_server *server) {
    for (struct hy_web_stream *stream = server->streams; stream; stream = stream->next)
        hy_web_stream_close(stream);
}
