#include "tests/unit/core_policy/policy_fixture.h"

#include <stdlib.h>

#include "huiying/v1/case.pb-c.h"
#include "huiying/v1/command.pb-c.h"
#include "lib/base/id.h"
#include "lib/core/policy_internal.h"

static void every_row_of_a_pack_is_read(void **state) {
    (void)state;
    struct loaded loaded = load_base();
    const struct hy_pack *pack = loaded.pack;
    assert_string_equal(pack->id, "base");
    assert_string_equal(pack->jurisdiction, "某区");
    assert_null(pack->inherits);
    assert_int_equal(pack->valid_from_ms, INT64_C(1767196800000));
    assert_int_equal(pack->work.hours.n, 2);
    assert_int_equal(pack->work.hours.span[1].from, 870);
    assert_int_equal(pack->work.hours.span[1].to, 1080);
    assert_int_equal(pack->work.last_day_ends, 0);
    assert_int_equal(pack->n_departments, 3);
    const struct hy_pack_department *school = hy_pack_department(pack, "school");
    assert_string_equal(school->aliases[1], "教委");
    assert_string_equal(hy_pack_department(pack, "office")->supervisor, "");
    const struct hy_pack_kind *letter = hy_pack_kind(pack, "letter");
    assert_null(letter->owner);
    assert_string_equal(letter->jurisdiction, "某区");
    assert_int_equal(letter->states, 1u << 1 | 1u << 2 | 1u << 3 | 1u << 5 | 1u << 7 | 1u << 8 | 1u << 9);
    assert_int_equal(letter->max_returns, 2);
    assert_int_equal(pack->incident.levels[0].level, 2);
    assert_true(pack->incident.levels[1].times_usual > 2.49 && pack->incident.levels[1].times_usual < 2.51);
    assert_int_equal(pack->dossier_days, 400);
    unload(&loaded);
}

static void clocks_moves_closes_and_deliveries_are_found_by_name(void **state) {
    (void)state;
    struct loaded loaded = load_base();
    const struct hy_pack_kind *letter = hy_pack_kind(loaded.pack, "letter");
    const struct hy_pack_clock *clock = hy_pack_clock(letter, "reply");
    assert_true(clock->main);
    assert_int_equal(clock->start, HY_POINT_RECEIVED);
    assert_int_equal(clock->stop, HY_POINT_DELIVERED);
    assert_int_equal(clock->n_warnings, 2);
    assert_int_equal(clock->warnings[1], 80);
    assert_int_equal(clock->n_steps, 3);
    assert_string_equal(clock->steps[2].notify, "office");
    assert_string_equal(clock->quote, "在5个工作日内");
    const struct hy_pack_move *close = hy_pack_move(letter, "close");
    assert_true(close->needs_reason && close->needs_proof && !close->needs_text && !close->needs_department);
    assert_string_equal(close->proofs, "receipt,link");
    assert_string_equal(close->roles, "operator");
    assert_int_equal(close->to, 9);
    assert_string_equal(hy_pack_move(letter, "sign")->proofs, "");
    assert_string_equal(hy_pack_close(letter, "solved")->proof, "receipt");
    assert_string_equal(letter->deliveries[1].name, "answer");
    assert_true(letter->deliveries[1].main);
    assert_null(hy_pack_clock(letter, "nothing"));
    assert_null(hy_pack_move(letter, "return"));
    assert_null(hy_pack_close(letter, ""));
    assert_null(hy_pack_kind(loaded.pack, "poem"));
    assert_null(hy_pack_department(loaded.pack, "Office"));
    unload(&loaded);
}

static void a_child_overrides_rows_by_name_and_adds(void **state) {
    (void)state;
    char *child = child_of_base("departments:\n"
                                "  water: {name: 水务局, supervisor: office}\n"
                                "  school: {aliases: [教育体育局]}\n"
                                "kinds:\n  letter:\n    clocks:\n      reply: {warnings: [80]\n"
                                "        , ladder: [{at: 80, notify: owner, action: remind},"
                                " {at: 100, notify: operator, action: escalate}]}\n");
    const char *texts[] = {child, base_yaml};
    struct loaded loaded = load_texts("child", 2, texts);
    assert_string_equal(loaded.pack->inherits, "base");
    assert_string_equal(loaded.pack->name, "孩子");
    assert_int_equal(loaded.pack->n_departments, 4);
    assert_string_equal(loaded.pack->departments[3].code, "water");
    const struct hy_pack_department *school = hy_pack_department(loaded.pack, "school");
    assert_string_equal(school->name, "教育局");
    assert_int_equal(school->n_aliases, 1);
    const struct hy_pack_clock *clock = hy_pack_clock(hy_pack_kind(loaded.pack, "letter"), "reply");
    assert_int_equal(clock->n_warnings, 1);
    assert_int_equal(clock->n_steps, 2);
    assert_int_equal(clock->length, 5);
    assert_string_equal(clock->article, "R002-8");
    assert_string_equal(hy_pack_kind(loaded.pack, "letter")->jurisdiction, "某镇");
    unload(&loaded);
    free(child);
}

