// One message, one fate (design section 2).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define V(name)     HUIYING__V1__VERB__VERB_##name
#define KIND(name)  HUIYING__V1__EVENT_KIND__EVENT_KIND_##name
#define STATE(name) HUIYING__V1__CASE_STATE__CASE_STATE_##name
#define WORK(name)  HUIYING__V1__WORK_KIND__WORK_KIND_##name
#define FATE(name)  HUIYING__V1__FATE__FATE_##name

enum { HOUR = 3600000 };

static void assert_fate(struct world *w, Huiying__V1__Command *cmd, Huiying__V1__Fate fate, const char *rule) {
    world_apply(w, cmd);
    assert_non_null(world_record(w));
    assert_string_equal(w->out.rule, rule);
    assert_int_equal(world_record(w)->fate, fate);
}

static Huiying__V1__Command *chatter(struct world *w, const char *native_id, const char *text) {
    Huiying__V1__Command *cmd = world_message(w, native_id, text);
    cmd->message->route->request = false;
    return cmd;
}

static void close_case(struct world *w) {
    Huiying__V1__Command *cmd = world_act(w, V(CLOSE), "zhang", world_case(w)->owner);
    cmd->act->reason_code = hy_arena_str(w->build, "withdrawn");
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_APPLIED);
}

static void hello_water_is_off_in_our_block_is_one_case(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_fate(w, chatter(w, "n0", "你好"), FATE(NOTED), "message.noted");
    assert_fate(w, world_message(w, "n1", "停水了"), FATE(OPENED), "message.opened");
    world_advance(w, 60000);
    assert_fate(w, chatter(w, "n2", "在花园小区"), FATE(APPENDED), "message.recent");
    assert_int_equal(world_case(w)->n_members, 2);
    assert_string_equal(world_work(w, WORK(CHANGED), "jiaoyu")->text, "在花园小区");
    world_free(w);
}

static void a_message_after_the_packs_hours_opens_its_own_case(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    char first[HY_ID_SIZE];
    memcpy(first, w->case_id, sizeof first);
    world_advance(w, 25 * HOUR);
    assert_fate(w, world_message(w, "n2", "另一件事"), FATE(OPENED), "message.opened");
    assert_string_not_equal(first, w->case_id);
    world_free(w);
}

static void an_answer_joins_the_case_it_answers_however_late(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_fate(w, world_message(w, "n1", "停水了"), FATE(OPENED), "message.opened");
    char first[HY_ID_SIZE];
    memcpy(first, w->case_id, sizeof first);
    world_advance(w, 48 * HOUR);
    assert_fate(w, world_message(w, "n2", "路灯坏了"), FATE(OPENED), "message.opened");
    Huiying__V1__Command *cmd = world_message(w, "n3", "还没来水");
    cmd->message->event->answers = hy_arena_str(w->build, world_event_id(w, "n1"));
    assert_fate(w, cmd, FATE(APPENDED), "message.answers");
    assert_string_equal(world_record(w)->case_id, first);
    world_free(w);
}

static void a_known_message_is_repeated_and_changes_nothing(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *cmd = world_message(w, "n1", "停水了");
    assert_fate(w, cmd, FATE(OPENED), "message.opened");
    for (int i = 0; i < 3; i++) {
        assert_fate(w, cmd, FATE(REPEATED), "message.repeated");
        assert_int_equal(w->out.outcome, HY_ENGINE_REPEATED);
    }
    Huiying__V1__Command *noted = chatter(w, "n9", "谢谢");
    world_advance(w, 48 * HOUR);
    noted->message->event->occurred = world_time(w, w->now);
    assert_fate(w, noted, FATE(NOTED), "message.noted");
    assert_fate(w, noted, FATE(REPEATED), "message.repeated");
    assert_string_equal(w->out.journal[0].key, w->dossier);
    world_free(w);
}

static void a_late_message_goes_to_the_closed_case_it_was_written_before(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    int64_t written = w->now + HOUR;
    world_advance(w, 5 * HOUR);
    close_case(w);
    Huiying__V1__Command *late = world_message(w, "n2", "补充");
    late->message->event->occurred = world_time(w, written);
    assert_fate(w, late, FATE(APPENDED), "message.late");
    assert_int_equal(world_case(w)->state, STATE(CLOSED));
    world_advance(w, HOUR);
    assert_fate(w, world_message(w, "n3", "又坏了"), FATE(OPENED), "message.opened");
    world_free(w);
}

