#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "huiying/v1/registry.pb-c.h"
#include "lib/base/id.h"
#include "lib/lane/registry.h"
#include "lib/lane/registry_key.h"
#include "lib/lane/topics.h"

// Below this a content goes inside its record, unless it is of a kind that cases pin by hash.
enum { INLINE_MOST = 4096 };

struct hy_bytes hy_registry_key(const char *kind, const char *id, char out[HY_REGISTRY_KEY_SIZE]) {
    int len = snprintf(out, HY_REGISTRY_KEY_SIZE, "%s/%s", kind, id);
    return len < 0 || len >= HY_REGISTRY_KEY_SIZE ? (struct hy_bytes){0} : hy_bytes_from(out, (size_t)len);
}

static ProtobufCBinaryData binary(struct hy_bytes bytes) {
    union {
        const uint8_t *in;
        uint8_t *out;
    } data = {bytes.data}; // packing only reads
    return (ProtobufCBinaryData){.len = bytes.len, .data = data.out};
}

static char *text(const char *value) {
    union {
        const char *in;
        char *out;
    } data = {value == NULL ? "" : value};
    return data.out;
}

int hy_registry_pack(const struct hy_registry_entry *entry, uint32_t chunks, struct hy_buf *out) {
    Huiying__V1__Time from = HUIYING__V1__TIME__INIT, published = HUIYING__V1__TIME__INIT;
    from.unix_ms = entry->valid_from_ms;
    published.unix_ms = entry->published_ms;
    from.offset_minutes = published.offset_minutes = 480;
    Huiying__V1__RegistryRecord record = HUIYING__V1__REGISTRY_RECORD__INIT;
    record.schema_version = 1;
    record.kind = text(entry->kind);
    record.id = text(entry->id);
    record.hash = binary(hy_bytes_from(entry->hash, sizeof entry->hash));
    record.valid_from = entry->valid_from_ms == 0 ? NULL : &from;
    record.published = entry->published_ms == 0 ? NULL : &published;
    record.published_by = text(entry->published_by);
    record.media_type = text(entry->media_type);
    record.chunks = chunks;
    bool chunk = strcmp(record.kind, "chunk") == 0;
    if (chunks == 0 || chunk) record.content = binary(entry->content);
    hy_buf_clear(out);
    size_t size = huiying__v1__registry_record__get_packed_size(&record);
    if (hy_buf_reserve(out, size) != HY_OK) return HY_ENOMEM;
    out->len = huiying__v1__registry_record__pack(&record, (uint8_t *)out->data);
    out->data[out->len] = '\0';
    return HY_OK;
}

static int send_record(struct hy_publisher *publisher, const struct hy_registry_entry *entry, uint32_t chunks,
                       int timeout_ms, struct hy_error *err) {
    char key[HY_REGISTRY_KEY_SIZE];
    struct hy_bytes name = hy_registry_key(entry->kind, entry->id, key);
    if (name.len == 0)
        return hy_fail(err, HY_ETOOBIG, "the id of a registry record is too long: %.40s/%.40s…", entry->kind,
                       entry->id);
    struct hy_buf packed = {0};
    int rc = hy_registry_pack(entry, chunks, &packed);
    if (rc != HY_OK) {
        rc = hy_fail(err, rc, "out of memory");
    } else {
        rc = hy_publish_wait(publisher, HY_TOPIC_REGISTRY, name, hy_buf_view(&packed), timeout_ms, NULL, err);
    }
    hy_buf_free(&packed);
    return rc;
}

static int send_chunk(struct hy_publisher *publisher, const struct hy_registry_entry *entry, uint32_t index, uint32_t n,
                      int timeout_ms, struct hy_error *err) {
    char id[80];
    for (size_t i = 0; i < 32; i++)
        snprintf(id + 2 * i, 3, "%02x", entry->hash[i]);
    snprintf(id + 64, sizeof id - 64, "/%u", index);
    size_t from = (size_t)index * HY_REGISTRY_CHUNK;
    size_t len = entry->content.len - from < HY_REGISTRY_CHUNK ? entry->content.len - from : HY_REGISTRY_CHUNK;
    struct hy_registry_entry chunk = {
        .kind = "chunk", .id = id, .content = hy_bytes_from(entry->content.data + from, len)};
    memcpy(chunk.hash, entry->hash, sizeof chunk.hash);
    return send_record(publisher, &chunk, index + 1 == n ? n : 0, timeout_ms, err);
}

static bool goes_inline(const struct hy_registry_entry *entry) {
    static const char *const PINNED[] = {"pack", "calendar", "list", "model", "gazetteer"};
    for (size_t i = 0; i < sizeof PINNED / sizeof *PINNED; i++)
        if (strcmp(entry->kind, PINNED[i]) == 0) return false;
    return entry->content.len <= INLINE_MOST;
}

int hy_registry_publish(struct hy_publisher *publisher, struct hy_registry_entry *entry, int timeout_ms,
                        struct hy_error *err) {
    if (entry->removed) {
        char key[HY_REGISTRY_KEY_SIZE];
        struct hy_bytes name = hy_registry_key(entry->kind, entry->id, key);
        return hy_publish_wait(publisher, HY_TOPIC_REGISTRY, name, (struct hy_bytes){0}, timeout_ms, NULL, err);
    }
    hy_sha256(entry->content, entry->hash);
    if (goes_inline(entry)) return send_record(publisher, entry, 0, timeout_ms, err);
    size_t n = (entry->content.len + HY_REGISTRY_CHUNK - 1) / HY_REGISTRY_CHUNK;
    if (n == 0) n = 1;
    if (n > HY_REGISTRY_MOST_CHUNKS)
        return hy_fail(err, HY_ETOOBIG, "%s/%s has %zu bytes; at most 512 MB can be published", entry->kind, entry->id,
                       entry->content.len);
    for (uint32_t i = 0; i < n; i++) {
        int rc = send_chunk(publisher, entry, i, (uint32_t)n, timeout_ms, err);
        if (rc != HY_OK) return rc;
    }
    return send_record(publisher, entry, (uint32_t)n, timeout_ms, err);
}
