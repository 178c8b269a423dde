// Writing: from the last field to the first, so that every length is known when it is written. protobuf-c measures a
// message before packing it, which costs as much as the packing.
#include "lib/base/pb.h"

#include <endian.h>
#include <string.h>

#include "lib/base/pb_type.h"

enum { FIRST_ROOM = 1024 };

// Bytes stand in [at, end) and grow towards start.
struct writer {
    struct hy_arena *arena;
    uint8_t *start, *at, *end;
    bool failed;
};

static void grow(struct writer *w, size_t n) {
    size_t used = (size_t)(w->end - w->at), room = used + n < FIRST_ROOM ? FIRST_ROOM : 2 * (used + n);
    uint8_t *start = w->failed ? NULL : hy_arena_alloc(w->arena, room);
    if (!start) {
        w->failed = true;
        return;
    }
    if (used > 0) memcpy(start + room - used, w->at, used);
    w->start = start;
    w->end = start + room;
    w->at = w->end - used;
}

// n bytes before everything written so far; NULL when memory is out.
static uint8_t *take(struct writer *w, size_t n) {
    if ((size_t)(w->at - w->start) < n) grow(w, n);
    return w->failed ? NULL : (w->at -= n);
}

static void put_bytes(struct writer *w, const void *data, size_t len) {
    uint8_t *to = len == 0 ? NULL : take(w, len);
    if (to) memcpy(to, data, len);
}

static void put_long_varint(struct writer *w, uint64_t value) {
    size_t n = 1;
    for (uint64_t rest = value >> 7; rest != 0; rest >>= 7)
        n++;
    uint8_t *to = take(w, n);
    if (!to) return;
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to = (uint8_t)value;
}

static inline void put_varint(struct writer *w, uint64_t value) {
    if (value < 0x80 && w->at > w->start)
        *--w->at = (uint8_t)value;
    else
        put_long_varint(w, value);
}

static void put_fixed(struct writer *w, uint64_t value, size_t width) {
    uint64_t raw = htole64(value);
    put_bytes(w, &raw, width);
}

static void put_message(struct writer *w, const ProtobufCMessage *message);

static uint32_t load32(const void *member) {
    uint32_t value;
    memcpy(&value, member, sizeof value);
    return value;
}

static uint64_t load64(const void *member) {
    uint64_t value;
    memcpy(&value, member, sizeof value);
    return value;
}

static const void *load_pointer(const void *member) {
    return *(const void *const *)member;
}

static void put_text(struct writer *w, const char *text) {
    size_t len = text ? strlen(text) : 0;
    put_bytes(w, text, len);
    put_varint(w, len);
}

static void put_binary(struct writer *w, const ProtobufCBinaryData *data) {
    put_bytes(w, data->data, data->len);
    put_varint(w, data->len);
}

static void put_inner(struct writer *w, const ProtobufCMessage *message) {
    size_t before = (size_t)(w->end - w->at);
    if (message) put_message(w, message);
    put_varint(w, (size_t)(w->end - w->at) - before);
}

// Writes the value without its tag.
static void put_value(struct writer *w, ProtobufCType type, const void *member) {
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        put_varint(w, (uint64_t)(int64_t)(int32_t)load32(member));
        break;
    case PROTOBUF_C_TYPE_UINT32:
        put_varint(w, load32(member));
        break;
    case PROTOBUF_C_TYPE_SINT32:
        put_varint(w, load32(member) << 1 ^ -(load32(member) >> 31));
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        put_varint(w, load64(member));
        break;
    case PROTOBUF_C_TYPE_SINT64:
        put_varint(w, load64(member) << 1 ^ -(load64(member) >> 63));
        break;
    case PROTOBUF_C_TYPE_BOOL:
        put_varint(w, *(const protobuf_c_boolean *)member != 0);
        break;
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        put_fixed(w, load32(member), 4);
        break;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        put_fixed(w, load64(member), 8);
        break;
    case PROTOBUF_C_TYPE_STRING:
        put_text(w, load_pointer(member));
        break;
    case PROTOBUF_C_TYPE_BYTES:
        put_binary(w, member);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        put_inner(w, load_pointer(member));
        break;
    }
}

