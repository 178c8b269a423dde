// Placement: records of one dossier meet in one partition, wherever any client with Java's default would put them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/lane/partitioner.h"

static void murmur2_equals_javas(void **state) {
    (void)state;
    // From the test of Kafka's own Utils.murmur2.
    static const struct {
        const char *key;
        int32_t hash;
    } ROWS[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        assert_int_equal((int32_t)hy_murmur2(hy_bytes_of(ROWS[i].key)), ROWS[i].hash);
}

static void only_the_part_before_the_first_dot_decides(void **state) {
    (void)state;
    static const char *const KEYS[] = {"0123456789ABCDEFGHJKMNPQRS.X", "0123456789ABCDEFGHJKMNPQRS.Y.Z",
                                       "0123456789ABCDEFGHJKMNPQRS."};
    int32_t bare = hy_partition_of(hy_bytes_of("0123456789ABCDEFGHJKMNPQRS"), 16);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(hy_partition_of(hy_bytes_of(KEYS[i]), 16), bare);
}

static void a_place_is_always_among_the_partitions(void **state) {
    (void)state;
    uint8_t key[7] = {0};
    for (int i = 0; i < 5000; i++) {
        key[i % 7] = (uint8_t)(key[i % 7] * 31 + i);
        for (int32_t n = 1; n < 40; n += 13) {
            int32_t p = hy_partition_of(hy_bytes_from(key, (size_t)(i % 8)), n);
            assert_true(p >= 0 && p < n);
        }
    }
}

static void an_empty_key_and_a_key_that_begins_with_a_dot_have_one_place(void **state) {
    (void)state;
    int32_t empty = hy_partition_of((struct hy_bytes){0}, 16);
    assert_int_equal(hy_partition_of(hy_bytes_of(".case"), 16), empty);
    assert_int_equal(hy_partitioner_cb(NULL, NULL, 0, 16, NULL, NULL), empty);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(murmur2_equals_javas),
        cmocka_unit_test(only_the_part_before_the_first_dot_decides),
        cmocka_unit_test(a_place_is_always_among_the_partitions),
        cmocka_unit_test(an_empty_key_and_a_key_that_begins_with_a_dot_have_one_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
