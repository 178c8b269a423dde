// What leads a message to a department, and what is kept away from people's queues.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/core_route/support.h"

static const char list[] =
    HEAD "confidence: 0.52\n"
         "gazetteer: here\n"
         "accounts: {jingcha-weibo: gongan}\n"
         "requests: {complaint: [投诉], consultation: [请问], help: [求助]}\n"
         "not_requests: {praise: [点赞], chatter: [你好, 在吗, 谢谢, ok], advert: [加微信, 日赚]}\n"
         "urgency: {danger: [爆炸], urgent: [停水]}\n"
         "rows:\n"
         "- {department: gongshui, topic: 供水, counts: true, phrases: {3: [停水], 1: [水管]}}\n"
         "- {department: huanbao, topic: 污染, phrases: {3: [污染], 2: [污水]}, not: [光污染]}\n"
         "- {department: chengguan, topic: 市容, phrases: {3: [摆摊], 1: [垃圾, 水管]}}\n";
static const char places[] = "version: 1\nid: here\nhome: 某区\nplaces:\n- {name: 某区, inside: [{name: 东街镇, "
                             "aliases: [东街]}, {name: 西河镇}]}\n";

#define near(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static struct fixture f;

static int setup(void **state) {
    (void)state;
    f = fixture_of(list, places);
    return 0;
}
static int teardown(void **state) {
    (void)state;
    fixture_free(&f);
    return 0;
}

static void a_phrase_leads_to_its_department_with_the_reason(void **state) {
    (void)state;
    struct hy_route route = decide(&f, NULL, "", "我家停水三天了");
    assert_string_equal(route.department, "gongshui");
    assert_string_equal(route.category, "供水");
    assert_string_equal(route.urgency, "urgent");
    assert_true(route.request);
    near(route.score, 3.0 / 4.0);
    assert_string_equal(reason(&route, "list")->what, "停水");
    assert_null(reason(&route, "triage"));
}

static void nobody_surely_meant_is_triage_with_the_best_guess(void **state) {
    (void)state;
    struct hy_route route = decide(&f, NULL, "", "门口的垃圾");
    assert_string_equal(route.department, HY_TRIAGE);
    assert_string_equal(reason(&route, "triage")->what, "chengguan");
    route = decide(&f, NULL, "", "今天天气如何请问");
    assert_string_equal(route.department, HY_TRIAGE);
    near(route.score, 0);
    assert_non_null(reason(&route, "triage"));
}

static void equal_claims_go_to_triage(void **state) {
    (void)state;
    struct hy_route route = decide(&f, NULL, "", "停水，污染");
    assert_string_equal(route.department, HY_TRIAGE);
    near(route.score, 3.0 / 7.0);
    near(route.second_score, 3.0 / 7.0);
}

static void the_title_weighs_more(void **state) {
    (void)state;
    struct hy_route route = decide(&f, NULL, "停水", "");
    near(route.score, 4.5 / 5.5);
    struct hy_route both = decide(&f, NULL, "停水", "停水停水");
    near(both.score, route.score); // said thrice is still one matter
}

static void an_exclusion_silences_its_row(void **state) {
    (void)state;
    assert_string_equal(decide(&f, NULL, "", "污染严重，污水横流").department, "huanbao");
    struct hy_route route = decide(&f, NULL, "", "广告牌的光污染");
    assert_string_equal(route.department, HY_TRIAGE);
    assert_null(reason(&route, "list"));
}

static void the_account_addressed_counts(void **state) {
    (void)state;
    struct hy_route route = decide(&f, "jingcha-weibo", "", "请问这里能停吗");
    assert_string_equal(route.department, "gongan");
    assert_string_equal(reason(&route, "account")->what, "gongan");
    assert_string_equal(decide(&f, "other", "", "请问这里能停吗").department, HY_TRIAGE);
}

static void the_most_exact_place_is_the_area(void **state) {
    (void)state;
    struct hy_route route = decide(&f, NULL, "", "某区东街停水");
    assert_string_equal(route.area, "东街镇");
    assert_string_equal(reason(&route, "place")->what, "东街");
    assert_string_equal(decide(&f, NULL, "西河镇停水", "东街镇也停").area, "西河镇"); // the title names it first
    assert_string_equal(decide(&f, NULL, "", "停水").area, "");
}

