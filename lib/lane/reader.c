#include "lib/lane/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/breakage.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

struct hy_reader {
    rd_kafka_t *consumer, *probe;
    struct hy_kafka_state consumer_state, probe_state;
    char *topic;
    struct hy_reader_part *parts;
    size_t n;
    bool assigned;
};

static int open_handle(const struct hy_kafka_options *kafka, enum hy_kafka_role role, const char *group, int wait_ms,
                       struct hy_kafka_state *state, rd_kafka_t **out, struct hy_error *err) {
    char wait[16];
    snprintf(wait, sizeof wait, "%d", wait_ms);
    struct hy_kafka_setting more[] = {
        {"group.id", group}, {"fetch.wait.max.ms", wait}, {"isolation.level", "read_uncommitted"}};
    rd_kafka_conf_t *conf;
    int rc = hy_kafka_conf(kafka, role, more, HY_BROKEN(restore_reads_aborted) ? 3 : 2, state, &conf, err);
    return rc == HY_OK ? hy_kafka_new(role, conf, out, err) : rc;
}

int hy_reader_open(const struct hy_kafka_options *kafka, const char *group, const char *topic, enum hy_reader_wait wait,
                   struct hy_reader_part *parts, size_t n, struct hy_reader **out, struct hy_error *err) {
    struct hy_reader *reader = calloc(1, sizeof *reader);
    *out = NULL;
    if (reader == NULL || (reader->topic = strdup(topic)) == NULL) {
        free(reader);
        return hy_fail(err, HY_ENOMEM, "out of memory");
    }
    reader->parts = parts;
    reader->n = n;
    for (size_t i = 0; i < n; i++) {
        parts[i].low = parts[i].end = -1;
        parts[i].done = false;
    }
    int rc = open_handle(kafka, HY_KAFKA_PROBE, group, wait, &reader->probe_state, &reader->probe, err);
    if (rc == HY_OK)
        rc = open_handle(kafka, HY_KAFKA_READER, group, wait, &reader->consumer_state, &reader->consumer, err);
    if (rc != HY_OK) {
        hy_reader_close(reader);
        return rc;
    }
    rd_kafka_poll_set_consumer(reader->consumer);
    *out = reader;
    return HY_OK;
}

static int assign(struct hy_reader *reader, struct hy_error *err) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)reader->n);
    for (size_t i = 0; i < reader->n; i++)
        rd_kafka_topic_partition_list_add(list, reader->topic, reader->parts[i].partition)->offset =
            reader->parts[i].position;
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return hy_fail(err, HY_EIO, "%s could not be read: %s", reader->topic, rd_kafka_err2str(code));
    reader->assigned = true;
    return HY_OK;
}

int hy_reader_ends(struct hy_reader *reader, int timeout_ms, struct hy_error *err) {
    bool asked = false;
    for (size_t i = 0; i < reader->n; i++) {
        struct hy_reader_part *part = &reader->parts[i];
        if (part->end >= 0) continue;
        int32_t partitions;
        int rc = hy_kafka_refused(&reader->probe_state, err);
        // The question for the ends waits for as long as a lost broker's socket may take, whatever its time limit; this
        // one keeps to it.
        if (rc == HY_OK && !asked) rc = hy_kafka_partitions(reader->probe, reader->topic, timeout_ms, &partitions, err);
        if (rc != HY_OK) return rc;
        asked = true;
        int64_t low, end;
        rc = hy_kafka_watermarks(reader->probe, reader->topic, part->partition, timeout_ms, &low, &end, err);
        if (rc != HY_OK) return rc;
        part->low = low;
        part->end = end;
        if (part->position < low) part->position = low;
        part->done = part->position >= end;
    }
    return reader->assigned ? HY_OK : assign(reader, err);
}

void hy_reader_refresh(struct hy_reader *reader) {
    for (size_t i = 0; i < reader->n; i++) {
        reader->parts[i].end = -1;
        reader->parts[i].done = false;
    }
}

bool hy_reader_done(const struct hy_reader *reader) {
    for (size_t i = 0; i < reader->n; i++)
        if (!reader->parts[i].done) return false;
    return true;
}

static size_t part_of(const struct hy_reader *reader, int32_t partition) {
    size_t i = 0;
    while (i < reader->n && reader->parts[i].partition != partition)
        i++;
    return i;
}

static void moved_to(struct hy_reader_part *part, int64_t position) {
    if (position > part->position) part->position = position;
    if (part->end >= 0 && part->position >= part->end) part->done = true;
}

static int on_error(struct hy_reader *reader, const rd_kafka_message_t *message, struct hy_error *err) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        size_t i = part_of(reader, message->partition);
        if (i < reader->n) moved_to(&reader->parts[i], message->offset);
        return HY_OK;
    }
    int rc = hy_kafka_refused(&reader->consumer_state, err);
    if (rc != HY_OK) return rc;
    int code = hy_kafka_code(message->err);
    if (code == HY_ENOTFOUND || code == HY_EAUTH)
        return hy_fail(err, code, "%s: %s", reader->topic, rd_kafka_message_errstr(message));
    HY_INFO("kafka.reader", rd_kafka_message_errstr(message), "topic=%s partition=%d", reader->topic,
            message->partition);
    return HY_OK; // the client tries again by itself
}

// 1 when fn got a record, 0 when not, or HY_E*.
static int on_message(struct hy_reader *reader, const rd_kafka_message_t *message, hy_reader_fn fn, void *opaque,
                      struct hy_error *err) {
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return on_error(reader, message, err);
    size_t i = part_of(reader, message->partition);
    if (i == reader->n || message->offset < reader->parts[i].position) return 0;
    struct hy_reader_record record = {
        .part = i,
        .partition = message->partition,
        .offset = message->offset,
        .key = hy_bytes_from(message->key, message->key_len),
        .value = hy_bytes_from(message->payload, message->len),
        .tombstone = message->payload == NULL,
    };
    int rc = fn(opaque, &record, err);
    if (rc != HY_OK) return rc;
    moved_to(&reader->parts[i], message->offset + 1);
    return 1;
}

int hy_reader_step(struct hy_reader *reader, int timeout_ms, bool follow, hy_reader_fn fn, void *opaque,
                   struct hy_error *err) {
    int64_t until = hy_mono_ms(hy_clock_system()) + timeout_ms;
    int count = 0;
    while (follow || !hy_reader_done(reader)) {
        int64_t left = until - hy_mono_ms(hy_clock_system());
        // While following, only the first record is waited for.
        int wait = left < 0 || (follow && count > 0) ? 0 : (int)left;
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader->consumer, wait);
        if (message == NULL) {
            if (left <= 0 || count > 0) break;
            continue;
        }
        int rc = on_message(reader, message, fn, opaque, err);
        rd_kafka_message_destroy(message);
        if (rc < 0) return rc;
        count += rc;
        if (left <= 0) break;
    }
    return count;
}

rd_kafka_t *hy_reader_probe(struct hy_reader *reader) {
    return reader->probe;
}

void hy_reader_close(struct hy_reader *reader) {
    if (reader == NULL) return;
    if (reader->consumer != NULL) {
        rd_kafka_assign(reader->consumer, NULL);
        rd_kafka_consumer_close(reader->consumer);
        rd_kafka_destroy(reader->consumer);
    }
    if (reader->probe != NULL) rd_kafka_destroy(reader->probe);
    free(reader->topic);
    free(reader);
}
