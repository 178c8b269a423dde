#include "lib/base/pb.h"

#include <string.h>

enum { MAX_DEPTH = 32 };

// The bytes still to be walked. The walk runs after protobuf-c has accepted them, so it only has to be safe, not to
// judge: strings are checked on the wire because a NUL would hide the rest of a C string.
struct cursor {
    const uint8_t *at, *end;
};

static bool read_varint(struct cursor *c, uint64_t *out) {
    *out = 0;
    for (int shift = 0; shift < 64 && c->at < c->end; shift += 7) {
        uint8_t byte = *c->at++;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return true;
    }
    return false;
}

static bool skip(struct cursor *c, uint64_t n) {
    if (n > (uint64_t)(c->end - c->at)) return false;
    c->at += n;
    return true;
}

static int walk(const ProtobufCMessageDescriptor *descriptor, struct cursor c, int depth, struct hy_error *err);

static int check_bytes(const ProtobufCFieldDescriptor *field, struct hy_bytes bytes, int depth, struct hy_error *err) {
    if (field && field->type == PROTOBUF_C_TYPE_STRING && !hy_utf8_valid(bytes)) {
        return hy_fail(err, HY_EFORMAT, "field %s is not UTF-8 or holds NUL", field->name);
    }
    if (field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return walk(field->descriptor, (struct cursor){bytes.data, bytes.data + bytes.len}, depth + 1, err);
    }
    return HY_OK;
}

static int walk_field(const ProtobufCMessageDescriptor *descriptor, struct cursor *c, int depth, struct hy_error *err) {
    uint64_t tag = 0;
    uint64_t value = 0;
    bool good = read_varint(c, &tag);
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(tag >> 3));
    switch (good ? tag & 7 : 7) {
    case 0:
        good = read_varint(c, &value);
        break;
    case 1:
        good = skip(c, 8);
        break;
    case 5:
        good = skip(c, 4);
        break;
    case 2: {
        good = read_varint(c, &value);
        const uint8_t *start = c->at;
        good = good && skip(c, value);
        if (good) return check_bytes(field, hy_bytes_from(start, value), depth, err);
        break;
    }
    default:
        good = false;
    }
    return good ? HY_OK : hy_fail(err, HY_EFORMAT, "%s is damaged", descriptor->short_name);
}

static int walk(const ProtobufCMessageDescriptor *descriptor, struct cursor c, int depth, struct hy_error *err) {
    if (depth > MAX_DEPTH) return hy_fail(err, HY_EFORMAT, "%s is nested too deep", descriptor->short_name);
    while (c.at < c.end) {
        int rc = walk_field(descriptor, &c, depth, err);
        if (rc != HY_OK) return rc;
    }
    return HY_OK;
}

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
    int rc = walk(descriptor, (struct cursor){bytes.data, bytes.data + bytes.len}, 0, err);
    if (rc != HY_OK) return rc;
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, hy_arena_pb(arena), bytes.len, bytes.data);
    if (!message) return hy_fail(err, HY_EFORMAT, "not a %s: cut short, damaged, or too large", descriptor->short_name);
    rc = check_version(message, version, err);
    if (rc == HY_OK) *out = message;
    return rc;
}

int hy_pb_write(const void *message, struct hy_arena *arena, struct hy_bytes *out) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *data = hy_arena_alloc(arena, size ? size : 1);
    if (!data) return HY_ENOMEM;
    protobuf_c_message_pack(message, data);
    *out = hy_bytes_from(data, size);
    return HY_OK;
}
