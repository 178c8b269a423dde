#include "tests/unit/core_calendar/calendar_fixture.h"

static struct hy_calendar *calendar;
static struct hy_work_time work;

static int set_up(void **state) {
    (void)state;
    calendar = shipped_calendar();
    work = usual_work();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hy_calendar_free(calendar);
    return 0;
}

static void assert_due(const char *start, int workdays, const char *expected) {
    struct hy_deadline due;
    assert_int_equal(hy_deadline_workdays(calendar, &work, instant(start), workdays, &due), 0);
    assert_instant(due.due.unix_ms, expected);
    assert_int_equal(due.due.offset_minutes, HY_SHANGHAI_MINUTES);
}

static void assert_minutes(const char *start, int64_t minutes, const char *expected) {
    struct hy_deadline due;
    assert_int_equal(hy_deadline_minutes(calendar, &work, instant(start), minutes, &due), 0);
    assert_instant(due.due.unix_ms, expected);
}

static void the_last_day_ends_where_the_pack_says(void **state) {
    (void)state;
    assert_due("2026-02-13T09:00:00+08:00", 5, "2026-02-27T18:00:00+08:00");
    work.last_day_ends = 1440;
    assert_due("2026-02-13T09:00:00+08:00", 5, "2026-02-28T00:00:00+08:00");
    work.last_day_ends = 1050;
    assert_due("2026-02-13T09:00:00+08:00", 5, "2026-02-27T17:30:00+08:00");
}

static void the_day_of_receipt_is_the_shanghai_date(void **state) {
    (void)state;
    assert_due("2026-02-12T15:59:59Z", 5, "2026-02-26T18:00:00+08:00");
    assert_due("2026-02-12T16:00:00Z", 5, "2026-02-27T18:00:00+08:00");
}

static void a_deadline_never_lies_before_its_start(void **state) {
    (void)state;
    assert_due("2026-03-02T20:00:00+08:00", 0, "2026-03-03T18:00:00+08:00");
    assert_due("2026-03-02T18:00:00+08:00", 0, "2026-03-02T18:00:00+08:00");
    work.count_first_day = true;
    assert_due("2026-03-02T17:59:00+08:00", 1, "2026-03-02T18:00:00+08:00");
    assert_due("2026-03-02T18:00:01+08:00", 1, "2026-03-03T18:00:00+08:00");
}

static void summer_hours_move_closing_time(void **state) {
    (void)state;
    work.summer = (struct hy_hours){2, {{480, 720}, {900, 1110}}};
    work.summer_from = 601;
    work.summer_to = 930;
    assert_due("2026-05-29T10:00:00+08:00", 1, "2026-06-01T18:30:00+08:00");
    assert_due("2026-09-29T10:00:00+08:00", 1, "2026-09-30T18:30:00+08:00");
    assert_due("2026-09-30T10:00:00+08:00", 1, "2026-10-08T18:00:00+08:00");
    assert_false(hy_in_hours(calendar, &work, instant("2026-05-29T08:00:00+08:00")));
    assert_true(hy_in_hours(calendar, &work, instant("2026-06-01T08:00:00+08:00")));
    // A season over the turn of the year.
    work.summer_from = 1101;
    work.summer_to = 331;
    assert_due("2026-01-15T10:00:00+08:00", 1, "2026-01-16T18:30:00+08:00");
    assert_due("2026-06-01T10:00:00+08:00", 1, "2026-06-02T18:00:00+08:00");
}

static void a_make_up_saturday_is_in_hours_and_a_holiday_is_not(void **state) {
    (void)state;
    assert_true(hy_in_hours(calendar, &work, instant("2026-02-14T10:00:00+08:00")));
    assert_false(hy_in_hours(calendar, &work, instant("2026-02-15T10:00:00+08:00")));
    assert_false(hy_in_hours(calendar, &work, instant("2026-02-17T10:00:00+08:00")));
}

static void closing_time_is_outside_and_the_minute_before_is_inside(void **state) {
    (void)state;
    assert_true(hy_in_hours(calendar, &work, instant("2026-03-02T17:59:59.999+08:00")));
    assert_false(hy_in_hours(calendar, &work, instant("2026-03-02T18:00:00+08:00")));
    assert_true(hy_in_hours(calendar, &work, instant("2026-03-02T08:30:00+08:00")));
    assert_false(hy_in_hours(calendar, &work, instant("2026-03-02T08:29:59.999+08:00")));
    assert_false(hy_in_hours(calendar, &work, instant("2026-03-02T12:00:00+08:00")));
    assert_false(hy_in_hours(calendar, &work, instant("2026-03-02T13:00:00+08:00")));
}