static void where_the_pack_says_so_a_late_request_opens_the_case_again(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *cmd = world_message(w, "n1", "停水了");
    cmd->message->route->pack_hash = hy_arena_str(w->build, world_packs[1]->hash);
    assert_fate(w, cmd, FATE(OPENED), "message.opened");
    int64_t written = w->now + HOUR;
    world_advance(w, 2 * HOUR);
    close_case(w);
    Huiying__V1__Command *late = world_message(w, "n2", "补充");
    late->message->event->occurred = world_time(w, written);
    assert_fate(w, late, FATE(APPENDED), "message.late");
    assert_int_equal(world_case(w)->state, STATE(ASSIGNED));
    assert_int_equal(world_case(w)->reopened, 1);
    assert_non_null(world_work(w, WORK(ASSIGNED), "jiaoyu"));
    world_free(w);
}

static void a_full_case_goes_on_in_a_linked_one(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_fate(w, world_message(w, "n0", "一"), FATE(OPENED), "message.opened");
    char first[HY_ID_SIZE];
    memcpy(first, w->case_id, sizeof first);
    for (int i = 1; i < 6; i++) {
        assert_fate(w, world_message(w, hy_arena_fmt(w->build, "n%d", i), "又一"), FATE(APPENDED), "message.recent");
    }
    assert_fate(w, world_message(w, "n6", "第七"), FATE(OPENED), "message.opened");
    assert_string_equal(world_case(w)->linked_case, first);
    assert_fate(w, world_message(w, "n7", "第八"), FATE(APPENDED), "message.recent");
    assert_string_equal(world_record(w)->case_id, w->case_id);
    world_free(w);
}

static void an_edit_is_kept_beside_what_was_first_written_and_moves_no_clock(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_fate(w, world_message(w, "n1", "停水了"), FATE(OPENED), "message.opened");
    const Huiying__V1__Clock *before = world_clock(w, "reply");
    world_advance(w, HOUR);
    Huiying__V1__Command *edit = world_change(w, "e1", KIND(EDIT), "n1");
    assert_fate(w, edit, FATE(EDITED), "message.edited");
    assert_int_equal(w->out.n_contents, 1);
    assert_string_equal(w->out.contents[0].content->replaces, world_case(w)->content_keys[0]);
    assert_int_equal(world_clock(w, "reply")->epoch, before->epoch);
    assert_int_equal(world_case(w)->step, 1);
    assert_fate(w, edit, FATE(REPEATED), "message.repeated");
    world_free(w);
}

static void a_case_whose_messages_were_all_taken_back_is_withdrawn(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_fate(w, world_message(w, "n1", "停水了"), FATE(OPENED), "message.opened");
    assert_fate(w, world_message(w, "n2", "还没来"), FATE(APPENDED), "message.recent");
    assert_fate(w, world_change(w, "w1", KIND(WITHDRAWAL), "n1"), FATE(WITHDRAWN), "message.withdrawn");
    assert_int_equal(world_case(w)->state, STATE(ASSIGNED));
    assert_fate(w, world_change(w, "w2", KIND(WITHDRAWAL), "n2"), FATE(WITHDRAWN), "message.withdrawn");
    assert_int_equal(world_case(w)->state, STATE(WITHDRAWN));
    assert_non_null(world_work(w, WORK(CLOSED), "jiaoyu"));
    assert_fate(w, world_message(w, "n3", "又停了"), FATE(OPENED), "message.opened");
    world_free(w);
}

static void an_edit_that_comes_before_its_message_waits_for_it(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *edit = world_change(w, "e1", KIND(EDIT), "n1");
    assert_fate(w, edit, FATE(EDITED), "message.early");
    assert_fate(w, edit, FATE(REPEATED), "message.repeated");
    // State holds no text and no person.
    struct hy_bytes record = world_get(w, w->dossier);
    assert_null(memmem(record.data, record.len, "改为这样", strlen("改为这样")));
    assert_null(memmem(record.data, record.len, "citizen-1", strlen("citizen-1")));
    assert_fate(w, world_message(w, "n1", "停水了"), FATE(OPENED), "message.opened");
    Huiying__V1__Case *c = world_case(w);
    assert_int_equal(c->n_content_keys, 3); // message, its edit, the receipt to the citizen
    assert_int_equal(world_dossier(w)->n_early, 0);
    assert_fate(w, edit, FATE(REPEATED), "message.repeated");
    world_free(w);
}

