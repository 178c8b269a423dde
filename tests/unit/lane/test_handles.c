// One handle a topic, whatever the order in which topics are first used. No broker: handles are made without one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "lib/lane/handles.h"

enum { TOPICS = 40 };

static void a_topic_keeps_its_one_handle(void **state) {
    (void)state;
    struct hy_handles handles;
    rd_kafka_topic_t *made[TOPICS];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, NULL, 0);
    assert_non_null(rk);
    hy_handles_init(&handles, rk, "t1.");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < TOPICS; i++) {
            int at = i * 17 % TOPICS; // neither rising nor falling
            char name[32], full[40];
            snprintf(name, sizeof name, "hy.work.d%d", at);
            snprintf(full, sizeof full, "t1.%s", name);
            rd_kafka_topic_t *topic = hy_handles_topic(&handles, name);
            assert_string_equal(rd_kafka_topic_name(topic), full);
            if (round == 0) made[at] = topic;
            assert_ptr_equal(topic, made[at]);
        }
    }
    assert_int_equal(handles.n, TOPICS);
    assert_null(hy_handles_topic(&handles, "no.such.topic"));
    hy_handles_free(&handles);
    rd_kafka_destroy(rk);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_keeps_its_one_handle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
