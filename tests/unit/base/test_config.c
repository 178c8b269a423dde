// Sources, their order, and values by type; the file's own grammar is in test_config_file.c.
#include "tests/unit/base/config_sample.h"

static void defaults_hold_where_nothing_is_given(void **state) {
    (void)state;
    struct sample s;
    char *problems = sample_load(&s, "title: t", NULL, NULL, 0);
    assert_string_equal(problems, "");
    free(problems);
    assert_string_equal(s.common.kafka_brokers, "127.0.0.1:9092");
    assert_string_equal(s.common.http_listen, "127.0.0.1:0");
    assert_string_equal(s.common.redis_password, "");
    assert_int_equal(s.common.log_level, HY_LOG_INFO);
    assert_int_equal(s.common.log_format, 1);
    assert_string_equal(s.title, "t");
    assert_int_equal(s.port, 8080);
    assert_int_equal(s.depth, -3);
    assert_int_equal(s.pause, 1500);
    assert_int_equal(s.room, 4 << 20);
    assert_false(s.fold);
    assert_int_equal(s.mode, 0);
    hy_config_free(&sample_table, &s);
    assert_null(s.title);
}

static void the_stronger_source_wins(void **state) {
    (void)state;
    char *const environment[] = {(char[]){"PATH=/bin"}, (char[]){"HY_WEB_PORT=3"}, (char[]){"HY_INSTANCE=env"},
                                 (char[]){"HY_MODE="}, NULL};
    static const char *const sets[] = {"web.port=4", "title="};
    struct sample s;
    char *problems =
        sample_load(&s, "title: t\nweb.port: 2\ninstance: file\nmode: night\nfold: on\n", environment, sets, 2);
    assert_string_equal(problems, "");
    free(problems);
    assert_int_equal(s.port, 4);
    assert_string_equal(s.common.instance, "env");
    assert_int_equal(s.mode, 1); // an empty variable says nothing
    assert_true(s.fold);
    assert_string_equal(s.title, ""); // an empty --set says empty
    hy_config_free(&sample_table, &s);
}

static void a_mistake_in_a_weaker_source_is_told_too(void **state) {
    (void)state;
    char *const environment[] = {(char[]){"HY_WEB_PORT=0"}, (char[]){"HY_MODE=dawn"}, NULL};
    static const char *const sets[] = {"web.port=5", "title=t"};
    struct sample s;
    char *problems = sample_load(&s, "\nweb.port: 6000abc", environment, sets, 2);
    assert_string_equal(problems, "huiying.yaml:2: web.port: \"6000abc\" is not a whole number from 1 to 65535\n"
                                  "environment: HY_WEB_PORT: \"0\" is not a whole number from 1 to 65535\n"
                                  "environment: HY_MODE: \"dawn\" is not one of day, night, holiday\n");
    free(problems);
}

static void variables_of_other_programs_are_no_mistake(void **state) {
    (void)state;
    char *const environment[] = {(char[]){"HY_GATEWAY_SPOOL=1"}, (char[]){"HY_WEB=1"}, (char[]){"HY_"},
                                 (char[]){"HY_WEB_PORT"}, NULL};
    struct sample s;
    char *problems = sample_load(&s, "title: t", environment, NULL, 0);
    assert_string_equal(problems, "");
    free(problems);
    hy_config_free(&sample_table, &s);
}

static void what_must_be_given_is_asked_for(void **state) {
    (void)state;
    struct sample s;
    char *problems = sample_load(&s, "", NULL, NULL, 0);
    assert_string_equal(problems, "huiying.yaml: title: must be given: in the file, as HY_TITLE or by --set\n");
    free(problems);
}

// One --set of key=text; returns the mistakes for free().
static char *set_one(struct sample *s, const char *key, const char *text) {
    char pair[256];
    snprintf(pair, sizeof pair, "%s=%s", key, text);
    const char *const sets[] = {"title=t", pair};
    return sample_load(s, "", NULL, sets, 2);
}

