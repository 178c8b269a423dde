// The table of commands: every row is whole, the manual has each command with each of its options, and bash completes
// what the table says.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "tools/hyctl/command.h"
#include "tools/hyctl/completion.h"

typedef void (*each_fn)(const struct hyctl_command *command, void *ctx);

static void each(each_fn fn, void *ctx) {
    for (const struct hyctl_command *const *group = hyctl_commands; *group != NULL; group++)
        for (const struct hyctl_command *command = *group; command->group != NULL; command++)
            fn(command, ctx);
}

static void call_of(const struct hyctl_command *command, char out[128]) {
    snprintf(out, 128, "hyctl %s%s%s", command->group, command->name == NULL ? "" : " ",
             command->name == NULL ? "" : command->name);
}

static void check_row(const struct hyctl_command *command, void *ctx) {
    char call[128];
    (void)ctx;
    call_of(command, call);
    assert_non_null(command->summary);
    assert_non_null(command->example);
    assert_non_null(command->run);
    assert_non_null(strstr(command->example, call));
    assert_true(command->max_places >= command->min_places && command->max_places <= HYCTL_PLACES);
    assert_true((command->max_places > 0) == (command->places != NULL));
    int n = 0;
    for (const struct hyctl_option *option = command->options; option != NULL && option->name != NULL; option++, n++) {
        assert_non_null(option->help);
        for (int i = 0; i < n; i++)
            assert_string_not_equal(option->name, command->options[i].name);
    }
    assert_true(n <= HYCTL_OPTIONS);
}

static void every_command_has_a_summary_an_example_of_itself_and_its_own_options(void **state) {
    (void)state;
    each(check_row, NULL);
}

struct names {
    char list[200][128];
    int n;
};

static void check_new(const struct hyctl_command *command, void *ctx) {
    struct names *names = ctx;
    call_of(command, names->list[names->n]);
    for (int i = 0; i < names->n; i++)
        assert_string_not_equal(names->list[i], names->list[names->n]);
    names->n++;
}

static void no_two_commands_have_one_name(void **state) {
    (void)state;
    struct names names = {.n = 0};
    each(check_new, &names);
    assert_true(names.n > 20);
}

// ---- the manual ----

// The section under the command's heading, up to the next heading; NULL when there is none. The caller frees it.
static char *section_of(const char *manual, const char *call) {
    char heading[160];
    snprintf(heading, sizeof heading, "\n### %s", call);
    for (const char *at = strstr(manual, heading); at != NULL; at = strstr(at + 1, heading)) {
        const char *begin = at + strlen(heading);
        if (*begin != '\n' && strncmp(begin, " [", 2) != 0 && !(*begin == ' ' && begin[1] >= 'A' && begin[1] <= 'Z'))
            continue; // "policy publish" is no heading of "policy pub"
        const char *end = strstr(begin, "\n##");
        return end == NULL ? strdup(begin) : strndup(begin, (size_t)(end - begin));
    }
    return NULL;
}

static void check_section(const struct hyctl_command *command, void *ctx) {
    char call[128];
    call_of(command, call);
    char *section = section_of(ctx, call);
    if (section == NULL) fail_msg("docs/hyctl.md has no heading \"### %s\"", call);
    for (const struct hyctl_option *option = command->options; option != NULL && option->name != NULL; option++) {
        char plain[80], with[80];
        snprintf(plain, sizeof plain, "`--%s`", option->name);
        snprintf(with, sizeof with, "`--%s ", option->name);
        if (strstr(section, plain) == NULL && strstr(section, with) == NULL)
            fail_msg("docs/hyctl.md does not tell of %s --%s", call, option->name);
    }
    free(section);
}

static void the_manual_has_every_command_with_every_option(void **state) {
    (void)state;
    struct hy_buf manual = {0};
    assert_int_equal(hy_read_file(HY_SOURCE_DIR "/docs/hyctl.md", 1 << 20, &manual, NULL), 0);
    each(check_section, manual.data);
    assert_null(section_of(manual.data, "hyctl nothing here"));
    assert_null(section_of(manual.data, "hyctl policy pub"));
    hy_buf_free(&manual);
}

// ---- completion ----

// What bash would offer for these words, the last one begun; separated by spaces.
static void completed(const char *words, const char *expected, const char *absent) {
    char path[] = "/tmp/hyctl-complete-XXXXXX", command[512], line[8192] = "";
    struct hy_buf script = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    hyctl_completion_bash(&script, hyctl_commands);
    hy_buf_addf(&script, "COMP_WORDS=(%s)\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n_hyctl\necho \" ${COMPREPLY[*]} \"\n",
                words);
    assert_true(hy_buf_ok(&script));
    FILE *file = fdopen(fd, "w");
    assert_int_equal(fwrite(script.data, 1, script.len, file), script.len);
    fclose(file);
    hy_buf_free(&script);
    snprintf(command, sizeof command, "cd %s && bash %s", HY_SOURCE_DIR, path);
    FILE *out = popen(command, "r");
    assert_non_null(out);
    assert_non_null(fgets(line, sizeof line, out));
    assert_int_equal(pclose(out), 0);
    remove(path);
    if (strstr(line, expected) == NULL) fail_msg("%s: wanted%s, got%s", words, expected, line);
    if (absent != NULL && strstr(line, absent) != NULL) fail_msg("%s: %s is no answer:%s", words, absent, line);
}

static void bash_completes_groups_commands_options_and_paths(void **state) {
    (void)state;
    completed("hyctl ''", " topics ", " --config ");
    completed("hyctl pol", " policy ", " topics ");
    completed("hyctl work ''", " reply ", " policy ");
    completed("hyctl work re", " reply return ", " sign ");
    completed("hyctl work reply --te", " --text --text-file ", " --department ");
    completed("hyctl status --", " --data ", " --text ");
    completed("hyctl work reply X --text-file docs/hyc", " docs/hyctl.md ", NULL);
    completed("hyctl policy check --policies deploy/pol", " deploy/policies ", NULL);
    completed("hyctl policy check docs/hyc", " docs/hyctl.md ", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_has_a_summary_an_example_of_itself_and_its_own_options),
        cmocka_unit_test(no_two_commands_have_one_name),
        cmocka_unit_test(the_manual_has_every_command_with_every_option),
        cmocka_unit_test(bash_completes_groups_commands_options_and_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
