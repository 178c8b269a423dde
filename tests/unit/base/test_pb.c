// The reader and writer of records against protobuf-c's own, over every message of the contract with random content,
// whole, cut, damaged, doubled and taken for another message: both must take the same records, and write the same
// bytes.
#include <protobuf-c/protobuf-c.h>

#include "tests/unit/base/unit.h"

#include "huiying/v1/case.pb-c.h"
#include "huiying/v1/command.pb-c.h"
#include "huiying/v1/dead_letter.pb-c.h"
#include "huiying/v1/event.pb-c.h"
#include "huiying/v1/journal.pb-c.h"
#include "huiying/v1/registry.pb-c.h"
#include "huiying/v1/sighting.pb-c.h"
#include "huiying/v1/subject.pb-c.h"
#include "huiying/v1/work.pb-c.h"
#include "lib/base/pb.h"

static const ProtobufCMessageDescriptor *const messages[] = {
    &huiying__v1__event__descriptor,
    &huiying__v1__command__descriptor,
    &huiying__v1__case__descriptor,
    &huiying__v1__dossier_record__descriptor,
    &huiying__v1__journal_record__descriptor,
    &huiying__v1__work_item__descriptor,
    &huiying__v1__content__descriptor,
    &huiying__v1__sighting__descriptor,
    &huiying__v1__subject_state__descriptor,
    &huiying__v1__dead_letter__descriptor,
    &huiying__v1__registry_record__descriptor,
};
enum { N = sizeof messages / sizeof *messages, ROUNDS = 300, DEEPEST = 4, ELEMENTS = 6 };

static uint64_t state = 20260302;

static uint32_t rnd(uint32_t below) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(state >> 33) % below;
}

// Numbers of all lengths: mostly short ones, zero among them, sometimes with the sign's bit.
static uint64_t number(void) {
    uint64_t wide = (uint64_t)rnd(1U << 31) << 33 ^ (uint64_t)rnd(1U << 31) << 10 ^ rnd(1U << 31);
    return wide >> rnd(65) % 64 & -(uint64_t)(rnd(5) > 0);
}

static ProtobufCMessage *make(struct hy_arena *arena, const ProtobufCMessageDescriptor *descriptor, int depth);

static char *text(struct hy_arena *arena) {
    static const char *const words[] = {"", "a", "停水三天", "letter", "请尽快处理，谢谢！"};
    return hy_arena_str(arena, words[rnd(sizeof words / sizeof *words)]);
}

static void make_value(struct hy_arena *arena, const ProtobufCFieldDescriptor *field, void *member, int depth) {
    uint64_t wide = number();
    uint32_t low = (uint32_t)wide;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        *(char **)member = text(arena);
        break;
    case PROTOBUF_C_TYPE_BYTES: {
        char *bytes = text(arena);
        *(ProtobufCBinaryData *)member = (ProtobufCBinaryData){strlen(bytes), (uint8_t *)bytes};
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        *(ProtobufCMessage **)member = make(arena, field->descriptor, depth + 1);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)member = wide & 1;
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
        memcpy(member, &wide, sizeof wide);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        *(double *)member = rnd(3) == 0 ? -0.0 : (double)wide / 7;
        break;
    default:
        memcpy(member, &low, sizeof low);
    }
}

static void make_array(struct hy_arena *arena, const ProtobufCFieldDescriptor *field, char *message, int depth) {
    size_t n = rnd(ELEMENTS), size = field->type == PROTOBUF_C_TYPE_UINT32 ? 4 : 8;
    assert_int_not_equal(field->type, PROTOBUF_C_TYPE_BYTES); // an element of 16 bytes
    char *array = hy_arena_zalloc(arena, (n + 1) * size);
    for (size_t i = 0; i < n; i++) {
        make_value(arena, field, array + i * size, depth);
    }
    memcpy(message + field->offset, &array, sizeof array);
    memcpy(message + field->quantifier_offset, &n, sizeof n);
}

static ProtobufCMessage *make(struct hy_arena *arena, const ProtobufCMessageDescriptor *descriptor, int depth) {
    ProtobufCMessage *message = hy_arena_alloc(arena, descriptor->sizeof_message);
    protobuf_c_message_init(descriptor, message);
    char *base = (char *)message;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        assert_true(field->label == PROTOBUF_C_LABEL_NONE || field->label == PROTOBUF_C_LABEL_REPEATED);
        if (rnd(3) == 0 || (field->type == PROTOBUF_C_TYPE_MESSAGE && depth >= DEEPEST)) continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            make_array(arena, field, base, depth);
            continue;
        }
        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
            memcpy(base + field->quantifier_offset, &field->id, sizeof field->id);
        make_value(arena, field, base + field->offset, depth);
    }
    return message;
}

static struct hy_bytes packed_by_protobuf_c(struct hy_arena *arena, const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *out = hy_arena_alloc(arena, size);
    protobuf_c_message_pack(message, out);
    return hy_bytes_from(out, size);
}

