// The bytes that timers are made of in Redis (docs/timers.md): ids in 17 bytes, a case as the fold sends it, a fire as
// a claim returns it. Pure. timers.lua reads and writes the same layouts: change both, and the version in the library's
// name, together.
#ifndef HY_FOLD_TIMERS_CODEC_H
#define HY_FOLD_TIMERS_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

enum {
    HY_TIMER_BUCKETS = 1024,  // record hashes of a shard
    HY_TIMER_TIES = 1024,     // scores of the due index in a millisecond
    HY_TIMER_ID_MAX = 200,    // bytes of a case id or dossier that is not one of ours (26 characters)
    HY_TIMER_NAME_MAX = 64,   // bytes of a clock's name
    HY_TIMER_CLOCKS_MAX = 64, // running clocks of one case
    HY_TIMER_STAGE_MAX = 127,
    HY_TIMER_CODE_MAX = 255,  // different clock names of a shard,
    HY_TIMER_NAMES_MAX = 4096 // and their bytes in all, with a line feed between them
};
#define HY_TIMER_DUE_MAX     INT64_C(8790000000000) // year 2248: scores must stay whole numbers in a double
#define HY_TIMER_VERSION_MAX UINT64_C(0xFFFFFFFF)

// One running clock with the stage that fires next.
struct hy_timer {
    const char *clock; // borrowed
    uint32_t epoch;
    uint32_t stage;
    int64_t due_ms; // Unix time of that stage
};

// What Redis must hold of one case: all its running clocks, or none (cancel). Borrowed throughout.
struct hy_timer_case {
    const char *id;
    const char *dossier;
    uint64_t version; // a lower one than stored is refused
    const struct hy_timer *timers;
    size_t n;
};

// The clock names of a shard, separated by line feeds; entries refer to the first as 1. Only ever added to.
struct hy_timer_names {
    char text[HY_TIMER_NAMES_MAX + 1];
};
// Takes a shard's list as Redis holds it. HY_ETOOBIG.
HY_MUST_CHECK int hy_timer_names_set(struct hy_timer_names *names, struct hy_bytes text);

// What a claim gives out.
struct hy_timer_fire {
    char case_id[HY_TIMER_ID_MAX + 1];
    char dossier[HY_TIMER_ID_MAX + 1];
    char clock[HY_TIMER_NAME_MAX + 1];
    uint32_t epoch;
    uint32_t stage;
    int64_t due_ms;
};

// 26 characters of Crockford base32 become 17 bytes (first byte <= 3); any other text 255, length, bytes. HY_EINVALID:
// empty or longer than HY_TIMER_ID_MAX.
HY_MUST_CHECK int hy_timer_id_pack(const char *id, struct hy_buf *out);
// Back; *used tells how many bytes it took. HY_EFORMAT.
HY_MUST_CHECK int hy_timer_id_unpack(struct hy_bytes packed, char out[HY_TIMER_ID_MAX + 1], size_t *used);
// Whether one clock can be kept: name of 1..64 bytes without line ends, stage, due within range. HY_EINVALID says why
// not.
HY_MUST_CHECK int hy_timer_check(const struct hy_timer *timer, struct hy_error *err);
// One argument of the write function: the packed id behind its length, then the record as Redis keeps it. Names that
// the shard does not have yet are added to names, which the write must send. HY_EINVALID when a field does not fit,
// HY_ETOOBIG when the shard has too many names; out is then unchanged.
HY_MUST_CHECK int hy_timer_case_pack(const struct hy_timer_case *timer_case, struct hy_timer_names *names,
                                     struct hy_buf *out, struct hy_error *err);
// One element of a claim's answer. HY_EFORMAT.
HY_MUST_CHECK int hy_timer_fire_unpack(struct hy_bytes packed, struct hy_timer_fire *out, struct hy_error *err);
// One argument of the confirm function: the fire, and the offset that its command got.
HY_MUST_CHECK int hy_timer_confirm_pack(const struct hy_timer_fire *fire, int64_t offset, struct hy_buf *out);

// One entry of a raw record, as timers.lua keeps it.
struct hy_timer_entry {
    uint8_t code; // number of the clock's name in the header's list, from 1
    uint32_t epoch;
    uint32_t stage;
    int64_t due_ms;
    bool claimed;
};
// A raw record (a value of "…:c:<n>") taken apart: version and at most max entries. HY_EFORMAT.
HY_MUST_CHECK int hy_timer_record_unpack(struct hy_bytes record, uint32_t *version, struct hy_timer_entry *entries,
                                         size_t max, size_t *n);
// The name with this number in the header's list ("reply\nforward"), copied into out. HY_EFORMAT.
HY_MUST_CHECK int hy_timer_name(struct hy_bytes names, unsigned code, char out[HY_TIMER_NAME_MAX + 1]);

#endif
