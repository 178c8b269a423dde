// What counts, what is usual, and when there is something to say.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "tests/unit/core_incident/support.h"

static struct hy_incident_rules rules;

static int setup(void **state) {
    (void)state;
    rules = day_rules();
    return 0;
}

static bool observe(struct hy_subject_state *subject, int64_t minute, struct hy_observation *out) {
    return hy_subject_observe(subject, &rules, T0 + minute * MINUTE, out);
}

static void distinct_writers_are_counted_not_messages(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    for (int e = 0; e < 50; e++)
        sight(s, &rules, e, e % 3, e);
    struct hy_window_totals totals = window_at(s, &rules, 50);
    assert_int_equal(totals.writers, 3);
    assert_int_equal(totals.messages, 50);
    struct hy_observation seen;
    assert_false(observe(s, 50, &seen)); // one loud person is no incident
    hy_subject_free(s);
}

static void an_event_counts_once_in_the_window(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    sight(s, &rules, 1, 1, 0);
    assert_int_equal(sight_at(s, &rules, 1, 1, T0, T0 + MINUTE), HY_SIGHTED_REPEATED);
    assert_int_equal(sight_at(s, &rules, 1, 2, T0 + MINUTE, T0 + MINUTE), HY_SIGHTED_REPEATED);
    assert_int_equal(window_at(s, &rules, 1).messages, 1);
    assert_int_equal(window_at(s, &rules, 1).writers, 1);
    hy_subject_free(s);
}

static void the_window_slides(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    for (int i = 0; i < 10; i++)
        sight(s, &rules, i, i, i * 60);
    assert_int_equal(window_at(s, &rules, 600).writers, 10);
    assert_int_equal(window_at(s, &rules, 1440 + 300).writers, 4); // those of hours 6 to 9
    assert_int_equal(window_at(s, &rules, 1440 + 600).writers, 0);
    hy_subject_free(s);
}

static void late_events_count_within_the_allowance_only(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    int64_t now = T0 + 10 * DAY;
    assert_int_equal(sight_at(s, &rules, 1, 1, now, now), HY_SIGHTED_COUNTED);
    assert_int_equal(sight_at(s, &rules, 2, 2, now - DAY / 2, now), HY_SIGHTED_COUNTED);
    assert_int_equal(sight_at(s, &rules, 3, 3, now - 3 * DAY, now), HY_SIGHTED_LATE);
    assert_int_equal(sight_at(s, &rules, 4, 4, -5, now), HY_SIGHTED_LATE);
    assert_int_equal(sight_at(s, &rules, 5, 5, now + 30 * DAY, now), HY_SIGHTED_COUNTED); // a clock ahead counts as now
    struct hy_window_totals totals;
    hy_subject_window(s, &rules, now, &totals);
    assert_int_equal(totals.writers, 3);
    hy_subject_free(s);
}

static void a_level_is_reached_by_writers_and_by_what_is_usual(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    struct hy_observation seen;
    for (int i = 0; i < 3; i++)
        sight(s, &rules, i, i, i);
    assert_false(observe(s, 3, &seen));
    sight(s, &rules, 3, 3, 4);
    assert_true(observe(s, 4, &seen));
    assert_int_equal(seen.level, 4);
    assert_int_equal(seen.writers, 4);
    assert_int_equal(seen.counter, 1);
    assert_int_equal(seen.run, 1);
    assert_int_equal(seen.n_evidence, 4);
    assert_true(seen.n_reasons >= 2);
    assert_string_equal(seen.entity, "湖心苑");
    for (int i = 4; i < 16; i++)
        sight(s, &rules, i, i, 5);
    assert_true(observe(s, 5, &seen));
    assert_int_equal(seen.level, 2);
    assert_int_equal(seen.counter, 2);
    hy_subject_free(s);
}

static void what_is_usual_raises_no_alarm(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    struct hy_observation seen;
    rules.watching_since_ms = T0;
    for (int day = 0; day < 30; day++) // five writers a day, always
        for (int i = 0; i < 5; i++) {
            sight(s, &rules, day * 100 + i, day * 100 + i, day * 1440 + i * 60);
            bool said = observe(s, day * 1440 + i * 60, &seen);
            if (day > 7 && said)
                fail_msg("day %d: %d writers where %.1f are usual", day, (int)seen.window_writers, seen.usual);
        }
    double usual = window_at(s, &rules, 30 * 1440).usual;
    assert_true(usual > 4.5 && usual < 5.5);
    for (int i = 0; i < 40; i++)
        sight(s, &rules, 90000 + i, 90000 + i, 30 * 1440 + i);
    assert_true(observe(s, 30 * 1440 + 40, &seen));
    assert_int_equal(seen.level, 2); // 40 writers are not ten times five
    hy_subject_free(s);
    setup(NULL);
}

