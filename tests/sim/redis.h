// A Redis in memory: the data types, a server that runs the real timers.lua in the Lua that Redis has, and, in the
// place of lib/fold/redis.c, a client whose connection can break before or after a command took effect. The server's
// clock is virtual and can be set. To let Lua use another command of Redis, add a row to COMMANDS in redis_lua.c.
#ifndef HY_SIM_REDIS_H
#define HY_SIM_REDIS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"

// ---- data (redis_data.c): keys of hashes and sorted sets ----

struct sim_db;
struct sim_db *sim_db_new(void);
struct sim_db *sim_db_copy(const struct sim_db *db);
void sim_db_free(struct sim_db *db);
void sim_db_remove(struct sim_db *db, struct hy_bytes key);

// Hash. get: data NULL when there is none; borrowed until the hash changes.
struct hy_bytes sim_hget(struct sim_db *db, struct hy_bytes key, struct hy_bytes field);
void sim_hset(struct sim_db *db, struct hy_bytes key, struct hy_bytes field, struct hy_bytes value);
bool sim_hdel(struct sim_db *db, struct hy_bytes key, struct hy_bytes field);
// Calls fn for each field, in no special order.
void sim_heach(struct sim_db *db, struct hy_bytes key,
               void (*fn)(void *ctx, struct hy_bytes field, struct hy_bytes value), void *ctx);

// Sorted set: members by score, then bytes. at: by rank, NULL beyond the end.
struct sim_member_of {
    double score;
    uint32_t len;
    uint8_t bytes[];
};
void sim_zadd(struct sim_db *db, struct hy_bytes key, double score, struct hy_bytes member);
bool sim_zrem(struct sim_db *db, struct hy_bytes key, struct hy_bytes member);
void sim_zrem_at(struct sim_db *db, struct hy_bytes key, size_t rank);
size_t sim_zcard(struct sim_db *db, struct hy_bytes key);
const struct sim_member_of *sim_zat(struct sim_db *db, struct hy_bytes key, size_t rank);
size_t sim_zlower(struct sim_db *db, struct hy_bytes key, double score, bool beyond); // first rank >= (beyond: >) score

// ---- the server ----

struct sim_redis_server {
    struct sim_db *db;
    bool away;             // no connection is taken, those that stand are broken
    uint64_t runs;         // counts its starts: a connection belongs to one
    int64_t ahead_ms;      // of its clock
    int64_t broken_one_in; // calls whose connection breaks, before or after their effect; 0 = none
    uint64_t calls;
    void *lua; // the interpreter with the library loaded
};
extern struct sim_redis_server sim_redis;

void sim_redis_start(void);
void sim_redis_end(void);
// FLUSHALL; or another copy of the data, which is taken.
void sim_redis_replace(struct sim_db *db);

#endif