static void check_number(const char *key, const char *text, int64_t expected) {
    struct sample s;
    char *problems = set_one(&s, key, text);
    assert_string_equal(problems, "");
    free(problems);
    int64_t got = key[4] == 'd' ? s.depth : key[4] == 'r' ? s.room : key[5] == 'a' ? s.pause : s.port;
    assert_int_equal(got, expected);
    hy_config_free(&sample_table, &s);
}

static void check_refused(const char *key, const char *const *texts, const char *reason) {
    for (; *texts != NULL; texts++) {
        struct sample s;
        char *problems = set_one(&s, key, *texts);
        if (strstr(problems, reason) == NULL) fail_msg("%s=%s gives: %s", key, *texts, problems);
        free(problems);
    }
}

static void numbers_are_read_strictly(void **state) {
    (void)state;
    check_number("web.port", "1", 1);
    check_number("web.port", "65535", 65535);
    check_number("web.depth", "-0", 0);
    check_number("web.depth", "9223372036854775807", INT64_MAX);
    check_number("web.depth", "-9223372036854775807", -INT64_MAX);
    check_refused("web.port",
                  (const char *const[]){"", "0", "65536", "6000abc", " 80", "80 ", "+80", "8.0", "8e1", "0x50", "080",
                                        "1_000", "八十", "-1", "99999999999999999999", NULL},
                  "is not a whole number from 1 to 65535");
    check_refused("web.depth", (const char *const[]){"9223372036854775808", "--1", "-", "1s", NULL},
                  "is not a whole number\n");
}

static void times_need_their_unit(void **state) {
    (void)state;
    check_number("web.pause", "250ms", 250);
    check_number("web.pause", "5s", 5000);
    check_number("web.pause", "2m", 120000);
    check_number("web.pause", "1h", 3600000);
    check_number("web.pause", "1d", 86400000);
    check_refused("web.pause",
                  (const char *const[]){"", "0", "5", "25h", "2d", "1.5s", "5 s", "5S", "s", "-5s", "5sec",
                                        "9223372036854775807h", NULL},
                  "is not a time such as 250ms, 5s, 2m, 1h, 1d, from 1ms to 1d");
}

static void sizes_are_powers_of_1024(void **state) {
    (void)state;
    check_number("web.room", "2048", 2048);
    check_number("web.room", "2048B", 2048);
    check_number("web.room", "64KB", 64 * 1024);
    check_number("web.room", "1GB", 1 << 30);
    check_number("web.room", "1024GB", INT64_C(1) << 40);
    check_refused("web.room",
                  (const char *const[]){"", "1023", "1025GB", "1TB", "64kb", "64 KB", "1.5GB", "-1KB",
                                        "9223372036854775807GB", NULL},
                  "is not a size such as 64KB, 4MB, 1GB, from 1KB to 1024GB");
}

static void switches_and_choices_take_only_their_words(void **state) {
    (void)state;
    static const char *const yes[] = {"true", "yes", "on", "TRUE", "Yes", "oN"};
    for (size_t i = 0; i < 6; i++) {
        struct sample s;
        char *problems = set_one(&s, "fold", yes[i]);
        assert_string_equal(problems, "");
        free(problems);
        assert_true(s.fold);
        hy_config_free(&sample_table, &s);
    }
    check_refused("fold", (const char *const[]){"", "1", "0", "y", "truee", "enabled", NULL}, "is not true or false");
    check_refused("mode", (const char *const[]){"", "da", "days", "Day", "day|night", "|", "1", NULL},
                  "is not one of day, night, holiday");
}

static void a_text_must_be_utf8(void **state) {
    (void)state;
    struct sample s;
    char *problems = set_one(&s, "instance", "\xFF\xFE");
    assert_string_equal(problems, "--set: instance: is not UTF-8\n");
    free(problems);
    problems = set_one(&s, "instance", "一号 𠮷=;\"");
    assert_string_equal(problems, "");
    assert_string_equal(s.common.instance, "一号 𠮷=;\"");
    free(problems);
    hy_config_free(&sample_table, &s);
}

