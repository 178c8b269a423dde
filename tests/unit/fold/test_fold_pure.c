// The parts of lib/fold that need no server: where a fold goes on, which topics it wants, addresses, the timers' bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/id.h"
#include "lib/fold/fold_parts.h"
#include "lib/fold/redis_url.h"
#include "lib/fold/timers_codec.h"

static void a_position_is_judged_by_log_id_first_then_by_the_ends_of_the_log(void **state) {
    (void)state;
    static const struct {
        struct hy_fold_position stored;
        int64_t low, high;
        int seen;
        enum hy_fold_verdict verdict;
        enum hy_fold_reset why;
    } rows[] = {
        {{"A", -1}, 0, 10, 0, HY_FOLD_FROM_START, HY_FOLD_RESET_FIRST},
        {{"A", 5}, 0, 10, 0, HY_FOLD_GO_ON, 0},
        {{"A", 0}, 0, 0, 0, HY_FOLD_GO_ON, 0},
        {{"A", 10}, 0, 10, 0, HY_FOLD_GO_ON, 0},
        {{"B", 5}, 0, 10, 0, HY_FOLD_FROM_START, HY_FOLD_RESET_LOG},
        {{"B", 50}, 0, 10, 0, HY_FOLD_FROM_START, HY_FOLD_RESET_LOG},
        {{"A", 4}, 5, 10, 0, HY_FOLD_FROM_START, HY_FOLD_RESET_BELOW},
        {{"A", 11}, 0, 10, 0, HY_FOLD_LOOK_AGAIN, HY_FOLD_RESET_BEYOND},
        {{"A", 11}, 0, 10, 1, HY_FOLD_LOOK_AGAIN, HY_FOLD_RESET_BEYOND},
        {{"A", 11}, 0, 10, 2, HY_FOLD_FROM_START, HY_FOLD_RESET_BEYOND},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        enum hy_fold_reset why = 0;
        assert_int_equal(hy_fold_judge(&rows[i].stored, "A", rows[i].low, rows[i].high, rows[i].seen, &why),
                         rows[i].verdict);
        assert_int_equal(why, rows[i].why);
    }
}

static void a_name_is_wanted_whole_and_a_prefix_by_its_star(void **state) {
    (void)state;
    const char *const wanted[] = {"hy.cases", "hy.work.*"};
    assert_true(hy_fold_wants(wanted, 2, "hy.cases"));
    assert_true(hy_fold_wants(wanted, 2, "hy.work.water"));
    assert_false(hy_fold_wants(wanted, 2, "hy.cases2"));
    assert_false(hy_fold_wants(wanted, 2, "hy.case"));
    assert_false(hy_fold_wants(wanted, 2, "hy.work"));
    assert_false(hy_fold_wants(wanted, 0, "hy.cases"));
}

static void partitions_are_found_by_topic_and_number_and_shut_ones_wait(void **state) {
    (void)state;
    struct hy_fold_parts parts = {0};
    for (int i = 0; i < 40; i++)
        assert_non_null(hy_fold_parts_add(&parts, i % 2 ? "hy.cases" : "hy.journal", i));
    struct hy_fold_part *part = hy_fold_parts_find(&parts, "hy.cases", 39);
    assert_int_equal(part->partition, 39);
    assert_null(hy_fold_parts_find(&parts, "hy.cases", 38));
    part->open = part->in_batch = part->caught_up = true;
    hy_fold_part_shut(part, 1000);
    assert_false(part->open || part->in_batch || part->caught_up);
    assert_true(part->retry_at_ms > 1000 && part->retry_at_ms <= 1050);
    hy_fold_parts_clear(&parts);
    assert_null(hy_fold_parts_find(&parts, "hy.cases", 39));
    hy_fold_parts_free(&parts);
    assert_string_equal(hy_fold_reset_name(HY_FOLD_RESET_STORE), "store");
    assert_string_equal(hy_fold_reset_name((enum hy_fold_reset)99), "?");
}

