// Queries over a view that was folded record by record, in the orders in which topics may overtake each other.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "town.h"

#define KIND(name) HUIYING__V1__WORK_KIND__WORK_KIND_##name

static const struct who OPERATOR = {.name = "o", .role = "operator", .department = ""};
static const struct who SHUIWU = {
    .name = "s", .role = "department", .department = "shuiwu", .sees = WHO_SEES_DEPARTMENT};

static int set_up(void **state) {
    *state = town_new();
    return 0;
}

static int tear_down(void **state) {
    town_free(*state);
    return 0;
}

static json_t *list(struct town *town, const struct who *who, const char *filter, const char *after, int limit) {
    json_t *out = NULL;
    struct hy_error err = {0};
    const struct list_filter f = {.filter = filter,
                                  .department = "",
                                  .platform = "",
                                  .account = "",
                                  .kind = "",
                                  .text = "",
                                  .after = after,
                                  .limit = limit};
    if (query_list(&town->q, who, &f, &out, &err) != HY_OK) fail_msg("%s", err.text);
    return out;
}

static const char *text_at(const json_t *array, size_t i, const char *key) {
    return json_string_value(json_object_get(json_array_get(array, i), key));
}

// Pages through a list; every row once, in an order that never goes back.
static size_t page_through(struct town *town, const char *filter, int limit, char seen[][HY_ID_SIZE], size_t max) {
    char after[64] = "";
    size_t n = 0;
    do {
        json_t *page = list(town, &OPERATOR, filter, after, limit);
        const json_t *cases = json_object_get(page, "cases");
        for (size_t i = 0; i < json_array_size(cases) && n < max; i++)
            snprintf(seen[n++], HY_ID_SIZE, "%s", text_at(cases, i, "id"));
        snprintf(after, sizeof after, "%s", json_string_value(json_object_get(page, "next")));
        json_decref(page);
    } while (after[0] && n < max);
    return n;
}

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

static void pages_have_no_gap_and_no_double_among_equal_deadlines(void **state) {
    struct town *town = *state;
    static char seen[400][HY_ID_SIZE];
    int64_t now = town->clock.wall_ms;
    town_begin(town);
    for (int n = 0; n < 150; n++)
        town_case(town, &(struct letter){.n = n, .owner = "shuiwu", .due_ms = now + n / 50}); // 50 share a deadline
    for (int n = 150; n < 200; n++)
        town_case(town, &(struct letter){.n = n, .owner = "shuiwu"}); // none at all
    for (int n = 200; n < 300; n++)
        town_case(town, &(struct letter){.n = n, .owner = "shuiwu", .closed_ms = now - n / 10});
    town_commit(town);
    static const struct {
        const char *filter;
        size_t n;
    } EXPECTED[] = {{"open", 200}, {"closed", 100}, {"all", 300}, {"late", 0}};
    for (size_t i = 0; i < 4; i++) {
        for (int limit = 7; limit <= 200; limit += 193) {
            size_t n = page_through(town, EXPECTED[i].filter, limit, seen, 400);
            assert_int_equal(n, EXPECTED[i].n);
            qsort(seen, n, sizeof seen[0], by_text);
            for (size_t k = 1; k < n; k++)
                assert_string_not_equal(seen[k - 1], seen[k]);
        }
        json_t *page = list(town, &OPERATOR, EXPECTED[i].filter, "", 1);
        assert_int_equal(json_integer_value(json_object_get(page, "total")), EXPECTED[i].n);
        json_decref(page);
    }
}

static void a_row_that_goes_on_where_the_last_ended_survives_changes_in_between(void **state) {
    struct town *town = *state;
    int64_t now = town->clock.wall_ms;
    for (int n = 0; n < 10; n++)
        town_case(town, &(struct letter){.n = n, .owner = "shuiwu", .due_ms = now + 1000 * n});
    json_t *page = list(town, &OPERATOR, "open", "", 5);
    town_case(town, &(struct letter){.n = 4, .owner = "shuiwu", .closed_ms = now}); // the row that `next` names
    json_t *next = list(town, &OPERATOR, "open", json_string_value(json_object_get(page, "next")), 5);
    assert_string_equal(text_at(json_object_get(next, "cases"), 0, "id"), town_id(5));
    assert_int_equal(json_array_size(json_object_get(next, "cases")), 5);
    json_decref(page);
    json_decref(next);
}

