#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <jansson.h>

#include "lib/core/calendar_internal.h"
#include "tests/unit/core_calendar/calendar_fixture.h"

static struct hy_calendar *calendar;

static int set_up(void **state) {
    (void)state;
    calendar = shipped_calendar();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    hy_calendar_free(calendar);
    return 0;
}

static void a_day_is_the_date_in_shanghai(void **state) {
    (void)state;
    assert_day(hy_day_of(instant("2026-02-13T23:59:59+08:00")), "2026-02-13");
    assert_day(hy_day_of(instant("2026-02-13T16:00:00Z")), "2026-02-14");
    assert_int_equal(hy_day_of(0), 0);
    assert_int_equal(hy_day_start_ms(0), -8 * 3600000);
    assert_int_equal(hy_day_of(hy_day_start_ms(20000) - 1), 19999);
    assert_day(hy_day_of(-8 * 3600000 - 1), "1969-12-31");
}

static void dates_and_days_are_inverse_over_four_centuries(void **state) {
    (void)state;
    hy_day expected = hy_day_from_date(1900, 1, 1);
    assert_int_equal(hy_day_from_date(1970, 1, 1), 0);
    assert_int_equal(hy_day_from_date(2000, 3, 1), 11017);
    for (hy_day day = expected; day < hy_day_from_date(2300, 1, 1); day++) {
        int year, month, mday;
        hy_day_to_date(day, &year, &month, &mday);
        assert_int_equal(hy_day_from_date(year, month, mday), day);
        // The next day is either the next of the month or the first of the next one.
        int y2, m2, d2;
        hy_day_to_date(day + 1, &y2, &m2, &d2);
        assert_true((y2 == year && m2 == month && d2 == mday + 1) ||
                    (d2 == 1 && (m2 == month + 1 || (m2 == 1 && y2 == year + 1))));
    }
}

static void make_up_workdays_work_and_holidays_do_not(void **state) {
    (void)state;
    static const char *const make_up[] = {"2026-01-04", "2026-02-14", "2026-02-28",
                                          "2026-05-09", "2026-09-20", "2026-10-10"};
    for (size_t i = 0; i < sizeof make_up / sizeof make_up[0]; i++) {
        bool provisional = false;
        assert_true(hy_calendar_workday(calendar, day_of(make_up[i]), &provisional));
        assert_false(provisional);
    }
    assert_false(hy_calendar_workday(calendar, day_of("2026-02-16"), NULL));
    assert_false(hy_calendar_workday(calendar, day_of("2026-02-15"), NULL));
    assert_true(hy_calendar_workday(calendar, day_of("2026-02-13"), NULL));
    assert_false(hy_calendar_workday(calendar, day_of("2026-03-07"), NULL));
}

static void the_shipped_years_are_2007_to_2026(void **state) {
    (void)state;
    assert_int_equal(hy_calendar_first_year(calendar), 2007);
    assert_int_equal(hy_calendar_last_year(calendar), 2026);
    struct hy_calendar *empty = hy_calendar_new();
    assert_int_equal(hy_calendar_first_year(empty), 0);
    assert_int_equal(hy_calendar_last_year(empty), 0);
    hy_calendar_free(empty);
}

