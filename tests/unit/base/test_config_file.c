// The grammar of the YAML file, and how programs share one.
#include "tests/unit/base/config_sample.h"

static void accepted(struct sample *s, const char *yaml) {
    char *problems = sample_load(s, yaml, NULL, NULL, 0);
    assert_string_equal(problems, "");
    free(problems);
}

static void flat_and_nested_keys_are_the_same(void **state) {
    (void)state;
    static const char *const forms[] = {
        "title: t\nkafka.brokers: x:1\nweb.port: 9\n",
        "title: t\nkafka:\n  brokers: x:1\nweb:\n  port: 9\n",
        "{title: t, kafka: {brokers: 'x:1'}, \"web.port\": \"9\"}",
        "---\ntitle: t\nkafka: {brokers: \"x:1\"}\nweb: {port: 9} # a comment\n...\n",
        "\xEF\xBB\xBFtitle: t\r\nkafka.brokers: x:1\r\nweb.port: 9\r\n",
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct sample s;
        accepted(&s, forms[i]);
        assert_string_equal(s.common.kafka_brokers, "x:1");
        assert_int_equal(s.port, 9);
        hy_config_free(&sample_table, &s);
    }
}

static void an_empty_file_says_nothing(void **state) {
    (void)state;
    static const char *const forms[] = {"", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "{}", "~"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct sample s;
        static const char *const title[] = {"title=t"};
        char *problems = sample_load(&s, forms[i], NULL, title, 1);
        assert_string_equal(problems, "");
        free(problems);
        hy_config_free(&sample_table, &s);
    }
}

static void unknown_keys_are_refused_with_line_and_neighbour(void **state) {
    (void)state;
    sample_refused("kafka:\n  brokers: x\n  broker: y\nweb.potr: 1\nWeb.port: 1\nxyzzy: 1\nkafka.brokers.x: 1\n",
                   "huiying.yaml:3: kafka.broker: unknown key; did you mean kafka.brokers?\n"
                   "huiying.yaml:4: web.potr: unknown key; did you mean web.port?\n"
                   "huiying.yaml:5: Web.port: unknown key; did you mean web.port?\n"
                   "huiying.yaml:6: xyzzy: unknown key; --dump-config lists all of them\n"
                   "huiying.yaml:7: kafka.brokers.x: unknown key; did you mean kafka.brokers?\n");
}

static void a_key_stands_once_however_it_is_written(void **state) {
    (void)state;
    sample_refused("mode: day\nmode: day\n", "huiying.yaml:2: mode: stands here again; first on line 1\n");
    sample_refused("web: {port: 1}\nfold: on\nweb.port: 2\n",
                   "huiying.yaml:3: web.port: given again; first on line 1\n");
    sample_refused("web: {port: 1}\nweb: {depth: 2}\n", "huiying.yaml:2: web: stands here again; first on line 1\n");
    sample_refused("sla: {a: 1}\nsla: {b: 2}\n", "huiying.yaml:2: sla: stands here again; first on line 1\n");
    sample_refused("token: a\ntoken_file: /b\n", "huiying.yaml:2: token: given again; first on line 1\n");
}

static void a_programs_section_is_for_it_alone(void **state) {
    (void)state;
    struct sample s;
    accepted(&s, "router:\n  instance: own\n  web: {port: 7}\ninstance: common\nweb.port: 6\ntitle: t\n"
                 "sla:\n  instance: other\n  anything: [1, 2]\nsla.more: x\nhyctl: {web.port: no}\n");
    assert_string_equal(s.common.instance, "own");
    assert_int_equal(s.port, 7);
    hy_config_free(&sample_table, &s);
    accepted(&s, "router.title: t\nrouter.web.port: 7\n");
    assert_int_equal(s.port, 7);
    hy_config_free(&sample_table, &s);
}

static void the_own_section_is_judged(void **state) {
    (void)state;
    sample_refused("router:\n  instanc: x\n  mode: dawn\n  fold: on\n  fold: off\n",
                   "huiying.yaml:2: instanc: unknown key; did you mean instance?\n"
                   "huiying.yaml:5: router.fold: stands here again; first on line 4\n"
                   "huiying.yaml:3: mode: \"dawn\" is not one of day, night, holiday\n");
    sample_refused("routers: {mode: day}\n",
                   "huiying.yaml:1: routers.mode: unknown key; --dump-config lists all of them\n");
}

static void a_key_without_value_is_refused(void **state) {
    (void)state;
    static const char *const forms[] = {"instance:\n", "instance: ~\n", "instance: null\n", "instance: NULL\n"};
    for (size_t i = 0; i < 4; i++) {
        sample_refused(forms[i],
                       "huiying.yaml:1: instance: has no value; write \"\" for an empty one, or leave the key out\n");
    }
    struct sample s;
    accepted(&s, "title: \"\"\ninstance: 'null'\n");
    assert_string_equal(s.title, "");
    assert_string_equal(s.common.instance, "null");
    hy_config_free(&sample_table, &s);
}

