// Clocks: started, warned, breached, stopped by proof, moved only by a correction; deliveries and ticks around them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define V(name)       HUIYING__V1__VERB__VERB_##name
#define STATE(name)   HUIYING__V1__CASE_STATE__CASE_STATE_##name
#define CLOCK(name)   HUIYING__V1__CLOCK_STATE__CLOCK_STATE_##name
#define ROW(name)     HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_##name
#define WORK(name)    HUIYING__V1__WORK_KIND__WORK_KIND_##name
#define OUTCOME(name) HUIYING__V1__DELIVERY_OUTCOME__DELIVERY_OUTCOME_##name

enum { HOUR = 3600000, DAY = 86400000 };

// Fires the armed stage at its time.
static void fire(struct world *w, const char *name, const char *rule) {
    const Huiying__V1__Clock *clock = world_clock(w, name);
    if (clock->stage_due->unix_ms > w->now) w->now = clock->stage_due->unix_ms;
    assert_int_equal(world_apply(w, world_timer(w, name)), HY_ENGINE_APPLIED);
    assert_string_equal(w->out.rule, rule);
}

static Huiying__V1__Delivery *row(struct world *w, const char *name) {
    Huiying__V1__Case *c = world_case(w);
    for (size_t i = 0; i < c->n_deliveries; i++) {
        if (strcmp(c->deliveries[i]->row, name) == 0) return c->deliveries[i];
    }
    return NULL;
}

static void a_clock_warns_at_each_share_and_then_breaches(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    static const char *const why[] = {"reply 50%", "reply 80%", "reply 95%"};
    for (int i = 0; i < 3; i++) {
        uint32_t epoch = world_clock(w, "reply")->epoch;
        fire(w, "reply", "clock.warned");
        assert_string_equal(world_work(w, WORK(REMINDED), "jiaoyu")->why, why[i]);
        assert_int_equal(world_clock(w, "reply")->epoch, epoch + 1);
        assert_int_equal(world_clock(w, "reply")->stage, i + 1);
    }
    assert_non_null(world_work(w, WORK(REMINDED), "bangongshi")); // 95 %: the supervisor too
    fire(w, "reply", "clock.breached");
    const Huiying__V1__Clock *clock = world_clock(w, "reply");
    assert_int_equal(clock->state, CLOCK(BREACHED));
    assert_true(clock->breached_once);
    assert_true(world_case(w)->supervised);
    assert_int_equal(w->out.n_work, 2); // owner and supervisor; the operator's queue is the decider's, told once
    assert_string_equal(world_record(w)->article, "N7");
    world_free(w);
}

static void a_fire_of_another_epoch_is_nothing(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    Huiying__V1__Command *twice = world_timer(w, "forward");
    w->now = world_clock(w, "forward")->stage_due->unix_ms;
    assert_int_equal(world_apply(w, twice), HY_ENGINE_APPLIED);
    assert_int_equal(world_apply(w, twice), HY_ENGINE_REPEATED);
    assert_int_equal(w->out.n_work, 0);
    Huiying__V1__Command *pending = world_timer(w, "forward");
    assert_int_equal(world_apply(w, world_act(w, V(SIGN), "zhang", "jiaoyu")), HY_ENGINE_APPLIED);
    assert_int_equal(world_apply(w, pending), HY_ENGINE_REPEATED);
    Huiying__V1__Command *none = world_timer(w, "no_such_clock");
    assert_int_equal(world_apply(w, none), HY_ENGINE_REFUSED);
    world_free(w);
}

static void a_fire_before_its_time_is_armed_again_by_what_it_was_early_and_a_second(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    int64_t due = world_clock(w, "reply")->stage_due->unix_ms;
    w->now = due - 7000;
    assert_int_equal(world_apply(w, world_timer(w, "reply")), HY_ENGINE_APPLIED);
    assert_string_equal(w->out.rule, "clock.early");
    const Huiying__V1__Clock *clock = world_clock(w, "reply");
    assert_int_equal(clock->stage, 0);
    assert_int_equal(clock->epoch, 2);
    assert_int_equal(clock->stage_due->unix_ms, due + 8000); // by Redis's fast clock
    w->now = due;
    assert_int_equal(world_apply(w, world_timer(w, "reply")), HY_ENGINE_APPLIED);
    assert_string_equal(w->out.rule, "clock.warned");
    world_free(w);
}

