#include "producers/gateway/intake.h"

static int publish(void *ctx, const char *topic, struct hy_bytes key, struct hy_bytes value, hy_published_fn done,
                   void *opaque, struct hy_error *err) {
    return hy_publish(ctx, topic, key, value, done, opaque, err);
}

static int poll_now(void *ctx) {
    return hy_publisher_poll(ctx, 0);
}

static int descriptor(void *ctx) {
    return hy_publisher_fd(ctx);
}

static uint64_t disconnects(void *ctx) {
    return hy_publisher_disconnects(ctx);
}

static int health(void *ctx, struct hy_error *err) {
    return hy_publisher_health(ctx, err);
}

static void close_publisher(void *ctx, int timeout_ms) {
    hy_publisher_close(ctx, timeout_ms);
}

struct intake_sink intake_publisher_sink(struct hy_publisher *publisher) {
    return (struct intake_sink){publisher, publish, poll_now, descriptor, disconnects, health, close_publisher};
}
