// The command line of every program.
#include "tests/unit/base/config_sample.h"

struct answer {
    enum hy_config_outcome outcome;
    struct sample sample;
    char words[16][64]; // what argv points into
    char *argv[17];
    char *out, *err;
};

// Runs hy_config_main of the sample with the words given.
static void ask(struct answer *a, const char *arguments, const char *const *words) {
    struct hy_config_table table = sample_table;
    table.arguments = arguments;
    int argc = 1;
    a->argv[0] = strcpy(a->words[0], "router");
    for (; *words != NULL; words++, argc++) {
        a->argv[argc] = strcpy(a->words[argc], *words);
    }
    a->argv[argc] = NULL;
    struct unit_capture out = unit_capture_start(STDOUT_FILENO), err = unit_capture_start(STDERR_FILENO);
    a->outcome = hy_config_main(&table, &a->sample, argc, a->argv);
    a->err = unit_capture_end(&err);
    a->out = unit_capture_end(&out);
}

static void done(struct answer *a) {
    hy_config_free(&sample_table, &a->sample);
    free(a->out);
    free(a->err);
}

#define ASK(a, ...) ask(a, NULL, (const char *const[]){__VA_ARGS__, NULL})

static void a_good_configuration_runs_in_silence(void **state) {
    (void)state;
    struct answer a;
    ASK(&a, "--set", "title=t", "--set=web.port=9");
    assert_int_equal(a.outcome, HY_CONFIG_RUN);
    assert_string_equal(a.out, "");
    assert_string_equal(a.err, "");
    assert_int_equal(a.sample.port, 9);
    assert_null(a.argv[1]);
    done(&a);
}

static void a_bad_one_is_refused_with_all_its_mistakes(void **state) {
    (void)state;
    struct answer a;
    ASK(&a, "--set", "web.port=x", "--set", "mode=dawn");
    assert_int_equal(a.outcome, HY_CONFIG_BAD);
    assert_string_equal(a.out, "");
    unit_contains(a.err, "web.port: \"x\"");
    unit_contains(a.err, "mode: \"dawn\"");
    unit_contains(a.err, "configuration: title: must be given");
    unit_contains(a.err, "router: configuration refused, nothing was started");
    done(&a);
}

static void check_config_answers_and_exits(void **state) {
    (void)state;
    struct answer a;
    ASK(&a, "--check-config", "--set", "title=t");
    assert_int_equal(a.outcome, HY_CONFIG_EXIT);
    assert_string_equal(a.out, "router: the configuration is good\n");
    done(&a);
    ASK(&a, "--check-config");
    assert_int_equal(a.outcome, HY_CONFIG_BAD);
    done(&a);
}

static void dump_config_shows_the_values_that_hold(void **state) {
    (void)state;
    struct answer a;
    setenv("HY_TOKEN", "hunter2", 1);
    ASK(&a, "--dump-config", "--set", "web.port=9");
    unsetenv("HY_TOKEN");
    assert_int_equal(a.outcome, HY_CONFIG_EXIT);
    unit_contains(a.out, "\nweb.port: 9\n");
    unit_contains(a.out, "\n# title: \n"); // must be given, and was not: shown, not refused
    unit_contains(a.out, "\ntoken: \"***\"\n");
    unit_lacks(a.out, "hunter2");
    done(&a);
}

static void version_and_help_need_no_configuration(void **state) {
    (void)state;
    struct answer a;
    ASK(&a, "--version");
    assert_int_equal(a.outcome, HY_CONFIG_EXIT);
    assert_string_equal(a.out, "huiying router " HY_VERSION "\n");
    done(&a);
    ASK(&a, "--help", "--config", "/nowhere");
    assert_int_equal(a.outcome, HY_CONFIG_EXIT);
    for (size_t i = 0; i < sample_table.n_rows; i++) {
        unit_contains(a.out, sample_rows[i].key);
        unit_contains(a.out, sample_rows[i].description);
    }
    done(&a);
}

