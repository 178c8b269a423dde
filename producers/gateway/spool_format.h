// Bytes of a spool's files. Numbers are little-endian. File: 8 bytes "HYSPOOL" and the version, 8 bytes first seq.
// Record: 4 bytes magic, 4 bytes length of the body, 4 bytes CRC-32C of the body; body: seq 8, accepted_ms 8,
// length of topic 1, topic, length of key 2, key, value. Extend by a new version, never by a new meaning.
#ifndef HY_GATEWAY_SPOOL_FORMAT_H
#define HY_GATEWAY_SPOOL_FORMAT_H

#include "producers/gateway/spool.h"

enum {
    SPOOL_VERSION = 1,
    SPOOL_HEADER = 16,
    SPOOL_RECORD_HEAD = 12,
    SPOOL_BODY_MIN = 8 + 8 + 1 + 2,
    SPOOL_BODY_MAX = SPOOL_BODY_MIN + SPOOL_TOPIC_MAX + SPOOL_KEY_MAX + SPOOL_VALUE_MAX
};

uint32_t spool_crc32c(const void *data, size_t len);
void spool_put_header(uint8_t out[SPOOL_HEADER], uint64_t first_seq);
// HY_EFORMAT or HY_EVERSION.
HY_MUST_CHECK int spool_get_header(const uint8_t in[SPOOL_HEADER], uint64_t *first_seq);
// Appends the record's bytes. HY_ETOOBIG beyond the limits of spool.h.
HY_MUST_CHECK int spool_put_record(struct hy_buf *out, const struct spool_record *record);
// Reads the record at the start of data; out borrows from it, topic excepted, which is copied to topic. *size is the
// record's whole size. HY_EFORMAT when it is torn or damaged.
HY_MUST_CHECK int spool_get_record(struct hy_bytes data, struct spool_record *out, char topic[SPOOL_TOPIC_MAX + 1],
                                   size_t *size);
// Offset of the next whole record at or after from; data.len when there is none.
size_t spool_find_record(struct hy_bytes data, size_t from);

#endif