static void a_wrong_set_is_told(void **state) {
    (void)state;
    static const char *const sets[] = {"title=t",    "web.prot=1", "nothing",           "=x",       "xyzzy=1",
                                       "web.port=1", "web.port=1", "router.mode=night", "mode=day", "sla.x=1"};
    struct sample s;
    char *problems = sample_load(&s, "", NULL, sets, sizeof sets / sizeof *sets);
    assert_string_equal(problems, "--set: web.prot: unknown key; did you mean web.port?\n"
                                  "--set: expected key=value, got \"nothing\"\n"
                                  "--set: expected key=value, got \"=x\"\n"
                                  "--set: xyzzy: unknown key; --dump-config lists all of them\n"
                                  "--set: web.port: given twice\n"
                                  "--set: mode: given twice\n"
                                  "--set: sla.x: unknown key; --dump-config lists all of them\n");
    free(problems);
}

static void a_secret_never_comes_from_the_command_line(void **state) {
    (void)state;
    struct sample s;
    char *problems = set_one(&s, "token", "hunter2");
    unit_contains(problems, "--set: token: a secret does not belong on the command line");
    unit_lacks(problems, "hunter2");
    free(problems);
}

// Writes content into a new file; path must end in XXXXXX.
static void temporary(char *path, const char *content, size_t len) {
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, len), len);
    close(fd);
}

static void a_secret_comes_from_the_file_that_its_key_names(void **state) {
    (void)state;
    char path[] = "/tmp/hy-secret-XXXXXX";
    temporary(path, "s3cret\r\n", 8);
    char variable[64];
    snprintf(variable, sizeof variable, "HY_TOKEN_FILE=%s", path);
    char *const environment[] = {variable, NULL};
    struct sample s;
    char *problems = sample_load(&s, "title: t\ntoken: weaker", environment, NULL, 0);
    assert_string_equal(problems, "");
    assert_string_equal(s.token, "s3cret");
    free(problems);
    hy_config_free(&sample_table, &s);
    problems = set_one(&s, "token_file", path);
    assert_string_equal(problems, "");
    assert_string_equal(s.token, "s3cret");
    free(problems);
    hy_config_free(&sample_table, &s);
    unlink(path);
    problems = set_one(&s, "token_file", path);
    unit_contains(problems, "--set: token: cannot open /tmp/hy-secret-");
    free(problems);
    problems = set_one(&s, "title_file", path); // only secrets have files
    unit_contains(problems, "--set: title_file: unknown key");
    free(problems);
}

