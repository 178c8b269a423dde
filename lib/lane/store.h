// The state of one partition: what is known good (base), what the open transaction changed (overlay), and how to take
// back what the current record changed. commit: overlay becomes base; abort: overlay is dropped. Not thread-safe.
// To let a handler keep another kind of state, give its keys a prefix of their own.
#ifndef HY_LANE_STORE_H
#define HY_LANE_STORE_H

#include "lib/lane/map.h"

struct hy_store_undo {
    struct hy_map_entry *before; // the overlay's entry of that key; NULL: it had none
    struct hy_map_entry *after;  // borrowed from the overlay
};

// Zero-initialise before use.
struct hy_store {
    struct hy_map base, overlay;
    struct hy_store_undo *undo;
    size_t n_undo, cap_undo;
    uint64_t record; // counts records: overlay entries of this stamp were made by the current one
    size_t keys;     // live keys as the current record sees them
};

// What the current record sees; NULL when there is nothing. Borrowed until the end of the record (hy_store_keep,
// _undo), or until the same key changes again.
const struct hy_map_entry *hy_store_get(const struct hy_store *store, struct hy_bytes key);
// Sets or deletes in the overlay. HY_ENOMEM leaves all as it was.
HY_MUST_CHECK int hy_store_put(struct hy_store *store, struct hy_bytes key, struct hy_bytes value);
HY_MUST_CHECK int hy_store_delete(struct hy_store *store, struct hy_bytes key);
// Ends a record: its changes stay in the overlay / are taken back.
void hy_store_keep(struct hy_store *store);
void hy_store_undo(struct hy_store *store);
// Ends a transaction: the overlay goes into the base / is dropped.
HY_MUST_CHECK int hy_store_commit(struct hy_store *store);
void hy_store_abort(struct hy_store *store);
// Sets or removes in the base: while restoring. HY_ENOMEM.
HY_MUST_CHECK int hy_store_load(struct hy_store *store, struct hy_bytes key, struct hy_bytes value, bool tombstone);
// Calls fn for each live key until it returns non-zero, which is returned.
int hy_store_each(const struct hy_store *store, int (*fn)(void *opaque, struct hy_bytes key, struct hy_bytes value),
                  void *opaque);
void hy_store_free(struct hy_store *store);

#endif
