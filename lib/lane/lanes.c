// The lanes of a process: checked and started together, watched, asked for their health, drained.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/lane/lane_internal.h"

enum { WATCH_MS = 1000, START_SLICE_MS = 5000, DRAIN_MS = 10000, ARENA_MOST = 64 * 1024 * 1024, STUCK_EXIT = 70 };

struct hy_lane_options hy_lane_options_of(const struct hy_lane_config *config, const char *client_id) {
    return (struct hy_lane_options){.kafka = hy_kafka_options_of(&config->kafka, client_id),
                                    .instance = config->instance,
                                    .lanes = (int)config->lanes,
                                    .commit_ms = config->commit_ms,
                                    .commit_records = config->commit_records,
                                    .commit_bytes = config->commit_bytes,
                                    .park_ms = config->park_ms,
                                    .park_bytes = config->park_bytes,
                                    .stuck_ms = config->stuck_ms,
                                    .from = config->from};
}

static void defaults(struct hy_lane_options *o) {
    if (o->lanes == 0) o->lanes = 2;
    if (o->commit_ms == 0) o->commit_ms = 100;
    if (o->commit_records == 0) o->commit_records = 10000;
    if (o->commit_bytes == 0) o->commit_bytes = 8 * 1024 * 1024;
    if (o->tick_ms == 0) o->tick_ms = 1000;
    if (o->park_ms == 0) o->park_ms = 600000;
    if (o->park_bytes == 0) o->park_bytes = 256 * 1024 * 1024;
    if (o->stuck_ms == 0) o->stuck_ms = 30000;
    if (o->clock == NULL) o->clock = hy_clock_system();
}

// ---- before the first thread ----

static int check_handler(struct hy_lanes *lanes, struct hy_error *err) {
    const struct hy_lane_handler *handler = &lanes->handler;
    const struct hy_lane_options *o = &lanes->options;
    while (lanes->n_inputs < HY_LANE_MAX_INPUTS && handler->inputs[lanes->n_inputs] != NULL)
        lanes->n_inputs++;
    if (handler->handle == NULL || handler->name == NULL || lanes->n_inputs == 0)
        return hy_fail(err, HY_EINVALID, "a lane needs a name, an input and a handle function");
    if (handler->state != NULL && lanes->n_inputs != 1)
        return hy_fail(err, HY_EINVALID, "%s: a lane with state has exactly one input", handler->name);
    if (handler->load != NULL && handler->open == NULL)
        return hy_fail(err, HY_EINVALID, "%s: load needs open", handler->name);
    if (o->instance == NULL || *o->instance == '\0')
        return hy_fail(err, HY_ECONFIG, "%s: instance is empty", handler->name);
    if (o->from != NULL && *o->from != '\0' && strcmp(o->from, "earliest") != 0)
        return hy_fail(err, HY_ECONFIG, "lane.from is \"%s\": only \"earliest\" or nothing", o->from);
    return HY_OK;
}

static int check_topic(rd_kafka_t *probe, const char *prefix, const char *name, char full[HY_TOPIC_NAME_SIZE],
                       int32_t *partitions, struct hy_error *err) {
    if (hy_topic_find(name) == NULL)
        return hy_fail(err, HY_ENOTFOUND, "there is no topic \"%s\" in the topics table", name);
    int rc = hy_kafka_partitions(probe, hy_topic_full(prefix, name, full), START_SLICE_MS, partitions, err);
    return rc == HY_ENOTFOUND ? hy_fail(err, rc, "topic %s does not exist: run `hyctl topics create`", full) : rc;
}

static int check_topics(struct hy_lanes *lanes, rd_kafka_t *probe, struct hy_error *err) {
    const char *prefix = lanes->options.kafka.prefix;
    int32_t partitions = 0, state = 0;
    char full[HY_TOPIC_NAME_SIZE];
    int rc = HY_OK;
    for (size_t i = 0; rc == HY_OK && i < HY_LANE_MAX_OUTPUTS && lanes->handler.outputs[i] != NULL; i++)
        rc = check_topic(probe, prefix, lanes->handler.outputs[i], full, &partitions, err);
    if (rc == HY_OK) rc = check_topic(probe, prefix, HY_TOPIC_DEAD, full, &partitions, err);
    for (size_t i = 0; rc == HY_OK && i < lanes->n_inputs; i++)
        rc = check_topic(probe, prefix, lanes->handler.inputs[i], lanes->inputs[i], &partitions, err);
    if (rc != HY_OK || lanes->handler.state == NULL) return rc;
    rc = check_topic(probe, prefix, lanes->handler.state, lanes->state, &state, err);
    if (rc == HY_OK && state != partitions)
        return hy_fail(err, HY_EMISMATCH, "%s has %d partitions and %s %d: they must be equal", lanes->inputs[0],
                       partitions, lanes->state, state);
    return rc;
}

