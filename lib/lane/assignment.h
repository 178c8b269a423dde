// Giving partitions to a consumer and taking them away, at a pace that librdkafka lives through: up to 2.15 it ends the
// process by an assertion when a partition is taken away a second time before its first stop was answered
// (librdkafka#5573). Each call takes away all that was given before, also what it gives again.
#ifndef HY_LANE_ASSIGNMENT_H
#define HY_LANE_ASSIGNMENT_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

// Of one consumer, zero at its start; one thread.
struct hy_assignment {
    int64_t taken_ms; // monotonic, when partitions were last taken away
    int n;            // given now
};

// How long a call would wait now: 0 to 250 ms.
int64_t hy_assign_wait_ms(const struct hy_assignment *assignment);
// rd_kafka_assign(consumer, list) as soon as that is safe: waits for at most 250 ms on the caller's thread, also inside
// a rebalance callback. list is borrowed; NULL answers a revoke.
rd_kafka_resp_err_t hy_assign(rd_kafka_t *consumer, struct hy_assignment *assignment,
                              const rd_kafka_topic_partition_list_t *list);

#endif
