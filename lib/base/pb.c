// Reading: one pass over the bytes judges them and builds the message in the arena. protobuf-c's own unpacking comes to
// the same (tests/unit/base/test_pb.c holds them against each other), but scans each message twice, and its strings had
// to be judged in a third pass.
#include "lib/base/pb.h"

#include <endian.h>
#include <string.h>

#include "lib/base/pb_type.h"

enum { MAX_DEPTH = 32, TAG_BYTES = 5, VARINT_BYTES = 10, FIRST_ROOM = 4 };

struct reader {
    struct hy_arena *arena;
    bool judged; // strings: by us, since protobuf-c hands them out as C strings, where a NUL would hide the rest
    struct hy_error *err;
};

struct cursor {
    const uint8_t *at, *end;
};

// One field as it stands on the wire.
struct value {
    ProtobufCWireType wire;
    uint64_t number;       // varint, fixed
    struct hy_bytes bytes; // length-prefixed: the content
    struct hy_bytes whole; // everything behind the tag
};

static int no_room(const struct reader *r) {
    return hy_fail(r->err, HY_ENOMEM, "record is larger than memory allows for one");
}

static int damaged(const struct reader *r, const ProtobufCMessageDescriptor *descriptor) {
    return hy_fail(r->err, HY_EFORMAT, "not a %s: cut short or damaged", descriptor->short_name);
}

// ---- the wire ----

static bool read_long_varint(struct cursor *c, uint64_t *out) {
    *out = 0;
    for (int i = 0; i < VARINT_BYTES && c->at < c->end; i++) {
        uint8_t byte = *c->at++;
        *out |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) return true;
    }
    return false;
}

// One byte or two: nearly all tags, lengths and small numbers.
static inline bool read_varint(struct cursor *c, uint64_t *out) {
    const uint8_t *at = c->at;
    if (c->end - at >= 2) {
        if (at[0] < 0x80) {
            *out = at[0];
            c->at = at + 1;
            return true;
        }
        if (at[1] < 0x80) {
            *out = (at[0] & 0x7fU) | (uint64_t)at[1] << 7;
            c->at = at + 2;
            return true;
        }
    }
    return read_long_varint(c, out);
}

static bool skip(struct cursor *c, uint64_t n) {
    if (n > (uint64_t)(c->end - c->at)) return false;
    c->at += n;
    return true;
}

static bool read_fixed(struct cursor *c, size_t width, uint64_t *out) {
    const uint8_t *at = c->at;
    uint64_t raw = 0;
    if (!skip(c, width)) return false;
    memcpy(&raw, at, width);
    *out = le64toh(raw);
    return true;
}

static bool read_value(struct cursor *c, struct value *value) {
    const uint8_t *start = c->at;
    bool good = false;
    switch (value->wire) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        good = read_varint(c, &value->number);
        break;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        good = read_fixed(c, 8, &value->number);
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        good = read_fixed(c, 4, &value->number);
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED: {
        uint64_t len;
        good = read_varint(c, &len);
        const uint8_t *content = c->at;
        good = good && skip(c, len);
        if (good) value->bytes = hy_bytes_from(content, len);
        break;
    }
    default: // groups, which proto3 has not
        break;
    }
    value->whole = hy_bytes_from(start, (size_t)(c->at - start));
    return good;
}

// ---- fields ----

// Fields mostly come in the order of their numbers, so the search goes on from the one before.
static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *descriptor, uint32_t number,
                                                unsigned *at) {
    unsigned i = *at;
    while (i < descriptor->n_fields && descriptor->fields[i].id < number)
        i++;
    if (i == descriptor->n_fields || descriptor->fields[i].id != number)
        return protobuf_c_message_descriptor_get_field(descriptor, number);
    *at = i;
    return &descriptor->fields[i];
}

static int read_message(const struct reader *r, ProtobufCMessage *message, struct hy_bytes bytes, int depth);

static ProtobufCMessage *new_message(const struct reader *r, const ProtobufCMessageDescriptor *descriptor) {
    ProtobufCMessage *message = hy_arena_alloc(r->arena, descriptor->sizeof_message);
    if (message) protobuf_c_message_init(descriptor, message);
    return message;
}

