#include "tests/unit/base/unit.h"

#include "lib/base/clock.h"

static void check_format(int64_t unix_ms, int32_t offset, const char *expected) {
    char text[HY_TIME_TEXT];
    assert_string_equal(hy_time_format((struct hy_time){unix_ms, offset}, text), expected);
}

static void a_time_is_written_in_its_own_offset(void **state) {
    (void)state;
    check_format(1771034400000, 480, "2026-02-14T10:00:00+08:00");
    check_format(1709222399999, 480, "2024-02-29T23:59:59.999+08:00");
    check_format(1790784000120, 480, "2026-10-01T00:00:00.120+08:00");
    check_format(0, 0, "1970-01-01T00:00:00Z");
    check_format(-1, 0, "1969-12-31T23:59:59.999Z");
    check_format(951847496000, -330, "2000-02-29T12:34:56-05:30");
    check_format(4107542400000, 0, "2100-03-01T00:00:00Z");
    check_format(253402300799000, 0, "9999-12-31T23:59:59Z");
}

static void an_offset_that_no_zone_has_is_written_in_utc(void **state) {
    (void)state;
    check_format(0, 1440, "1970-01-01T00:00:00Z");
    check_format(0, INT32_MIN, "1970-01-01T00:00:00Z");
    check_format(0, 1439, "1970-01-01T23:59:00+23:59");
}

static void any_instant_fits_the_text(void **state) {
    (void)state;
    char text[HY_TIME_TEXT];
    assert_true(strlen(hy_time_format((struct hy_time){INT64_MAX, 1439}, text)) < HY_TIME_TEXT);
    unit_contains(text, "+23:59");
    assert_true(strlen(hy_time_format((struct hy_time){INT64_MIN, -1439}, text)) < HY_TIME_TEXT);
    unit_contains(text, "-23:59");
}

static void check_parse(const char *text, int64_t unix_ms, int32_t offset) {
    struct hy_time t = {0};
    struct hy_error err = {0};
    if (hy_time_parse(text, &t, &err) != HY_OK) fail_msg("%s", err.text);
    assert_int_equal(t.unix_ms, unix_ms);
    assert_int_equal(t.offset_minutes, offset);
}

static void rfc_3339_is_read_to_the_millisecond(void **state) {
    (void)state;
    check_parse("2026-02-14T10:00:00+08:00", 1771034400000, 480);
    check_parse("2026-02-14t02:00:00z", 1771034400000, 0);
    check_parse("2026-02-14 02:00:00.000Z", 1771034400000, 0);
    check_parse("2024-02-29T23:59:59.999+08:00", 1709222399999, 480);
    check_parse("2024-02-29T23:59:59.9999999999999999999999+08:00", 1709222399999, 480);
    check_parse("2026-10-01T00:00:00.12+08:00", 1790784000120, 480);
    check_parse("2000-02-29T12:34:56-05:30", 951847496000, -330);
    check_parse("9999-12-31T23:59:59Z", 253402300799000, 0);
    check_parse("1970-01-01T00:00:00-00:00", 0, 0);
}

static void a_time_without_zone_is_shanghai(void **state) {
    (void)state;
    check_parse("2026-02-14 10:00:00", 1771034400000, 480);
    check_parse("2026-02-14 10:00", 1771034400000, 480);
    check_parse("2026-02-14", 1770998400000, 480);
    check_parse("1970-01-01", -28800000, 480);
}

static void a_leap_second_ends_a_day_of_utc_only(void **state) {
    (void)state;
    check_parse("2016-12-31T23:59:60Z", 1483228800000, 0);
    check_parse("2017-01-01T07:59:60+08:00", 1483228800000, 480);
    struct hy_time t;
    assert_int_equal(hy_time_parse("2016-12-31T23:59:60+08:00", &t, NULL), HY_EFORMAT);
}

