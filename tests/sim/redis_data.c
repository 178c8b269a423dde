#include <stdlib.h>
#include <string.h>

#include "lib/lane/map.h"
#include "tests/sim/redis.h"

// What a key holds. It is one of both: nobody uses a key as two types.
struct value {
    struct hy_map hash;
    struct sim_member_of **members;
    size_t n, cap;
};

// Keys map to pointers to their values, as bytes.
struct sim_db {
    struct hy_map keys;
};

static void *checked(void *pointer) {
    if (!pointer) abort();
    return pointer;
}

static struct hy_map_entry *entry_of(struct hy_bytes key, struct hy_bytes value) {
    return checked(hy_map_entry_new(key, value, false));
}

static void put(struct hy_map *map, struct hy_bytes key, struct hy_bytes value) {
    struct hy_map_entry *old = NULL;
    if (hy_map_put(map, entry_of(key, value), &old) != HY_OK) abort();
    free(old);
}

static struct value *pointer_in(const struct hy_map_entry *entry) {
    struct value *value;
    memcpy(&value, hy_map_value(entry).data, sizeof value);
    return value;
}

static struct value *find(const struct sim_db *db, struct hy_bytes key) {
    const struct hy_map_entry *entry = hy_map_find(&db->keys, key);
    return entry ? pointer_in(entry) : NULL;
}

static struct value *make(struct sim_db *db, struct hy_bytes key) {
    struct value *value = find(db, key);
    if (value) return value;
    value = checked(calloc(1, sizeof *value));
    put(&db->keys, key, hy_bytes_from(&value, sizeof value));
    return value;
}

static void free_value(struct value *value) {
    hy_map_free(&value->hash);
    for (size_t i = 0; i < value->n; i++)
        free(value->members[i]);
    free(value->members);
    free(value);
}

struct sim_db *sim_db_new(void) {
    return checked(calloc(1, sizeof(struct sim_db)));
}

void sim_db_free(struct sim_db *db) {
    size_t cursor = 0;
    if (!db) return;
    for (const struct hy_map_entry *e; (e = hy_map_next(&db->keys, &cursor));)
        free_value(pointer_in(e));
    hy_map_free(&db->keys);
    free(db);
}

void sim_db_remove(struct sim_db *db, struct hy_bytes key) {
    struct hy_map_entry *entry = hy_map_take(&db->keys, key);
    if (!entry) return;
    free_value(pointer_in(entry));
    free(entry);
}

// As Redis does it: a key without content is no key.
static void tidy(struct sim_db *db, struct hy_bytes key, const struct value *value) {
    if (value->n == 0 && value->hash.n == 0) sim_db_remove(db, key);
}

static struct value *copy_value(const struct value *from) {
    struct value *to = checked(calloc(1, sizeof *to));
    size_t cursor = 0;
    for (const struct hy_map_entry *e; (e = hy_map_next(&from->hash, &cursor));)
        put(&to->hash, hy_map_key(e), hy_map_value(e));
    to->n = to->cap = from->n;
    to->members = from->n ? checked(calloc(from->n, sizeof *to->members)) : NULL;
    for (size_t i = 0; i < from->n; i++) {
        size_t size = sizeof(struct sim_member_of) + from->members[i]->len;
        to->members[i] = checked(malloc(size));
        memcpy(to->members[i], from->members[i], size);
    }
    return to;
}

struct sim_db *sim_db_copy(const struct sim_db *db) {
    struct sim_db *copy = sim_db_new();
    size_t cursor = 0;
    for (const struct hy_map_entry *e; (e = hy_map_next(&db->keys, &cursor));) {
        struct value *value = copy_value(pointer_in(e));
        put(&copy->keys, hy_map_key(e), hy_bytes_from(&value, sizeof value));
    }
    return copy;
}

// ---- hashes ----

struct hy_bytes sim_hget(struct sim_db *db, struct hy_bytes key, struct hy_bytes field) {
    const struct value *value = find(db, key);
    const struct hy_map_entry *entry = value ? hy_map_find(&value->hash, field) : NULL;
    return entry ? hy_map_value(entry) : (struct hy_bytes){0};
}

