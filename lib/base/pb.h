// Reading a protobuf record that somebody else wrote: protobuf-c checks neither UTF-8 nor the depth of strings, and
// takes a record that was cut at a field's edge for a shorter one. This is the one door through which records come in.
// Both directions go by protobuf-c's descriptors and give its structs, for proto3 messages (no `optional`): a new
// message of the contract needs nothing here. A message with schema_version has it as field 1; what a reader does not
// know it must not guess at.
#ifndef HY_BASE_PB_H
#define HY_BASE_PB_H

#include <protobuf-c/protobuf-c.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

// Unpacks into the arena (the message lives as long as it). HY_EFORMAT: not such a message, or a string that is not
// UTF-8 or holds NUL (err names the field, never its content). HY_EVERSION: schema_version is not `version` (0 = not
// checked). HY_ENOMEM: larger than the arena allows.
HY_MUST_CHECK int hy_pb_read(const ProtobufCMessageDescriptor *descriptor, struct hy_arena *arena,
                             struct hy_bytes bytes, uint32_t version, void *out_message, struct hy_error *err);

// The same for bytes that this installation wrote itself and nobody else could change (a stored snapshot): strings are
// taken as they are, no version is looked at. NULL: not such a message, or larger than the arena allows.
void *hy_pb_reread(const ProtobufCMessageDescriptor *descriptor, struct hy_arena *arena, struct hy_bytes bytes);

// Packs a message into the arena, byte for byte as protobuf-c does. HY_ENOMEM.
HY_MUST_CHECK int hy_pb_write(const void *message, struct hy_arena *arena, struct hy_bytes *out);

// Stands for a message inside another one whose bytes are at hand, as hy_pb_read has taken them: written as they are,
// which spares packing it again and keeps what a newer version put in. bytes are borrowed until the message around it
// is written; only hy_pb_write may see it: `outer.event = hy_pb_verbatim(&event, bytes)`.
struct hy_pb_verbatim {
    ProtobufCMessage base;
    struct hy_bytes bytes;
};
void *hy_pb_verbatim(struct hy_pb_verbatim *verbatim, struct hy_bytes bytes);

#endif
