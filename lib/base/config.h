// Configuration from one described table. A program declares its rows once; from them come the YAML file's keys, the
// HY_… environment variables, --set key=value, --check-config, --dump-config and docs/config.md.
// Order of strength: --set, environment, file, default. An unknown key is a refusal with file and line. All mistakes
// are reported, not only the first. Secrets are never taken from the command line: --set on a secret row is refused,
// and --dump-config shows "***".
//
// One file can serve all programs. Keys stand flat ("kafka.brokers: x") or nested ("kafka: {brokers: x}"). What stands
// under a program's name ("router: {instance: 2}") is for that program alone and beats the common value; other
// programs' sections are passed over. To add a setting, add a row (and its field); to add a program, add its name in
// config.c.
#ifndef HY_BASE_CONFIG_H
#define HY_BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/log.h"

enum hy_config_type {
    HY_CONFIG_STRING, // char * field, owned by the config
    HY_CONFIG_INT,    // int64_t field, within [min, max]
    HY_CONFIG_BOOL,   // bool field: true/false/yes/no/on/off, in any case
    HY_CONFIG_ENUM,   // int field: index in `choices`, separated by "|"
    HY_CONFIG_MS,     // int64_t field in milliseconds: "250ms", "5s", "2m", "1h", "1d", within [min, max]
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
    const char *arguments; // what may follow the options, for --help ("FILE..."); NULL: nothing may
    // What no row can say alone (files it names, rows that depend on each other); asked before the program runs and by
    // --check-config. Appends a line a mistake to *problems and returns HY_ECONFIG, else HY_OK. NULL: nothing.
    int (*check)(const void *target, struct hy_buf *problems);
};

// What every program has. Embed it and put HY_CONFIG_COMMON(struct my_config, common) among the rows.
struct hy_config_common {
    char *kafka_brokers;    // "host:port,host:port"
    char *kafka_properties; // more librdkafka properties, "k=v;k=v"; "" = none. Whoever makes the handle refuses
                            // unknown ones.
    char *kafka_prefix;     // put before every topic, group and transactional id; "" in production
    char *redis_url;        // "redis://host:port/db" or "unix:///path"; holds no password
    char *redis_password;   // "" = none
    char *http_listen;      // "host:port" of /metrics, /healthz and what else the program serves; port 0 = any free one
    char *instance;         // tells copies of one program apart; part of names that must not change over restarts
    int log_level;          // enum hy_log_level
    int log_format;         // 0 = json, 1 = text
    char *data_dir;         // a folder of this program's own
};

// A row without a range, written short.
#define HY_CONFIG_ROW(key, type, field_offset, default_value, choices, description)                                    \
    { key, type, field_offset, default_value, 0, 0, choices, description }

// NOLINTBEGIN(bugprone-macro-parentheses): a member designator cannot stand in parentheses
#define HY_CONFIG_COMMON(owner, member)                                                                                \
    HY_CONFIG_ROW("kafka.brokers", HY_CONFIG_STRING, offsetof(owner, member.kafka_brokers), "127.0.0.1:9092", NULL,    \
                  "Kafka brokers to ask first, host:port, separated by commas."),                                      \
        HY_CONFIG_ROW("kafka.properties", HY_CONFIG_STRING, offsetof(owner, member.kafka_properties), "", NULL,        \
                      "More librdkafka properties, name=value separated by semicolons; for TLS for example."),         \
        HY_CONFIG_ROW("kafka.prefix", HY_CONFIG_STRING, offsetof(owner, member.kafka_prefix), "", NULL,                \
                      "Put before every topic, group and transactional id; for tests that share a broker."),           \
        HY_CONFIG_ROW("redis.url", HY_CONFIG_STRING, offsetof(owner, member.redis_url), "redis://127.0.0.1:6379/0",    \
                      NULL, "Redis, as redis://host:port/database or unix:///path/of/socket; without a password."),    \
        HY_CONFIG_ROW("redis.password", HY_CONFIG_SECRET, offsetof(owner, member.redis_password), "", NULL,            \
                      "Password of Redis; empty for none."),                                                           \
        HY_CONFIG_ROW(                                                                                                 \
            "http.listen", HY_CONFIG_STRING, offsetof(owner, member.http_listen), "127.0.0.1:0", NULL,                 \
            "Address of this program's HTTP door, host:port; port 0 takes a free one, which the log names."),          \
        HY_CONFIG_ROW("instance", HY_CONFIG_STRING, offsetof(owner, member.instance), "1", NULL,                       \
                      "Name of this copy of the program; each copy has another, and keeps it over restarts."),         \
        HY_CONFIG_ROW("log.level", HY_CONFIG_ENUM, offsetof(owner, member.log_level), "info", "debug|info|warn|error", \
                      "The least level that is logged."),                                                              \
        HY_CONFIG_ROW("log.format", HY_CONFIG_ENUM, offsetof(owner, member.log_format), "text", "json|text",           \
                      "How log lines look: json for machines, text for people."),                                      \
        HY_CONFIG_ROW("data.dir", HY_CONFIG_STRING, offsetof(owner, member.data_dir), "/var/lib/huiying", NULL,        \
                      "Folder for what this program keeps on disk.")
// NOLINTEND(bugprone-macro-parentheses)

// hy_log_init with what common says. program is borrowed for the process's life. Call before threads start.
void hy_config_start_log(const char *program, const struct hy_config_common *common);

enum hy_config_outcome {
    HY_CONFIG_RUN,  // go on
    HY_CONFIG_EXIT, // --help, --version, --check-config, --dump-config were answered: exit 0
    HY_CONFIG_BAD   // wrong use or refused configuration, said on stderr: exit 2
};

// Reads argv (--config FILE, --set key=value, --check-config, --dump-config, --version, --help), the environment and
// the file (without --config, the one that HY_CONFIG names, if any) into *target (zeroed first; strings owned, free
// with hy_config_free). Writes what it has to say to stdout / stderr. After HY_CONFIG_RUN the arguments that are no
// options stand in argv[1], argv[2], ..., ended by NULL; there are none unless the table allows them.
enum hy_config_outcome hy_config_main(const struct hy_config_table *table, void *target, int argc, char **argv);

// The same without argv and streams: text of a YAML file (name for messages; borrowed), environment as NULL-terminated
// "NAME=value" list (may be NULL; an empty value counts as not set), sets as n "key=value" strings. All mistakes are
// appended to *problems, one a line ("name:line: key: reason", "environment: NAME: reason", "--set: key: reason");
// HY_ECONFIG when there is any, and *target is then empty.
HY_MUST_CHECK int hy_config_load(const struct hy_config_table *table, void *target, const char *name,
                                 struct hy_bytes yaml, char *const *environment, const char *const *sets, size_t n_sets,
                                 struct hy_buf *problems);
// Frees the strings (secrets are wiped) and zeroes *target.
void hy_config_free(const struct hy_config_table *table, void *target);
// YAML of the whole table with descriptions as comments and the values of target (defaults if NULL). Reads back as the
// same configuration, except for secrets.
void hy_config_dump(const struct hy_config_table *table, const void *target, struct hy_buf *out);

// For each program's unit test: is the table itself sound? Every description a sentence, defaults within their ranges,
// keys and environment names unique, fields inside the struct. Appends a line a fault; HY_ECONFIG when there is any.
HY_MUST_CHECK int hy_config_check_table(const struct hy_config_table *table, struct hy_buf *problems);

#endif
