// A letter's life: opened, signed for, answered, reviewed, delivered, closed; and what each step refuses.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "world.h"

#define V(name)     HUIYING__V1__VERB__VERB_##name
#define STATE(name) HUIYING__V1__CASE_STATE__CASE_STATE_##name
#define CLOCK(name) HUIYING__V1__CLOCK_STATE__CLOCK_STATE_##name
#define WORK(name)  HUIYING__V1__WORK_KIND__WORK_KIND_##name

static void assert_refused(struct world *w, Huiying__V1__Command *cmd, const char *rule) {
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_REFUSED);
    assert_string_equal(w->out.rule, rule);
}

static Huiying__V1__Command *act_with(struct world *w, Huiying__V1__Verb verb, const char *person,
                                      const char *department, const char *reason) {
    Huiying__V1__Command *cmd = world_act(w, verb, person, department);
    cmd->act->reason_code = hy_arena_str(w->build, reason);
    return cmd;
}

static void a_request_opens_a_case_on_its_departments_queue(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_int_equal(world_apply(w, world_message(w, "n1", "学校门口没有斑马线")), HY_ENGINE_APPLIED);
    assert_int_equal(world_record(w)->fate, HUIYING__V1__FATE__FATE_OPENED);
    Huiying__V1__Case *c = world_case(w);
    char id[HY_ID_SIZE], receipt[HY_RECEIPT_SIZE];
    hy_case_id(w->dossier, "web", "mailbox", "n1", id);
    hy_receipt_number(world_event_id(w, "n1"), receipt);
    assert_string_equal(c->id, id);
    assert_string_equal(c->receipt_number, receipt);
    assert_string_equal(c->owner, "jiaoyu");
    assert_int_equal(c->state, STATE(ASSIGNED));
    const Huiying__V1__WorkItem *item = world_work(w, WORK(ASSIGNED), "jiaoyu");
    assert_string_equal(item->text, "学校门口没有斑马线");
    assert_int_equal(item->step, 1);
    assert_int_equal(item->n_clocks, 2);
    assert_int_equal(w->out.n_work, 1);
    world_free(w);
}

static void the_citizen_gets_a_number_and_a_date_at_acceptance(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    Huiying__V1__Case *c = world_case(w);
    assert_int_equal(c->n_deliveries, 1);
    assert_string_equal(c->deliveries[0]->purpose, "receipt");
    assert_string_equal(c->deliveries[0]->target, "web");
    const char *text = NULL;
    for (size_t i = 0; i < w->out.n_contents; i++) {
        if (strcmp(w->out.contents[i].key, c->deliveries[0]->content_key) == 0) text = w->out.contents[i].content->text;
    }
    assert_non_null(text);
    assert_non_null(strstr(text, c->receipt_number));
    assert_non_null(strstr(text, "教育局"));
    assert_non_null(strstr(text, "2026-03-11 18:00")); // 7 working days after Monday 2 March, closing time
    world_free(w);
}

static void a_request_for_nobody_known_goes_to_triage_and_its_forward_clock_runs(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *cmd = world_message(w, "n1", "问一下");
    cmd->message->route->department = hy_arena_str(w->build, "nobody");
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_APPLIED);
    assert_string_equal(world_case(w)->owner, "triage");
    assert_int_equal(world_case(w)->state, STATE(OPENED));
    assert_int_equal(world_clock(w, "forward")->state, CLOCK(RUNNING));
    Huiying__V1__Command *assign = world_act(w, V(ASSIGN), "zhao", "triage");
    assign->act->department = hy_arena_str(w->build, "shuiwu");
    assert_int_equal(world_apply(w, assign), HY_ENGINE_APPLIED);
    assert_string_equal(world_case(w)->owner, "shuiwu");
    assert_non_null(world_work(w, WORK(RECALLED), "triage"));
    const Huiying__V1__WorkItem *item = world_work(w, WORK(ASSIGNED), "shuiwu");
    assert_int_equal(item->n_content_keys, 1); // what the citizen wrote, not the receipt that we sent him
    assert_string_equal(item->content_keys[0], world_case(w)->content_keys[0]);
    world_free(w);
}

