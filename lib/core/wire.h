// A walk over the top-level fields of a packed protobuf message without unpacking it: to find a few bytes (a member's
// hash, a record's own hash) in a tenth of the time, and to see a record exactly as it was written, unknown fields too.
// Bounded: never reads outside the given bytes; anything malformed ends the walk with `broken`.
#ifndef HY_CORE_WIRE_H
#define HY_CORE_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/bytes.h"

enum { HY_WIRE_VARINT = 0, HY_WIRE_FIXED64 = 1, HY_WIRE_BYTES = 2, HY_WIRE_FIXED32 = 5 };

struct hy_wire {
    struct hy_bytes in; // borrowed
    size_t at;
    bool broken;
};

struct hy_wire_field {
    uint32_t number;
    int type;              // HY_WIRE_*
    uint64_t value;        // varint and fixed
    struct hy_bytes bytes; // type BYTES: the content
    size_t start, end;     // the whole field with its tag
};

static inline struct hy_wire hy_wire_of(struct hy_bytes in) {
    return (struct hy_wire){.in = in};
}

static inline bool hy_wire_varint(struct hy_wire *wire, uint64_t *out) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && wire->at < wire->in.len; shift += 7) {
        uint8_t byte = wire->in.data[wire->at++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

// Little-endian, as protobuf writes fixed fields.
static inline uint64_t hy_wire_fixed(const uint8_t *data, size_t width) {
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++) {
        value |= (uint64_t)data[i] << (8 * i);
    }
    return value;
}

static inline bool hy_wire_content(struct hy_wire *wire, struct hy_wire_field *field) {
    size_t width = field->type == HY_WIRE_FIXED64 ? 8 : field->type == HY_WIRE_FIXED32 ? 4 : 0;
    uint64_t length = width;
    if (field->type == HY_WIRE_VARINT) return hy_wire_varint(wire, &field->value);
    if (field->type == HY_WIRE_BYTES && !hy_wire_varint(wire, &length)) return false;
    if (field->type != HY_WIRE_BYTES && width == 0) return false;
    size_t left = wire->in.len - wire->at;
    if (length > left) return false;
    const uint8_t *data = wire->in.data + wire->at;
    if (width > 0) field->value = hy_wire_fixed(data, width);
    if (width == 0) field->bytes = hy_bytes_from(data, (size_t)length);
    wire->at += (size_t)length;
    return true;
}

// The next field; false at the end or at malformed bytes (then wire->broken).
static inline bool hy_wire_next(struct hy_wire *wire, struct hy_wire_field *field) {
    if (wire->broken || wire->at >= wire->in.len) return false;
    *field = (struct hy_wire_field){.start = wire->at};
    uint64_t tag;
    if (!hy_wire_varint(wire, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff) {
        wire->broken = true;
        return false;
    }
    field->number = (uint32_t)(tag >> 3);
    field->type = (int)(tag & 7);
    if (!hy_wire_content(wire, field)) {
        wire->broken = true;
        return false;
    }
    field->end = wire->at;
    return true;
}

#endif
