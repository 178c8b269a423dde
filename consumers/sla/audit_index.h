// What should stand in a shard's due index and what does, as hashes: the auditor asks that each case which waits can be
// found there under its earliest due time. Entries that no longer hold may stand there too (docs/timers.md). Pure.
// To compare more of an entry, put it into sla_entry_hash, on both sides.
#ifndef HY_SLA_AUDIT_INDEX_H
#define HY_SLA_AUDIT_INDEX_H

#include <stddef.h>
#include <stdint.h>

// A bag of hashes; {0} is an empty one.
struct sla_hashes {
    uint64_t *of;
    size_t n, cap;
};

// Of an entry: the hash of its case's id (sla_case_hash) and its due time in Unix milliseconds.
uint64_t sla_entry_hash(uint64_t case_hash, int64_t due_ms);
// HY_OK or HY_ENOMEM.
int sla_hashes_add(struct sla_hashes *bag, uint64_t hash);
// How many of `wanted` do not stand in `found`. Sorts both.
uint64_t sla_hashes_missing(struct sla_hashes *wanted, struct sla_hashes *found);
void sla_hashes_free(struct sla_hashes *bag); // empty again

#endif
