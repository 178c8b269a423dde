// Dispatch lists and gazetteers: what is read, and that all mistakes are told at once with their places.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/core_route/support.h"

static void refused(const char *list, const char *places, const char *const *expected, int n) {
    struct hy_buf problems = {0};
    struct hy_dispatch *dispatch = NULL;
    assert_int_equal(load(list, places, NULL, &dispatch, &problems), HY_ECONFIG);
    assert_null(dispatch);
    for (int i = 0; i < n; i++)
        if (strstr(problems.data, expected[i]) == NULL) fail_msg("'%s' is not among:\n%s", expected[i], problems.data);
    int lines = 0;
    for (const char *p = problems.data; (p = strchr(p, '\n')) != NULL; p++)
        lines++;
    assert_int_equal(lines, n);
    hy_buf_free(&problems);
}

static void every_mistake_is_told_with_its_place(void **state) {
    (void)state;
    const char *list = HEAD "colour: red\n"
                            "confidence: 7\n"
                            "rows:\n"
                            "  - department: a\n"
                            "    topic: t\n"
                            "    phrases: {0: [x], 2: [y, '', [z]]}\n"
                            "  - topic: t\n"
                            "    phrases: {many: [x]}\n"
                            "    not: word\n"
                            "  - department: b\n"
                            "    department: c\n"
                            "    topic: t\n"
                            "    phrases: {1: [\"\\u200b\"]}\n"
                            "    counts: perhaps\n";
    const char *const expected[] = {
        "list.yaml:3:1: dispatch list: unknown key 'colour'",
        "list.yaml:4:13: confidence: '7' is no number from 0 to 1",
        "list.yaml:8:15: phrases: weight: '0' is no number from 0.1 to 10",
        "list.yaml:8:30: phrase: expected a text that is not empty",
        "list.yaml:8:34: phrase: expected a text that is not empty",
        "list.yaml:9:5: row: department is missing",
        "list.yaml:9:5: row: phrases are missing",
        "list.yaml:10:15: phrases: weight: 'many' is no number",
        "list.yaml:11:10: not: expected a list",
        "list.yaml:13:5: row: 'department' stands here twice",
        "list.yaml:15:19: phrase: nothing is left of",
        "list.yaml:16:13: counts: 'perhaps' is neither true nor false",
    };
    refused(list, NULL, expected, sizeof expected / sizeof *expected);
}

static void a_text_that_is_no_yaml_is_refused_with_its_place(void **state) {
    (void)state;
    const char *const expected[] = {"list.yaml:2:", "dispatch list 'test' is not among the files"};
    refused("id: test\n  bad: [", NULL, expected, 2);
    const char *const no_map[] = {"dispatch list 'test' is not among the files"};
    refused("- a\n- b\n", NULL, no_map, 1);
    refused("", NULL, no_map, 1);
}

static void a_list_says_its_version(void **state) {
    (void)state;
    const char *const expected[] = {"version: 1 is missing"};
    refused("id: test\nversion: 2\n", NULL, expected, 1);
}

static void a_missing_gazetteer_is_told(void **state) {
    (void)state;
    const char *const expected[] = {"gazetteer 'there' is not among the files"};
    refused(HEAD "gazetteer: there\n", "version: 1\nid: elsewhere\nplaces: []\n", expected, 1);
}

static void places_are_checked_too(void **state) {
    (void)state;
    const char *const expected[] = {"places.yaml:5:9: place: name is missing",
                                    "places.yaml:6:19: place: unknown key 'nick'"};
    refused(HEAD "gazetteer: here\n",
            "version: 1\nid: here\nhome: h\nplaces:\n      - {aliases: [a]}\n      - {name: n, 'nick': x}\n", expected,
            2);
}

static void nesting_without_end_is_refused(void **state) {
    (void)state;
    struct hy_buf text = {0}, problems = {0};
    hy_buf_adds(&text, "version: 1\nid: here\nplaces: &p\n  - {name: n, inside: *p}\n");
    struct hy_dispatch *dispatch = NULL;
    assert_int_equal(load(HEAD "gazetteer: here\n", text.data, NULL, &dispatch, &problems), HY_ECONFIG);
    hy_buf_free(&text);
    hy_buf_free(&problems);
}

static int load_two(const char *heir, const char *ancestor, const struct hy_pack *pack, struct hy_dispatch **out,
                    struct hy_buf *problems) {
    struct hy_pack_source lists[] = {{"heir.yaml", hy_bytes_of(heir)}, {"ancestor.yaml", hy_bytes_of(ancestor)}};
    struct hy_dispatch_input input = {.lists = lists, .n_lists = 2, .id = "test", .pack = pack};
    return hy_dispatch_load(&input, out, problems);
}