static void an_answer_needs_two_distinct_reviewers_who_read_what_stands(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    assert_int_equal(world_apply(w, world_act(w, V(SIGN), "zhang", "jiaoyu")), HY_ENGINE_APPLIED);
    Huiying__V1__Command *reply = world_act(w, V(REPLY), "zhang", "jiaoyu");
    assert_refused(w, reply, "act.text");
    reply = world_act(w, V(REPLY), "zhang", "jiaoyu");
    reply->act->text = hy_arena_str(w->build, "已安排施划");
    assert_int_equal(world_apply(w, reply), HY_ENGINE_APPLIED);
    assert_refused(w, world_act(w, V(APPROVE), "zhang", "jiaoyu"), "review.author");
    Huiying__V1__Command *blind = world_act(w, V(APPROVE), "li", "jiaoyu");
    blind->act->text_hash = (ProtobufCBinaryData){0};
    assert_refused(w, blind, "review.hash");
    assert_int_equal(world_apply(w, world_act(w, V(APPROVE), "li", "jiaoyu")), HY_ENGINE_APPLIED);
    assert_int_equal(world_case(w)->state, STATE(REVIEW));
    assert_refused(w, world_act(w, V(APPROVE), "li", "jiaoyu"), "review.twice");
    assert_int_equal(world_apply(w, world_act(w, V(APPROVE), "wang", "jiaoyu")), HY_ENGINE_APPLIED);
    assert_int_equal(world_case(w)->state, STATE(APPROVED));
    assert_int_equal(world_case(w)->n_deliveries, 2);
    world_free(w);
}

static void a_rejected_answer_goes_back_and_must_be_read_again(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    assert_int_equal(world_apply(w, world_act(w, V(SIGN), "zhang", "jiaoyu")), HY_ENGINE_APPLIED);
    Huiying__V1__Command *reply = world_act(w, V(REPLY), "zhang", "jiaoyu");
    reply->act->text = hy_arena_str(w->build, "知道了");
    assert_int_equal(world_apply(w, reply), HY_ENGINE_APPLIED);
    Huiying__V1__Command *late = world_act(w, V(APPROVE), "li", "jiaoyu");
    assert_int_equal(world_apply(w, act_with(w, V(REJECT), "wang", "jiaoyu", "curt")), HY_ENGINE_APPLIED);
    assert_int_equal(world_case(w)->state, STATE(SIGNED));
    assert_refused(w, late, "act.state");
    world_free(w);
}

static void only_the_delivery_receipt_stops_the_main_clock(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    world_reply(w, "已施划");
    assert_int_equal(world_clock(w, "reply")->state, CLOCK(RUNNING));
    assert_refused(w, act_with(w, V(CLOSE), "zhang", "jiaoyu", "solved"), "proof.missing");
    world_deliver(w, "d2");
    assert_int_equal(world_clock(w, "reply")->state, CLOCK(STOPPED));
    assert_int_equal(world_case(w)->state, STATE(DELIVERED));
    assert_int_equal(world_apply(w, act_with(w, V(CLOSE), "zhang", "jiaoyu", "solved")), HY_ENGINE_APPLIED);
    assert_int_equal(world_case(w)->state, STATE(CLOSED));
    assert_non_null(world_work(w, WORK(CLOSED), "jiaoyu"));
    world_free(w);
}

static void a_close_reason_that_the_pack_has_not_is_refused(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    assert_refused(w, act_with(w, V(CLOSE), "zhang", "jiaoyu", "bored"), "close.reason");
    Huiying__V1__Command *ours = act_with(w, V(CLOSE), "zhang", "jiaoyu", "not_ours");
    assert_refused(w, ours, "proof.missing");
    ours = act_with(w, V(CLOSE), "zhang", "jiaoyu", "not_ours");
    ours->act->proof = hy_arena_str(w->build, "批-2026-11");
    ours->act->proof_kind = hy_arena_str(w->build, "probe");
    assert_refused(w, ours, "proof.kind");
    ours = act_with(w, V(CLOSE), "zhang", "jiaoyu", "not_ours");
    ours->act->proof = hy_arena_str(w->build, "批-2026-11");
    ours->act->proof_kind = hy_arena_str(w->build, "approval");
    assert_int_equal(world_apply(w, ours), HY_ENGINE_APPLIED);
    assert_string_equal(world_record(w)->proof, "批-2026-11");
    world_free(w);
}

