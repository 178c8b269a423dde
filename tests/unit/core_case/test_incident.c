// Incidents: sentinel observes, the engine decides; 网信办's clocks and the next episode.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

#define V(name)     HUIYING__V1__VERB__VERB_##name
#define STATE(name) HUIYING__V1__CASE_STATE__CASE_STATE_##name
#define CLOCK(name) HUIYING__V1__CLOCK_STATE__CLOCK_STATE_##name
#define WORK(name)  HUIYING__V1__WORK_KIND__WORK_KIND_##name
#define SUBJECT     "东城 × 停水"

static void assert_rule(struct world *w, Huiying__V1__Command *cmd, const char *rule) {
    world_apply(w, cmd);
    assert_string_equal(w->out.rule, rule);
}

static void close_incident(struct world *w) {
    if (world_case(w)->state == STATE(ASSIGNED))
        assert_int_equal(world_apply(w, world_act(w, V(ACKNOWLEDGE), "wu", "wangxinban")), HY_ENGINE_APPLIED);
    Huiying__V1__Command *close = world_act(w, V(CLOSE), "wu", "wangxinban");
    close->act->reason_code = hy_arena_str(w->build, "answered");
    close->act->proof = hy_arena_str(w->build, "https://example.test/statement");
    close->act->proof_kind = hy_arena_str(w->build, "link");
    assert_int_equal(world_apply(w, close), HY_ENGINE_APPLIED);
}

static void an_observed_subject_becomes_wangxinbans_incident(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_rule(w, world_observed(w, SUBJECT, 1, 3), "incident.opened");
    Huiying__V1__Case *c = world_case(w);
    assert_string_equal(c->owner, "wangxinban");
    assert_string_equal(c->incident->subject, SUBJECT);
    assert_int_equal(c->incident->level, 3);
    assert_string_equal(world_work(w, WORK(ASSIGNED), "wangxinban")->title, SUBJECT);
    assert_null(world_clock(w, "cac_handoff")); // not major yet
    assert_int_equal(c->n_deliveries, 0);
    world_free(w);
}

static void the_notice_names_the_subject_and_the_level_as_people_write_them(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_rule(w, world_observed(w, "东城|停水|映月小区", 1, 2), "incident.opened");
    const char *text = NULL;
    for (size_t i = 0; i < w->out.n_contents; i++) {
        if (strcmp(w->out.contents[i].key, world_case(w)->deliveries[0]->content_key) == 0)
            text = w->out.contents[i].content->text;
    }
    assert_non_null(text);
    assert_non_null(strstr(text, "（II级）：东城 · 停水 · 映月小区，"));
    world_free(w);
}

static void a_major_incident_is_handed_over_under_its_clocks(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_rule(w, world_observed(w, SUBJECT, 1, 1), "incident.opened");
    assert_int_equal(world_clock(w, "cac_handoff")->state, CLOCK(RUNNING));
    assert_int_equal(world_clock(w, "cac_ack")->due->unix_ms, w->now + 15 * 60000);
    assert_string_equal(world_case(w)->deliveries[0]->target, "cac_webhook");
    world_deliver(w, "d1");
    assert_int_equal(world_clock(w, "cac_handoff")->state, CLOCK(STOPPED));
    assert_int_equal(world_apply(w, world_act(w, V(ACKNOWLEDGE), "wu", "wangxinban")), HY_ENGINE_APPLIED);
    assert_int_equal(world_clock(w, "cac_ack")->state, CLOCK(STOPPED));
    assert_true(world_case(w)->incident->acknowledged);
    assert_int_equal(world_apply(w, world_act(w, V(ACKNOWLEDGE), "wu", "wangxinban")), HY_ENGINE_REFUSED);
    assert_int_equal(world_clock(w, "statement_5h")->state, CLOCK(RUNNING));
    Huiying__V1__Command *note = world_act(w, V(NOTE), "wu", "wangxinban");
    note->act->text = hy_arena_str(w->build, "已发布情况说明");
    note->act->proof = hy_arena_str(w->build, "https://example.test/statement");
    note->act->proof_kind = hy_arena_str(w->build, "link");
    assert_int_equal(world_apply(w, note), HY_ENGINE_APPLIED);
    assert_int_equal(world_clock(w, "statement_5h")->state, CLOCK(STOPPED));
    world_free(w);
}

