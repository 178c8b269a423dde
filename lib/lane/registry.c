#include "lib/lane/registry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "huiying/v1/registry.pb-c.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/lane/map.h"
#include "lib/lane/reader.h"
#include "lib/lane/registry_key.h"
#include "lib/lane/topics.h"

struct hy_registry {
    pthread_mutex_t lock;
    struct hy_reader *reader;
    struct hy_reader_part part;
    hy_registry_fn fn;
    void *opaque;
    struct hy_map entries;  // "kind/id" → packed RegistryRecord
    struct hy_map contents; // 32 bytes of hash → content, whole and checked
    struct hy_map chunks;   // 32 bytes of hash + 4 of index → bytes, until the content is whole
    struct hy_map waiting;  // "kind/id" → packed record whose content is not whole yet
};

// ---- contents ----

static int put(struct hy_map *map, struct hy_bytes key, struct hy_bytes value) {
    struct hy_map_entry *entry = hy_map_entry_new(key, value, false), *replaced = NULL;
    if (entry == NULL || hy_map_put(map, entry, &replaced) != HY_OK) {
        free(entry);
        return HY_ENOMEM;
    }
    free(replaced);
    return HY_OK;
}

static struct hy_bytes chunk_key(const uint8_t *hash, uint32_t index, uint8_t out[36]) {
    memcpy(out, hash, 32);
    for (int i = 0; i < 4; i++)
        out[32 + i] = (uint8_t)(index >> (24 - 8 * i));
    return hy_bytes_from(out, 36);
}

static bool hash_is(struct hy_bytes content, const uint8_t *hash) {
    uint8_t real[32];
    hy_sha256(content, real);
    return memcmp(real, hash, sizeof real) == 0;
}

// Puts the chunks of a hash together when all are there. HY_EAGAIN: not yet; HY_EMISMATCH: they make another content.
static int assemble(struct hy_registry *registry, const uint8_t *hash, uint32_t n) {
    struct hy_buf whole = {0};
    uint8_t key[36];
    for (uint32_t i = 0; i < n; i++) {
        const struct hy_map_entry *chunk = hy_map_find(&registry->chunks, chunk_key(hash, i, key));
        if (chunk == NULL) {
            hy_buf_free(&whole);
            return HY_EAGAIN;
        }
        struct hy_bytes bytes = hy_map_value(chunk);
        hy_buf_add(&whole, bytes.data, bytes.len);
    }
    int rc = !hy_buf_ok(&whole) ? HY_ENOMEM : hash_is(hy_buf_view(&whole), hash) ? HY_OK : HY_EMISMATCH;
    if (rc == HY_OK) rc = put(&registry->contents, hy_bytes_from(hash, 32), hy_buf_view(&whole));
    hy_buf_free(&whole);
    for (uint32_t i = 0; rc == HY_OK && i < n; i++)
        free(hy_map_take(&registry->chunks, chunk_key(hash, i, key)));
    return rc;
}

// The content of a record, made whole if it can be. Fills hash.
static int content_of(struct hy_registry *registry, const Huiying__V1__RegistryRecord *record, uint8_t hash[32],
                      struct hy_bytes *out) {
    struct hy_bytes inside = hy_bytes_from(record->content.data, record->content.len);
    if (record->hash.len != 32) {
        if (record->hash.len != 0 || record->chunks > 0) return HY_EFORMAT;
        hy_sha256(inside, hash);
    } else {
        memcpy(hash, record->hash.data, 32);
    }
    const struct hy_map_entry *have = hy_map_find(&registry->contents, hy_bytes_from(hash, 32));
    int rc = HY_OK;
    if (have == NULL && record->chunks > 0) {
        rc = assemble(registry, hash, record->chunks);
    } else if (have == NULL) {
        rc = hash_is(inside, hash) ? put(&registry->contents, hy_bytes_from(hash, 32), inside) : HY_EMISMATCH;
    }
    if (rc != HY_OK) return rc;
    have = hy_map_find(&registry->contents, hy_bytes_from(hash, 32));
    *out = hy_map_value(have);
    return HY_OK;
}

// ---- records ----

static Huiying__V1__RegistryRecord *unpack(struct hy_bytes value) {
    return huiying__v1__registry_record__unpack(NULL, value.len, value.data);
}