static void a_row_with_a_length_of_its_own_cites_its_own_article(void **state) {
    (void)state;
    char *child = child_of_base("kinds:\n  letter:\n    clocks:\n      reply: {length: 3}\n");
    const char *texts[] = {base_yaml, child};
    struct loaded loaded = load_texts("child", 2, texts);
    assert_says(&loaded, "b.yaml:10:7: clock reply needs \"article\"");
    unload(&loaded);
    free(child);
    child =
        child_of_base("kinds:\n  letter:\n    clocks:\n      reply: {length: 3, article: R009-1, proposed: true}\n");
    texts[1] = child;
    loaded = load_texts("child", 2, texts);
    assert_int_equal(loaded.rc, 0);
    const struct hy_pack_clock *clock = hy_pack_clock(hy_pack_kind(loaded.pack, "letter"), "reply");
    assert_int_equal(clock->length, 3);
    assert_string_equal(clock->quote, "");
    unload(&loaded);
    free(child);
}

static void a_child_may_drop_an_inherited_row(void **state) {
    (void)state;
    char *child = child_of_base("departments:\n  school: {drop: true}\n");
    const char *texts[] = {base_yaml, child};
    struct loaded loaded = load_texts("child", 2, texts);
    assert_int_equal(loaded.pack->n_departments, 2);
    assert_null(hy_pack_department(loaded.pack, "school"));
    unload(&loaded);
    free(child);
    child = child_of_base("departments:\n  shcool: {drop: true}\n  office: {drop: true, name: x}\n");
    texts[1] = child;
    loaded = load_texts("child", 2, texts);
    assert_says(&loaded, "b.yaml:8:3: \"shcool\" drops nothing");
    assert_says(&loaded, "b.yaml:9:12: \"drop: true\" must stand alone");
    unload(&loaded);
    free(child);
}

static void what_a_child_breaks_in_an_inherited_row_is_said(void **state) {
    (void)state;
    char *child = child_of_base(
        "departments:\n  desk: {drop: true}\nkinds:\n  letter:\n    moves:\n      approve: {drop: true}\n");
    const char *texts[] = {base_yaml, child};
    struct loaded loaded = load_texts("child", 2, texts);
    assert_says(&loaded, "a.yaml:16:15: unknown department \"desk\"");
    assert_says(&loaded, "a.yaml:19:14: 1 reviews, but kind letter has no move \"approve\"");
    unload(&loaded);
    free(child);
}

static void three_generations_are_read(void **state) {
    (void)state;
    char *child = child_of_base("departments:\n  water: {name: 水务局}\n");
    char *child2 = replaced(child, "pack: child", "pack: grandchild");
    char *grandchild = replaced(child2, "inherits: base", "inherits: child");
    const char *texts[] = {grandchild, child, base_yaml};
    struct loaded loaded = load_texts("grandchild", 3, texts);
    assert_int_equal(loaded.pack->n_departments, 4);
    assert_string_equal(loaded.pack->inherits, "child");
    unload(&loaded);
    free(child);
    free(child2);
    free(grandchild);
}

static void circles_and_missing_parents_are_said(void **state) {
    (void)state;
    char *orphan = child_of_base("");
    const char *texts[] = {orphan, NULL};
    struct loaded loaded = load_texts("child", 1, texts);
    assert_says(&loaded, "a.yaml:5:11: inherits \"base\", which is no pack here");
    unload(&loaded);
    char *own = replaced(orphan, "inherits: base", "inherits: child");
    texts[0] = own;
    loaded = load_texts("child", 1, texts);
    assert_says(&loaded, "a.yaml:5:11: inherits \"child\", which inherits this pack again: a circle");
    unload(&loaded);
    char *back = replaced(base_yaml, "name: 试验", "inherits: child");
    const char *two[] = {orphan, back};
    loaded = load_texts("child", 2, two);
    assert_says(&loaded, "b.yaml:2:11: inherits \"child\", which inherits this pack again: a circle");
    unload(&loaded);
    loaded = load_texts("nobody", 1, texts);
    assert_says(&loaded, "no pack \"nobody\" among the 1 files given");
    unload(&loaded);
    const char *twice[] = {base_yaml, base_yaml};
    loaded = load_texts("base", 2, twice);
    assert_says(&loaded, "b.yaml:1:7: pack \"base\" is also in a.yaml");
    unload(&loaded);
    free(orphan);
    free(own);
    free(back);
}

static void a_broken_file_of_another_pack_is_not_this_packs_mistake(void **state) {
    (void)state;
    const char *texts[] = {"pack: other\nname: [\n", base_yaml, "pack: third\nname: *x\n"};
    struct loaded loaded = load_texts("base", 3, texts);
    assert_int_equal(loaded.rc, 0);
    unload(&loaded);
    // But when the parent is missing, the file that could not be read may be the parent.
    char *orphan = child_of_base("");
    texts[1] = orphan;
    loaded = load_texts("child", 2, texts);
    assert_says(&loaded, "a.yaml:3:1: not YAML: did not find expected node content");
    assert_says(&loaded, "inherits \"base\"");
    unload(&loaded);
    free(orphan);
}