static void stages_that_passed_before_the_clock_was_armed_are_told_once(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *cmd = world_message(w, "n1", "停水了");
    cmd->message->event->received = cmd->message->event->ingested = world_time(w, w->now - 60LL * DAY);
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_APPLIED);
    const Huiying__V1__Clock *clock = world_clock(w, "reply");
    assert_int_equal(clock->stage, 3);
    fire(w, "reply", "clock.breached");
    world_free(w);
}

static void a_proof_that_is_earlier_than_the_deadline_withdraws_the_breach(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    world_reply(w, "已施划");
    assert_int_equal(world_apply(w, world_claim(w, "d2", 1)), HY_ENGINE_APPLIED);
    int64_t sent = w->now + 1000;
    for (int i = 0; i < 3; i++) {
        fire(w, "reply", "clock.warned");
    }
    fire(w, "reply", "clock.breached");
    Huiying__V1__Command *receipt = world_receipt(w, "d2", 1, OUTCOME(SENT));
    receipt->delivery_receipt->seen = world_time(w, sent);
    assert_int_equal(world_apply(w, receipt), HY_ENGINE_APPLIED);
    const Huiying__V1__Clock *clock = world_clock(w, "reply");
    assert_int_equal(clock->state, CLOCK(REFUTED));
    assert_int_equal(clock->ended->unix_ms, sent);
    assert_false(clock->breached_once);
    assert_string_equal(world_record(w)->clocks[0]->what, "refuted");
    world_free(w);
}

static void a_proof_after_the_deadline_ends_the_clock_but_not_the_breach(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    world_reply(w, "已施划");
    w->now = world_clock(w, "reply")->due->unix_ms + HOUR;
    world_deliver(w, "d2"); // no timer has told of it yet
    const Huiying__V1__Clock *clock = world_clock(w, "reply");
    assert_int_equal(clock->state, CLOCK(STOPPED));
    assert_true(clock->breached_once);
    assert_string_equal(world_record(w)->clocks[0]->what, "breached");
    assert_string_equal(world_record(w)->clocks[1]->what, "stopped");
    world_free(w);
}

static void a_new_pack_moves_no_running_deadline_a_correction_does_and_keeps_both(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    int64_t due = world_clock(w, "reply")->due->unix_ms;
    Huiying__V1__Command *cmd = world_command(w);
    Huiying__V1__Recompute body;
    huiying__v1__recompute__init(&body);
    body.pack_hash = hy_arena_str(w->build, world_packs[1]->hash); // 15 working days
    cmd->body_case = HUIYING__V1__COMMAND__BODY_RECOMPUTE;
    cmd->recompute = &body;
    cmd->actor->role = hy_arena_str(w->build, "department");
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_REFUSED);
    cmd->actor->role = hy_arena_str(w->build, "operator");
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_APPLIED);
    assert_true(world_clock(w, "reply")->due->unix_ms > due);
    const Huiying__V1__ClockChange *change = world_record(w)->clocks[0];
    assert_string_equal(change->what, "moved");
    assert_int_equal(change->due_before->unix_ms, due);
    assert_string_equal(world_case(w)->pack_hash, world_packs[1]->hash);
    world_free(w);
}

