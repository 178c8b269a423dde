#include "tests/sim/kafka_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/lane/map.h"
#include "lib/lane/partitioner.h"

enum { TOPICS_MAX = 96, WATCHERS_MAX = 8, TAPS_MAX = 16, PRODUCERS_MAX = 32, GROUPS_MAX = 8, COMPACT_MIN = 4096 };

enum state { OPEN, COMMITTED, ABORTED };

struct stored {
    int64_t offset, at_ms;
    uint32_t key_len, value_len;
    enum state state;
    bool tombstone;
    uint8_t bytes[]; // key, then value
};

struct part {
    struct stored **records; // by offset, with gaps where markers and aborted or compacted records were
    size_t n, cap;
    size_t visible; // index of the first one whose transaction is open, else n
    int64_t end, low;
    bool ending;         // a transaction that wrote here is being ended
    size_t compacted_at; // n after the last compaction
};

struct topic {
    char name[64];
    bool compacted;
    int32_t n;
    struct part parts[SIM_PARTITIONS];
    struct {
        sim_fn fn;
        void *ctx;
    } watchers[WATCHERS_MAX];
    int n_watchers;
};

struct touched {
    struct topic *topic;
    int32_t partition;
    struct stored *record;
};

struct pending {
    int group;
    struct topic *topic;
    int32_t partition;
    int64_t next;
};

struct producer {
    char name[64];
    uint32_t epoch;
    bool open;
    uint64_t txn; // counts, for the time-out
    struct touched *touched;
    size_t n_touched, cap_touched;
    struct pending offsets[3 * SIM_PARTITIONS];
    size_t n_offsets;
};

struct positions {
    char group[32];
    struct {
        struct topic *topic;
        int64_t next[SIM_PARTITIONS];
    } at[4];
    int n;
};

bool sim_kafka_away;

static struct topic *topics[TOPICS_MAX];
static int n_topics;
static struct producer producers[PRODUCERS_MAX];
static int n_producers;
static struct positions positions[GROUPS_MAX];
static int n_positions;
static struct {
    char topic[64];
    sim_tap fn;
    void *ctx;
} taps[TAPS_MAX];
static int n_taps;

void sim_kafka_start(void) {
    sim_kafka_away = false;
}

void sim_kafka_end(void) {
    for (int i = 0; i < n_topics; i++) {
        for (int p = 0; p < topics[i]->n; p++) {
            for (size_t r = 0; r < topics[i]->parts[p].n; r++)
                free(topics[i]->parts[p].records[r]);
            free(topics[i]->parts[p].records);
        }
        free(topics[i]);
    }
    for (int i = 0; i < n_producers; i++)
        free(producers[i].touched);
    memset(producers, 0, sizeof producers);
    memset(positions, 0, sizeof positions);
    n_topics = n_producers = n_positions = n_taps = 0;
    sim_groups_end();
}

static void need(bool well, const char *what) {
    if (well) return;
    fprintf(stderr, "sim: %s\n", what);
    abort();
}

static struct topic *topic_of(const char *name) {
    for (int i = 0; i < n_topics; i++)
        if (strcmp(topics[i]->name, name) == 0) return topics[i];
    const struct hy_topic *row = hy_topic_find(name);
    need(row && n_topics < TOPICS_MAX, name);
    struct topic *topic = calloc(1, sizeof *topic);
    need(topic, "out of memory");
    snprintf(topic->name, sizeof topic->name, "%s", name);
    topic->compacted = row->compacted;
    topic->n = row->partitions == 1 ? 1 : SIM_PARTITIONS;
    return topics[n_topics++] = topic;
}

static struct part *part_of(const char *topic, int32_t partition) {
    struct topic *found = topic_of(topic);
    need(partition >= 0 && partition < found->n, "no such partition");
    return &found->parts[partition];
}

int32_t sim_partitions_of(const char *topic) {
    return topic_of(topic)->n;
}