static void fill_entry(struct hy_registry_entry *entry, const Huiying__V1__RegistryRecord *record) {
    entry->kind = record->kind;
    entry->id = record->id;
    entry->media_type = record->media_type;
    entry->valid_from_ms = record->valid_from == NULL ? 0 : record->valid_from->unix_ms;
    entry->published_ms = record->published == NULL ? 0 : record->published->unix_ms;
    entry->published_by = record->published_by;
}

// Takes a record whose content is whole: stores it and tells the owner. HY_EAGAIN when the content is not whole.
static int take_in(struct hy_registry *registry, struct hy_bytes key, struct hy_bytes value,
                   const Huiying__V1__RegistryRecord *record) {
    struct hy_registry_entry entry = {0};
    int rc = content_of(registry, record, entry.hash, &entry.content);
    if (rc == HY_OK) rc = put(&registry->entries, key, value);
    if (rc != HY_OK) return rc;
    fill_entry(&entry, record);
    if (registry->fn != NULL) registry->fn(registry->opaque, &entry);
    return HY_OK;
}

static void complain(struct hy_bytes key, const char *why) {
    char text[128];
    snprintf(text, sizeof text, "%.*s", (int)(key.len < 100 ? key.len : 100), (const char *)key.data);
    HY_ERROR("registry.record", why, "key=%s", text);
}

static void on_tombstone(struct hy_registry *registry, struct hy_bytes key) {
    free(hy_map_take(&registry->waiting, key));
    struct hy_map_entry *gone = hy_map_take(&registry->entries, key);
    if (gone == NULL) return;
    Huiying__V1__RegistryRecord *record = unpack(hy_map_value(gone));
    if (record != NULL) {
        struct hy_registry_entry entry = {
            .kind = record->kind, .id = record->id, .media_type = "", .published_by = "", .removed = true};
        if (registry->fn != NULL) registry->fn(registry->opaque, &entry);
        huiying__v1__registry_record__free_unpacked(record, NULL);
    }
    free(gone);
}

// A chunk came: some waiting record may be whole now.
static void try_waiting(struct hy_registry *registry, const uint8_t *hash) {
    size_t cursor = 0;
    struct hy_map_entry *row;
    while ((row = hy_map_next(&registry->waiting, &cursor)) != NULL) {
        Huiying__V1__RegistryRecord *record = unpack(hy_map_value(row));
        bool mine = record != NULL && record->hash.len == 32 && memcmp(record->hash.data, hash, 32) == 0;
        int rc = mine ? take_in(registry, hy_map_key(row), hy_map_value(row), record) : HY_EAGAIN;
        if (record != NULL) huiying__v1__registry_record__free_unpacked(record, NULL);
        if (rc == HY_EAGAIN) continue;
        if (rc != HY_OK) complain(hy_map_key(row), "the chunks do not make the content that the hash names: ignored");
        free(hy_map_take(&registry->waiting, hy_map_key(row)));
        return;
    }
}

static int on_chunk(struct hy_registry *registry, struct hy_bytes key, const Huiying__V1__RegistryRecord *record) {
    const char *slash = strrchr(record->id, '/');
    char *end = NULL;
    unsigned long index = slash == NULL ? 0 : strtoul(slash + 1, &end, 10);
    if (record->hash.len != 32 || slash == NULL || end == slash + 1 || *end != '\0' ||
        index >= HY_REGISTRY_MOST_CHUNKS) {
        complain(key, "malformed chunk: ignored");
        return HY_OK;
    }
    if (hy_map_find(&registry->contents, hy_bytes_from(record->hash.data, 32)) != NULL) return HY_OK;
    uint8_t where[36];
    int rc = put(&registry->chunks, chunk_key(record->hash.data, (uint32_t)index, where),
                 hy_bytes_from(record->content.data, record->content.len));
    // The last chunk names how many there are, so that contents are whole even after their record was replaced.
    if (rc == HY_OK && record->chunks > 0) {
        int whole = assemble(registry, record->hash.data, record->chunks);
        if (whole == HY_ENOMEM) rc = whole;
    }
    try_waiting(registry, record->hash.data);
    return rc;
}

