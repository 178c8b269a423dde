// The parts of sla that decide: which clocks become timers, when a clock step holds them, what an audit finds, ids.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/sla/audit_index.h"
#include "consumers/sla/audit_map.h"
#include "consumers/sla/fires.h"
#include "consumers/sla/guard.h"
#include "consumers/sla/options.h"
#include "consumers/sla/pace.h"
#include "consumers/sla/snapshot.h"
#include "huiying/v1/case.pb-c.h"
#include "huiying/v1/command.pb-c.h"

static struct hy_arena *arena;

static int group_setup(void **state) {
    (void)state;
    arena = hy_arena_new(1 << 20);
    return arena ? 0 : -1;
}

static int group_teardown(void **state) {
    (void)state;
    hy_arena_free(arena);
    return 0;
}

enum { CLOCKS = 5 };

// A case "D.C" with one clock of each state, all due at 1000 + index, packed into out.
static void make_case(Huiying__V1__CaseState case_state, struct hy_buf *out) {
    static char names[CLOCKS][16] = {"reply", "forward", "old", "late", "odd"};
    static const Huiying__V1__ClockState states[CLOCKS] = {
        HUIYING__V1__CLOCK_STATE__CLOCK_STATE_RUNNING, HUIYING__V1__CLOCK_STATE__CLOCK_STATE_RUNNING,
        HUIYING__V1__CLOCK_STATE__CLOCK_STATE_STOPPED, HUIYING__V1__CLOCK_STATE__CLOCK_STATE_BREACHED,
        HUIYING__V1__CLOCK_STATE__CLOCK_STATE_REFUTED};
    Huiying__V1__Case one = HUIYING__V1__CASE__INIT;
    Huiying__V1__Clock clocks[CLOCKS], *list[CLOCKS];
    Huiying__V1__Time due[CLOCKS];
    for (int i = 0; i < CLOCKS; i++) {
        huiying__v1__clock__init(&clocks[i]);
        huiying__v1__time__init(&due[i]);
        due[i].unix_ms = 1000 + i;
        clocks[i].name = names[i];
        clocks[i].epoch = 4;
        clocks[i].stage = 2;
        clocks[i].state = states[i];
        if (i != 1) clocks[i].stage_due = &due[i];
        clocks[i].due = &due[i];
        list[i] = &clocks[i];
    }
    one.schema_version = 1;
    one.id = (char[]){"C"};
    one.dossier = (char[]){"D"};
    one.state = case_state;
    one.version = 7;
    one.clocks = list;
    one.n_clocks = CLOCKS;
    hy_buf_clear(out);
    assert_int_equal(hy_buf_reserve(out, huiying__v1__case__get_packed_size(&one)), 0);
    out->len = huiying__v1__case__pack(&one, (uint8_t *)out->data);
}

static int read_as(const char *key, struct hy_bytes value, struct sla_change *out) {
    hy_arena_reset(arena);
    return sla_read_record(hy_bytes_of(key), value, arena, out, NULL);
}

static void only_running_clocks_of_an_open_case_become_timers(void **state) {
    (void)state;
    struct hy_buf value = {0};
    struct sla_change change;
    make_case(HUIYING__V1__CASE_STATE__CASE_STATE_SIGNED, &value);
    assert_int_equal(read_as("D.C", hy_buf_view(&value), &change), 0);
    assert_int_equal(change.kind, SLA_CASE);
    assert_string_equal(change.one.id, "C");
    assert_string_equal(change.one.dossier, "D");
    assert_int_equal(change.one.version, 7);
    assert_int_equal(change.one.n, 2);
    assert_string_equal(change.timers[0].clock, "reply");
    assert_int_equal(change.timers[0].epoch, 4);
    assert_int_equal(change.timers[0].stage, 2);
    assert_int_equal(change.timers[0].due_ms, 1000);
    assert_int_equal(change.timers[1].due_ms, 1001); // no stage_due: the clock's own
    for (int closed = HUIYING__V1__CASE_STATE__CASE_STATE_CLOSED;
         closed <= HUIYING__V1__CASE_STATE__CASE_STATE_WITHDRAWN; closed++) {
        make_case((Huiying__V1__CaseState)closed, &value);
        assert_int_equal(read_as("D.C", hy_buf_view(&value), &change), 0);
        assert_int_equal(change.kind, SLA_CASE);
        assert_int_equal(change.one.n, 0);
    }
    hy_buf_free(&value);
}