static void addresses_of_redis_are_read_or_refused_with_the_reason(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is_unix;
        const char *host;
        int port, db;
    } good[] = {
        {"redis://127.0.0.1:6380/2", false, "127.0.0.1", 6380, 2},
        {"redis://redis.local", false, "redis.local", 6379, 0},
        {"redis://redis.local/", false, "redis.local", 6379, 0},
        {"redis://[::1]:7000", false, "::1", 7000, 0},
        {"redis://[fe80::1]", false, "fe80::1", 6379, 0},
        {"unix:///run/redis.sock", true, "/run/redis.sock", 6379, 0},
        {"unix:///run/redis.sock?db=3", true, "/run/redis.sock", 6379, 3},
    };
    static const char *const bad[] = {"",
                                      "127.0.0.1:6379",
                                      "redis://",
                                      "redis://:6379",
                                      "redis://h:0",
                                      "redis://h:65536",
                                      "redis://h:12x",
                                      "redis://h:123456789",
                                      "redis://h/x",
                                      "redis://h/-1",
                                      "redis://user:secret@h",
                                      "rediss://h",
                                      "unix://run/redis.sock",
                                      "unix:///a?db=x",
                                      "unix:///a?name=1",
                                      "http://h"};
    struct hy_redis_url url;
    struct hy_error err = {0};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(hy_redis_url_parse(good[i].text, &url, &err), 0);
        assert_int_equal(url.is_unix, good[i].is_unix);
        assert_string_equal(url.host, good[i].host);
        assert_int_equal(url.port, good[i].port);
        assert_int_equal(url.db, good[i].db);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(hy_redis_url_parse(bad[i], &url, &err), HY_EINVALID);
        assert_null(strstr(err.text, "secret"));
    }
    assert_int_equal(hy_redis_url_parse(NULL, &url, NULL), HY_EINVALID);
}

static void ids_come_back_from_their_bytes_and_ours_take_seventeen(void **state) {
    (void)state;
    static const char *const texts[] = {
        "00000000000000000000000000", "ZZZZZZZZZZZZZZZZZZZZZZZZZZ", "0123456789ABCDEFGHJKMNPQRS", "x", "老街区/停水#3",
        "0123456789abcdefghjkmnpqrs"}; // lower case is not one of ours
    char back[HY_TIMER_ID_MAX + 1], ours[HY_ID_SIZE];
    size_t used;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct hy_buf packed = {0};
        assert_int_equal(hy_timer_id_pack(texts[i], &packed), 0);
        assert_int_equal(hy_timer_id_unpack(hy_buf_view(&packed), back, &used), 0);
        assert_string_equal(back, texts[i]);
        assert_int_equal(used, packed.len);
        assert_int_equal(packed.len == 17, hy_id_valid(texts[i]));
        hy_buf_free(&packed);
    }
    for (int i = 0; i < 1000; i++) {
        struct hy_buf packed = {0};
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        hy_id_strings(ours, 1, number);
        assert_int_equal(hy_timer_id_pack(ours, &packed), 0);
        assert_int_equal(hy_timer_id_unpack(hy_buf_view(&packed), back, &used), 0);
        assert_string_equal(back, ours);
        hy_buf_free(&packed);
    }
}

