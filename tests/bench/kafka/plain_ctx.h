// The lane's functions for handlers without state, over a plain producer: what the router would cost if nothing were a
// transaction. Only what the router calls is here; another handler would not link.
// To run another handler without state this way, add what it calls.
#ifndef BENCH_PLAIN_CTX_H
#define BENCH_PLAIN_CTX_H

#include "lib/lane/handles.h"
#include "lib/lane/lane.h"

struct hy_lane_ctx {
    const struct hy_lane_handler *handler;
    struct hy_arena *arena;
    rd_kafka_t *producer;
    struct hy_handles handles;
    int index;
    int32_t partition;
    int64_t now_ms;
};

#endif
