// Making and checking topics through Kafka's admin requests, and their log ids.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "huiying/v1/registry.pb-c.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/lane/registry.h"
#include "lib/lane/registry_key.h"
#include "lib/lane/topics.h"

struct work {
    const struct hy_kafka_options *kafka;
    struct hy_topics_plan plan;
    int64_t until_ms;
    struct hy_kafka_state state;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct hy_buf *report;
    struct hy_error *err;
    struct hy_error first; // difference between a topic and the table; code 0 = none
};

static int left_ms(const struct work *work) {
    int64_t left = work->until_ms - hy_mono_ms(hy_clock_system());
    return left < 1 ? 1 : (int)left;
}

static void say(struct work *work, const char *name, const char *what) {
    if (work->report != NULL) hy_buf_addf(work->report, "%s: %s\n", name, what);
}

static void differ(struct work *work, int rc, const char *name, const char *what) {
    say(work, name, what);
    if (work->first.code == HY_OK) hy_fail(&work->first, rc, "topic %s: %s", name, what);
}

static int open_admin(struct work *work) {
    rd_kafka_conf_t *conf;
    int rc = hy_kafka_conf(work->kafka, HY_KAFKA_ADMIN, NULL, 0, &work->state, &conf, work->err);
    if (rc == HY_OK) rc = hy_kafka_new(HY_KAFKA_ADMIN, conf, &work->rk, work->err);
    if (rc == HY_OK) work->queue = rd_kafka_queue_new(work->rk);
    return rc;
}

static void close_admin(struct work *work) {
    if (work->queue != NULL) rd_kafka_queue_destroy(work->queue);
    if (work->rk != NULL) rd_kafka_destroy(work->rk);
}

static int32_t wanted_partitions(const struct work *work, const struct hy_topic *row) {
    return work->plan.partitions > 0 && row->partitions > 1 ? work->plan.partitions : row->partitions;
}

// Waits for the answer of one admin request. NULL when none came in time; the caller destroys it.
static rd_kafka_event_t *answer(struct work *work) {
    int64_t slice = 200;
    for (;;) {
        rd_kafka_event_t *event =
            rd_kafka_queue_poll(work->queue, (int)(left_ms(work) < slice ? left_ms(work) : slice));
        rd_kafka_poll(work->rk, 0); // error_cb: a refused log-in would otherwise only look like silence
        if (event != NULL || left_ms(work) <= 1 || hy_kafka_refused(&work->state, NULL) != HY_OK) return event;
    }
}

static rd_kafka_AdminOptions_t *admin_options(struct work *work, rd_kafka_admin_op_t op) {
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(work->rk, op);
    char why[128];
    rd_kafka_AdminOptions_set_request_timeout(options, left_ms(work), why, sizeof why);
    return options;
}

static int no_answer(struct work *work, const char *name) {
    int rc = hy_kafka_refused(&work->state, work->err);
    return rc != HY_OK ? rc
                       : hy_fail(work->err, HY_ETIMEOUT, "topic %s: Kafka at %s did not answer in time", name,
                                 work->kafka->brokers);
}

// ---- making ----

static void topic_config(rd_kafka_NewTopic_t *topic, const struct hy_topic *row) {
    char number[32];
    snprintf(number, sizeof number, "%lld", (long long)row->retention_ms);
    rd_kafka_NewTopic_set_config(topic, "retention.ms", number);
    rd_kafka_NewTopic_set_config(topic, "cleanup.policy", row->compacted ? "compact" : "delete");
    snprintf(number, sizeof number, "%d", row->max_bytes);
    rd_kafka_NewTopic_set_config(topic, "max.message.bytes", number);
    if (row->log_append_time) rd_kafka_NewTopic_set_config(topic, "message.timestamp.type", "LogAppendTime");
    if (row->compacted) {
        // The active segment is never compacted; a tombstone stays a week for folds that were away.
        rd_kafka_NewTopic_set_config(topic, "segment.ms", "3600000");
        rd_kafka_NewTopic_set_config(topic, "segment.bytes", "67108864");
        rd_kafka_NewTopic_set_config(topic, "min.cleanable.dirty.ratio", "0.3");
        rd_kafka_NewTopic_set_config(topic, "delete.retention.ms", "604800000");
    }
}

static rd_kafka_resp_err_t created_code(rd_kafka_event_t *event, char *why, size_t size) {
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    snprintf(why, size, "%s", rd_kafka_event_error_string(event));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return code;
    size_t n;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    if (n != 1) return RD_KAFKA_RESP_ERR__BAD_MSG;
    const char *text = rd_kafka_topic_result_error_string(results[0]);
    snprintf(why, size, "%s", text == NULL ? "" : text);
    return rd_kafka_topic_result_error(results[0]);
}