static void working_minutes_leave_out_lunch_nights_and_holidays(void **state) {
    (void)state;
    assert_minutes("2026-03-02T10:00:00+08:00", 120, "2026-03-02T12:00:00+08:00");
    assert_minutes("2026-03-02T10:00:00+08:00", 121, "2026-03-02T14:31:00+08:00");
    assert_minutes("2026-03-02T13:00:00+08:00", 210, "2026-03-02T18:00:00+08:00");
    assert_minutes("2026-03-02T17:00:00+08:00", 240, "2026-03-03T11:30:00+08:00");
    assert_minutes("2026-02-14T17:00:00+08:00", 240, "2026-02-24T11:30:00+08:00");
    assert_minutes("2026-03-07T03:00:00+08:00", 1, "2026-03-09T08:31:00+08:00");
    assert_minutes("2026-03-02T20:00:00+08:00", 0, "2026-03-02T20:00:00+08:00");
}

static void a_deadline_beyond_the_last_year_is_marked(void **state) {
    (void)state;
    struct hy_deadline due;
    assert_int_equal(hy_deadline_workdays(calendar, &work, instant("2026-12-29T10:00:00+08:00"), 2, &due), 0);
    assert_false(due.provisional);
    assert_int_equal(hy_deadline_workdays(calendar, &work, instant("2026-12-29T10:00:00+08:00"), 3, &due), 0);
    assert_true(due.provisional);
    assert_int_equal(hy_deadline_minutes(calendar, &work, instant("2026-12-31T17:00:00+08:00"), 60, &due), 0);
    assert_false(due.provisional);
    assert_int_equal(hy_deadline_minutes(calendar, &work, instant("2026-12-31T17:00:00+08:00"), 61, &due), 0);
    assert_true(due.provisional);
    assert_instant(due.due.unix_ms, "2027-01-04T08:31:00+08:00");
}

static void absurd_times_and_lengths_are_refused(void **state) {
    (void)state;
    struct hy_deadline due;
    static const int64_t bad[] = {-1, INT64_MIN, INT64_MAX, INT64_C(7258118400000)};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(hy_deadline_workdays(calendar, &work, bad[i], 1, &due), HY_ERANGE);
        assert_int_equal(hy_deadline_minutes(calendar, &work, bad[i], 1, &due), HY_ERANGE);
        assert_false(hy_in_hours(calendar, &work, bad[i]));
        assert_int_equal(hy_working_ms(calendar, &work, 0, bad[i]), 0);
        assert_int_equal(hy_percent_point(calendar, &work, 0, bad[i], 50), bad[i] < 0 ? 0 : bad[i]);
    }
    assert_int_equal(hy_deadline_workdays(calendar, &work, 0, -1, &due), HY_ERANGE);
    assert_int_equal(hy_deadline_minutes(calendar, &work, 0, -1, &due), HY_ERANGE);
    assert_int_equal(hy_deadline_minutes(calendar, &work, 0, 1000001, &due), HY_ERANGE);
    struct hy_work_time nothing = {.hours = {0}};
    assert_int_equal(hy_deadline_minutes(calendar, &nothing, 0, 1, &due), HY_EINVALID);
    nothing = (struct hy_work_time){.hours = {1, {{600, 600}}}};
    assert_int_equal(hy_deadline_minutes(calendar, &nothing, 0, 1, &due), HY_EINVALID);
    // The last instants that are taken still have a deadline.
    assert_int_equal(hy_deadline_minutes(calendar, &work, INT64_C(7258118399999), 1000000, &due), 0);
    assert_int_equal(hy_deadline_workdays(calendar, &work, INT64_C(7258118399999), 10000, &due), 0);
    assert_true(due.provisional);
}

static void warnings_fall_at_shares_of_working_time(void **state) {
    (void)state;
    int64_t start = instant("2026-02-13T18:00:00+08:00"), due = instant("2026-02-27T18:00:00+08:00");
    // Five working days of seven hours: 14, 24, 25, 26 and 27 February.
    assert_int_equal(hy_working_ms(calendar, &work, start, due), 5 * 7 * 3600000);
    assert_instant(hy_percent_point(calendar, &work, start, due, 20), "2026-02-14T18:00:00+08:00");
    assert_instant(hy_percent_point(calendar, &work, start, due, 50), "2026-02-25T12:00:00+08:00");
    assert_instant(hy_percent_point(calendar, &work, start, due, 80), "2026-02-26T18:00:00+08:00");
}