static void a_named_department_counts_but_a_towns_name_is_only_a_place(void **state) {
    (void)state;
    char *aliases[] = {(char *)(uintptr_t) "东街镇", (char *)(uintptr_t) "东街镇政府"};
    struct hy_pack_department rows[] = {{.code = (char *)(uintptr_t) "dongjie",
                                         .name = (char *)(uintptr_t) "东街镇人民政府",
                                         .aliases = aliases,
                                         .n_aliases = 2}};
    struct hy_pack pack = {.id = (char *)(uintptr_t) "p", .n_departments = 1, .departments = rows};
    struct hy_buf problems = {0};
    struct fixture own = {0};
    assert_int_equal(load(HEAD "gazetteer: here\n", places, &pack, &own.dispatch, &problems), 0);
    own.scratch = hy_route_scratch_new(own.dispatch);
    assert_string_equal(decide(&own, NULL, "", "东街镇的路坏了").department, HY_TRIAGE);
    struct hy_route route = decide(&own, NULL, "", "请东街镇政府修路");
    assert_string_equal(route.department, "dongjie");
    assert_string_equal(reason(&route, "department")->what, "东街镇政府");
    fixture_free(&own);
    hy_buf_free(&problems);
}

static void writing_another_way_changes_nothing(void **state) {
    (void)state;
    assert_string_equal(decide(&f, NULL, "", "汙染").department, decide(&f, NULL, "", "污染").department);
    assert_string_equal(decide(&f, NULL, "", "停\xE2\x80\x8B水").department, "gongshui");
    assert_string_equal(decide(&f, NULL, "", "擺攤").department, "chengguan");
    assert_false(decide(&f, NULL, "", "ＯＫ").request);
}