static void an_edit_that_asks_and_whose_message_never_comes_opens_a_case_after_an_hour(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *edit = world_change(w, "e1", KIND(EDIT), "n1");
    edit->message->route->request = true;
    int64_t received = w->now;
    assert_fate(w, edit, FATE(EDITED), "message.early");
    int64_t next;
    assert_int_equal(hy_engine_next_tick(&w->engine, w->build, w->dossier, world_get(w, w->dossier), &next, NULL), 0);
    assert_int_equal(next, w->now + HOUR);
    world_advance(w, HOUR - 1);
    assert_int_equal(world_tick(w, w->dossier), HY_ENGINE_SKIPPED);
    world_advance(w, 1);
    assert_int_equal(world_tick(w, w->dossier), HY_ENGINE_APPLIED);
    assert_string_equal(w->out.rule, "message.early_opened");
    assert_int_equal(world_clock(w, "reply")->started->unix_ms, received);
    assert_int_equal(world_work(w, WORK(ASSIGNED), "jiaoyu")->n_content_keys, 1);
    assert_fate(w, edit, FATE(REPEATED), "message.repeated");
    Huiying__V1__Command *late = world_message(w, "n1", "停水");
    late->message->event->occurred = late->message->event->received = world_time(w, received - 60000);
    assert_fate(w, late, FATE(APPENDED), "message.recent");
    assert_int_equal(world_clock(w, "reply")->started->unix_ms, received - 60000);
    world_free(w);
}

static void a_message_taken_back_before_it_came_is_noted_not_opened(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *back = world_change(w, "w1", KIND(WITHDRAWAL), "n1");
    assert_fate(w, back, FATE(WITHDRAWN), "message.early");
    assert_fate(w, world_message(w, "n1", "停水了"), FATE(NOTED), "message.withdrawn_before");
    assert_fate(w, back, FATE(REPEATED), "message.repeated");
    assert_int_equal(w->out.n_work, 0);
    world_free(w);
}

static void an_edit_that_makes_a_request_of_a_noted_message_opens_a_case(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_fate(w, chatter(w, "n1", "在吗"), FATE(NOTED), "message.noted");
    Huiying__V1__Command *edit = world_change(w, "e1", KIND(EDIT), "n1");
    edit->message->route->request = true;
    assert_fate(w, edit, FATE(OPENED), "message.opened");
    assert_fate(w, edit, FATE(REPEATED), "message.repeated");
    world_free(w);
}

static void a_noted_message_can_be_opened_and_its_clock_runs_from_its_receipt(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *noted = chatter(w, "n1", "水");
    int64_t received = w->now;
    assert_fate(w, noted, FATE(NOTED), "message.noted");
    world_advance(w, 20 * HOUR);
    Huiying__V1__Command *open = world_act(w, V(OPEN), "op", "operator");
    open->case_id = hy_arena_str(w->build, "");
    open->act->department = hy_arena_str(w->build, "shuiwu");
    open->act->event_id = hy_arena_str(w->build, world_event_id(w, "n1"));
    assert_int_equal(world_apply(w, open), HY_ENGINE_APPLIED);
    assert_int_equal(world_record(w)->fate, FATE(OPENED));
    assert_string_equal(world_case(w)->owner, "shuiwu");
    assert_int_equal(world_clock(w, "reply")->started->unix_ms, received);
    assert_int_equal(world_dossier(w)->n_noted, 0);
    assert_int_equal(world_apply(w, open), HY_ENGINE_REFUSED);
    assert_fate(w, noted, FATE(REPEATED), "message.repeated");
    world_free(w);
}

static void an_earlier_message_that_comes_later_moves_the_start_earlier_never_later(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_fate(w, world_message(w, "n1", "停水了"), FATE(OPENED), "message.opened");
    int64_t started = w->now, due = world_clock(w, "reply")->due->unix_ms;
    Huiying__V1__Command *earlier = world_message(w, "n0", "水压低");
    earlier->message->event->occurred = earlier->message->event->received =
        world_time(w, started - 20 * HOUR); // Sunday
    assert_fate(w, earlier, FATE(APPENDED), "message.recent");
    const Huiying__V1__Clock *clock = world_clock(w, "reply");
    assert_int_equal(clock->started->unix_ms, started - 20 * HOUR);
    assert_true(clock->due->unix_ms < due);
    assert_string_equal(world_record(w)->clocks[0]->what, "moved");
    due = clock->due->unix_ms;
    world_advance(w, HOUR);
    assert_fate(w, world_message(w, "n2", "还没来"), FATE(APPENDED), "message.recent");
    assert_int_equal(world_clock(w, "reply")->due->unix_ms, due);
    world_free(w);
}

