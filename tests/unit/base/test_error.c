#include "tests/unit/base/unit.h"

#include "lib/base/error.h"

static void every_code_has_a_name_and_a_text_of_its_own(void **state) {
    (void)state;
    for (int code = -1; code >= -HY_ORDINAL_COUNT; code--) {
        assert_int_equal(strncmp(hy_error_name(code), "HY_E", 4), 0);
        assert_true(strlen(hy_error_text(code)) > 3);
        for (int other = -1; other > code; other--) {
            assert_string_not_equal(hy_error_name(code), hy_error_name(other));
            assert_string_not_equal(hy_error_text(code), hy_error_text(other));
        }
    }
    assert_string_equal(hy_error_name(HY_EINVALID), "HY_EINVALID");
    assert_string_equal(hy_error_name(HY_EINTERNAL), "HY_EINTERNAL");
    assert_string_equal(hy_error_text(HY_EINTERNAL), "internal fault");
}

static void what_is_no_code_is_named_so(void **state) {
    (void)state;
    assert_string_equal(hy_error_name(0), "HY_OK");
    assert_string_equal(hy_error_name(1), "HY_E?");
    assert_string_equal(hy_error_name(-HY_ORDINAL_COUNT - 1), "HY_E?");
    assert_string_equal(hy_error_name(INT32_MIN), "HY_E?");
    assert_string_equal(hy_error_name(INT32_MAX), "HY_E?");
}

static void fail_returns_its_code_with_or_without_a_place_for_text(void **state) {
    (void)state;
    struct hy_error err;
    assert_int_equal(hy_fail(&err, HY_ERANGE, "page %d of %s", 7, "letters"), HY_ERANGE);
    assert_int_equal(err.code, HY_ERANGE);
    assert_string_equal(err.text, "page 7 of letters");
    assert_int_equal(hy_fail(NULL, HY_ERANGE, "page %d", 7), HY_ERANGE);
}

static void the_place_goes_before_the_reason_and_the_code_stays(void **state) {
    (void)state;
    struct hy_error err;
    (void)hy_fail(&err, HY_EFORMAT, "no colon");
    assert_int_equal(hy_fail_at(&err, "line %d", 3), HY_EFORMAT);
    assert_int_equal(hy_fail_at(&err, "pack.yaml"), HY_EFORMAT);
    assert_string_equal(err.text, "pack.yaml: line 3: no colon");
}

static void a_text_may_be_made_of_itself(void **state) {
    (void)state;
    struct hy_error err;
    (void)hy_fail(&err, HY_EIO, "disk");
    (void)hy_fail(&err, HY_EIO, "%s and %s", err.text, err.text);
    assert_string_equal(err.text, "disk and disk");
}

static void a_long_text_is_cut_between_characters(void **state) {
    (void)state;
    struct hy_buf zh = {0};
    for (int i = 0; i < 400; i++) {
        hy_buf_adds(&zh, i % 2 ? "区" : "𠮷");
    }
    for (int shift = 0; shift < 8; shift++) { // so that the cut falls at every byte of a character
        struct hy_error err;
        (void)hy_fail(&err, HY_EIO, "%.*s%s", shift, "aaaaaaaa", zh.data);
        size_t len = strlen(err.text);
        assert_true(len > sizeof err.text - 6 && len < sizeof err.text);
        assert_true(hy_utf8_valid(hy_bytes_of(err.text)));
        (void)hy_fail_at(&err, "%s", "place");
        assert_true(hy_utf8_valid(hy_bytes_of(err.text)));
        (void)hy_fail_at(&err, "%.*s%s", shift, "aaaaaaaa", zh.data);
        assert_true(hy_utf8_valid(hy_bytes_of(err.text)));
    }
    hy_buf_free(&zh);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_name_and_a_text_of_its_own),
        cmocka_unit_test(what_is_no_code_is_named_so),
        cmocka_unit_test(fail_returns_its_code_with_or_without_a_place_for_text),
        cmocka_unit_test(the_place_goes_before_the_reason_and_the_code_stays),
        cmocka_unit_test(a_text_may_be_made_of_itself),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
