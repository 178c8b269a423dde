// Server-sent events: an answer that stays open and gets events (text/event-stream). A client that does not keep up is
// dropped when its queue is full and comes back by itself (EventSource reconnects; Last-Event-ID says where it was). A
// comment line every 15 s keeps the line open and finds clients that have gone. To stream something else than events,
// add a sibling of hy_web_stream_send; the queue takes any bytes.
#ifndef HY_WEB_STREAM_H
#define HY_WEB_STREAM_H

#include "lib/web/server.h"

struct hy_web_stream;

enum { HY_WEB_STREAM_COMMENT_MS = 15000 };

// Answers the request with a stream; call in the handler (not after hy_web_defer). At most limit bytes wait for a slow
// client (0 = 256 KB). closed (may be NULL) is called exactly once, when the stream has ended for whatever reason; the
// stream must not be used from then on. NULL when memory is out (the request was then refused).
struct hy_web_stream *hy_web_stream_open(struct hy_web_request *request, size_t limit, void (*closed)(void *ctx),
                                         void *ctx);
// Queues one event. event and id may be NULL; data may have lines. HY_EFULL: the client did not keep up and is being
// dropped (closed follows from the loop); HY_ECLOSED: it is being closed already.
HY_MUST_CHECK int hy_web_stream_send(struct hy_web_stream *stream, const char *event, const char *id,
                                     struct hy_bytes data);
// Ends the stream after what is queued; closed follows from the loop.
void hy_web_stream_close(struct hy_web_stream *stream);
// Bytes that wait for the client.
size_t hy_web_stream_pending(const struct hy_web_stream *stream);

#endif
