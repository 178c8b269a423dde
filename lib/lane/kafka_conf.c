#include "lib/lane/kafka_conf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/lane/partitioner.h"

struct row {
    enum hy_kafka_role role;
    const char *key, *value;
};

// What each role needs. The reasons: design section 5, performance.md section 3.
static const struct row ROWS[] = {
    {HY_KAFKA_GROUP_CONSUMER, "enable.auto.commit", "false"},
    {HY_KAFKA_GROUP_CONSUMER, "enable.auto.offset.store", "false"},
    {HY_KAFKA_GROUP_CONSUMER, "auto.offset.reset", "error"},
    {HY_KAFKA_GROUP_CONSUMER, "isolation.level", "read_committed"},
    {HY_KAFKA_GROUP_CONSUMER, "partition.assignment.strategy", "range"}, // cooperative has open faults in 2.0.2
    {HY_KAFKA_GROUP_CONSUMER, "enable.partition.eof", "true"},
    {HY_KAFKA_GROUP_CONSUMER, "session.timeout.ms", "6000"},
    {HY_KAFKA_GROUP_CONSUMER, "heartbeat.interval.ms", "2000"},
    {HY_KAFKA_GROUP_CONSUMER, "max.poll.interval.ms", "60000"},
    {HY_KAFKA_GROUP_CONSUMER, "allow.auto.create.topics", "false"},
    {HY_KAFKA_GROUP_CONSUMER, "check.crcs", "true"},
    {HY_KAFKA_GROUP_CONSUMER, "fetch.wait.max.ms", "200"}, // a new assignment waits for what was asked before
    {HY_KAFKA_GROUP_CONSUMER, "fetch.error.backoff.ms", "50"},
    {HY_KAFKA_GROUP_CONSUMER, "queued.min.messages",
     "100000"}, // a full queue stops fetching for 1 s: hold more than that
    {HY_KAFKA_GROUP_CONSUMER, "queued.max.messages.kbytes", "65536"},
    // Only for handles that are polled: else their statistics pile up for as long as the process lives.
    {HY_KAFKA_GROUP_CONSUMER, "statistics.interval.ms", "10000"},
    {HY_KAFKA_TXN_PRODUCER, "statistics.interval.ms", "10000"},
    {HY_KAFKA_PRODUCER, "statistics.interval.ms", "10000"},
    {HY_KAFKA_READER, "enable.auto.commit", "false"},
    {HY_KAFKA_READER, "enable.auto.offset.store", "false"},
    {HY_KAFKA_READER, "auto.offset.reset", "earliest"},
    {HY_KAFKA_READER, "isolation.level", "read_committed"},
    {HY_KAFKA_READER, "enable.partition.eof", "true"},
    {HY_KAFKA_READER, "allow.auto.create.topics", "false"},
    {HY_KAFKA_READER, "check.crcs", "true"},
    {HY_KAFKA_READER, "fetch.error.backoff.ms", "50"},
    {HY_KAFKA_READER, "queued.min.messages", "100000"},
    {HY_KAFKA_READER, "queued.max.messages.kbytes", "65536"},
    {HY_KAFKA_PROBE, "enable.auto.commit", "false"},
    {HY_KAFKA_PROBE, "isolation.level", "read_uncommitted"}, // a read_committed end can be too low (KAFKA-10167)
    {HY_KAFKA_PROBE, "allow.auto.create.topics", "false"},
    {HY_KAFKA_TXN_PRODUCER, "transaction.timeout.ms", "6000"},
    {HY_KAFKA_TXN_PRODUCER, "message.timeout.ms", "5000"},
    // Each batch costs its request, its compression's tables and a walk over all partitions, so records wait for
    // company; not until the commit, whose flush (it does not linger) spins in 2.0.2 for as long as it has something to
    // send.
    {HY_KAFKA_TXN_PRODUCER, "linger.ms", "20"},
    {HY_KAFKA_TXN_PRODUCER, "batch.num.messages", "10000"},
    {HY_KAFKA_TXN_PRODUCER, "retry.backoff.ms", "20"}, // 100 would delay every CONCURRENT_TRANSACTIONS retry
    {HY_KAFKA_TXN_PRODUCER, "queue.buffering.max.messages", "500000"},
    {HY_KAFKA_TXN_PRODUCER, "queue.buffering.max.kbytes", "262144"},
    {HY_KAFKA_TXN_PRODUCER, "message.max.bytes", "2097152"},
    {HY_KAFKA_PRODUCER, "enable.idempotence", "true"},
    {HY_KAFKA_PRODUCER, "acks", "all"},
    {HY_KAFKA_PRODUCER, "batch.num.messages", "10000"},
    {HY_KAFKA_PRODUCER, "retry.backoff.ms", "50"},
};

