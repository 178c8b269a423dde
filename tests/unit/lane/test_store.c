// The state of a partition: what a record writes counts with its record, what a transaction writes with the
// transaction.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/lane/store.h"

static void put(struct hy_store *store, const char *key, const char *value) {
    assert_int_equal(hy_store_put(store, hy_bytes_of(key), hy_bytes_of(value)), HY_OK);
}

static void drop(struct hy_store *store, const char *key) {
    assert_int_equal(hy_store_delete(store, hy_bytes_of(key)), HY_OK);
}

static void expect(const struct hy_store *store, const char *key, const char *value) {
    const struct hy_map_entry *entry = hy_store_get(store, hy_bytes_of(key));
    if (value == NULL) {
        assert_null(entry);
        return;
    }
    assert_non_null(entry);
    assert_true(hy_bytes_equal(hy_map_value(entry), hy_bytes_of(value)));
}

static int count_one(void *opaque, struct hy_bytes key, struct hy_bytes value) {
    (void)key;
    (void)value;
    ++*(size_t *)opaque;
    return 0;
}

static void expect_keys(const struct hy_store *store, size_t n) {
    size_t seen = 0;
    assert_int_equal(hy_store_each(store, count_one, &seen), 0);
    assert_int_equal(seen, n);
    assert_int_equal(store->keys, n);
}

static void what_a_failed_record_wrote_is_taken_back(void **state) {
    (void)state;
    struct hy_store store = {0};
    put(&store, "a", "1");
    put(&store, "b", "1");
    hy_store_keep(&store);
    put(&store, "a", "2");
    put(&store, "a", "3");
    drop(&store, "b");
    put(&store, "b", "4");
    drop(&store, "b");
    put(&store, "c", "5");
    drop(&store, "nothing");
    expect_keys(&store, 2);
    hy_store_undo(&store);
    expect(&store, "a", "1");
    expect(&store, "b", "1");
    expect(&store, "c", NULL);
    expect_keys(&store, 2);
    hy_store_free(&store);
}

static void an_aborted_transaction_leaves_the_known_good_state(void **state) {
    (void)state;
    struct hy_store store = {0};
    put(&store, "a", "1");
    hy_store_keep(&store);
    assert_int_equal(hy_store_commit(&store), HY_OK);
    put(&store, "a", "2");
    hy_store_keep(&store);
    drop(&store, "a");
    put(&store, "b", "1");
    hy_store_keep(&store);
    expect(&store, "a", NULL);
    expect_keys(&store, 1);
    hy_store_abort(&store);
    expect(&store, "a", "1");
    expect(&store, "b", NULL);
    expect_keys(&store, 1);
    hy_store_free(&store);
}

static void a_committed_transaction_becomes_the_state(void **state) {
    (void)state;
    struct hy_store store = {0};
    for (int round = 0; round < 3; round++) {
        put(&store, "kept", round == 0 ? "x" : "y");
        put(&store, "gone", "z");
        hy_store_keep(&store);
        drop(&store, "gone");
        hy_store_keep(&store);
        assert_int_equal(hy_store_commit(&store), HY_OK);
        expect(&store, "kept", round == 0 ? "x" : "y");
        expect(&store, "gone", NULL);
        expect_keys(&store, 1);
        assert_int_equal(store.overlay.n, 0);
        assert_int_equal(store.base.n, 1);
    }
    hy_store_free(&store);
}

static void a_borrowed_value_lives_until_its_record_ends(void **state) {
    (void)state;
    struct hy_store store = {0};
    put(&store, "a", "first");
    hy_store_keep(&store);
    struct hy_bytes old = hy_map_value(hy_store_get(&store, hy_bytes_of("a")));
    put(&store, "a", "second");
    assert_memory_equal(old.data, "first", 5); // a sanitizer build would see a freed one
    hy_store_keep(&store);
    hy_store_free(&store);
}

enum { KEYS = 300, STEPS = 60000 };

// A plain array beside it: what is known good, what the transaction changed, what the record changed.
struct shadow {
    int good[KEYS], open[KEYS], record[KEYS]; // 0 = no such key
};

static uint32_t next(uint32_t *seed) {
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static void agree(const struct hy_store *store, const struct shadow *shadow) {
    size_t live = 0;
    for (int k = 0; k < KEYS; k++) {
        char key[16], value[16];
        snprintf(key, sizeof key, "key-%d", k);
        snprintf(value, sizeof value, "%d", shadow->record[k]);
        expect(store, key, shadow->record[k] == 0 ? NULL : value);
        live += shadow->record[k] != 0;
    }
    expect_keys(store, live);
}

static void random_step(struct hy_store *store, struct shadow *shadow, uint32_t *seed) {
    uint32_t what = next(seed) % 100;
    int k = (int)(next(seed) % KEYS);
    char key[16], value[16];
    snprintf(key, sizeof key, "key-%d", k);
    if (what < 60) {
        shadow->record[k] = 1 + (int)(next(seed) % 1000);
        snprintf(value, sizeof value, "%d", shadow->record[k]);
        put(store, key, value);
    } else if (what < 80) {
        shadow->record[k] = 0;
        drop(store, key);
    } else if (what < 90) {
        hy_store_keep(store);
        memcpy(shadow->open, shadow->record, sizeof shadow->open);
    } else if (what < 96) {
        hy_store_undo(store);
        memcpy(shadow->record, shadow->open, sizeof shadow->open);
    } else if (what < 98) {
        hy_store_keep(store);
        assert_int_equal(hy_store_commit(store), HY_OK);
        memcpy(shadow->open, shadow->record, sizeof shadow->open);
        memcpy(shadow->good, shadow->record, sizeof shadow->good);
    } else {
        hy_store_abort(store);
        memcpy(shadow->open, shadow->good, sizeof shadow->open);
        memcpy(shadow->record, shadow->good, sizeof shadow->record);
    }
}

static void random_changes_agree_with_a_plain_array(void **state) {
    (void)state;
    struct hy_store store = {0};
    struct shadow shadow = {0};
    uint32_t seed = 20261122;
    for (int i = 0; i < STEPS; i++) {
        random_step(&store, &shadow, &seed);
        if (i % 97 == 0) agree(&store, &shadow);
    }
    hy_store_free(&store);
}

static void a_restored_state_is_what_the_log_says(void **state) {
    (void)state;
    struct hy_store store = {0};
    assert_int_equal(hy_store_load(&store, hy_bytes_of("a"), hy_bytes_of("1"), false), HY_OK);
    assert_int_equal(hy_store_load(&store, hy_bytes_of("b"), hy_bytes_of("1"), false), HY_OK);
    assert_int_equal(hy_store_load(&store, hy_bytes_of("a"), hy_bytes_of("2"), false), HY_OK);
    assert_int_equal(hy_store_load(&store, hy_bytes_of("b"), (struct hy_bytes){0}, true), HY_OK);
    assert_int_equal(hy_store_load(&store, hy_bytes_of("never"), (struct hy_bytes){0}, true), HY_OK);
    expect(&store, "a", "2");
    expect(&store, "b", NULL);
    expect_keys(&store, 1);
    hy_store_free(&store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_failed_record_wrote_is_taken_back),
        cmocka_unit_test(an_aborted_transaction_leaves_the_known_good_state),
        cmocka_unit_test(a_committed_transaction_becomes_the_state),
        cmocka_unit_test(a_borrowed_value_lives_until_its_record_ends),
        cmocka_unit_test(random_changes_agree_with_a_plain_array),
        cmocka_unit_test(a_restored_state_is_what_the_log_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
