// What a text is about. All names here are made up.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "tests/unit/core_route/support.h"

static const char list[] = HEAD "gazetteer: here\n"
                                "stock: [有限公司, 我们小区, 影响, 物业, 整个]\n"
                                "rows:\n"
                                "- {department: gongshui, topic: 供水, counts: true, phrases: {3: [停水]}}\n"
                                "- {department: huanbao, topic: 噪音, phrases: {3: [噪音扰民]}}\n";
static const char places[] = "version: 1\nid: here\nhome: 某区\nplaces:\n- {name: 某区, inside: [{name: 东街镇}]}\n";

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

static int subjects(const char *title, const char *text, struct hy_subject out[HY_SUBJECTS]) {
    struct hy_route route = decide(&f, NULL, title, text);
    return hy_route_subjects(f.dispatch, f.scratch, &route, out);
}

static void about(const char *text, const char *key) {
    struct hy_subject found[HY_SUBJECTS];
    int n = subjects("", text, found);
    if (n == 0 || strcmp(found[0].key, key) != 0)
        fail_msg("'%s' is about '%s', not '%s'", text, n == 0 ? "nothing" : found[0].key, key);
}

static void one_place_written_in_many_ways_is_one_subject(void **state) {
    (void)state;
    about("金禾湖心苑又停电", "某区||湖心苑");
    about("我住在湖心苑三栋", "某区||湖心苑");
    about("位于某区东街镇的湖心苑", "某区||湖心苑");
    about("金禾园·湖心苑", "某区||湖心苑"); // from large to small: the last one
    about("金禾園湖心苑", "某区||湖心苑");
    about("投诉湖心苑小区物业", "某区||湖心苑");
}

static void kinds_of_names_are_known_by_their_endings(void **state) {
    (void)state;
    about("青柏路坑坑洼洼", "某区||青柏路");
    about("青柏路口没有灯", "某区||青柏路");
    about("红石化工厂排黑烟", "某区||化工厂");
    about("晨曦幼儿园收费", "某区||晨曦幼儿园");
    about("朝晖实验中学补课", "某区||朝晖实验中学"); // which of several: the key reaches further back
    about("地铁9号线太挤", "某区||9号线");
    about("鼎源商贸有限公司拖欠货款", "某区||鼎源商贸有限公司");
}

static void parts_of_one_scheme_are_one_subject(void **state) {
    (void)state;
    about("英才购房补贴怎么申请", "某区||英才补贴");
    about("英才新政租房补助没有发", "某区||英才补贴");
}

static void stock_phrases_and_common_words_carry_no_subject(void **state) {
    (void)state;
    struct hy_subject found[HY_SUBJECTS];
    const char *const texts[] = {"噪音扰民", "有限公司", "我们小区太吵", "影响小区休息", "整个小区", "这条路",
                                 "走在路上", "市政府",   "我的公司",     "在学校里",     "物业公司"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (subjects("", texts[i], found) != 0) fail_msg("'%s' is about '%s'", texts[i], found[0].key);
}

static void other_words_with_the_same_ending_are_no_names(void **state) {
    (void)state;
    struct hy_subject found[HY_SUBJECTS];
    assert_int_equal(subjects("", "红石厂家不认账", found), 0);
    assert_int_equal(subjects("", "公交环城路线太少", found), 0);
    about("湖园路没有灯", "某区||湖园路"); // 园 goes on
    about("湖心苑路口没有灯", "某区||湖心苑");
}

static void a_topic_that_counts_makes_a_subject_of_its_place(void **state) {
    (void)state;
    about("东街镇停水", "东街镇|供水|");
    struct hy_subject found[HY_SUBJECTS];
    assert_int_equal(subjects("", "停水", found), 0); // of nowhere
    assert_int_equal(subjects("", "东街镇噪音扰民", found), 0);
}

static void the_heaviest_comes_first_and_there_are_never_too_many(void **state) {
    (void)state;
    struct hy_subject found[HY_SUBJECTS];
    int n = subjects("湖心苑停水", "湖心苑在青柏路，靠近松岩路、柳泉路、枫林小学，东街镇停水", found);
    assert_int_equal(n, HY_SUBJECTS);
    assert_string_equal(found[0].key, "某区||湖心苑");
    assert_float_equal(found[0].weight, 1, 0);
    assert_true(found[1].weight < 1);
    assert_string_equal(found[3].key, "东街镇|供水|");
}

static void any_text_is_survived(void **state) {
    (void)state;
    struct hy_subject found[HY_SUBJECTS];
    static const char *const pieces[] = {"路", "小区", "苑", "号线", "补贴", "购房", "实验", "的",   "9",
                                         "·",  "😀",   "市", "区",   "湖",   "心",   "公司", "有限", "\n"};
    uint64_t seed = 3;
    for (int round = 0; round < 3000; round++) {
        char text[512] = "";
        for (int k = 0; k < round % 40; k++, seed = seed * 6364136223846793005ULL + 1442695040888963407ULL)
            strcat(text, pieces[(seed >> 33) % (sizeof pieces / sizeof *pieces)]);
        int n = subjects(round % 2 ? text : "", text, found);
        for (int i = 0; i < n; i++)
            assert_true(hy_utf8_valid(hy_bytes_of(found[i].key)) && found[i].weight > 0 && found[i].weight <= 1);
    }
    struct hy_buf big = {0};
    while (big.len < 1 << 20)
        hy_buf_adds(&big, "湖心苑青柏路");
    assert_true(subjects("", big.data, found) > 0);
    hy_buf_free(&big);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_place_written_in_many_ways_is_one_subject),
        cmocka_unit_test(kinds_of_names_are_known_by_their_endings),
        cmocka_unit_test(parts_of_one_scheme_are_one_subject),
        cmocka_unit_test(stock_phrases_and_common_words_carry_no_subject),
        cmocka_unit_test(other_words_with_the_same_ending_are_no_names),
        cmocka_unit_test(a_topic_that_counts_makes_a_subject_of_its_place),
        cmocka_unit_test(the_heaviest_comes_first_and_there_are_never_too_many),
        cmocka_unit_test(any_text_is_survived),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