static void closing_without_its_proof_does_not_get_rid_of_the_clock(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    int64_t due = world_clock(w, "reply")->due->unix_ms;
    assert_int_equal(world_apply(w, act_with(w, V(CLOSE), "zhang", "jiaoyu", "withdrawn")), HY_ENGINE_APPLIED);
    assert_int_equal(world_clock(w, "reply")->state, CLOCK(STOPPED));
    world_advance(w, 86400000);
    assert_int_equal(world_apply(w, act_with(w, V(REOPEN), "op", "operator", "asked again")), HY_ENGINE_APPLIED);
    assert_int_equal(world_clock(w, "reply")->state, CLOCK(RUNNING));
    assert_int_equal(world_clock(w, "reply")->due->unix_ms, due);
    assert_null(world_clock(w, "reply#2"));
    assert_non_null(world_work(w, WORK(ASSIGNED), "jiaoyu"));
    world_free(w);
}

static void a_reopened_answered_case_keeps_its_first_clock_and_gets_a_second(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    world_reply(w, "已施划");
    world_deliver(w, "d2");
    assert_int_equal(world_apply(w, act_with(w, V(CLOSE), "zhang", "jiaoyu", "solved")), HY_ENGINE_APPLIED);
    world_advance(w, 86400000);
    assert_int_equal(world_apply(w, act_with(w, V(REOPEN), "op", "operator", "not solved")), HY_ENGINE_APPLIED);
    assert_int_equal(world_clock(w, "reply")->state, CLOCK(STOPPED));
    assert_int_equal(world_clock(w, "reply#2")->state, CLOCK(RUNNING));
    assert_refused(w, act_with(w, V(CLOSE), "zhang", "jiaoyu", "solved"), "proof.missing");
    world_reply(w, "再次施划");
    world_deliver(w, "d3");
    assert_int_equal(world_clock(w, "reply#2")->state, CLOCK(STOPPED));
    world_free(w);
}

static void a_returned_case_keeps_its_main_clock(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    const Huiying__V1__Clock *before = world_clock(w, "reply");
    world_advance(w, 3600000);
    assert_refused(w, world_act(w, V(RETURN), "zhang", "jiaoyu"), "act.reason");
    assert_int_equal(world_apply(w, act_with(w, V(RETURN), "zhang", "jiaoyu", "not_ours")), HY_ENGINE_APPLIED);
    const Huiying__V1__Clock *after = world_clock(w, "reply");
    assert_int_equal(after->epoch, before->epoch);
    assert_int_equal(after->due->unix_ms, before->due->unix_ms);
    assert_string_equal(world_case(w)->owner, "triage");
    world_free(w);
}

static void after_two_returns_a_decider_fixes_the_owner(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    assert_int_equal(world_apply(w, act_with(w, V(RETURN), "zhang", "jiaoyu", "not_ours")), HY_ENGINE_APPLIED);
    Huiying__V1__Command *assign = world_act(w, V(ASSIGN), "zhao", "triage");
    assign->act->department = hy_arena_str(w->build, "shuiwu");
    assert_int_equal(world_apply(w, assign), HY_ENGINE_APPLIED);
    assert_int_equal(world_apply(w, act_with(w, V(RETURN), "qian", "shuiwu", "not_ours")), HY_ENGINE_APPLIED);
    assert_string_equal(world_case(w)->owner, "bangongshi");
    assign = world_act(w, V(ASSIGN), "sun", "bangongshi");
    assign->act->department = hy_arena_str(w->build, "jiaoyu");
    assert_int_equal(world_apply(w, assign), HY_ENGINE_APPLIED);
    assert_refused(w, act_with(w, V(RETURN), "zhang", "jiaoyu", "not_ours"), "return.limit");
    Huiying__V1__Command *transfer = act_with(w, V(TRANSFER), "zhang", "jiaoyu", "not_ours");
    transfer->act->department = hy_arena_str(w->build, "shuiwu");
    assert_refused(w, transfer, "transfer.fixed");
    world_free(w);
}

