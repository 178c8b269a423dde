// feed: makes messages and publishes them, as fast as it can or at a rate.
#include <stdio.h>
#include <string.h>

#include "events.h"
#include "kit.h"

int feed_main(struct kit_options *options) {
    const char *brokers = kit_text(options, "brokers", NULL), *topic = kit_text(options, "topic", NULL);
    int64_t n = kit_number(options, "n", 100000), first = kit_number(options, "first", 0);
    int64_t rate = kit_number(options, "rate", 0);
    struct events events;
    events_open(&events, kit_text(options, "town", "源城区"));
    events.mixed = strcmp(kit_text(options, "mix", "letters"), "mixed") == 0;
    events.again = kit_number(options, "again", 0) != 0;
    events.departments = (unsigned)kit_number(options, "departments", 0);
    events.now_ms -= kit_number(options, "age", 0) * 1000; // seconds since they were written
    kit_done(options);
    rd_kafka_t *producer = kit_producer(brokers, "lz4");
    rd_kafka_topic_t *handle = rd_kafka_topic_new(producer, topic, NULL);
    double start = kit_now();
    size_t bytes = 0;
    for (int64_t i = 0; i < n; i++) {
        struct events_record record;
        events_make(&events, (unsigned)(first + i), &record);
        if (rate > 0) kit_sleep(start + (double)i / (double)rate - kit_now());
        kit_produce(producer, handle, record.key.data, record.key.len, record.value.data, record.value.len);
        bytes += record.value.len;
    }
    if (rd_kafka_flush(producer, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR) kit_die(topic, "not all records were flushed");
    printf("{\"n\": %lld, \"bytes\": %.1f, \"seconds\": %.3f}\n", (long long)n, n ? (double)bytes / (double)n : 0,
           kit_now() - start);
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(producer);
    events_close(&events);
    return 0;
}
