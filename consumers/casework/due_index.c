#include "consumers/casework/due_index.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM            1
#define uthash_nonfatal_oom(element) ((element)->at_ms = INT64_MIN) // marks an element that could not be added
#include <uthash.h>

struct entry {
    UT_hash_handle hh;
    int64_t at_ms;
    uint32_t slots; // heap slots that name this entry
    size_t len;
    char key[];
};

struct slot {
    int64_t at_ms;
    struct entry *entry;
};

struct due_index {
    struct entry *table;
    struct slot *heap;
    size_t n, cap;
};

struct due_index *due_index_new(void) {
    return calloc(1, sizeof(struct due_index));
}

void due_index_free(struct due_index *index) {
    if (!index) return;
    struct entry *entry;
    struct entry *next;
    for (size_t i = 0; i < index->n; i++) { // entries taken out of the table live as long as a slot names them
        entry = index->heap[i].entry;
        if (--entry->slots == 0 && entry->at_ms == INT64_MAX) free(entry);
    }
    HASH_ITER(hh, index->table, entry, next) {
        HASH_DEL(index->table, entry);
        free(entry);
    }
    free(index->heap);
    free(index);
}

static void sift_up(struct slot *heap, size_t i) {
    struct slot moved = heap[i];
    for (; i > 0 && heap[(i - 1) / 2].at_ms > moved.at_ms; i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = moved;
}

static void sift_down(struct slot *heap, size_t n) {
    struct slot moved = heap[0];
    size_t i = 0;
    for (size_t child = 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && heap[child + 1].at_ms < heap[child].at_ms) child++;
        if (heap[child].at_ms >= moved.at_ms) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = moved;
}

static int push(struct due_index *index, struct entry *entry) {
    if (index->n == index->cap) {
        size_t cap = index->cap ? index->cap * 2 : 64;
        struct slot *heap = realloc(index->heap, cap * sizeof *heap);
        if (!heap) return HY_ENOMEM;
        index->heap = heap;
        index->cap = cap;
    }
    index->heap[index->n] = (struct slot){entry->at_ms, entry};
    entry->slots++;
    sift_up(index->heap, index->n++);
    return HY_OK;
}

static void pop(struct due_index *index) {
    struct entry *entry = index->heap[0].entry;
    index->heap[0] = index->heap[--index->n];
    if (index->n > 0) sift_down(index->heap, index->n);
    if (--entry->slots == 0 && entry->at_ms == INT64_MAX) free(entry);
}

// Throws away what was set again, when that is most of the heap: a key that moves often must not fill the memory.
static void compact(struct due_index *index) {
    size_t n = index->n;
    index->n = 0;
    for (size_t i = 0; i < n; i++) {
        struct slot slot = index->heap[i];
        if (slot.entry->at_ms == slot.at_ms) {
            index->heap[index->n] = slot;
            sift_up(index->heap, index->n++);
        } else if (--slot.entry->slots == 0 && slot.entry->at_ms == INT64_MAX) {
            free(slot.entry);
        }
    }
}

static struct entry *find_or_add(struct due_index *index, struct hy_bytes key) {
    struct entry *entry = NULL;
    HASH_FIND(hh, index->table, key.data, key.len, entry);
    if (entry) return entry;
    entry = calloc(1, sizeof *entry + key.len + 1);
    if (!entry) return NULL;
    entry->len = key.len;
    memcpy(entry->key, key.data, key.len);
    HASH_ADD_KEYPTR(hh, index->table, entry->key, key.len, entry);
    if (entry->at_ms == INT64_MIN) {
        free(entry);
        return NULL;
    }
    return entry;
}

static void take_out(struct due_index *index, struct hy_bytes key) {
    struct entry *entry = NULL;
    HASH_FIND(hh, index->table, key.data, key.len, entry);
    if (!entry) return;
    HASH_DEL(index->table, entry);
    entry->at_ms = INT64_MAX;
    if (entry->slots == 0) free(entry);
}

int due_index_set(struct due_index *index, struct hy_bytes key, int64_t at_ms) {
    if (at_ms == INT64_MAX) {
        take_out(index, key);
        return HY_OK;
    }
    struct entry *entry = find_or_add(index, key);
    if (!entry) return HY_ENOMEM;
    if (entry->slots > 0 && entry->at_ms == at_ms) return HY_OK;
    entry->at_ms = at_ms;
    if (index->n > 64 + 2 * (size_t)HASH_COUNT(index->table)) compact(index);
    return push(index, entry);
}

bool due_index_first(struct due_index *index, int64_t now_ms, struct hy_bytes *key) {
    while (index->n > 0 && index->heap[0].at_ms <= now_ms) {
        struct slot top = index->heap[0];
        if (top.entry->at_ms == top.at_ms) {
            *key = hy_bytes_from(top.entry->key, top.entry->len);
            return true;
        }
        pop(index);
    }
    return false;
}

size_t due_index_keys(const struct due_index *index) {
    return HASH_COUNT(index->table);
}
