#include "lib/lane/handles.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/lane/kafka_conf.h"
#include "lib/lane/topics.h"

enum { ASK_MS = 2000, MISSING_MS = 2000 };

void hy_handles_init(struct hy_handles *handles, rd_kafka_t *rk, const char *prefix) {
    *handles = (struct hy_handles){.rk = rk, .prefix = prefix};
}

void hy_handles_free(struct hy_handles *handles) {
    for (size_t i = 0; i < handles->n; i++) {
        rd_kafka_topic_destroy(handles->rows[i].topic);
        free(handles->rows[i].name);
    }
    free(handles->rows);
    *handles = (struct hy_handles){0};
}

static rd_kafka_topic_t *make_topic(const struct hy_handles *handles, const char *name) {
    const struct hy_topic *row = hy_topic_find(name);
    if (row == NULL) return NULL;
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(handles->rk);
    rd_kafka_topic_conf_set(conf, "compression.codec", row->compression, NULL, 0);
    char full[HY_TOPIC_NAME_SIZE];
    return rd_kafka_topic_new(handles->rk, hy_topic_full(handles->prefix, name, full), conf);
}

// Where the name stands, or belongs, among the rows; *found tells which. Asked for each record, with a row a
// department.
static size_t place_of(const struct hy_handles *handles, const char *name, bool *found) {
    size_t low = 0, high = handles->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(handles->rows[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < handles->n && strcmp(handles->rows[low].name, name) == 0;
    return low;
}

static struct hy_handle *row_of(struct hy_handles *handles, const char *name) {
    bool found;
    size_t at = place_of(handles, name, &found);
    if (found) return &handles->rows[at];
    if (handles->n == handles->cap) {
        size_t cap = handles->cap == 0 ? 16 : handles->cap * 2;
        struct hy_handle *rows = realloc(handles->rows, cap * sizeof *rows);
        if (rows == NULL) return NULL;
        handles->rows = rows;
        handles->cap = cap;
    }
    struct hy_handle row = {.name = strdup(name), .topic = make_topic(handles, name)};
    if (row.name == NULL || row.topic == NULL) {
        free(row.name);
        return NULL;
    }
    memmove(&handles->rows[at + 1], &handles->rows[at], (handles->n - at) * sizeof row);
    handles->rows[at] = row;
    handles->n++;
    return &handles->rows[at];
}

rd_kafka_topic_t *hy_handles_topic(struct hy_handles *handles, const char *name) {
    const struct hy_handle *row = row_of(handles, name);
    return row == NULL ? NULL : row->topic;
}

int hy_handles_check(struct hy_handles *handles, const char *name, rd_kafka_topic_t **topic) {
    struct hy_handle *row = row_of(handles, name);
    *topic = row == NULL ? NULL : row->topic;
    if (row == NULL) return HY_ENOTFOUND;
    if (row->known) return HY_OK;
    int64_t now = hy_mono_ms(hy_clock_system());
    if (now < row->missing_until_ms) return HY_ENOTFOUND;
    char full[HY_TOPIC_NAME_SIZE];
    int32_t partitions;
    int rc = hy_kafka_partitions(handles->rk, hy_topic_full(handles->prefix, name, full), ASK_MS, &partitions, NULL);
    row->known = rc == HY_OK;
    if (rc == HY_ENOTFOUND) row->missing_until_ms = now + MISSING_MS;
    return rc == HY_OK || rc == HY_ENOTFOUND ? rc : HY_EAGAIN;
}

void hy_handles_warm(struct hy_handles *handles, const char *name) {
    rd_kafka_topic_t *topic;
    int rc = hy_handles_check(handles, name, &topic);
    (void)rc; // found or not, the client now knows; whoever sends is told
}
