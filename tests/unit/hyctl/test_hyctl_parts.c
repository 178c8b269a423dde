// The pure parts of hyctl: figures of /metrics, what stands on a terminal, heads of originals, texts of a bundle.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/hyctl/closure.h"
#include "tools/hyctl/dead.h"
#include "tools/hyctl/figures.h"
#include "tools/hyctl/http.h"
#include "tools/hyctl/publish.h"
#include "tools/hyctl/say.h"
#include "tools/hyctl/topics.h"

// ---- figures ----

static void lag_is_summed_and_the_oldest_is_the_greatest(void **state) {
    (void)state;
    struct hyctl_figures figures;
    hyctl_figures_read("# HELP huiying_lane_lag_records 5\n# TYPE huiying_lane_lag_records gauge\n"
                       "huiying_lane_lag_records{lane=\"0\"} 3\nhuiying_lane_lag_records{lane=\"1\"} 4\n"
                       "huiying_fold_lag_records{fold=\"a} 9\\\"\"} 10\n"
                       "huiying_lane_oldest_unhandled_seconds{lane=\"0\"} 1.5\nhuiying_spool_oldest_seconds 90\n"
                       "huiying_lane_dead_letters_total{lane=\"0\"} 2\n",
                       &figures);
    assert_true(figures.has_lag && figures.has_oldest && figures.has_dead);
    assert_true(figures.lag == 17 && figures.oldest_s == 90 && figures.dead == 2);
}

static void what_is_no_figure_is_passed_over(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "\n\n\n",
                                        "huiying_lane_lag_records",
                                        "huiying_lane_lag_records ",
                                        "huiying_lane_lag_records NaN\n",
                                        "huiying_lane_lag_records -1\n",
                                        "huiying_lane_lag_records{lane=\"0",
                                        "huiying_lane_lag_records{lane=\"0\\",
                                        "huiying_lane_lag_records_more 3\n",
                                        "xhuiying_lane_lag_records 3\n",
                                        "huiying_lane_lag_records=3\n",
                                        "<html>huiying_lane_lag_records 3</html>"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct hyctl_figures figures;
        hyctl_figures_read(texts[i], &figures);
        assert_false(figures.has_lag || figures.has_oldest || figures.has_dead);
    }
    struct hyctl_figures figures;
    hyctl_figures_read(NULL, &figures);
    assert_false(figures.has_lag);
}

// ---- terminal ----

static void wide_letters_take_two_columns(void **state) {
    (void)state;
    assert_int_equal(hyctl_width(""), 0);
    assert_int_equal(hyctl_width("abc –"), 5);
    assert_int_equal(hyctl_width("停水（急）"), 10);
    assert_int_equal(hyctl_width("😡a"), 3);
    assert_int_equal(hyctl_width("𠮷"), 2);    // a name's letter beyond the first plane
    assert_true(hyctl_width("\xf0\x9f") >= 0); // cut in the middle of a letter: no reading beyond the end
}

static char *written(void (*write)(FILE *out, void *ctx), void *ctx) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    write(out, ctx);
    fclose(out);
    return text;
}

static void write_table(FILE *out, void *ctx) {
    (void)ctx;
    struct hyctl_table table = {.columns = 2};
    hyctl_table_cell(&table, "name");
    hyctl_table_cell(&table, "count");
    hyctl_table_cell(&table, "教育局");
    hyctl_table_cell(&table, "%d", 7);
    hyctl_table_cell(&table, "a");
    hyctl_table_cell(&table, "%s", "");
    hyctl_table_cell(&table, "%s", "");
    hyctl_table_cell(&table, "8");
    hyctl_table_print(&table, out);
}

static void columns_stand_under_each_other_with_chinese_in_them(void **state) {
    (void)state;
    char *text = written(write_table, NULL);
    assert_string_equal(text, "name    count\n教育局  7\na\n        8\n");
    free(text);
}

static void write_nasty(FILE *out, void *ctx) {
    hyctl_say_text(out,
                   "a\x1b[2J\nb\tc\x7f\xc2\x9b"
                   "d\xc2\xa0红",
                   *(bool *)ctx);
}

static void a_terminal_obeys_no_text(void **state) {
    (void)state;
    bool multiline = false;
    char *text = written(write_nasty, &multiline);
    assert_string_equal(text, "a?[2J?b?c??d\xc2\xa0红");
    free(text);
    multiline = true;
    text = written(write_nasty, &multiline);
    assert_string_equal(text, "a?[2J\nb\tc??d\xc2\xa0红");
    free(text);
}