static void bad_keys_of_pages_are_refused(void **state) {
    struct town *town = *state;
    static const char *const BAD[] = {
        "x", ".", "1", "1.", "1.x", "99999999999999999999.ABC", " 1.A", "1.0123456789ABCDEFGHJKMNPQR"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        json_t *out = NULL;
        const struct list_filter f = {.filter = "open",
                                      .department = "",
                                      .platform = "",
                                      .account = "",
                                      .kind = "",
                                      .text = "",
                                      .after = BAD[i],
                                      .limit = 5};
        assert_int_equal(query_list(&town->q, &OPERATOR, &f, &out, NULL), HY_EINVALID);
        assert_int_equal(query_work(&town->q, &SHUIWU, "shuiwu", BAD[i], 5, &out, NULL), HY_EINVALID);
        assert_int_equal(query_noted(&town->q, &OPERATOR, i == 3 ? "1.x" : BAD[i], 5, &out, NULL), HY_EINVALID);
    }
}

static void closed_today_counts_from_midnight(void **state) {
    struct town *town = *state;
    int64_t midnight = queries_day_start(town->clock.wall_ms);
    town_case(town, &(struct letter){.n = 1, .owner = "shuiwu", .closed_ms = midnight});
    town_case(town, &(struct letter){.n = 2, .owner = "shuiwu", .closed_ms = midnight - 1});
    json_t *page = list(town, &SHUIWU, "closed_today", "", 10);
    assert_int_equal(json_array_size(json_object_get(page, "cases")), 1);
    assert_string_equal(text_at(json_object_get(page, "cases"), 0, "id"), town_id(1));
    json_decref(page);
    json_t *overview = NULL;
    assert_int_equal(query_overview(&town->q, &SHUIWU, &overview, NULL), HY_OK);
    const json_t *totals = json_object_get(overview, "totals");
    assert_int_equal(json_integer_value(json_object_get(totals, "closed_today")), 1);
    json_decref(overview);
    hy_fake_clock_advance(&town->clock, 86400000);
    page = list(town, &SHUIWU, "closed_today", "", 10);
    assert_int_equal(json_array_size(json_object_get(page, "cases")), 0);
    json_decref(page);
}

static void the_share_of_time_gone_ends_at_a_hundred(void **state) {
    struct town *town = *state;
    int64_t now = town->clock.wall_ms;
    town_case(town, &(struct letter){.n = 1, .owner = "shuiwu", .due_ms = now - 1, .breached = true});
    json_t *page = list(town, &OPERATOR, "late", "", 10);
    const json_t *row = json_array_get(json_object_get(page, "cases"), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "percent")), 100);
    assert_true(json_is_true(json_object_get(row, "late")) && json_is_false(json_object_get(row, "soon")));
    json_decref(page);
}

// ---- the queue: what feed and state say, whichever came first ----

static void assert_queue(struct town *town, const char *department, int n, int64_t feed_offset) {
    json_t *out = NULL;
    struct hy_error err = {0};
    if (query_work(&town->q, &OPERATOR, department, "", 50, &out, &err) != HY_OK) fail_msg("%s", err.text);
    const json_t *items = json_object_get(out, "items");
    assert_int_equal(json_array_size(items), n >= 0);
    if (n >= 0) assert_string_equal(text_at(items, 0, "case_id"), town_id(n));
    assert_int_equal(json_integer_value(json_object_get(out, "feed_offset")), feed_offset);
    json_decref(out);
}

static void an_item_whose_case_is_not_folded_yet_is_on_the_list(void **state) {
    struct town *town = *state;
    town_work(town, 1, "shuiwu", 1, KIND(ASSIGNED));
    town_position(town, "hy.work.shuiwu", 1);
    assert_queue(town, "shuiwu", 1, 1); // else a reader that goes on at 1 would never learn of it
}

static void a_case_whose_item_comes_later_is_on_the_list_once(void **state) {
    struct town *town = *state;
    town_case(town, &(struct letter){.n = 1, .owner = "shuiwu", .work_seq = 1});
    assert_queue(town, "shuiwu", 1, 0);
    town_work(town, 1, "shuiwu", 1, KIND(ASSIGNED));
    assert_queue(town, "shuiwu", 1, 0);
}