static void a_wrong_use_is_told(void **state) {
    (void)state;
    static const char *const uses[][3] = {{"--nonsense"},
                                          {"-x"},
                                          {"--set"},
                                          {"--config"},
                                          {"word"},
                                          {"--", "--set"},
                                          {"--setx=1"},
                                          {"--config=a", "--config=b"},
                                          {"--check-config=1"}};
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
        struct answer a;
        ASK(&a, uses[i][0], uses[i][1], uses[i][2]);
        assert_int_equal(a.outcome, HY_CONFIG_BAD);
        unit_contains(a.err, "see router --help");
        assert_string_equal(a.out, "");
        done(&a);
    }
}

static void arguments_are_left_in_order_where_the_program_takes_them(void **state) {
    (void)state;
    struct answer a;
    static const char *const words[] = {"one.jsonl", "--set", "title=t", "-", "--", "--three", NULL};
    ask(&a, "FILE...", words);
    assert_int_equal(a.outcome, HY_CONFIG_RUN);
    assert_string_equal(a.argv[1], "one.jsonl");
    assert_string_equal(a.argv[2], "-");
    assert_string_equal(a.argv[3], "--three");
    assert_null(a.argv[4]);
    done(&a);
}

static void the_file_comes_from_the_option_else_from_the_environment(void **state) {
    (void)state;
    char path[] = "/tmp/hy-config-XXXXXX", other[] = "/tmp/hy-config-XXXXXX";
    int fd = mkstemp(path), second = mkstemp(other);
    assert_int_equal(write(fd, "title: a\n", 9), 9);
    assert_int_equal(write(second, "title: b\nmod: x\n", 16), 16);
    struct answer a;
    setenv("HY_CONFIG", path, 1);
    ASK(&a, "--set", "fold=on");
    assert_int_equal(a.outcome, HY_CONFIG_RUN);
    assert_string_equal(a.sample.title, "a");
    done(&a);
    ASK(&a, "--config", other);
    assert_int_equal(a.outcome, HY_CONFIG_BAD);
    unit_contains(a.err, ":2: mod: unknown key; did you mean mode?");
    unit_contains(a.err, other);
    done(&a);
    unsetenv("HY_CONFIG");
    close(fd);
    close(second);
    unlink(path);
    unlink(other);
    ASK(&a, "--config", path);
    assert_int_equal(a.outcome, HY_CONFIG_BAD);
    unit_contains(a.err, "cannot open /tmp/hy-config-");
    done(&a);
}

static void an_answer_that_cannot_be_written_is_a_failure(void **state) {
    (void)state;
    fflush(NULL);
    int saved = dup(STDOUT_FILENO), full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0 && dup2(full, STDOUT_FILENO) >= 0);
    char *argv[] = {(char[]){"router"}, (char[]){"--version"}, NULL};
    struct sample sample;
    struct unit_capture err = unit_capture_start(STDERR_FILENO);
    enum hy_config_outcome outcome = hy_config_main(&sample_table, &sample, 2, argv);
    char *text = unit_capture_end(&err);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(full);
    assert_int_equal(outcome, HY_CONFIG_BAD);
    unit_contains(text, "cannot write to standard output");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_configuration_runs_in_silence),
        cmocka_unit_test(a_bad_one_is_refused_with_all_its_mistakes),
        cmocka_unit_test(check_config_answers_and_exits),
        cmocka_unit_test(dump_config_shows_the_values_that_hold),
        cmocka_unit_test(version_and_help_need_no_configuration),
        cmocka_unit_test(a_wrong_use_is_told),
        cmocka_unit_test(arguments_are_left_in_order_where_the_program_takes_them),
        cmocka_unit_test(the_file_comes_from_the_option_else_from_the_environment),
        cmocka_unit_test(an_answer_that_cannot_be_written_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