static void a_late_act_is_refused_with_the_new_owners_name(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    Huiying__V1__Command *slow = world_act(w, V(SIGN), "zhang", "jiaoyu");
    Huiying__V1__Command *transfer = act_with(w, V(TRANSFER), "li", "jiaoyu", "not_ours");
    transfer->act->department = hy_arena_str(w->build, "chengguan");
    assert_int_equal(world_apply(w, transfer), HY_ENGINE_APPLIED);
    assert_refused(w, slow, "act.owner");
    assert_non_null(strstr(world_record(w)->explanation, "chengguan"));
    world_free(w);
}

static void a_persons_act_names_the_step_it_saw(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    Huiying__V1__Command *old = world_act(w, V(SIGN), "zhang", "jiaoyu");
    old->expects = 7;
    assert_refused(w, old, "act.expects");
    Huiying__V1__Command *blind = world_act(w, V(SIGN), "zhang", "jiaoyu");
    blind->expectation_case = HUIYING__V1__COMMAND__EXPECTATION__NOT_SET;
    assert_refused(w, blind, "act.expects_missing");
    world_free(w);
}

static void warnings_do_not_count_as_steps(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    Huiying__V1__Command *sign = world_act(w, V(SIGN), "zhang", "jiaoyu");
    w->now = world_clock(w, "forward")->stage_due->unix_ms;
    assert_int_equal(world_apply(w, world_timer(w, "forward")), HY_ENGINE_APPLIED);
    assert_int_equal(world_apply(w, sign), HY_ENGINE_APPLIED);
    world_free(w);
}

static void an_equal_id_gets_the_equal_verdict(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    Huiying__V1__Command *early = act_with(w, V(CLOSE), "zhang", "jiaoyu", "solved");
    assert_refused(w, early, "proof.missing");
    Huiying__V1__Command *sign = world_act(w, V(SIGN), "zhang", "jiaoyu");
    assert_int_equal(world_apply(w, sign), HY_ENGINE_APPLIED);
    assert_int_equal(world_apply(w, sign), HY_ENGINE_REPEATED);
    assert_refused(w, early, "act.id");
    assert_non_null(strstr(world_record(w)->explanation, "proof.missing"));
    world_free(w);
}

static void a_claim_keeps_others_off_until_it_ends(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    assert_int_equal(world_apply(w, world_act(w, V(CLAIM), "zhang", "jiaoyu")), HY_ENGINE_APPLIED);
    assert_refused(w, world_act(w, V(SIGN), "li", "jiaoyu"), "act.claimed");
    assert_refused(w, world_act(w, V(CLAIM), "li", "jiaoyu"), "act.claimed");
    const char *key = hy_case_key(w->build, w->dossier, w->case_id);
    assert_int_equal(world_tick(w, key), HY_ENGINE_SKIPPED);
    world_advance(w, 60 * 60000);
    assert_int_equal(world_tick(w, key), HY_ENGINE_APPLIED);
    assert_string_equal(world_case(w)->claimed_by, "");
    assert_int_equal(world_apply(w, world_act(w, V(CLAIM), "li", "jiaoyu")), HY_ENGINE_APPLIED);
    assert_int_equal(world_apply(w, world_act(w, V(RELEASE), "li", "jiaoyu")), HY_ENGINE_APPLIED);
    assert_int_equal(world_apply(w, world_act(w, V(SIGN), "zhang", "jiaoyu")), HY_ENGINE_APPLIED);
    world_free(w);
}

static void who_may_not_is_told_who_may(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    assert_refused(w, world_act(w, V(SIGN), "op", "operator"), "act.role");
    assert_refused(w, world_act(w, V(SIGN), "qian", "shuiwu"), "act.owner");
    assert_refused(w, world_act(w, V(ACKNOWLEDGE), "zhang", "jiaoyu"), "act.verb");
    Huiying__V1__Command *nobody = world_act(w, V(SIGN), "", "jiaoyu");
    assert_refused(w, nobody, "act.actor");
    world_free(w);
}