static void a_deadline_beyond_the_calendar_is_marked_everywhere(void **state) {
    (void)state;
    struct world *w = world_new();
    w->now = 1798682400000; // 2026-12-31 10:00 +08:00; 2027 is not announced
    world_open(w);
    assert_true(world_clock(w, "reply")->provisional);
    assert_true(world_work(w, WORK(ASSIGNED), "jiaoyu")->clocks[0]->provisional);
    assert_true(world_record(w)->clocks[0]->provisional);
    bool told = false;
    for (size_t i = 0; i < w->out.n_contents; i++) {
        told = told || strstr(w->out.contents[i].content->text, "暂定") != NULL;
    }
    assert_true(told);
    world_free(w);
}

static void an_earlier_receipt_never_gives_a_later_deadline(void **state) {
    (void)state;
    struct world *w = world_new();
    w->now -= 5100000; // 08:35, in working hours: an hour
    Huiying__V1__Command *cmd = world_message(w, "n1", "页面错误");
    cmd->message->route->pack_hash = hy_arena_str(w->build, world_packs[1]->hash);
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_APPLIED);
    assert_string_equal(world_clock(w, "rectify")->clock_class, "in_hours");
    int64_t due = world_clock(w, "rectify")->due->unix_ms;
    assert_int_equal(due, w->now + HOUR);
    Huiying__V1__Command *earlier = world_message(w, "n0", "页面打不开");
    earlier->message->event->received = world_time(w, w->now - 15 * 60000); // 08:20, outside: four hours from there
    assert_int_equal(world_apply(w, earlier), HY_ENGINE_APPLIED);
    assert_int_equal(world_clock(w, "rectify")->due->unix_ms, due);
    world_free(w);
}

static void a_retry_of_a_text_that_was_replaced_is_not_sent_again(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    world_reply(w, "已施划");
    assert_int_equal(world_apply(w, world_claim(w, "d2", 1)), HY_ENGINE_APPLIED);
    Huiying__V1__Command *close = world_act(w, V(CLOSE), "zhang", "jiaoyu");
    close->act->reason_code = hy_arena_str(w->build, "withdrawn");
    assert_int_equal(world_apply(w, close), HY_ENGINE_APPLIED);
    assert_int_equal(row(w, "d2")->state, ROW(SENDING)); // it may have left already
    assert_int_equal(world_apply(w, world_receipt(w, "d2", 1, OUTCOME(RETRY))), HY_ENGINE_APPLIED);
    assert_string_equal(w->out.rule, "delivery.cancelled");
    assert_int_equal(row(w, "d2")->state, ROW(FAILED));
    world_free(w);
}

static void a_courier_sends_only_under_a_claim(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    assert_int_equal(world_apply(w, world_receipt(w, "d1", 0, OUTCOME(SENT))), HY_ENGINE_REFUSED);
    assert_int_equal(world_apply(w, world_claim(w, "d1", 2)), HY_ENGINE_REFUSED);
    assert_int_equal(world_apply(w, world_claim(w, "d9", 1)), HY_ENGINE_REFUSED);
    Huiying__V1__Command *claim = world_claim(w, "d1", 1);
    assert_int_equal(world_apply(w, claim), HY_ENGINE_APPLIED);
    assert_int_equal(row(w, "d1")->state, ROW(SENDING));
    assert_int_equal(row(w, "d1")->until->unix_ms, w->now + 30000);
    assert_int_equal(world_apply(w, claim), HY_ENGINE_REPEATED);
    Huiying__V1__Command *other = world_claim(w, "d1", 1);
    other->claim_delivery->courier = hy_arena_str(w->build, "courier-2");
    assert_int_equal(world_apply(w, other), HY_ENGINE_REFUSED);
    Huiying__V1__Command *receipt = world_receipt(w, "d1", 1, OUTCOME(SENT));
    assert_int_equal(world_apply(w, receipt), HY_ENGINE_APPLIED);
    assert_int_equal(world_apply(w, receipt), HY_ENGINE_REPEATED);
    assert_int_equal(world_clock(w, "reply")->state, CLOCK(RUNNING)); // 受理回执 is not the answer
    world_free(w);
}

