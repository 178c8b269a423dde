// The expected values were computed with another implementation (Python's hashlib) from the words of id.h and
// docs/contract.md: a change here means that stored ids no longer match.
#include <pthread.h>

#include "tests/unit/base/unit.h"

#include "lib/base/id.h"
#include "lib/base/random.h"

static void check_hex(const uint8_t hash[32], const char *expected) {
    char hex[65];
    for (int i = 0; i < 32; i++) {
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    }
    assert_string_equal(hex, expected);
}

static void sha256_gives_the_published_values(void **state) {
    (void)state;
    uint8_t hash[32];
    hy_sha256(hy_bytes_of(NULL), hash);
    check_hex(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hy_sha256(hy_bytes_of("abc"), hash);
    check_hex(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    static char million[1000000];
    memset(million, 'a', sizeof million);
    hy_sha256(hy_bytes_from(million, sizeof million), hash);
    check_hex(hash, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void fields_are_kept_apart_by_their_lengths(void **state) {
    (void)state;
    uint8_t hash[32];
    hy_hash_fields(NULL, 0, hash);
    check_hex(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    struct hy_bytes one[] = {hy_bytes_of("a"), hy_bytes_of("bc")};
    hy_hash_fields(one, 2, hash);
    check_hex(hash, "b534ce16ac9c8b36823f39a395ce8e0e3c7ad9605b82b5444f18cadacd217a5d");
    struct hy_bytes other[] = {hy_bytes_of("ab"), hy_bytes_of("c")};
    hy_hash_fields(other, 2, hash);
    check_hex(hash, "f2939f903016e5bb29b1e4a61cdbd376220ca03a24180b39995f2d50f2e0a647");
    struct hy_bytes odd[] = {hy_bytes_of(NULL), hy_bytes_from("\0a", 2)};
    hy_hash_fields(odd, 2, hash);
    check_hex(hash, "3956bbb85d296416834778505128763a15996a68de38bc76dfe1977af9cee7b0");
}

static void fields_of_any_length_are_hashed_with_their_lengths_before_them(void **state) {
    (void)state;
    enum { FIELDS = 3, MOST = 600 };
    static const size_t lengths[] = {0, 1, 3, 80, 251, 252, 253, 255, 256, 257, 300, MOST};
    enum { N = sizeof lengths / sizeof *lengths };
    uint8_t text[MOST], whole[FIELDS * (4 + MOST)], expected[32], hash[32];
    for (size_t i = 0; i < MOST; i++) {
        text[i] = (uint8_t)(i * 7);
    }
    for (size_t a = 0; a < N * N * N; a++) {
        const size_t take[FIELDS] = {lengths[a % N], lengths[a / N % N], lengths[a / N / N]};
        struct hy_bytes fields[FIELDS];
        size_t at = 0;
        for (size_t i = 0; i < FIELDS; i++) {
            fields[i] = hy_bytes_from(text, take[i]);
            const uint8_t prefix[4] = {0, 0, (uint8_t)(take[i] >> 8), (uint8_t)take[i]};
            memcpy(whole + at, prefix, 4);
            memcpy(whole + at + 4, text, take[i]);
            at += 4 + take[i];
        }
        hy_sha256(hy_bytes_from(whole, at), expected);
        hy_hash_fields(fields, FIELDS, hash);
        assert_memory_equal(hash, expected, sizeof hash);
    }
}

static void *hash_often(void *out) {
    for (int i = 0; i < 2000; i++) {
        hy_id_strings(out, 2, "event", i % 2 == 0 ? "a" : "b");
    }
    return NULL;
}

static void threads_hash_beside_each_other(void **state) {
    (void)state;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    char ids[THREADS][HY_ID_SIZE], expected[HY_ID_SIZE];
    hy_id_strings(expected, 2, "event", "b");
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hash_often, ids[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_string_equal(ids[i], expected);
    }
}

static void ids_are_the_same_for_ever(void **state) {
    (void)state;
    char event[HY_ID_SIZE], dossier[HY_ID_SIZE], id[HY_ID_SIZE], receipt[HY_RECEIPT_SIZE];
    hy_event_id("wechat", "gh_0a1b2c3d4e5f", "23456789012345678", "COMMENT", event);
    assert_string_equal(event, "A9MHFZPTNSXY8ZSCBH5DM9KJ3T");
    hy_dossier_id("wechat", "gh_0a1b2c3d4e5f", "oABC_def-123", dossier);
    assert_string_equal(dossier, "CZ8XWBMH98ZN7KJX47TAN4V3GV");
    hy_case_id(dossier, "wechat", "gh_0a1b2c3d4e5f", "23456789012345678", id);
    assert_string_equal(id, "X8JW2XWFQZ28BJ0RAGG4VPBX13");
    assert_true(hy_member_hash(event) == 0x230667b6c51fa12au);
    hy_receipt_number(event, receipt);
    assert_string_equal(receipt, "ETGJ-4PV8-8SPZ-R8ND");
}

static void ids_take_any_text(void **state) {
    (void)state;
    char id[HY_ID_SIZE];
    hy_event_id("12345热线", "市政府办公室", "工单-2026-0001", "TICKET", id);
    assert_string_equal(id, "SYSMYXXEJYEHMGSTHQNAGFQ67K");
    hy_event_id("weibo", "𠮷", "1", "COMMENT", id);
    assert_string_equal(id, "VXX197ZX3155X5153GQEZTE7GY");
    hy_event_id(NULL, NULL, "", NULL, id);
    assert_string_equal(id, "04WC3PV3CD6R2JK3DS0AD9DR6P");
    hy_id_strings(id, 3, "a", "b", "c");
    assert_string_equal(id, "VC58Q4GD8BR79C57BRW270YK3Z");
    hy_id_strings(id, 0);
    assert_string_equal(id, "WERC8GMRZGE196QVYK49JVXS4G");
}

static void only_ids_are_valid_ids(void **state) {
    (void)state;
    assert_true(hy_id_valid("A9MHFZPTNSXY8ZSCBH5DM9KJ3T"));
    static const char *const bad[] = {"",
                                      "A9MHFZPTNSXY8ZSCBH5DM9KJ3",
                                      "A9MHFZPTNSXY8ZSCBH5DM9KJ3TT",
                                      "a9MHFZPTNSXY8ZSCBH5DM9KJ3T",
                                      "I9MHFZPTNSXY8ZSCBH5DM9KJ3T",
                                      "L9MHFZPTNSXY8ZSCBH5DM9KJ3T",
                                      "O9MHFZPTNSXY8ZSCBH5DM9KJ3T",
                                      "U9MHFZPTNSXY8ZSCBH5DM9KJ3T",
                                      " 9MHFZPTNSXY8ZSCBH5DM9KJ3T"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(hy_id_valid(bad[i]));
    }
    assert_false(hy_id_valid(NULL));
}

static void random_bytes_differ(void **state) {
    (void)state;
    uint8_t a[64] = {0}, b[64] = {0};
    assert_int_equal(hy_random(a, sizeof a), HY_OK);
    assert_int_equal(hy_random(b, sizeof b), HY_OK);
    assert_memory_not_equal(a, b, sizeof a);
    assert_int_equal(hy_random(NULL, 0), HY_OK);
}

static void secrets_are_compared_whole(void **state) {
    (void)state;
    assert_true(hy_equal_secret(hy_bytes_of("token"), hy_bytes_of("token")));
    assert_false(hy_equal_secret(hy_bytes_of("token"), hy_bytes_of("tokem")));
    assert_false(hy_equal_secret(hy_bytes_of("token"), hy_bytes_of("toke")));
    assert_false(hy_equal_secret(hy_bytes_from("a\0b", 3), hy_bytes_from("a\0c", 3)));
    assert_true(hy_equal_secret(hy_bytes_of(NULL), hy_bytes_of("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_values),
        cmocka_unit_test(fields_are_kept_apart_by_their_lengths),
        cmocka_unit_test(fields_of_any_length_are_hashed_with_their_lengths_before_them),
        cmocka_unit_test(threads_hash_beside_each_other),
        cmocka_unit_test(ids_are_the_same_for_ever),
        cmocka_unit_test(ids_take_any_text),
        cmocka_unit_test(only_ids_are_valid_ids),
        cmocka_unit_test(random_bytes_differ),
        cmocka_unit_test(secrets_are_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
