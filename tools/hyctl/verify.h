// Verifying the journal of one case or dossier: every record follows the one before it and holds what was written, and
// the chain reaches the head that the case itself remembers, so a journal cut at its end is found too.
// What else a journal could be checked for (its articles, its actors) would be a step in verify_one.
#ifndef HY_TOOLS_HYCTL_VERIFY_H
#define HY_TOOLS_HYCTL_VERIFY_H

#include "lib/core/journal.h"
#include "tools/hyctl/connect.h"

struct hyctl_verified {
    uint64_t records;              // found in the journal under the key
    uint64_t seq;                  // of the last record that was right
    uint8_t head[HY_JOURNAL_HASH]; // its hash
    bool snapshot;                 // the case stands in hy.cases and remembers its head
    uint64_t snapshot_seq;
    uint8_t snapshot_hash[HY_JOURNAL_HASH];
    char problem[600]; // "" = the chain is whole
};

// wanted: a case id, a dossier, or the whole key "dossier.case" (then only its partition is read). An error means that
// it could not be read; a broken chain is no error but out->problem.
HY_MUST_CHECK int hyctl_verify(const struct hy_kafka_options *kafka, const char *wanted, struct hyctl_verified *out,
                               struct hy_error *err);

#endif