static void a_tombstone_cancels_whatever_version_stood_there(void **state) {
    (void)state;
    struct sla_change change;
    assert_int_equal(read_as("D.C", (struct hy_bytes){0}, &change), 0);
    assert_int_equal(change.kind, SLA_CASE);
    assert_int_equal(change.one.n, 0);
    assert_true(change.one.version == HY_TIMER_VERSION_MAX);
}

static void what_is_no_case_means_nothing(void **state) {
    (void)state;
    struct sla_change change;
    const char *const keys[] = {"DOSSIER", "", ".C", "D.", "."};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_int_equal(read_as(keys[i], hy_bytes_of("\xff\xff"), &change), 0);
        assert_int_equal(change.kind, SLA_NOTHING);
    }
    assert_int_equal(read_as("!progress", (struct hy_bytes){0}, &change), 0);
    assert_int_equal(change.kind, SLA_NOTHING);
}

static void what_cannot_be_read_is_refused_and_not_taken_for_a_cancel(void **state) {
    (void)state;
    struct hy_buf value = {0};
    struct sla_change change;
    make_case(HUIYING__V1__CASE_STATE__CASE_STATE_SIGNED, &value);
    assert_int_equal(read_as("D.OTHER", hy_buf_view(&value), &change), HY_EFORMAT);
    assert_int_equal(read_as("E.C", hy_buf_view(&value), &change), HY_EFORMAT);
    assert_int_equal(read_as("D.C", hy_bytes_of("\xff\xff\xff"), &change), HY_EFORMAT);
    assert_int_equal(read_as("D.C", hy_bytes_of(""), &change), HY_EVERSION);
    assert_int_equal(read_as("!progress", hy_bytes_of("\xff\xff\xff"), &change), HY_EFORMAT);
    size_t refused = 0;
    for (size_t len = 1; len < value.len; len++) {
        uint8_t *cut = malloc(len);
        memcpy(cut, value.data, len);
        refused += read_as("D.C", hy_bytes_from(cut, len), &change) != 0;
        free(cut);
    }
    assert_true(refused > value.len / 2);
    hy_buf_free(&value);
}

static void progress_tells_how_far_casework_is(void **state) {
    (void)state;
    uint8_t packed[64];
    struct sla_change change;
    Huiying__V1__Progress progress = HUIYING__V1__PROGRESS__INIT;
    progress.log_id = (char[]){"LOG"};
    progress.next_offset = 42;
    struct hy_bytes value = {packed, huiying__v1__progress__pack(&progress, packed)};
    assert_int_equal(read_as("!progress", value, &change), 0);
    assert_int_equal(change.kind, SLA_PROGRESS);
    assert_int_equal(change.progress.offset, 42);
    assert_string_equal(change.progress.log_id, "LOG");
    progress.next_offset = -1;
    value.len = huiying__v1__progress__pack(&progress, packed);
    assert_int_equal(read_as("!progress", value, &change), HY_EFORMAT);
}

static void a_clock_that_moves_as_it_should_is_never_held(void **state) {
    (void)state;
    struct sla_guard guard = {.slack_ms = 5000, .hold_ms = 10000, .agree_ms = 1000};
    assert_int_equal(sla_guard_expect(&guard, 5), -1);
    assert_true(sla_guard_wrong(&guard, 1000000, 994999)); // a clock that is wrong from the start
    assert_false(sla_guard_wrong(&guard, 1000000, 995000));
    sla_guard_accept(&guard, 1000000, 0);
    assert_int_equal(sla_guard_expect(&guard, 250), 1000250);
    assert_false(sla_guard_wrong(&guard, 1000000, 0)); // known: its own readings count
    assert_false(sla_guard_apart(&guard, 1000250, 1001250));
    assert_true(sla_guard_apart(&guard, 1000250, 1001251));
    assert_true(sla_guard_apart(&guard, 1001251, 1000250));
}

static void a_step_holds_until_the_clock_was_steady_and_agrees_with_the_host(void **state) {
    (void)state;
    struct sla_guard guard = {.slack_ms = 5000, .hold_ms = 10000, .agree_ms = 1000};
    sla_guard_accept(&guard, 0, 0);
    sla_guard_stepped(&guard, 60000, 1000);
    assert_true(guard.held);
    for (int64_t mono = 2000; mono < 11000; mono += 1000)
        assert_false(sla_guard_recovers(&guard, 59000 + mono, mono, 59000 + mono));
    assert_false(sla_guard_recovers(&guard, 10000, 10500, 10000)); // it stepped once more: from the beginning
    for (int64_t mono = 11500; mono < 20500; mono += 1000)
        assert_false(sla_guard_recovers(&guard, mono - 500, mono, mono - 500));
    assert_true(sla_guard_recovers(&guard, 20000, 20500, 20000));
    assert_false(guard.held);
}

