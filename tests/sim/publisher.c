// In the place of lib/lane/publisher.c: records go to the log in memory in order, each a moment after it was given.
// While Kafka is away they wait for their time-out; one that was on its way then may stand in the log without anybody
// knowing, and what a killed program had just given may or may not arrive.
#include <stdio.h>
#include <stdlib.h>

#include "lib/lane/publisher.h"
#include "tests/sim/kafka.h"
#include "tests/sim/program.h"

enum { TIMEOUT_MS = 10000, SEND_MOST_MS = 8, RETRY_MS = 50, PUBLISHERS_MAX = 64 };

struct message {
    struct message *next;
    char topic[64];
    struct hy_buf key, value;
    bool tombstone, sent, unsure;
    int64_t given_ms;
    hy_published_fn done;
    void *opaque;
    struct hy_published result;
};

struct hy_publisher {
    uint64_t id;
    struct sim_program *program;
    struct message *first, **last;       // not yet sent
    struct message *ended, **last_ended; // whose callback is due
    bool pumping;
};

static struct hy_publisher *living[PUBLISHERS_MAX];
static uint64_t made;

static void free_message(struct message *message) {
    hy_buf_free(&message->key);
    hy_buf_free(&message->value);
    free(message);
}

int hy_publisher_open(const struct hy_publisher_options *options, struct hy_publisher **out, struct hy_error *err) {
    (void)options;
    struct hy_publisher *publisher = calloc(1, sizeof *publisher);
    if (!publisher) return hy_fail(err, HY_ENOMEM, "no memory");
    publisher->id = made++;
    publisher->program = sim_program_running;
    publisher->last = &publisher->first;
    publisher->last_ended = &publisher->ended;
    living[publisher->id % PUBLISHERS_MAX] = publisher;
    *out = publisher;
    return HY_OK;
}

static bool send_first(struct message *message) {
    int32_t partition = -1;
    int64_t offset = -1;
    struct hy_bytes key = hy_buf_view(&message->key), value = hy_buf_view(&message->value);
    if (sim_append(message->topic, partition, key, value, message->tombstone, NULL, &offset) != HY_OK) return false;
    message->result =
        (struct hy_published){.status = HY_OK, .why = "", .offset = offset, .timestamp_ms = sim_now.now_ms};
    message->result.partition = -1;
    return true;
}

static void pump(void *ctx, uint64_t id) {
    struct hy_publisher *publisher = living[id % PUBLISHERS_MAX];
    (void)ctx;
    if (!publisher || publisher->id != id) return;
    publisher->pumping = false;
    while (publisher->first) {
        struct message *message = publisher->first;
        bool late = sim_now.now_ms - message->given_ms > TIMEOUT_MS;
        if (!send_first(message)) {
            if (!late) break;
            message->result = (struct hy_published){.status = HY_ETIMEOUT, .why = "timed out", .offset = -1};
        }
        publisher->first = message->next;
        if (!publisher->first) publisher->last = &publisher->first;
        message->next = NULL;
        *publisher->last_ended = message;
        publisher->last_ended = &message->next;
    }
    sim_program_wake(publisher->program, 0);
    if (!publisher->first) return;
    publisher->pumping = true;
    sim_after(RETRY_MS, pump, NULL, publisher->id);
}

int hy_publish(struct hy_publisher *publisher, const char *topic, struct hy_bytes key, struct hy_bytes value,
               hy_published_fn done, void *opaque, struct hy_error *err) {
    struct message *message = calloc(1, sizeof *message);
    if (!message || !hy_topic_find(topic)) abort();
    (void)err;
    snprintf(message->topic, sizeof message->topic, "%s", topic);
    hy_buf_add(&message->key, key.data, key.len);
    hy_buf_add(&message->value, value.data, value.len);
    message->tombstone = !value.data;
    message->given_ms = sim_now.now_ms;
    message->done = done;
    message->opaque = opaque;
    *publisher->last = message;
    publisher->last = &message->next;
    if (publisher->pumping) return HY_OK;
    publisher->pumping = true;
    sim_after(sim_between(1, SEND_MOST_MS), pump, NULL, publisher->id);
    return HY_OK;
}

static int tell(struct hy_publisher *publisher) {
    int n = 0;
    while (publisher->ended) {
        struct message *message = publisher->ended;
        publisher->ended = message->next;
        if (!publisher->ended) publisher->last_ended = &publisher->ended;
        if (message->done) message->done(message->opaque, &message->result);
        free_message(message);
        n++;
    }
    return n;
}

int hy_publisher_poll(struct hy_publisher *publisher, int timeout_ms) {
    (void)timeout_ms;
    return tell(publisher);
}

int hy_publisher_health(const struct hy_publisher *publisher, struct hy_error *err) {
    (void)publisher;
    return sim_kafka_away ? hy_fail(err, HY_ENET, "Kafka is away") : HY_OK;
}

void hy_publisher_close(struct hy_publisher *publisher, int timeout_ms) {
    (void)timeout_ms;
    if (!publisher) return;
    living[publisher->id % PUBLISHERS_MAX] = NULL;
    bool arrives = sim_chance(2); // what was on the wire when its sender died, up to some record
    while (publisher->first) {
        struct message *message = publisher->first;
        publisher->first = message->next;
        arrives = arrives && !sim_chance(3) && send_first(message);
        message->result = (struct hy_published){.status = HY_EUNKNOWN, .why = "closed", .offset = -1};
        message->next = NULL;
        *publisher->last_ended = message;
        publisher->last_ended = &message->next;
    }
    tell(publisher);
    free(publisher);
}
