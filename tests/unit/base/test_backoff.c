#include "tests/unit/base/unit.h"

#include "lib/base/backoff.h"

static void waits_grow_to_the_cap_and_stay(void **state) {
    (void)state;
    uint64_t bounds[] = {100, 200, 400, 800, 1000, 1000};
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct hy_backoff backoff = {.base_ms = 100, .cap_ms = 1000, .seed = seed};
        for (size_t i = 0; i < 6; i++) {
            uint32_t wait = hy_backoff_next(&backoff);
            assert_in_range(wait, 50, bounds[i]);
        }
        assert_int_equal(backoff.attempt, 6);
    }
}

static void waits_are_spread_over_the_whole_span(void **state) {
    (void)state;
    struct hy_backoff backoff = {.base_ms = 20, .cap_ms = 20};
    int seen[21] = {0};
    for (int i = 0; i < 11000; i++) {
        seen[hy_backoff_next(&backoff)]++;
    }
    for (int wait = 10; wait <= 20; wait++) {
        assert_in_range(seen[wait], 800, 1200);
    }
}

static void two_programs_do_not_wait_in_step(void **state) {
    (void)state;
    struct hy_backoff a = {.base_ms = 1000, .cap_ms = 60000, .seed = 1};
    struct hy_backoff b = {.base_ms = 1000, .cap_ms = 60000, .seed = 2};
    int equal = 0;
    for (int i = 0; i < 20; i++) {
        equal += hy_backoff_next(&a) == hy_backoff_next(&b);
    }
    assert_true(equal < 3);
}

static void a_success_starts_over(void **state) {
    (void)state;
    struct hy_backoff backoff = {.base_ms = 10, .cap_ms = 100000};
    for (int i = 0; i < 10; i++) {
        hy_backoff_next(&backoff);
    }
    hy_backoff_reset(&backoff);
    assert_in_range(hy_backoff_next(&backoff), 5, 10);
}

static void many_failures_and_odd_limits_stay_in_range(void **state) {
    (void)state;
    struct hy_backoff backoff = {.base_ms = UINT32_MAX, .cap_ms = UINT32_MAX, .attempt = UINT32_MAX - 1};
    for (int i = 0; i < 100; i++) {
        assert_in_range(hy_backoff_next(&backoff), UINT32_MAX / 2, UINT32_MAX);
    }
    assert_int_equal(backoff.attempt, UINT32_MAX);
    struct hy_backoff tiny = {.base_ms = 0, .cap_ms = 3};
    struct hy_backoff inverted = {.base_ms = 1000, .cap_ms = 10};
    for (int i = 0; i < 100; i++) {
        assert_in_range(hy_backoff_next(&tiny), 0, 3);
        assert_int_equal(hy_backoff_next(&inverted), 10); // the cap wins
    }
}

static void a_bound_just_above_the_cap_is_the_cap(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct hy_backoff backoff = {.base_ms = 11, .cap_ms = 10, .seed = seed};
        assert_in_range(hy_backoff_next(&backoff), 5, 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_grow_to_the_cap_and_stay),
        cmocka_unit_test(waits_are_spread_over_the_whole_span),
        cmocka_unit_test(two_programs_do_not_wait_in_step),
        cmocka_unit_test(a_success_starts_over),
        cmocka_unit_test(a_bound_just_above_the_cap_is_the_cap),
        cmocka_unit_test(many_failures_and_odd_limits_stay_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
