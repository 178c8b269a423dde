#include "plain_ctx.h"

int hy_lane_emit(struct hy_lane_ctx *ctx, const char *topic, struct hy_bytes key, struct hy_bytes value,
                 struct hy_error *err) {
    rd_kafka_topic_t *handle;
    int rc = hy_handles_check(&ctx->handles, topic, &handle);
    if (rc != HY_OK) return hy_fail(err, rc, "topic %s", topic);
    union {
        const void *in;
        void *out;
    } bytes = {value.data}; // librdkafka copies; its prototype only lacks the const
    while (rd_kafka_produce(handle, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, bytes.out, value.len, key.data, key.len,
                            NULL) != 0) {
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) return hy_fail(err, HY_EIO, "%s", rd_kafka_err2str(code));
        rd_kafka_poll(ctx->producer, 20);
    }
    return HY_OK;
}

int64_t hy_lane_now(const struct hy_lane_ctx *ctx) {
    return ctx->now_ms;
}

int32_t hy_lane_partition(const struct hy_lane_ctx *ctx) {
    return ctx->partition;
}

int hy_lane_index(const struct hy_lane_ctx *ctx) {
    return ctx->index;
}

void *hy_lane_user(const struct hy_lane_ctx *ctx) {
    return ctx->handler->user;
}

struct hy_arena *hy_lane_arena(struct hy_lane_ctx *ctx) {
    return ctx->arena;
}