static int on_record(void *opaque, const struct hy_reader_record *row, struct hy_error *err) {
    struct hy_registry *registry = opaque;
    if (row->tombstone) {
        on_tombstone(registry, row->key);
        return HY_OK;
    }
    Huiying__V1__RegistryRecord *record = unpack(row->value);
    if (record == NULL || record->schema_version > 1) {
        complain(row->key, record == NULL ? "not a RegistryRecord: ignored" : "of a newer schema version: ignored");
        if (record != NULL) huiying__v1__registry_record__free_unpacked(record, NULL);
        return HY_OK;
    }
    int rc;
    if (strcmp(record->kind, "chunk") == 0) {
        rc = on_chunk(registry, row->key, record);
    } else {
        free(hy_map_take(&registry->waiting, row->key));
        rc = take_in(registry, row->key, row->value, record);
        if (rc == HY_EAGAIN) rc = put(&registry->waiting, row->key, row->value);
        if (rc == HY_EMISMATCH || rc == HY_EFORMAT) {
            complain(row->key, "content and hash do not fit: ignored");
            rc = HY_OK;
        }
    }
    huiying__v1__registry_record__free_unpacked(record, NULL);
    return rc == HY_OK ? HY_OK : hy_fail(err, rc, "hy.registry: out of memory");
}

// ---- opening and following ----

static int fold_to_end(struct hy_registry *registry, int timeout_ms, struct hy_error *err) {
    int64_t until = hy_mono_ms(hy_clock_system()) + timeout_ms;
    struct hy_error why = {0};
    int rc = HY_EAGAIN;
    while (rc != HY_OK) {
        int64_t left = until - hy_mono_ms(hy_clock_system());
        if (left <= 0)
            return hy_fail(err, HY_ETIMEOUT, "hy.registry could not be read to its end within %d ms: %s", timeout_ms,
                           why.text[0] ? why.text : "an open transaction holds it back");
        rc = hy_reader_ends(registry->reader, left < 1000 ? (int)left : 1000, &why);
        if (rc == HY_EAUTH || rc == HY_ENOTFOUND) {
            if (err != NULL) *err = why;
            return rc;
        }
        if (rc != HY_OK) continue;
        rc = hy_reader_step(registry->reader, left < 200 ? (int)left : 200, false, on_record, registry, &why);
        if (rc < 0) {
            if (err != NULL) *err = why;
            return rc;
        }
        rc = hy_reader_done(registry->reader) ? HY_OK : HY_EAGAIN;
    }
    return HY_OK;
}

static int topic_exists(struct hy_registry *registry, const char *topic, int timeout_ms, struct hy_error *err) {
    int32_t partitions;
    int rc = hy_kafka_partitions(hy_reader_probe(registry->reader), topic, timeout_ms, &partitions, err);
    if (rc == HY_ENOTFOUND) return hy_fail(err, rc, "topic %s does not exist: run `hyctl topics create`", topic);
    if (rc == HY_OK && partitions != 1)
        return hy_fail(err, HY_EMISMATCH, "topic %s has %d partitions, not 1", topic, partitions);
    return rc;
}

int hy_registry_open(const struct hy_kafka_options *kafka, hy_registry_fn fn, void *opaque, int timeout_ms,
                     struct hy_registry **out, struct hy_error *err) {
    *out = NULL;
    struct hy_registry *registry = calloc(1, sizeof *registry);
    if (registry == NULL) return hy_fail(err, HY_ENOMEM, "out of memory");
    pthread_mutex_init(&registry->lock, NULL);
    registry->fn = fn;
    registry->opaque = opaque;
    char topic[HY_TOPIC_NAME_SIZE], group[HY_TOPIC_NAME_SIZE];
    hy_topic_full(kafka->prefix, HY_TOPIC_REGISTRY, topic);
    hy_topic_full(kafka->prefix, "registry", group);
    int rc = hy_reader_open(kafka, group, topic, HY_READER_FOLLOWS, &registry->part, 1, &registry->reader, err);
    if (rc == HY_OK) rc = topic_exists(registry, topic, timeout_ms, err);
    if (rc == HY_OK) rc = fold_to_end(registry, timeout_ms, err);
    if (rc != HY_OK) {
        hy_registry_close(registry);
        return rc;
    }
    *out = registry;
    return HY_OK;
}

