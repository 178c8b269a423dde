#include "tests/unit/base/unit.h"

#include <sys/stat.h>

static void an_empty_view_equals_an_empty_view_wherever_it_points(void **state) {
    (void)state;
    assert_true(hy_bytes_equal(hy_bytes_of(NULL), hy_bytes_of("")));
    assert_true(hy_bytes_equal(hy_bytes_from("ab", 2), hy_bytes_of("ab")));
    assert_false(hy_bytes_equal(hy_bytes_from("a\0b", 3), hy_bytes_from("a\0c", 3)));
    assert_false(hy_bytes_equal(hy_bytes_of("a"), hy_bytes_of("ab")));
}

static void a_buffer_is_always_a_c_string_too(void **state) {
    (void)state;
    struct hy_buf buf = {0};
    for (int i = 0; i < 1000; i++) {
        hy_buf_add(&buf, "xy", 2);
        assert_int_equal(strlen(buf.data), buf.len);
    }
    hy_buf_adds(&buf, NULL);
    hy_buf_add(&buf, NULL, 0);
    assert_int_equal(buf.len, 2000);
    hy_buf_clear(&buf);
    assert_string_equal(buf.data, "");
    assert_true(hy_buf_ok(&buf));
    hy_buf_free(&buf);
    assert_null(buf.data);
    assert_int_equal(hy_buf_reserve(&buf, 0), HY_OK);
    assert_string_equal(buf.data, "");
    hy_buf_free(&buf);
}

static void formatted_text_of_any_length_is_kept_whole(void **state) {
    (void)state;
    struct hy_buf buf = {0};
    for (int n = 250; n < 260; n++) { // about the size of the small buffer inside
        hy_buf_clear(&buf);
        hy_buf_addf(&buf, "%0*d", n, 7);
        assert_int_equal(buf.len, n);
        assert_int_equal(strlen(buf.data), n);
    }
    hy_buf_clear(&buf);
    hy_buf_addf(&buf, "%0*d|", 5000, 1);
    hy_buf_addf(&buf, "%s", "end");
    assert_int_equal(buf.len, 5004);
    assert_string_equal(buf.data + 4999, "1|end");
    hy_buf_free(&buf);
}

static void growth_that_cannot_be_is_remembered_and_harms_nothing(void **state) {
    (void)state;
    struct hy_buf buf = {0};
    hy_buf_adds(&buf, "kept");
    assert_int_equal(hy_buf_reserve(&buf, SIZE_MAX), HY_ENOMEM);
    assert_false(hy_buf_ok(&buf));
    assert_int_equal(hy_buf_reserve(&buf, SIZE_MAX - 4), HY_ENOMEM);
    assert_string_equal(buf.data, "kept");
    hy_buf_clear(&buf);
    assert_true(hy_buf_ok(&buf));
    hy_buf_free(&buf);
}

static void utf8_is_what_rfc_3629_says(void **state) {
    (void)state;
    static const char *const good[] = {"",
                                       "a",
                                       "\x7F",
                                       "\xC2\x80",
                                       "\xDF\xBF",
                                       "\xE0\xA0\x80",
                                       "区",
                                       "\xED\x9F\xBF",
                                       "\xEE\x80\x80",
                                       "\xEF\xBF\xBF",
                                       "\xF0\x90\x80\x80",
                                       "𠮷",
                                       "\xF4\x8F\xBF\xBF",
                                       "a区𠮷b"};
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xC2",
                                      "\xC2\x41",
                                      "\xC2\xC2",
                                      "\xE0\x9F\xBF",
                                      "\xE5\x8C",
                                      "\xED\xA0\x80",
                                      "\xED\xBF\xBF",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF0\xA0\xAE",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "\xFE",
                                      ("a\xF0\xA0\xAE"
                                       "b")};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(hy_utf8_valid(hy_bytes_of(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(hy_utf8_valid(hy_bytes_of(bad[i])));
    }
    assert_false(hy_utf8_valid(hy_bytes_from("a\0b", 3)));
}

static void a_prefix_never_cuts_a_character(void **state) {
    (void)state;
    struct hy_bytes text = hy_bytes_of("a\xC2\xB5区𠮷z"); // 1 + 2 + 3 + 4 + 1
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};
    for (size_t max = 0; max < sizeof expected / sizeof *expected; max++) {
        assert_int_equal(hy_utf8_prefix(text, max), expected[max]);
    }
    assert_int_equal(hy_utf8_prefix(text, SIZE_MAX), 11);
    assert_int_equal(hy_utf8_prefix(hy_bytes_from("\x80\x80\x80\x80\x80", 5), 4), 4); // no lead to cut before
    assert_int_equal(hy_utf8_prefix(hy_bytes_of(NULL), 4), 0);
}

