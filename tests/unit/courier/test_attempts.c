// What a courier remembers of its own steps, and for how long a claim of its is good.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "consumers/courier/attempts.h"

static void a_claim_that_is_asked_for_again_keeps_the_lease_of_the_first(void **state) {
    (void)state;
    struct attempts attempts = {0};
    struct attempt *one = attempts_of(&attempts, "C", "d1");
    attempt_claim(&attempts, one, 1, 1000);
    assert_int_equal(one->claimed_ms, 1000);
    attempt_claim(&attempts, one, 1, 6000); // no effect was seen; the engine may have taken the first
    assert_int_equal(one->claimed_ms, 1000);
    assert_int_equal(one->since_ms, 6000);
    attempt_claim(&attempts, one, 2, 40000); // the next attempt has a lease of its own
    assert_int_equal(one->claimed_ms, 40000);
    attempts_free(&attempts);
}

static void what_is_being_sent_is_counted_and_never_swept(void **state) {
    (void)state;
    struct attempts attempts = {0};
    attempt_step(&attempts, attempts_of(&attempts, "C", "d1"), ATTEMPT_SENDING, 1, 0);
    attempt_step(&attempts, attempts_of(&attempts, "C", "d2"), ATTEMPT_REPORTED, 1, 0);
    assert_int_equal(attempts.busy, 1);
    attempts_sweep(&attempts, 1000000, 1000);
    assert_int_equal(attempts_of(&attempts, "C", "d1")->step, ATTEMPT_SENDING);
    assert_int_equal(attempts_of(&attempts, "C", "d2")->step, ATTEMPT_NONE);
    attempts_free(&attempts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_claim_that_is_asked_for_again_keeps_the_lease_of_the_first),
        cmocka_unit_test(what_is_being_sent_is_counted_and_never_swept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