static void a_clock_never_starts_after_ingest_or_in_the_future(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *cmd = world_message(w, "n1", "停水了");
    cmd->message->event->received = world_time(w, w->now + 90 * HOUR);
    cmd->message->event->occurred = world_time(w, w->now + 90 * HOUR);
    cmd->message->event->ingested = world_time(w, w->now - 5 * HOUR);
    assert_fate(w, cmd, FATE(OPENED), "message.opened");
    assert_int_equal(world_clock(w, "reply")->started->unix_ms, w->now - 5 * HOUR);
    assert_int_equal(world_case(w)->last_written->unix_ms, w->now);
    world_free(w);
}

static void old_data_gets_a_case_but_no_clock_and_no_notice(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *cmd = world_message(w, "n1", "停水了");
    cmd->message->event->historic = true;
    assert_fate(w, cmd, FATE(OPENED), "message.opened");
    assert_int_equal(world_case(w)->n_clocks, 0);
    assert_int_equal(world_case(w)->n_deliveries, 0);
    assert_non_null(world_work(w, WORK(ASSIGNED), "jiaoyu"));
    // A live message does not vanish into a case without clocks.
    Huiying__V1__Command *live = world_message(w, "n2", "又停了");
    live->message->event->answers = hy_arena_str(w->build, world_event_id(w, "n1"));
    assert_fate(w, live, FATE(OPENED), "message.opened");
    assert_non_null(world_clock(w, "reply"));
    world_free(w);
}

static void a_question_after_the_answer_starts_a_new_term_a_thank_you_does_not(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    world_reply(w, "已通水");
    world_deliver(w, "d2");
    world_advance(w, HOUR);
    assert_fate(w, chatter(w, "n2", "谢谢"), FATE(APPENDED), "message.recent");
    assert_int_equal(world_case(w)->state, STATE(DELIVERED));
    assert_fate(w, world_message(w, "n3", "又停了"), FATE(APPENDED), "message.recent");
    assert_int_equal(world_case(w)->state, STATE(ASSIGNED));
    assert_int_equal(world_clock(w, "reply#2")->state, HUIYING__V1__CLOCK_STATE__CLOCK_STATE_RUNNING);
    world_free(w);
}

static void two_events_of_one_native_id_keep_two_cases_apart(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    assert_fate(w, world_message(w, "n1", "停水了"), FATE(APPENDED), "message.recent");
    world_advance(w, 48 * HOUR);
    assert_fate(w, world_message(w, "n5", "一"), FATE(OPENED), "message.opened");
    char first[HY_ID_SIZE];
    memcpy(first, w->case_id, sizeof first);
    world_advance(w, 48 * HOUR);
    Huiying__V1__Command *cmd = world_message(w, "n5", "二");
    char id[HY_ID_SIZE];
    hy_event_id("web", "mailbox", "n5", "MENTION", id);
    cmd->message->event->id = hy_arena_str(w->build, id);
    cmd->message->event->kind = KIND(MENTION);
    assert_fate(w, cmd, FATE(OPENED), "message.opened");
    assert_string_not_equal(first, w->case_id);
    world_free(w);
}

static void what_is_no_message_is_dead_with_its_reason(void **state) {
    (void)state;
    struct world *w = world_new();
    static const char long_text[] = "\xf0\x9f\x9a";
    Huiying__V1__Command *cmd[9];
    for (int i = 0; i < 9; i++) {
        cmd[i] = world_message(w, "n1", "停水了");
    }
    cmd[0]->message->event = NULL;
    cmd[1]->message->event->id = hy_arena_str(w->build, "short");
    cmd[2]->message->event->dossier = hy_arena_str(w->build, "00000000000000000000000000");
    cmd[3]->message->event->kind = KIND(POST);
    cmd[4]->message->event->text = hy_arena_str(w->build, long_text);
    cmd[5]->message->event->schema_version = 9;
    cmd[6]->message->event->kind = KIND(EDIT);
    cmd[7]->message->event->answers = hy_arena_str(w->build, "me");
    cmd[8]->message->route->kind = hy_arena_str(w->build, "no_such_kind");
    for (int i = 0; i < 9; i++) {
        assert_int_equal(world_apply(w, cmd[i]), HY_ENGINE_DEAD);
        assert_true(strlen(w->out.reason) > 10);
    }
    world_free(w);
}