static void a_supervision_order_is_numbered(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    assert_int_equal(world_apply(w, act_with(w, V(SUPERVISE), "op", "operator", "slow")), HY_ENGINE_APPLIED);
    assert_int_equal(world_apply(w, act_with(w, V(SUPERVISE), "op", "operator", "slow")), HY_ENGINE_APPLIED);
    Huiying__V1__Case *c = world_case(w);
    assert_true(c->supervised);
    assert_int_equal(c->supervise_seq, 2);
    assert_non_null(strstr(world_work(w, WORK(REMINDED), "jiaoyu")->why, "-2"));
    assert_int_equal(c->step, 1);
    world_free(w);
}

static void a_note_is_kept_and_moves_nothing(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    Huiying__V1__Command *note = world_act(w, V(NOTE), "zhang", "jiaoyu");
    note->act->text = hy_arena_str(w->build, "已电话联系");
    assert_int_equal(world_apply(w, note), HY_ENGINE_APPLIED);
    assert_int_equal(w->out.n_contents, 1);
    assert_int_equal(world_case(w)->step, 1);
    world_free(w);
}

static void an_unknown_case_is_a_refusal_in_the_dossiers_chain(void **state) {
    (void)state;
    struct world *w = world_new();
    snprintf(w->case_id, sizeof w->case_id, "%s", w->dossier);
    assert_refused(w, world_act(w, V(SIGN), "zhang", "jiaoyu"), "case.unknown");
    assert_string_equal(w->out.journal[0].key, w->dossier);
    assert_refused(w, world_timer(w, "reply"), "case.unknown");
    world_free(w);
}

static void what_is_no_command_is_dead_with_its_reason(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    Huiying__V1__Command *cmd = world_act(w, V(SIGN), "zhang", "jiaoyu");
    cmd->schema_version = 2;
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_DEAD);
    cmd = world_act(w, V(SIGN), "zhang", "jiaoyu");
    cmd->body_case = HUIYING__V1__COMMAND__BODY__NOT_SET;
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_DEAD);
    cmd = world_act(w, V(SIGN), "zhang", "jiaoyu");
    cmd->dossier = hy_arena_str(w->build, "a.b");
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_DEAD);
    cmd = world_act(w, V(SIGN), "zhang", "jiaoyu");
    cmd->id = hy_arena_str(w->build, "two words");
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_DEAD);
    cmd = world_act(w, V(REPLY), "zhang", "jiaoyu");
    cmd->act->text = hy_arena_str(w->build, "\xff\xfe");
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_DEAD);
    cmd = world_timer(w, "reply");
    cmd->actor->kind = HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PERSON;
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_DEAD);
    assert_non_null(strstr(w->out.reason, "timer_fired"));
    world_free(w);
}

static void what_stands_below_the_snapshots_offset_is_skipped(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    w->offset = 100;
    assert_int_equal(world_apply(w, world_act(w, V(SIGN), "zhang", "jiaoyu")), HY_ENGINE_SKIPPED);
    w->offset = 100;
    assert_int_equal(world_apply(w, world_message(w, "n2", "还有")), HY_ENGINE_SKIPPED);
    w->offset = 101;
    assert_int_equal(world_apply(w, world_act(w, V(SIGN), "zhang", "jiaoyu")), HY_ENGINE_APPLIED);
    world_free(w);
}

static void an_unknown_pack_stops_the_turn_and_leaves_nothing(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *cmd = world_message(w, "n1", "问");
    cmd->message->route->pack_hash = hy_arena_str(w->build, "0123");
    struct hy_engine_input in = {.now_ms = w->now, .topic = "hy.commands", .offset = 1, .log_id = "log-1"};
    assert_int_equal(hy_engine_apply(&w->engine, w->turn, &w->view, cmd, &in, &w->out, &w->err), HY_ENOTFOUND);
    assert_non_null(strstr(w->err.text, "0123"));
    assert_int_equal(w->out.n_puts + w->out.n_journal + w->out.n_work + w->out.n_contents, 0);
    world_free(w);
}