static int store_string(const struct reader *r, const ProtobufCFieldDescriptor *field, char **member,
                        struct hy_bytes bytes) {
    if (r->judged && !hy_utf8_valid(bytes))
        return hy_fail(r->err, HY_EFORMAT, "field %s is not UTF-8 or holds NUL", field->name);
    *member = hy_arena_strn(r->arena, (const char *)bytes.data, bytes.len);
    return *member ? HY_OK : no_room(r);
}

static int store_bytes(const struct reader *r, ProtobufCBinaryData *member, struct hy_bytes bytes) {
    *member = (ProtobufCBinaryData){0};
    if (bytes.len == 0) return HY_OK;
    uint8_t *copy = hy_arena_alloc(r->arena, bytes.len);
    if (!copy) return no_room(r);
    memcpy(copy, bytes.data, bytes.len);
    *member = (ProtobufCBinaryData){.len = bytes.len, .data = copy};
    return HY_OK;
}

// A message that comes again continues the one before.
static int store_message(const struct reader *r, const ProtobufCFieldDescriptor *field, ProtobufCMessage **member,
                         struct hy_bytes bytes, int depth) {
    if (!*member) *member = new_message(r, field->descriptor);
    return *member ? read_message(r, *member, bytes, depth + 1) : no_room(r);
}

static void store_number(ProtobufCType type, void *member, uint64_t number) {
    uint32_t low = (uint32_t)number;
    switch (type) {
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)member = number != 0;
        break;
    case PROTOBUF_C_TYPE_SINT32:
        low = low >> 1 ^ -(low & 1);
        memcpy(member, &low, sizeof low);
        break;
    case PROTOBUF_C_TYPE_SINT64:
        number = number >> 1 ^ -(number & 1);
        memcpy(member, &number, sizeof number);
        break;
    default:
        if (size_of(type) == sizeof number)
            memcpy(member, &number, sizeof number);
        else
            memcpy(member, &low, sizeof low);
    }
}

static int store(const struct reader *r, const ProtobufCFieldDescriptor *field, void *member, const struct value *value,
                 int depth) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return store_string(r, field, member, value->bytes);
    case PROTOBUF_C_TYPE_BYTES:
        return store_bytes(r, member, value->bytes);
    case PROTOBUF_C_TYPE_MESSAGE:
        return store_message(r, field, member, value->bytes, depth);
    default:
        store_number(field->type, member, value->number);
        return HY_OK;
    }
}

// Room for one more element of an array that holds n; it doubles, so n alone tells when it is full.
static bool reserve(struct hy_arena *arena, void **array, size_t n, size_t size) {
    if (n != 0 && (n < FIRST_ROOM || (n & (n - 1)) != 0)) return true;
    void *grown = hy_arena_alloc(arena, (n == 0 ? FIRST_ROOM : 2 * n) * size);
    if (!grown) return false;
    if (n > 0) memcpy(grown, *array, n * size);
    *array = grown;
    return true;
}

static int append(const struct reader *r, const ProtobufCFieldDescriptor *field, char *message,
                  const struct value *value, int depth) {
    size_t *n = (size_t *)(void *)(message + field->quantifier_offset), size = size_of(field->type);
    void **array = (void **)(void *)(message + field->offset);
    if (!reserve(r->arena, array, *n, size)) return no_room(r);
    void *element = (char *)*array + *n * size;
    memset(element, 0, size);
    int rc = store(r, field, element, value, depth);
    if (rc == HY_OK) ++*n;
    return rc;
}

// Numbers of one field, one behind the other without tags.
static int append_packed(const struct reader *r, const ProtobufCMessageDescriptor *descriptor,
                         const ProtobufCFieldDescriptor *field, char *message, struct hy_bytes bytes) {
    struct cursor c = {bytes.data, bytes.data + bytes.len};
    while (c.at < c.end) {
        struct value value = {.wire = wire_of(field->type)};
        if (!read_value(&c, &value)) return damaged(r, descriptor);
        int rc = append(r, field, message, &value, 0);
        if (rc != HY_OK) return rc;
    }
    return HY_OK;
}