static void a_steady_clock_that_does_not_agree_is_let_go_after_ten_times_the_hold(void **state) {
    (void)state;
    struct sla_guard guard = {.slack_ms = 5000, .hold_ms = 10000, .agree_ms = 1000};
    sla_guard_stepped(&guard, 0, 0);
    for (int64_t mono = 1000; mono < 100000; mono += 1000)
        assert_false(sla_guard_recovers(&guard, mono, mono, mono + 9000));
    assert_true(sla_guard_recovers(&guard, 100000, 100000, 109000));
}

static void a_clock_that_nobody_read_for_a_while_has_not_been_steady_meanwhile(void **state) {
    (void)state;
    struct sla_guard guard = {.slack_ms = 5000, .hold_ms = 10000, .agree_ms = 1000};
    sla_guard_stepped(&guard, 0, 0); // an hour behind
    int64_t mono = 1000;
    for (; mono <= 40000; mono += 1000)
        assert_false(sla_guard_recovers(&guard, mono, mono, mono + 3600000));
    mono += 160000; // Redis was away; its clock was right for some of it, and is an hour behind again
    for (int64_t end = mono + 50000; mono < end; mono += 1000)
        assert_false(sla_guard_recovers(&guard, mono, mono, mono + 3600000));
}

static void an_audit_finds_what_is_missing_extra_or_different_and_skips_what_moved(void **state) {
    (void)state;
    struct sla_audit_map map = {0};
    struct sla_audit_entry found[6] = {0};
    for (uint64_t i = 1; i <= 5000; i++) {
        struct sla_audit_entry *entry = sla_audit_map_put(&map, i * 0x9E3779B97F4A7C15u);
        entry->n = 1;
        entry->sum = i;
        entry->offset = 10;
    }
    for (uint64_t i = 6; i <= 5000; i++)
        sla_audit_map_get(&map, i * 0x9E3779B97F4A7C15u)->n = 0; // closed since
    for (size_t i = 0; i < 5; i++)
        found[i] = (struct sla_audit_entry){.key = (i + 1) * 0x9E3779B97F4A7C15u, .sum = i + 1, .n = 1};
    struct sla_audit_result r = sla_audit_compare(&map, found, 5, 11, 1);
    assert_int_equal(r.missing + r.extra + r.differs, 0);
    found[1].sum++;
    found[2].key = 77;
    r = sla_audit_compare(&map, found, 5, 11, 2);
    assert_int_equal(r.differs, 1);
    assert_int_equal(r.extra, 1);
    assert_int_equal(r.missing, 1);
    found[5] = (struct sla_audit_entry){.key = 9 * 0x9E3779B97F4A7C15u, .sum = 9, .n = 1};
    r = sla_audit_compare(&map, found, 6, 11, 3);
    assert_int_equal(r.extra, 2); // Redis holds a closed case
    r = sla_audit_compare(&map, found, 6, 10, 4);
    assert_int_equal(r.missing + r.differs, 0); // all of them changed at or after the position
    assert_int_equal(r.extra, 1);
    sla_audit_map_sweep(&map, 11);
    assert_int_equal(map.n, 5);
    assert_null(sla_audit_map_get(&map, 9 * 0x9E3779B97F4A7C15u));
    sla_audit_map_free(&map);
    assert_null(sla_audit_map_get(&map, 1));
}

static void a_case_that_waits_must_stand_in_the_due_index_under_its_time_whatever_else_stands_there(void **state) {
    (void)state;
    struct sla_hashes waiting = {0};
    struct sla_hashes indexed = {0};
    assert_int_equal(sla_hashes_missing(&waiting, &indexed), 0);
    for (uint64_t i = 1; i <= 3000; i++) {
        assert_int_equal(sla_hashes_add(&waiting, sla_entry_hash(i, 5000)), 0);
        assert_int_equal(sla_hashes_add(&indexed, sla_entry_hash(3001 - i, 5000)), 0);
        assert_int_equal(sla_hashes_add(&indexed, sla_entry_hash(i, 4000)), 0); // where it stood before
    }
    assert_int_equal(sla_hashes_missing(&waiting, &indexed), 0);
    assert_int_equal(sla_hashes_add(&waiting, sla_entry_hash(1, 5001)), 0); // its entry has another time
    assert_int_equal(sla_hashes_add(&waiting, sla_entry_hash(4000, 5000)), 0);
    assert_int_equal(sla_hashes_missing(&waiting, &indexed), 2);
    sla_hashes_free(&indexed);
    assert_int_equal(sla_hashes_missing(&waiting, &indexed), 3002);
    sla_hashes_free(&waiting);
}