static void check_json(const char *text, size_t len, const char *expected) {
    struct hy_buf buf = {0};
    hy_buf_add_json(&buf, text, len);
    if (buf.data == NULL) hy_buf_adds(&buf, "");
    assert_string_equal(buf.data, expected);
    hy_buf_free(&buf);
}

// The runs of ASCII and of three bytes must judge as the step by single characters does.
static void a_character_is_judged_alike_wherever_it_stands(void **state) {
    (void)state;
    for (unsigned lead = 0xE0; lead <= 0xEF; lead++) {
        for (unsigned second = 0; second <= 0xFF; second++) {
            for (unsigned third = 0x7F; third <= 0xC0; third++) {
                const uint8_t text[] = {
                    'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', (uint8_t)lead, (uint8_t)second, (uint8_t)third,
                    'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p'};
                bool low = lead == 0xE0 ? second >= 0xA0 : second >= 0x80;
                bool high = lead == 0xED ? second <= 0x9F : second <= 0xBF;
                bool good = low && high && third >= 0x80 && third <= 0xBF;
                assert_int_equal(hy_utf8_valid(hy_bytes_from(text, sizeof text)), good);
                assert_int_equal(hy_utf8_valid(hy_bytes_from(text + 8, 3)), good);
            }
        }
    }
    for (size_t at = 0; at < 24; at++) {
        for (unsigned byte = 0; byte <= 0xFF; byte += 0x80) {
            uint8_t text[24];
            memset(text, 'a', sizeof text);
            text[at] = (uint8_t)byte;
            assert_false(hy_utf8_valid(hy_bytes_from(text, sizeof text)));
        }
    }
}

static void json_text_is_escaped_and_always_utf8(void **state) {
    (void)state;
    check_json("", 0, "");
    check_json("停水了 𠮷", strlen("停水了 𠮷"), "停水了 𠮷");
    check_json("\"\\\b\f\n\r\t/", 8, "\\\"\\\\\\b\\f\\n\\r\\t/");
    check_json("a\0b\x1F\x7F", 5, "a\\u0000b\\u001f\\u007f");
    check_json("\xFF"
               "a\xE5\x8C",
               4,
               "\xEF\xBF\xBD"
               "a\xEF\xBF\xBD");                                           // a cut character: one mark
    check_json("\xED\xA0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); // a surrogate: one for each byte
    check_json("\xF0\xA0\xAE"
               "b",
               4,
               "\xEF\xBF\xBD"
               "b");
}

static void a_file_is_read_whole_or_refused_by_name(void **state) {
    (void)state;
    char path[] = "/tmp/hy-bytes-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct hy_buf big = {0}, buf = {0};
    while (big.len < 100000) {
        hy_buf_adds(&big, "0123456789");
    }
    assert_int_equal(write(fd, big.data, big.len), big.len);
    struct hy_error err;
    assert_int_equal(hy_read_file(path, 100000, &buf, &err), HY_OK);
    assert_true(hy_bytes_equal(hy_buf_view(&buf), hy_buf_view(&big)));
    assert_int_equal(hy_read_file(path, 99999, &buf, &err), HY_ETOOBIG);
    unit_contains(err.text, path);
    assert_int_equal(buf.len, 0);
    assert_int_equal(ftruncate(fd, 0), 0);
    hy_buf_adds(&buf, "old");
    assert_int_equal(hy_read_file(path, 0, &buf, &err), HY_OK);
    assert_int_equal(buf.len, 0);
    close(fd);
    unlink(path);
    assert_int_equal(hy_read_file(path, 10, &buf, &err), HY_EIO);
    unit_contains(err.text, path);
    assert_int_equal(hy_read_file("/tmp", 10, &buf, &err), HY_EIO);
    assert_int_equal(hy_read_file("/tmp", 10, &buf, NULL), HY_EIO);
    hy_buf_free(&big);
    hy_buf_free(&buf);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_view_equals_an_empty_view_wherever_it_points),
        cmocka_unit_test(a_buffer_is_always_a_c_string_too),
        cmocka_unit_test(formatted_text_of_any_length_is_kept_whole),
        cmocka_unit_test(growth_that_cannot_be_is_remembered_and_harms_nothing),
        cmocka_unit_test(utf8_is_what_rfc_3629_says),
        cmocka_unit_test(a_character_is_judged_alike_wherever_it_stands),
        cmocka_unit_test(a_prefix_never_cuts_a_character),
        cmocka_unit_test(json_text_is_escaped_and_always_utf8),
        cmocka_unit_test(a_file_is_read_whole_or_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
