// The inside of configuration, shared by config*.c and by nobody else: what was given for each row by each source, the
// list of mistakes, and values by type. To add a type of value, add it to enum hy_config_type and to config_value.c; to
// add a source, add it to enum hy_config_source in its order of strength and call hy_config_give for it.
#ifndef HY_BASE_CONFIG_INNER_H
#define HY_BASE_CONFIG_INNER_H

#include "lib/base/config.h"

// Weakest first.
enum hy_config_source {
    HY_FROM_FILE,
    HY_FROM_SECTION, // of the file, for this program alone
    HY_FROM_ENVIRONMENT,
    HY_FROM_SET,
    HY_FROM_COUNT
};

struct hy_config_given {
    char *text;   // owned; NULL: this source says nothing
    int line;     // in the file; 0 elsewhere
    bool is_path; // text names the file that holds the secret
};

struct hy_config_loading {
    const struct hy_config_table *table;
    const char *name; // of the file, for messages
    struct hy_buf *problems;
    size_t n_problems;
    struct hy_config_given *given; // n_rows * HY_FROM_COUNT
};

struct hy_config_value {
    char *text;     // STRING, SECRET; owned
    int64_t number; // all others; ENUM: the index, BOOL: 0 or 1
};

enum { HY_CONFIG_KEY_SIZE = 128 };

// Adds one mistake. key may come from outside: it is escaped.
void hy_config_problem(struct hy_config_loading *loading, enum hy_config_source source, int line, const char *key,
                       const char *fmt, ...) HY_PRINTF(5, 6);
// A source says: key has this value. Finds the row, refuses what is unknown or given twice. key as written, with the
// program's name before it where it has one.
void hy_config_give(struct hy_config_loading *loading, enum hy_config_source source, int line, const char *key,
                    const char *text);
// The file, key by key, into hy_config_give.
void hy_config_read_yaml(struct hy_config_loading *loading, struct hy_bytes yaml);
// hy_config_load, but rows that must be given may be missing if `lenient`: numbers are then HY_CONFIG_OPEN, choices -1,
// texts NULL.
#define HY_CONFIG_OPEN INT64_MIN
int hy_config_load_all(const struct hy_config_table *table, void *target, const char *name, struct hy_bytes yaml,
                       char *const *environment, const char *const *sets, size_t n_sets, bool lenient,
                       struct hy_buf *problems);

bool hy_config_is_program(const char *name, size_t len);
// Does the key stand in the section of another program than the table's?
bool hy_config_is_foreign(const struct hy_config_table *table, const char *key);
// "kafka.brokers" → "HY_KAFKA_BROKERS".
void hy_config_environment_name(const char *key, char out[HY_CONFIG_KEY_SIZE + 4]);

// Reads text as a value of the row; 0, or HY_ECONFIG with the reason appended to *why (never the text of a secret).
int hy_config_value_parse(const struct hy_config_row *row, const char *text, struct hy_config_value *out,
                          struct hy_buf *why);
void hy_config_value_store(const struct hy_config_row *row, void *target, struct hy_config_value value);
// The value as the file would have it (strings in double quotes, secrets hidden).
void hy_config_value_text(const struct hy_config_row *row, const void *target, struct hy_buf *out);
// What may be given, in words: "whole number from 1 to 65535".
void hy_config_value_kind(const struct hy_config_row *row, struct hy_buf *out);

#endif