// An engine that works off `rate` fires a second and is offered as many as the window lets through.
struct engine {
    struct sla_pace pace;
    double done;
    int64_t sent, ms;
};

// How long a fire is under way in the end, in seconds.
static double lag_after(struct engine *e, double rate, int seconds) {
    for (int64_t end = e->ms + seconds * 1000; e->ms < end; e->ms += 10) {
        e->done += rate / 100;
        if (e->done > (double)e->sent) e->done = (double)e->sent;
        sla_pace_seen(&e->pace, (int64_t)e->done, e->ms, 1000);
        while (e->sent - (int64_t)e->done < e->pace.window)
            sla_pace_sent(&e->pace, e->sent++, (int64_t)e->done, e->ms);
        e->pace.full = true;
    }
    return ((double)e->sent - e->done) / rate;
}

static void overdue_timers_go_out_as_fast_as_the_engine_works_them_off_within_its_lag(void **state) {
    (void)state;
    for (double rate = 1000; rate < 200000; rate *= 10) {
        struct engine engine = {0};
        sla_pace_init(&engine.pace);
        double lag = lag_after(&engine, rate, 30);
        assert_true(lag > 0.8 && lag < 1.2);
        lag = lag_after(&engine, rate / 8, 60); // it became slow
        assert_true(lag > 0.8 && lag < 1.2);
        lag = lag_after(&engine, rate, 30);
        assert_true(lag > 0.8 && lag < 1.2);
    }
}

static void a_window_that_nothing_fills_stays_as_it_is_and_a_stopped_engine_halves_it_once(void **state) {
    (void)state;
    struct sla_pace pace;
    sla_pace_init(&pace);
    int64_t window = pace.window;
    for (int64_t i = 0; i < 100; i++) {
        sla_pace_sent(&pace, i, i, i * 1000);
        sla_pace_seen(&pace, i + 1, i * 1000 + 200, 1000);
    }
    assert_int_equal(pace.window, window);
    sla_pace_sent(&pace, 1000, 990, 200000);
    for (int64_t ms = 200000; ms < 230000; ms += 10)
        sla_pace_seen(&pace, 100, ms, 1000);
    assert_int_equal(pace.window, window); // no answer is no measurement
    sla_pace_seen(&pace, 1001, 230000, 1000);
    assert_int_equal(pace.window, window / 2);
    sla_pace_seen(&pace, 1001, 240000, 1000);
    assert_int_equal(pace.window, window / 2);
}

static void a_queue_of_letters_before_a_fire_does_not_shrink_the_window_and_a_far_broker_neither(void **state) {
    (void)state;
    struct sla_pace pace;
    sla_pace_init(&pace);
    int64_t window = pace.window;
    sla_pace_sent(&pace, 0, 0, 0);
    sla_pace_seen(&pace, 1, 100, 1000);
    for (int64_t i = 1; i < 50; i++) { // 10,000 letters stand before each
        sla_pace_sent(&pace, i * 20000, i * 20000 - 10000, i * 10000);
        sla_pace_seen(&pace, i * 20000 + 1, i * 10000 + 9000, 1000);
    }
    assert_int_equal(pace.window, window);
    sla_pace_init(&pace);
    for (int64_t i = 0; i < 50; i++) { // alone, and each answer takes 3 s
        sla_pace_sent(&pace, i, i, i * 10000);
        sla_pace_seen(&pace, i + 1, i * 10000 + 3000, 1000);
    }
    assert_int_equal(pace.window, window);
}

static void an_offset_of_a_topic_that_was_made_anew_is_of_no_account(void **state) {
    (void)state;
    struct sla_pace pace;
    sla_pace_init(&pace);
    sla_pace_sent(&pace, 5000000, 5000000, 0);
    sla_pace_seen(&pace, 5000001, 100, 1000);
    sla_pace_init(&pace); // its owner saw another log
    sla_pace_sent(&pace, 10, 0, 1000);
    sla_pace_seen(&pace, 11, 1100, 1000);
    sla_pace_sent(&pace, 20, 11, 2000);
    sla_pace_seen(&pace, 21, 9000, 1000);
    assert_int_equal(pace.window, 256);
}

static void hashes_of_timers_differ_in_each_part(void **state) {
    (void)state;
    uint64_t base = sla_timer_hash("reply", 1, 0, 1000);
    assert_true(base == sla_timer_hash("reply", 1, 0, 1000));
    assert_true(base != sla_timer_hash("replx", 1, 0, 1000));
    assert_true(base != sla_timer_hash("reply", 2, 0, 1000));
    assert_true(base != sla_timer_hash("reply", 1, 1, 1000));
    assert_true(base != sla_timer_hash("reply", 1, 0, 1001));
    assert_true(sla_case_hash("a") != sla_case_hash("b"));
}