static void put_tag(struct writer *w, uint32_t number, ProtobufCWireType wire) {
    put_varint(w, (uint64_t)number << 3 | wire);
}

static void put_repeated(struct writer *w, const ProtobufCFieldDescriptor *field, const char *message) {
    size_t n = *(const size_t *)(const void *)(message + field->quantifier_offset), size = size_of(field->type);
    const char *array = load_pointer(message + field->offset);
    bool packed = field->flags & PROTOBUF_C_FIELD_FLAG_PACKED;
    size_t before = (size_t)(w->end - w->at);
    for (size_t i = n; i-- > 0;) {
        put_value(w, field->type, array + i * size);
        if (!packed) put_tag(w, field->id, wire_of(field->type));
    }
    if (!packed || n == 0) return;
    put_varint(w, (size_t)(w->end - w->at) - before);
    put_tag(w, field->id, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
}

// What proto3 does not write: what has its default. All of these begin with a zero word, but empty texts and minus
// zero.
static bool is_default(const ProtobufCFieldDescriptor *field, const char *member) {
    bool wide = size_of(field->type) > 4;
    uint64_t word = wide ? load64(member) : load32(member);
    if (word == 0) return true;
    if (field->type == PROTOBUF_C_TYPE_STRING) return *(const char *)load_pointer(member) == '\0';
    if (field->type == PROTOBUF_C_TYPE_DOUBLE) return word << 1 == 0;
    return field->type == PROTOBUF_C_TYPE_FLOAT && (uint32_t)word << 1 == 0;
}

// The chosen member of a oneof is written whatever it has, if there is something it has.
static bool is_chosen(const ProtobufCFieldDescriptor *field, const char *message) {
    if (load32(message + field->quantifier_offset) != field->id) return false;
    bool points = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_MESSAGE;
    const void *pointer = points ? load_pointer(message + field->offset) : message;
    return pointer != NULL && pointer != field->default_value;
}

static bool is_written(const ProtobufCFieldDescriptor *field, const char *message) {
    return field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF ? is_chosen(field, message)
                                                      : !is_default(field, message + field->offset);
}

// The type of what is written as it is; it has no fields.
static const ProtobufCMessageDescriptor VERBATIM = {.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC, .name = "verbatim"};

void *hy_pb_verbatim(struct hy_pb_verbatim *verbatim, struct hy_bytes bytes) {
    *verbatim = (struct hy_pb_verbatim){.base = {.descriptor = &VERBATIM}, .bytes = bytes};
    return verbatim;
}

static void put_verbatim(struct writer *w, const ProtobufCMessage *message) {
    const struct hy_pb_verbatim *verbatim = (const void *)message;
    put_bytes(w, verbatim->bytes.data, verbatim->bytes.len);
}

static void put_message(struct writer *w, const ProtobufCMessage *message) {
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    const char *base = (const char *)message;
    if (descriptor == &VERBATIM) {
        put_verbatim(w, message);
        return;
    }
    for (size_t i = message->n_unknown_fields; i-- > 0;) {
        const ProtobufCMessageUnknownField *unknown = &message->unknown_fields[i];
        put_bytes(w, unknown->data, unknown->len);
        put_tag(w, unknown->tag, unknown->wire_type);
    }
    for (size_t i = descriptor->n_fields; i-- > 0;) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            put_repeated(w, field, base);
        } else if (is_written(field, base)) {
            put_value(w, field->type, base + field->offset);
            put_tag(w, field->id, wire_of(field->type));
        }
    }
}

int hy_pb_write(const void *message, struct hy_arena *arena, struct hy_bytes *out) {
    struct writer w = {.arena = arena};
    grow(&w, 0);
    put_message(&w, message);
    if (w.failed) return HY_ENOMEM;
    *out = hy_bytes_from(w.at, (size_t)(w.end - w.at));
    return HY_OK;
}