static void an_expired_sending_becomes_unknown_never_pending(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    assert_int_equal(world_apply(w, world_claim(w, "d1", 1)), HY_ENGINE_APPLIED);
    const char *key = hy_case_key(w->build, w->dossier, w->case_id);
    int64_t next;
    assert_int_equal(hy_engine_next_tick(&w->engine, w->build, key, world_get(w, key), &next, NULL), 0);
    assert_int_equal(next, w->now + 30000);
    world_advance(w, 29999);
    assert_int_equal(world_tick(w, key), HY_ENGINE_SKIPPED);
    world_advance(w, 1);
    assert_int_equal(world_tick(w, key), HY_ENGINE_APPLIED);
    assert_int_equal(row(w, "d1")->state, ROW(UNKNOWN));
    assert_non_null(world_work(w, WORK(CHANGED), "jiaoyu"));
    assert_int_equal(world_apply(w, world_claim(w, "d1", 2)), HY_ENGINE_REFUSED);
    assert_int_equal(world_apply(w, world_receipt(w, "d1", 1, OUTCOME(SENT))), HY_ENGINE_APPLIED); // found by looking
    world_free(w);
}

static void what_never_left_is_tried_again_ever_more_seldom_and_a_person_is_told(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    int64_t wait = 0;
    for (uint32_t attempt = 1; attempt < 12; attempt++) {
        assert_int_equal(world_apply(w, world_claim(w, "d1", attempt)), HY_ENGINE_APPLIED);
        assert_int_equal(world_apply(w, world_receipt(w, "d1", attempt, OUTCOME(RETRY))), HY_ENGINE_APPLIED);
        assert_int_equal(row(w, "d1")->state, ROW(PENDING));
        assert_int_equal(world_apply(w, world_claim(w, "d1", attempt + 1)), HY_ENGINE_REFUSED);
        wait = row(w, "d1")->not_before->unix_ms - w->now;
        assert_true(wait >= 2500 && wait <= 900000);
        assert_null(world_work(w, WORK(CHANGED), "jiaoyu"));
        w->now += wait;
    }
    for (uint32_t attempt = 12; attempt < 40; attempt++) {
        assert_int_equal(world_apply(w, world_claim(w, "d1", attempt)), HY_ENGINE_APPLIED);
        assert_int_equal(world_apply(w, world_receipt(w, "d1", attempt, OUTCOME(RETRY))), HY_ENGINE_APPLIED);
        assert_int_equal(row(w, "d1")->state, ROW(PENDING));
        assert_true((world_work(w, WORK(CHANGED), "jiaoyu") != NULL) == (attempt == 12)); // told once
        wait = row(w, "d1")->not_before->unix_ms - w->now;
        assert_true(wait > 0 && wait <= 3600000);
        w->now += wait;
    }
    assert_int_equal(world_apply(w, world_claim(w, "d1", 40)), HY_ENGINE_APPLIED);
    assert_int_equal(world_apply(w, world_receipt(w, "d1", 40, OUTCOME(SENT))), HY_ENGINE_APPLIED);
    assert_int_equal(row(w, "d1")->state, ROW(SENT));
    world_free(w);
}

static void an_answer_that_was_taken_back_before_it_left_is_not_sent(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    world_reply(w, "已施划");
    Huiying__V1__Command *close = world_act(w, V(CLOSE), "zhang", "jiaoyu");
    close->act->reason_code = hy_arena_str(w->build, "withdrawn");
    assert_int_equal(world_apply(w, close), HY_ENGINE_APPLIED);
    assert_int_equal(row(w, "d2")->state, ROW(FAILED));
    assert_string_equal(row(w, "d2")->receipt, "cancelled");
    assert_int_equal(row(w, "d1")->state, ROW(PENDING));
    world_free(w);
}

static void rewrite(struct world *w, const char *text, enum hy_engine_outcome outcome) {
    Huiying__V1__Command *reply = world_act(w, V(REPLY), "zhang", "jiaoyu");
    reply->act->text = hy_arena_str(w->build, text);
    assert_int_equal(world_apply(w, reply), outcome);
}

