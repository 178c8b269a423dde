// A command of hyctl: a row that says what it is called, what it takes, an example, and the function that does it. From
// the rows come the dispatch, --help, the list of commands and the refusals of wrong use. To add a command: a row in
// its group's table (a new group: a file with a table, and a line in commands.c). Exit codes: 0 done, 1 refused or
// failed, 2 wrong use. Errors go to stderr and say what to do.
#ifndef HY_TOOLS_HYCTL_COMMAND_H
#define HY_TOOLS_HYCTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

enum { HYCTL_OK = 0, HYCTL_FAILED = 1, HYCTL_USAGE = 2, HYCTL_OPTIONS = 16, HYCTL_PLACES = 8 };

struct hyctl_option {
    const char *name;     // "pack" for --pack
    const char *argument; // what it takes, for --help; NULL: a flag
    const char *help;
};

// What the user gave. Texts are borrowed from argv.
struct hyctl_args {
    const struct hyctl_command *command;
    const char *values[HYCTL_OPTIONS]; // beside command->options; a flag is ""
    const char *places[HYCTL_PLACES];  // what is no option, in order
    int n_places;
    bool json;
};

struct hyctl_command {
    const char *group, *name; // "route", "explain"; name NULL: the group is the command
    const char *summary;      // one line
    const char *places;       // "ID [DEPARTMENT]" in --help; NULL: takes none
    int min_places, max_places;
    const struct hyctl_option *options; // ends with a row without name; NULL: none beside --json and --help
    const char *details;                // what it reads and writes
    const char *example;
    int (*run)(const struct hyctl_args *args); // one of the exit codes
};

// A group's rows, ending with a row without group; and all groups, ending with NULL.
extern const struct hyctl_command *const hyctl_commands[];

// Finds the command, reads its options, runs it; the process's exit code.
int hyctl_run(const struct hyctl_command *const *groups, int argc, char **argv);

// The value of an option, NULL when it was not given.
const char *hyctl_value(const struct hyctl_args *args, const char *name);

// A whole number given by an option, `usual` when it was not given. HYCTL_USAGE, said on stderr, when it is none or
// outside low..high.
int hyctl_number(const struct hyctl_args *args, const char *name, size_t low, size_t high, size_t usual, size_t *out);

// "hyctl: " and a printf text on stderr.
void hyctl_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
