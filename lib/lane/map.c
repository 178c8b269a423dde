#include "lib/lane/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/random.h"

enum { FIRST_CAP = 16 };

static uint64_t seed;
static pthread_once_t seeded = PTHREAD_ONCE_INIT;

static void make_seed(void) {
    if (hy_random(&seed, sizeof seed) != HY_OK) seed = (uint64_t)time(NULL) * 0x9e3779b97f4a7c15U;
}

static uint64_t mixed(uint64_t a, uint64_t b) {
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)(a ^ 0xa0761d6478bd642fU) * (b ^ 0xe7037ed1a0b428dbU);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hy_map_hash(struct hy_bytes key) {
    pthread_once(&seeded, make_seed);
    uint64_t hash = seed ^ key.len;
    size_t at = 0;
    while (at < key.len) {
        uint64_t word = 0;
        size_t take = key.len - at < sizeof word ? key.len - at : sizeof word;
        memcpy(&word, key.data + at, take);
        hash = mixed(hash ^ word, seed);
        at += take;
    }
    return mixed(hash, key.len);
}

struct hy_map_entry *hy_map_entry_new(struct hy_bytes key, struct hy_bytes value, bool deleted) {
    if (key.len > UINT32_MAX || value.len > UINT32_MAX) return NULL;
    struct hy_map_entry *entry = malloc(sizeof *entry + key.len + value.len);
    if (entry == NULL) return NULL;
    *entry = (struct hy_map_entry){
        .hash = hy_map_hash(key), .key_len = (uint32_t)key.len, .value_len = (uint32_t)value.len, .deleted = deleted};
    if (key.len > 0) memcpy(entry->bytes, key.data, key.len);
    if (value.len > 0) memcpy(entry->bytes + key.len, value.data, value.len);
    return entry;
}

struct hy_bytes hy_map_key(const struct hy_map_entry *entry) {
    return hy_bytes_from(entry->bytes, entry->key_len);
}

struct hy_bytes hy_map_value(const struct hy_map_entry *entry) {
    return hy_bytes_from(entry->bytes + entry->key_len, entry->value_len);
}

static size_t weight(const struct hy_map_entry *entry) {
    return sizeof *entry + sizeof(void *) * 2 + entry->key_len + entry->value_len;
}

static bool same_key(const struct hy_map_entry *entry, uint64_t hash, struct hy_bytes key) {
    return entry->hash == hash && entry->key_len == key.len &&
           (key.len == 0 || memcmp(entry->bytes, key.data, key.len) == 0);
}

// A byte for each slot, behind the slots: 0 = empty, else seven bits of the hash. A search looks at neighbours here and
// goes to an entry only where these bits fit, since each entry is a miss of the cache.
static uint8_t *marks_of(const struct hy_map *map) {
    return (uint8_t *)(map->slots + map->cap);
}

static uint8_t mark_of(uint64_t hash) {
    return (uint8_t)(0x80 | hash >> 57);
}

// The slot that holds the key, or the empty one where it belongs. The map has room.
static size_t slot_of(const struct hy_map *map, uint64_t hash, struct hy_bytes key) {
    const uint8_t *marks = marks_of(map);
    uint8_t mark = mark_of(hash);
    size_t at = hash & (map->cap - 1);
    while (marks[at] != 0 && (marks[at] != mark || !same_key(map->slots[at], hash, key)))
        at = (at + 1) & (map->cap - 1);
    return at;
}

static void set_slot(struct hy_map *map, size_t at, struct hy_map_entry *entry) {
    map->slots[at] = entry;
    marks_of(map)[at] = entry == NULL ? 0 : mark_of(entry->hash);
}

struct hy_map_entry *hy_map_find(const struct hy_map *map, struct hy_bytes key) {
    return hy_map_find_hashed(map, hy_map_hash(key), key);
}

struct hy_map_entry *hy_map_find_hashed(const struct hy_map *map, uint64_t hash, struct hy_bytes key) {
    return map->n == 0 ? NULL : map->slots[slot_of(map, hash, key)];
}

static int grow(struct hy_map *map) {
    if ((map->n + 1) * 4 <= map->cap * 3) return HY_OK;
    struct hy_map bigger = {.cap = map->cap == 0 ? FIRST_CAP : map->cap * 2};
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots + 1); // and its mark
    if (bigger.slots == NULL) return HY_ENOMEM;
    for (size_t i = 0; i < map->cap; i++) {
        struct hy_map_entry *entry = map->slots[i];
        if (entry != NULL) set_slot(&bigger, slot_of(&bigger, entry->hash, hy_map_key(entry)), entry);
    }
    free(map->slots);
    map->slots = bigger.slots;
    map->cap = bigger.cap;
    return HY_OK;
}

int hy_map_put(struct hy_map *map, struct hy_map_entry *entry, struct hy_map_entry **replaced) {
    int rc = grow(map);
    if (rc != HY_OK) return rc;
    size_t at = slot_of(map, entry->hash, hy_map_key(entry));
    *replaced = map->slots[at];
    set_slot(map, at, entry);
    map->bytes += weight(entry);
    if (*replaced != NULL) {
        map->bytes -= weight(*replaced);
    } else {
        map->n++;
    }
    return HY_OK;
}

// Closes the hole at `at` by moving back what was pushed past it, so that searches never need tombstones.
static void close_hole(struct hy_map *map, size_t at) {
    size_t mask = map->cap - 1;
    for (size_t next = (at + 1) & mask; map->slots[next] != NULL; next = (next + 1) & mask) {
        size_t home = map->slots[next]->hash & mask;
        // Only what would still be found at `at`: its home is not between the hole and where it stands.
        if (((next - home) & mask) < ((next - at) & mask)) continue;
        set_slot(map, at, map->slots[next]);
        at = next;
    }
    set_slot(map, at, NULL);
}

struct hy_map_entry *hy_map_take(struct hy_map *map, struct hy_bytes key) {
    if (map->n == 0) return NULL;
    size_t at = slot_of(map, hy_map_hash(key), key);
    struct hy_map_entry *entry = map->slots[at];
    if (entry == NULL) return NULL;
    close_hole(map, at);
    map->n--;
    map->bytes -= weight(entry);
    return entry;
}

struct hy_map_entry *hy_map_next(const struct hy_map *map, size_t *cursor) {
    while (*cursor < map->cap) {
        struct hy_map_entry *entry = map->slots[(*cursor)++];
        if (entry != NULL) return entry;
    }
    return NULL;
}

struct hy_map_entry *hy_map_drain(struct hy_map *map, size_t *cursor) {
    struct hy_map_entry *entry = hy_map_next(map, cursor);
    if (entry != NULL) set_slot(map, *cursor - 1, NULL);
    return entry;
}

void hy_map_free(struct hy_map *map) {
    for (size_t i = 0; i < map->cap; i++)
        free(map->slots[i]);
    free(map->slots);
    *map = (struct hy_map){0};
}
