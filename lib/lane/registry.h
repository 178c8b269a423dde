// Reading hy.registry: what operators published (packs, calendars, lists, accounts, people) and the log ids of topics.
// Every program opens one at start, which folds the topic to its end, and then follows it. Content comes in chunks
// under one SHA-256; a record counts only when its content is whole and its hash is right. Old contents stay findable
// by hash, because cases pin the hash of their pack. A new kind needs nothing here.
#ifndef HY_LANE_REGISTRY_H
#define HY_LANE_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/lane/kafka_conf.h"
#include "lib/lane/publisher.h"

struct hy_registry; // opaque; any thread (one lock inside)

// One published thing, its content whole. Borrowed for the call, or until the registry changes.
struct hy_registry_entry {
    const char *kind; // pack, calendar, list, account, department, person, roster, log
    const char *id;
    uint8_t hash[32]; // SHA-256 of content
    struct hy_bytes content;
    const char *media_type;
    int64_t valid_from_ms; // 0 = always
    int64_t published_ms;
    const char *published_by;
    bool removed; // a tombstone: only kind and id are set
};

// Called for every entry in log order while folding and following, on the thread that is in open, poll or refresh, with
// the registry's lock held: it must not call the registry.
typedef void (*hy_registry_fn)(void *opaque, const struct hy_registry_entry *entry);

// Opens and folds to the end of the topic (waiting for open transactions) within timeout_ms. fn may be NULL.
// HY_ENOTFOUND: the topic does not exist (run `hyctl topics create`). Free with hy_registry_close.
HY_MUST_CHECK int hy_registry_open(const struct hy_kafka_options *kafka, hy_registry_fn fn, void *opaque,
                                   int timeout_ms, struct hy_registry **out, struct hy_error *err);
// Takes in what came since; waits up to timeout_ms for the first record. Returns how many records were read, or HY_E*.
int hy_registry_poll(struct hy_registry *registry, int timeout_ms, struct hy_error *err);
// Folds to what is the end now: before refusing an unknown hash. HY_ETIMEOUT.
HY_MUST_CHECK int hy_registry_refresh(struct hy_registry *registry, int timeout_ms, struct hy_error *err);
// Copies the content of kind/id, or of a hash, into *out (replaced). HY_ENOTFOUND. hash (32 bytes out) may be NULL.
HY_MUST_CHECK int hy_registry_get(struct hy_registry *registry, const char *kind, const char *id, struct hy_buf *out,
                                  uint8_t hash[32]);
HY_MUST_CHECK int hy_registry_content(struct hy_registry *registry, const uint8_t hash[32], struct hy_buf *out);
// Calls fn for every current entry of a kind (NULL = all), ordered by kind and id, with the lock held.
void hy_registry_each(struct hy_registry *registry, const char *kind, hy_registry_fn fn, void *opaque);
void hy_registry_close(struct hy_registry *registry);

// Publishes content (chunks first, then the record that names them) and waits until all of it is safe. entry: kind, id,
// content, media_type, valid_from_ms, published_ms and published_by are used; the hash is computed and put into
// entry->hash. With removed set, publishes the tombstone of kind/id.
HY_MUST_CHECK int hy_registry_publish(struct hy_publisher *publisher, struct hy_registry_entry *entry, int timeout_ms,
                                      struct hy_error *err);

#endif