static void ids_that_cannot_be_are_refused_both_ways(void **state) {
    (void)state;
    char back[HY_TIMER_ID_MAX + 1], longest[HY_TIMER_ID_MAX + 2];
    size_t used;
    struct hy_buf packed = {0};
    memset(longest, 'x', sizeof longest);
    longest[HY_TIMER_ID_MAX + 1] = 0;
    assert_int_equal(hy_timer_id_pack("", &packed), HY_EINVALID);
    assert_int_equal(hy_timer_id_pack(longest, &packed), HY_EINVALID);
    static const struct {
        const char *data;
        size_t len;
    } bad[] = {{"", 0},          {"\xff", 1}, {"\xff\x02z", 3}, {"\xff\x00z", 3}, {"\xff\x02z\0", 4},
               {"\x01short", 6}, {"\x04", 1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(hy_timer_id_unpack(hy_bytes_from(bad[i].data, bad[i].len), back, &used), HY_EFORMAT);
    hy_buf_free(&packed);
}

static void a_clock_that_cannot_be_kept_is_refused_and_leaves_the_buffer_as_it_was(void **state) {
    (void)state;
    char name[HY_TIMER_NAME_MAX + 2];
    memset(name, 'n', sizeof name);
    name[HY_TIMER_NAME_MAX + 1] = 0;
    struct hy_timer bad[] = {{name, 1, 0, 1},
                             {"", 1, 0, 1},
                             {NULL, 1, 0, 1},
                             {"a\nb", 1, 0, 1},
                             {"a", 1, 128, 1},
                             {"a", 1, 0, -1},
                             {"a", 1, 0, HY_TIMER_DUE_MAX + 1}};
    static struct hy_timer_names names;
    struct hy_buf out = {0};
    struct hy_error err = {0};
    hy_buf_adds(&out, "before");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct hy_timer_case one = {.id = "C", .dossier = "D", .version = 1, .timers = &bad[i], .n = 1};
        assert_int_equal(hy_timer_case_pack(&one, &names, &out, &err), HY_EINVALID);
        assert_int_equal(out.len, 6);
    }
    struct hy_timer good = {"reply", UINT32_MAX, HY_TIMER_STAGE_MAX, HY_TIMER_DUE_MAX};
    struct hy_timer_case versions = {"C", "D", HY_TIMER_VERSION_MAX + 1, &good, 1};
    assert_int_equal(hy_timer_case_pack(&versions, &names, &out, &err), HY_EINVALID);
    struct hy_timer_case nobody = {"", "D", 1, &good, 1};
    assert_int_equal(hy_timer_case_pack(&nobody, &names, &out, &err), HY_EINVALID);
    assert_int_equal(out.len, 6);
    versions.version--;
    assert_int_equal(hy_timer_case_pack(&versions, &names, &out, &err), 0);
    hy_buf_free(&out);
}

static int pack_named(const char *clock, struct hy_timer_names *names, struct hy_buf *out) {
    struct hy_timer timer = {clock, 1, 0, 1};
    struct hy_timer_case one = {.id = "C", .dossier = "D", .version = 1, .timers = &timer, .n = 1};
    struct hy_error err = {0};
    hy_buf_clear(out);
    return hy_timer_case_pack(&one, names, out, &err);
}

static void clock_names_are_numbered_as_they_first_come_and_not_without_end(void **state) {
    (void)state;
    enum { CODE_AT = 4 + 4 + 4 }; // behind "C" packed, the version, "D" packed
    static struct hy_timer_names names;
    struct hy_buf out = {0};
    const char *const clocks[] = {"reply", "re", "reply", "forward", "re"};
    const uint8_t codes[] = {1, 2, 1, 3, 2};
    for (size_t i = 0; i < sizeof codes; i++) {
        assert_int_equal(pack_named(clocks[i], &names, &out), 0);
        assert_int_equal((uint8_t)out.data[CODE_AT], codes[i]);
    }
    assert_string_equal(names.text, "reply\nre\nforward");
    char name[HY_TIMER_NAME_MAX + 1];
    int rc = 0, n = 3;
    for (; rc == 0 && n <= 1000; n++) {
        snprintf(name, sizeof name, "clock-%d", n);
        rc = pack_named(name, &names, &out);
    }
    assert_int_equal(rc, HY_ETOOBIG);
    assert_int_equal(out.len, 0);
    assert_int_equal(n - 1, HY_TIMER_CODE_MAX);
    assert_int_equal(pack_named("forward", &names, &out), 0); // those that are there go on
    struct hy_timer_names copy;
    assert_int_equal(hy_timer_names_set(&copy, hy_bytes_of(names.text)), 0);
    assert_string_equal(copy.text, names.text);
    char *long_list = calloc(1, HY_TIMER_NAMES_MAX + 2);
    memset(long_list, 'n', HY_TIMER_NAMES_MAX + 1);
    assert_int_equal(hy_timer_names_set(&copy, hy_bytes_of(long_list)), HY_ETOOBIG);
    free(long_list);
    hy_buf_free(&out);
}

static void a_claims_answer_cut_anywhere_is_refused(void **state) {
    (void)state;
    // Built as the function builds it: the arguments of confirm share the layout of id and name.
    static const uint8_t whole[] = {3,   255, 1, 'C', 3, 255, 1, 'D', 5, 'r', 'e', 'p', 'l',
                                    'y', 7,   0, 0,   0, 2,   1, 0,   0, 0,   0,   1};
    struct hy_timer_fire fire;
    struct hy_error err = {0};
    assert_int_equal(hy_timer_fire_unpack(hy_bytes_from(whole, sizeof whole), &fire, &err), 0);
    assert_string_equal(fire.case_id, "C");
    assert_string_equal(fire.dossier, "D");
    assert_string_equal(fire.clock, "reply");
    assert_int_equal(fire.epoch, 7);
    assert_int_equal(fire.stage, 2);
    assert_int_equal(fire.due_ms, INT64_C(1) + (INT64_C(1) << 40));
    for (size_t len = 0; len < sizeof whole; len++) {
        uint8_t *cut = malloc(len + 1); // exact size, so that reading beyond is seen
        memcpy(cut, whole, len);
        assert_int_equal(hy_timer_fire_unpack(hy_bytes_from(cut, len), &fire, &err), HY_EFORMAT);
        free(cut);
    }
}

static void a_raw_record_is_taken_apart_and_a_broken_one_refused(void **state) {
    (void)state;
    static const uint8_t record[] = {9, 0, 0, 0, 3, 255, 1, 'D', 1, 2,   0, 0, 0, 1, 10, 0,
                                     0, 0, 0, 0, 2, 5,   0, 0,   0, 130, 7, 0, 0, 0, 0,  0};
    struct hy_timer_entry entries[2];
    uint32_t version;
    size_t n;
    assert_int_equal(hy_timer_record_unpack(hy_bytes_from(record, sizeof record), &version, entries, 2, &n), 0);
    assert_int_equal(version, 9);
    assert_int_equal(n, 2);
    assert_int_equal(entries[0].epoch, 2);
    assert_int_equal(entries[0].stage, 1);
    assert_int_equal(entries[0].due_ms, 10);
    assert_false(entries[0].claimed);
    assert_int_equal(entries[1].code, 2);
    assert_int_equal(entries[1].stage, 2);
    assert_true(entries[1].claimed);
    assert_int_equal(hy_timer_record_unpack(hy_bytes_from(record, sizeof record), &version, entries, 1, &n),
                     HY_EFORMAT);
    for (size_t len = 0; len < sizeof record; len++)
        if (len != 20)
            assert_int_equal(hy_timer_record_unpack(hy_bytes_from(record, len), &version, entries, 2, &n), HY_EFORMAT);
    char name[HY_TIMER_NAME_MAX + 1];
    struct hy_bytes names = hy_bytes_of("reply\nforward");
    assert_int_equal(hy_timer_name(names, 1, name), 0);
    assert_string_equal(name, "reply");
    assert_int_equal(hy_timer_name(names, 2, name), 0);
    assert_string_equal(name, "forward");
    assert_int_equal(hy_timer_name(names, 3, name), HY_EFORMAT);
    assert_int_equal(hy_timer_name(names, 0, name), HY_EFORMAT);
    assert_int_equal(hy_timer_name(hy_bytes_of(""), 1, name), HY_EFORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_position_is_judged_by_log_id_first_then_by_the_ends_of_the_log),
        cmocka_unit_test(a_name_is_wanted_whole_and_a_prefix_by_its_star),
        cmocka_unit_test(partitions_are_found_by_topic_and_number_and_shut_ones_wait),
        cmocka_unit_test(addresses_of_redis_are_read_or_refused_with_the_reason),
        cmocka_unit_test(ids_come_back_from_their_bytes_and_ours_take_seventeen),
        cmocka_unit_test(ids_that_cannot_be_are_refused_both_ways),
        cmocka_unit_test(a_clock_that_cannot_be_kept_is_refused_and_leaves_the_buffer_as_it_was),
        cmocka_unit_test(clock_names_are_numbered_as_they_first_come_and_not_without_end),
        cmocka_unit_test(a_claims_answer_cut_anywhere_is_refused),
        cmocka_unit_test(a_raw_record_is_taken_apart_and_a_broken_one_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