static void deadlines_of_the_rules_fall_on_their_dates(void **state) {
    (void)state;
    static const struct {
        const char *start;
        int n;
        const char *due;
    } rows[] = {{"2026-02-13", 5, "2026-02-27"}, {"2026-09-30", 5, "2026-10-13"},  {"2025-12-30", 5, "2026-01-07"},
                {"2026-04-30", 5, "2026-05-11"}, {"2026-01-15", 30, "2026-03-04"}, {"2026-02-14", 0, "2026-02-14"},
                {"2026-02-15", 0, "2026-02-24"}, {"2026-02-13", 1, "2026-02-14"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hy_day due;
        bool provisional = false;
        assert_int_equal(
            hy_calendar_add_workdays(calendar, day_of(rows[i].start), rows[i].n, false, &due, &provisional), 0);
        assert_day(due, rows[i].due);
        assert_false(provisional);
    }
}

static void the_first_day_counts_when_the_pack_says_so(void **state) {
    (void)state;
    hy_day due;
    assert_int_equal(hy_calendar_add_workdays(calendar, day_of("2026-02-13"), 1, true, &due, NULL), 0);
    assert_day(due, "2026-02-13");
    assert_int_equal(hy_calendar_add_workdays(calendar, day_of("2026-02-15"), 1, true, &due, NULL), 0);
    assert_day(due, "2026-02-24");
    assert_int_equal(hy_calendar_add_workdays(calendar, day_of("2026-02-13"), 5, true, &due, NULL), 0);
    assert_day(due, "2026-02-26");
}

static void public_due_dates_are_all_met(void **state) {
    (void)state;
    const char *folder = getenv("HY_SHARED_DATA");
    char path[512], line[512];
    snprintf(path, sizeof path, "%s/sla/due_dev.jsonl", folder != NULL ? folder : HY_SOURCE_DIR "/../shared/data");
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        print_message("SKIPPED public_due_dates_are_all_met: %s is absent\n", path);
        skip();
        return;
    }
    int n = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        json_t *row = json_loads(line, 0, NULL);
        hy_day due;
        bool provisional = false;
        int workdays = (int)json_integer_value(json_object_get(row, "workdays"));
        hy_day start = day_of(json_string_value(json_object_get(row, "start")));
        assert_int_equal(hy_calendar_add_workdays(calendar, start, workdays, false, &due, &provisional), 0);
        assert_day(due, json_string_value(json_object_get(row, "due")));
        json_decref(row);
        n++;
    }
    fclose(file);
    assert_int_equal(n, 400);
}

static void a_year_without_a_file_is_provisional(void **state) {
    (void)state;
    bool provisional = false;
    hy_day due;
    assert_int_equal(hy_calendar_add_workdays(calendar, day_of("2026-12-30"), 1, false, &due, &provisional), 0);
    assert_day(due, "2026-12-31");
    assert_false(provisional);
    assert_int_equal(hy_calendar_add_workdays(calendar, day_of("2026-12-30"), 2, false, &due, &provisional), 0);
    assert_day(due, "2027-01-04");
    assert_true(provisional);
    static const char *const off[] = {"2027-01-01", "2027-10-01", "2028-05-01",
                                      "2028-10-02", "2028-10-03", "2027-01-02"};
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        provisional = false;
        assert_false(hy_calendar_workday(calendar, day_of(off[i]), &provisional));
        assert_true(provisional);
    }
    assert_true(hy_calendar_workday(calendar, day_of("2027-10-04"), NULL));
    assert_true(hy_calendar_workday(calendar, day_of("2027-02-08"), NULL));
}

static void days_beyond_the_held_range_go_by_the_rule(void **state) {
    (void)state;
    bool provisional = false;
    assert_false(hy_calendar_workday(calendar, hy_day_from_date(2300, 5, 1), &provisional));
    assert_true(provisional);
    provisional = false;
    assert_false(hy_calendar_workday(calendar, hy_day_from_date(1960, 1, 1), &provisional));
    assert_true(provisional);
    assert_true(hy_calendar_workday(calendar, hy_day_from_date(1960, 1, 4), NULL)); // a Monday
    hy_day due;
    assert_int_equal(hy_calendar_add_workdays(calendar, 0, -1, false, &due, NULL), HY_ERANGE);
    assert_int_equal(hy_calendar_add_workdays(calendar, 0, 10001, false, &due, NULL), HY_ERANGE);
    assert_int_equal(hy_calendar_add_workdays(calendar, 0, 10000, false, &due, NULL), 0);
}

