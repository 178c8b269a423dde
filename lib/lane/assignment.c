#include "lib/lane/assignment.h"

#include <time.h>

#include "lib/base/clock.h"

enum { APART_MS = 250 };

int64_t hy_assign_wait_ms(const struct hy_assignment *assignment) {
    if (assignment->n == 0 || assignment->taken_ms == 0) return 0;
    int64_t left = assignment->taken_ms + APART_MS - hy_mono_ms(hy_clock_system());
    return left > 0 ? left : 0;
}

rd_kafka_resp_err_t hy_assign(rd_kafka_t *consumer, struct hy_assignment *assignment,
                              const rd_kafka_topic_partition_list_t *list) {
    int64_t wait;
    while ((wait = hy_assign_wait_ms(assignment)) > 0)
        nanosleep(&(struct timespec){.tv_nsec = wait * 1000000}, NULL);
    if (assignment->n > 0) assignment->taken_ms = hy_mono_ms(hy_clock_system());
    assignment->n = list == NULL ? 0 : list->cnt;
    return rd_kafka_assign(consumer, list);
}