// Given to every role before its own.
static const struct hy_kafka_setting COMMON[] = {
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"reconnect.backoff.ms", "50"},
    {"reconnect.backoff.max.ms", "1000"},
};

// What the exactly-once promise rests on: an operator's property must not change it.
static const char *const HY_KAFKA_FIXED[] = {
    "bootstrap.servers",        "metadata.broker.list",          "group.id",           "group.instance.id",
    "enable.auto.commit",       "enable.auto.offset.store",      "auto.offset.reset",  "isolation.level",
    "transactional.id",         "transaction.timeout.ms",        "enable.idempotence", "acks",
    "request.required.acks",    "partition.assignment.strategy", "partitioner",        "enable.partition.eof",
    "enable.gapless.guarantee",
};

struct hy_kafka_options hy_kafka_options_of(const struct hy_kafka_config *config, const char *client_id) {
    return (struct hy_kafka_options){
        .brokers = config->brokers, .properties = config->properties, .prefix = config->prefix, .client_id = client_id};
}

// ---- callbacks ----

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
    (void)rk;
    enum hy_log_level to = level <= 3   ? HY_LOG_ERROR
                           : level == 4 ? HY_LOG_WARN
                           : level <= 6 ? HY_LOG_INFO
                                        : HY_LOG_DEBUG;
    // librdkafka calls a lost connection, a coordinator that is loading, or one that still ends the transaction before
    // an error; all heal by themselves.
    bool busy = strstr(text, "another concurrent operation on the same transaction") != NULL;
    if (strcmp(facility, "FAIL") == 0 || strcmp(facility, "GETPID") == 0 || strcmp(facility, "ERROR") == 0 || busy)
        to = HY_LOG_INFO;
    hy_log_write(to, "kafka.client", text, "facility=%s", facility);
}

// Will not heal by waiting: the operator must act.
static bool is_refusal(rd_kafka_resp_err_t code) {
    switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
        return true;
    default:
        return false;
    }
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque) {
    struct hy_kafka_state *state = opaque;
    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        char text[256];
        rd_kafka_resp_err_t real = rd_kafka_fatal_error(rk, text, sizeof text);
        atomic_store(&state->fatal, (int)real);
        HY_WARN("kafka.fatal", text, "code=%s", rd_kafka_err2name(real));
        return;
    }
    if (code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        atomic_fetch_add(&state->disconnects, 1);
    if (is_refusal((rd_kafka_resp_err_t)code) && atomic_load(&state->refused) == 0) {
        snprintf(state->refused_text, sizeof state->refused_text, "%s", reason);
        atomic_store(&state->refused, code);
    }
    HY_INFO("kafka.error", reason, "code=%s", rd_kafka_err2name((rd_kafka_resp_err_t)code));
}

// Top-level numbers of the statistics stand before "brokers"; a full JSON reader would cost more than it tells.
static bool stat_number(const char *json, const char *key, double *out) {
    const char *stop = strstr(json, "\"brokers\"");
    const char *at = strstr(json, key);
    if (at == NULL || (stop != NULL && at > stop)) return false;
    *out = strtod(at + strlen(key), NULL);
    return true;
}

static int on_stats(rd_kafka_t *rk, char *json, size_t len, void *opaque) {
    (void)rk;
    (void)len;
    const struct hy_kafka_state *state = opaque;
    static const struct {
        const char *key, *name, *help;
    } WANTED[] = {
        {"\"msg_cnt\":", "huiying_kafka_queued_records", "Records in the producer's queue."},
        {"\"msg_size\":", "huiying_kafka_queued_bytes", "Bytes in the producer's queue."},
        {"\"replyq\":", "huiying_kafka_waiting_events", "Events that the program has not taken yet."},
    };
    char label[128], name[32];
    // By place, not by the client's own name: that is another one each time a client is made anew.
    snprintf(name, sizeof name, "%s%d", state->role == HY_KAFKA_GROUP_CONSUMER ? "consumer" : "producer", state->index);
    hy_metric_label(label, sizeof label, "client", name);
    for (size_t i = 0; i < sizeof WANTED / sizeof *WANTED; i++) {
        double value;
        if (stat_number(json, WANTED[i].key, &value))
            hy_metric_set(hy_metric_get(HY_GAUGE, WANTED[i].name, WANTED[i].help, label), value);
    }
    return 0; // librdkafka frees json
}

