#include "kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ASK_MS = 15000 };

_Noreturn void kit_die(const char *what, const char *why) {
    fprintf(stderr, "bench_kafka: %s: %s\n", what, why);
    exit(1);
}

const char *kit_text(struct kit_options *options, const char *key, const char *otherwise) {
    size_t len = strlen(key);
    for (int i = 0; i < options->n; i++)
        if (strncmp(options->words[i], key, len) == 0 && options->words[i][len] == '=') {
            options->asked |= UINT64_C(1) << i;
            return options->words[i] + len + 1;
        }
    if (otherwise == NULL) kit_die("missing option", key);
    return otherwise;
}

int64_t kit_number(struct kit_options *options, const char *key, int64_t otherwise) {
    const char *text = kit_text(options, key, "");
    char *end;
    int64_t value = strtoll(text, &end, 10);
    if (*end != '\0') kit_die("not a number", text);
    return *text == '\0' ? otherwise : value;
}

void kit_done(const struct kit_options *options) {
    for (int i = 0; i < options->n; i++)
        if (!(options->asked & UINT64_C(1) << i)) kit_die("unknown option", options->words[i]);
}

double kit_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void kit_sleep(double seconds) {
    if (seconds <= 0) return;
    struct timespec wait = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&wait, NULL);
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value) {
    char why[512];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof why) != RD_KAFKA_CONF_OK) kit_die(key, why);
}

rd_kafka_conf_t *kit_conf(const char *brokers, const char *settings) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[2048], *rest = text, *word;
    snprintf(text, sizeof text, "%s", settings);
    set(conf, "bootstrap.servers", brokers);
    set(conf, "socket.nagle.disable", "true");
    set(conf, "log_level", "3");
    while ((word = strtok_r(rest, ";", &rest)) != NULL) {
        char *value = strchr(word, '=');
        if (value == NULL) kit_die("a setting without value", word);
        *value = '\0';
        set(conf, word, value + 1);
    }
    return conf;
}

rd_kafka_t *kit_client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
    char why[512];
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (rk == NULL) kit_die("client", why);
    return rk;
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        kit_die("a record was not delivered", rd_kafka_err2str(message->err));
}

rd_kafka_t *kit_producer(const char *brokers, const char *codec) {
    rd_kafka_conf_t *conf =
        kit_conf(brokers, "linger.ms=5;batch.num.messages=10000;enable.idempotence=true;partitioner=murmur2_random;"
                          "queue.buffering.max.messages=500000;queue.buffering.max.kbytes=262144");
    set(conf, "compression.codec", codec);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    return kit_client(RD_KAFKA_PRODUCER, conf);
}

void kit_produce(rd_kafka_t *producer, rd_kafka_topic_t *topic, const void *key, size_t key_len, const void *value,
                 size_t value_len) {
    union {
        const void *in;
        void *out;
    } bytes = {value}; // librdkafka copies; its prototype only lacks the const
    while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, bytes.out, value_len, key, key_len,
                            NULL) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            kit_die("produce", rd_kafka_err2str(rd_kafka_last_error()));
        rd_kafka_poll(producer, 20);
    }
    rd_kafka_poll(producer, 0);
}

static bool named(const char *topics, const char *topic) {
    for (const char *at = topics; *at != '\0'; at += strcspn(at, ","), at += *at == ',') {
        size_t len = strcspn(at, ",");
        bool prefix = len > 0 && at[len - 1] == '*';
        if (prefix ? strncmp(at, topic, len - 1) == 0 : strlen(topic) == len && strncmp(at, topic, len) == 0)
            return true;
    }
    return false;
}

// The first record and the end of a partition; a topic that was just made may have no leader yet.
static void ends(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t *low, int64_t *high) {
    double until = kit_now() + ASK_MS / 1000.0;
    rd_kafka_resp_err_t code;
    while ((code = rd_kafka_query_watermark_offsets(rk, topic, partition, low, high, ASK_MS)) != 0 && kit_now() < until)
        kit_sleep(0.1);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) kit_die(topic, rd_kafka_err2str(code));
}

rd_kafka_t *kit_reader(const char *brokers, const char *topics, bool from_end, rd_kafka_topic_partition_list_t **out) {
    rd_kafka_t *rk =
        kit_client(RD_KAFKA_CONSUMER,
                   kit_conf(brokers, "group.id=bench-reader;enable.auto.commit=false;isolation.level=read_committed;"
                                     "enable.partition.eof=true;fetch.wait.max.ms=100;queued.min.messages=1000000;"
                                     "queued.max.messages.kbytes=262144;check.crcs=false"));
    const struct rd_kafka_metadata *meta;
    if (rd_kafka_metadata(rk, 1, NULL, &meta, ASK_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) kit_die(topics, "no metadata");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
    for (int i = 0; i < meta->topic_cnt; i++)
        for (int p = 0; named(topics, meta->topics[i].topic) && p < meta->topics[i].partition_cnt; p++) {
            int64_t low, high;
            ends(rk, meta->topics[i].topic, p, &low, &high);
            rd_kafka_topic_partition_list_add(list, meta->topics[i].topic, p)->offset = from_end ? high : low;
        }
    rd_kafka_metadata_destroy(meta);
    if (list->cnt == 0) kit_die(topics, "no such topics");
    if (rd_kafka_assign(rk, list) != RD_KAFKA_RESP_ERR_NO_ERROR) kit_die(topics, "assign");
    rd_kafka_poll_set_consumer(rk);
    *out = list;
    return rk;
}
