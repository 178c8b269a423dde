// late: sends letters at intended times and watches the topics where something of them must become visible to a reader
// of committed records. Latency is arrival minus intended send time, found by the letter's number: a sender or a
// system that stalls makes the figures worse, it does not hide them.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events.h"
#include "kit.h"

struct late {
    const char *brokers, *in, *town;
    unsigned departments;
    int64_t first, n, warm;
    double rate, start;
    double *took;       // seconds; 0 = not seen
    double latest_send; // how far the sender was behind its plan
    int64_t seen, twice;
};

static void *send_all(void *opaque) {
    struct late *late = opaque;
    struct events events;
    events_open(&events, late->town);
    events.departments = late->departments;
    rd_kafka_t *producer = kit_producer(late->brokers, "lz4");
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, late->in, NULL);
    for (int64_t i = 0; i < late->n; i++) {
        struct events_record record;
        events_make(&events, (unsigned)(late->first + i), &record);
        double due = late->start + (double)i / late->rate, behind = kit_now() - due;
        if (behind < 0) kit_sleep(-behind);
        if (i >= late->warm && behind > late->latest_send) late->latest_send = behind;
        kit_produce(producer, topic, record.key.data, record.key.len, record.value.data, record.value.len);
    }
    if (rd_kafka_flush(producer, 30000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        kit_die(late->in, "not all records were flushed");
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    events_close(&events);
    return NULL;
}

static void note(struct late *late, const rd_kafka_message_t *message) {
    int64_t i = events_number(message->payload, message->len) - late->first;
    if (i < 0 || i >= late->n) return;
    if (late->took[i] > 0) {
        late->twice++;
        return;
    }
    late->took[i] = kit_now() - (late->start + (double)i / late->rate);
    late->seen++;
}

static void receive_all(struct late *late, rd_kafka_t *reader, double grace) {
    double until = late->start + (double)late->n / late->rate + grace;
    while (late->seen < late->n && kit_now() < until) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 50);
        if (message == NULL) continue;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            note(late, message);
        else if (message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            kit_die(late->in, rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void say(struct late *late) {
    double *all = calloc((size_t)late->n + 1, sizeof *all);
    if (all == NULL) kit_die("late", "out of memory");
    size_t n = 0;
    for (int64_t i = late->warm; i < late->n; i++)
        if (late->took[i] > 0) all[n++] = late->took[i] * 1000;
    qsort(all, n, sizeof *all, compare);
#define AT(share) (n == 0 ? 0 : all[(size_t)((double)(n - 1) * (share))])
    printf("{\"measured\": %zu, \"missing\": %lld, \"twice\": %lld, \"p50\": %.2f, \"p90\": %.2f, \"p99\": %.2f, "
           "\"p999\": %.2f, \"max\": %.2f, \"sender_behind_ms\": %.1f}\n",
           n, (long long)(late->n - late->seen), (long long)late->twice, AT(.5), AT(.9), AT(.99), AT(.999), AT(1),
           late->latest_send * 1000);
    free(all);
}

int late_main(struct kit_options *options) {
    struct late late = {.brokers = kit_text(options, "brokers", NULL),
                        .in = kit_text(options, "in", NULL),
                        .town = kit_text(options, "town", "源城区"),
                        .departments = (unsigned)kit_number(options, "departments", 0),
                        .first = kit_number(options, "first", 0),
                        .rate = (double)kit_number(options, "rate", 1000)};
    late.warm = (int64_t)(late.rate * (double)kit_number(options, "warm", 5));
    late.n = late.warm + (int64_t)(late.rate * (double)kit_number(options, "seconds", 10));
    double grace = (double)kit_number(options, "grace", 15);
    late.took = calloc((size_t)late.n + 1, sizeof *late.took);
    if (late.took == NULL) kit_die("late", "out of memory");
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_t *reader = kit_reader(late.brokers, kit_text(options, "out", NULL), true, &list);
    kit_done(options);
    pthread_t sender;
    late.start = kit_now() + 0.5;
    if (pthread_create(&sender, NULL, send_all, &late) != 0) kit_die("late", "no thread");
    receive_all(&late, reader, grace);
    pthread_join(sender, NULL);
    say(&late);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    free(late.took);
    return 0;
}
