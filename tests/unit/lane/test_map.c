// The map against a plain list of what should be in it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/lane/map.h"

enum { KEYS = 3000, STEPS = 60000 };

static uint32_t rnd(uint32_t below) {
    static uint64_t state = 7;
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(state >> 33) % below;
}

static struct hy_bytes key_of(uint32_t i, char text[16]) {
    snprintf(text, 16, "key-%u", i);
    return hy_bytes_of(text);
}

static void put(struct hy_map *map, uint32_t i, uint32_t value) {
    char text[16];
    struct hy_map_entry *replaced;
    struct hy_map_entry *entry = hy_map_entry_new(key_of(i, text), hy_bytes_from(&value, sizeof value), false);
    assert_int_equal(hy_map_put(map, entry, &replaced), HY_OK);
    free(replaced);
}

static void check(const struct hy_map *map, uint32_t i, uint32_t value) {
    char text[16];
    struct hy_bytes key = key_of(i, text);
    const struct hy_map_entry *entry = hy_map_find(map, key);
    assert_ptr_equal(entry, hy_map_find_hashed(map, hy_map_hash(key), key));
    assert_int_equal(entry != NULL, value != 0);
    if (entry == NULL) return;
    assert_true(hy_bytes_equal(hy_map_key(entry), key));
    assert_memory_equal(hy_map_value(entry).data, &value, sizeof value);
}

static void a_map_holds_what_was_put_and_not_taken(void **state) {
    (void)state;
    static uint32_t expected[KEYS]; // 0 = not in the map
    struct hy_map map = {0};
    char text[16];
    for (uint32_t step = 1; step <= STEPS; step++) {
        uint32_t i = rnd(KEYS);
        if (rnd(3) > 0) {
            put(&map, i, step);
            expected[i] = step;
        } else {
            struct hy_map_entry *taken = hy_map_take(&map, key_of(i, text));
            assert_int_equal(taken != NULL, expected[i] != 0);
            free(taken);
            expected[i] = 0;
        }
        uint32_t other = rnd(KEYS);
        check(&map, i, expected[i]);
        check(&map, other, expected[other]);
    }
    size_t live = 0, cursor = 0, drained = 0;
    for (uint32_t i = 0; i < KEYS; i++) {
        live += expected[i] != 0;
    }
    assert_int_equal(map.n, live);
    for (struct hy_map_entry *entry; (entry = hy_map_drain(&map, &cursor)) != NULL; free(entry)) {
        drained++;
    }
    assert_int_equal(drained, live);
    hy_map_free(&map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_holds_what_was_put_and_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