static void a_counter_that_is_known_changes_nothing_and_totals_only_grow(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_rule(w, world_observed(w, SUBJECT, 5, 3), "incident.opened");
    assert_rule(w, world_observed(w, SUBJECT, 5, 1), "incident.counter");
    assert_rule(w, world_observed(w, SUBJECT, 3, 1), "incident.counter");
    Huiying__V1__Command *fewer = world_observed(w, SUBJECT, 6, 4);
    fewer->observed->writers = 1;
    fewer->observed->messages = 1;
    assert_rule(w, fewer, "incident.grown");
    assert_int_equal(w->out.n_work, 0); // neither worse nor doubled: nobody is disturbed
    assert_int_equal(world_case(w)->incident->writers, 15);
    assert_int_equal(world_case(w)->incident->level, 3);
    world_free(w);
}

static void a_worse_level_is_told_and_starts_what_belongs_to_it(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_rule(w, world_observed(w, SUBJECT, 1, 4), "incident.opened");
    assert_null(world_clock(w, "cac_ack"));
    assert_rule(w, world_observed(w, SUBJECT, 2, 2), "incident.worse");
    assert_string_equal(world_work(w, WORK(CHANGED), "wangxinban")->why, "level 2");
    assert_int_equal(world_work(w, WORK(CHANGED), "wangxinban")->level, 2);
    assert_int_equal(world_clock(w, "cac_ack")->state, CLOCK(RUNNING));
    assert_rule(w, world_observed(w, SUBJECT, 3, 1), "incident.worse");
    assert_int_equal(world_case(w)->n_deliveries, 1); // handed over once
    world_free(w);
}

static void a_doubled_incident_is_told_a_slightly_larger_one_is_not(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_rule(w, world_observed(w, SUBJECT, 5, 3), "incident.opened"); // 100 messages
    assert_rule(w, world_observed(w, SUBJECT, 6, 3), "incident.grown");  // 120
    assert_int_equal(w->out.n_work, 0);
    assert_rule(w, world_observed(w, SUBJECT, 7, 3), "incident.grown"); // 140 >= 128
    assert_non_null(world_work(w, WORK(CHANGED), "wangxinban"));
    world_free(w);
}

static void after_a_closing_only_worse_or_a_silence_opens_the_next_episode(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_rule(w, world_observed(w, SUBJECT, 1, 2), "incident.opened");
    char first[HY_ID_SIZE];
    memcpy(first, w->case_id, sizeof first);
    close_incident(w);
    int64_t quiet = (int64_t)world_packs[0]->incident.quiet_minutes * 60000;
    world_advance(w, quiet / 2);
    assert_rule(w, world_observed(w, SUBJECT, 2, 2), "incident.after_closing");
    world_advance(w, quiet - 1);
    assert_rule(w, world_observed(w, SUBJECT, 3, 3), "incident.after_closing"); // the last was less than a silence ago
    assert_int_equal(world_case(w)->state, STATE(CLOSED));
    assert_rule(w, world_observed(w, SUBJECT, 4, 1), "incident.opened");
    assert_string_not_equal(first, w->case_id);
    assert_string_equal(world_case(w)->linked_case, first);
    close_incident(w);
    world_advance(w, quiet);
    assert_rule(w, world_observed(w, SUBJECT, 5, 4), "incident.opened");
    world_free(w);
}

static void below_every_level_nothing_opens(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_rule(w, world_observed(w, SUBJECT, 1, 0), "incident.below");
    assert_int_equal(w->out.outcome, HY_ENGINE_REFUSED);
    assert_int_equal(w->out.n_work, 0);
    world_free(w);
}

static void an_observation_that_does_not_fit_its_dossier_is_dead(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *cmd = world_observed(w, SUBJECT, 1, 1);
    hy_incident_dossier("another", w->dossier);
    cmd->dossier = hy_arena_str(w->build, w->dossier);
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_DEAD);
    cmd = world_observed(w, "", 1, 1);
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_DEAD);
    cmd = world_observed(w, SUBJECT, 1, 9);
    assert_int_equal(world_apply(w, cmd), HY_ENGINE_DEAD);
    world_free(w);
}

static void fifty_posts_of_evidence_fit_and_more_are_cut(void **state) {
    (void)state;
    struct world *w = world_new();
    Huiying__V1__Command *cmd = world_observed(w, SUBJECT, 1, 1);
    Huiying__V1__EvidencePost *posts[80];
    for (int i = 0; i < 80; i++) {
        posts[i] = hy_arena_alloc(w->build, sizeof *posts[i]);
        huiying__v1__evidence_post__init(posts[i]);
        posts[i]->event_id = hy_arena_str(w->build, world_event_id(w, "n1"));
        posts[i]->url = hy_arena_fmt(w->build, "https://example.test/%0500d", i);
        posts[i]->reach = 80 - i;
    }
    cmd->observed->n_evidence = 80;
    cmd->observed->evidence = posts;
    assert_rule(w, cmd, "incident.opened");
    assert_int_equal(world_case(w)->incident->n_evidence, 50);
    assert_int_equal(world_case(w)->incident->evidence[0]->reach, 80);
    assert_true(strlen(world_case(w)->incident->evidence[0]->url) <= 200);
    world_free(w);
}

