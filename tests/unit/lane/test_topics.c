// The one topics table says what design section 3 decided.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/lane/topics.h"

#define DAYS(n) ((int64_t)(n)*24 * 3600 * 1000)

static void every_topic_has_the_count_and_retention_that_were_decided(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int32_t partitions;
        int64_t retention;
        bool compacted;
    } WANTED[] = {
        {"hy.posts", 8, DAYS(30), false},     {"hy.comments", 8, DAYS(30), false},
        {"hy.signals", 8, DAYS(30), false},   {"hy.sightings", 4, DAYS(30), false},
        {"hy.subjects", 4, -1, true},         {"hy.watch", 4, -1, true},
        {"hy.commands", 16, DAYS(30), false}, {"hy.cases", 16, -1, true},
        {"hy.journal", 16, -1, false},        {"hy.content", 16, -1, true},
        {"hy.registry", 1, -1, true},         {"hy.work.shuiwu", 1, DAYS(30), false},
        {"hy.dead", 4, DAYS(180), false},
    };
    size_t n;
    hy_topics(&n);
    assert_int_equal(n, sizeof WANTED / sizeof *WANTED);
    for (size_t i = 0; i < n; i++) {
        const struct hy_topic *topic = hy_topic_find(WANTED[i].name);
        assert_non_null(topic);
        assert_int_equal(topic->partitions, WANTED[i].partitions);
        assert_int_equal(topic->retention_ms, WANTED[i].retention);
        assert_int_equal(topic->compacted, WANTED[i].compacted);
        assert_true(strlen(topic->description) > 10 && strlen(topic->value) > 0 && strlen(topic->key) > 0);
    }
}

static void only_commands_are_stamped_by_the_broker(void **state) {
    (void)state;
    size_t n;
    const struct hy_topic *topics = hy_topics(&n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(topics[i].log_append_time, strcmp(topics[i].name, "hy.commands") == 0);
}

static void a_name_that_is_not_in_the_table_is_not_found(void **state) {
    (void)state;
    static const char *const BAD[] = {"",          "hy.case",     "hy.cases2",   "t1.hy.cases", "hy.work.",
                                      "hy.work.A", "hy.work.a/b", "hy.work.a b", "hy.work.水务"};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
        assert_null(hy_topic_find(BAD[i]));
}

static void a_department_code_is_short_and_plain(void **state) {
    (void)state;
    assert_true(hy_topic_dept_valid("wangxinban"));
    assert_true(hy_topic_dept_valid("dept-7_a"));
    char longest[66];
    memset(longest, 'a', sizeof longest);
    longest[64] = '\0';
    assert_true(hy_topic_dept_valid(longest));
    longest[64] = 'a';
    longest[65] = '\0';
    assert_false(hy_topic_dept_valid(longest));
    assert_false(hy_topic_dept_valid(""));
    assert_false(hy_topic_dept_valid("a.b"));
}

static void the_prefix_stands_before_the_name(void **state) {
    (void)state;
    char full[HY_TOPIC_NAME_SIZE];
    assert_string_equal(hy_topic_full("t1.", "hy.cases", full), "t1.hy.cases");
    assert_string_equal(hy_topic_full(NULL, "hy.cases", full), "hy.cases");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_topic_has_the_count_and_retention_that_were_decided),
        cmocka_unit_test(only_commands_are_stamped_by_the_broker),
        cmocka_unit_test(a_name_that_is_not_in_the_table_is_not_found),
        cmocka_unit_test(a_department_code_is_short_and_plain),
        cmocka_unit_test(the_prefix_stands_before_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