// ---- configuration ----

static int set(rd_kafka_conf_t *conf, const char *key, const char *value, struct hy_error *err) {
    char why[256];
    rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, key, value, why, sizeof why);
    if (res == RD_KAFKA_CONF_OK) return HY_OK;
    return hy_fail(err, HY_ECONFIG, "kafka property \"%s\": %s", key,
                   res == RD_KAFKA_CONF_UNKNOWN ? "there is no such property (misspelt?)" : why);
}

static int set_role(rd_kafka_conf_t *conf, enum hy_kafka_role role, struct hy_error *err) {
    int rc = HY_OK;
    for (size_t i = 0; rc == HY_OK && i < sizeof COMMON / sizeof *COMMON; i++)
        rc = set(conf, COMMON[i].key, COMMON[i].value, err);
    for (size_t i = 0; rc == HY_OK && i < sizeof ROWS / sizeof *ROWS; i++)
        if (ROWS[i].role == role) rc = set(conf, ROWS[i].key, ROWS[i].value, err);
    return rc;
}

static bool is_fixed(const char *key) {
    for (size_t i = 0; i < sizeof HY_KAFKA_FIXED / sizeof *HY_KAFKA_FIXED; i++)
        if (strcmp(key, HY_KAFKA_FIXED[i]) == 0) return true;
    return false;
}

static char *trimmed(char *text) {
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        text[--len] = '\0';
    return text;
}

// One "k=v" of the operator's properties; text is cut up.
static int set_property(rd_kafka_conf_t *conf, char *text, struct hy_error *err) {
    text = trimmed(text);
    if (*text == '\0') return HY_OK;
    char *equals = strchr(text, '=');
    if (equals == NULL)
        return hy_fail(err, HY_ECONFIG, "kafka.properties: \"%s\" is not key=value (separate several by ;)", text);
    *equals = '\0';
    char *key = trimmed(text);
    if (is_fixed(key))
        return hy_fail(err, HY_ECONFIG, "kafka property \"%s\" is fixed by the system: remove it from kafka.properties",
                       key);
    return set(conf, key, trimmed(equals + 1), err);
}

static int set_properties(rd_kafka_conf_t *conf, const char *properties, struct hy_error *err) {
    if (properties == NULL || *properties == '\0') return HY_OK;
    char *copy = strdup(properties);
    if (copy == NULL) return hy_fail(err, HY_ENOMEM, "out of memory");
    int rc = HY_OK;
    char *rest = NULL;
    for (char *one = strtok_r(copy, ";", &rest); rc == HY_OK && one != NULL; one = strtok_r(NULL, ";", &rest))
        rc = set_property(conf, one, err);
    free(copy);
    return rc;
}

static void set_callbacks(rd_kafka_conf_t *conf, struct hy_kafka_state *state) {
    rd_kafka_conf_set_opaque(conf, state);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_stats_cb(conf, on_stats);
}

static int fill(const struct hy_kafka_options *options, enum hy_kafka_role role, const struct hy_kafka_setting *more,
                size_t n_more, rd_kafka_conf_t *conf, struct hy_error *err) {
    if (options->brokers == NULL || *options->brokers == '\0')
        return hy_fail(err, HY_ECONFIG, "kafka.brokers is empty: give host:port of at least one broker");
    int rc = set_role(conf, role, err);
    if (rc == HY_OK) rc = set(conf, "bootstrap.servers", options->brokers, err);
    if (rc == HY_OK) rc = set(conf, "client.id", options->client_id == NULL ? "huiying" : options->client_id, err);
    for (size_t i = 0; rc == HY_OK && i < n_more; i++)
        rc = set(conf, more[i].key, more[i].value, err);
    return rc == HY_OK ? set_properties(conf, options->properties, err) : rc;
}

