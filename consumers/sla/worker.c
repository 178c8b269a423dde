// The worker's life: wait for Kafka, open, turn until told to stop, drain.
#include <stdlib.h>

#include "consumers/sla/sla.h"
#include "lib/base/log.h"

enum { ASK_MS = 3000 };

// Partition counts of both topics, once Kafka answers: a fire must meet its case's partition, or progress says nothing.
static int check_topics(struct sla *sla, rd_kafka_t *probe, struct hy_error *err) {
    char cases[HY_TOPIC_NAME_SIZE], commands[HY_TOPIC_NAME_SIZE];
    const char *prefix = sla->options->common.kafka_prefix;
    int32_t n_cases, n_commands;
    int rc = hy_kafka_partitions(probe, hy_topic_full(prefix, HY_TOPIC_CASES, cases), ASK_MS, &n_cases, err);
    if (rc == 0)
        rc = hy_kafka_partitions(probe, hy_topic_full(prefix, HY_TOPIC_COMMANDS, commands), ASK_MS, &n_commands, err);
    if (rc != 0) return rc;
    if (n_cases != n_commands || n_cases > SLA_SHARDS_MAX)
        return hy_fail(err, HY_EMISMATCH, "%s has %d partitions and %s %d: they must be equal and at most %d", cases,
                       (int)n_cases, commands, (int)n_commands, SLA_SHARDS_MAX);
    sla->n_shards = n_cases;
    return 0;
}

static int wait_for_topics(struct sla *sla, const atomic_bool *stop, struct hy_error *err) {
    struct hy_kafka_options kafka = sla_kafka(sla->options);
    struct hy_kafka_state state = {0};
    rd_kafka_conf_t *conf;
    rd_kafka_t *probe;
    int rc = hy_kafka_conf(&kafka, HY_KAFKA_PROBE, NULL, 0, &state, &conf, err);
    if (rc == 0) rc = hy_kafka_new(HY_KAFKA_PROBE, conf, &probe, err);
    if (rc != 0) return rc;
    while (!atomic_load(stop)) {
        rc = hy_kafka_refused(&state, err);
        if (rc == 0 && ((rc = check_topics(sla, probe, err)) == 0 || rc == HY_EMISMATCH)) break;
        if (rc == HY_EAUTH || rc == HY_ECONFIG) break;
        hy_health_report(sla->health_kafka, false, "%s", err->text);
        HY_WARN("sla.kafka", "hy.cases and hy.commands are not there yet", "reason=\"%s\"", err->text);
        struct timespec pause = {.tv_nsec = 300000000};
        nanosleep(&pause, NULL);
    }
    rd_kafka_destroy(probe);
    return rc;
}

int sla_run(const struct sla_options *options, struct hy_health *health, atomic_bool *stop, struct hy_error *err) {
    struct sla *sla = calloc(1, sizeof *sla);
    if (!sla) return hy_fail(err, HY_ENOMEM, "no memory to start");
    sla_init(sla, options, hy_clock_system(), health);
    int rc = wait_for_topics(sla, stop, err);
    if (rc == 0 && !atomic_load(stop)) rc = sla_open(sla, err);
    if (rc == 0 && options->audit_ms > 0) rc = sla_audit_start(options, health, &sla->audit, err);
    while (rc == 0 && !atomic_load(stop))
        rc = sla_turn(sla, err);
    if (sla->fires) sla_drain(sla);
    sla_close(sla);
    free(sla);
    return atomic_load(stop) ? 0 : rc;
}
