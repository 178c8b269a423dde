// Dead letters: what could not be read or handled, with its reason, in the transaction that moves past it.
#include <stdio.h>
#include <string.h>

#include "huiying/v1/dead_letter.pb-c.h"
#include "lib/base/id.h"
#include "lib/lane/lane_internal.h"
#include "lib/lane/partitioner.h"

static char *text(const char *value) {
    union {
        const char *in;
        char *out;
    } data = {value == NULL ? "" : value}; // packing only reads
    return data.out;
}

static ProtobufCBinaryData binary(struct hy_bytes bytes) {
    union {
        const uint8_t *in;
        uint8_t *out;
    } data = {bytes.data};
    return (ProtobufCBinaryData){.len = bytes.len, .data = data.out};
}

static void fill_source(struct hy_lane *lane, const struct hy_part *part, int64_t offset,
                        Huiying__V1__SourcePosition *source) {
    source->topic = text(lane->handler->inputs[part->input]);
    source->partition = part->partition;
    source->offset = offset;
    source->log_id = lane->owner->log_ids[part->input];
}

static int pack(struct hy_lane *lane, const Huiying__V1__DeadLetter *letter) {
    hy_buf_clear(&lane->packed);
    if (hy_buf_reserve(&lane->packed, huiying__v1__dead_letter__get_packed_size(letter)) != HY_OK) return HY_ENOMEM;
    lane->packed.len = huiying__v1__dead_letter__pack(letter, (uint8_t *)lane->packed.data);
    return HY_OK;
}

int hy_lane_queue_dead(struct hy_lane *lane, const struct hy_part *part, int64_t offset, struct hy_bytes key,
                       struct hy_bytes value, const char *reason, const char *detail, uint32_t tries) {
    Huiying__V1__DeadLetter letter = HUIYING__V1__DEAD_LETTER__INIT;
    Huiying__V1__SourcePosition source = HUIYING__V1__SOURCE_POSITION__INIT;
    Huiying__V1__Time at = HUIYING__V1__TIME__INIT;
    uint8_t hash[32];
    char event_id[HY_ID_SIZE] = "";
    if (lane->handler->identify && value.len <= HY_LANE_ORIGINAL_MOST)
        lane->handler->identify(lane->arena, value, event_id);
    fill_source(lane, part, offset, &source);
    hy_sha256(value, hash);
    at.unix_ms = hy_lane_wall(lane);
    at.offset_minutes = 480;
    letter.schema_version = 1;
    letter.source = &source;
    letter.reason = text(reason);
    letter.detail = text(detail);
    letter.program = text(lane->handler->name);
    letter.at = &at;
    letter.key = binary(hy_bytes_from(key.data, key.len < HY_LANE_ORIGINAL_HEAD ? key.len : HY_LANE_ORIGINAL_HEAD));
    letter.original_size = value.len;
    size_t keep = value.len <= HY_LANE_ORIGINAL_MOST ? value.len : HY_LANE_ORIGINAL_HEAD;
    letter.original = binary(hy_bytes_from(value.data, keep));
    letter.original_sha256 = binary(hy_bytes_from(hash, sizeof hash));
    letter.tries = tries;
    letter.event_id = event_id;
    int rc = pack(lane, &letter);
    if (rc != HY_OK) return rc;
    char name[HY_TOPIC_NAME_SIZE + 48];
    snprintf(name, sizeof name, "%s/%d/%lld", lane->handler->inputs[part->input], part->partition, (long long)offset);
    // Placed by the whole key: up to its first '.' all of them are equal.
    int32_t place = (int32_t)((hy_murmur2(hy_bytes_of(name)) & 0x7fffffffU) % (uint32_t)lane->dead_partitions);
    hy_metric_add(lane->metrics.dead, 1);
    HY_WARN("lane.dead", "dead letter", "topic=%s partition=%d offset=%lld reason=%s",
            lane->handler->inputs[part->input], part->partition, (long long)offset, reason);
    return hy_lane_queue_emit(lane, lane->dead_topic, place, hy_bytes_of(name), hy_buf_view(&lane->packed), false);
}
