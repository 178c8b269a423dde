#include "lib/lane/publisher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/lane/handles.h"
#include "lib/lane/topics.h"

// One record on its way; freed by its delivery report.
struct flight {
    struct hy_publisher *publisher;
    hy_published_fn done;
    void *opaque;
};

struct hy_publisher {
    struct hy_publisher_options options;
    struct hy_kafka_state state;
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    struct hy_handles handles; // topic handles of rk
    int fd;                    // eventfd that librdkafka writes to when rk's queue gets its first event
    size_t in_flight;
    int reported; // callbacks run since the caller last asked
    bool calling; // callbacks are running: the client must stay
    struct hy_metric *ok, *failed, *unknown;
};

// ---- reports ----

static int status_of(const rd_kafka_message_t *message) {
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return HY_OK;
    if (rd_kafka_message_status(message) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED) return HY_EUNKNOWN;
    if (message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE) return HY_ECLOSED;
    return hy_kafka_code(message->err);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    (void)opaque;
    struct flight *flight = message->_private;
    struct hy_publisher *publisher = flight->publisher;
    struct hy_published result = {
        .status = status_of(message), .why = "", .partition = message->partition, .offset = -1, .timestamp_ms = -1};
    if (result.status == HY_OK) {
        rd_kafka_timestamp_type_t type;
        result.offset = message->offset;
        result.timestamp_ms = rd_kafka_message_timestamp(message, &type);
    } else {
        result.why = rd_kafka_err2str(message->err);
    }
    publisher->in_flight--;
    publisher->reported++;
    hy_metric_add(result.status == HY_OK         ? publisher->ok
                  : result.status == HY_EUNKNOWN ? publisher->unknown
                                                 : publisher->failed,
                  1);
    publisher->calling = true;
    if (flight->done != NULL) flight->done(flight->opaque, &result);
    publisher->calling = false;
    free(flight);
}

// ---- the client ----

static void text_of(char *out, size_t size, int64_t value) {
    snprintf(out, size, "%lld", (long long)value);
}

static int make_client(struct hy_publisher *publisher, struct hy_error *err) {
    const struct hy_publisher_options *o = &publisher->options;
    char timeout[24], linger[24], records[24], kbytes[24], bytes[24];
    text_of(timeout, sizeof timeout, o->timeout_ms);
    text_of(linger, sizeof linger, o->linger_ms);
    text_of(records, sizeof records, o->queue_records);
    text_of(kbytes, sizeof kbytes, o->queue_kbytes);
    text_of(bytes, sizeof bytes, o->max_record_bytes + 4096); // the client counts key and framing too
    const struct hy_kafka_setting more[] = {{"message.timeout.ms", timeout},
                                            {"linger.ms", linger},
                                            {"queue.buffering.max.messages", records},
                                            {"queue.buffering.max.kbytes", kbytes},
                                            {"message.max.bytes", bytes}};
    rd_kafka_conf_t *conf;
    int rc =
        hy_kafka_conf(&o->kafka, HY_KAFKA_PRODUCER, more, sizeof more / sizeof *more, &publisher->state, &conf, err);
    if (rc != HY_OK) return rc;
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rc = hy_kafka_new(HY_KAFKA_PRODUCER, conf, &publisher->rk, err);
    if (rc != HY_OK) return rc;
    publisher->queue = rd_kafka_queue_get_main(publisher->rk);
    static const uint64_t ONE = 1;
    rd_kafka_queue_io_event_enable(publisher->queue, publisher->fd, &ONE, sizeof ONE);
    hy_handles_init(&publisher->handles, publisher->rk, o->kafka.prefix);
    return HY_OK;
}

