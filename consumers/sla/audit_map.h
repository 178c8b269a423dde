// What hy.cases says of each case's timers, in 32 bytes a case: the auditor's own memory of one partition. Pure.
// Entries are found by the hash of the case id; a case without timers stays until audit_map_sweep has no more use for
// it. To remember more of a case, widen struct sla_audit_entry.
#ifndef HY_SLA_AUDIT_MAP_H
#define HY_SLA_AUDIT_MAP_H

#include <stddef.h>
#include <stdint.h>

struct sla_audit_entry {
    uint64_t key;    // hash of the case id, 0 = free slot
    uint64_t sum;    // of the hashes of its timers
    int64_t offset;  // of its last record
    uint32_t n;      // timers
    uint32_t marked; // the audit that met it in Redis
};

struct sla_audit_map {
    struct sla_audit_entry *slots;
    size_t n, cap; // cap is 0 or a power of two
};

// The entry of key (made when missing, zeroed but for key and marked), NULL when memory is out. Valid until the next
// put.
struct sla_audit_entry *sla_audit_map_put(struct sla_audit_map *map, uint64_t key);
struct sla_audit_entry *sla_audit_map_get(const struct sla_audit_map *map, uint64_t key);
// Drops entries without timers whose last record is before offset.
void sla_audit_map_sweep(struct sla_audit_map *map, int64_t offset);
void sla_audit_map_free(struct sla_audit_map *map); // empty again

struct sla_audit_result {
    uint64_t missing; // cases whose timers Redis has not
    uint64_t extra;   // cases that Redis has and hy.cases has not
    uint64_t differs; // cases with other timers
};
// Compares what Redis held at position `at` (n entries: key, sum, n) with the map, which has read at least as far.
// Cases that changed at or after `at` are left out. mark is another number each time.
struct sla_audit_result sla_audit_compare(struct sla_audit_map *map, const struct sla_audit_entry *found, size_t n,
                                          int64_t at, uint32_t mark);

#endif
