// A subject's state as bytes: what is stored goes on where it was, and what is broken is refused.
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

static struct hy_subject_state *through_bytes(struct hy_subject_state *state, const struct hy_incident_rules *read_by) {
    struct hy_buf bytes = {0};
    struct hy_error err;
    struct hy_subject_state *back = NULL;
    assert_int_equal(hy_subject_pack(state, &bytes), 0);
    assert_true(bytes.len <= HY_SUBJECT_PACKED);
    if (hy_subject_unpack(read_by, hy_buf_view(&bytes), &back, &err) < 0) fail_msg("%s", err.text);
    hy_buf_free(&bytes);
    hy_subject_free(state);
    return back;
}

static void equal(const struct hy_subject_state *a, const struct hy_subject_state *b, int64_t minute) {
    struct hy_window_totals x = window_at(a, &rules, minute), y = window_at(b, &rules, minute);
    assert_int_equal(x.writers, y.writers);
    assert_int_equal(x.messages, y.messages);
    assert_int_equal(x.reach, y.reach);
    assert_true(x.usual == y.usual);
}

// Two subjects hear the same; one is stored and read back all the time.
static void play(int messages, int writers, int step_ms) {
    struct hy_subject_state *kept = subject_of(&rules), *stored = subject_of(&rules);
    uint64_t seed = 17;
    int64_t now = T0;
    for (int i = 0; i < messages; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        now += step_ms;
        int event = seed >> 60 == 0 ? i - 1 : i, writer = (int)((seed >> 33) % (uint64_t)writers); // some are repeated
        int64_t at = now - (int64_t)((seed >> 20) % (uint64_t)(DAY / 2));
        assert_int_equal(sight_at(kept, &rules, event, writer, at, now),
                         sight_at(stored, &rules, event, writer, at, now));
        struct hy_observation a, b;
        bool said = hy_subject_observe(kept, &rules, now, &a);
        assert_int_equal(said, hy_subject_observe(stored, &rules, now, &b));
        if (said) {
            assert_int_equal(a.counter, b.counter);
            assert_int_equal(a.writers, b.writers);
            assert_int_equal(a.messages, b.messages);
            assert_int_equal(a.level, b.level);
            assert_int_equal(a.run, b.run);
            assert_int_equal(a.n_evidence, b.n_evidence);
            for (int k = 0; k < a.n_evidence; k++)
                assert_string_equal(a.evidence[k]->event_id, b.evidence[k]->event_id);
        }
        assert_int_equal(hy_subject_waiting(kept, now), hy_subject_waiting(stored, now));
        if (i % 7 == 0 || i > messages - 5) stored = through_bytes(stored, &rules);
    }
    equal(kept, stored, (now - T0) / MINUTE);
    hy_subject_free(kept);
    hy_subject_free(stored);
}

static void a_stored_subject_goes_on_as_one_that_was_kept(void **state) {
    (void)state;
    play(600, 40, 3000000);  // weeks: runs begin and end, the baseline fills
    play(3000, 2000, 20000); // a storm: sketches
}

static void the_fullest_state_fits(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    char event[32], author[32], url[256];
    memset(url, 'u', sizeof url - 1);
    url[sizeof url - 1] = '\0';
    struct hy_observation seen;
    for (int i = 0; i < 60000; i++) {
        snprintf(event, sizeof event, "%026d", i);
        snprintf(author, sizeof author, "%026d", i);
        int64_t now = T0 + (int64_t)i * 2 * DAY / 60000;
        struct hy_sighted sighted = {event, author, now, UINT64_MAX / 100000000, true, true, url, event};
        assert_int_equal(hy_subject_sighted(s, &rules, &sighted, now), HY_SIGHTED_COUNTED);
        if (i % 500 == 0) hy_subject_observe(s, &rules, now, &seen);
    }
    assert_true(hy_subject_memory(s) < 128 * 1024);
    hy_subject_free(through_bytes(s, &rules)); // asserts the size
    s = subject_of(&rules);
    for (int i = 0; i < 512; i++) // as many as are kept one by one, with all else full
        assert_int_equal(sight_at(s, &rules, i, i, T0 + i * DAY / 512, T0 + i * DAY / 512), HY_SIGHTED_COUNTED);
    assert_true(hy_subject_observe(s, &rules, T0 + DAY, &seen));
    hy_subject_free(through_bytes(s, &rules));
}

static void another_bucket_length_keeps_what_was_counted(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    for (int i = 0; i < 30; i++)
        sight(s, &rules, i, i, i * 20);
    struct hy_incident_rules wider = rules;
    wider.window_ms *= 2;
    wider.bucket_ms *= 2;
    s = through_bytes(s, &wider);
    struct hy_window_totals totals;
    hy_subject_window(s, &wider, T0 + 600 * MINUTE, &totals);
    assert_int_equal(totals.writers, 30);
    assert_int_equal(totals.messages, 30);
    hy_subject_free(s);
}

static void bytes_that_are_broken_are_refused_or_harmless(void **state) {
    (void)state;
    struct hy_subject_state *s = subject_of(&rules);
    struct hy_observation seen;
    for (int i = 0; i < 60; i++)
        sight(s, &rules, i, i, i);
    hy_subject_observe(s, &rules, T0 + 60 * MINUTE, &seen);
    struct hy_buf bytes = {0};
    assert_int_equal(hy_subject_pack(s, &bytes), 0);
    hy_subject_free(s);
    uint64_t seed = 23;
    int refused = 0;
    for (int round = 0; round < 4000; round++) {
        size_t len = round % 2 ? bytes.len : (size_t)round % bytes.len;
        uint8_t *copy = malloc(len + 1);
        memcpy(copy, bytes.data, len);
        for (int k = 0; k < 1 + round % 3 && len > 0 && round % 2; k++) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            copy[(seed >> 20) % len] = (uint8_t)(seed >> 56);
        }
        struct hy_error err;
        struct hy_subject_state *back = NULL;
        if (hy_subject_unpack(&rules, hy_bytes_from(copy, len), &back, &err) < 0) {
            assert_null(back);
            refused++;
        } else {
            int fate = sight_at(back, &rules, 9999, 9999, T0 + 61 * MINUTE, T0 + 61 * MINUTE);
            assert_true(fate >= 0);
            hy_subject_observe(back, &rules, T0 + 62 * MINUTE, &seen);
            hy_subject_free(back);
        }
        free(copy);
    }
    assert_true(refused > 500);
    hy_buf_free(&bytes);
}

static void another_version_is_refused(void **state) {
    (void)state;
    const uint8_t version2[] = {0x08, 0x02};
    struct hy_error err;
    struct hy_subject_state *back = NULL;
    assert_int_equal(hy_subject_unpack(&rules, hy_bytes_from(version2, 2), &back, &err), HY_EVERSION);
    assert_non_null(strstr(err.text, "version 2"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stored_subject_goes_on_as_one_that_was_kept),
        cmocka_unit_test(the_fullest_state_fits),
        cmocka_unit_test(another_bucket_length_keeps_what_was_counted),
        cmocka_unit_test(bytes_that_are_broken_are_refused_or_harmless),
        cmocka_unit_test(another_version_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