static void without_working_time_a_warning_is_a_share_of_wall_time(void **state) {
    (void)state;
    int64_t start = instant("2026-03-07T03:00:00+08:00"), due = instant("2026-03-07T03:10:00+08:00");
    assert_instant(hy_percent_point(calendar, &work, start, due, 50), "2026-03-07T03:05:00+08:00");
    assert_int_equal(hy_percent_point(calendar, &work, due, start, 50), due);
    assert_int_equal(hy_percent_point(calendar, &work, start, due, 0), start);
    assert_int_equal(hy_percent_point(calendar, &work, start, due, 100), due);
}

static int64_t some_instant(uint64_t *seed) {
    return random_between(seed, instant("2024-01-01"), instant("2027-03-01"));
}

static void with_some_hours(uint64_t *seed) {
    work = usual_work();
    if (next_random(seed) % 2 == 0) return;
    work.summer = (struct hy_hours){3, {{0, 1}, {400, 700}, {1439, 1440}}};
    work.summer_from = 430;
    work.summer_to = 815;
}

static void percent_points_rise_and_stay_between_start_and_due(void **state) {
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 1000; i++) {
        with_some_hours(&seed);
        int64_t start = some_instant(&seed), due = start + random_between(&seed, 0, INT64_C(20) * 86400000);
        int64_t before = start, total = hy_working_ms(calendar, &work, start, due);
        for (int percent = 1; percent <= 99; percent += 7) {
            int64_t point = hy_percent_point(calendar, &work, start, due, percent);
            assert_true(point >= before && point <= due);
            if (total > 0) assert_int_equal(hy_working_ms(calendar, &work, start, point), total * percent / 100);
            before = point;
        }
    }
}

static void working_time_adds_up(void **state) {
    (void)state;
    uint64_t seed = 8;
    for (int i = 0; i < 1000; i++) {
        with_some_hours(&seed);
        int64_t a = some_instant(&seed), b = a + random_between(&seed, 0, INT64_C(30) * 86400000);
        int64_t c = b + random_between(&seed, 0, INT64_C(30) * 86400000);
        assert_int_equal(hy_working_ms(calendar, &work, a, b) + hy_working_ms(calendar, &work, b, c),
                         hy_working_ms(calendar, &work, a, c));
        assert_true(hy_working_ms(calendar, &work, a, b) <= b - a);
    }
    assert_int_equal(hy_working_ms(calendar, &work, instant("2026-03-03"), instant("2026-03-02")), 0);
}

static void a_minutes_deadline_is_the_first_instant_with_that_working_time(void **state) {
    (void)state;
    uint64_t seed = 9;
    for (int i = 0; i < 1000; i++) {
        with_some_hours(&seed);
        int64_t start = some_instant(&seed), minutes = random_between(&seed, 1, 5000);
        struct hy_deadline due;
        assert_int_equal(hy_deadline_minutes(calendar, &work, start, minutes, &due), 0);
        assert_int_equal(hy_working_ms(calendar, &work, start, due.due.unix_ms), minutes * 60000);
        assert_int_equal(hy_working_ms(calendar, &work, start, due.due.unix_ms - 1), minutes * 60000 - 1);
    }
}

static void more_working_days_are_never_due_earlier(void **state) {
    (void)state;
    uint64_t seed = 10;
    for (int i = 0; i < 300; i++) {
        int64_t start = some_instant(&seed), before = start;
        work.count_first_day = next_random(&seed) % 2;
        for (int n = 0; n < 12; n++) {
            struct hy_deadline due, later;
            assert_int_equal(hy_deadline_workdays(calendar, &work, start, n, &due), 0);
            assert_int_equal(hy_deadline_workdays(calendar, &work, start + 3600000, n, &later), 0);
            assert_true(due.due.unix_ms >= before && later.due.unix_ms >= due.due.unix_ms);
            before = due.due.unix_ms;
        }
    }
}

int run_deadline_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_day_ends_where_the_pack_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_day_of_receipt_is_the_shanghai_date, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deadline_never_lies_before_its_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(summer_hours_move_closing_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_make_up_saturday_is_in_hours_and_a_holiday_is_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_time_is_outside_and_the_minute_before_is_inside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(working_minutes_leave_out_lunch_nights_and_holidays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_deadline_beyond_the_last_year_is_marked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absurd_times_and_lengths_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(warnings_fall_at_shares_of_working_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_working_time_a_warning_is_a_share_of_wall_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(percent_points_rise_and_stay_between_start_and_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(working_time_adds_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_minutes_deadline_is_the_first_instant_with_that_working_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(more_working_days_are_never_due_earlier, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("deadlines", tests, NULL, NULL);
}
