// Any bytes where a record of the spool should stand: damaged, or one that writes as the same bytes.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "producers/gateway/spool_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The checksum is put right first, so that the fuzzer gets to what it guards.
static void mend(uint8_t *copy, size_t size) {
    if (size <= SPOOL_RECORD_HEAD) return;
    uint32_t len = (uint32_t)(size - SPOOL_RECORD_HEAD), crc = spool_crc32c(copy + SPOOL_RECORD_HEAD, len);
    memcpy(copy + 4, &len, 4);
    memcpy(copy + 8, &crc, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size + 1);
    struct spool_record record;
    char topic[SPOOL_TOPIC_MAX + 1];
    size_t record_size = 0;
    memcpy(copy, data, size);
    mend(copy, size);
    struct hy_bytes bytes = hy_bytes_from(copy, size);
    if (spool_get_record(bytes, &record, topic, &record_size) == HY_OK &&
        strlen(topic) == copy[SPOOL_RECORD_HEAD + 16]) {
        struct hy_buf again = {0};
        if (spool_put_record(&again, &record) < 0 || again.len != record_size) abort();
        if (memcmp(again.data, copy, record_size) != 0) abort();
        hy_buf_free(&again);
    }
    spool_find_record(bytes, 0);
    free(copy);
    return 0;
}
