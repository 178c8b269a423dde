// hyctl completion: what a shell may offer, made from the table of commands, so that it never lags behind it.
#include <stdio.h>
#include <string.h>

#include "tools/hyctl/completion.h"
#include "tools/hyctl/connect.h"

static void add_words(struct hy_buf *out, const struct hyctl_command *const *groups, const char *group) {
    const char *last = "";
    for (; *groups != NULL; groups++)
        for (const struct hyctl_command *command = *groups; command->group != NULL; command++) {
            if (group == NULL && strcmp(last, command->group) != 0) hy_buf_addf(out, "%s ", command->group);
            if (group != NULL && strcmp(group, command->group) == 0 && command->name != NULL)
                hy_buf_addf(out, "%s ", command->name);
            last = command->group;
        }
}

static void add_options(struct hy_buf *out, const struct hyctl_command *command) {
    for (const struct hyctl_option *option = command->options; option != NULL && option->name != NULL; option++)
        hy_buf_addf(out, "--%s ", option->name);
    hy_buf_adds(out, "--json --help");
}

static void add_cases(struct hy_buf *out, const struct hyctl_command *const *groups) {
    for (const struct hyctl_command *const *group = groups; *group != NULL; group++) {
        if ((*group)->name != NULL) {
            hy_buf_addf(out, "    '%s ') words='", (*group)->group);
            add_words(out, groups, (*group)->group);
            hy_buf_adds(out, "' ;;\n");
        }
        for (const struct hyctl_command *command = *group; command->group != NULL; command++) {
            hy_buf_addf(out, "    '%s %s') words='", command->group, command->name == NULL ? "" : command->name);
            add_options(out, command);
            hy_buf_adds(out, "' ;;\n");
        }
    }
}

// Groups that are commands themselves: behind them come options only.
static void add_nameless(struct hy_buf *out, const struct hyctl_command *const *groups) {
    const char *between = "";
    for (; *groups != NULL; groups++) {
        if ((*groups)->name != NULL) continue;
        hy_buf_addf(out, "%s%s", between, (*groups)->group);
        between = "|";
    }
}

// Options whose argument is a file or a folder, of any command.
static void add_paths(struct hy_buf *out, const struct hyctl_command *const *groups, const char *argument) {
    struct hy_buf seen = {0};
    for (; *groups != NULL; groups++)
        for (const struct hyctl_command *command = *groups; command->group != NULL; command++)
            for (const struct hyctl_option *option = command->options; option != NULL && option->name != NULL;
                 option++) {
                if (option->argument == NULL || strcmp(option->argument, argument) != 0) continue;
                char word[80];
                snprintf(word, sizeof word, "--%s|", option->name);
                if (seen.data == NULL || strstr(seen.data, word) == NULL) hy_buf_adds(&seen, word);
            }
    if (seen.len > 0) hy_buf_add(out, seen.data, seen.len - 1);
    hy_buf_free(&seen);
}

void hyctl_completion_bash(struct hy_buf *out, const struct hyctl_command *const *groups) {
    hy_buf_adds(out, "# bash completion of hyctl, made by: hyctl completion bash\n"
                     "_hyctl() {\n"
                     "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=''\n"
                     "  COMPREPLY=()\n"
                     "  case $before in\n    ");
    add_paths(out, groups, "FILE");
    hy_buf_adds(out, ") COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n    ");
    add_paths(out, groups, "DIR");
    hy_buf_adds(out, ") COMPREPLY=($(compgen -d -- \"$word\")); return ;;\n  esac\n"
                     "  local named=''\n"
                     "  [ \"$COMP_CWORD\" -gt 1 ] && named=\"${COMP_WORDS[1]} \"\n"
                     "  [ \"$COMP_CWORD\" -gt 2 ] && named=\"${COMP_WORDS[1]} ${COMP_WORDS[2]}\"\n"
                     "  case ${COMP_WORDS[1]} in ");
    add_nameless(out, groups);
    hy_buf_adds(out, ") [ \"$COMP_CWORD\" -gt 1 ] && named=\"${COMP_WORDS[1]} \" ;; esac\n"
                     "  case $named in\n    '') words='");
    add_words(out, groups, NULL);
    hy_buf_adds(out, "--help --version' ;;\n");
    add_cases(out, groups);
    hy_buf_adds(out, "  esac\n"
                     "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                     "  [ \"${#COMPREPLY[@]}\" -eq 0 ] && COMPREPLY=($(compgen -f -- \"$word\"))\n"
                     "}\n"
                     "complete -o filenames -F _hyctl hyctl\n");
}

static int run_bash(const struct hyctl_args *args) {
    struct hy_buf text = {0};
    (void)args;
    hyctl_completion_bash(&text, hyctl_commands);
    bool good = hy_buf_ok(&text) && fputs(text.data, stdout) >= 0;
    hy_buf_free(&text);
    return good ? HYCTL_OK : HYCTL_FAILED;
}

const struct hyctl_command hyctl_completion_commands[] = {
    {.group = "completion",
     .name = "bash",
     .summary = "Writes the completion of commands and options for bash",
     .details = "To have it in every shell: hyctl completion bash > ~/.local/share/bash-completion/completions/hyctl",
     .example = "source <(hyctl completion bash)",
     .run = run_bash},
    {.group = NULL},
};
