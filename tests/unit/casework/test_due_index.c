// What time alone does to a case must come up when its time has come, once, and not before.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "consumers/casework/due_index.h"

static void set(struct due_index *index, const char *key, int64_t at) {
    assert_int_equal(due_index_set(index, hy_bytes_of(key), at), HY_OK);
}

static void expect_first(struct due_index *index, int64_t now, const char *key) {
    struct hy_bytes found = {0};
    bool any = due_index_first(index, now, &found);
    assert_int_equal(any, key != NULL);
    if (key) assert_true(hy_bytes_equal(found, hy_bytes_of(key)));
}

static void the_soonest_key_comes_first_and_none_before_its_time(void **state) {
    (void)state;
    struct due_index *index = due_index_new();
    set(index, "late", 300);
    set(index, "soon", 100);
    expect_first(index, 99, NULL);
    expect_first(index, 100, "soon");
    expect_first(index, 1000, "soon"); // stays until it is set again
    set(index, "soon", 500);
    expect_first(index, 1000, "late");
    set(index, "late", INT64_MAX);
    expect_first(index, 1000, "soon");
    set(index, "soon", INT64_MAX);
    expect_first(index, 1000, NULL);
    assert_int_equal(due_index_keys(index), 0);
    due_index_free(index);
}

static void a_key_that_moves_often_does_not_fill_the_memory(void **state) {
    (void)state;
    struct due_index *index = due_index_new();
    for (int64_t i = 0; i < 100000; i++)
        set(index, "moving", 1000000 + i);
    assert_int_equal(due_index_keys(index), 1);
    expect_first(index, 1099998, NULL);
    expect_first(index, 1099999, "moving");
    due_index_free(index);
}

// Against a plain array, over random moves.
static void it_agrees_with_a_search_through_all(void **state) {
    (void)state;
    enum { KEYS = 60, MOVES = 20000 };
    int64_t truth[KEYS];
    struct due_index *index = due_index_new();
    srand(7);
    for (int k = 0; k < KEYS; k++)
        truth[k] = INT64_MAX;
    for (int i = 0; i < MOVES; i++) {
        char key[16];
        int k = rand() % KEYS;
        truth[k] = rand() % 5 == 0 ? INT64_MAX : rand() % 1000;
        snprintf(key, sizeof key, "k%d", k);
        set(index, key, truth[k]);
        int64_t now = rand() % 1000;
        int64_t least = INT64_MAX;
        for (int j = 0; j < KEYS; j++)
            least = truth[j] < least ? truth[j] : least;
        struct hy_bytes found = {0};
        bool any = due_index_first(index, now, &found);
        assert_int_equal(any, least <= now);
        if (any) assert_int_equal(truth[atoi((const char *)found.data + 1)], least);
    }
    due_index_free(index);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_soonest_key_comes_first_and_none_before_its_time),
        cmocka_unit_test(a_key_that_moves_often_does_not_fill_the_memory),
        cmocka_unit_test(it_agrees_with_a_search_through_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
