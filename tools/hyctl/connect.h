// What commands that speak to Kafka, Redis or HTTP share: the one configuration file of all programs (--config,
// HY_CONFIG), Kafka's options from it, and a first question to the brokers, so that an absent Kafka is said within
// seconds. A setting of hyctl alone: a row in connect.c. A new group of such commands: its table is named below.
#ifndef HY_TOOLS_HYCTL_CONNECT_H
#define HY_TOOLS_HYCTL_CONNECT_H

#include "lib/base/config.h"
#include "lib/lane/kafka_conf.h"
#include "lib/lane/topics.h"
#include "tools/hyctl/command.h"

struct hyctl_settings {
    struct hy_config_common common;
    char *pack; // policy.pack
};

#define HYCTL_CONFIG_OPTION                                                                                            \
    { "config", "FILE", "the one configuration of all programs (else the file that HY_CONFIG names)" }

enum { HYCTL_REACH_MS = 5000, HYCTL_TOPICS_MS = 60000, HYCTL_REGISTRY_MS = 30000 };

// Reads the configuration that --config or HY_CONFIG names, and turns the log down to warnings. Mistakes are said on
// stderr; one of hyctl's exit codes. Free with hyctl_settings_free.
int hyctl_settings_load(const struct hyctl_args *args, struct hyctl_settings *out);
// The same from a file (NULL: the one that HY_CONFIG names, if any).
int hyctl_settings_read(const char *file, struct hyctl_settings *out);
void hyctl_settings_free(struct hyctl_settings *settings);

// Borrows from settings.
struct hy_kafka_options hyctl_kafka(const struct hyctl_settings *settings);
// A handle for questions to the brokers; state lives as long as it. The caller destroys *rk.
HY_MUST_CHECK int hyctl_kafka_handle(const struct hy_kafka_options *kafka, struct hy_kafka_state *state,
                                     rd_kafka_t **rk, struct hy_error *err);
// HY_OK when a broker answers within HYCTL_REACH_MS; else err says which address was asked and what to do.
HY_MUST_CHECK int hyctl_kafka_reach(const struct hy_kafka_options *kafka, struct hy_error *err);
// The plan that the standing topics were made by (tests and small machines have fewer partitions); the table's when
// there are none yet.
HY_MUST_CHECK int hyctl_standing_plan(const struct hy_kafka_options *kafka, struct hy_topics_plan *out,
                                      struct hy_error *err);

// All of the above for a command: settings, and a Kafka that answers. What is wrong is said; an exit code.
int hyctl_connect(const struct hyctl_args *args, struct hyctl_settings *out);

// "hyctl: <text>" on stderr; returns HYCTL_FAILED.
int hyctl_fail(const struct hy_error *err);

extern const struct hyctl_command hyctl_case_commands[], hyctl_dead_commands[], hyctl_policy_commands[],
    hyctl_status_commands[], hyctl_topics_commands[], hyctl_work_commands[], hyctl_completion_commands[];

#endif