// HY_OK: made now; HY_EEXISTS.
static int make_topic(struct work *work, const struct hy_topic *row, const char *full) {
    char why[256] = "";
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(full, wanted_partitions(work, row), work->plan.replication, why, sizeof why);
    if (topic == NULL) return hy_fail(work->err, HY_EINVALID, "topic %s: %s", full, why);
    topic_config(topic, row);
    rd_kafka_AdminOptions_t *options = admin_options(work, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_operation_timeout(options, left_ms(work), why, sizeof why);
    rd_kafka_CreateTopics(work->rk, &topic, 1, options, work->queue);
    rd_kafka_event_t *event = answer(work);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(topic);
    if (event == NULL) return no_answer(work, full);
    rd_kafka_resp_err_t code = created_code(event, why, sizeof why);
    rd_kafka_event_destroy(event);
    if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) return HY_EEXISTS;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return hy_fail(work->err, hy_kafka_code(code), "topic %s could not be made: %s", full, why);
    return HY_OK;
}

// A broker tells of a new topic a moment after the controller made it.
static int await_topic(struct work *work, const char *full) {
    int32_t partitions;
    for (;;) {
        int rc = hy_kafka_partitions(work->rk, full, left_ms(work), &partitions, work->err);
        if (rc != HY_ENOTFOUND || left_ms(work) <= 1) return rc;
        nanosleep(&(struct timespec){.tv_nsec = 50000000L}, NULL);
    }
}

// ---- checking ----

static const char *config_value(rd_kafka_event_t *event, const char *name) {
    size_t n, rows;
    const rd_kafka_ConfigResource_t **resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event), &n);
    if (n != 1) return NULL;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[0], &rows);
    for (size_t i = 0; i < rows; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(entries[i]), name) == 0) return rd_kafka_ConfigEntry_value(entries[i]);
    return NULL;
}

static void expect_text(struct work *work, const char *full, rd_kafka_event_t *event, const char *name,
                        const char *wanted) {
    const char *value = config_value(event, name);
    if (value != NULL && strcmp(value, wanted) == 0) return;
    char what[256];
    snprintf(what, sizeof what, "%s is %s, must be %s (kafka-configs.sh --alter, or make the topic anew)", name,
             value == NULL ? "unknown" : value, wanted);
    differ(work, HY_EMISMATCH, full, what);
}

// At least `wanted`; -1 stands for without end.
static void expect_at_least(struct work *work, const char *full, rd_kafka_event_t *event, const char *name,
                            int64_t wanted) {
    const char *value = config_value(event, name);
    int64_t real = value == NULL ? 0 : strtoll(value, NULL, 10);
    if (real == -1 || (wanted != -1 && real >= wanted)) return;
    char what[256];
    snprintf(what, sizeof what, "%s is %s, must be at least %lld", name, value == NULL ? "unknown" : value,
             (long long)wanted);
    differ(work, HY_EMISMATCH, full, what);
}

static void check_config(struct work *work, const struct hy_topic *row, const char *full, rd_kafka_event_t *event) {
    expect_text(work, full, event, "cleanup.policy", row->compacted ? "compact" : "delete");
    expect_text(work, full, event, "message.timestamp.type", row->log_append_time ? "LogAppendTime" : "CreateTime");
    expect_at_least(work, full, event, "max.message.bytes", row->max_bytes);
    if (!row->compacted) expect_at_least(work, full, event, "retention.ms", row->retention_ms);
}

static int describe(struct work *work, const struct hy_topic *row, const char *full) {
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, full);
    rd_kafka_AdminOptions_t *options = admin_options(work, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(work->rk, &resource, 1, options, work->queue);
    rd_kafka_event_t *event = answer(work);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy(resource);
    if (event == NULL) return no_answer(work, full);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        check_config(work, row, full, event);
    } else {
        hy_fail(work->err, hy_kafka_code(code), "topic %s: its configuration could not be read: %s", full,
                rd_kafka_err2str(code));
    }
    rd_kafka_event_destroy(event);
    return hy_kafka_code(code);
}

