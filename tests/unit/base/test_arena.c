#include "tests/unit/base/unit.h"

#include "lib/base/arena.h"

static void memory_is_aligned_for_any_type(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(1 << 20);
    for (size_t size = 0; size < 200; size++) {
        uint8_t *p = hy_arena_alloc(arena, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        memset(p, 0xAA, size);
    }
    const uint8_t *cleared = hy_arena_zalloc(arena, 500);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(cleared[i], 0);
    }
    hy_arena_free(arena);
}

static void an_arena_gives_its_limit_and_not_a_byte_more(void **state) {
    (void)state;
    static const size_t limits[] = {0, 1, 100, 16 * 1024, 16 * 1024 + 1, 300000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct hy_arena *arena = hy_arena_new(limits[i]);
        assert_null(hy_arena_alloc(arena, limits[i] + 1));
        if (limits[i] > 0) assert_non_null(hy_arena_alloc(arena, limits[i]));
        assert_null(hy_arena_alloc(arena, 1));
        assert_null(hy_arena_alloc(arena, SIZE_MAX));
        assert_int_equal(hy_arena_used(arena), limits[i]);
        hy_arena_free(arena);
    }
}

static void many_small_pieces_stay_within_the_limit_too(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(100000);
    size_t n = 0;
    while (hy_arena_alloc(arena, 16) != NULL) {
        n++;
    }
    assert_true(n > 6000 && n <= 100000 / 16);
    assert_true(hy_arena_used(arena) <= 100000);
    hy_arena_free(arena);
}

static void a_reset_arena_gives_as_much_again(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(1 << 20);
    size_t first = 0;
    for (int round = 0; round < 5; round++) {
        size_t got = 0;
        while (hy_arena_alloc(arena, 1000) != NULL) {
            got++;
        }
        if (round == 0) first = got;
        assert_true(got >= first - first / 10);
        hy_arena_reset(arena);
        assert_int_equal(hy_arena_used(arena), 0);
    }
    hy_arena_free(arena);
}

static void copies_are_owned_and_ended(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(1 << 16);
    char source[] = "区政府";
    const char *copy = hy_arena_str(arena, source);
    source[0] = 'x';
    assert_string_equal(copy, "区政府");
    assert_string_equal(hy_arena_str(arena, NULL), "");
    assert_string_equal(hy_arena_strn(arena, "abcdef", 3), "abc");
    assert_string_equal(hy_arena_strn(arena, NULL, 0), "");
    assert_string_equal(hy_arena_fmt(arena, "%s-%05d", "case", 42), "case-00042");
    hy_arena_free(arena);
}

static void a_copy_beyond_the_limit_is_null(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(8);
    assert_null(hy_arena_str(arena, "12345678")); // the NUL has no room
    assert_null(hy_arena_fmt(arena, "%d", 12345678));
    assert_null(hy_arena_zalloc(arena, 9));
    assert_null(hy_arena_strn(arena, "", SIZE_MAX));
    assert_non_null(hy_arena_str(arena, "1234567"));
    hy_arena_free(arena);
    hy_arena_free(NULL);
}

static void protobuf_memory_comes_from_the_arena(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(1024);
    ProtobufCAllocator *pb = hy_arena_pb(arena);
    void *p = pb->alloc(pb->allocator_data, 1000);
    assert_non_null(p);
    pb->free(pb->allocator_data, p);
    assert_null(pb->alloc(pb->allocator_data, 1000)); // free gives nothing back: a record cannot churn past the limit
    hy_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_for_any_type),
        cmocka_unit_test(an_arena_gives_its_limit_and_not_a_byte_more),
        cmocka_unit_test(many_small_pieces_stay_within_the_limit_too),
        cmocka_unit_test(a_reset_arena_gives_as_much_again),
        cmocka_unit_test(copies_are_owned_and_ended),
        cmocka_unit_test(a_copy_beyond_the_limit_is_null),
        cmocka_unit_test(protobuf_memory_comes_from_the_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
