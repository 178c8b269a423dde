#include "lib/lane/store.h"

#include <stdlib.h>

const struct hy_map_entry *hy_store_get(const struct hy_store *store, struct hy_bytes key) {
    uint64_t hash = hy_map_hash(key);
    const struct hy_map_entry *entry = hy_map_find_hashed(&store->overlay, hash, key);
    if (entry == NULL) return hy_map_find_hashed(&store->base, hash, key);
    return entry->deleted ? NULL : entry;
}

static int reserve_undo(struct hy_store *store) {
    if (store->n_undo < store->cap_undo) return HY_OK;
    size_t cap = store->cap_undo == 0 ? 16 : store->cap_undo * 2;
    struct hy_store_undo *undo = realloc(store->undo, cap * sizeof *undo);
    if (undo == NULL) return HY_ENOMEM;
    store->undo = undo;
    store->cap_undo = cap;
    return HY_OK;
}

// The undo row that made this entry; the current record made it, so there is one.
static struct hy_store_undo *undo_of(struct hy_store *store, const struct hy_map_entry *after) {
    size_t i = store->n_undo;
    while (i > 0 && store->undo[i - 1].after != after)
        i--;
    return i == 0 ? NULL : &store->undo[i - 1];
}

static void remember(struct hy_store *store, struct hy_map_entry *before, struct hy_map_entry *after) {
    if (before != NULL && before->stamp == store->record + 1) {
        // Changed twice by one record: what stood before the record is already remembered.
        struct hy_store_undo *row = undo_of(store, before);
        if (row != NULL) row->after = after;
        free(before);
        return;
    }
    store->undo[store->n_undo++] = (struct hy_store_undo){.before = before, .after = after};
}

static int change(struct hy_store *store, struct hy_bytes key, struct hy_bytes value, bool deleted) {
    bool was = hy_store_get(store, key) != NULL;
    if (deleted && !was) return HY_OK;
    struct hy_map_entry *entry = hy_map_entry_new(key, value, deleted), *before = NULL;
    if (entry == NULL) return HY_ENOMEM;
    entry->stamp = store->record + 1;
    int rc = reserve_undo(store);
    if (rc == HY_OK) rc = hy_map_put(&store->overlay, entry, &before);
    if (rc != HY_OK) {
        free(entry);
        return rc;
    }
    remember(store, before, entry);
    store->keys += (size_t)!deleted - (size_t)was;
    return HY_OK;
}

int hy_store_put(struct hy_store *store, struct hy_bytes key, struct hy_bytes value) {
    return change(store, key, value, false);
}

int hy_store_delete(struct hy_store *store, struct hy_bytes key) {
    return change(store, key, (struct hy_bytes){0}, true);
}

void hy_store_keep(struct hy_store *store) {
    for (size_t i = 0; i < store->n_undo; i++)
        free(store->undo[i].before);
    store->n_undo = 0;
    store->record++;
}

static bool lives_in_base(const struct hy_store *store, struct hy_bytes key) {
    return hy_map_find(&store->base, key) != NULL;
}

void hy_store_undo(struct hy_store *store) {
    while (store->n_undo > 0) {
        struct hy_store_undo *row = &store->undo[--store->n_undo];
        struct hy_bytes key = hy_map_key(row->after);
        bool is = !row->after->deleted;
        bool was = row->before != NULL ? !row->before->deleted : lives_in_base(store, key);
        store->keys += (size_t)was - (size_t)is;
        struct hy_map_entry *taken = NULL;
        if (row->before == NULL) {
            taken = hy_map_take(&store->overlay, key);
        } else if (hy_map_put(&store->overlay, row->before, &taken) != HY_OK) {
            abort(); // no memory even to take back: nothing sane can follow
        }
        free(taken);
    }
    store->record++;
}

int hy_store_commit(struct hy_store *store) {
    size_t cursor = 0;
    struct hy_map_entry *entry;
    while ((entry = hy_map_drain(&store->overlay, &cursor)) != NULL) {
        struct hy_map_entry *replaced = NULL;
        if (entry->deleted) {
            replaced = hy_map_take(&store->base, hy_map_key(entry));
            free(entry);
        } else if (hy_map_put(&store->base, entry, &replaced) != HY_OK) {
            free(entry);
            return HY_ENOMEM;
        }
        free(replaced);
    }
    hy_map_free(&store->overlay);
    return HY_OK;
}

void hy_store_abort(struct hy_store *store) {
    hy_store_undo(store);
    hy_map_free(&store->overlay);
    store->keys = store->base.n;
}

int hy_store_load(struct hy_store *store, struct hy_bytes key, struct hy_bytes value, bool tombstone) {
    struct hy_map_entry *replaced = NULL;
    if (tombstone) {
        replaced = hy_map_take(&store->base, key);
    } else {
        struct hy_map_entry *entry = hy_map_entry_new(key, value, false);
        if (entry == NULL || hy_map_put(&store->base, entry, &replaced) != HY_OK) {
            free(entry);
            return HY_ENOMEM;
        }
    }
    free(replaced);
    store->keys = store->base.n;
    return HY_OK;
}

int hy_store_each(const struct hy_store *store, int (*fn)(void *opaque, struct hy_bytes key, struct hy_bytes value),
                  void *opaque) {
    size_t cursor = 0;
    const struct hy_map_entry *entry;
    while ((entry = hy_map_next(&store->overlay, &cursor)) != NULL) {
        int rc = entry->deleted ? 0 : fn(opaque, hy_map_key(entry), hy_map_value(entry));
        if (rc != 0) return rc;
    }
    cursor = 0;
    while ((entry = hy_map_next(&store->base, &cursor)) != NULL) {
        if (store->overlay.n > 0 && hy_map_find(&store->overlay, hy_map_key(entry)) != NULL) continue;
        int rc = fn(opaque, hy_map_key(entry), hy_map_value(entry));
        if (rc != 0) return rc;
    }
    return 0;
}

void hy_store_free(struct hy_store *store) {
    hy_store_abort(store);
    hy_map_free(&store->base);
    free(store->undo);
    *store = (struct hy_store){0};
}