static void a_long_run_does_not_become_usual(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    struct hy_observation seen;
    rules.watching_since_ms = T0 - 100 * DAY;
    for (int hour = 0; hour < 24 * 12; hour++) {
        sight(s, &rules, hour, hour, hour * 60);
        bool said = observe(s, hour * 60, &seen);
        if (hour > 5) assert_true(said);
    }
    assert_int_equal(seen.run, 1);
    assert_true(seen.usual < 0.5);
    assert_int_equal(seen.messages, 288);
    hy_subject_free(s);
    setup(NULL);
}

static void what_outlasts_the_baseline_becomes_usual(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    struct hy_observation seen;
    int64_t last_said = 0;
    rules.watching_since_ms = T0 - 100 * DAY;
    for (int hour = 0; hour < 24 * 60; hour++) {
        sight(s, &rules, hour, hour, hour * 60);
        if (observe(s, hour * 60, &seen)) last_said = hour / 24;
    }
    assert_true(last_said >= 14 && last_said < 30);
    hy_subject_free(s);
    setup(NULL);
}

static void observations_are_a_second_apart_and_nothing_is_lost_between(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    struct hy_observation seen = {.counter = 0};
    int said = 0;
    uint64_t writers = 0;
    for (int i = 0; i < 5000; i++) { // 5 s, one a millisecond
        assert_int_equal(sight_at(s, &rules, i, i, T0 + i, T0 + i), HY_SIGHTED_COUNTED);
        if (!hy_subject_observe(s, &rules, T0 + i, &seen)) continue;
        assert_int_equal(seen.counter, ++said);
        assert_true(seen.writers >= writers);
        writers = seen.writers;
    }
    assert_true(said >= 4 && said <= 6);
    assert_true(hy_subject_waiting(s, T0 + 6000));
    assert_true(hy_subject_observe(s, &rules, T0 + 6000, &seen)); // the tick tells the rest
    assert_int_equal(seen.messages, 5000);
    assert_false(hy_subject_observe(s, &rules, T0 + 8000, &seen)); // nothing new
    hy_subject_free(s);
}

static void a_run_that_is_told_needs_no_look_until_the_next_bucket(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    struct hy_observation seen;
    int64_t next = (T0 / rules.bucket_ms + 1) * rules.bucket_ms;
    for (int i = 0; i < 20; i++)
        assert_int_equal(sight_at(s, &rules, i, i, T0, T0), HY_SIGHTED_COUNTED);
    assert_true(hy_subject_waiting(s, T0));
    assert_true(hy_subject_observe(s, &rules, T0, &seen));
    assert_false(hy_subject_waiting(s, T0 + 1000));
    assert_false(hy_subject_waiting(s, next - 1));
    assert_true(hy_subject_waiting(s, next));
    assert_false(hy_subject_observe(s, &rules, next, &seen));
    assert_false(hy_subject_waiting(s, next + 1000));
    hy_subject_free(s);
}

static void a_quiet_time_ends_the_run_and_the_next_one_starts_afresh(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    struct hy_observation seen;
    for (int i = 0; i < 10; i++)
        sight(s, &rules, i, i, i);
    assert_true(observe(s, 10, &seen));
    for (int i = 0; i < 5; i++)
        sight(s, &rules, 100 + i, 100 + i, 5 * 1440 + i);
    assert_true(observe(s, 5 * 1440 + 5, &seen));
    assert_int_equal(seen.run, 2);
    assert_int_equal(seen.counter, 2);
    assert_int_equal(seen.messages, 5);
    assert_int_equal(seen.writers, 5);
    assert_int_equal(seen.n_evidence, 5); // the first run's posts are not the second's
    hy_subject_free(s);
}