static void without_files_every_held_day_goes_by_the_rule(void **state) {
    (void)state;
    struct hy_calendar *empty = hy_calendar_new();
    assert_int_equal(hy_day_from_date(HY_CALENDAR_END_YEAR, 1, 1), HY_CALENDAR_DAYS);
    for (hy_day day = -400; day < HY_CALENDAR_DAYS + 400; day++) {
        bool provisional = false;
        assert_int_equal(hy_calendar_workday(empty, day, &provisional), hy_day_works_by_rule(day));
        assert_true(provisional);
    }
    hy_calendar_free(empty);
}

static void a_file_may_name_days_of_the_december_before(void **state) {
    (void)state;
    // 2007's notice made the weekend of 30 December 2006 work; 2006 itself was never added.
    bool provisional = false;
    assert_true(hy_calendar_workday(calendar, day_of("2006-12-30"), &provisional));
    assert_true(provisional);
    provisional = false;
    assert_true(hy_calendar_workday(calendar, day_of("2018-12-29"), &provisional));
    assert_false(provisional);
}

static void the_order_of_files_does_not_matter(void **state) {
    (void)state;
    struct hy_calendar *backward = hy_calendar_new();
    for (int year = 2026; year >= 2007; year--)
        add_shipped(backward, year);
    for (hy_day day = day_of("2006-01-01"); day < day_of("2028-01-01"); day++) {
        bool a = false, b = false;
        assert_int_equal(hy_calendar_workday(backward, day, &a), hy_calendar_workday(calendar, day, &b));
        assert_int_equal(a, b);
    }
    hy_calendar_free(backward);
}

static int add_text(struct hy_calendar *to, const char *json, struct hy_error *err) {
    return hy_calendar_add_year(to, "2027.json", hy_bytes_of(json), err);
}

static void a_year_not_yet_announced_adds_nothing(void **state) {
    (void)state;
    struct hy_error err = {0};
    assert_int_equal(add_text(calendar, "{\"year\":2027,\"papers\":[],\"days\":[]}", &err), 0);
    assert_int_equal(hy_calendar_last_year(calendar), 2026);
}

static void a_new_year_makes_its_days_certain(void **state) {
    (void)state;
    struct hy_error err = {0};
    bool provisional = false;
    hy_day due;
    assert_int_equal(add_text(calendar,
                              "{\"year\":2027,\"days\":[{\"name\":\"元旦\",\"date\":\"2027-01-01\",\"isOffDay\":true},"
                              "{\"name\":\"元旦\",\"date\":\"2027-01-03\",\"isOffDay\":false}]}",
                              &err),
                     0);
    assert_int_equal(hy_calendar_add_workdays(calendar, day_of("2026-12-30"), 2, false, &due, &provisional), 0);
    assert_day(due, "2027-01-03");
    assert_false(provisional);
    // 1 May is off only by the rule for unknown years: this file does not name it.
    assert_true(hy_calendar_workday(calendar, day_of("2028-01-03"), NULL));
    assert_false(hy_calendar_workday(calendar, day_of("2027-05-01"), NULL)); // a Saturday
    assert_true(hy_calendar_workday(calendar, day_of("2027-10-01"), NULL));
}

static void the_same_file_twice_is_no_mistake_but_a_contradiction_is(void **state) {
    (void)state;
    struct hy_error err = {0};
    add_shipped(calendar, 2026);
    assert_int_equal(hy_calendar_add_year(
                         calendar, "other.json",
                         hy_bytes_of("{\"year\":2026,\"days\":[{\"date\":\"2026-02-14\",\"isOffDay\":true}]}"), &err),
                     HY_EEXISTS);
    assert_non_null(strstr(err.text, "other.json: 2026-02-14 is off here, but working"));
    assert_int_equal(hy_calendar_add_year(
                         calendar, "other.json",
                         hy_bytes_of("{\"year\":2026,\"days\":[{\"date\":\"2026-03-02\",\"isOffDay\":true}]}"), &err),
                     HY_EEXISTS);
    assert_true(hy_calendar_workday(calendar, day_of("2026-02-14"), NULL));
    assert_true(hy_calendar_workday(calendar, day_of("2026-03-02"), NULL));
}