static void what_is_no_time_is_refused_with_the_place(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      " 2026-02-14",
                                      "2026",
                                      "2026-2-14",
                                      "2026-02-30",
                                      "2025-02-29",
                                      "1900-01-01",
                                      "10000-01-01",
                                      "1969-12-31",
                                      "2026-13-01",
                                      "2026-00-01",
                                      "2026-01-00",
                                      "2026/02/14",
                                      "20260214",
                                      "2026-02-14T",
                                      "2026-02-14T10",
                                      "2026-02-14T24:00",
                                      "2026-02-14T10:60",
                                      "2026-02-14T10:00:61Z",
                                      "2026-02-14T10:00:00.Z",
                                      "2026-02-14T10:00:00,5Z",
                                      "2026-02-14T10:00:00+8:00",
                                      "2026-02-14T10:00:00+0800",
                                      "2026-02-14T10:00:00+24:00",
                                      "2026-02-14T10:00:00+08:60",
                                      "2026-02-14T10:00:00+08:00x",
                                      "2026-02-14T10:00:00ZZ",
                                      "2026-02-14T10:00:00 Z",
                                      "2026-02-14T10:00:00Z ",
                                      "2026-02-14Z",
                                      "2026-02-14\n",
                                      "２０２６-02-14",
                                      "2026-02-14T-1:00:00Z",
                                      "now",
                                      "2026-02-14T1e:00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct hy_time t = {.unix_ms = 7};
        struct hy_error err = {0};
        if (hy_time_parse(bad[i], &t, &err) != HY_EFORMAT) fail_msg("taken for a time: %s", bad[i]);
        assert_true(strlen(err.text) > 10);
        assert_int_equal(t.unix_ms, 7);
    }
    struct hy_time t;
    struct hy_error err;
    assert_int_equal(hy_time_parse(NULL, &t, &err), HY_EFORMAT);
    assert_int_equal(hy_time_parse("2025-02-29", &t, &err), HY_EFORMAT);
    assert_string_equal(err.text, "time \"2025-02-29\": expected a day of that month at character 9");
}

static void a_refusal_does_not_repeat_what_a_citizen_may_have_written(void **state) {
    (void)state;
    struct hy_time t;
    struct hy_error err;
    assert_int_equal(hy_time_parse("Zhang San, 2026-02-14", &t, &err), HY_EFORMAT);
    unit_lacks(err.text, "Zhang");
    assert_int_equal(hy_time_parse("13800138000", &t, &err), HY_EFORMAT);
    unit_lacks(err.text, "138");
    assert_int_equal(hy_time_parse("110101199003071234", &t, &err), HY_EFORMAT);
    unit_lacks(err.text, "1101");
}

static void what_is_written_reads_back(void **state) {
    (void)state;
    uint64_t seed = 20260214;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int64_t unix_ms = (int64_t)((seed >> 8) % 253402000000000u) + 86400000;
        int32_t offset = (int32_t)((seed >> 3) % 2879) - 1439;
        char text[HY_TIME_TEXT];
        check_parse(hy_time_format((struct hy_time){unix_ms, offset}, text), unix_ms, offset);
    }
}

static void a_fake_clock_moves_by_hand_only(void **state) {
    (void)state;
    struct hy_fake_clock fake;
    hy_fake_clock_init(&fake, 1000);
    assert_int_equal(hy_wall_ms(&fake.clock), 1000);
    assert_int_equal(hy_mono_ns(&fake.clock), 0);
    hy_fake_clock_advance(&fake, 250);
    assert_int_equal(hy_wall_ms(&fake.clock), 1250);
    assert_int_equal(hy_mono_ms(&fake.clock), 250);
    fake.wall_ms -= 5000; // a host's clock set back does not touch the other
    assert_int_equal(hy_mono_ns(&fake.clock), 250000000);
}

static void the_system_clock_goes_forward(void **state) {
    (void)state;
    const struct hy_clock *clock = hy_clock_system();
    int64_t wall = hy_wall_ms(clock), mono = hy_mono_ns(clock);
    usleep(2000);
    assert_true(hy_mono_ns(clock) - mono >= 2000000);
    assert_true(wall > 1700000000000 && hy_wall_ms(clock) - wall < 60000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_written_in_its_own_offset),
        cmocka_unit_test(an_offset_that_no_zone_has_is_written_in_utc),
        cmocka_unit_test(any_instant_fits_the_text),
        cmocka_unit_test(rfc_3339_is_read_to_the_millisecond),
        cmocka_unit_test(a_time_without_zone_is_shanghai),
        cmocka_unit_test(a_leap_second_ends_a_day_of_utc_only),
        cmocka_unit_test(what_is_no_time_is_refused_with_the_place),
        cmocka_unit_test(a_refusal_does_not_repeat_what_a_citizen_may_have_written),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(a_fake_clock_moves_by_hand_only),
        cmocka_unit_test(the_system_clock_goes_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