// Under the pack without reviews, whose answer goes to two targets: d2 to the platform (main), d3 to the status page.
static void open_two_targets(struct world *w) {
    Huiying__V1__Command *cmd = world_message(w, "n1", "停水了");
    cmd->message->route->pack_hash = hy_arena_str(w->build, world_packs[1]->hash);
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_APPLIED);
    world_reply(w, "已通水");
    assert_string_equal(row(w, "d2")->target, "web");
    assert_string_equal(row(w, "d3")->target, "status_page");
}

static void an_answer_that_is_being_sent_cannot_be_rewritten(void **state) {
    (void)state;
    struct world *w = world_new();
    open_two_targets(w);
    assert_int_equal(world_apply(w, world_claim(w, "d2", 1)), HY_ENGINE_APPLIED);
    rewrite(w, "已于今晨通水", HY_ENGINE_REFUSED);
    assert_string_equal(w->out.rule, "reply.sending");
    assert_int_equal(world_apply(w, world_receipt(w, "d2", 1, OUTCOME(FAILED))), HY_ENGINE_APPLIED);
    rewrite(w, "已于今晨通水", HY_ENGINE_APPLIED);
    assert_int_equal(row(w, "d3")->state, ROW(FAILED)); // nobody began it, and its text no longer stands
    assert_int_equal(row(w, "d4")->state, ROW(PENDING));
    assert_int_equal(row(w, "d5")->state, ROW(PENDING));
    world_free(w);
}

static void a_text_that_arrived_at_one_target_goes_only_to_the_other_again(void **state) {
    (void)state;
    struct world *w = world_new();
    open_two_targets(w);
    world_deliver(w, "d3");
    assert_int_equal(world_clock(w, "reply")->state, CLOCK(RUNNING)); // not the main one
    assert_int_equal(world_apply(w, world_claim(w, "d2", 1)), HY_ENGINE_APPLIED);
    assert_int_equal(world_apply(w, world_receipt(w, "d2", 1, OUTCOME(FAILED))), HY_ENGINE_APPLIED);
    rewrite(w, "已通水", HY_ENGINE_APPLIED);
    assert_string_equal(row(w, "d4")->target, "web");
    assert_null(row(w, "d5"));
    world_deliver(w, "d4"); // the one that failed is no longer waited for
    assert_int_equal(world_clock(w, "reply")->state, CLOCK(STOPPED));
    assert_int_equal(world_case(w)->state, STATE(DELIVERED));
    world_free(w);
}

static void a_receipt_of_an_older_round_proves_nothing_of_the_new_one(void **state) {
    (void)state;
    struct world *w = world_new();
    open_two_targets(w);
    assert_int_equal(world_apply(w, world_claim(w, "d2", 1)), HY_ENGINE_APPLIED);
    world_advance(w, 30000);
    assert_int_equal(world_tick(w, hy_case_key(w->build, w->dossier, w->case_id)), HY_ENGINE_APPLIED);
    rewrite(w, "已于今晨通水", HY_ENGINE_APPLIED);
    assert_string_equal(row(w, "d4")->target, "web");
    world_deliver(w, "d4");
    world_advance(w, HOUR);
    assert_int_equal(world_apply(w, world_message(w, "n2", "又停了")), HY_ENGINE_APPLIED);
    assert_int_equal(world_clock(w, "reply#2")->state, CLOCK(RUNNING));
    assert_int_equal(world_apply(w, world_receipt(w, "d2", 1, OUTCOME(SENT))), HY_ENGINE_APPLIED);
    assert_int_equal(world_clock(w, "reply#2")->state, CLOCK(RUNNING));
    assert_int_equal(world_case(w)->state, STATE(ASSIGNED));
    world_free(w);
}

static void what_is_delivered_has_the_hash_that_was_approved(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    world_reply(w, "已施划");
    uint8_t hash[32];
    hy_sha256(hy_bytes_of("已施划"), hash);
    assert_memory_equal(row(w, "d2")->content_hash.data, hash, 32);
    assert_string_equal(row(w, "d2")->content_key, world_case(w)->draft->content_key);
    world_free(w);
}