static void a_lull_shorter_than_the_quiet_time_does_not_split_a_run(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    struct hy_observation seen;
    for (int i = 0; i < 10; i++)
        sight(s, &rules, i, i, i);
    assert_true(observe(s, 10, &seen));
    for (int64_t minute = 11; minute < 1440 + 600; minute += 10)
        assert_false(observe(s, minute, &seen)); // ticks
    for (int i = 0; i < 5; i++)
        sight(s, &rules, 100 + i, 100 + i, 1440 + 600);
    assert_true(observe(s, 1440 + 600, &seen));
    assert_int_equal(seen.run, 1);
    assert_int_equal(seen.messages, 15);
    hy_subject_free(s);
}

// A subject asked once a second and one asked only when something comes have the same runs.
static void ticks_make_no_difference_to_the_runs(void **state) {
    (void)state;
    struct hy_subject_state *asked = subject_of(&rules), *left = subject_of(&rules);
    uint64_t seed = 29, runs = 0;
    int64_t minute = 0;
    for (int i = 0; i < 600; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        int64_t pause = i % 9 == 0 ? (int64_t)(seed >> 52) : (int64_t)(seed >> 58); // up to 68 hours, up to 1 hour
        struct hy_observation a, b;
        for (int64_t tick = minute + 30; tick < minute + pause; tick += 30)
            assert_false(observe(asked, tick, &a));
        minute += pause + 1;
        sight(asked, &rules, i, i, minute);
        sight(left, &rules, i, i, minute);
        bool said = observe(asked, minute, &a);
        assert_int_equal(said, observe(left, minute, &b));
        if (!said) continue;
        assert_int_equal(a.run, b.run);
        assert_int_equal(a.messages, b.messages);
        runs = a.run;
    }
    assert_true(runs > 10);
    hy_subject_free(asked);
    hy_subject_free(left);
}

static void the_strongest_posts_are_kept_in_order(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    struct hy_observation seen;
    for (int i = 0; i < 400; i++)
        sight(s, &rules, i, i, i / 10);
    assert_true(observe(s, 41, &seen));
    assert_int_equal(seen.n_evidence, HY_EVIDENCE);
    for (int i = 0; i + 1 < seen.n_evidence; i++)
        assert_true(seen.evidence[i]->reach >= seen.evidence[i + 1]->reach);
    assert_int_equal(seen.evidence[0]->reach, 6);
    assert_string_equal(seen.evidence[0]->event_id, "event-6"); // of equal reach, the earliest
    assert_string_equal(seen.evidence[0]->url, "https://example.org/6");
    hy_subject_free(s);
}

// The same sightings in any order within the allowance give the same window.
static void the_order_of_the_input_does_not_matter(void **state) {
    (void)state;
    enum { N = 400 };
    uint64_t seed = 5;
    struct hy_window_totals expected = {0};
    for (int round = 0; round < 30; round++) {
        int order[N];
        for (int i = 0; i < N; i++)
            order[i] = i;
        for (int i = N - 1; i > 0 && round > 0; i--) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            int k = (int)((seed >> 33) % (uint64_t)(i + 1)), swap = order[i];
            order[i] = order[k];
            order[k] = swap;
        }
        struct hy_subject_state *s = subject_of(&rules);
        int64_t end = T0 + 4 * 1440 * MINUTE, now = end - DAY;
        for (int i = 0; i < N; i++) { // events of two days, heard in any order during the third
            int e = order[i];
            now += DAY / N / 2;
            int fate = sight_at(s, &rules, e, e % 90, end - 2 * DAY + e * (DAY / N) * 3 / 2, now);
            assert_int_equal(fate, HY_SIGHTED_COUNTED);
            if (e % 5 == 0) assert_int_equal(sight_at(s, &rules, e, e % 90, now, now), HY_SIGHTED_REPEATED);
            struct hy_observation seen;
            hy_subject_observe(s, &rules, now, &seen);
        }
        struct hy_window_totals totals;
        hy_subject_window(s, &rules, end - DAY / 2, &totals);
        if (round == 0) expected = totals;
        assert_int_equal(totals.writers, expected.writers);
        assert_int_equal(totals.messages, expected.messages);
        assert_int_equal(totals.reach, expected.reach);
        assert_int_equal(totals.official, expected.official);
        assert_int_equal(totals.negative, expected.negative);
        hy_subject_free(s);
    }
    assert_true(expected.messages > 100 && expected.messages < N);
}

