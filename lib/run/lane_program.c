#include "lib/run/lane_program.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "lib/base/log.h"
#include "lib/web/health.h"

enum { REGISTRY_TIMEOUT_MS = 60000, DRAIN_MS = 10000, REGISTRY_RETRY_S = 1, LANES_MOST_MS = 10000 };

static const struct hy_config_row ROWS[] = {
    HY_CONFIG_COMMON(struct hy_lane_program_config, common),
    HY_LANE_TUNING_ROWS(struct hy_lane_program_config, lane),
    {.key = "policy.pack",
     .type = HY_CONFIG_STRING,
     .offset = offsetof(struct hy_lane_program_config, pack),
     .default_value = "national",
     .description = "The policy pack of this installation, as published in hy.registry."},
};

struct running {
    const struct hy_lane_program *program;
    struct hy_lane_program_config config;
    struct hy_health *health;
    struct hy_packs *packs;
    struct hy_lane_handler handler;
    void *user;
    struct hy_lanes *lanes;
};

static sigset_t stop_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

// True when a signal asked us to stop within `seconds`.
static bool stopped_within(int seconds) {
    sigset_t set = stop_signals();
    struct timespec wait = {.tv_sec = seconds};
    return sigtimedwait(&set, NULL, &wait) > 0;
}

// The lane's options come from the common rows and the lane's own.
static struct hy_lane_options lane_options(struct hy_lane_program_config *config, const char *name) {
    config->lane.kafka = (struct hy_kafka_config){
        .brokers = config->common.kafka_brokers,
        .properties = config->common.kafka_properties,
        .prefix = config->common.kafka_prefix,
    };
    config->lane.instance = config->common.instance;
    return hy_lane_options_of(&config->lane, name);
}

// Kafka, the topics or the packs may come later than this program: a supervisor starts all at once.
static int wait_for_packs(struct running *run, const struct hy_kafka_options *kafka, struct hy_error *err) {
    struct hy_health_part *part = hy_health_part(run->health, "packs", 0);
    for (;;) {
        int rc = hy_packs_open(kafka, run->config.pack, REGISTRY_TIMEOUT_MS, &run->packs, err);
        if (rc == HY_OK) {
            hy_health_report(part, true, NULL);
            return rc;
        }
        if (rc != HY_ENOTFOUND && rc != HY_ETIMEOUT && rc != HY_ENET) return rc;
        hy_health_report(part, false, "%s", err->text);
        HY_WARN("program.waiting", "waiting for what was published", "why=\"%s\"", err->text);
        if (stopped_within(REGISTRY_RETRY_S)) return HY_ECLOSED;
    }
}

static int start(struct running *run, struct hy_error *err) {
    struct hy_lane_options options = lane_options(&run->config, run->program->name);
    run->health = hy_health_new(run->program->name);
    if (!run->health) return hy_fail(err, HY_ENOMEM, "out of memory");
    // Both parts count from here on: before its lanes run a program is not well.
    (void)hy_health_part(run->health, "packs", 0);
    (void)hy_health_part(run->health, "lanes", LANES_MOST_MS);
    int rc = hy_health_start(run->health, run->config.common.http_listen, err);
    if (rc == HY_OK) rc = wait_for_packs(run, &options.kafka, err);
    if (rc != HY_OK) return rc;
    run->user = run->program->make(run->packs, options.lanes ? options.lanes : 2, &run->handler);
    if (!run->user) return hy_fail(err, HY_ENOMEM, "out of memory");
    return hy_lanes_start(&options, &run->handler, &run->lanes, err);
}

static int watch(struct running *run) {
    struct hy_health_part *part = hy_health_part(run->health, "lanes", LANES_MOST_MS);
    do {
        struct hy_error err = {0};
        int rc = hy_lanes_health(run->lanes, &err);
        hy_health_report(part, rc == HY_OK, "%s", err.text);
        if (hy_lanes_refused(run->lanes, &err)) {
            HY_ERROR("program.refused", "cannot go on; a person must act", "why=\"%s\"", err.text);
            return 1;
        }
    } while (!stopped_within(1));
    return 0;
}

static int stop(struct running *run, int code) {
    struct hy_error err = {0};
    if (run->lanes && hy_lanes_stop(run->lanes, DRAIN_MS, &err) != HY_OK) {
        HY_ERROR("program.drain", "a lane did not stop; its transaction is aborted by Kafka", "why=\"%s\"", err.text);
        _Exit(1); // its thread still uses what would be freed below
    }
    if (run->user) run->program->release(run->user);
    hy_packs_close(run->packs);
    if (run->health) hy_health_free(run->health);
    return code;
}

int hy_lane_program_main(const struct hy_lane_program *program, int argc, char **argv) {
    struct running run = {.program = program};
    const struct hy_config_table table = {
        .program = program->name,
        .purpose = program->purpose,
        .rows = ROWS,
        .n_rows = sizeof ROWS / sizeof ROWS[0],
        .struct_size = sizeof run.config,
    };
    enum hy_config_outcome outcome = hy_config_main(&table, &run.config, argc, argv);
    if (outcome != HY_CONFIG_RUN) return outcome == HY_CONFIG_EXIT ? 0 : 2;
    hy_config_start_log(program->name, &run.config.common);
    hy_lanes_block_signals();
    struct hy_error err = {0};
    int rc = start(&run, &err);
    if (rc == HY_OK) {
        HY_INFO("program.started", "running", "health=%s", hy_health_url(run.health));
        rc = watch(&run);
    } else if (rc != HY_ECLOSED) {
        HY_ERROR("program.start", "cannot start", "code=%s why=\"%s\"", hy_error_name(rc), err.text);
    }
    rc = stop(&run, rc == HY_OK || rc == HY_ECLOSED ? 0 : 1);
    hy_config_free(&table, &run.config);
    return rc;
}