static void only_maps_and_scalars_are_taken(void **state) {
    (void)state;
    sample_refused("- a\n- b\n", "huiying.yaml:1: expected \"key: value\" lines\n");
    sample_refused("just words\n", "huiying.yaml:1: expected \"key: value\" lines\n");
    sample_refused("kafka.brokers: [a, b]\n",
                   "huiying.yaml:1: kafka.brokers: a list cannot stand here; write the value as one text\n");
    sample_refused("web.port: !!int 5\n", "huiying.yaml:1: web.port: tags (!name) are not supported\n");
    sample_refused("web: !x {port: 1}\n", "huiying.yaml:1: web: tags (!name) are not supported\n");
    sample_refused("? [a, b]\n: c\n", "huiying.yaml:1: a key must be a plain name\n");
    sample_refused("? {a: b}\n: c\n~: 1\n",
                   "huiying.yaml:1: a key must be a plain name\nhuiying.yaml:3: a key must be a plain name\n");
    sample_refused("instance: \"a\\0b\"\n", "huiying.yaml:1: instance: holds a NUL character\n");
    sample_refused("mode: day\n---\nmode: night\n", "huiying.yaml:3: a second document begins; one file holds one\n");
}

static void aliases_are_refused_however_they_loop(void **state) {
    (void)state;
    sample_refused("instance: &a x\nmode: *a\n",
                   "huiying.yaml:2: mode: aliases (*name) are not supported; write the value out\n");
    sample_refused("web: &a\n  port: *a\n",
                   "huiying.yaml:2: web.port: aliases (*name) are not supported; write the value out\n");
    sample_refused("web: &a {port: 1}\nkafka:\n  <<: *a\n",
                   "huiying.yaml:3: kafka.<<: aliases (*name) are not supported; write the value out\n");
    sample_refused("mode: *nowhere\n", "huiying.yaml:1: not YAML at column 7: found undefined alias\n");
}

static void what_is_not_yaml_is_told_with_its_line(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *place;
    } rows[] = {{"mode: day\nweb: {port: 1\n", "huiying.yaml:3: not YAML"},
                {"mode: \"day\n", "huiying.yaml:2: not YAML"},
                {"mode: day\n\tfold: on\n", "huiying.yaml:2: not YAML"},
                {"a: b: c\n", "huiying.yaml:1: not YAML"},
                {"mode: day\nx: \x01\n", "huiying.yaml:2: not YAML"},
                {"mode: day\n%\n", "huiying.yaml:2: not YAML"},
                {"@", "huiying.yaml:1: not YAML"},
                {"mode: day\nx: \xFF\n", "huiying.yaml:2: not UTF-8"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sample s;
        static const char *const title[] = {"title=t"};
        char *problems = sample_load(&s, rows[i].yaml, NULL, title, 1);
        unit_contains(problems, rows[i].place);
        free(problems);
    }
    struct sample s;
    struct hy_buf problems = {0};
    assert_int_equal(
        hy_config_load(&sample_table, &s, "f", hy_bytes_from("mode: d\nfold\0: on", 17), NULL, NULL, 0, &problems),
        HY_ECONFIG);
    unit_contains(problems.data, "f:2: not UTF-8");
    hy_buf_free(&problems);
}

static void a_hostile_file_ends_quickly(void **state) {
    (void)state;
    struct hy_buf yaml = {0};
    for (int i = 0; i < 100000; i++) {
        hy_buf_addf(&yaml, "k%d: x\n", i);
    }
    struct sample s;
    char *problems = sample_load(&s, yaml.data, NULL, NULL, 0);
    unit_contains(problems, "huiying.yaml:1: k0: unknown key");
    assert_true(strlen(problems) < 20000); // enough is told
    free(problems);
    hy_buf_clear(&yaml);
    for (int i = 0; i < 900; i++) {
        hy_buf_adds(&yaml, "{a: ");
    }
    problems = sample_load(&s, yaml.data, NULL, NULL, 0);
    unit_contains(problems, "not YAML");
    free(problems);
    hy_buf_clear(&yaml);
    for (int i = 0; i < 20; i++) {
        hy_buf_adds(&yaml, "{a: ");
    }
    for (int i = 0; i < 20; i++) {
        hy_buf_adds(&yaml, "}");
    }
    problems = sample_load(&s, yaml.data, NULL, NULL, 0);
    unit_contains(problems, "nested too deep");
    free(problems);
    hy_buf_clear(&yaml);
    hy_buf_addf(&yaml, "%0*d: x\nweb: {%0*d: y}\n", 500, 1, 120, 2);
    problems = sample_load(&s, yaml.data, NULL, NULL, 0);
    unit_contains(problems, "too long to be one of ours");
    unit_contains(problems, "huiying.yaml:2: web.");
    free(problems);
    hy_buf_free(&yaml);
}

static void a_key_cannot_forge_a_line_of_the_answer(void **state) {
    (void)state;
    sample_refused("\"a\\nok: good\": 1\n",
                   "huiying.yaml:1: a\\nok: good: unknown key; --dump-config lists all of them\n");
    sample_refused("mode: \"x\\ny\"\n", "huiying.yaml:1: mode: \"x\\ny\" is not one of day, night, holiday\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_and_nested_keys_are_the_same),
        cmocka_unit_test(an_empty_file_says_nothing),
        cmocka_unit_test(unknown_keys_are_refused_with_line_and_neighbour),
        cmocka_unit_test(a_key_stands_once_however_it_is_written),
        cmocka_unit_test(a_programs_section_is_for_it_alone),
        cmocka_unit_test(the_own_section_is_judged),
        cmocka_unit_test(a_key_without_value_is_refused),
        cmocka_unit_test(only_maps_and_scalars_are_taken),
        cmocka_unit_test(aliases_are_refused_however_they_loop),
        cmocka_unit_test(what_is_not_yaml_is_told_with_its_line),
        cmocka_unit_test(a_hostile_file_ends_quickly),
        cmocka_unit_test(a_key_cannot_forge_a_line_of_the_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