static int learn_log_ids(struct hy_lanes *lanes, struct hy_error *err) {
    const char *names[HY_LANE_MAX_INPUTS + 1];
    char ids[HY_LANE_MAX_INPUTS + 1][HY_LOG_ID_SIZE];
    size_t n = 0;
    for (; n < lanes->n_inputs; n++)
        names[n] = lanes->handler.inputs[n];
    if (lanes->handler.state != NULL) names[n++] = lanes->handler.state;
    int rc = hy_log_ids(&lanes->options.kafka, names, n, START_SLICE_MS, ids, err);
    if (rc != HY_OK) return rc;
    memcpy(lanes->log_ids, ids, lanes->n_inputs * sizeof ids[0]);
    if (lanes->handler.state != NULL) memcpy(lanes->state_log_id, ids[n - 1], sizeof ids[0]);
    return HY_OK;
}

static int check_once(struct hy_lanes *lanes, struct hy_error *err) {
    struct hy_kafka_state state = {0};
    rd_kafka_conf_t *conf;
    rd_kafka_t *probe;
    int rc = hy_kafka_conf(&lanes->options.kafka, HY_KAFKA_PROBE, NULL, 0, &state, &conf, err);
    if (rc == HY_OK) rc = hy_kafka_new(HY_KAFKA_PROBE, conf, &probe, err);
    if (rc != HY_OK) return rc;
    rc = check_topics(lanes, probe, err);
    rd_kafka_poll(probe, 0);
    if (rc != HY_OK && hy_kafka_refused(&state, err) != HY_OK) rc = HY_EAUTH;
    rd_kafka_destroy(probe);
    return rc == HY_OK ? learn_log_ids(lanes, err) : rc;
}

static bool is_passing(int rc) {
    return rc == HY_ETIMEOUT || rc == HY_ENET || rc == HY_EIO || rc == HY_EAGAIN;
}