static void a_full_arena_leaves_nothing_whatever_the_moment(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *cmd = world_message(w, "n1", "学校门口没有斑马线");
    struct hy_engine_input in = {.now_ms = w->now, .topic = "hy.commands", .offset = 1, .log_id = "log-1"};
    int last = HY_ENOMEM;
    for (size_t limit = 256; last != 0; limit += 256) {
        struct hy_arena *arena = hy_arena_new(limit);
        last = hy_engine_apply(&w->engine, arena, &w->view, cmd, &in, &w->out, &w->err);
        if (last != 0) assert_int_equal(last, HY_ENOMEM);
        if (last != 0) assert_int_equal(w->out.n_puts + w->out.n_journal + w->out.n_work, 0);
        hy_arena_free(arena);
        assert_true(limit < 1 << 20);
    }
    world_free(w);
}

static void a_snapshot_that_cannot_be_read_names_its_key(void **state) {
    (void)state;
    struct world *w = world_new();
    world_open(w);
    for (size_t i = 0; i < w->n_store; i++) {
        if (strchr(w->store[i].key, '.') != NULL) memset(w->store[i].data, 0xff, w->store[i].len);
    }
    struct hy_engine_input in = {.now_ms = w->now, .topic = "hy.commands", .offset = 900, .log_id = "log-1"};
    Huiying__V1__Command *cmd = world_command(w);
    cmd->body_case = HUIYING__V1__COMMAND__BODY_TIMER_FIRED;
    Huiying__V1__TimerFired fired;
    huiying__v1__timer_fired__init(&fired);
    cmd->timer_fired = &fired;
    assert_int_equal(hy_engine_apply(&w->engine, w->turn, &w->view, cmd, &in, &w->out, &w->err), HY_EFORMAT);
    assert_non_null(strstr(w->err.text, w->case_id));
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_opens_a_case_on_its_departments_queue),
        cmocka_unit_test(the_citizen_gets_a_number_and_a_date_at_acceptance),
        cmocka_unit_test(a_request_for_nobody_known_goes_to_triage_and_its_forward_clock_runs),
        cmocka_unit_test(an_answer_needs_two_distinct_reviewers_who_read_what_stands),
        cmocka_unit_test(a_rejected_answer_goes_back_and_must_be_read_again),
        cmocka_unit_test(only_the_delivery_receipt_stops_the_main_clock),
        cmocka_unit_test(a_close_reason_that_the_pack_has_not_is_refused),
        cmocka_unit_test(closing_without_its_proof_does_not_get_rid_of_the_clock),
        cmocka_unit_test(a_reopened_answered_case_keeps_its_first_clock_and_gets_a_second),
        cmocka_unit_test(a_returned_case_keeps_its_main_clock),
        cmocka_unit_test(after_two_returns_a_decider_fixes_the_owner),
        cmocka_unit_test(a_late_act_is_refused_with_the_new_owners_name),
        cmocka_unit_test(a_persons_act_names_the_step_it_saw),
        cmocka_unit_test(warnings_do_not_count_as_steps),
        cmocka_unit_test(an_equal_id_gets_the_equal_verdict),
        cmocka_unit_test(a_claim_keeps_others_off_until_it_ends),
        cmocka_unit_test(who_may_not_is_told_who_may),
        cmocka_unit_test(a_supervision_order_is_numbered),
        cmocka_unit_test(a_note_is_kept_and_moves_nothing),
        cmocka_unit_test(an_unknown_case_is_a_refusal_in_the_dossiers_chain),
        cmocka_unit_test(what_is_no_command_is_dead_with_its_reason),
        cmocka_unit_test(what_stands_below_the_snapshots_offset_is_skipped),
        cmocka_unit_test(an_unknown_pack_stops_the_turn_and_leaves_nothing),
        cmocka_unit_test(a_full_arena_leaves_nothing_whatever_the_moment),
        cmocka_unit_test(a_snapshot_that_cannot_be_read_names_its_key),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
