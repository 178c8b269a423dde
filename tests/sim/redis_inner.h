// What the server's parts (the Lua in it, the client's calls to it) share; included by nothing else. Another way to run
// commands is declared here and called from redis_client.c. All of it belongs to the one thread of the simulator, which
// has one server.
#ifndef HY_SIM_REDIS_INNER_H
#define HY_SIM_REDIS_INNER_H

#include <hiredis/hiredis.h>

#include "tests/sim/redis.h"

// redis_lua.c: loads the library text ("#!lua name=..."), runs FCALL function 1 key args. The reply is the caller's.
void sim_lua_open(void);
void sim_lua_close(void);
void sim_lua_load(struct hy_bytes text);
redisReply *sim_lua_call(size_t argc, const struct hy_bytes *argv);

#endif