static void the_bar_fills_and_never_beyond_its_end(void **state) {
    (void)state;
    char bar[HYCTL_BAR];
    assert_string_equal(hyctl_bar(bar, "reading", 0, 0, 3), "reading … 3 s");
    assert_non_null(strstr(hyctl_bar(bar, "reading", 1, 2, 3), "[###############...............]  50 % 1/2 3 s"));
    assert_non_null(strstr(hyctl_bar(bar, "reading", 5, 2, 3), "[##############################] 100 % 2/2"));
    assert_non_null(strstr(hyctl_bar(bar, "reading", 0, 2, 0), "[..............................]   0 %"));
}

// ---- dead letters ----

static void head_is(const char *bytes, size_t len, size_t most, const char *expected) {
    struct hy_buf out = {0};
    hyctl_dead_head(hy_bytes_from(bytes, len), most, &out);
    assert_string_equal(out.data == NULL ? "" : out.data, expected);
    hy_buf_free(&out);
}

static void an_original_is_text_where_it_is_text_and_hex_where_not(void **state) {
    (void)state;
    head_is("停水", 6, 100, "停水");
    head_is("停水", 6, 5, "停");
    head_is("a\x1b[0m\n", 6, 100, "a\\x1b[0m\n");
    head_is("\xff\xfe", 2, 100, "fffe");
    head_is("a\0b", 3, 100, "610062");
    head_is("\xff\xff\xff", 3, 2, "ffff");
    head_is("", 0, 100, "");
}

// ---- bundles ----

static void add(struct hyctl_folder *folder, const char *name, const char *yaml) {
    folder->names[folder->n] = strdup(name);
    hy_buf_adds(&folder->texts[folder->n], yaml);
    folder->sources[folder->n] =
        (struct hy_pack_source){folder->names[folder->n], hy_buf_view(&folder->texts[folder->n])};
    folder->n++;
}

struct three {
    struct hyctl_folder *packs, *lists, *places;
};

static int make_three(void **state) {
    struct three *three = calloc(1, sizeof *three);
    three->packs = hyctl_folder_new();
    three->lists = hyctl_folder_new();
    three->places = hyctl_folder_new();
    *state = three;
    return 0;
}

static int free_three(void **state) {
    struct three *three = *state;
    hyctl_folder_free(three->packs);
    hyctl_folder_free(three->lists);
    hyctl_folder_free(three->places);
    free(three);
    return 0;
}

// The names of a role's sources, in order.
static void names_are(const struct hy_bundle *bundle, enum hy_bundle_role role, const char *expected) {
    struct hy_buf names = {0};
    for (int i = 0; i < bundle->n[role]; i++)
        hy_buf_addf(&names, "%s ", bundle->sources[role][i].name);
    assert_string_equal(names.data == NULL ? "" : names.data, expected);
    hy_buf_free(&names);
}

static void a_bundle_holds_what_its_pack_needs_and_nothing_else(void **state) {
    struct three *three = *state;
    add(three->packs, "x.yaml", "pack: city\ninherits: nation\n");
    add(three->packs, "y.yaml", "pack: nation\n");
    add(three->packs, "z.yaml", "pack: other\ninherits: nation\n");
    add(three->lists, "a.yaml", "id: city\ninherits: common\ngazetteer: town\n");
    add(three->lists, "b.yaml", "id: common\ngazetteer: town\n");
    add(three->lists, "c.yaml", "id: other\n");
    add(three->places, "p.yaml", "id: town\n");
    add(three->places, "q.yaml", "id: other\n");
    struct hy_bundle bundle;
    assert_int_equal(hyctl_closure(three->packs, three->lists, three->places, "city", &bundle, NULL), 0);
    names_are(&bundle, HY_BUNDLE_PACK, "x.yaml y.yaml ");
    names_are(&bundle, HY_BUNDLE_LIST, "a.yaml b.yaml ");
    names_are(&bundle, HY_BUNDLE_PLACES, "p.yaml ");
}

static void a_circle_or_a_missing_parent_ends_the_chain(void **state) {
    struct three *three = *state;
    add(three->packs, "x.yaml", "pack: a\ninherits: b\n");
    add(three->packs, "y.yaml", "pack: b\ninherits: a\n");
    add(three->packs, "z.yaml", "pack: c\ninherits: nowhere\n");
    add(three->packs, "w.yaml", "pack: [\n");
    struct hy_bundle bundle;
    assert_int_equal(hyctl_closure(three->packs, three->lists, three->places, "a", &bundle, NULL), 0);
    names_are(&bundle, HY_BUNDLE_PACK, "x.yaml y.yaml ");
    assert_int_equal(hyctl_closure(three->packs, three->lists, three->places, "c", &bundle, NULL), 0);
    names_are(&bundle, HY_BUNDLE_PACK, "z.yaml ");
    assert_int_equal(hyctl_find(three->packs, "pack", "nowhere"), -1);
}