static void a_bad_file_is_refused_with_a_reason_and_changes_nothing(void **state) {
    (void)state;
    static const struct {
        const char *json;
        int code;
        const char *says;
    } rows[] = {
        {"", HY_EFORMAT, "not JSON"},
        {"[]", HY_EFORMAT, "\"year\" must be a number"},
        {"{\"year\":\"2027\",\"days\":[]}", HY_EFORMAT, "\"year\" must be a number"},
        {"{\"year\":1970,\"days\":[]}", HY_EFORMAT, "from 1971"},
        {"{\"year\":2200,\"days\":[]}", HY_EFORMAT, "to 2199"},
        {"{\"year\":2027}", HY_EFORMAT, "\"days\" must be a list"},
        {"{\"year\":2027,\"days\":{}}", HY_EFORMAT, "\"days\" must be a list"},
        {"{\"year\":2027,\"days\":[7]}", HY_EFORMAT, "days[0]: needs"},
        {"{\"year\":2027,\"days\":[{\"date\":\"2027-01-01\"}]}", HY_EFORMAT, "days[0]: needs"},
        {"{\"year\":2027,\"days\":[{\"date\":\"2027-01-01\",\"isOffDay\":1}]}", HY_EFORMAT, "days[0]: needs"},
        {"{\"year\":2027,\"days\":[{\"date\":\"2027-02-29\",\"isOffDay\":true}]}", HY_EFORMAT, "is no date"},
        {"{\"year\":2027,\"days\":[{\"date\":\"2027-13-01\",\"isOffDay\":true}]}", HY_EFORMAT, "is no date"},
        {"{\"year\":2027,\"days\":[{\"date\":\"2027-1-001\",\"isOffDay\":true}]}", HY_EFORMAT, "is no date"},
        {"{\"year\":2027,\"days\":[{\"date\":\"2027-01-01x\",\"isOffDay\":true}]}", HY_EFORMAT, "is no date"},
        {"{\"year\":2027,\"days\":[{\"date\":\"+027-01-01\",\"isOffDay\":true}]}", HY_EFORMAT, "is no date"},
        {"{\"year\":2027,\"days\":[{\"date\":\"2026-05-01\",\"isOffDay\":true}]}", HY_EFORMAT, "wrong file"},
        {"{\"year\":2027,\"days\":[{\"date\":\"2027-01-01\",\"isOffDay\":true},"
         "{\"date\":\"2027-01-01\",\"isOffDay\":false}]}",
         HY_EEXISTS, "named twice"},
        {"{\"year\":2027,\"days\":[],\"days\":[]}", HY_EFORMAT, "not JSON"},
        {"{\"year\":2027,\"days\":[]} x", HY_EFORMAT, "not JSON"},
        {"{\"year\":2027,\"days\":[{\"date\":\"\xff\",\"isOffDay\":true}]}", HY_EFORMAT, "not JSON"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hy_error err = {0};
        assert_int_equal(add_text(calendar, rows[i].json, &err), rows[i].code);
        if (strstr(err.text, rows[i].says) == NULL || strstr(err.text, "2027.json") == NULL)
            fail_msg("row %zu: %s", i, err.text);
    }
    assert_int_equal(hy_calendar_last_year(calendar), 2026);
    assert_false(hy_calendar_workday(calendar, day_of("2027-01-01"), NULL));
}

static void a_huge_or_deep_file_is_refused(void **state) {
    (void)state;
    struct hy_error err = {0};
    struct hy_buf text = {0};
    for (int i = 0; i < 100000; i++)
        hy_buf_adds(&text, "[");
    assert_int_equal(hy_calendar_add_year(calendar, "deep", hy_buf_view(&text), &err), HY_EFORMAT);
    for (int i = 0; i < 200000; i++)
        hy_buf_adds(&text, "[[[[[");
    assert_int_equal(hy_calendar_add_year(calendar, "huge", hy_buf_view(&text), &err), HY_ETOOBIG);
    hy_buf_clear(&text);
    hy_buf_adds(&text, "{\"year\":2027,\"days\":[");
    for (int i = 0; i < 365; i++) {
        int y, m, d;
        hy_day_to_date(hy_day_from_date(2027, 1, 1) + i, &y, &m, &d);
        hy_buf_addf(&text, "%s{\"date\":\"%04d-%02d-%02d\",\"isOffDay\":true}", i > 0 ? "," : "", y, m, d);
    }
    hy_buf_adds(&text, "]}");
    assert_int_equal(hy_calendar_add_year(calendar, "all off", hy_buf_view(&text), &err), 0);
    hy_buf_free(&text);
    hy_day due;
    assert_int_equal(hy_calendar_add_workdays(calendar, day_of("2026-12-31"), 1, false, &due, NULL), 0);
    assert_day(due, "2028-01-03");
}

static void every_workday_count_agrees_with_a_walk_by_days(void **state) {
    (void)state;
    uint64_t seed = 42;
    for (int i = 0; i < 2000; i++) {
        hy_day start = (hy_day)random_between(&seed, day_of("2006-06-01"), day_of("2027-06-01"));
        int n = (int)random_between(&seed, 1, 60), seen = 0;
        hy_day due;
        assert_int_equal(hy_calendar_add_workdays(calendar, start, n, false, &due, NULL), 0);
        for (hy_day day = start + 1; day <= due; day++)
            seen += hy_calendar_workday(calendar, day, NULL);
        assert_int_equal(seen, n);
        assert_true(hy_calendar_workday(calendar, due, NULL));
    }
}

static void a_due_date_takes_less_than_a_microsecond(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("SKIPPED a_due_date_takes_less_than_a_microsecond: a sanitizer's build is slower\n");
    skip();
#endif
    struct timespec from, to;
    int64_t best = INT64_MAX;
    hy_day start = day_of("2025-01-01"), due, sum = 0;
    for (int round = 0; round < 5; round++) { // the best of five: other programs share the machine
        clock_gettime(CLOCK_MONOTONIC, &from);
        for (int i = 0; i < 100000; i++) {
            bool provisional = false;
            assert_int_equal(hy_calendar_add_workdays(calendar, start + i % 500, 5, false, &due, &provisional), 0);
            sum += due & 1;
        }
        clock_gettime(CLOCK_MONOTONIC, &to);
        int64_t ns = (to.tv_sec - from.tv_sec) * 1000000000 + (to.tv_nsec - from.tv_nsec);
        if (ns < best) best = ns;
    }
    print_message("a due date of 5 working days: %lld ns (%d)\n", (long long)best / 100000, sum);
    assert_true(best / 100000 <= 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_day_is_the_date_in_shanghai, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dates_and_days_are_inverse_over_four_centuries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(make_up_workdays_work_and_holidays_do_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_shipped_years_are_2007_to_2026, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deadlines_of_the_rules_fall_on_their_dates, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_first_day_counts_when_the_pack_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(public_due_dates_are_all_met, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_year_without_a_file_is_provisional, set_up, tear_down),
        cmocka_unit_test_setup_teardown(days_beyond_the_held_range_go_by_the_rule, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_files_every_held_day_goes_by_the_rule, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_may_name_days_of_the_december_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_order_of_files_does_not_matter, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_year_not_yet_announced_adds_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_new_year_makes_its_days_certain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_same_file_twice_is_no_mistake_but_a_contradiction_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_file_is_refused_with_a_reason_and_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_huge_or_deep_file_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_workday_count_agrees_with_a_walk_by_days, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_due_date_takes_less_than_a_microsecond, set_up, tear_down),
    };
    int failed = cmocka_run_group_tests_name("calendar", tests, NULL, NULL);
    return failed + run_deadline_tests();
}