static int check_topic(struct work *work, const struct hy_topic *row, const char *full) {
    int32_t partitions;
    struct hy_error why = {0}; // work->err holds the first difference
    int rc = hy_kafka_partitions(work->rk, full, left_ms(work), &partitions, &why);
    if (rc == HY_ENOTFOUND) {
        differ(work, HY_ENOTFOUND, full, "missing: run `hyctl topics create`");
        return HY_OK;
    }
    if (rc != HY_OK) return hy_fail(work->err, rc, "%s", why.text);
    char what[256];
    int32_t wanted = wanted_partitions(work, row);
    if (partitions != wanted) {
        snprintf(what, sizeof what,
                 "has %d partitions, must have %d; counts are fixed at creation (hyctl topics repartition)", partitions,
                 wanted);
        differ(work, HY_EMISMATCH, full, what);
    }
    size_t said = work->report == NULL ? 0 : work->report->len;
    rc = describe(work, row, full);
    if (rc == HY_OK && work->report != NULL && work->report->len == said && partitions == wanted) {
        snprintf(what, sizeof what, "as it should be, %d partitions", partitions);
        say(work, full, what);
    }
    return rc;
}

// ---- log ids ----

static int new_log_id(char out[HY_LOG_ID_SIZE], struct hy_error *err) {
    uint8_t noise[32];
    if (hy_random(noise, sizeof noise) != HY_OK) return hy_fail(err, HY_EIO, "no random source for a log id");
    struct hy_bytes field = hy_bytes_from(noise, sizeof noise);
    hy_id_of(&field, 1, out);
    return HY_OK;
}

// Queues the log id of a topic in the open transaction.
static int queue_log_id(struct work *work, rd_kafka_t *rk, rd_kafka_topic_t *rkt, const char *full) {
    char id[HY_LOG_ID_SIZE], key[HY_REGISTRY_KEY_SIZE];
    int rc = new_log_id(id, work->err);
    if (rc != HY_OK) return rc;
    struct hy_registry_entry entry = {.kind = "log",
                                      .id = full,
                                      .content = hy_bytes_of(id),
                                      .media_type = "text/plain",
                                      .published_by = "topics",
                                      .published_ms = hy_wall_ms(hy_clock_system())};
    hy_sha256(entry.content, entry.hash);
    struct hy_bytes name = hy_registry_key(entry.kind, entry.id, key);
    struct hy_buf packed = {0};
    rc = hy_registry_pack(&entry, 0, &packed);
    if (rc == HY_OK &&
        rd_kafka_produce(rkt, 0, RD_KAFKA_MSG_F_COPY, packed.data, packed.len, name.data, name.len, NULL) != 0)
        rc = HY_EIO;
    hy_buf_free(&packed);
    rd_kafka_poll(rk, 0);
    return rc == HY_OK ? HY_OK : hy_fail(work->err, rc, "the log id of %s could not be written", full);
}

// The topics of one run, in the order in which they were made or found.
struct names {
    char (*list)[HY_TOPIC_NAME_SIZE];
    bool *fresh; // made in this run: an id from before is of an older topic of that name
    size_t n;
    struct hy_registry *before; // as it was before the first topic was made; NULL = there was none
};

static bool has_log_id(const struct names *names, struct hy_registry *registry, size_t i) {
    struct hy_buf id = {0}, old = {0};
    bool has = hy_registry_get(registry, "log", names->list[i], &id, NULL) == HY_OK;
    if (has && names->fresh[i] && names->before != NULL &&
        hy_registry_get(names->before, "log", names->list[i], &old, NULL) == HY_OK)
        has = !hy_bytes_equal(hy_buf_view(&id), hy_buf_view(&old));
    hy_buf_free(&id);
    hy_buf_free(&old);
    return has;
}

// HY_EAUTH, or HY_EFENCED for whatever may come of another run that holds the same transactional id.
static int kafka_error(struct work *work, rd_kafka_error_t *error, const char *what) {
    if (error == NULL) return HY_OK;
    int code = hy_kafka_code(rd_kafka_error_code(error)) == HY_EAUTH ? HY_EAUTH : HY_EFENCED;
    hy_fail(work->err, code, "%s: %s", what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return code;
}

// Writes what is missing in one transaction. HY_EFENCED: another one is at it, look again.
static int write_ids(struct work *work, rd_kafka_t *rk, const struct names *names, const bool *done) {
    char registry_topic[HY_TOPIC_NAME_SIZE];
    hy_topic_full(work->kafka->prefix, HY_TOPIC_REGISTRY, registry_topic);
    int rc = kafka_error(work, rd_kafka_begin_transaction(rk), "log ids");
    if (rc != HY_OK) return rc;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, registry_topic, NULL);
    for (size_t i = 0; rc == HY_OK && i < names->n; i++)
        if (!done[i]) rc = queue_log_id(work, rk, rkt, names->list[i]);
    rd_kafka_topic_destroy(rkt);
    if (rc == HY_OK) return kafka_error(work, rd_kafka_commit_transaction(rk, left_ms(work)), "log ids");
    rd_kafka_error_t *error = rd_kafka_abort_transaction(rk, 5000);
    if (error != NULL) rd_kafka_error_destroy(error);
    return rc;
}

