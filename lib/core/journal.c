#include "lib/core/journal.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/id.h"
#include "lib/base/pb.h"
#include "lib/core/wire.h"

enum { FIELD_PREVIOUS = 5, FIELD_HASH = 6 };

static const uint8_t chain_start[HY_JOURNAL_HASH];

int hy_journal_seal(Huiying__V1__JournalRecord *record, struct hy_bytes previous, struct hy_arena *arena,
                    struct hy_bytes *out) {
    record->previous_hash = (ProtobufCBinaryData){0};
    if (previous.len > 0) {
        uint8_t *kept = hy_arena_alloc(arena, previous.len);
        if (kept == NULL) return HY_ENOMEM;
        memcpy(kept, previous.data, previous.len);
        record->previous_hash = (ProtobufCBinaryData){.len = previous.len, .data = kept};
    }
    record->hash = (ProtobufCBinaryData){0};
    struct hy_bytes plain;
    if (hy_pb_write(record, arena, &plain) != HY_OK) return HY_ENOMEM;
    // One buffer serves twice: previous hash ‖ record for hashing, then the record with its hash spliced in.
    size_t size = plain.len;
    enum { SPLICE = 2 + HY_JOURNAL_HASH };
    uint8_t *buf = hy_arena_alloc(arena, HY_JOURNAL_HASH + size + SPLICE);
    uint8_t *hash = hy_arena_alloc(arena, HY_JOURNAL_HASH);
    if (buf == NULL || hash == NULL) return HY_ENOMEM;
    memcpy(buf, previous.len == HY_JOURNAL_HASH ? previous.data : chain_start, HY_JOURNAL_HASH);
    uint8_t *packed = buf + HY_JOURNAL_HASH;
    memcpy(packed, plain.data, size);
    hy_sha256((struct hy_bytes){buf, HY_JOURNAL_HASH + size}, hash);

    // The hash is field 6: it belongs behind everything with a lower number.
    struct hy_wire wire = hy_wire_of((struct hy_bytes){packed, size});
    size_t at = 0;
    struct hy_wire_field field;
    while (hy_wire_next(&wire, &field) && field.number < FIELD_HASH) {
        at = field.end;
    }
    memmove(packed + at + SPLICE, packed + at, size - at);
    packed[at] = FIELD_HASH << 3 | HY_WIRE_BYTES;
    packed[at + 1] = HY_JOURNAL_HASH;
    memcpy(packed + at + 2, hash, HY_JOURNAL_HASH);
    record->hash = (ProtobufCBinaryData){.len = HY_JOURNAL_HASH, .data = hash};
    *out = (struct hy_bytes){packed, size + SPLICE};
    return 0;
}

// What verifying needs of a record: where its own hash stands, and a few fields.
struct seen {
    size_t hash_from, hash_to;
    struct hy_bytes previous, hash, command;
    uint64_t seq;
};

enum { FIELD_SEQ = 4, FIELD_COMMAND = 8 };

static int look(struct hy_bytes record, struct seen *seen, struct hy_error *err) {
    struct hy_wire wire = hy_wire_of(record);
    struct hy_wire_field field;
    *seen = (struct seen){0};
    while (hy_wire_next(&wire, &field)) {
        if (field.number == FIELD_SEQ) seen->seq = field.value;
        if (field.number == FIELD_PREVIOUS) seen->previous = field.bytes;
        if (field.number == FIELD_COMMAND) seen->command = field.bytes;
        if (field.number == FIELD_HASH) {
            seen->hash = field.bytes;
            seen->hash_from = field.start;
            seen->hash_to = field.end;
        }
    }
    if (wire.broken)
        return hy_fail(err, HY_EFORMAT, "journal record of %zu bytes is not a protobuf message", record.len);
    if (seen->hash.len != HY_JOURNAL_HASH)
        return hy_fail(err, HY_EFORMAT, "journal record %" PRIu64 " carries no hash: it was not written by the engine",
                       seen->seq);
    return 0;
}

// Is the record the one that follows? The hash itself is judged by the caller.
static int follows(const struct hy_journal_chain *chain, const struct seen *seen, struct hy_error *err) {
    bool begins = chain->seq == 0 || (chain->archived && seen->seq == 1);
    uint64_t expected = begins ? 1 : chain->seq + 1;
    if (seen->seq != expected)
        return hy_fail(err, HY_EMISMATCH,
                       "journal record %" PRIu64 " stands where %" PRIu64
                       " was expected: one is missing or out of order",
                       seen->seq, expected);
    struct hy_bytes head = begins ? (struct hy_bytes){0} : hy_bytes_from(chain->hash, HY_JOURNAL_HASH);
    if (!hy_bytes_equal(seen->previous, head))
        return hy_fail(err, HY_EMISMATCH,
                       "journal record %" PRIu64 " does not continue the record before it: that one was changed",
                       seen->seq);
    return 0;
}

int hy_journal_verify(struct hy_journal_chain *chain, struct hy_bytes record, struct hy_error *err) {
    struct seen seen;
    int rc = look(record, &seen, err);
    if (rc == 0) rc = follows(chain, &seen, err);
    if (rc != 0) return rc;
    struct hy_buf joined = {0};
    hy_buf_add(&joined, seen.previous.len == HY_JOURNAL_HASH ? seen.previous.data : chain_start, HY_JOURNAL_HASH);
    hy_buf_add(&joined, record.data, seen.hash_from);
    hy_buf_add(&joined, record.data + seen.hash_to, record.len - seen.hash_to);
    if (!hy_buf_ok(&joined)) {
        hy_buf_free(&joined);
        return hy_fail(err, HY_ENOMEM, "no memory to verify journal record %" PRIu64, seen.seq);
    }
    uint8_t hash[HY_JOURNAL_HASH];
    hy_sha256(hy_buf_view(&joined), hash);
    hy_buf_free(&joined);
    if (memcmp(hash, seen.hash.data, HY_JOURNAL_HASH) != 0)
        return hy_fail(err, HY_EMISMATCH,
                       "journal record %" PRIu64 " was changed after it was written: its hash does not fit", seen.seq);
    chain->seq = seen.seq;
    memcpy(chain->hash, hash, HY_JOURNAL_HASH);
    chain->archived = hy_bytes_equal(seen.command, hy_bytes_of("archive"));
    return 0;
}
