// When clocks are due: the vectors of the regulations, on the shipped calendars.
#include "tests/unit/core_policy/policy_fixture.h"

#include <stdlib.h>

static struct hy_calendar *calendar;
static struct loaded loaded;

static int set_up(void **state) {
    (void)state;
    calendar = hy_calendar_new();
    for (int year = 2025; year <= 2026; year++) {
        char path[256];
        snprintf(path, sizeof path, HY_SOURCE_DIR "/deploy/calendars/%d.json", year);
        char *text = read_text(path);
        assert_int_equal(hy_calendar_add_year(calendar, path, hy_bytes_of(text), NULL), 0);
        free(text);
    }
    loaded = load_base();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unload(&loaded);
    hy_calendar_free(calendar);
    return 0;
}

static int64_t instant(const char *text) {
    struct hy_time time;
    assert_int_equal(hy_time_parse(text, &time, NULL), 0);
    return time.unix_ms;
}

static void assert_instant(int64_t ms, const char *expected) {
    char text[HY_TIME_TEXT];
    assert_string_equal(hy_time_format((struct hy_time){ms, HY_SHANGHAI_MINUTES}, text), expected);
}

static struct hy_clock_plan plan_of(const struct hy_pack_clock *clock, const char *start) {
    struct hy_clock_plan plan;
    assert_int_equal(hy_clock_plan(calendar, loaded.pack, clock, instant(start), &plan), 0);
    return plan;
}

// R001-15b/c: in hours 1 h (serious: 30 min), outside 4 h (2 h).
static const struct hy_pack_clock general = {
    .unit = HY_UNIT_WALL_MINUTES, .length = 60, .length_outside = 240, .class_by_receipt = true};
static const struct hy_pack_clock serious = {
    .unit = HY_UNIT_WALL_MINUTES, .length = 30, .length_outside = 120, .class_by_receipt = true};

static void rectification_counts_from_receipt_in_the_class_of_its_receipt(void **state) {
    (void)state;
    static const struct {
        const struct hy_pack_clock *clock;
        const char *start, *due;
        int clock_class;
    } rows[] = {
        {&general, "2026-02-14T10:00:00+08:00", "2026-02-14T11:00:00+08:00", HY_CLASS_IN_HOURS},
        {&serious, "2026-02-14T10:00:00+08:00", "2026-02-14T10:30:00+08:00", HY_CLASS_IN_HOURS},
        {&general, "2026-02-15T10:00:00+08:00", "2026-02-15T14:00:00+08:00", HY_CLASS_OUT_OF_HOURS},
        {&serious, "2026-02-15T10:00:00+08:00", "2026-02-15T12:00:00+08:00", HY_CLASS_OUT_OF_HOURS},
        {&general, "2026-03-02T17:59:00+08:00", "2026-03-02T18:59:00+08:00", HY_CLASS_IN_HOURS},
        {&general, "2026-03-02T18:00:00+08:00", "2026-03-02T22:00:00+08:00", HY_CLASS_OUT_OF_HOURS},
        {&general, "2026-03-02T12:30:00+08:00", "2026-03-02T16:30:00+08:00", HY_CLASS_OUT_OF_HOURS},
        {&general, "2026-03-02T09:59:59Z", "2026-03-02T18:59:59+08:00", HY_CLASS_IN_HOURS},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct hy_clock_plan plan = plan_of(rows[i].clock, rows[i].start);
        assert_instant(plan.deadline.due.unix_ms, rows[i].due);
        assert_int_equal(plan.clock_class, rows[i].clock_class);
        assert_int_equal(plan.n_stages, 1);
        assert_int_equal(plan.stage_due_ms[0], plan.deadline.due.unix_ms);
    }
}

static void a_letter_is_warned_at_shares_of_working_time_and_due_at_closing_time(void **state) {
    (void)state;
    const struct hy_pack_clock *reply = hy_pack_clock(hy_pack_kind(loaded.pack, "letter"), "reply");
    struct hy_clock_plan plan = plan_of(reply, "2026-02-13T18:30:00+08:00");
    assert_instant(plan.deadline.due.unix_ms, "2026-02-27T18:00:00+08:00");
    assert_false(plan.deadline.provisional);
    assert_int_equal(plan.clock_class, HY_CLASS_ANY);
    assert_int_equal(plan.n_stages, 3);
    assert_instant(plan.stage_due_ms[0], "2026-02-25T12:00:00+08:00");
    assert_instant(plan.stage_due_ms[1], "2026-02-26T18:00:00+08:00");
    assert_int_equal(plan.stage_due_ms[2], plan.deadline.due.unix_ms);
}

