// The orders table, the memory of recent ids, and the configuration's table.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producers/gateway/gateway.h"
#include "producers/gateway/orders.h"
#include "producers/gateway/recent.h"

static void orders_count_like_a_plain_array(void **state) {
    (void)state;
    enum { KEYS = 300 };
    struct orders orders = {0};
    unsigned plain[KEYS] = {0};
    uint64_t random = 12345, total = 0;
    for (int i = 0; i < 200000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        unsigned key = (unsigned)(random >> 33) % KEYS;
        if (random >> 63) {
            assert_int_equal(orders_add(&orders, key * 4096u), 0);
            plain[key]++;
            total++;
        } else {
            orders_remove(&orders, key * 4096u);
            if (plain[key]) {
                plain[key]--;
                total--;
            }
        }
        assert_true(orders.total == total);
        unsigned other = (unsigned)(random >> 20) % KEYS;
        assert_int_equal(orders_has(&orders, other * 4096u), plain[other] > 0);
    }
    orders_free(&orders);
}

static void a_recent_id_is_known_with_its_content(void **state) {
    (void)state;
    struct recent *recent = recent_new(1000, 0);
    assert_int_equal(recent_check(recent, "A", 7, 100), RECENT_NEW);
    assert_int_equal(recent_check(recent, "A", 7, 200), RECENT_REPEATED);
    assert_int_equal(recent_check(recent, "A", 8, 300), RECENT_OTHER);
    assert_int_equal(recent_check(recent, "A", 8, 1200), RECENT_NEW); // forgotten after its time
    recent_forget(recent, "A");
    assert_int_equal(recent_check(recent, "A", 9, 1300), RECENT_NEW);
    recent_free(recent);
}

static void many_ids_push_out_the_oldest(void **state) {
    (void)state;
    struct recent *recent = recent_new(1000000, 64);
    char id[32];
    for (int i = 0; i < 10000; i++) {
        snprintf(id, sizeof id, "id-%d", i);
        assert_int_equal(recent_check(recent, id, 1, i + 1), RECENT_NEW);
        assert_int_equal(recent_check(recent, id, 1, i + 1), RECENT_REPEATED);
    }
    recent_free(recent);
}

static void the_configuration_table_is_sound(void **state) {
    (void)state;
    struct hy_buf problems = {0};
    if (hy_config_check_table(&gateway_table, &problems) < 0) fail_msg("%s", problems.data);
    hy_buf_free(&problems);
}

static void settings_that_contradict_are_refused(void **state) {
    (void)state;
    struct gateway_config config;
    struct hy_buf problems = {0};
    const char *sets[] = {"answer.kafka=4s", "answer.limit=3s", "spool.max=1MB", "spool.segment=1MB",
                          "accounts.dir=/nowhere"};
    assert_int_equal(hy_config_load(&gateway_table, &config, "x", (struct hy_bytes){0}, NULL, sets, 5, &problems), 0);
    assert_int_equal(gateway_table.check(&config, &problems), HY_ECONFIG);
    assert_non_null(strstr(problems.data, "answer.kafka"));
    assert_non_null(strstr(problems.data, "spool.max"));
    assert_non_null(strstr(problems.data, "/nowhere"));
    hy_buf_free(&problems);
    hy_config_free(&gateway_table, &config);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_count_like_a_plain_array),      cmocka_unit_test(a_recent_id_is_known_with_its_content),
        cmocka_unit_test(many_ids_push_out_the_oldest),         cmocka_unit_test(the_configuration_table_is_sound),
        cmocka_unit_test(settings_that_contradict_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