static void a_file_taken_out_leaves_the_others_in_order(void **state) {
    struct three *three = *state;
    add(three->packs, "x.yaml", "pack: a\n");
    add(three->packs, "y.yaml", "pack: b\n");
    add(three->packs, "z.yaml", "pack: c\n");
    hyctl_folder_remove(three->packs, 1);
    assert_int_equal(three->packs->n, 2);
    assert_int_equal(hyctl_find(three->packs, "pack", "c"), 1);
    assert_string_equal(three->packs->names[1], "z.yaml");
    hyctl_folder_remove(three->packs, 1);
    hyctl_folder_remove(three->packs, 0);
    assert_int_equal(three->packs->n, 0);
}

static void a_calendars_name_is_its_year(void **state) {
    (void)state;
    char year[8];
    assert_true(hyctl_year_of("2026.json", year));
    assert_string_equal(year, "2026");
    static const char *const bad[] = {"", "2026", "26.json", "20261.json", "x026.json", "2026.json.bak", ".json"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(hyctl_year_of(bad[i], year));
}

// ---- topics and paths ----

static void a_list_of_departments_is_taken_apart_and_doubles_count_once(void **state) {
    (void)state;
    struct hyctl_depts depts = {0};
    assert_int_equal(hyctl_depts_add_list(&depts, "jiaoyu,jiaotong,jiaoyu", NULL), 0);
    assert_int_equal(depts.n, 2);
    hyctl_depts_free(&depts);
    static const char *const bad[] = {"", ",", "a,", "A", "a b", "教育", "../x", "a.b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(hyctl_depts_add_list(&depts, bad[i], NULL) < 0);
        hyctl_depts_free(&depts);
    }
}

static void a_report_of_topics_is_read_line_by_line(void **state) {
    (void)state;
    json_t *topics = hyctl_topics_report("hy.a: made, 3 partitions\nhy.b: as it should be, 1 partitions\nno colon\n"
                                         "hy.c: has 2: must have 3");
    assert_int_equal(json_array_size(topics), 3);
    static const char *const states[] = {"made", "right", "wrong"};
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(json_string_value(json_object_get(json_array_get(topics, i), "state")), states[i]);
    assert_string_equal(json_string_value(json_object_get(json_array_get(topics, 2), "what")), "has 2: must have 3");
    json_decref(topics);
    topics = hyctl_topics_report(NULL);
    assert_int_equal(json_array_size(topics), 0);
    json_decref(topics);
}

static void what_goes_into_a_path_cannot_leave_its_place(void **state) {
    (void)state;
    struct hy_buf url = {0};
    hyctl_url_add(&url, "a-Z_0.~/../?&=# %停");
    assert_string_equal(url.data, "a-Z_0.~%2F..%2F%3F%26%3D%23%20%25%E5%81%9C");
    hy_buf_free(&url);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lag_is_summed_and_the_oldest_is_the_greatest),
        cmocka_unit_test(what_is_no_figure_is_passed_over),
        cmocka_unit_test(wide_letters_take_two_columns),
        cmocka_unit_test(columns_stand_under_each_other_with_chinese_in_them),
        cmocka_unit_test(a_terminal_obeys_no_text),
        cmocka_unit_test(the_bar_fills_and_never_beyond_its_end),
        cmocka_unit_test(an_original_is_text_where_it_is_text_and_hex_where_not),
        cmocka_unit_test_setup_teardown(a_bundle_holds_what_its_pack_needs_and_nothing_else, make_three, free_three),
        cmocka_unit_test_setup_teardown(a_circle_or_a_missing_parent_ends_the_chain, make_three, free_three),
        cmocka_unit_test_setup_teardown(a_file_taken_out_leaves_the_others_in_order, make_three, free_three),
        cmocka_unit_test(a_calendars_name_is_its_year),
        cmocka_unit_test(a_list_of_departments_is_taken_apart_and_doubles_count_once),
        cmocka_unit_test(a_report_of_topics_is_read_line_by_line),
        cmocka_unit_test(what_goes_into_a_path_cannot_leave_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