// Of the members of a oneof the last one holds.
static void choose(const ProtobufCFieldDescriptor *field, char *message) {
    uint32_t id = field->id;
    memcpy(message + field->quantifier_offset, &id, sizeof id);
    memset(message + field->offset, 0, size_of(field->type));
}

static int read_field(const struct reader *r, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                      const struct value *value, int depth) {
    char *base = (char *)message;
    bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    if (value->wire != wire_of(field->type)) {
        if (repeated && value->wire == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            return append_packed(r, message->descriptor, field, base, value->bytes);
        return damaged(r, message->descriptor);
    }
    if (repeated) return append(r, field, base, value, depth);
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) choose(field, base);
    return store(r, field, base + field->offset, value, depth);
}

// What a newer version wrote is kept, and written again.
static int keep_unknown(const struct reader *r, ProtobufCMessage *message, uint32_t number, const struct value *value) {
    ProtobufCMessageUnknownField *fields = message->unknown_fields;
    uint8_t *data = hy_arena_alloc(r->arena, value->whole.len);
    void *array = fields;
    if (!data || !reserve(r->arena, &array, message->n_unknown_fields, sizeof *fields)) return no_room(r);
    memcpy(data, value->whole.data, value->whole.len);
    fields = array;
    fields[message->n_unknown_fields++] =
        (ProtobufCMessageUnknownField){.tag = number, .wire_type = value->wire, .len = value->whole.len, .data = data};
    message->unknown_fields = fields;
    return HY_OK;
}

static int read_message(const struct reader *r, ProtobufCMessage *message, struct hy_bytes bytes, int depth) {
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    struct cursor c = {bytes.data, bytes.data + bytes.len};
    unsigned at = 0;
    if (depth > MAX_DEPTH) return hy_fail(r->err, HY_EFORMAT, "%s is nested too deep", descriptor->short_name);
    while (c.at < c.end) {
        const uint8_t *start = c.at;
        uint64_t tag;
        if (!read_varint(&c, &tag) || c.at - start > TAG_BYTES) return damaged(r, descriptor);
        struct value value = {.wire = (ProtobufCWireType)(tag & 7)};
        if (!read_value(&c, &value)) return damaged(r, descriptor);
        uint32_t number = (uint32_t)(tag >> 3);
        if (number == 0) return damaged(r, descriptor);
        const ProtobufCFieldDescriptor *field = field_of(descriptor, number, &at);
        int rc = field ? read_field(r, message, field, &value, depth) : keep_unknown(r, message, number, &value);
        if (rc != HY_OK) return rc;
    }
    return HY_OK;
}

// ---- the door ----

static int check_version(const ProtobufCMessage *message, uint32_t version, struct hy_error *err) {
    const ProtobufCFieldDescriptor *first = protobuf_c_message_descriptor_get_field(message->descriptor, 1);
    if (version == 0 || !first || strcmp(first->name, "schema_version") != 0) return HY_OK;
    uint32_t seen = *(const uint32_t *)(const void *)((const char *)message + first->offset);
    if (seen == version) return HY_OK;
    return hy_fail(err, HY_EVERSION, "%s has schema version %u, this program reads %u", message->descriptor->short_name,
                   seen, version);
}

int hy_pb_read(const ProtobufCMessageDescriptor *descriptor, struct hy_arena *arena, struct hy_bytes bytes,
               uint32_t version, void *out_message, struct hy_error *err) {
    ProtobufCMessage **out = out_message;
    *out = NULL;
    if (bytes.len == 0) return hy_fail(err, HY_EFORMAT, "empty %s", descriptor->short_name);
    struct reader r = {.arena = arena, .judged = true, .err = err};
    ProtobufCMessage *message = new_message(&r, descriptor);
    int rc = message ? read_message(&r, message, bytes, 0) : no_room(&r);
    if (rc == HY_OK) rc = check_version(message, version, err);
    if (rc == HY_OK) *out = message;
    return rc;
}

void *hy_pb_reread(const ProtobufCMessageDescriptor *descriptor, struct hy_arena *arena, struct hy_bytes bytes) {
    struct reader r = {.arena = arena};
    ProtobufCMessage *message = new_message(&r, descriptor);
    return message && read_message(&r, message, bytes, 0) == HY_OK ? message : NULL;
}