const char *sim_log_id(const char *topic) {
    (void)topic;
    return "00000000000000000000000SIM";
}

void sim_kafka_tap(const char *topic, sim_tap fn, void *ctx) {
    need(n_taps < TAPS_MAX, "too many taps");
    snprintf(taps[n_taps].topic, sizeof taps[0].topic, "%s", topic);
    taps[n_taps].fn = fn;
    taps[n_taps++].ctx = ctx;
}

void sim_kafka_watch(const char *name, sim_fn fn, void *ctx) {
    struct topic *topic = topic_of(name);
    need(topic->n_watchers < WATCHERS_MAX, "too many watchers");
    topic->watchers[topic->n_watchers].fn = fn;
    topic->watchers[topic->n_watchers++].ctx = ctx;
}

// ---- what becomes readable ----

static struct sim_record view(const struct stored *record) {
    return (struct sim_record){.offset = record->offset,
                               .at_ms = record->at_ms,
                               .key = hy_bytes_from(record->bytes, record->key_len),
                               .value = hy_bytes_from(record->bytes + record->key_len, record->value_len),
                               .tombstone = record->tombstone};
}

static bool meant(const char *pattern, const char *topic) {
    size_t len = strlen(pattern);
    if (len > 0 && pattern[len - 1] == '*') return strncmp(pattern, topic, len - 1) == 0;
    return strcmp(pattern, topic) == 0;
}

static void tell(const struct topic *topic, int32_t partition, const struct stored *stored) {
    struct sim_record record = view(stored);
    sim_note(record.key.data, record.key.len);
    sim_note(record.value.data, record.value.len);
    for (int i = 0; i < n_taps; i++)
        if (meant(taps[i].topic, topic->name)) taps[i].fn(taps[i].ctx, topic->name, partition, &record);
}

// Of a compacted topic only the newest record of a key stays.
static void compact(struct part *part) {
    struct hy_map newest = {0};
    size_t kept = 0;
    for (size_t i = 0; i < part->visible; i++) {
        const struct stored *record = part->records[i];
        struct hy_map_entry *old = NULL;
        struct hy_map_entry *entry = hy_map_entry_new(hy_bytes_from(record->bytes, record->key_len),
                                                      hy_bytes_from(&record->offset, sizeof record->offset), false);
        need(entry && hy_map_put(&newest, entry, &old) == HY_OK, "out of memory");
        free(old);
    }
    for (size_t i = 0; i < part->n; i++) {
        struct stored *record = part->records[i];
        const struct hy_map_entry *entry = hy_map_find(&newest, hy_bytes_from(record->bytes, record->key_len));
        bool stays =
            i >= part->visible || memcmp(hy_map_value(entry).data, &record->offset, sizeof record->offset) == 0;
        if (stays)
            part->records[kept++] = record;
        else
            free(record);
    }
    part->visible -= part->n - kept;
    part->n = part->compacted_at = kept;
    hy_map_free(&newest);
}

static void advance(struct topic *topic, int32_t partition) {
    struct part *part = &topic->parts[partition];
    bool any = false;
    size_t kept = part->visible;
    size_t i = part->visible;
    for (; i < part->n && part->records[i]->state != OPEN; i++) {
        if (part->records[i]->state == ABORTED) {
            free(part->records[i]);
            continue;
        }
        tell(topic, partition, part->records[i]);
        part->records[kept++] = part->records[i];
        any = true;
    }
    if (kept != i) memmove(part->records + kept, part->records + i, (part->n - i) * sizeof(struct stored *));
    part->n -= i - kept;
    part->visible = kept;
    if (topic->compacted && part->n > COMPACT_MIN && part->n > 3 * part->compacted_at) compact(part);
    for (int w = 0; any && w < topic->n_watchers; w++)
        topic->watchers[w].fn(topic->watchers[w].ctx, (uint64_t)partition);
}

// ---- producing ----

