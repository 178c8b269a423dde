#include "lib/lane/partitioner.h"

#include <string.h>

// The constants are Kafka's choice; every Java client and librdkafka's murmur2 agree on them.
static const uint32_t SEED = 0x9747b28cU;
static const uint32_t MIX = 0x5bd1e995U;

static uint32_t word_at(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t stirred(uint32_t k) {
    k *= MIX;
    k ^= k >> 24;
    return k * MIX;
}

uint32_t hy_murmur2(struct hy_bytes data) {
    uint32_t h = SEED ^ (uint32_t)data.len;
    size_t whole = data.len / 4 * 4;
    for (size_t i = 0; i < whole; i += 4) {
        h = h * MIX ^ stirred(word_at(data.data + i));
    }
    size_t rest = data.len - whole;
    for (size_t i = rest; i > 0; i--) {
        h ^= (uint32_t)data.data[whole + i - 1] << (8 * (i - 1));
    }
    if (rest > 0) {
        h *= MIX;
    }
    h ^= h >> 13;
    h *= MIX;
    return h ^ h >> 15;
}

struct hy_bytes hy_key_dossier(struct hy_bytes key) {
    const uint8_t *dot = key.len == 0 ? NULL : memchr(key.data, '.', key.len);
    return dot == NULL ? key : hy_bytes_from(key.data, (size_t)(dot - key.data));
}

int32_t hy_partition_of(struct hy_bytes key, int32_t n) {
    return (int32_t)((hy_murmur2(hy_key_dossier(key)) & 0x7fffffffU) % (uint32_t)n);
}

int32_t hy_partitioner_cb(const rd_kafka_topic_t *topic, const void *key, size_t key_len, int32_t n, void *topic_opaque,
                          void *message_opaque) {
    (void)topic;
    (void)topic_opaque;
    (void)message_opaque;
    return hy_partition_of(hy_bytes_from(key, key_len), n);
}