static void the_hash_covers_every_text_of_the_chain_and_nothing_else(void **state) {
    (void)state;
    char *child = child_of_base("");
    char *other_base = replaced(base_yaml, "试验", "实验");
    const char *texts[] = {child, base_yaml, "pack: third\n"};
    struct loaded one = load_texts("child", 2, texts), with_third = load_texts("child", 3, texts);
    const char *turned[] = {base_yaml, child};
    struct loaded turned_round = load_texts("child", 2, turned);
    texts[1] = other_base;
    struct loaded changed = load_texts("child", 2, texts);
    assert_string_equal(one.pack->hash, with_third.pack->hash);
    assert_string_equal(one.pack->hash, turned_round.pack->hash);
    assert_string_not_equal(one.pack->hash, changed.pack->hash);
    // Root first, each text with its length before it.
    struct hy_bytes fields[] = {hy_bytes_of(base_yaml), hy_bytes_of(child)};
    uint8_t sum[32];
    char hex[65];
    hy_hash_fields(fields, 2, sum);
    for (int i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", sum[i]);
    assert_string_equal(one.pack->hash, hex);
    unload(&one);
    unload(&with_third);
    unload(&turned_round);
    unload(&changed);
    free(child);
    free(other_base);
}

static void the_texts_may_go_when_the_pack_is_loaded(void **state) {
    (void)state;
    char *copy = replaced(base_yaml, "试验", "试验");
    const char *texts[] = {copy};
    struct loaded loaded = load_texts("base", 1, texts);
    memset(copy, 'x', strlen(copy));
    free(copy);
    assert_string_equal(loaded.pack->name, "试验");
    assert_string_equal(loaded.pack->kinds[0].clocks[0].steps[0].notify, "owner");
    unload(&loaded);
    hy_pack_free(NULL);
}

// "CASE_STATE_OPENED" for "opened".
static void assert_word(const char *prefix, const char *enum_name, const char *word) {
    char expected[64];
    snprintf(expected, sizeof expected, "%s%s", prefix, word);
    for (char *c = expected; *c != '\0'; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    assert_string_equal(enum_name, expected);
}

static void states_and_verbs_are_those_of_the_contract(void **state) {
    (void)state;
    const ProtobufCEnumDescriptor *states = &huiying__v1__case_state__descriptor;
    const ProtobufCEnumDescriptor *verbs = &huiying__v1__verb__descriptor;
    assert_int_equal(hy_pack_states.n, states->n_values - 1);
    for (unsigned i = 1; i < states->n_values; i++) {
        int value;
        const char *name = hy_state_name(states->values[i].value);
        assert_non_null(name);
        assert_word("CASE_STATE_", states->values[i].name, name);
        assert_int_equal(hy_state_parse(name, &value), 0);
        assert_int_equal(value, states->values[i].value);
    }
    assert_int_equal(hy_pack_verbs.n, verbs->n_values - 1);
    for (unsigned i = 1; i < verbs->n_values; i++)
        assert_word("VERB_", verbs->values[i].name, hy_pack_words_name(&hy_pack_verbs, verbs->values[i].value));
    assert_null(hy_state_name(0));
    assert_null(hy_state_name(11));
}

static void points_have_names_both_ways(void **state) {
    (void)state;
    for (int i = 1; i < HY_POINT_COUNT; i++) {
        enum hy_point point = HY_POINT_NONE;
        assert_int_equal(hy_point_parse(hy_point_name((enum hy_point)i), &point), 0);
        assert_int_equal(point, i);
    }
    enum hy_point point;
    assert_int_equal(hy_point_parse("none", &point), HY_ENOTFOUND);
    assert_int_equal(hy_point_parse("", &point), HY_ENOTFOUND);
    assert_string_equal(hy_point_name(HY_POINT_NONE), "none");
    assert_string_equal(hy_point_name(HY_POINT_HANDED_OFF), "handed_off");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_of_a_pack_is_read),
        cmocka_unit_test(clocks_moves_closes_and_deliveries_are_found_by_name),
        cmocka_unit_test(a_child_overrides_rows_by_name_and_adds),
        cmocka_unit_test(a_row_with_a_length_of_its_own_cites_its_own_article),
        cmocka_unit_test(a_child_may_drop_an_inherited_row),
        cmocka_unit_test(what_a_child_breaks_in_an_inherited_row_is_said),
        cmocka_unit_test(three_generations_are_read),
        cmocka_unit_test(circles_and_missing_parents_are_said),
        cmocka_unit_test(a_broken_file_of_another_pack_is_not_this_packs_mistake),
        cmocka_unit_test(the_hash_covers_every_text_of_the_chain_and_nothing_else),
        cmocka_unit_test(the_texts_may_go_when_the_pack_is_loaded),
        cmocka_unit_test(states_and_verbs_are_those_of_the_contract),
        cmocka_unit_test(points_have_names_both_ways),
    };
    int failed = cmocka_run_group_tests_name("policy", tests, NULL, NULL);
    return failed + run_mistakes_tests() + run_clock_tests() + run_shipped_tests();
}