static void drop_client(struct hy_publisher *publisher) {
    if (publisher->rk == NULL) return;
    // All that is still there is reported (as never sent, or as unknown) before the client goes.
    rd_kafka_purge(publisher->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(publisher->rk, 5000);
    rd_kafka_queue_io_event_enable(publisher->queue, -1, NULL, 0);
    hy_handles_free(&publisher->handles);
    rd_kafka_queue_destroy(publisher->queue);
    rd_kafka_destroy(publisher->rk);
    publisher->rk = NULL;
}

// A fatal error ends the client, not the publisher.
static void heal(struct hy_publisher *publisher) {
    if (publisher->calling || atomic_load(&publisher->state.fatal) == 0) return;
    HY_WARN("publisher.recreate", "the Kafka client failed for good and is made anew", "in_flight=%zu",
            publisher->in_flight);
    drop_client(publisher);
    atomic_store(&publisher->state.fatal, 0);
    struct hy_error err;
    if (make_client(publisher, &err) != HY_OK) HY_ERROR("publisher.recreate", err.text, NULL);
}

static void defaults(struct hy_publisher_options *o) {
    if (o->timeout_ms == 0) o->timeout_ms = 30000;
    if (o->linger_ms == 0) o->linger_ms = 2;
    if (o->linger_ms < 0) o->linger_ms = 0;
    if (o->queue_records == 0) o->queue_records = 100000;
    if (o->queue_kbytes == 0) o->queue_kbytes = 65536;
    if (o->max_record_bytes == 0) o->max_record_bytes = 2 * 1024 * 1024;
}

int hy_publisher_open(const struct hy_publisher_options *options, struct hy_publisher **out, struct hy_error *err) {
    *out = NULL;
    struct hy_publisher *publisher = calloc(1, sizeof *publisher);
    if (publisher == NULL) return hy_fail(err, HY_ENOMEM, "out of memory");
    publisher->options = *options;
    defaults(&publisher->options);
    publisher->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    static const char *const NAME = "huiying_publisher_records_total", *const HELP =
                                                                           "Records published, by what became of them.";
    publisher->ok = hy_metric_get(HY_COUNTER, NAME, HELP, "result=\"ok\"");
    publisher->failed = hy_metric_get(HY_COUNTER, NAME, HELP, "result=\"failed\"");
    publisher->unknown = hy_metric_get(HY_COUNTER, NAME, HELP, "result=\"unknown\"");
    int rc = publisher->fd < 0 ? hy_fail(err, HY_EIO, "no event descriptor: %s", strerror(errno))
                               : make_client(publisher, err);
    if (rc != HY_OK) {
        hy_publisher_close(publisher, 0);
        return rc;
    }
    for (size_t i = 0; i < options->n_warm; i++)
        hy_handles_warm(&publisher->handles, options->warm[i]);
    *out = publisher;
    return HY_OK;
}

// ---- sending ----

static int check_record(struct hy_publisher *publisher, const char *topic, struct hy_bytes value,
                        struct hy_error *err) {
    int rc = hy_kafka_refused(&publisher->state, err);
    if (rc != HY_OK) return rc;
    if (publisher->rk == NULL) return hy_fail(err, HY_ENET, "the Kafka client could not be made again; see the log");
    if (hy_topic_find(topic) == NULL)
        return hy_fail(err, HY_ENOTFOUND, "there is no topic \"%s\" in the topics table", topic);
    if (value.len > (size_t)publisher->options.max_record_bytes)
        return hy_fail(err, HY_ETOOBIG, "a record of %zu bytes for %s is over the limit of %d", value.len, topic,
                       publisher->options.max_record_bytes);
    return HY_OK;
}

int hy_publish(struct hy_publisher *publisher, const char *topic, struct hy_bytes key, struct hy_bytes value,
               hy_published_fn done, void *opaque, struct hy_error *err) {
    // Healed by the next poll or flush, not here: it reports everything that is on its way, and who publishes may be in
    // the middle of a list of just that.
    if (atomic_load(&publisher->state.fatal) != 0)
        return hy_fail(err, HY_EAGAIN, "the Kafka client is being made anew");
    int rc = check_record(publisher, topic, value, err);
    if (rc != HY_OK) return rc;
    rd_kafka_topic_t *rkt = hy_handles_topic(&publisher->handles, topic);
    struct flight *flight = malloc(sizeof *flight);
    if (rkt == NULL || flight == NULL) {
        free(flight);
        return hy_fail(err, HY_ENOMEM, "out of memory");
    }
    *flight = (struct flight){.publisher = publisher, .done = done, .opaque = opaque};
    union {
        const void *in;
        void *out;
    } bytes = {value.data}; // librdkafka copies; its prototype only lacks the const
    if (rd_kafka_produce(rkt, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, bytes.out, value.len, key.data, key.len,
                         flight) == 0) {
        publisher->in_flight++;
        return HY_OK;
    }
    rd_kafka_resp_err_t code = rd_kafka_last_error();
    free(flight);
    if (code == RD_KAFKA_RESP_ERR__FATAL) return hy_fail(err, HY_EAGAIN, "the Kafka client is being made anew");
    return hy_fail(err, hy_kafka_code(code), "%s: %s", topic, rd_kafka_err2str(code));
}

int hy_publisher_poll(struct hy_publisher *publisher, int timeout_ms) {
    uint64_t drained;
    if (read(publisher->fd, &drained, sizeof drained) < 0 && errno != EAGAIN) return 0;
    heal(publisher);
    publisher->reported = 0;
    if (publisher->rk != NULL) rd_kafka_poll(publisher->rk, timeout_ms);
    return publisher->reported;
}

int hy_publisher_flush(struct hy_publisher *publisher, int timeout_ms) {
    int64_t until = hy_mono_ms(hy_clock_system()) + timeout_ms;
    while (publisher->in_flight > 0) {
        int64_t left = until - hy_mono_ms(hy_clock_system());
        if (left <= 0) return HY_ETIMEOUT;
        // flush cuts linger short; its short steps let a fatal error be healed.
        if (publisher->rk != NULL) rd_kafka_flush(publisher->rk, left > 200 ? 200 : (int)left);
        heal(publisher);
    }
    return HY_OK;
}

int hy_publisher_fd(const struct hy_publisher *publisher) {
    return publisher->fd;
}

size_t hy_publisher_in_flight(const struct hy_publisher *publisher) {
    return publisher->in_flight;
}

int hy_publisher_health(const struct hy_publisher *publisher, struct hy_error *err) {
    int rc = hy_kafka_refused(&publisher->state, err);
    if (rc != HY_OK) return rc;
    if (publisher->rk == NULL) return hy_fail(err, HY_ENET, "no Kafka client");
    return HY_OK;
}

uint64_t hy_publisher_disconnects(const struct hy_publisher *publisher) {
    return atomic_load(&publisher->state.disconnects);
}

struct waiting {
    bool done;
    struct hy_published result;
    char why[128];
};

static void note_result(void *opaque, const struct hy_published *result) {
    struct waiting *waiting = opaque;
    waiting->done = true;
    waiting->result = *result;
    snprintf(waiting->why, sizeof waiting->why, "%s", result->why);
}

static int queue_patiently(struct hy_publisher *publisher, const char *topic, struct hy_bytes key,
                           struct hy_bytes value, int64_t until, void *waiting, struct hy_error *err) {
    for (;;) {
        int rc = hy_publish(publisher, topic, key, value, note_result, waiting, err);
        if (rc != HY_EAGAIN || hy_mono_ms(hy_clock_system()) >= until) return rc;
        hy_publisher_poll(publisher, 50);
    }
}

int hy_publish_wait(struct hy_publisher *publisher, const char *topic, struct hy_bytes key, struct hy_bytes value,
                    int timeout_ms, struct hy_published *result, struct hy_error *err) {
    // On the heap and left there if time runs out: its report may come later.
    struct waiting *waiting = calloc(1, sizeof *waiting);
    if (waiting == NULL) return hy_fail(err, HY_ENOMEM, "out of memory");
    int64_t until = hy_mono_ms(hy_clock_system()) + timeout_ms;
    int rc = queue_patiently(publisher, topic, key, value, until, waiting, err);
    if (rc != HY_OK) {
        free(waiting);
        return rc;
    }
    while (!waiting->done && hy_mono_ms(hy_clock_system()) < until) {
        if (publisher->rk != NULL) rd_kafka_flush(publisher->rk, 100);
        heal(publisher);
    }
    if (!waiting->done)
        return hy_fail(err, HY_EUNKNOWN, "%s: not acknowledged within %d ms; it may still arrive", topic, timeout_ms);
    rc = waiting->result.status;
    if (result != NULL) *result = waiting->result;
    if (result != NULL) result->why = "";
    if (rc != HY_OK) hy_fail(err, rc, "%s: %s", topic, waiting->why);
    free(waiting);
    return rc;
}

void hy_publisher_close(struct hy_publisher *publisher, int timeout_ms) {
    if (publisher == NULL) return;
    if (publisher->rk != NULL && timeout_ms > 0 && hy_publisher_flush(publisher, timeout_ms) != HY_OK)
        HY_WARN("publisher.close", "records were not acknowledged in time", "in_flight=%zu", publisher->in_flight);
    drop_client(publisher);
    if (publisher->fd >= 0) close(publisher->fd);
    free(publisher);
}