static void a_storm_is_estimated_within_bounds_of_memory(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(sight_at(s, &rules, i, i % 20000, T0 + i * 10, T0 + i * 10), HY_SIGHTED_COUNTED);
    struct hy_window_totals totals = window_at(s, &rules, 20);
    assert_true(totals.estimated);
    assert_int_equal(totals.messages, 100000); // messages are exact
    assert_true(totals.writers > 17000 && totals.writers < 23000);
    assert_true(hy_subject_memory(s) < 128 * 1024);
    struct hy_observation seen;
    assert_true(observe(s, 20, &seen));
    assert_int_equal(seen.level, 1);
    hy_subject_free(s);
}

static void the_sketch_is_left_when_the_window_has_emptied(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(sight_at(s, &rules, i, i, T0 + i, T0 + i), HY_SIGHTED_COUNTED);
    sight(s, &rules, 90001, 1, 5 * 1440);
    assert_false(window_at(s, &rules, 5 * 1440).estimated);
    assert_int_equal(window_at(s, &rules, 5 * 1440).writers, 1);
    hy_subject_free(s);
}

static void a_subject_is_over_only_when_nothing_would_be_lost(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    sight(s, &rules, 1, 1, 0);
    assert_false(hy_subject_over(s, &rules, T0));
    assert_false(hy_subject_over(s, &rules, T0 + DAY));
    struct hy_observation seen;
    assert_false(observe(s, 5 * 1440, &seen));
    assert_false(hy_subject_over(s, &rules, T0 + 5 * DAY)); // it is part of what is usual
    assert_true(hy_subject_over(s, &rules, T0 + 60 * DAY));
    for (int i = 0; i < 5; i++)
        sight(s, &rules, 10 + i, 10 + i, 60 * 1440);
    assert_true(observe(s, 60 * 1440, &seen));
    assert_false(observe(s, 90 * 1440, &seen));
    assert_false(hy_subject_over(s, &rules, T0 + 365 * DAY)); // its counter was told: it must not begin anew
    hy_subject_free(s);
}

static void packs_without_usable_thresholds_are_refused(void **state) {
    (void)state;
    struct hy_incident_rules out;
    struct hy_pack_level level = {1, 1, 1}, nobody = {4, 0, 1};
    struct hy_pack_incident none = {.window_minutes = 10}, window = {.n_levels = 1, .levels = &level},
                            empty = {.window_minutes = 10, .n_levels = 1, .levels = &nobody},
                            many = {.window_minutes = 10, .n_levels = HY_LEVELS + 1, .levels = &level};
    assert_int_equal(hy_incident_rules(&none, &out), HY_EINVALID);
    assert_int_equal(hy_incident_rules(&window, &out), HY_EINVALID);
    assert_int_equal(hy_incident_rules(&empty, &out), HY_EINVALID);
    assert_int_equal(hy_incident_rules(&many, &out), HY_EINVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distinct_writers_are_counted_not_messages),
        cmocka_unit_test(an_event_counts_once_in_the_window),
        cmocka_unit_test(the_window_slides),
        cmocka_unit_test(late_events_count_within_the_allowance_only),
        cmocka_unit_test(a_level_is_reached_by_writers_and_by_what_is_usual),
        cmocka_unit_test(what_is_usual_raises_no_alarm),
        cmocka_unit_test(a_long_run_does_not_become_usual),
        cmocka_unit_test(what_outlasts_the_baseline_becomes_usual),
        cmocka_unit_test(observations_are_a_second_apart_and_nothing_is_lost_between),
        cmocka_unit_test(a_run_that_is_told_needs_no_look_until_the_next_bucket),
        cmocka_unit_test(a_quiet_time_ends_the_run_and_the_next_one_starts_afresh),
        cmocka_unit_test(a_lull_shorter_than_the_quiet_time_does_not_split_a_run),
        cmocka_unit_test(ticks_make_no_difference_to_the_runs),
        cmocka_unit_test(the_strongest_posts_are_kept_in_order),
        cmocka_unit_test(the_order_of_the_input_does_not_matter),
        cmocka_unit_test(a_storm_is_estimated_within_bounds_of_memory),
        cmocka_unit_test(the_sketch_is_left_when_the_window_has_emptied),
        cmocka_unit_test(a_subject_is_over_only_when_nothing_would_be_lost),
        cmocka_unit_test(packs_without_usable_thresholds_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