static void wall_clocks_run_by_night_and_warn_at_shares_of_wall_time(void **state) {
    (void)state;
    struct hy_pack_clock clock = {.unit = HY_UNIT_WALL_SECONDS, .length = 40, .n_warnings = 2, .warnings = {50, 80}};
    static const char *const starts[] = {"2026-03-07T03:00:00+08:00", "2026-02-17T12:00:00+08:00",
                                         "2026-03-02T17:59:50+08:00", "2026-12-31T23:59:45+08:00"};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        struct hy_clock_plan plan = plan_of(&clock, starts[i]);
        assert_int_equal(plan.stage_due_ms[0] - instant(starts[i]), 20000);
        assert_int_equal(plan.stage_due_ms[1] - instant(starts[i]), 32000);
        assert_int_equal(plan.deadline.due.unix_ms - instant(starts[i]), 40000);
        assert_false(plan.deadline.provisional);
    }
    clock.unit = HY_UNIT_WALL_MINUTES;
    assert_int_equal(plan_of(&clock, starts[0]).deadline.due.unix_ms - instant(starts[0]), 40 * 60000);
}

static void working_minutes_and_calendar_days_end_where_their_unit_says(void **state) {
    (void)state;
    struct hy_pack_clock clock = {.unit = HY_UNIT_WORK_MINUTES, .length = 240};
    assert_instant(plan_of(&clock, "2026-02-14T17:00:00+08:00").deadline.due.unix_ms, "2026-02-24T11:30:00+08:00");
    clock = (struct hy_pack_clock){.unit = HY_UNIT_CALENDAR_DAYS, .length = 90};
    assert_instant(plan_of(&clock, "2026-01-31T10:00:00+08:00").deadline.due.unix_ms, "2026-05-02T00:00:00+08:00");
}

static void a_plan_that_rests_on_an_unknown_year_is_provisional(void **state) {
    (void)state;
    const struct hy_pack_clock *reply = hy_pack_clock(hy_pack_kind(loaded.pack, "letter"), "reply");
    assert_false(plan_of(reply, "2026-12-24T10:00:00+08:00").deadline.provisional);
    assert_true(plan_of(reply, "2026-12-25T10:00:00+08:00").deadline.provisional);
    assert_false(plan_of(&general, "2026-12-31T17:59:00+08:00").deadline.provisional);
    // The class of a notice received in an unknown year may turn out to be the other one.
    assert_true(plan_of(&general, "2027-01-04T10:00:00+08:00").deadline.provisional);
}

static void stages_rise_from_start_to_due_in_every_unit(void **state) {
    (void)state;
    uint32_t seed = 3;
    for (int i = 0; i < 2000; i++) {
        seed = seed * 1103515245u + 12345u;
        struct hy_pack_clock clock = {
            .unit = (enum hy_unit)(i % 5), .length = 1 + seed % 60, .n_warnings = 4, .warnings = {1, 50, 80, 99}};
        int64_t start = instant("2025-03-01") + (int64_t)(seed >> 4) * 200;
        struct hy_clock_plan plan;
        assert_int_equal(hy_clock_plan(calendar, loaded.pack, &clock, start, &plan), 0);
        int64_t before = start;
        for (int k = 0; k < plan.n_stages; k++) {
            assert_true(plan.stage_due_ms[k] >= before);
            before = plan.stage_due_ms[k];
        }
        assert_int_equal(before, plan.deadline.due.unix_ms);
    }
}

static void a_start_out_of_range_is_refused_in_every_unit(void **state) {
    (void)state;
    for (int unit = 0; unit < 5; unit++) {
        struct hy_pack_clock clock = {.unit = (enum hy_unit)unit, .length = 1};
        struct hy_clock_plan plan;
        assert_int_equal(hy_clock_plan(calendar, loaded.pack, &clock, -1, &plan), HY_ERANGE);
        assert_int_equal(hy_clock_plan(calendar, loaded.pack, &clock, INT64_MAX, &plan), HY_ERANGE);
        assert_int_equal(hy_clock_plan(calendar, loaded.pack, &clock, INT64_MIN, &plan), HY_ERANGE);
    }
}

int run_clock_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rectification_counts_from_receipt_in_the_class_of_its_receipt, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_letter_is_warned_at_shares_of_working_time_and_due_at_closing_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(wall_clocks_run_by_night_and_warn_at_shares_of_wall_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(working_minutes_and_calendar_days_end_where_their_unit_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_plan_that_rests_on_an_unknown_year_is_provisional, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stages_rise_from_start_to_due_in_every_unit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_start_out_of_range_is_refused_in_every_unit, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("clock plans", tests, NULL, NULL);
}