// Both are blocked (hy_lanes_block_signals) until somebody waits for them; until then they only show here.
static bool asked_to_end(void) {
    sigset_t pending;
    return sigpending(&pending) == 0 && (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

// A broker that is not there yet is waited for; the operator is told.
static int check_patiently(struct hy_lanes *lanes, struct hy_error *err) {
    for (;;) {
        int rc = check_once(lanes, err);
        if (!is_passing(rc)) return rc;
        if (asked_to_end()) return hy_fail(err, HY_ECLOSED, "asked to end while waiting for Kafka");
        HY_WARN("lane.start", err != NULL ? err->text : hy_error_text(rc), "waiting_for=kafka");
        nanosleep(&(struct timespec){.tv_nsec = 500000000L}, NULL);
    }
}

// ---- threads ----

static void free_lane(struct hy_lane *lane) {
    if (lane == NULL) return;
    hy_arena_free(lane->arena);
    free(lane->emits);
    free(lane->begun);
    hy_buf_free(&lane->emit_bytes);
    hy_buf_free(&lane->packed);
    pthread_mutex_destroy(&lane->text_lock);
    free(lane);
}

static struct hy_lane *new_lane(struct hy_lanes *lanes, int index) {
    struct hy_lane *lane = calloc(1, sizeof *lane);
    if (lane == NULL) return NULL;
    lane->owner = lanes;
    lane->handler = &lanes->handler;
    lane->options = &lanes->options;
    lane->index = index;
    pthread_mutex_init(&lane->text_lock, NULL);
    lane->arena = hy_arena_new(ARENA_MOST);
    hy_topic_full(lanes->options.kafka.prefix, lanes->handler.name, lane->group_id);
    snprintf(lane->txn_id, sizeof lane->txn_id, "%s.%s.%d", lane->group_id, lanes->options.instance, index);
    hy_lane_metrics_open(lane);
    return lane;
}

// Ends the process when a lane makes no turn for too long: a handler that loops for ever is a crash like any other (its
// record is found by careful mode), and polling elsewhere in librdkafka hides it from the group (#4176). It counts its
// own turns, not time, so that a stopped process is not punished when it goes on.
static void *watch(void *opaque) {
    struct hy_lanes *lanes = opaque;
    pthread_setname_np(pthread_self(), "lane-watch");
    uint64_t seen[64] = {0};
    int64_t still[64] = {0};
    while (!atomic_load(&lanes->stop_watchdog)) {
        nanosleep(&(struct timespec){.tv_sec = WATCH_MS / 1000}, NULL);
        for (int i = 0; i < lanes->n; i++) {
            uint64_t turns = atomic_load(&lanes->lanes[i]->turns);
            bool ended = atomic_load(&lanes->lanes[i]->shown_phase) == HY_LANE_ENDED;
            still[i] = turns == seen[i] && !ended ? still[i] + WATCH_MS : 0;
            seen[i] = turns;
            if (still[i] < lanes->options.stuck_ms) continue;
            HY_ERROR("lane.stuck", "a lane makes no turn: ending the process", "lane=%d ms=%lld", i,
                     (long long)still[i]);
            _exit(STUCK_EXIT);
        }
    }
    return NULL;
}

static int start_threads(struct hy_lanes *lanes, struct hy_error *err) {
    lanes->lanes = calloc((size_t)lanes->options.lanes, sizeof *lanes->lanes);
    if (lanes->lanes == NULL) return hy_fail(err, HY_ENOMEM, "out of memory");
    for (int i = 0; i < lanes->options.lanes; i++) {
        struct hy_lane *lane = new_lane(lanes, i);
        if (lane == NULL || lane->arena == NULL || pthread_create(&lane->thread, NULL, hy_lane_thread, lane) != 0) {
            free_lane(lane);
            return hy_fail(err, HY_ENOMEM, "lane %d could not be started: %s", i, strerror(errno));
        }
        lanes->lanes[lanes->n++] = lane;
    }
    lanes->watching = pthread_create(&lanes->watchdog, NULL, watch, lanes) == 0;
    return lanes->watching ? HY_OK : hy_fail(err, HY_ENOMEM, "the watchdog could not be started");
}

int hy_lanes_start(const struct hy_lane_options *options, const struct hy_lane_handler *handler, struct hy_lanes **out,
                   struct hy_error *err) {
    *out = NULL;
    struct hy_lanes *lanes = calloc(1, sizeof *lanes);
    if (lanes == NULL) return hy_fail(err, HY_ENOMEM, "out of memory");
    lanes->handler = *handler;
    lanes->options = *options;
    defaults(&lanes->options);
    int rc = lanes->options.lanes < 1 || lanes->options.lanes > 64 ? hy_fail(err, HY_ERANGE, "lanes must be 1 to 64")
                                                                   : check_handler(lanes, err);
    if (rc == HY_OK) rc = check_patiently(lanes, err);
    if (rc == HY_OK) rc = start_threads(lanes, err);
    if (rc != HY_OK) {
        int stopped = hy_lanes_stop(lanes, DRAIN_MS, NULL);
        (void)stopped;
        return rc;
    }
    *out = lanes;
    return HY_OK;
}

// ---- health ----

static int health_of(struct hy_lane *lane, bool refused_only, struct hy_error *err) {
    pthread_mutex_lock(&lane->text_lock);
    int rc = lane->refused || !refused_only ? lane->trouble : HY_OK;
    if (rc != HY_OK) hy_fail(err, rc, "lane %d: %s", lane->index, lane->trouble_text);
    pthread_mutex_unlock(&lane->text_lock);
    return rc;
}

int hy_lanes_health(struct hy_lanes *lanes, struct hy_error *err) {
    for (int i = 0; i < lanes->n; i++) {
        int rc = health_of(lanes->lanes[i], false, err);
        if (rc != HY_OK) return rc;
    }
    for (int i = 0; i < lanes->n; i++) {
        int phase = atomic_load(&lanes->lanes[i]->shown_phase);
        if (phase != HY_LANE_RUNNING && phase != HY_LANE_HOLDING && phase != HY_LANE_SPARE)
            return hy_fail(err, HY_EAGAIN, "lane %d %s", i,
                           phase == HY_LANE_RESTORING ? "restores its state" : "has no partitions");
    }
    return HY_OK;
}

bool hy_lanes_refused(struct hy_lanes *lanes, struct hy_error *err) {
    for (int i = 0; i < lanes->n; i++)
        if (health_of(lanes->lanes[i], true, err) != HY_OK) return true;
    return false;
}

// ---- the end ----

static bool joined(pthread_t thread, const struct timespec *until) {
    return pthread_timedjoin_np(thread, NULL, until) == 0;
}

int hy_lanes_stop(struct hy_lanes *lanes, int timeout_ms, struct hy_error *err) {
    if (lanes == NULL) return HY_OK;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    for (int i = 0; i < lanes->n; i++)
        atomic_store(&lanes->lanes[i]->stop, true);
    for (int i = 0; i < lanes->n; i++)
        if (!joined(lanes->lanes[i]->thread, &until))
            return hy_fail(err, HY_ETIMEOUT,
                           "lane %d did not end within %d ms; its transaction will be aborted by Kafka", i, timeout_ms);
    atomic_store(&lanes->stop_watchdog, true);
    if (lanes->watching) pthread_join(lanes->watchdog, NULL);
    for (int i = 0; i < lanes->n; i++)
        free_lane(lanes->lanes[i]);
    free(lanes->lanes);
    free(lanes);
    return HY_OK;
}

void hy_lanes_block_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int hy_lanes_run(struct hy_lanes *lanes) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    struct hy_error err = {0};
    bool refused = false;
    const struct timespec wait = {.tv_nsec = 200000000L};
    while (!refused && sigtimedwait(&set, NULL, &wait) < 0)
        refused = hy_lanes_refused(lanes, &err);
    if (refused) HY_ERROR("lane.run", err.text, "exit=1");
    int rc = hy_lanes_stop(lanes, DRAIN_MS, &err);
    if (rc == HY_OK) return refused ? 1 : 0;
    // A thread is left that may still use what main would free.
    HY_WARN("lane.run", err.text, "exit=%d", refused ? 1 : 0);
    _exit(refused ? 1 : 0);
}