static void a_secret_file_must_hold_a_secret(void **state) {
    (void)state;
    static const struct {
        const char *content;
        size_t len;
        const char *reason;
    } rows[] = {{"", 0, "is empty"}, {"\n", 1, "is empty"}, {"a\0b", 3, "holds a NUL"}, {"\xFF", 1, "not UTF-8"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[] = "/tmp/hy-secret-XXXXXX";
        temporary(path, rows[i].content, rows[i].len);
        struct sample s;
        char *problems = set_one(&s, "token_file", path);
        unit_contains(problems, rows[i].reason);
        free(problems);
        unlink(path);
    }
}

static void a_secret_and_its_file_in_one_source_are_refused(void **state) {
    (void)state;
    char *const environment[] = {(char[]){"HY_TOKEN=a"}, (char[]){"HY_TOKEN_FILE=/b"}, NULL};
    struct sample s;
    char *problems = sample_load(&s, "title: t", environment, NULL, 0);
    assert_string_equal(problems, "environment: HY_TOKEN: given twice\n");
    free(problems);
}

static void the_dump_reads_back_as_the_same(void **state) {
    (void)state;
    char *const environment[] = {(char[]){"HY_TOKEN=hunter2"}, NULL};
    struct sample s, again;
    char *problems = sample_load(
        &s, "title: \"a\\n\\\"b\\\" 区𠮷 \\x7f # no\"\nweb.pause: 90s\nweb.room: 1536\nfold: on\nmode: holiday",
        environment, NULL, 0);
    assert_string_equal(problems, "");
    free(problems);
    struct hy_buf dump = {0}, second = {0};
    hy_config_dump(&sample_table, &s, &dump);
    unit_lacks(dump.data, "hunter2");
    unit_contains(dump.data, "\n# Token of the door.\n# secret; HY_TOKEN or HY_TOKEN_FILE\ntoken: \"***\"\n");
    unit_contains(dump.data,
                  "\n# Pause between two visits.\n# time such as 250ms, 5s, 2m, 1h, 1d, from 1ms to 1d; HY_WEB_PAUSE\n"
                  "web.pause: 90s\n");
    problems = sample_load(&again, dump.data, NULL, NULL, 0);
    unit_contains(problems, "token: \"***\" is what --dump-config shows");
    free(problems);
    memcpy(strstr(dump.data, "\"***\""), "\"abc\"", 5);
    problems = sample_load(&again, dump.data, NULL, NULL, 0);
    assert_string_equal(problems, "");
    free(problems);
    assert_string_equal(again.title, s.title);
    hy_config_dump(&sample_table, &again, &second);
    memcpy(strstr(dump.data, "\"abc\""), "\"***\"", 5);
    assert_string_equal(second.data, dump.data);
    hy_buf_free(&dump);
    hy_buf_free(&second);
    hy_config_free(&sample_table, &s);
    hy_config_free(&sample_table, &again);
}

static void a_dump_of_nothing_shows_the_defaults(void **state) {
    (void)state;
    struct hy_buf dump = {0};
    hy_config_dump(&sample_table, NULL, &dump);
    assert_true(hy_buf_ok(&dump));
    unit_contains(dump.data, "# router: Keeps a door.\n");
    unit_contains(dump.data, "\n# What to write on the door.\n# text; HY_TITLE; must be given\n# title: \n");
    unit_contains(dump.data, "\nweb.depth: -3\n");
    unit_contains(dump.data, "\nkafka.brokers: \"127.0.0.1:9092\"\n");
    hy_buf_free(&dump);
}

static void a_dump_shows_what_is_still_to_be_given(void **state) {
    (void)state;
    static const struct hy_config_row rows[] = {
        {.key = "n", .type = HY_CONFIG_INT, .offset = 0, .min = 1, .max = 9, .description = "A number to give."},
        {.key = "wait", .type = HY_CONFIG_MS, .offset = 8, .description = "A time to give."},
        {.key = "way", .type = HY_CONFIG_ENUM, .offset = 16, .choices = "in|out", .description = "A way to choose."},
        {.key = "on", .type = HY_CONFIG_BOOL, .offset = 20, .default_value = "on", .description = "A switch to turn."},
        {.key = "pin", .type = HY_CONFIG_SECRET, .offset = 24, .description = "A secret to give."},
    };
    static const struct hy_config_table table = {
        .program = "p", .purpose = "P.", .rows = rows, .n_rows = 5, .struct_size = 32};
    struct hy_buf dump = {0};
    hy_config_dump(&table, NULL, &dump);
    unit_contains(dump.data, "HY_N; must be given\n# n: \n");
    unit_contains(dump.data, "\n# wait: \n");
    unit_contains(dump.data, "\n# way: \n");
    unit_contains(dump.data, "\non: true\n");
    unit_contains(dump.data, "HY_PIN or HY_PIN_FILE; must be given\n# pin: \n");
    hy_buf_clear(&dump);
    union {
        char bytes[32];
        int64_t align;
    } target;
    assert_int_equal(hy_config_load(&table, &target, "f", hy_bytes_of("way: out"), NULL, NULL, 0, &dump), HY_ECONFIG);
    assert_string_equal(dump.data,
                        "f: n: must be given: in the file, as HY_N or by --set\n"
                        "f: wait: must be given: in the file, as HY_WAIT or by --set\n"
                        "f: pin: must be given: in the file, as HY_PIN, or its file by the same name with _file\n");
    hy_buf_free(&dump);
}

static void the_log_starts_as_the_common_rows_say(void **state) {
    (void)state;
    static const char *const sets[] = {"title=t", "log.level=error", "log.format=json"};
    struct sample s;
    char *problems = sample_load(&s, "", NULL, sets, 3);
    struct unit_capture err = unit_capture_start(STDERR_FILENO);
    hy_config_start_log("router", &s.common);
    HY_WARN("c", "unheard", NULL);
    HY_ERROR("c", "heard", "n=%d", 5);
    char *text = unit_capture_end(&err);
    hy_log_init(&(struct hy_log_options){.program = "t"});
    unit_lacks(text, "unheard");
    unit_contains(text, "\"level\":\"error\",\"program\":\"router\",\"class\":\"c\",\"msg\":\"heard\",\"n\":5}\n");
    free(text);
    free(problems);
    hy_config_free(&sample_table, &s);
}

static void a_sound_table_passes_its_check(void **state) {
    (void)state;
    struct hy_buf problems = {0};
    assert_int_equal(hy_config_check_table(&sample_table, &problems), HY_OK);
    assert_int_equal(problems.len, 0);
    hy_buf_free(&problems);
}

static void a_table_with_faults_fails_its_check(void **state) {
    (void)state;
    static const struct hy_config_row rows[] = {
        {.key = "a.b", .type = HY_CONFIG_INT, .default_value = "1", .description = "Good enough as it is."},
        {.key = "a_b",
         .type = HY_CONFIG_INT,
         .offset = 8,
         .default_value = "1",
         .description = "Same variable as a.b."},
        {.key = "c",
         .type = HY_CONFIG_INT,
         .offset = 0,
         .default_value = "1",
         .description = "Same field as the first."},
        {.key = "d",
         .type = HY_CONFIG_INT,
         .offset = 16,
         .default_value = "9",
         .min = 1,
         .max = 5,
         .description = "Out of range."},
        {.key = "e", .type = HY_CONFIG_INT, .offset = 60, .default_value = "1", .description = "Reaches over the end."},
        {.key = "f", .type = HY_CONFIG_ENUM, .offset = 24, .default_value = "x", .description = "No choices at all."},
        {.key = "sla.g",
         .type = HY_CONFIG_INT,
         .offset = 32,
         .default_value = "1",
         .description = "Another's section."},
        {.key = "H", .type = HY_CONFIG_INT, .offset = 40, .default_value = "1", .description = ""},
        {.key = "i",
         .type = HY_CONFIG_SECRET,
         .offset = 48,
         .default_value = "pw",
         .description = "Secret in the source."},
    };
    static const struct hy_config_table table = {
        .program = "p", .purpose = "P.", .rows = rows, .n_rows = 9, .struct_size = 64};
    struct hy_buf problems = {0};
    assert_int_equal(hy_config_check_table(&table, &problems), HY_ECONFIG);
    assert_string_equal(problems.data, "p: a_b: key or its environment name stands twice\n"
                                       "p: c: shares its field with another row\n"
                                       "p: d: \"9\" is not a whole number from 1 to 5 (the default)\n"
                                       "p: e: field is outside the struct\n"
                                       "p: f: has no choices\n"
                                       "p: sla.g: key begins with another program's name\n"
                                       "p: H: key has odd characters\n"
                                       "p: H: description is not a sentence\n"
                                       "p: i: a secret in the source\n");
    hy_buf_free(&problems);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_hold_where_nothing_is_given),
        cmocka_unit_test(the_stronger_source_wins),
        cmocka_unit_test(a_mistake_in_a_weaker_source_is_told_too),
        cmocka_unit_test(variables_of_other_programs_are_no_mistake),
        cmocka_unit_test(what_must_be_given_is_asked_for),
        cmocka_unit_test(numbers_are_read_strictly),
        cmocka_unit_test(times_need_their_unit),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(switches_and_choices_take_only_their_words),
        cmocka_unit_test(a_text_must_be_utf8),
        cmocka_unit_test(a_wrong_set_is_told),
        cmocka_unit_test(a_secret_never_comes_from_the_command_line),
        cmocka_unit_test(a_secret_comes_from_the_file_that_its_key_names),
        cmocka_unit_test(a_secret_file_must_hold_a_secret),
        cmocka_unit_test(a_secret_and_its_file_in_one_source_are_refused),
        cmocka_unit_test(the_dump_reads_back_as_the_same),
        cmocka_unit_test(a_dump_of_nothing_shows_the_defaults),
        cmocka_unit_test(a_dump_shows_what_is_still_to_be_given),
        cmocka_unit_test(the_log_starts_as_the_common_rows_say),
        cmocka_unit_test(a_sound_table_passes_its_check),
        cmocka_unit_test(a_table_with_faults_fails_its_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