static void writes_alike(struct hy_arena *arena, const ProtobufCMessage *message, struct hy_bytes expected) {
    struct hy_bytes ours;
    assert_int_equal(hy_pb_write(message, arena, &ours), HY_OK);
    assert_int_equal(ours.len, expected.len);
    assert_memory_equal(ours.data, expected.data, expected.len);
}

static uint64_t varint(const uint8_t **at) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        value |= (uint64_t)(**at & 0x7f) << shift;
        if (*(*at)++ < 0x80) return value;
    }
}

// Where protobuf-c 1.4 strays from protobuf and we do not: a bool of any wire type is taken, whatever stands there, and
// of a message that comes again it forgets some of what came before. The bytes are ones that it took.
static bool strays(const ProtobufCMessageDescriptor *descriptor, const uint8_t *at, const uint8_t *end) {
    uint64_t seen = 0;
    while (at < end) {
        uint64_t tag = varint(&at);
        uint32_t number = (uint32_t)tag >> 3;
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(descriptor, number);
        if (field != NULL && field->type == PROTOBUF_C_TYPE_BOOL && (tag & 7) != 0) return true;
        uint64_t len = (tag & 7) == 1 ? 8 : (tag & 7) == 5 ? 4 : varint(&at);
        if ((tag & 7) == 0) continue;
        bool message = field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE;
        if (message && field->label != PROTOBUF_C_LABEL_REPEATED && (seen >> number % 64 & 1)) return true;
        seen |= 1ULL << number % 64;
        if (message && strays(field->descriptor, at, at + len)) return true;
        at += len;
    }
    return false;
}

static void reads_alike(struct hy_arena *arena, const ProtobufCMessageDescriptor *descriptor, struct hy_bytes bytes) {
    ProtobufCMessage *theirs = protobuf_c_message_unpack(descriptor, hy_arena_pb(arena), bytes.len, bytes.data);
    uint8_t *exact = malloc(bytes.len); // so that a sanitizer sees a read beyond the end
    if (bytes.len > 0) memcpy(exact, bytes.data, bytes.len);
    ProtobufCMessage *ours = hy_pb_reread(descriptor, arena, hy_bytes_from(exact, bytes.len));
    free(exact); // and that nothing of the message points there
    if (theirs != NULL && strays(descriptor, bytes.data, bytes.data + bytes.len)) return;
    assert_int_equal(ours != NULL, theirs != NULL);
    if (ours == NULL) return;
    struct hy_bytes expected = packed_by_protobuf_c(arena, theirs);
    writes_alike(arena, ours, expected);
    writes_alike(arena, theirs, expected);
}

static void every_message_is_written_and_read_as_protobuf_c_does(void **unused) {
    (void)unused;
    struct hy_arena *arena = hy_arena_new(64 << 20);
    for (int i = 0; i < N * ROUNDS; i++) {
        hy_arena_reset(arena);
        ProtobufCMessage *message = make(arena, messages[i % N], 0);
        struct hy_bytes bytes = packed_by_protobuf_c(arena, message);
        writes_alike(arena, message, bytes);
        reads_alike(arena, messages[i % N], bytes);
        reads_alike(arena, messages[rnd(N)], bytes); // fields that are unknown there, or of another type
    }
    hy_arena_free(arena);
}

static void damaged_records_are_refused_where_protobuf_c_refuses_them(void **unused) {
    (void)unused;
    struct hy_arena *arena = hy_arena_new(64 << 20);
    for (int i = 0; i < N * ROUNDS; i++) {
        hy_arena_reset(arena);
        struct hy_bytes bytes = packed_by_protobuf_c(arena, make(arena, messages[i % N], 0));
        if (bytes.len == 0) continue;
        uint8_t *spoilt = hy_arena_alloc(arena, 2 * bytes.len);
        memcpy(spoilt, bytes.data, bytes.len);
        reads_alike(arena, messages[i % N], hy_bytes_from(spoilt, rnd((uint32_t)bytes.len)));
        memcpy(spoilt + bytes.len, bytes.data, bytes.len);
        reads_alike(arena, messages[i % N], hy_bytes_from(spoilt, 2 * bytes.len)); // all of it twice: continued
        spoilt[rnd((uint32_t)bytes.len)] ^= (uint8_t)(1 + rnd(255));
        reads_alike(arena, messages[i % N], hy_bytes_from(spoilt, bytes.len));
    }
    hy_arena_free(arena);
}

static void a_message_that_comes_again_continues_the_one_before(void **unused) {
    (void)unused;
    static const uint8_t bytes[] = {0x08, 1,   0x12, 1, 'a',  0x4a, 2, 0x08, 10, 0x12,
                                    1,    'b', 0x4a, 3, 0x10, 0xc0, 7, 0x4a, 0};
    struct hy_arena *arena = hy_arena_new(1 << 20);
    struct hy_bytes record = hy_bytes_from(bytes, sizeof bytes);
    Huiying__V1__Event *event;
    assert_int_equal(hy_pb_read(&huiying__v1__event__descriptor, arena, record, 1, &event, NULL), HY_OK);
    assert_string_equal(event->id, "b"); // of a plain field the last one holds
    assert_int_equal(event->occurred->unix_ms, 5);
    assert_int_equal(event->occurred->offset_minutes, 480);
    hy_arena_free(arena);
}

