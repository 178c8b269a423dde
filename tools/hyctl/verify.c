// hyctl case verify: the hash chain of a case's journal, and that it ends where the case says it ends.
#include <stdlib.h>
#include <string.h>

#include "huiying/v1/case.pb-c.h"
#include "lib/base/pb.h"
#include "lib/core/journal.h"
#include "lib/lane/partitioner.h"
#include "tools/hyctl/scan.h"
#include "tools/hyctl/verify.h"

enum { SNAPSHOT_MOST = 4 << 20 };

// "DOSSIER.CASE" and "DOSSIER" are keys; a bare case id is the end of one.
static bool is_key(struct hy_bytes key, const char *wanted) {
    size_t len = strlen(wanted);
    if (key.len < len || memcmp(key.data + key.len - len, wanted, len) != 0) return false;
    return key.len == len || (strchr(wanted, '.') == NULL && key.data[key.len - len - 1] == '.');
}

// ---- what the case says ----

struct looking {
    const char *wanted;
    int32_t partition; // where the case stands, -1 = not found
    struct hyctl_verified *out;
    struct hy_arena *arena;
};

static void take_head(struct hyctl_verified *out, uint64_t seq, ProtobufCBinaryData hash) {
    out->snapshot = hash.len == HY_JOURNAL_HASH;
    out->snapshot_seq = seq;
    if (out->snapshot) memcpy(out->snapshot_hash, hash.data, HY_JOURNAL_HASH);
}

static int look_at(void *opaque, const struct hy_reader_record *record, struct hy_error *err) {
    struct looking *looking = opaque;
    (void)err;
    if (!is_key(record->key, looking->wanted)) return HY_OK;
    looking->out->snapshot = false;
    looking->partition = record->partition;
    if (record->tombstone) return HY_OK;
    hy_arena_reset(looking->arena);
    if (memchr(record->key.data, '.', record->key.len) != NULL) {
        Huiying__V1__Case *found;
        if (hy_pb_read(&huiying__v1__case__descriptor, looking->arena, record->value, 1, &found, NULL) == HY_OK)
            take_head(looking->out, found->journal_seq, found->journal_hash);
    } else {
        Huiying__V1__DossierRecord *found;
        if (hy_pb_read(&huiying__v1__dossier_record__descriptor, looking->arena, record->value, 1, &found, NULL) ==
            HY_OK)
            take_head(looking->out, found->journal_seq, found->journal_hash);
    }
    return HY_OK;
}

// ---- what the journal says ----

struct verifying {
    const char *wanted;
    struct hyctl_verified *out;
    struct hy_journal_chain chain;
    bool met; // the chain passed the snapshot's head
};

static int verify_one(void *opaque, const struct hy_reader_record *record, struct hy_error *err) {
    struct verifying *run = opaque;
    (void)err;
    if (!is_key(record->key, run->wanted)) return HY_OK;
    struct hyctl_verified *out = run->out;
    out->records++;
    if (out->problem[0] != '\0') return HY_OK;
    struct hy_error why = {0};
    if (hy_journal_verify(&run->chain, record->value, &why) != HY_OK) {
        snprintf(out->problem, sizeof out->problem, "partition %d, offset %lld: %s", record->partition,
                 (long long)record->offset, why.text);
    } else if (out->snapshot && run->chain.seq == out->snapshot_seq) {
        run->met = memcmp(run->chain.hash, out->snapshot_hash, HY_JOURNAL_HASH) == 0;
        if (!run->met)
            snprintf(out->problem, sizeof out->problem,
                     "record %llu is not the one that the case remembers: the chain was written anew",
                     (unsigned long long)run->chain.seq);
    }
    return HY_OK;
}

static void conclude(struct verifying *run) {
    struct hyctl_verified *out = run->out;
    out->seq = run->chain.seq;
    memcpy(out->head, run->chain.hash, sizeof out->head);
    if (out->problem[0] == '\0' && out->snapshot && out->snapshot_seq > 0 && !run->met)
        snprintf(out->problem, sizeof out->problem, "the case remembers record %llu, the journal ends with %llu",
                 (unsigned long long)out->snapshot_seq, (unsigned long long)run->chain.seq);
}

// A whole key tells its partition; a bare id does when the case was found. Both topics place a key alike as long as
// they have equally many partitions, as the topics table wants it.
static int partition_of(const struct hy_kafka_options *kafka, const char *wanted, int32_t *out, struct hy_error *err) {
    int32_t n;
    *out = -1;
    if (strchr(wanted, '.') == NULL) return HY_OK;
    int rc = hyctl_partitions(kafka, HY_TOPIC_JOURNAL, &n, err);
    if (rc == HY_OK) *out = hy_partition_of(hy_bytes_of(wanted), n);
    return rc;
}

static int equal_counts(const struct hy_kafka_options *kafka, int32_t *partition, struct hy_error *err) {
    int32_t cases, journal;
    int rc = hyctl_partitions(kafka, HY_TOPIC_CASES, &cases, err);
    if (rc == HY_OK) rc = hyctl_partitions(kafka, HY_TOPIC_JOURNAL, &journal, err);
    if (rc == HY_OK && cases != journal) *partition = -1;
    return rc;
}

int hyctl_verify(const struct hy_kafka_options *kafka, const char *wanted, struct hyctl_verified *out,
                 struct hy_error *err) {
    *out = (struct hyctl_verified){0};
    struct looking looking = {wanted, -1, out, hy_arena_new(SNAPSHOT_MOST)};
    struct verifying verifying = {.wanted = wanted, .out = out};
    struct hyctl_scan scan = {.kafka = kafka, .topic = HY_TOPIC_CASES, .showing = "reading hy.cases"};
    if (looking.arena == NULL) return hy_fail(err, HY_ENOMEM, "out of memory");
    int rc = partition_of(kafka, wanted, &scan.partition, err);
    scan.fn = look_at;
    scan.opaque = &looking;
    if (rc == HY_OK) rc = hyctl_scan(&scan, err); // first: what it says must stand in the journal that is read after it
    if (rc == HY_OK) rc = equal_counts(kafka, &looking.partition, err);
    if (looking.partition >= 0) scan.partition = looking.partition;
    scan.topic = HY_TOPIC_JOURNAL;
    scan.showing = "reading hy.journal";
    scan.fn = verify_one;
    scan.opaque = &verifying;
    if (rc == HY_OK) rc = hyctl_scan(&scan, err);
    hy_arena_free(looking.arena);
    if (rc == HY_OK) conclude(&verifying);
    return rc;
}