int hy_kafka_conf(const struct hy_kafka_options *options, enum hy_kafka_role role, const struct hy_kafka_setting *more,
                  size_t n_more, struct hy_kafka_state *state, rd_kafka_conf_t **out, struct hy_error *err) {
    *out = NULL;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int rc = fill(options, role, more, n_more, conf, err);
    if (rc != HY_OK) {
        rd_kafka_conf_destroy(conf);
        return rc;
    }
    if (state != NULL) state->role = role;
    set_callbacks(conf, state);
    if (role == HY_KAFKA_PRODUCER || role == HY_KAFKA_TXN_PRODUCER) {
        // The one that properties have been set on, if any: a new one would drop them.
        rd_kafka_topic_conf_t *topic = rd_kafka_conf_get_default_topic_conf(conf);
        if (topic == NULL) rd_kafka_conf_set_default_topic_conf(conf, topic = rd_kafka_topic_conf_new());
        rd_kafka_topic_conf_set_partitioner_cb(topic, hy_partitioner_cb);
    }
    *out = conf;
    return HY_OK;
}

int hy_kafka_new(enum hy_kafka_role role, rd_kafka_conf_t *conf, rd_kafka_t **out, struct hy_error *err) {
    bool producer = role == HY_KAFKA_TXN_PRODUCER || role == HY_KAFKA_PRODUCER || role == HY_KAFKA_ADMIN;
    char why[256];
    *out = rd_kafka_new(producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (*out == NULL) {
        rd_kafka_conf_destroy(conf);
        return hy_fail(err, HY_ECONFIG, "kafka client: %s", why);
    }
    return HY_OK;
}

int hy_kafka_refused(const struct hy_kafka_state *state, struct hy_error *err) {
    int code = atomic_load(&state->refused);
    if (code == 0) return HY_OK;
    return hy_fail(err, HY_EAUTH, "Kafka refuses this client (%s): %s; check certificate, kafka.properties and rights",
                   rd_kafka_err2name((rd_kafka_resp_err_t)code), state->refused_text);
}

// rd_kafka_query_watermark_offsets asks again and again while the broker is away, whatever its timeout (librdkafka
// 2.0.2); asking by time, where -2 is the start and -1 the end, does not.
static rd_kafka_resp_err_t ask_offset(rd_kafka_t *probe, const char *topic, int32_t partition, int timeout_ms,
                                      int64_t what, int64_t *out) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *row = rd_kafka_topic_partition_list_add(list, topic, partition);
    row->offset = what;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(probe, list, timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) code = row->err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) *out = row->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

int hy_kafka_watermarks(rd_kafka_t *probe, const char *topic, int32_t partition, int timeout_ms, int64_t *low,
                        int64_t *high, struct hy_error *err) {
    rd_kafka_resp_err_t code = ask_offset(probe, topic, partition, timeout_ms, RD_KAFKA_OFFSET_BEGINNING, low);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = ask_offset(probe, topic, partition, timeout_ms, RD_KAFKA_OFFSET_END, high);
    rd_kafka_poll(probe, 0); // its events: nobody else takes them
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return HY_OK;
    return hy_fail(err, hy_kafka_code(code), "the ends of %s/%d could not be read: %s", topic, partition,
                   rd_kafka_err2str(code));
}

int hy_kafka_partitions(rd_kafka_t *handle, const char *topic, int timeout_ms, int32_t *out, struct hy_error *err) {
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(handle, topic, NULL);
    const struct rd_kafka_metadata *meta = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(handle, 0, rkt, &meta, timeout_ms);
    rd_kafka_topic_destroy(rkt);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return hy_fail(err, hy_kafka_code(code), "topic %s could not be asked for: %s", topic, rd_kafka_err2str(code));
    code = meta->topic_cnt == 1 ? meta->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    *out = code == RD_KAFKA_RESP_ERR_NO_ERROR ? meta->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(meta);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return hy_fail(err, hy_kafka_code(code), "topic %s: %s", topic, rd_kafka_err2str(code));
    return HY_OK;
}

int hy_kafka_code(rd_kafka_resp_err_t code) {
    if (is_refusal(code)) return HY_EAUTH;
    switch (code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return HY_OK;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return HY_ETIMEOUT;
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
        return HY_EAGAIN;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return HY_ENOTFOUND;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return HY_ETOOBIG;
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
        return HY_EEXISTS;
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
        return HY_EFENCED;
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        return HY_ELOST;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__RESOLVE:
        return HY_ENET;
    default:
        return HY_EIO;
    }
}
