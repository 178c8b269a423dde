#include "producers/gateway/spool_format.h"

#include <string.h>

static const uint8_t magic[4] = {0xf5, 'H', 'Y', 'R'};
static const uint8_t file_magic[7] = {'H', 'Y', 'S', 'P', 'O', 'O', 'L'};

static uint32_t crc_table[256];

// Runs before main: the table is the same for every thread.
__attribute__((constructor)) static void make_crc_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
        crc_table[i] = crc;
    }
}

uint32_t spool_crc32c(const void *data, size_t len) {
    const uint8_t *at = data;
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < len; i++)
        crc = crc >> 8 ^ crc_table[(crc ^ at[i]) & 0xff];
    return ~crc;
}

static void put_number(uint8_t *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * i);
}

static uint64_t get_number(const uint8_t *in, int bytes) {
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)in[i] << 8 * i;
    return value;
}

void spool_put_header(uint8_t out[SPOOL_HEADER], uint64_t first_seq) {
    memcpy(out, file_magic, sizeof file_magic);
    out[7] = SPOOL_VERSION;
    put_number(out + 8, first_seq, 8);
}

int spool_get_header(const uint8_t in[SPOOL_HEADER], uint64_t *first_seq) {
    if (memcmp(in, file_magic, sizeof file_magic) != 0) return HY_EFORMAT;
    if (in[7] != SPOOL_VERSION) return HY_EVERSION;
    *first_seq = get_number(in + 8, 8);
    return HY_OK;
}

int spool_put_record(struct hy_buf *out, const struct spool_record *record) {
    size_t topic_len = strlen(record->topic), start = out->len;
    if (topic_len > SPOOL_TOPIC_MAX || record->key.len > SPOOL_KEY_MAX || record->value.len > SPOOL_VALUE_MAX)
        return HY_ETOOBIG;
    size_t body_len = SPOOL_BODY_MIN + topic_len + record->key.len + record->value.len;
    uint8_t head[SPOOL_RECORD_HEAD] = {0}, fixed[17], key_len[2];
    hy_buf_add(out, head, sizeof head); // filled below, when the body is known
    put_number(fixed, record->seq, 8);
    put_number(fixed + 8, (uint64_t)record->accepted_ms, 8);
    fixed[16] = (uint8_t)topic_len;
    put_number(key_len, record->key.len, 2);
    hy_buf_add(out, fixed, sizeof fixed);
    hy_buf_add(out, record->topic, topic_len);
    hy_buf_add(out, key_len, sizeof key_len);
    hy_buf_add(out, record->key.data, record->key.len);
    hy_buf_add(out, record->value.data, record->value.len);
    if (!hy_buf_ok(out)) return HY_ENOMEM;
    uint8_t *at = (uint8_t *)out->data + start;
    memcpy(at, magic, sizeof magic);
    put_number(at + 4, body_len, 4);
    put_number(at + 8, spool_crc32c(at + SPOOL_RECORD_HEAD, body_len), 4);
    return HY_OK;
}

int spool_get_record(struct hy_bytes data, struct spool_record *out, char topic[SPOOL_TOPIC_MAX + 1], size_t *size) {
    if (data.len < SPOOL_RECORD_HEAD + SPOOL_BODY_MIN || memcmp(data.data, magic, sizeof magic) != 0) return HY_EFORMAT;
    size_t body_len = get_number(data.data + 4, 4);
    const uint8_t *body = data.data + SPOOL_RECORD_HEAD;
    if (body_len < SPOOL_BODY_MIN || body_len > SPOOL_BODY_MAX || body_len > data.len - SPOOL_RECORD_HEAD)
        return HY_EFORMAT;
    if (spool_crc32c(body, body_len) != get_number(data.data + 8, 4)) return HY_EFORMAT;
    size_t topic_len = body[16];
    if (topic_len > SPOOL_TOPIC_MAX || SPOOL_BODY_MIN + topic_len > body_len) return HY_EFORMAT;
    size_t key_len = get_number(body + 17 + topic_len, 2);
    if (SPOOL_BODY_MIN + topic_len + key_len > body_len) return HY_EFORMAT;
    memcpy(topic, body + 17, topic_len);
    topic[topic_len] = '\0';
    out->seq = get_number(body, 8);
    out->accepted_ms = (int64_t)get_number(body + 8, 8);
    out->topic = topic;
    out->key = hy_bytes_from(body + 19 + topic_len, key_len);
    out->value = hy_bytes_from(body + 19 + topic_len + key_len, body_len - SPOOL_BODY_MIN - topic_len - key_len);
    *size = SPOOL_RECORD_HEAD + body_len;
    return HY_OK;
}

size_t spool_find_record(struct hy_bytes data, size_t from) {
    struct spool_record record;
    char topic[SPOOL_TOPIC_MAX + 1];
    size_t size;
    while (from < data.len) {
        const uint8_t *at = memmem(data.data + from, data.len - from, magic, sizeof magic);
        if (!at) break;
        from = (size_t)(at - data.data);
        if (spool_get_record(hy_bytes_from(at, data.len - from), &record, topic, &size) == HY_OK) return from;
        from++;
    }
    return data.len;
}
