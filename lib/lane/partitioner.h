// Where a record goes: Java's default placement (murmur2), over the key's bytes up to the first '.'. All records of one
// dossier (key = dossier "." case) thus meet in one partition, and any other client that keys by the bare dossier with
// its own default murmur2 partitioner reaches the same one. To place by something else, change the key, never this
// function.
#ifndef HY_LANE_PARTITIONER_H
#define HY_LANE_PARTITIONER_H

#include <stdint.h>

#include <librdkafka/rdkafka.h>

#include "lib/base/bytes.h"

// Kafka's murmur2 (seed 0x9747b28c), as Java's Utils.murmur2.
uint32_t hy_murmur2(struct hy_bytes data);
// The part of a key that decides its place: all before the first '.'.
struct hy_bytes hy_key_dossier(struct hy_bytes key);
// Partition of a key among n (>= 1) partitions: toPositive(murmur2(dossier part)) % n.
int32_t hy_partition_of(struct hy_bytes key, int32_t n);
// The same as librdkafka's callback; all producers of the project have it in their topic configuration.
int32_t hy_partitioner_cb(const rd_kafka_topic_t *topic, const void *key, size_t key_len, int32_t n, void *topic_opaque,
                          void *message_opaque);

#endif