void sim_hset(struct sim_db *db, struct hy_bytes key, struct hy_bytes field, struct hy_bytes value) {
    put(&make(db, key)->hash, field, value);
}

bool sim_hdel(struct sim_db *db, struct hy_bytes key, struct hy_bytes field) {
    struct value *value = find(db, key);
    struct hy_map_entry *entry = value ? hy_map_take(&value->hash, field) : NULL;
    free(entry);
    if (value) tidy(db, key, value);
    return entry != NULL;
}

void sim_heach(struct sim_db *db, struct hy_bytes key,
               void (*fn)(void *ctx, struct hy_bytes field, struct hy_bytes value), void *ctx) {
    const struct value *value = find(db, key);
    size_t cursor = 0;
    for (const struct hy_map_entry *e; value && (e = hy_map_next(&value->hash, &cursor));)
        fn(ctx, hy_map_key(e), hy_map_value(e));
}

// ---- sorted sets ----

static bool same(const struct sim_member_of *member, struct hy_bytes bytes) {
    return member->len == bytes.len && memcmp(member->bytes, bytes.data, bytes.len) == 0;
}

static int order(const struct sim_member_of *a, double score, struct hy_bytes bytes) {
    if (a->score < score) return -1;
    if (a->score > score) return 1;
    size_t len = a->len < bytes.len ? a->len : bytes.len;
    int diff = memcmp(a->bytes, bytes.data, len);
    return diff ? diff : (a->len > bytes.len) - (a->len < bytes.len);
}

static bool rank_of(const struct value *value, struct hy_bytes member, size_t *rank) {
    for (*rank = 0; *rank < value->n; ++*rank)
        if (same(value->members[*rank], member)) return true;
    return false;
}

static void take_out(struct value *value, size_t rank) {
    free(value->members[rank]);
    memmove(value->members + rank, value->members + rank + 1, (--value->n - rank) * sizeof *value->members);
}

void sim_zadd(struct sim_db *db, struct hy_bytes key, double score, struct hy_bytes bytes) {
    struct value *value = make(db, key);
    size_t rank;
    if (rank_of(value, bytes, &rank)) take_out(value, rank);
    if (value->n == value->cap) {
        value->cap = value->cap ? value->cap * 2 : 8;
        value->members = checked(realloc(value->members, value->cap * sizeof *value->members));
    }
    struct sim_member_of *member = checked(malloc(sizeof *member + bytes.len));
    *member = (struct sim_member_of){score, (uint32_t)bytes.len};
    memcpy(member->bytes, bytes.data, bytes.len);
    size_t low = 0, high = value->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (order(value->members[middle], score, bytes) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(value->members + low + 1, value->members + low, (value->n++ - low) * sizeof *value->members);
    value->members[low] = member;
}

bool sim_zrem(struct sim_db *db, struct hy_bytes key, struct hy_bytes member) {
    struct value *value = find(db, key);
    size_t rank;
    if (!value || !rank_of(value, member, &rank)) return false;
    take_out(value, rank);
    tidy(db, key, value);
    return true;
}

void sim_zrem_at(struct sim_db *db, struct hy_bytes key, size_t rank) {
    struct value *value = find(db, key);
    if (!value || rank >= value->n) return;
    take_out(value, rank);
    tidy(db, key, value);
}

size_t sim_zcard(struct sim_db *db, struct hy_bytes key) {
    const struct value *value = find(db, key);
    return value ? value->n : 0;
}

const struct sim_member_of *sim_zat(struct sim_db *db, struct hy_bytes key, size_t rank) {
    const struct value *value = find(db, key);
    return value && rank < value->n ? value->members[rank] : NULL;
}

size_t sim_zlower(struct sim_db *db, struct hy_bytes key, double score, bool beyond) {
    const struct value *value = find(db, key);
    size_t low = 0, high = value ? value->n : 0;
    while (low < high) {
        size_t middle = (low + high) / 2;
        double at = value->members[middle]->score;
        if (at < score || (beyond && at <= score))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