static void a_fire_has_one_id_for_ever_and_says_all_that_the_engine_asks(void **state) {
    (void)state;
    struct hy_timer_fire fire = {
        .case_id = "C", .dossier = "D", .clock = "reply", .epoch = 3, .stage = 1, .due_ms = 999};
    char id[HY_ID_SIZE], again[HY_ID_SIZE], wanted[HY_ID_SIZE];
    struct hy_buf packed = {0};
    sla_fire_id(&fire, id);
    hy_id_strings(wanted, 5, "timer", "C", "reply", "3", "1");
    assert_string_equal(id, wanted);
    fire.due_ms = 1000; // the moment is no part of the identity
    sla_fire_id(&fire, again);
    assert_string_equal(id, again);
    fire.stage = 2;
    sla_fire_id(&fire, again);
    assert_string_not_equal(id, again);
    assert_int_equal(sla_fire_command(&fire, 1234, &packed), 0);
    Huiying__V1__Command *command = huiying__v1__command__unpack(NULL, packed.len, (uint8_t *)packed.data);
    assert_non_null(command);
    assert_int_equal(command->schema_version, 1);
    assert_string_equal(command->id, again);
    assert_string_equal(command->dossier, "D");
    assert_string_equal(command->case_id, "C");
    assert_int_equal(command->actor->kind, HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PROGRAM);
    assert_string_equal(command->actor->id, "sla");
    assert_int_equal(command->body_case, HUIYING__V1__COMMAND__BODY_TIMER_FIRED);
    assert_string_equal(command->timer_fired->clock, "reply");
    assert_int_equal(command->timer_fired->epoch, 3);
    assert_int_equal(command->timer_fired->stage, 2);
    assert_int_equal(command->timer_fired->due->unix_ms, 1000);
    assert_int_equal(command->timer_fired->fired->unix_ms, 1234);
    huiying__v1__command__free_unpacked(command, NULL);
    hy_buf_free(&packed);
}

static void the_configuration_is_sound_and_its_defaults_load(void **state) {
    (void)state;
    struct sla_options options;
    struct hy_buf problems = {0};
    if (hy_config_check_table(&SLA_CONFIG, &problems) != 0) fail_msg("%s", problems.data);
    assert_int_equal(hy_config_load(&SLA_CONFIG, &options, "none", (struct hy_bytes){0}, NULL, NULL, 0, &problems), 0);
    assert_string_equal(options.key_prefix, "hy");
    assert_int_equal(options.audit_ms, 60000);
    assert_int_equal(options.step_ms, 5000);
    hy_config_free(&SLA_CONFIG, &options);
    hy_buf_free(&problems);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_running_clocks_of_an_open_case_become_timers),
        cmocka_unit_test(a_tombstone_cancels_whatever_version_stood_there),
        cmocka_unit_test(what_is_no_case_means_nothing),
        cmocka_unit_test(what_cannot_be_read_is_refused_and_not_taken_for_a_cancel),
        cmocka_unit_test(progress_tells_how_far_casework_is),
        cmocka_unit_test(a_clock_that_moves_as_it_should_is_never_held),
        cmocka_unit_test(a_step_holds_until_the_clock_was_steady_and_agrees_with_the_host),
        cmocka_unit_test(a_steady_clock_that_does_not_agree_is_let_go_after_ten_times_the_hold),
        cmocka_unit_test(a_clock_that_nobody_read_for_a_while_has_not_been_steady_meanwhile),
        cmocka_unit_test(an_audit_finds_what_is_missing_extra_or_different_and_skips_what_moved),
        cmocka_unit_test(a_case_that_waits_must_stand_in_the_due_index_under_its_time_whatever_else_stands_there),
        cmocka_unit_test(overdue_timers_go_out_as_fast_as_the_engine_works_them_off_within_its_lag),
        cmocka_unit_test(a_window_that_nothing_fills_stays_as_it_is_and_a_stopped_engine_halves_it_once),
        cmocka_unit_test(a_queue_of_letters_before_a_fire_does_not_shrink_the_window_and_a_far_broker_neither),
        cmocka_unit_test(an_offset_of_a_topic_that_was_made_anew_is_of_no_account),
        cmocka_unit_test(hashes_of_timers_differ_in_each_part),
        cmocka_unit_test(a_fire_has_one_id_for_ever_and_says_all_that_the_engine_asks),
        cmocka_unit_test(the_configuration_is_sound_and_its_defaults_load),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
