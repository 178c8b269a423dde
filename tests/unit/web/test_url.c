#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/web/url.h"

static void a_value_is_decoded_exactly_once(void **state) {
    (void)state;
    struct hy_web_target t;
    assert_int_equal(hy_web_target_parse("/p?a=%252B&b=%2B+%E5%9B%9E%E5%BA%94&c&=d&a=2", &t, NULL), HY_OK);
    assert_int_equal(t.n_query, 5);
    assert_string_equal(t.query[0].value, "%2B");
    assert_string_equal(t.query[1].value, "+ 回应");
    assert_string_equal(t.query[2].name, "c");
    assert_string_equal(t.query[2].value, "");
    assert_string_equal(t.query[3].name, "");
    assert_string_equal(t.query[4].value, "2");
    hy_web_target_free(&t);
}

static void a_plus_in_a_path_stays_a_plus(void **state) {
    (void)state;
    struct hy_web_target t;
    assert_int_equal(hy_web_target_parse("/a+b/%F0%9F%98%80%2Fx", &t, NULL), HY_OK);
    assert_string_equal(t.segments[0], "a+b");
    assert_string_equal(t.segments[1], "😀/x");
    assert_string_equal(t.path, "/a+b/%F0%9F%98%80%2Fx");
    hy_web_target_free(&t);
}

static void a_malformed_target_is_refused_whole(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",         "*",         "http://x/",  "/a%",   "/a%4",   "/a%zz",     "/a%00",
        "/%ff",     "/%c0%af",   "/%ed%a0%80", "/../x", "/a/./b", "/%2e%2e/x", "/a?x=%00",
        "/a?x=%gg", "/a?%e4%b8", "/a b",       "/a#b",  "/a\x01", "/\x7f",     "/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct hy_web_target t;
        struct hy_error err = {0};
        if (hy_web_target_parse(bad[i], &t, &err) == HY_OK) fail_msg("taken: %s", bad[i]);
        assert_true(err.text[0] != '\0');
    }
}

static void too_many_pairs_are_refused(void **state) {
    (void)state;
    char text[512] = "/x?";
    for (int i = 0; i < HY_WEB_QUERY_MAX + 1; i++)
        strcat(text, "a=1&");
    struct hy_web_target t;
    assert_int_equal(hy_web_target_parse(text, &t, NULL), HY_ETOOBIG);
}

static void a_pattern_takes_whole_segments(void **state) {
    (void)state;
    struct hy_web_target t;
    assert_int_equal(hy_web_target_parse("/v1/cases/AB%20C/act", &t, NULL), HY_OK);
    assert_true(hy_web_pattern_match("/v1/cases/{id}/act", &t));
    assert_true(hy_web_pattern_match("/v1/*", &t));
    assert_true(hy_web_pattern_match("/*", &t));
    assert_false(hy_web_pattern_match("/v1/cases/{id}", &t));
    assert_false(hy_web_pattern_match("/v1/cases/{id}/act/more", &t));
    assert_false(hy_web_pattern_match("/v1/case/{id}/act", &t));
    assert_string_equal(hy_web_pattern_param("/v1/cases/{id}/act", &t, "id"), "AB C");
    assert_null(hy_web_pattern_param("/v1/cases/{id}/act", &t, "i"));
    hy_web_target_free(&t);
    assert_int_equal(hy_web_target_parse("/v1/cases/", &t, NULL), HY_OK);
    assert_false(hy_web_pattern_match("/v1/cases/{id}", &t));
    assert_false(hy_web_pattern_match("/v1/cases", &t));
    hy_web_target_free(&t);
    assert_int_equal(hy_web_target_parse("/", &t, NULL), HY_OK);
    assert_true(hy_web_pattern_match("/", &t));
    hy_web_target_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_decoded_exactly_once),     cmocka_unit_test(a_plus_in_a_path_stays_a_plus),
        cmocka_unit_test(a_malformed_target_is_refused_whole), cmocka_unit_test(too_many_pairs_are_refused),
        cmocka_unit_test(a_pattern_takes_whole_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