// With the transactional id held (whoever comes later fences us), what the registry shows is what is.
static int find_missing(struct work *work, const struct names *names, bool *done, bool *all) {
    struct hy_registry *registry;
    int rc;
    // It was just made: a broker that has not heard of it yet may be the one that is asked.
    while ((rc = hy_registry_open(work->kafka, NULL, NULL, left_ms(work), &registry, work->err)) == HY_ENOTFOUND &&
           left_ms(work) > 1)
        nanosleep(&(struct timespec){.tv_nsec = 100000000L}, NULL);
    if (rc != HY_OK) return rc;
    *all = true;
    for (size_t i = 0; i < names->n; i++) {
        done[i] = has_log_id(names, registry, i);
        *all = *all && done[i];
    }
    hy_registry_close(registry);
    return HY_OK;
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)message;
    (void)opaque; // a failed record makes the commit fail
}

static int open_txn(struct work *work, struct hy_kafka_state *state, rd_kafka_t **rk) {
    char id[HY_TOPIC_NAME_SIZE];
    struct hy_kafka_setting more = {"transactional.id", hy_topic_full(work->kafka->prefix, "topics", id)};
    rd_kafka_conf_t *conf;
    int rc = hy_kafka_conf(work->kafka, HY_KAFKA_TXN_PRODUCER, &more, 1, state, &conf, work->err);
    if (rc != HY_OK) return rc;
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rc = hy_kafka_new(HY_KAFKA_TXN_PRODUCER, conf, rk, work->err);
    return rc == HY_OK ? kafka_error(work, rd_kafka_init_transactions(*rk, left_ms(work)), "log ids") : rc;
}

static int give_log_ids(struct work *work, struct names *names) {
    bool *done = calloc(names->n + 1, sizeof *done), all = false;
    if (done == NULL) return hy_fail(work->err, HY_ENOMEM, "out of memory");
    int rc = find_missing(work, names, done, &all); // the usual case costs no transaction
    while (rc == HY_OK && !all) {
        struct hy_kafka_state state = {0};
        rd_kafka_t *rk = NULL;
        rc = open_txn(work, &state, &rk);
        if (rc == HY_OK) rc = find_missing(work, names, done, &all);
        if (rc == HY_OK && !all) rc = write_ids(work, rk, names, done);
        if (rk != NULL) rd_kafka_destroy(rk);
        if (rc == HY_OK) break;
        if (rc != HY_EFENCED || left_ms(work) <= 1) continue;
        rc = HY_OK; // another run is at it: look again
        nanosleep(&(struct timespec){.tv_nsec = 100000000L}, NULL);
    }
    free(done);
    return rc;
}

// ---- the two entries ----

static int outcome(const struct work *work) {
    if (work->first.code != HY_OK && work->err != NULL) *work->err = work->first;
    return work->first.code;
}

static void start(struct work *work, const struct hy_topics_plan *plan, int timeout_ms) {
    if (plan != NULL) work->plan = *plan;
    if (work->plan.replication == 0) work->plan.replication = -1; // default.replication.factor of the brokers
    work->until_ms = hy_mono_ms(hy_clock_system()) + timeout_ms;
}

static int make_or_check(struct work *work, const struct hy_topic *row, const char *name, struct names *names) {
    char *full = hy_topic_full(work->kafka->prefix, name, names->list[names->n]);
    int rc = make_topic(work, row, full);
    if (rc == HY_OK) {
        char what[64];
        snprintf(what, sizeof what, "made, %d partitions", wanted_partitions(work, row));
        say(work, full, what);
        names->fresh[names->n] = true;
        rc = await_topic(work, full);
    } else if (rc == HY_EEXISTS) {
        rc = await_topic(work, full);
        if (rc == HY_OK) rc = check_topic(work, row, full);
    }
    names->n++;
    return rc;
}