// words: one letter a post.
static Huiying__V1__Command *observed_posts(struct world *w, uint64_t run, uint64_t counter, const char *words) {
    Huiying__V1__Command *cmd = world_observed(w, SUBJECT, counter, 3);
    size_t n = strlen(words);
    cmd->observed->episode = run;
    cmd->observed->n_evidence = n;
    cmd->observed->evidence = hy_arena_alloc(w->build, n * sizeof *cmd->observed->evidence);
    for (size_t i = 0; i < n; i++) {
        Huiying__V1__EvidencePost *post = cmd->observed->evidence[i] = hy_arena_alloc(w->build, sizeof *post);
        huiying__v1__evidence_post__init(post);
        post->event_id = hy_arena_str(w->build, world_event_id(w, hy_arena_fmt(w->build, "%c", words[i])));
    }
    return cmd;
}

static void what_a_new_run_shows_stands_before_the_evidence_of_the_last(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_rule(w, observed_posts(w, 1, 1, "abc"), "incident.opened");
    assert_rule(w, observed_posts(w, 2, 2, "dc"), "incident.grown");
    const Huiying__V1__IncidentTotals *totals = world_case(w)->incident;
    assert_int_equal(totals->n_evidence, 4);
    for (int i = 0; i < 4; i++) {
        char name[2] = {"dcab"[i], '\0'};
        assert_string_equal(totals->evidence[i]->event_id, world_event_id(w, name));
    }
    world_free(w);
}

static void reopen(struct world *w) {
    Huiying__V1__Command *again = world_act(w, V(REOPEN), "op", "operator");
    again->act->reason_code = hy_arena_str(w->build, "not solved");
    assert_int_equal(world_apply(w, again), HY_ENGINE_APPLIED);
}

static void a_reopened_incident_is_acknowledged_anew_and_can_be_closed_again(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_rule(w, world_observed(w, SUBJECT, 1, 1), "incident.opened");
    world_deliver(w, "d1");
    close_incident(w);
    reopen(w);
    assert_false(world_case(w)->incident->acknowledged);
    assert_string_equal(world_work(w, WORK(ASSIGNED), "wangxinban")->title, SUBJECT);
    assert_int_equal(world_clock(w, "cac_ack#2")->state, CLOCK(RUNNING));
    close_incident(w);
    assert_int_equal(world_clock(w, "cac_ack#2")->state, CLOCK(STOPPED));
    assert_int_equal(world_case(w)->state, STATE(CLOSED));
    world_free(w);
}

static void a_reopened_incident_that_was_never_major_owes_no_acknowledgement(void **state) {
    (void)state;
    struct world *w = world_new();
    assert_rule(w, world_observed(w, SUBJECT, 1, 4), "incident.opened");
    close_incident(w);
    reopen(w);
    assert_null(world_clock(w, "cac_ack"));
    assert_null(world_clock(w, "cac_ack#2"));
    world_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_new_run_shows_stands_before_the_evidence_of_the_last),
        cmocka_unit_test(an_observed_subject_becomes_wangxinbans_incident),
        cmocka_unit_test(the_notice_names_the_subject_and_the_level_as_people_write_them),
        cmocka_unit_test(a_major_incident_is_handed_over_under_its_clocks),
        cmocka_unit_test(a_reopened_incident_is_acknowledged_anew_and_can_be_closed_again),
        cmocka_unit_test(a_reopened_incident_that_was_never_major_owes_no_acknowledgement),
        cmocka_unit_test(a_counter_that_is_known_changes_nothing_and_totals_only_grow),
        cmocka_unit_test(a_worse_level_is_told_and_starts_what_belongs_to_it),
        cmocka_unit_test(a_doubled_incident_is_told_a_slightly_larger_one_is_not),
        cmocka_unit_test(after_a_closing_only_worse_or_a_silence_opens_the_next_episode),
        cmocka_unit_test(below_every_level_nothing_opens),
        cmocka_unit_test(an_observation_that_does_not_fit_its_dossier_is_dead),
        cmocka_unit_test(fifty_posts_of_evidence_fit_and_more_are_cut),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