static void a_recall_ahead_of_the_state_takes_the_item_off(void **state) {
    struct town *town = *state;
    town_case(town, &(struct letter){.n = 1, .owner = "shuiwu", .work_seq = 1});
    town_work(town, 1, "shuiwu", 1, KIND(ASSIGNED));
    town_work(town, 1, "shuiwu", 2, KIND(RECALLED));
    assert_queue(town, "shuiwu", -1, 0);
    town_work(town, 1, "jiaotong", 3, KIND(ASSIGNED));
    assert_queue(town, "jiaotong", 1, 0);
    town_case(town, &(struct letter){.n = 1, .owner = "jiaotong", .work_seq = 3});
    assert_queue(town, "shuiwu", -1, 0);
    assert_queue(town, "jiaotong", 1, 0);
    town_work(town, 1, "jiaotong", 4, KIND(RECALLED)); // and back again
    town_work(town, 1, "shuiwu", 5, KIND(ASSIGNED));
    assert_queue(town, "shuiwu", 1, 0);
}

static void an_item_that_the_feed_has_forgotten_still_stands(void **state) {
    struct town *town = *state;
    town_case(town, &(struct letter){.n = 1, .owner = "shuiwu", .work_seq = 4});
    town_work(town, 1, "shuiwu", 2, KIND(RECALLED)); // an older round is all that is left of the feed
    assert_queue(town, "shuiwu", 1, 0);
}

static void an_older_seq_changes_nothing(void **state) {
    struct town *town = *state;
    town_work(town, 1, "shuiwu", 5, KIND(CLOSED));
    town_work(town, 1, "shuiwu", 1, KIND(ASSIGNED));
    assert_queue(town, "shuiwu", -1, 0);
    town_work(town, 2, "shuiwu", 9, KIND(REMINDED)); // to a supervisor: speaks of another's item
    assert_queue(town, "shuiwu", -1, 0);
}

// ---- the journal ----

static Huiying__V1__JournalRecord record_of(const char *command_id, Huiying__V1__Verdict verdict, const char *rule) {
    Huiying__V1__JournalRecord j = HUIYING__V1__JOURNAL_RECORD__INIT;
    j.command_id = (char *)(uintptr_t)command_id;
    j.verdict = verdict;
    j.rule = (char *)(uintptr_t)rule;
    return j;
}

static void the_first_verdict_that_is_no_repetition_counts(void **state) {
    struct town *town = *state;
    Huiying__V1__JournalRecord first = record_of("C1", HUIYING__V1__VERDICT__VERDICT_REFUSED, "act.state");
    Huiying__V1__JournalRecord again = record_of("C1", HUIYING__V1__VERDICT__VERDICT_REFUSED, "act.id");
    Huiying__V1__JournalRecord known = record_of("C2", HUIYING__V1__VERDICT__VERDICT_REPEATED, "act.repeated");
    Huiying__V1__JournalRecord done = record_of("C2", HUIYING__V1__VERDICT__VERDICT_APPLIED, "letter.sign");
    town_journal(town, &first);
    town_journal(town, &again);
    town_journal(town, &known);
    town_journal(town, &done);
    json_t *verdict = NULL;
    assert_int_equal(query_verdict(&town->q, "C1", &verdict, NULL), HY_OK);
    assert_string_equal(json_string_value(json_object_get(verdict, "rule")), "act.state");
    json_decref(verdict);
    assert_int_equal(query_verdict(&town->q, "C2", &verdict, NULL), HY_OK);
    assert_string_equal(json_string_value(json_object_get(verdict, "verdict")), "applied");
    json_decref(verdict);
    assert_int_equal(query_verdict(&town->q, "C3", &verdict, NULL), HY_ENOTFOUND);
}

static void a_record_folded_twice_is_there_once(void **state) {
    struct town *town = *state;
    Huiying__V1__JournalRecord j = record_of("C", HUIYING__V1__VERDICT__VERDICT_APPLIED, "r");
    town_journal(town, &j);
    town->offset--;
    town_journal(town, &j);
    json_t *rows = NULL;
    assert_int_equal(query_new_journal(&town->q, 0, 10, &rows, NULL), HY_OK);
    assert_int_equal(json_array_size(rows), 1);
    json_decref(rows);
}