static int make_all(struct work *work, const char *const *depts, size_t n_depts, struct names *names) {
    size_t n;
    const struct hy_topic *rows = hy_topics(&n);
    int rc = HY_OK;
    for (size_t i = 0; rc == HY_OK && i < n; i++)
        if (strcmp(rows[i].name, HY_TOPIC_WORK) != 0) rc = make_or_check(work, &rows[i], rows[i].name, names);
    for (size_t i = 0; rc == HY_OK && i < n_depts; i++) {
        char name[HY_TOPIC_NAME_SIZE];
        if (!hy_topic_dept_valid(depts[i]))
            return hy_fail(work->err, HY_EINVALID, "department code \"%.80s\": must be 1-64 of a-z 0-9 _ -", depts[i]);
        snprintf(name, sizeof name, "%s%s", HY_TOPIC_WORK, depts[i]);
        rc = make_or_check(work, hy_topic_find(name), name, names);
    }
    return rc;
}

static int reserve(struct names *names, size_t n, struct hy_error *err) {
    names->list = calloc(n, sizeof *names->list);
    names->fresh = calloc(n, sizeof *names->fresh);
    return names->list == NULL || names->fresh == NULL ? hy_fail(err, HY_ENOMEM, "out of memory") : HY_OK;
}

static int look_before(struct work *work, struct names *names) {
    int rc = hy_registry_open(work->kafka, NULL, NULL, left_ms(work), &names->before, work->err);
    return rc == HY_ENOTFOUND ? HY_OK : rc;
}

int hy_topics_create(const struct hy_kafka_options *kafka, const struct hy_topics_plan *plan, const char *const *depts,
                     size_t n, int timeout_ms, struct hy_buf *report, struct hy_error *err) {
    struct work work = {.kafka = kafka, .report = report, .err = err};
    struct names names = {0};
    size_t rows;
    hy_topics(&rows);
    start(&work, plan, timeout_ms);
    int rc = reserve(&names, rows + n, err);
    if (rc == HY_OK) rc = open_admin(&work);
    if (rc == HY_OK) rc = look_before(&work, &names);
    if (rc == HY_OK) rc = make_all(&work, depts, n, &names);
    if (rc == HY_OK) rc = give_log_ids(&work, &names);
    hy_registry_close(names.before);
    close_admin(&work);
    free(names.list);
    free(names.fresh);
    return rc == HY_OK ? outcome(&work) : rc;
}

int hy_topics_check(const struct hy_kafka_options *kafka, const struct hy_topics_plan *plan, int timeout_ms,
                    struct hy_buf *report, struct hy_error *err) {
    struct work work = {.kafka = kafka, .report = report, .err = err};
    start(&work, plan, timeout_ms);
    size_t n;
    const struct hy_topic *rows = hy_topics(&n);
    int rc = open_admin(&work);
    for (size_t i = 0; rc == HY_OK && i < n; i++) {
        char full[HY_TOPIC_NAME_SIZE];
        if (strcmp(rows[i].name, HY_TOPIC_WORK) != 0)
            rc = check_topic(&work, &rows[i], hy_topic_full(kafka->prefix, rows[i].name, full));
    }
    close_admin(&work);
    return rc == HY_OK ? outcome(&work) : rc;
}

static int log_id_in(struct hy_registry *registry, const char *full, char out[HY_LOG_ID_SIZE], struct hy_error *err) {
    struct hy_buf id = {0};
    int rc = hy_registry_get(registry, "log", full, &id, NULL);
    if (rc == HY_OK && (id.len != HY_LOG_ID_SIZE - 1 || !hy_id_valid(id.data))) rc = HY_EFORMAT;
    if (rc == HY_OK) {
        memcpy(out, id.data, HY_LOG_ID_SIZE);
    } else {
        hy_fail(err, rc, "topic %s has no log id in hy.registry: run `hyctl topics create`", full);
    }
    hy_buf_free(&id);
    return rc;
}

int hy_log_ids(const struct hy_kafka_options *kafka, const char *const *names, size_t n, int timeout_ms,
               char (*out)[HY_LOG_ID_SIZE], struct hy_error *err) {
    struct hy_registry *registry;
    int rc = hy_registry_open(kafka, NULL, NULL, timeout_ms, &registry, err);
    if (rc != HY_OK) return rc;
    for (size_t i = 0; rc == HY_OK && i < n; i++) {
        char full[HY_TOPIC_NAME_SIZE];
        rc = log_id_in(registry, hy_topic_full(kafka->prefix, names[i], full), out[i], err);
    }
    hy_registry_close(registry);
    return rc;
}

int hy_log_id(const struct hy_kafka_options *kafka, const char *name, int timeout_ms, char out[HY_LOG_ID_SIZE],
              struct hy_error *err) {
    return hy_log_ids(kafka, &name, 1, timeout_ms, (char(*)[HY_LOG_ID_SIZE])out, err);
}