static void strings_that_no_c_string_can_hold_are_refused(void **unused) {
    (void)unused;
    static const uint8_t nul[] = {0x08, 1, 0x12, 3, 'a', 0, 'b'}, broken[] = {0x08, 1, 0x1a, 2, 0xE5, 0x81};
    struct hy_arena *arena = hy_arena_new(1 << 20);
    struct hy_error err = {0};
    Huiying__V1__Event *event;
    assert_int_equal(
        hy_pb_read(&huiying__v1__event__descriptor, arena, hy_bytes_from(nul, sizeof nul), 1, &event, &err),
        HY_EFORMAT);
    assert_string_equal(err.text, "field id is not UTF-8 or holds NUL");
    assert_int_equal(
        hy_pb_read(&huiying__v1__event__descriptor, arena, hy_bytes_from(broken, sizeof broken), 1, &event, &err),
        HY_EFORMAT);
    assert_null(event);
    hy_arena_free(arena);
}

static void a_message_at_hand_as_bytes_is_written_as_it_came(void **unused) {
    (void)unused;
    struct hy_arena *arena = hy_arena_new(1 << 20);
    // An event with fields in another order than ours, and one that this version does not know.
    static const uint8_t bytes[] = {0x12, 1, 'e', 0x08, 1, 0xfa, 0x3f, 2, 'n', 'w'};
    Huiying__V1__Event *event = NULL;
    Huiying__V1__Message message = HUIYING__V1__MESSAGE__INIT, *back = NULL;
    struct hy_pb_verbatim verbatim;
    struct hy_error err;
    struct hy_bytes view = hy_bytes_from(bytes, sizeof bytes), out;
    assert_int_equal(hy_pb_read(&huiying__v1__event__descriptor, arena, view, 1, &event, &err), HY_OK);
    message.event = hy_pb_verbatim(&verbatim, view);
    assert_int_equal(hy_pb_write(&message, arena, &out), HY_OK);
    assert_int_equal(out.len, sizeof bytes + 2);
    assert_memory_equal(out.data + 2, bytes, sizeof bytes);
    assert_int_equal(hy_pb_read(&huiying__v1__message__descriptor, arena, out, 0, &back, &err), HY_OK);
    assert_string_equal(back->event->id, event->id);
    assert_int_equal(back->event->base.n_unknown_fields, 1);
    hy_arena_free(arena);
}

static void a_version_that_is_not_known_is_refused(void **unused) {
    (void)unused;
    static const uint8_t bytes[] = {0x08, 2};
    struct hy_arena *arena = hy_arena_new(1 << 20);
    struct hy_error err = {0};
    Huiying__V1__Event *event;
    struct hy_bytes record = hy_bytes_from(bytes, sizeof bytes);
    assert_int_equal(hy_pb_read(&huiying__v1__event__descriptor, arena, record, 1, &event, &err), HY_EVERSION);
    assert_int_equal(hy_pb_read(&huiying__v1__event__descriptor, arena, record, 2, &event, &err), HY_OK);
    assert_int_equal(hy_pb_read(&huiying__v1__event__descriptor, arena, hy_bytes_from(NULL, 0), 1, &event, &err),
                     HY_EFORMAT);
    hy_arena_free(arena);
}

static void a_record_takes_no_more_memory_than_its_arena_allows(void **unused) {
    (void)unused;
    enum { LINKS = 100000 };
    struct hy_arena *arena = hy_arena_new(1 << 20);
    struct hy_error err = {0};
    Huiying__V1__Event *event;
    uint8_t *links = calloc(LINKS, 3);
    for (size_t i = 0; i < LINKS; i++) {
        memcpy(links + 3 * i, "\x7a\x01x", 3);
    }
    assert_int_equal(
        hy_pb_read(&huiying__v1__event__descriptor, arena, hy_bytes_from(links, 3 * LINKS), 0, &event, &err),
        HY_ENOMEM);
    free(links);
    Huiying__V1__Event full = HUIYING__V1__EVENT__INIT;
    full.text = calloc(1, 2 << 20);
    memset(full.text, 'a', (2 << 20) - 1);
    struct hy_bytes bytes;
    assert_int_equal(hy_pb_write(&full, arena, &bytes), HY_ENOMEM);
    free(full.text);
    hy_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_written_and_read_as_protobuf_c_does),
        cmocka_unit_test(damaged_records_are_refused_where_protobuf_c_refuses_them),
        cmocka_unit_test(a_message_that_comes_again_continues_the_one_before),
        cmocka_unit_test(strings_that_no_c_string_can_hold_are_refused),
        cmocka_unit_test(a_message_at_hand_as_bytes_is_written_as_it_came),
        cmocka_unit_test(a_version_that_is_not_known_is_refused),
        cmocka_unit_test(a_record_takes_no_more_memory_than_its_arena_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
