// Configuration from one described table. A program declares its rows once; from them come the YAML file's keys, the
// HY_… environment variables, --set key=value, --check-config, --dump-config and docs/config.md.
// Order of strength: --set, environment, file, default. An unknown key is a refusal with file and line. All mistakes
// are reported, not only the first. Secrets are never taken from the command line: --set on a secret row is refused,
// and --dump-config shows "***".
#ifndef HY_BASE_CONFIG_H
#define HY_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

enum hy_config_type {
    HY_CONFIG_STRING, // char * field, owned by the config
    HY_CONFIG_INT,    // int64_t field, within [min, max]
    HY_CONFIG_BOOL,   // bool field: true/false/yes/no/on/off
    HY_CONFIG_ENUM,   // int field: index in `choices`, separated by "|"
    HY_CONFIG_MS,     // int64_t field in milliseconds: "250ms", "5s", "2m", "1h", within [min, max]
    HY_CONFIG_SIZE,   // int64_t field in bytes: "64KB", "4MB", "1GB" (powers of 1024), within [min, max]
    HY_CONFIG_SECRET, // char * field; from the environment, from a file named by key + "_file", or from the YAML file
};

// One row. key is lower case with dots ("kafka.brokers"); the environment name is HY_ + key upper case, dots as "_".
struct hy_config_row {
    const char *key;
    enum hy_config_type type;
    size_t offset;             // of the field in the program's struct
    const char *default_value; // text as in the file; NULL = must be given
    int64_t min, max;          // INT, MS, SIZE; both 0 = unbounded
    const char *choices;       // ENUM
    const char *description;   // a sentence for the operator; an empty one fails a test
};

// Describes a program: rows of its own and, by HY_CONFIG_COMMON, those that every program has.
struct hy_config_table {
    const char *program;
    const char *purpose; // one sentence, for --help
    const struct hy_config_row *rows;
    size_t n_rows;
    size_t struct_size;
};

enum hy_config_outcome {
    HY_CONFIG_RUN,  // go on
    HY_CONFIG_EXIT, // --help, --version, --check-config, --dump-config were answered: exit 0
    HY_CONFIG_BAD   // wrong use or refused configuration, said on stderr: exit 2
};

// Reads argv (--config FILE, --set k=v, --check-config, --dump-config, --version, --help), the environment and the file
// into *target (zeroed first; strings owned, free with hy_config_free). Writes what it has to say to out / err streams.
enum hy_config_outcome hy_config_main(const struct hy_config_table *table, void *target, int argc, char **argv);

// The same without argv and streams, for tests: text of a YAML file (name for messages), environment as NULL-terminated
// "NAME=value" list, sets as n "key=value" strings. All mistakes are appended to *problems, one a line
// ("name:line: key: reason"); HY_ECONFIG when there is any.
HY_MUST_CHECK int hy_config_load(const struct hy_config_table *table, void *target, const char *name, struct hy_bytes yaml,
                                 char *const *environment, const char *const *sets, size_t n_sets, struct hy_buf *problems);
void hy_config_free(const struct hy_config_table *table, void *target);
// YAML of the whole table with descriptions as comments and the values of target (defaults if NULL).
void hy_config_dump(const struct hy_config_table *table, const void *target, struct hy_buf *out);

#endif