static struct producer *producer_named(const char *name) {
    for (int i = 0; i < n_producers; i++)
        if (strcmp(producers[i].name, name) == 0) return &producers[i];
    need(n_producers < PRODUCERS_MAX, "too many producers");
    snprintf(producers[n_producers].name, sizeof producers[0].name, "%s", name);
    return &producers[n_producers++];
}

static struct positions *positions_of(const char *group) {
    for (int i = 0; i < n_positions; i++)
        if (strcmp(positions[i].group, group) == 0) return &positions[i];
    need(n_positions < GROUPS_MAX, "too many groups");
    snprintf(positions[n_positions].group, sizeof positions[0].group, "%s", group);
    return &positions[n_positions++];
}

static int64_t *position_of(struct positions *of, struct topic *topic, int32_t partition) {
    int i = 0;
    while (i < of->n && of->at[i].topic != topic)
        i++;
    if (i == of->n) {
        need(i < 4, "too many topics of a group");
        of->at[i].topic = topic;
        for (int p = 0; p < SIM_PARTITIONS; p++)
            of->at[i].next[p] = -1;
        of->n++;
    }
    return &of->at[i].next[partition];
}

// The marker takes an offset in each partition that was written to.
static void end_txn(struct producer *producer, bool commit) {
    for (size_t i = 0; i < producer->n_touched; i++)
        producer->touched[i].record->state = commit ? COMMITTED : ABORTED;
    for (size_t i = 0; commit && i < producer->n_offsets; i++) {
        const struct pending *pending = &producer->offsets[i];
        *position_of(&positions[pending->group], pending->topic, pending->partition) = pending->next;
    }
    size_t n = producer->n_touched;
    producer->open = false;
    producer->n_touched = producer->n_offsets = 0;
    producer->txn++;
    for (size_t i = 0; i < n; i++)
        producer->touched[i].topic->parts[producer->touched[i].partition].ending = true;
    for (size_t i = 0; i < n; i++) {
        struct topic *topic = producer->touched[i].topic;
        int32_t partition = producer->touched[i].partition;
        if (!topic->parts[partition].ending) continue;
        topic->parts[partition].ending = false;
        topic->parts[partition].end++;
        advance(topic, partition);
    }
}

int sim_producer_init(const char *name, struct sim_producer *out) {
    if (sim_kafka_away) return HY_ENET;
    struct producer *producer = producer_named(name);
    if (producer->open) end_txn(producer, false);
    producer->epoch++;
    *out = (struct sim_producer){(int)(producer - producers), producer->epoch};
    return HY_OK;
}

static void timed_out(void *ctx, uint64_t txn) {
    struct producer *producer = ctx;
    if (!producer->open || producer->txn != txn) return;
    producer->epoch++; // whoever has it is fenced
    end_txn(producer, false);
}

static int claim(const struct sim_producer *of, struct producer **out) {
    if (sim_kafka_away) return HY_ENET;
    *out = &producers[of->id];
    if ((*out)->epoch != of->epoch) return HY_EFENCED;
    if ((*out)->open) return HY_OK;
    (*out)->open = true;
    sim_after(SIM_TXN_MS, timed_out, *out, (*out)->txn);
    return HY_OK;
}

static void touch(struct producer *producer, struct topic *topic, int32_t partition, struct stored *record) {
    if (producer->n_touched == producer->cap_touched) {
        producer->cap_touched = producer->cap_touched ? producer->cap_touched * 2 : 64;
        producer->touched = realloc(producer->touched, producer->cap_touched * sizeof *producer->touched);
        need(producer->touched, "out of memory");
    }
    producer->touched[producer->n_touched++] = (struct touched){topic, partition, record};
}

