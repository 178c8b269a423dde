// The journal's hash chain: what makes the history of a case tamper-evident (R004-19: who reviewed, answers for it).
// hash = SHA-256(previous hash ‖ the record packed with `hash` empty), previous hash = 32 zero bytes for seq 1.
// Pure. To carry more in the journal, add a field to JournalRecord; the chain covers it without a change here, and a
// reader that does not know the field can still verify, since it hashes the bytes as they were written.
#ifndef HY_CORE_JOURNAL_H
#define HY_CORE_JOURNAL_H

#include "huiying/v1/journal.pb-c.h"
#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/error.h"

enum { HY_JOURNAL_HASH = 32 };

// Closes a record: sets previous_hash and hash in *record (bytes in the arena) and packs it into *out (arena).
// previous: the head of the chain so far; len 0 = the record begins the chain. HY_ENOMEM.
HY_MUST_CHECK int hy_journal_seal(Huiying__V1__JournalRecord *record, struct hy_bytes previous, struct hy_arena *arena,
                                  struct hy_bytes *out);

// A chain being verified, one key's records in order. Zero-initialise for a whole chain; to start in the middle, set
// seq and hash to those of the last record that is trusted.
struct hy_journal_chain {
    uint64_t seq; // of the last record that was right
    uint8_t hash[HY_JOURNAL_HASH];
    bool archived; // the last record was an archive: the next may begin a new chain under the same key
};

// Checks the next record of the chain, as the bytes stood in Kafka. 0 = right, chain moved on. HY_EMISMATCH: changed,
// missing or out of order; HY_EFORMAT: not a record. err says which seq and what was expected; the chain stays.
HY_MUST_CHECK int hy_journal_verify(struct hy_journal_chain *chain, struct hy_bytes record, struct hy_error *err);

#endif
