// The hash chain: what was written can be proven, what was changed shows.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/id.h"
#include "lib/core/journal.h"
#include "lib/core/wire.h"

enum { RECORDS = 5 };

static struct hy_bytes seal(struct hy_arena *arena, uint64_t seq, struct hy_bytes previous, const char *text,
                            struct hy_bytes *head) {
    Huiying__V1__JournalRecord record;
    huiying__v1__journal_record__init(&record);
    struct hy_bytes out;
    record.schema_version = 1;
    record.seq = seq;
    record.explanation = hy_arena_str(arena, text);
    assert_int_equal(hy_journal_seal(&record, previous, arena, &out), 0);
    *head = hy_bytes_from(record.hash.data, record.hash.len);
    return out;
}

static void chain(struct hy_arena *arena, struct hy_bytes records[RECORDS]) {
    struct hy_bytes head = {0};
    for (uint64_t i = 0; i < RECORDS; i++) {
        records[i] = seal(arena, i + 1, head, "说明", &head);
    }
}

static void a_chain_verifies_from_its_first_record(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(1 << 20);
    struct hy_bytes records[RECORDS];
    struct hy_journal_chain verify = {0};
    struct hy_error err;
    chain(arena, records);
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(hy_journal_verify(&verify, records[i], &err), 0);
    }
    assert_int_equal(verify.seq, RECORDS);
    hy_arena_free(arena);
}

// The definition in the contract, computed here without the module: SHA-256(previous ‖ record packed without its hash).
static void a_hash_is_what_the_contract_says(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(1 << 20);
    struct hy_bytes records[RECORDS];
    chain(arena, records);
    for (int i = 0; i < 2; i++) {
        Huiying__V1__JournalRecord *record =
            huiying__v1__journal_record__unpack(hy_arena_pb(arena), records[i].len, records[i].data);
        ProtobufCBinaryData hash = record->hash;
        record->hash = (ProtobufCBinaryData){0};
        uint8_t joined[1024] = {0}, expected[32];
        if (record->previous_hash.len > 0) memcpy(joined, record->previous_hash.data, 32);
        size_t size = huiying__v1__journal_record__pack(record, joined + 32);
        hy_sha256(hy_bytes_from(joined, 32 + size), expected);
        assert_memory_equal(hash.data, expected, 32);
        assert_int_equal(record->previous_hash.len, i == 0 ? 0 : 32);
    }
    hy_arena_free(arena);
}

static void every_changed_byte_shows(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(1 << 20);
    struct hy_bytes records[RECORDS];
    chain(arena, records);
    uint8_t copy[512];
    for (size_t at = 0; at < records[1].len; at++) {
        struct hy_journal_chain verify = {0};
        assert_int_equal(hy_journal_verify(&verify, records[0], NULL), 0);
        memcpy(copy, records[1].data, records[1].len);
        copy[at] ^= 1;
        assert_int_not_equal(hy_journal_verify(&verify, hy_bytes_from(copy, records[1].len), NULL), 0);
        assert_int_equal(verify.seq, 1);
    }
    hy_arena_free(arena);
}

static void a_missing_a_doubled_and_a_swapped_record_show(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(1 << 20);
    struct hy_bytes records[RECORDS];
    struct hy_journal_chain verify = {0};
    struct hy_error err;
    chain(arena, records);
    assert_int_equal(hy_journal_verify(&verify, records[1], &err), HY_EMISMATCH);
    assert_int_equal(hy_journal_verify(&verify, records[0], &err), 0);
    assert_int_equal(hy_journal_verify(&verify, records[0], &err), HY_EMISMATCH);
    assert_int_equal(hy_journal_verify(&verify, records[2], &err), HY_EMISMATCH);
    assert_non_null(strstr(err.text, "expected"));
    assert_int_equal(hy_journal_verify(&verify, records[1], &err), 0);
    hy_arena_free(arena);
}

static void only_an_archive_lets_a_chain_begin_again(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(1 << 20);
    struct hy_bytes records[RECORDS], head = {0}, out;
    struct hy_journal_chain verify = {0};
    chain(arena, records);
    Huiying__V1__JournalRecord record;
    huiying__v1__journal_record__init(&record);
    record.seq = 1;
    record.command = hy_arena_str(arena, "archive");
    assert_int_equal(hy_journal_seal(&record, head, arena, &out), 0);
    assert_int_equal(hy_journal_verify(&verify, out, NULL), 0);
    assert_int_equal(hy_journal_verify(&verify, records[0], NULL), 0);
    assert_int_equal(hy_journal_verify(&verify, records[0], NULL), HY_EMISMATCH);
    hy_arena_free(arena);
}

static void a_reader_that_knows_less_can_verify(void **state) {
    (void)state;
    // A newer writer's field 900 stands behind: the chain covers it, and the verifier does not lose it.
    struct hy_arena *arena = hy_arena_new(1 << 20);
    Huiying__V1__JournalRecord record;
    huiying__v1__journal_record__init(&record);
    ProtobufCMessageUnknownField field = {
        .tag = 900, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = 1, .data = (uint8_t[]){7}};
    struct hy_bytes out;
    record.seq = 1;
    record.base.n_unknown_fields = 1;
    record.base.unknown_fields = &field;
    assert_int_equal(hy_journal_seal(&record, (struct hy_bytes){0}, arena, &out), 0);
    assert_int_equal(hy_journal_verify(&(struct hy_journal_chain){0}, out, NULL), 0);
    assert_int_equal(hy_journal_verify(&(struct hy_journal_chain){0}, hy_bytes_from(out.data, out.len - 3), NULL),
                     HY_EMISMATCH);
    hy_arena_free(arena);
}

static void what_is_no_record_is_refused(void **state) {
    (void)state;
    struct hy_error err;
    static const uint8_t broken[][4] = {{0xff, 0xff, 0xff, 0xff}, {0x0a, 0x7f, 0, 0}, {0x07, 0, 0, 0}, {0, 0, 0, 0}};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_int_equal(hy_journal_verify(&(struct hy_journal_chain){0}, hy_bytes_from(broken[i], 4), &err),
                         HY_EFORMAT);
    }
    assert_int_equal(hy_journal_verify(&(struct hy_journal_chain){0}, (struct hy_bytes){0}, &err), HY_EFORMAT);
}

static void a_full_arena_is_said(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(64);
    Huiying__V1__JournalRecord record;
    huiying__v1__journal_record__init(&record);
    struct hy_bytes out;
    assert_int_equal(hy_journal_seal(&record, (struct hy_bytes){0}, arena, &out), HY_ENOMEM);
    hy_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_verifies_from_its_first_record),
        cmocka_unit_test(a_hash_is_what_the_contract_says),
        cmocka_unit_test(every_changed_byte_shows),
        cmocka_unit_test(a_missing_a_doubled_and_a_swapped_record_show),
        cmocka_unit_test(only_an_archive_lets_a_chain_begin_again),
        cmocka_unit_test(a_reader_that_knows_less_can_verify),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(a_full_arena_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