static struct stored *store(struct part *part, struct hy_bytes key, struct hy_bytes value, bool tombstone) {
    struct stored *record = malloc(sizeof *record + key.len + value.len);
    if (part->n == part->cap) {
        part->cap = part->cap ? part->cap * 2 : 256;
        part->records = realloc(part->records, part->cap * sizeof(struct stored *));
    }
    need(record && part->records, "out of memory");
    *record = (struct stored){.offset = part->end++,
                              .at_ms = sim_now.now_ms,
                              .key_len = (uint32_t)key.len,
                              .value_len = (uint32_t)value.len,
                              .tombstone = tombstone};
    if (key.len) memcpy(record->bytes, key.data, key.len);
    if (value.len) memcpy(record->bytes + key.len, value.data, value.len);
    return part->records[part->n++] = record;
}

int sim_append(const char *name, int32_t partition, struct hy_bytes key, struct hy_bytes value, bool tombstone,
               const struct sim_producer *of, int64_t *offset) {
    struct topic *topic = topic_of(name);
    struct producer *producer = NULL;
    int rc = of ? claim(of, &producer) : sim_kafka_away ? HY_ENET : HY_OK;
    if (rc != HY_OK) return rc;
    if (partition < 0) partition = hy_partition_of(key, topic->n);
    struct stored *record = store(&topic->parts[partition], key, value, tombstone);
    if (offset) *offset = record->offset;
    if (producer) {
        touch(producer, topic, partition, record);
        return HY_OK;
    }
    record->state = COMMITTED;
    advance(topic, partition);
    return HY_OK;
}

int sim_txn_end(const struct sim_producer *of, bool commit) {
    struct producer *producer;
    int rc = claim(of, &producer);
    if (rc == HY_OK) end_txn(producer, commit);
    return rc;
}

int sim_txn_put_offset(const struct sim_producer *of, const char *group, const char *topic, int32_t partition,
                       int64_t next) {
    struct producer *producer;
    int rc = claim(of, &producer);
    if (rc != HY_OK) return rc;
    need(producer->n_offsets < sizeof producer->offsets / sizeof producer->offsets[0], "too many offsets");
    producer->offsets[producer->n_offsets++] =
        (struct pending){(int)(positions_of(group) - positions), topic_of(topic), partition, next};
    return HY_OK;
}

// ---- reading ----

static size_t index_of(const struct part *part, int64_t from) {
    size_t low = 0, high = part->visible;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (part->records[middle]->offset < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool sim_read(const char *topic, int32_t partition, int64_t from, struct sim_record *out) {
    const struct part *part = part_of(topic, partition);
    size_t i = index_of(part, from);
    if (i == part->visible) return false;
    *out = view(part->records[i]);
    return true;
}

int64_t sim_log_end(const char *topic, int32_t partition) {
    return part_of(topic, partition)->end;
}

int64_t sim_stable_end(const char *topic, int32_t partition) {
    const struct part *part = part_of(topic, partition);
    return part->visible < part->n ? part->records[part->visible]->offset : part->end;
}

int64_t sim_log_low(const char *topic, int32_t partition) {
    return part_of(topic, partition)->low;
}

int64_t sim_group_position(const char *group, const char *topic, int32_t partition) {
    return *position_of(positions_of(group), topic_of(topic), partition);
}

bool sim_group_unsettled(const char *group, const char *topic, int32_t partition) {
    int of = (int)(positions_of(group) - positions);
    const struct topic *wanted = topic_of(topic);
    for (int i = 0; i < n_producers; i++)
        for (size_t k = 0; producers[i].open && k < producers[i].n_offsets; k++) {
            const struct pending *pending = &producers[i].offsets[k];
            if (pending->group == of && pending->topic == wanted && pending->partition == partition) return true;
        }
    return false;
}

void sim_release(const char *name, int32_t partition, int64_t below) {
    struct part *part = part_of(name, partition);
    size_t gone = index_of(part, below);
    if (gone < 1024) return; // not for a handful
    for (size_t i = 0; i < gone; i++)
        free(part->records[i]);
    memmove(part->records, part->records + gone, (part->n - gone) * sizeof(struct stored *));
    part->n -= gone;
    part->visible -= gone;
}
