// A hash map from bytes to bytes, one allocation an entry, open addressing. What holds a partition's state, its
// overlay, and the registry. Keys may come from outside, so the hash is seeded per process. Not thread-safe.
// To keep more beside a value, put it into the value; an entry has no other place.
#ifndef HY_LANE_MAP_H
#define HY_LANE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

struct hy_map_entry {
    uint64_t hash;
    uint32_t key_len, value_len;
    uint64_t stamp;  // the owner's own use
    bool deleted;    // in an overlay: the key is gone
    uint8_t bytes[]; // key, then value
};

// Zero-initialise before use.
struct hy_map {
    struct hy_map_entry **slots; // private; behind them a byte each
    size_t cap, n;
    size_t bytes; // of all entries, for memory bounds
};

// A new entry; NULL when memory is out or a length is over 4 GB. Free with free().
struct hy_map_entry *hy_map_entry_new(struct hy_bytes key, struct hy_bytes value, bool deleted);
struct hy_bytes hy_map_key(const struct hy_map_entry *entry);
struct hy_bytes hy_map_value(const struct hy_map_entry *entry);

struct hy_map_entry *hy_map_find(const struct hy_map *map, struct hy_bytes key);
// The same where one key is looked for in several maps: its hash is that of hy_map_hash.
uint64_t hy_map_hash(struct hy_bytes key);
struct hy_map_entry *hy_map_find_hashed(const struct hy_map *map, uint64_t hash, struct hy_bytes key);
// Takes the entry; *replaced is the one of the same key that stood there (now the caller's), or NULL. HY_ENOMEM: not
// taken.
HY_MUST_CHECK int hy_map_put(struct hy_map *map, struct hy_map_entry *entry, struct hy_map_entry **replaced);
// Removes and returns the entry (the caller's), or NULL.
struct hy_map_entry *hy_map_take(struct hy_map *map, struct hy_bytes key);
// Walks all entries: start with *cursor = 0; NULL at the end. The map must not change meanwhile.
struct hy_map_entry *hy_map_next(const struct hy_map *map, size_t *cursor);
// The same, and the entry is the caller's from now on. The map is good for nothing but this and hy_map_free meanwhile.
struct hy_map_entry *hy_map_drain(struct hy_map *map, size_t *cursor);
// Frees all entries, keeps nothing.
void hy_map_free(struct hy_map *map);

#endif
