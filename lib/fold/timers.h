// Timers of one shard (a partition of hy.cases) in Redis: the calls of timers.lua with their answers taken apart.
// docs/timers.md describes keys, encodings and what each call promises. Each shard has an owner, known by its token,
// and stands at a position in the log; a call with another token or position changes nothing.
//
// Calls come in two halves, send and take, so that many shards share one round trip: send for each, then take in the
// same order. After a HY_ENET, HY_ETIMEOUT or HY_EFORMAT the connection is gone and with it every answer that was due:
// send nothing more in that round, open the shards again (keep). To add a call, add a function to timers.lua and its
// two halves here.
#ifndef HY_FOLD_TIMERS_H
#define HY_FOLD_TIMERS_H

#include "lib/fold/fold.h"
#include "lib/fold/redis.h"
#include "lib/fold/timers_codec.h"

enum { HY_TIMERS_TOKEN_SIZE = 33, HY_TIMERS_CLAIM_MAX = 256, HY_TIMERS_WRITE_MAX = 1000 };
#define HY_TIMERS_NONE INT64_C(-1) // no due time, no offset, time not known

// One shard as its owner knows it. The calls below read it; only `offset` is moved, by hy_timers_take_write, and
// `names` set, by open and reset.
struct hy_timers_shard {
    struct hy_redis *redis;           // borrowed
    char key[64];                     // "hy:{s3}"
    char token[HY_TIMERS_TOKEN_SIZE]; // of this assignment, since the last open
    char next[HY_TIMERS_TOKEN_SIZE];  // of the open that is under way; "" = none
    int64_t offset;                   // position after the last write
    struct hy_timer_names names;      // of clocks, as the cases of the next write refer to them
};
// Key of a shard under a prefix (1-32 of a-z, 0-9, '.', '_', '-').
HY_MUST_CHECK int hy_timers_shard_init(struct hy_timers_shard *shard, struct hy_redis *redis, const char *prefix,
                                       int32_t partition, struct hy_error *err);
// A fresh token; only when a partition was assigned. HY_EIO when there is no randomness.
HY_MUST_CHECK int hy_timers_new_token(struct hy_timers_shard *shard);
// Gives the connection the function library, loaded at each connect.
void hy_timers_use(struct hy_redis *redis);

// All calls: HY_ENOTFOUND the shard is not there (Redis was flushed, or is new); HY_EFENCED another's token;
// HY_EMISMATCH another position (an older copy of the data). Else what hy_redis_reply says.

struct hy_timers_state {
    struct hy_fold_position position;
    struct hy_fold_position progress; // of casework in hy.commands; offset HY_TIMERS_NONE when not known
    int64_t next_due_ms;
};
// take: this assignment's token becomes the owner. Else only if it already is (after a lost connection), and a new
// token takes its place, so that what was sent on that connection and arrives late is refused. Fires in the outbox
// whose offset is not known are given out again by the next claims. Waits for the answer.
HY_MUST_CHECK int hy_timers_open(struct hy_timers_shard *shard, bool take, struct hy_timers_state *out,
                                 struct hy_error *err);
// Empties the shard and stands it at start. take as above; without it a missing header is no refusal.
HY_MUST_CHECK int hy_timers_reset(struct hy_timers_shard *shard, bool take, const struct hy_fold_position *start,
                                  struct hy_error *err);

// schedule and cancel: n (<= HY_TIMERS_WRITE_MAX) packed cases, the position after them, casework's progress if known.
HY_MUST_CHECK int hy_timers_send_write(struct hy_timers_shard *shard, const struct hy_bytes *cases, size_t n,
                                       int64_t to_offset, const struct hy_fold_position *progress,
                                       struct hy_error *err);
struct hy_timers_written {
    uint64_t stale;      // cases refused because Redis holds a higher version
    int64_t pending;     // entries now: running clocks, also those in the outbox
    int64_t next_due_ms; // HY_TIMERS_NONE when nothing waits
};
HY_MUST_CHECK int hy_timers_take_write(struct hy_timers_shard *shard, int64_t to_offset, struct hy_timers_written *out,
                                       struct hy_error *err);

struct hy_timers_claim {
    int64_t expected_ms; // what Redis's clock should say, HY_TIMERS_NONE = not known: compared with its high-water mark
    int64_t slack_ms;    // how far off it may be
    int64_t seen_below;  // casework has seen all fires below this offset: those still here go out again; or NONE
    size_t limit;        // <= HY_TIMERS_CLAIM_MAX
    int64_t window;      // nothing new is claimed while so many fires are under way, 0 = however many are
    int64_t handled_below; // casework's offset below which all has been handled, HY_TIMERS_NONE = not known
};
HY_MUST_CHECK int hy_timers_send_claim(struct hy_timers_shard *shard, const struct hy_timers_claim *claim,
                                       struct hy_error *err);
struct hy_timers_claimed {
    int64_t now_ms; // Redis's clock; also set with HY_ERANGE
    int64_t next_due_ms;
    int64_t outbox;
    int64_t under_way; // fires that casework has before it still
    size_t again;      // the first of fires that were given out before
    size_t n;
    struct hy_timer_fire fires[HY_TIMERS_CLAIM_MAX + HY_TIMER_CLOCKS_MAX];
};
// HY_ERANGE: Redis's clock stepped by more than slack_ms; nothing was claimed.
HY_MUST_CHECK int hy_timers_take_claim(struct hy_timers_shard *shard, struct hy_timers_claimed *out,
                                       struct hy_error *err);

// n (<= HY_TIMERS_WRITE_MAX) arguments of hy_timer_confirm_pack; *kept = how many still stood.
HY_MUST_CHECK int hy_timers_send_confirm(struct hy_timers_shard *shard, const struct hy_bytes *fires, size_t n,
                                         struct hy_error *err);
HY_MUST_CHECK int hy_timers_take_confirm(struct hy_timers_shard *shard, size_t *kept, struct hy_error *err);

struct hy_timers_count {
    struct hy_fold_position position;
    int64_t pending, outbox, leaves, next_due_ms;
};
// Anyone may count. Waits for the answer.
HY_MUST_CHECK int hy_timers_count(struct hy_timers_shard *shard, struct hy_timers_count *out, struct hy_error *err);

#endif