static void a_case_takes_messages_until_its_snapshot_is_full_and_acts_still_fit(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *cmd = world_message(w, "n-first", "一");
    cmd->message->route->pack_hash = hy_arena_str(w->build, world_packs[2]->hash); // national: 500 members
    assert_fate(w, cmd, FATE(OPENED), "message.opened");
    char first[HY_ID_SIZE];
    memcpy(first, w->case_id, sizeof first);
    for (int i = 0; i < 2000 && strcmp(first, w->case_id) == 0; i++) {
        world_apply(w, world_change(w, hy_arena_fmt(w->build, "e%d", i), KIND(EDIT), "n-first"));
        if (w->out.outcome == HY_ENGINE_DEAD) break;
        if (i % 2 == 0) world_apply(w, world_message(w, hy_arena_fmt(w->build, "m%d", i), "又"));
    }
    struct hy_bytes snapshot = world_get(w, hy_case_key(w->build, w->dossier, first));
    assert_true(snapshot.len > 40000 && snapshot.len <= HY_CASE_SNAPSHOT_MAX);
    assert_string_not_equal(first, w->case_id);
    memcpy(w->case_id, first, sizeof first);
    Huiying__V1__Command *assign = world_act(w, V(ASSIGN), "zhao", "triage");
    assign->act->department = hy_arena_str(w->build, "bangongshi");
    assert_int_equal(world_apply(w, assign), HY_ENGINE_APPLIED);
    world_free(w);
}

static void notes_fill_a_case_only_so_far_and_its_clocks_receipts_and_closing_still_fit(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    for (int i = 0; i < 2000; i++) {
        Huiying__V1__Command *note = world_act(w, V(NOTE), "zhang", "jiaoyu");
        note->act->text = hy_arena_fmt(w->build, "第%d次备注", i);
        if (world_apply(w, note) != HY_ENGINE_APPLIED) break;
    }
    assert_string_equal(w->out.rule, "case.full");
    while (world_clock(w, "reply")->state == HUIYING__V1__CLOCK_STATE__CLOCK_STATE_RUNNING) {
        w->now = world_clock(w, "reply")->stage_due->unix_ms;
        assert_int_equal(world_apply(w, world_timer(w, "reply")), HY_ENGINE_APPLIED);
    }
    assert_int_equal(world_clock(w, "reply")->state, HUIYING__V1__CLOCK_STATE__CLOCK_STATE_BREACHED);
    world_deliver(w, "d1");
    Huiying__V1__Command *close = world_act(w, V(CLOSE), "zhang", "jiaoyu");
    close->act->reason_code = hy_arena_str(w->build, "withdrawn");
    assert_int_equal(world_apply(w, close), HY_ENGINE_APPLIED);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_water_is_off_in_our_block_is_one_case),
        cmocka_unit_test(a_message_after_the_packs_hours_opens_its_own_case),
        cmocka_unit_test(an_answer_joins_the_case_it_answers_however_late),
        cmocka_unit_test(a_known_message_is_repeated_and_changes_nothing),
        cmocka_unit_test(a_late_message_goes_to_the_closed_case_it_was_written_before),
        cmocka_unit_test(where_the_pack_says_so_a_late_request_opens_the_case_again),
        cmocka_unit_test(a_full_case_goes_on_in_a_linked_one),
        cmocka_unit_test(an_edit_is_kept_beside_what_was_first_written_and_moves_no_clock),
        cmocka_unit_test(a_case_whose_messages_were_all_taken_back_is_withdrawn),
        cmocka_unit_test(an_edit_that_comes_before_its_message_waits_for_it),
        cmocka_unit_test(an_edit_that_asks_and_whose_message_never_comes_opens_a_case_after_an_hour),
        cmocka_unit_test(a_message_taken_back_before_it_came_is_noted_not_opened),
        cmocka_unit_test(an_edit_that_makes_a_request_of_a_noted_message_opens_a_case),
        cmocka_unit_test(a_noted_message_can_be_opened_and_its_clock_runs_from_its_receipt),
        cmocka_unit_test(an_earlier_message_that_comes_later_moves_the_start_earlier_never_later),
        cmocka_unit_test(a_clock_never_starts_after_ingest_or_in_the_future),
        cmocka_unit_test(old_data_gets_a_case_but_no_clock_and_no_notice),
        cmocka_unit_test(a_question_after_the_answer_starts_a_new_term_a_thank_you_does_not),
        cmocka_unit_test(two_events_of_one_native_id_keep_two_cases_apart),
        cmocka_unit_test(what_is_no_message_is_dead_with_its_reason),
        cmocka_unit_test(a_case_takes_messages_until_its_snapshot_is_full_and_acts_still_fit),
        cmocka_unit_test(notes_fill_a_case_only_so_far_and_its_clocks_receipts_and_closing_still_fit),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
