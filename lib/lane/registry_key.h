// Keys and records of hy.registry, shared by its reader, its publisher and the topics table: key = kind "/" id; a chunk
// is kind "chunk", id = hex of the content's hash "/" index; the last chunk's record also says how many there are, so
// that a content stays findable by its hash after the record that named it was replaced.
#ifndef HY_LANE_REGISTRY_KEY_H
#define HY_LANE_REGISTRY_KEY_H

#include "lib/base/bytes.h"
#include "lib/lane/registry.h"

enum { HY_REGISTRY_KEY_SIZE = 320, HY_REGISTRY_CHUNK = 512 * 1024, HY_REGISTRY_MOST_CHUNKS = 1024 };

// kind "/" id into out; the empty view when it does not fit.
struct hy_bytes hy_registry_key(const char *kind, const char *id, char out[HY_REGISTRY_KEY_SIZE]);
// Packs a record: of entry's own content when chunks is 0, else naming that many chunks. HY_ENOMEM.
HY_MUST_CHECK int hy_registry_pack(const struct hy_registry_entry *entry, uint32_t chunks, struct hy_buf *out);

#endif