int hy_registry_poll(struct hy_registry *registry, int timeout_ms, struct hy_error *err) {
    // Short turns under the lock, so that a reader of the registry never waits for long.
    int64_t until = hy_mono_ms(hy_clock_system()) + timeout_ms;
    for (;;) {
        int64_t left = until - hy_mono_ms(hy_clock_system());
        pthread_mutex_lock(&registry->lock);
        int rc = hy_reader_step(registry->reader,
                                left > 20  ? 20
                                : left > 0 ? (int)left
                                           : 0,
                                true, on_record, registry, err);
        pthread_mutex_unlock(&registry->lock);
        if (rc != 0 || left <= 0) return rc;
    }
}

int hy_registry_refresh(struct hy_registry *registry, int timeout_ms, struct hy_error *err) {
    pthread_mutex_lock(&registry->lock);
    hy_reader_refresh(registry->reader);
    int rc = fold_to_end(registry, timeout_ms, err);
    pthread_mutex_unlock(&registry->lock);
    return rc;
}

// ---- looking up ----

static int copy_content(struct hy_registry *registry, const uint8_t *hash, struct hy_buf *out) {
    const struct hy_map_entry *content = hy_map_find(&registry->contents, hy_bytes_from(hash, 32));
    if (content == NULL) return HY_ENOTFOUND;
    struct hy_bytes bytes = hy_map_value(content);
    hy_buf_clear(out);
    hy_buf_add(out, bytes.data, bytes.len);
    return hy_buf_ok(out) ? HY_OK : HY_ENOMEM;
}

int hy_registry_get(struct hy_registry *registry, const char *kind, const char *id, struct hy_buf *out,
                    uint8_t hash[32]) {
    char key[HY_REGISTRY_KEY_SIZE];
    struct hy_bytes name = hy_registry_key(kind, id, key);
    int rc = HY_ENOTFOUND;
    pthread_mutex_lock(&registry->lock);
    const struct hy_map_entry *entry = name.len == 0 ? NULL : hy_map_find(&registry->entries, name);
    Huiying__V1__RegistryRecord *record = entry == NULL ? NULL : unpack(hy_map_value(entry));
    if (record != NULL) {
        uint8_t real[32];
        struct hy_bytes content;
        rc = content_of(registry, record, real, &content);
        if (rc == HY_OK) rc = copy_content(registry, real, out);
        if (rc == HY_OK && hash != NULL) memcpy(hash, real, sizeof real);
        huiying__v1__registry_record__free_unpacked(record, NULL);
    }
    pthread_mutex_unlock(&registry->lock);
    return rc;
}

int hy_registry_content(struct hy_registry *registry, const uint8_t hash[32], struct hy_buf *out) {
    pthread_mutex_lock(&registry->lock);
    int rc = copy_content(registry, hash, out);
    pthread_mutex_unlock(&registry->lock);
    return rc;
}

static int by_key(const void *a, const void *b) {
    const struct hy_map_entry *const *left = a, *const *right = b;
    struct hy_bytes x = hy_map_key(*left), y = hy_map_key(*right);
    int order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

static void tell(struct hy_registry *registry, const struct hy_map_entry *row, const char *kind, hy_registry_fn fn,
                 void *opaque) {
    Huiying__V1__RegistryRecord *record = unpack(hy_map_value(row));
    if (record == NULL) return;
    struct hy_registry_entry entry = {0};
    if ((kind == NULL || strcmp(kind, record->kind) == 0) &&
        content_of(registry, record, entry.hash, &entry.content) == HY_OK) {
        fill_entry(&entry, record);
        fn(opaque, &entry);
    }
    huiying__v1__registry_record__free_unpacked(record, NULL);
}

void hy_registry_each(struct hy_registry *registry, const char *kind, hy_registry_fn fn, void *opaque) {
    pthread_mutex_lock(&registry->lock);
    size_t n = 0, cursor = 0;
    const struct hy_map_entry **rows = calloc(registry->entries.n + 1, sizeof *rows), *row;
    while (rows != NULL && (row = hy_map_next(&registry->entries, &cursor)) != NULL)
        rows[n++] = row;
    if (n > 0) qsort(rows, n, sizeof *rows, by_key);
    for (size_t i = 0; i < n; i++)
        tell(registry, rows[i], kind, fn, opaque);
    free(rows);
    pthread_mutex_unlock(&registry->lock);
}

void hy_registry_close(struct hy_registry *registry) {
    if (registry == NULL) return;
    hy_reader_close(registry->reader);
    hy_map_free(&registry->entries);
    hy_map_free(&registry->contents);
    hy_map_free(&registry->chunks);
    hy_map_free(&registry->waiting);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}
