#include "tools/hyctl/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hyctl_error(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    fputs("hyctl: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

static int option_index(const struct hyctl_command *command, const char *name, size_t len) {
    const struct hyctl_option *options = command->options;
    for (int i = 0; options != NULL && options[i].name != NULL; i++)
        if (strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0) return i;
    return -1;
}

const char *hyctl_value(const struct hyctl_args *args, const char *name) {
    int i = option_index(args->command, name, strlen(name));
    return i < 0 ? NULL : args->values[i];
}

int hyctl_number(const struct hyctl_args *args, const char *name, size_t low, size_t high, size_t usual, size_t *out) {
    const char *text = hyctl_value(args, name);
    *out = usual;
    if (text == NULL) return HYCTL_OK;
    size_t digits = strspn(text, "0123456789");
    *out = strtoul(text, NULL, 10);
    if (digits > 0 && digits < 16 && text[digits] == '\0' && *out >= low && *out <= high) return HYCTL_OK;
    hyctl_error("--%s %s: must be a number from %zu to %zu", name, text, low, high);
    return HYCTL_USAGE;
}

static void print_name(FILE *out, const struct hyctl_command *command) {
    fprintf(out, "%s%s%s", command->group, command->name != NULL ? " " : "",
            command->name != NULL ? command->name : "");
}

static void print_commands(FILE *out, const struct hyctl_command *const *groups, const char *group) {
    for (; *groups != NULL; groups++)
        for (const struct hyctl_command *command = *groups; command->group != NULL; command++) {
            if (group != NULL && strcmp(group, command->group) != 0) continue;
            char name[64];
            snprintf(name, sizeof name, "%s %s", command->group, command->name != NULL ? command->name : "");
            fprintf(out, "  %-22s %s\n", name, command->summary);
        }
}

static void print_overview(FILE *out, const struct hyctl_command *const *groups) {
    fputs("hyctl: the operator's hand.\n\nusage: hyctl COMMAND [options]\n\n", out);
    print_commands(out, groups, NULL);
    fputs("\nEach takes --help (with an example) and --json. Exit codes: 0 done, 1 refused or failed, 2 wrong use.\n",
          out);
}

static void print_help(const struct hyctl_command *command) {
    fputs("usage: hyctl ", stdout);
    print_name(stdout, command);
    printf("%s%s [options]\n\n%s\n", command->places != NULL ? " " : "", command->places != NULL ? command->places : "",
           command->summary);
    if (command->details != NULL) printf("\n%s\n", command->details);
    fputs("\noptions:\n", stdout);
    for (const struct hyctl_option *option = command->options; option != NULL && option->name != NULL; option++) {
        char name[64];
        snprintf(name, sizeof name, "--%s %s", option->name, option->argument != NULL ? option->argument : "");
        printf("  %-20s %s\n", name, option->help);
    }
    printf("  %-20s %s\n  %-20s %s\n", "--json", "answers as JSON", "--help", "this text");
    printf("\nexample:\n  %s\n", command->example);
}

// The command that argv names and, in *used, how many words its name has; NULL when there is none.
static const struct hyctl_command *find(const struct hyctl_command *const *groups, int argc, char **argv, int *used) {
    for (; *groups != NULL; groups++)
        for (const struct hyctl_command *command = *groups; command->group != NULL; command++) {
            if (argc < 2 || strcmp(command->group, argv[1]) != 0) continue;
            *used = command->name == NULL ? 1 : 2;
            if (command->name == NULL || (argc > 2 && strcmp(command->name, argv[2]) == 0)) return command;
        }
    return NULL;
}

static int wrong(const struct hyctl_command *command, const char *what, const char *word) {
    fprintf(stderr, "hyctl ");
    print_name(stderr, command);
    fprintf(stderr, ": %s '%s'; see hyctl ", what, word);
    print_name(stderr, command);
    fprintf(stderr, " --help\n");
    return HYCTL_USAGE;
}

// One option at argv[*at] (with its argument behind it or after "="); moves *at over an argument.
static int read_option(struct hyctl_args *args, int argc, char **argv, int *at) {
    const char *name = argv[*at] + 2;
    const char *equals = strchr(name, '=');
    size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name);
    if (len == 4 && memcmp(name, "json", 4) == 0 && equals == NULL) {
        args->json = true;
        return HYCTL_OK;
    }
    int i = option_index(args->command, name, len);
    if (i < 0) return wrong(args->command, "unknown option", argv[*at]);
    bool flag = args->command->options[i].argument == NULL;
    if (flag && equals != NULL) return wrong(args->command, "this option takes nothing:", argv[*at]);
    if (!flag && equals == NULL && *at + 1 >= argc) return wrong(args->command, "something must follow", argv[*at]);
    args->values[i] = flag ? "" : equals != NULL ? equals + 1 : argv[++*at];
    return HYCTL_OK;
}

static int read_args(struct hyctl_args *args, int argc, char **argv, int from) {
    bool options_end = false;
    for (int at = from; at < argc; at++) {
        if (!options_end && strcmp(argv[at], "--") == 0) {
            options_end = true;
        } else if (!options_end && strncmp(argv[at], "--", 2) == 0) {
            int rc = read_option(args, argc, argv, &at);
            if (rc != HYCTL_OK) return rc;
        } else if (args->n_places < args->command->max_places && args->n_places < HYCTL_PLACES) {
            args->places[args->n_places++] = argv[at];
        } else {
            return wrong(args->command, "what is this for:", argv[at]);
        }
    }
    if (args->n_places < args->command->min_places) return wrong(args->command, "missing:", args->command->places);
    return HYCTL_OK;
}

static bool asks_help(int argc, char **argv) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    return false;
}

static int not_found(const struct hyctl_command *const *groups, int argc, char **argv, bool help) {
    if (argc < 2 || help) {
        print_overview(help ? stdout : stderr, groups);
        return help ? HYCTL_OK : HYCTL_USAGE;
    }
    hyctl_error("no command '%s%s%s'; there are:", argv[1], argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
    print_commands(stderr, groups, NULL);
    return HYCTL_USAGE;
}

int hyctl_run(const struct hyctl_command *const *groups, int argc, char **argv) {
    int used = 0;
    const struct hyctl_command *command = find(groups, argc, argv, &used);
    bool help = asks_help(argc, argv);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("hyctl " HY_VERSION);
        return HYCTL_OK;
    }
    if (command == NULL) return not_found(groups, argc, argv, help);
    if (help) {
        print_help(command);
        return HYCTL_OK;
    }
    struct hyctl_args args = {.command = command};
    int rc = read_args(&args, argc, argv, used + 1);
    return rc != HYCTL_OK ? rc : command->run(&args);
}