static void a_list_inherits_rows_and_maps_departments(void **state) {
    (void)state;
    struct hy_buf problems = {0};
    struct fixture f = {0};
    assert_int_equal(
        load_two(
            HEAD
            "inherits: base\nowners: {water: works}\nrows:\n- {department: school, topic: s, phrases: {3: [学位]}}\n",
            "version: 1\nid: base\nrows:\n- {department: water, topic: w, phrases: {3: [停水]}}\n", NULL, &f.dispatch,
            &problems),
        0);
    f.scratch = hy_route_scratch_new(f.dispatch);
    assert_string_equal(decide(&f, NULL, "", "停水").department, "works");
    assert_string_equal(decide(&f, NULL, "", "学位").department, "school");
    fixture_free(&f);
    hy_buf_free(&problems);
}

static void lists_that_inherit_in_a_circle_are_refused(void **state) {
    (void)state;
    struct hy_buf problems = {0};
    struct hy_dispatch *dispatch = NULL;
    assert_int_equal(
        load_two(HEAD "inherits: base\n", "version: 1\nid: base\ninherits: test\n", NULL, &dispatch, &problems),
        HY_ECONFIG);
    assert_non_null(strstr(problems.data, "circle"));
    hy_buf_free(&problems);
}

static void a_row_names_only_departments_of_the_pack(void **state) {
    (void)state;
    struct hy_pack_department departments[] = {
        {.code = (char *)(uintptr_t) "jiaoyu", .name = (char *)(uintptr_t) "教育局"}};
    struct hy_pack pack = {.id = (char *)(uintptr_t) "p", .n_departments = 1, .departments = departments};
    struct hy_buf problems = {0};
    struct hy_dispatch *dispatch = NULL;
    assert_int_equal(
        load(HEAD "rows:\n- {department: jiaoju, topic: t, phrases: {1: [w]}}\n", NULL, &pack, &dispatch, &problems),
        HY_ECONFIG);
    assert_non_null(strstr(problems.data, "list.yaml:4:16: department: the pack p has no department 'jiaoju'"));
    hy_buf_free(&problems);
}

static void read_whole(const char *path, struct hy_buf *out) {
    char full[512];
    struct hy_error err;
    snprintf(full, sizeof full, "%s/deploy/%s", HY_SOURCE_DIR, path);
    if (hy_read_file(full, 1 << 22, out, &err) < 0) fail_msg("%s", err.text);
}

static void check_shipped(const char *id, int rows, int departments) {
    enum { PACKS = 3, LISTS = 3, PLACES = 2 };
    const char *const packs[PACKS] = {"policies/national.yaml", "policies/yuancheng.yaml", "policies/sample.yaml"};
    const char *const lists[LISTS] = {"policies/dispatch/district.yaml", "policies/dispatch/yuancheng.yaml",
                                      "policies/dispatch/sample.yaml"};
    const char *const places[PLACES] = {"gazetteer/yuancheng.yaml", "gazetteer/sample.yaml"};
    struct hy_buf texts[PACKS + LISTS + PLACES] = {0}, problems = {0};
    struct hy_pack_source sources[PACKS + LISTS + PLACES];
    for (int i = 0; i < PACKS + LISTS + PLACES; i++) {
        const char *path = i < PACKS ? packs[i] : i < PACKS + LISTS ? lists[i - PACKS] : places[i - PACKS - LISTS];
        read_whole(path, &texts[i]);
        sources[i] = (struct hy_pack_source){path, hy_buf_view(&texts[i])};
    }
    struct hy_pack *pack = NULL;
    struct hy_dispatch *dispatch = NULL;
    if (hy_pack_load(sources, PACKS, id, &pack, &problems) < 0) fail_msg("%s", problems.data);
    struct hy_dispatch_input input = {sources + PACKS, LISTS, sources + PACKS + LISTS, PLACES, id, pack};
    if (hy_dispatch_load(&input, &dispatch, &problems) < 0) fail_msg("%s", problems.data);
    assert_true(hy_dispatch_rows(dispatch) >= rows);
    assert_true(hy_dispatch_departments(dispatch) >= departments);
    assert_true(hy_dispatch_literals(dispatch) > 1000);
    hy_dispatch_free(dispatch);
    hy_pack_free(pack);
    for (int i = 0; i < PACKS + LISTS + PLACES; i++)
        hy_buf_free(&texts[i]);
    hy_buf_free(&problems);
}

static void the_shipped_lists_fit_their_packs(void **state) {
    (void)state;
    check_shipped("yuancheng", 40, 25);
    check_shipped("sample", 40, 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mistake_is_told_with_its_place),
        cmocka_unit_test(a_text_that_is_no_yaml_is_refused_with_its_place),
        cmocka_unit_test(a_list_says_its_version),
        cmocka_unit_test(a_missing_gazetteer_is_told),
        cmocka_unit_test(places_are_checked_too),
        cmocka_unit_test(nesting_without_end_is_refused),
        cmocka_unit_test(a_list_inherits_rows_and_maps_departments),
        cmocka_unit_test(lists_that_inherit_in_a_circle_are_refused),
        cmocka_unit_test(a_row_names_only_departments_of_the_pack),
        cmocka_unit_test(the_shipped_lists_fit_their_packs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
