// hyctl as it is called: exit codes, answers line by line, and what it says of bad input.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "lib/base/bytes.h"

static char folder[] = "/tmp/hyctl-test-XXXXXX";

static int setup(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static void path_of(const char *name, char out[128]) {
    snprintf(out, 128, "%s/%s", folder, name);
}

static int teardown(void **state) {
    (void)state;
    static const char *const names[] = {"in", "out", "err"};
    for (int i = 0; i < 3; i++) {
        char path[128];
        path_of(names[i], path);
        unlink(path);
    }
    return rmdir(folder);
}

static void read_back(const char *name, struct hy_buf *out) {
    char path[128];
    path_of(name, path);
    assert_int_equal(hy_read_file(path, 1 << 24, out, NULL), 0);
}

// Runs hyctl with these words and this input; the exit code, and what it wrote.
static int run(const char *words, const char *input, struct hy_buf *out, struct hy_buf *err) {
    char command[1024], in[128];
    path_of("in", in);
    FILE *file = fopen(in, "w");
    assert_non_null(file);
    fputs(input, file);
    fclose(file);
    snprintf(command, sizeof command, "%s %s < %s > %s/out 2> %s/err", HYCTL, words, in, folder, folder);
    int status = system(command);
    assert_true(WIFEXITED(status));
    read_back("out", out);
    read_back("err", err);
    return WEXITSTATUS(status);
}

static void answers(const char *words, const char *input, int rc, const char *in_out, const char *in_err) {
    struct hy_buf out = {0}, err = {0};
    int got = run(words, input, &out, &err);
    if (got != rc || (in_out != NULL && strstr(out.data, in_out) == NULL) ||
        (in_err != NULL && strstr(err.data, in_err) == NULL))
        fail_msg("hyctl %s: exit %d\nstdout: %s\nstderr: %s", words, got, out.data, err.data);
    hy_buf_free(&out);
    hy_buf_free(&err);
}

static void wrong_use_is_exit_2_and_says_so(void **state) {
    (void)state;
    answers("", "", 2, NULL, "usage: hyctl COMMAND");
    answers("fly", "", 2, NULL, "no command 'fly'");
    answers("route", "", 2, NULL, "no command 'route'");
    answers("route fly", "", 2, NULL, "no command 'route fly'");
    answers("route explain --colour red", "", 2, NULL, "unknown option '--colour'");
    answers("route explain --pack", "", 2, NULL, "something must follow '--pack'");
    answers("route explain --json=yes", "", 2, NULL, "unknown option");
    answers("route explain file", "", 2, NULL, "what is this for: 'file'");
}

static void help_shows_every_command_with_an_example(void **state) {
    (void)state;
    answers("--help", "", 0, "calendar due", NULL);
    static const char *const commands[] = {"calendar due", "calendar deadline", "incident replay", "route explain"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char words[64];
        snprintf(words, sizeof words, "%s --help", commands[i]);
        answers(words, "", 0, "example:\n", NULL);
    }
    answers("--version", "", 0, "hyctl ", NULL);
}

static void what_cannot_be_loaded_is_exit_1_with_the_reason(void **state) {
    (void)state;
    answers("route explain --policies /nowhere", "", 1, NULL, "/nowhere: cannot be read as a folder");
    answers("route explain --pack atlantis", "", 1, NULL, "atlantis");
    answers("calendar due --calendars /nowhere", "", 1, NULL, "/nowhere");
}

static void a_due_day_follows_holidays_and_make_up_days(void **state) {
    (void)state;
    answers("calendar due", "{\"id\":\"1\",\"start\":\"2026-02-13\",\"workdays\":5}\n", 0,
            "{\"id\":\"1\",\"due\":\"2026-02-27\"}\n", NULL);
    answers("calendar due", "{\"id\":7,\"start\":\"2026-02-13T23:59:59+08:00\",\"workdays\":5}\n", 0,
            "{\"id\":7,\"due\":\"2026-02-27\"}\n", NULL);
    answers("calendar due", "{\"id\":\"p\",\"start\":\"2031-03-03\",\"workdays\":1}\n", 0, "\"provisional\":true",
            NULL);
}

static void a_row_that_cannot_be_answered_is_answered_with_its_error(void **state) {
    (void)state;
    const char *rows = "{\"id\":\"a\",\"start\":\"2026-13-01\",\"workdays\":5}\n"
                       "{\"id\":\"b\",\"start\":\"2026-02-13\"}\n"
                       "{\"id\":\"c\",\"workdays\":5}\n"
                       "{\"id\":\"d\",\"start\":\"2026-02-13\",\"workdays\":-1}\n"
                       "{\"start\":5,\"workdays\":1}\n";
    answers("calendar due", rows, 0, "{\"id\":\"a\",\"error\":\"", NULL);
    answers("calendar due", rows, 0, "{\"id\":\"b\",\"error\":\"\\\"workdays\\\" must be", NULL);
    answers("calendar due", rows, 0, "{\"id\":\"c\",\"error\":\"\\\"start\\\" is missing\"}", NULL);
    answers("calendar due", rows, 0, "{\"id\":\"d\",\"error\":", NULL);
    answers("calendar due", rows, 0, "{\"id\":null,\"error\":\"\\\"start\\\" must be a text\"}", NULL);
}

static void a_line_that_is_no_object_is_said_and_the_rest_goes_on(void **state) {
    (void)state;
    const char *rows =
        "not json\n\n[1]\n{\"id\":\"x\",\"id\":\"y\"}\n{\"id\":\"1\",\"start\":\"2026-02-13\",\"workdays\":5}";
    answers("calendar due", rows, 1, "{\"id\":\"1\",\"due\":\"2026-02-27\"}\n", "line 1: ");
    answers("calendar due", rows, 1, NULL, "line 3: not a JSON object");
    answers("calendar due", rows, 1, NULL, "line 4: ");
}

static void a_packs_clock_says_its_deadline(void **state) {
    (void)state;
    answers("calendar deadline --pack yuancheng",
            "{\"id\":\"1\",\"clock\":\"letter.reply\",\"received\":\"2026-02-13T10:00:00+08:00\"}\n", 0,
            "{\"id\":\"1\",\"due\":\"2026-02-27T", NULL);
    answers("calendar deadline --pack yuancheng",
            "{\"id\":\"1\",\"clock\":\"letter.nap\",\"received\":\"2026-02-13\"}\n", 0, "has no clock 'letter.nap'",
            NULL);
}

static void a_route_is_explained(void **state) {
    (void)state;
    answers(
        "route explain --pack yuancheng",
        "{\"id\":\"1\",\"title\":\"源南镇停水\",\"text\":\"家里停水三天，自来水公司没人管\"}\n", 0,
        "\"department\":\"gongshui\",\"area\":\"源南镇\",\"category\":\"供水\",\"urgency\":\"urgent\",\"request\":true",
        NULL);
    answers("route explain", "{\"id\":\"1\",\"title\":\"停水\",\"text\":\"停水\"}\n", 0, "\"department\":\"gongshui\"",
            NULL);
    answers("route explain", "{\"id\":\"1\",\"text\":\"\\u4f60\\u597d\"}\n", 0,
            "\"request\":false,\"kind\":\"chatter\"", NULL);
    answers("route explain", "{\"id\":\"1\",\"text\":\"a\\u0000b\"}\n", 1, NULL, "line 1");
}

// Made-up letters about one compound by different people within two days, among others about everything.
static void a_burst_becomes_an_incident_and_grows(void **state) {
    (void)state;
    struct hy_buf rows = {0}, out = {0}, err = {0};
    for (int i = 0; i < 12; i++) {
        hy_buf_addf(&rows,
                    "{\"id\":\"n%d\",\"time\":\"2026-03-%02dT08:00:00+08:00\",\"author\":\"q%d\",\"text\":\"第%"
                    "d中学门口堵车\"}\n",
                    i, i + 1, i, i);
        if (i >= 5 && i < 7)
            for (int k = 0; k < 5; k++)
                hy_buf_addf(&rows,
                            "{\"id\":\"m%d%d\",\"time\":\"2026-03-%02dT09:%02d:00+08:00\",\"author\":\"w%d%d\","
                            "\"title\":\"湖心苑交房难\",\"text\":\"湖心苑延期交房\"}\n",
                            i, k, i + 1, k, i, k);
    }
    assert_int_equal(run("incident replay", rows.data, &out, &err), 0);
    int lines = 0, opened = 0;
    size_t members = 0;
    for (char *line = strtok(out.data, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++) {
        json_t *answer = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(answer);
        assert_string_equal(json_string_value(json_object_get(answer, "incident")), "||湖心苑#1");
        opened += strcmp(json_string_value(json_object_get(answer, "action")), "open") == 0;
        size_t now = json_array_size(json_object_get(answer, "members"));
        assert_true(now > members);
        members = now;
        json_decref(answer);
    }
    assert_int_equal(opened, 1);
    assert_int_equal(lines, 7); // at the fourth writer, then one a message
    assert_int_equal(members, 10);
    hy_buf_free(&rows);
    hy_buf_free(&out);
    hy_buf_free(&err);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_use_is_exit_2_and_says_so),
        cmocka_unit_test(help_shows_every_command_with_an_example),
        cmocka_unit_test(what_cannot_be_loaded_is_exit_1_with_the_reason),
        cmocka_unit_test(a_due_day_follows_holidays_and_make_up_days),
        cmocka_unit_test(a_row_that_cannot_be_answered_is_answered_with_its_error),
        cmocka_unit_test(a_line_that_is_no_object_is_said_and_the_rest_goes_on),
        cmocka_unit_test(a_packs_clock_says_its_deadline),
        cmocka_unit_test(a_route_is_explained),
        cmocka_unit_test(a_burst_becomes_an_incident_and_grows),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
