#include "tools/hyctl/scan.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "tools/hyctl/say.h"

enum { SILENCE_MS = 30000, STEP_MS = 200 };

int hyctl_partitions(const struct hy_kafka_options *kafka, const char *topic, int32_t *out, struct hy_error *err) {
    struct hy_kafka_state state = {0};
    rd_kafka_t *rk;
    char full[HY_TOPIC_NAME_SIZE];
    int rc = hyctl_kafka_handle(kafka, &state, &rk, err);
    if (rc != HY_OK) return rc;
    hy_topic_full(kafka->prefix, topic, full);
    rc = hy_kafka_partitions(rk, full, HYCTL_REACH_MS, out, err);
    rd_kafka_destroy(rk);
    return rc == HY_ENOTFOUND ? hy_fail(err, rc, "there is no topic %s: run hyctl topics create", full) : rc;
}

static uint64_t done_of(const struct hy_reader_part *parts, size_t n, uint64_t *total) {
    uint64_t done = 0;
    *total = 0;
    for (size_t i = 0; i < n; i++) {
        *total += (uint64_t)(parts[i].end - parts[i].low);
        if (parts[i].position > parts[i].low) done += (uint64_t)(parts[i].position - parts[i].low);
    }
    return done;
}

static int read_on(const struct hyctl_scan *scan, struct hy_reader *reader, const struct hy_reader_part *parts,
                   size_t n, struct hyctl_progress *progress, struct hy_error *err) {
    const struct hy_clock *clock = hy_clock_system();
    int64_t heard = hy_mono_ms(clock);
    uint64_t total, before = done_of(parts, n, &total);
    hyctl_progress_total(progress, total);
    while (!hy_reader_done(reader)) {
        int rc = hy_reader_step(reader, STEP_MS, false, scan->fn, scan->opaque, err);
        if (rc < 0) return rc;
        uint64_t done = done_of(parts, n, &total);
        hyctl_progress_set(progress, done);
        if (done != before) heard = hy_mono_ms(clock);
        before = done;
        if (hy_mono_ms(clock) - heard > SILENCE_MS)
            return hy_fail(err, HY_ETIMEOUT, "%s: nothing came for %d s (an open transaction, or a broker is gone)",
                           scan->topic, SILENCE_MS / 1000);
    }
    return HY_OK;
}

static int read_parts(const struct hyctl_scan *scan, struct hy_reader_part *parts, size_t n, struct hy_error *err) {
    char full[HY_TOPIC_NAME_SIZE], group[HY_TOPIC_NAME_SIZE];
    struct hy_reader *reader;
    hy_topic_full(scan->kafka->prefix, scan->topic, full);
    hy_topic_full(scan->kafka->prefix, "hyctl", group);
    int rc = hy_reader_open(scan->kafka, group, full, HY_READER_TO_THE_END, parts, n, &reader, err);
    if (rc != HY_OK) return rc;
    struct hyctl_progress *progress = hyctl_progress_start(scan->showing, 0);
    rc = hy_reader_ends(reader, HYCTL_REACH_MS, err);
    if (rc == HY_OK) rc = read_on(scan, reader, parts, n, progress, err);
    hyctl_progress_end(progress);
    hy_reader_close(reader);
    return rc;
}

int hyctl_scan(const struct hyctl_scan *scan, struct hy_error *err) {
    int32_t count;
    int rc = hyctl_partitions(scan->kafka, scan->topic, &count, err);
    if (rc != HY_OK) return rc;
    size_t n = scan->partition < 0 ? (size_t)count : 1;
    struct hy_reader_part *parts = calloc(n, sizeof *parts);
    if (parts == NULL) return hy_fail(err, HY_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++)
        parts[i] = (struct hy_reader_part){.partition = scan->partition < 0 ? (int32_t)i : scan->partition, .end = -1};
    rc = read_parts(scan, parts, n, err);
    free(parts);
    return rc;
}
