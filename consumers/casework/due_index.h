// Which keys of a partition have something to do by time alone, soonest first (hy_engine_next_tick): a heap over a
// table of keys. An entry that was set again stays in the heap until it comes up and is then thrown away, so that set
// is O(log n) and nothing is searched. A fold of the state: built on restore, never stored. One thread.
#ifndef HY_CASEWORK_DUE_INDEX_H
#define HY_CASEWORK_DUE_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

struct due_index; // opaque

struct due_index *due_index_new(void); // NULL: out of memory
void due_index_free(struct due_index *index);
// The key's next time; INT64_MAX takes it out. The key is copied. HY_ENOMEM.
HY_MUST_CHECK int due_index_set(struct due_index *index, struct hy_bytes key, int64_t at_ms);
// The key with the smallest time <= now_ms, borrowed until the next call; false when there is none. It stays in the
// index until it is set again.
bool due_index_first(struct due_index *index, int64_t now_ms, struct hy_bytes *key);
size_t due_index_keys(const struct due_index *index);

#endif