static void a_noted_message_that_was_opened_is_noted_no_more(void **state) {
    struct town *town = *state;
    Huiying__V1__JournalRecord noted = record_of("C1", HUIYING__V1__VERDICT__VERDICT_APPLIED, "message.noted");
    noted.fate = HUIYING__V1__FATE__FATE_NOTED;
    noted.event_id = (char *)(uintptr_t) "E";
    noted.dossier = (char *)(uintptr_t) "D";
    town_journal(town, &noted);
    json_t *out = NULL;
    assert_int_equal(query_noted(&town->q, &OPERATOR, "", 10, &out, NULL), HY_OK);
    assert_int_equal(json_array_size(json_object_get(out, "noted")), 1);
    json_decref(out);
    assert_int_equal(query_noted(&town->q, &SHUIWU, "", 10, &out, NULL), HY_EDENIED);
    Huiying__V1__JournalRecord opened = record_of("C2", HUIYING__V1__VERDICT__VERDICT_APPLIED, "letter.open");
    opened.fate = HUIYING__V1__FATE__FATE_OPENED;
    opened.command = (char *)(uintptr_t) "open";
    opened.event_id = noted.event_id;
    opened.case_id = (char *)(uintptr_t)town_id(1);
    town_journal(town, &opened);
    assert_int_equal(query_noted(&town->q, &OPERATOR, "", 10, &out, NULL), HY_OK);
    assert_int_equal(json_array_size(json_object_get(out, "noted")), 0);
    json_decref(out);
    assert_int_equal(query_event(&town->q, &OPERATOR, "E", &out, NULL), HY_OK);
    assert_string_equal(json_string_value(json_object_get(out, "fate")), "opened");
    json_decref(out);
    char number[HY_RECEIPT_SIZE];
    hy_receipt_number("E", number);
    town_case(town, &(struct letter){.n = 1, .owner = "shuiwu"});
    assert_int_equal(query_receipt(&town->q, number, &out, NULL), HY_OK);
    assert_string_equal(json_string_value(json_object_get(out, "state")), "in_progress");
    json_decref(out);
}

static void a_citizen_is_no_name_in_the_history(void **state) {
    struct town *town = *state;
    Huiying__V1__Actor actor = HUIYING__V1__ACTOR__INIT;
    actor.kind = HUIYING__V1__ACTOR_KIND__ACTOR_KIND_CITIZEN;
    actor.id = (char *)(uintptr_t) "openid-of-a-person";
    Huiying__V1__JournalRecord j = record_of("C", HUIYING__V1__VERDICT__VERDICT_APPLIED, "r");
    j.actor = &actor;
    town_journal(town, &j);
    json_t *rows = NULL;
    assert_int_equal(query_new_journal(&town->q, 0, 10, &rows, NULL), HY_OK);
    assert_string_equal(text_at(rows, 0, "actor"), "citizen");
    json_decref(rows);
}

static void each_change_of_a_case_is_told_once_and_in_order(void **state) {
    struct town *town = *state;
    for (int round = 0; round < 3; round++)
        for (int n = 0; n < 3; n++)
            town_case(town, &(struct letter){.n = n, .owner = "shuiwu", .due_ms = 1 + round});
    json_t *rows = NULL;
    int64_t rev, n;
    assert_int_equal(query_changed_cases(&town->q, 0, 100, &rows, NULL), HY_OK);
    assert_int_equal(json_array_size(rows), 3); // a case changed thrice stands as it is now
    assert_string_equal(text_at(rows, 0, "id"), town_id(0));
    json_decref(rows);
    assert_int_equal(query_newest(&town->q, &rev, &n, NULL), HY_OK);
    assert_int_equal(query_changed_cases(&town->q, rev, 100, &rows, NULL), HY_OK);
    assert_int_equal(json_array_size(rows), 0);
    json_decref(rows);
    town_case(town, &(struct letter){.n = 1, .owner = "shuiwu", .due_ms = 9});
    assert_int_equal(query_changed_cases(&town->q, rev, 100, &rows, NULL), HY_OK);
    assert_string_equal(text_at(rows, 0, "id"), town_id(1));
    json_decref(rows);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(pages_have_no_gap_and_no_double_among_equal_deadlines),
        TEST(a_row_that_goes_on_where_the_last_ended_survives_changes_in_between),
        TEST(bad_keys_of_pages_are_refused),
        TEST(closed_today_counts_from_midnight),
        TEST(the_share_of_time_gone_ends_at_a_hundred),
        TEST(an_item_whose_case_is_not_folded_yet_is_on_the_list),
        TEST(a_case_whose_item_comes_later_is_on_the_list_once),
        TEST(a_recall_ahead_of_the_state_takes_the_item_off),
        TEST(an_item_that_the_feed_has_forgotten_still_stands),
        TEST(an_older_seq_changes_nothing),
        TEST(the_first_verdict_that_is_no_repetition_counts),
        TEST(a_record_folded_twice_is_there_once),
        TEST(a_noted_message_that_was_opened_is_noted_no_more),
        TEST(a_citizen_is_no_name_in_the_history),
        TEST(each_change_of_a_case_is_told_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