static void a_closed_case_goes_to_the_journal_after_its_time_and_leaves_nothing(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    Huiying__V1__Command *close = world_act(w, V(CLOSE), "zhang", "jiaoyu");
    close->act->reason_code = hy_arena_str(w->build, "withdrawn");
    assert_int_equal(world_apply(w, close), HY_ENGINE_APPLIED);
    const char *key = hy_case_key(w->build, w->dossier, w->case_id);
    int64_t closed = w->now;
    assert_int_equal(world_tick(w, w->dossier), HY_ENGINE_SKIPPED);
    w->now = closed + 400LL * DAY - 1;
    assert_int_equal(world_tick(w, key), HY_ENGINE_SKIPPED);
    w->now = closed + 400LL * DAY;
    assert_int_equal(world_tick(w, key), HY_ENGINE_APPLIED);
    assert_string_equal(world_record(w)->command, "archive");
    Huiying__V1__Case *last =
        huiying__v1__case__unpack(hy_arena_pb(w->build), world_record(w)->snapshot.len, world_record(w)->snapshot.data);
    assert_int_equal(last->state, STATE(CLOSED));
    assert_int_equal(world_get(w, key).len, 0);
    assert_int_equal(world_get(w, w->dossier).len, 0);
    world_free(w);
}

static void a_dossier_forgets_notes_after_their_time(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *cmd = world_message(w, "n1", "在吗");
    cmd->message->route->request = false;
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_APPLIED);
    int64_t next;
    assert_int_equal(hy_engine_next_tick(&w->engine, w->build, w->dossier, world_get(w, w->dossier), &next, NULL), 0);
    assert_int_equal(next, w->now + 400LL * DAY);
    w->now = next;
    assert_int_equal(world_tick(w, w->dossier), HY_ENGINE_APPLIED);
    assert_int_equal(world_get(w, w->dossier).len, 0);
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_warns_at_each_share_and_then_breaches),
        cmocka_unit_test(a_fire_of_another_epoch_is_nothing),
        cmocka_unit_test(a_fire_before_its_time_is_armed_again_by_what_it_was_early_and_a_second),
        cmocka_unit_test(stages_that_passed_before_the_clock_was_armed_are_told_once),
        cmocka_unit_test(a_proof_that_is_earlier_than_the_deadline_withdraws_the_breach),
        cmocka_unit_test(a_proof_after_the_deadline_ends_the_clock_but_not_the_breach),
        cmocka_unit_test(a_new_pack_moves_no_running_deadline_a_correction_does_and_keeps_both),
        cmocka_unit_test(a_deadline_beyond_the_calendar_is_marked_everywhere),
        cmocka_unit_test(an_earlier_receipt_never_gives_a_later_deadline),
        cmocka_unit_test(a_retry_of_a_text_that_was_replaced_is_not_sent_again),
        cmocka_unit_test(a_courier_sends_only_under_a_claim),
        cmocka_unit_test(an_expired_sending_becomes_unknown_never_pending),
        cmocka_unit_test(what_never_left_is_tried_again_ever_more_seldom_and_a_person_is_told),
        cmocka_unit_test(an_answer_that_was_taken_back_before_it_left_is_not_sent),
        cmocka_unit_test(an_answer_that_is_being_sent_cannot_be_rewritten),
        cmocka_unit_test(a_text_that_arrived_at_one_target_goes_only_to_the_other_again),
        cmocka_unit_test(a_receipt_of_an_older_round_proves_nothing_of_the_new_one),
        cmocka_unit_test(what_is_delivered_has_the_hash_that_was_approved),
        cmocka_unit_test(a_closed_case_goes_to_the_journal_after_its_time_and_leaves_nothing),
        cmocka_unit_test(a_dossier_forgets_notes_after_their_time),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
