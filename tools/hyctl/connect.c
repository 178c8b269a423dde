#include "tools/hyctl/connect.h"

#include "tools/hyctl/say.h"

static const struct hy_config_row ROWS[] = {
    HY_CONFIG_COMMON(struct hyctl_settings, common),
    {.key = "policy.pack",
     .type = HY_CONFIG_STRING,
     .offset = offsetof(struct hyctl_settings, pack),
     .default_value = "national",
     .description = "The policy pack of this installation: what policy publish publishes unless told otherwise."},
};
static const struct hy_config_table TABLE = {.program = "hyctl",
                                             .purpose = "The operator's hand.",
                                             .rows = ROWS,
                                             .n_rows = sizeof ROWS / sizeof *ROWS,
                                             .struct_size = sizeof(struct hyctl_settings)};

int hyctl_settings_load(const struct hyctl_args *args, struct hyctl_settings *out) {
    return hyctl_settings_read(hyctl_value(args, "config"), out);
}

int hyctl_settings_read(const char *name, struct hyctl_settings *out) {
    char program[] = "hyctl", option[] = "--config";
    union {
        const char *in;
        char *out;
    } file = {name}; // only read
    char *argv[] = {program, file.in == NULL ? NULL : option, file.out, NULL};
    if (hy_config_main(&TABLE, out, file.in == NULL ? 1 : 3, argv) != HY_CONFIG_RUN) return HYCTL_USAGE;
    if (out->common.log_level < HY_LOG_WARN) out->common.log_level = HY_LOG_WARN;
    hy_config_start_log("hyctl", &out->common);
    return HYCTL_OK;
}

void hyctl_settings_free(struct hyctl_settings *settings) {
    hy_config_free(&TABLE, settings);
}

struct hy_kafka_options hyctl_kafka(const struct hyctl_settings *settings) {
    return (struct hy_kafka_options){.brokers = settings->common.kafka_brokers,
                                     .properties = settings->common.kafka_properties,
                                     .prefix = settings->common.kafka_prefix,
                                     .client_id = "hyctl"};
}

int hyctl_fail(const struct hy_error *err) {
    hyctl_error("%s", err->text);
    return HYCTL_FAILED;
}

int hyctl_kafka_handle(const struct hy_kafka_options *kafka, struct hy_kafka_state *state, rd_kafka_t **rk,
                       struct hy_error *err) {
    *rk = NULL;
    rd_kafka_conf_t *conf;
    int rc = hy_kafka_conf(kafka, HY_KAFKA_ADMIN, NULL, 0, state, &conf, err);
    return rc == HY_OK ? hy_kafka_new(HY_KAFKA_ADMIN, conf, rk, err) : rc;
}

int hyctl_kafka_reach(const struct hy_kafka_options *kafka, struct hy_error *err) {
    struct hy_kafka_state state = {0};
    rd_kafka_t *rk = NULL;
    int rc = hyctl_kafka_handle(kafka, &state, &rk, err);
    if (rc != HY_OK) return rc;
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, NULL, &metadata, HYCTL_REACH_MS);
    rd_kafka_poll(rk, 0); // error_cb tells a refused log-in from silence
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
    else if ((rc = hy_kafka_refused(&state, err)) == HY_OK)
        rc =
            hy_fail(err, HY_ENET,
                    "Kafka at %s does not answer (%s): is it running, and is kafka.brokers in the configuration right?",
                    kafka->brokers, rd_kafka_err2str(code));
    rd_kafka_destroy(rk);
    return rc;
}

int hyctl_standing_plan(const struct hy_kafka_options *kafka, struct hy_topics_plan *out, struct hy_error *err) {
    *out = (struct hy_topics_plan){0};
    struct hy_kafka_state state = {0};
    rd_kafka_t *rk = NULL;
    int rc = hyctl_kafka_handle(kafka, &state, &rk, err);
    if (rc != HY_OK) return rc;
    char full[HY_TOPIC_NAME_SIZE];
    int32_t partitions = 0;
    hy_topic_full(kafka->prefix, HY_TOPIC_COMMANDS, full);
    rc = hy_kafka_partitions(rk, full, HYCTL_REACH_MS, &partitions, err);
    rd_kafka_destroy(rk);
    if (rc == HY_OK && partitions != hy_topic_find(HY_TOPIC_COMMANDS)->partitions) out->partitions = partitions;
    return rc == HY_ENOTFOUND ? HY_OK : rc;
}

int hyctl_connect(const struct hyctl_args *args, struct hyctl_settings *out) {
    int rc = hyctl_settings_load(args, out);
    if (rc != HYCTL_OK) return rc;
    struct hy_error err = {0};
    struct hy_kafka_options kafka = hyctl_kafka(out);
    struct hyctl_progress *progress = hyctl_progress_start("asking Kafka", 0);
    int reached = hyctl_kafka_reach(&kafka, &err);
    hyctl_progress_end(progress);
    if (reached == HY_OK) return HYCTL_OK;
    hyctl_settings_free(out);
    return hyctl_fail(&err);
}