static void what_is_plainly_no_request_is_noted_with_its_kind(void **state) {
    (void)state;
    const char *const cases[][2] = {{"你好", "chatter"},    {"你好，在吗？？", "chatter"},
                                    {"谢谢😀", "chatter"},  {"", "empty"},
                                    {"😀👍", "empty"},      {"……！", "empty"},
                                    {"为你点赞", "praise"}, {"加微信，日赚千元", "advert"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hy_route route = decide(&f, NULL, "", cases[i][0]);
        if (route.request || strcmp(route.kind, cases[i][1]) != 0)
            fail_msg("'%s' is %s, request %d", cases[i][0], route.kind, route.request);
        assert_non_null(reason(&route, "request"));
    }
}

static void in_doubt_it_is_a_request(void **state) {
    (void)state;
    const char *const texts[] = {"你好，停水了", "谢谢，请问几点开门", "为你点赞，但是污水没人管", "在某小区",
                                 "3号楼",        "你好我是东街的",     "加微信的人来投诉日赚骗局"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!decide(&f, NULL, "", texts[i]).request) fail_msg("'%s' was taken for no request", texts[i]);
}

static void danger_outweighs_urgency(void **state) {
    (void)state;
    assert_string_equal(decide(&f, NULL, "", "停水后管道爆炸").urgency, "danger");
    assert_string_equal(decide(&f, NULL, "", "水管").urgency, "normal");
}

static void a_message_leaves_nothing_behind_for_the_next(void **state) {
    (void)state;
    struct hy_route fresh = decide(&f, NULL, "", "垃圾");
    decide(&f, "jingcha-weibo", "停水", "光污染，爆炸，东街，摆摊");
    struct hy_route again = decide(&f, NULL, "", "垃圾");
    near(fresh.score, again.score);
    assert_int_equal(fresh.n_reasons, again.n_reasons);
    assert_string_equal(again.area, "");
    assert_string_equal(again.urgency, "normal");
}

static void a_phrase_a_million_times_is_one_hit(void **state) {
    (void)state;
    struct hy_buf text = {0};
    while (text.len < 6 << 20)
        hy_buf_adds(&text, "停水");
    struct hy_route route = decide(&f, NULL, "", text.data);
    near(route.score, 0.75);
    hy_buf_free(&text);
}

static void an_empty_list_sends_all_to_triage(void **state) {
    (void)state;
    struct fixture empty = fixture_of(HEAD, NULL);
    assert_string_equal(decide(&empty, NULL, "停水", "停水").department, HY_TRIAGE);
    fixture_free(&empty);
}

static void reasons_never_overflow(void **state) {
    (void)state;
    struct hy_buf text = {0}, many = {0};
    hy_buf_adds(
        &text,
        HEAD "requests: {complaint: [x1]}\nurgency: {urgent: [x2]}\nrows:\n- {department: a, topic: t, phrases: {1: [");
    for (int i = 1; i < 60; i++) {
        hy_buf_addf(&text, "%sx%d", i == 1 ? "" : ", ", i);
        hy_buf_addf(&many, "x%d ", i);
    }
    hy_buf_adds(&text, "], 5: [x30]}}\n");
    struct fixture own = fixture_of(text.data, NULL);
    struct hy_route route = decide(&own, NULL, "", many.data);
    assert_true(route.n_reasons <= HY_ROUTE_REASONS);
    assert_string_equal(route.reasons[0].what, "x30"); // the strongest first
    assert_non_null(reason(&route, "request"));
    assert_non_null(reason(&route, "urgency"));
    fixture_free(&own);
    hy_buf_free(&text);
    hy_buf_free(&many);
}

// Random words and texts over a small alphabet, so that words overlap and contain each other: the scanner against
// memmem.
static void the_scanner_finds_what_a_naive_search_finds(void **state) {
    (void)state;
    static const char *const letters[] = {"水", "电", "路", "a"};
    uint64_t seed = 11;
    for (int round = 0; round < 60; round++) {
        struct hy_buf yaml = {0};
        char words[40][32];
        hy_buf_adds(&yaml, HEAD "rows:\n");
        for (int i = 0; i < 40; i++) {
            words[i][0] = '\0';
            for (int k = 0; k < 1 + i % 5; k++, seed = seed * 6364136223846793005ULL + 1442695040888963407ULL)
                strcat(words[i], letters[seed >> 62]);
            hy_buf_addf(&yaml, "- {department: d%d, topic: t, phrases: {%d: [%s]}}\n", i % 7, 1 + i % 3, words[i]);
        }
        struct fixture own = fixture_of(yaml.data, NULL);
        char text[256] = "";
        for (int k = 0; k < 30; k++, seed = seed * 6364136223846793005ULL + 1442695040888963407ULL)
            strcat(text, letters[seed >> 62]);
        double scores[7] = {0};
        for (int i = 0; i < 40; i++)
            scores[i % 7] += strstr(text, words[i]) != NULL ? 1 + i % 3 : 0;
        double first = 0, second = 0;
        for (int i = 0; i < 7; i++) {
            second = fmax(second, fmin(first, scores[i]));
            first = fmax(first, scores[i]);
        }
        struct hy_route route = decide(&own, NULL, "", text);
        near(route.score, first / (first + second + 1));
        near(route.second_score, second / (first + second + 1));
        fixture_free(&own);
        hy_buf_free(&yaml);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_phrase_leads_to_its_department_with_the_reason),
        cmocka_unit_test(nobody_surely_meant_is_triage_with_the_best_guess),
        cmocka_unit_test(equal_claims_go_to_triage),
        cmocka_unit_test(the_title_weighs_more),
        cmocka_unit_test(an_exclusion_silences_its_row),
        cmocka_unit_test(the_account_addressed_counts),
        cmocka_unit_test(the_most_exact_place_is_the_area),
        cmocka_unit_test(a_named_department_counts_but_a_towns_name_is_only_a_place),
        cmocka_unit_test(writing_another_way_changes_nothing),
        cmocka_unit_test(what_is_plainly_no_request_is_noted_with_its_kind),
        cmocka_unit_test(in_doubt_it_is_a_request),
        cmocka_unit_test(danger_outweighs_urgency),
        cmocka_unit_test(a_message_leaves_nothing_behind_for_the_next),
        cmocka_unit_test(a_phrase_a_million_times_is_one_hit),
        cmocka_unit_test(an_empty_list_sends_all_to_triage),
        cmocka_unit_test(reasons_never_overflow),
        cmocka_unit_test(the_scanner_finds_what_a_naive_search_finds),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
