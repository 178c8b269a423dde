// Functions of the server: the library's text in Lua 5.1, as in Redis, over the data in memory. Of Redis's own world it
// finds redis.call, redis.register_function and struct.pack/unpack, and of these what timers.lua uses.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "tests/sim/redis_inner.h"
#include "tests/sim/sim.h"

enum { NUMBER_MAX = 40 };

static lua_State *lua;

// ---- arguments and answers of redis.call ----

static struct hy_bytes arg(lua_State *L, int i) {
    if (lua_type(L, i) == LUA_TNUMBER) { // as Redis writes numbers of scripts
        char text[NUMBER_MAX];
        snprintf(text, sizeof text, "%.17g", lua_tonumber(L, i));
        lua_pushstring(L, text);
        lua_replace(L, i);
    }
    size_t len = 0;
    const char *text = luaL_checklstring(L, i, &len);
    return hy_bytes_from(text, len);
}

static double number(lua_State *L, int i) {
    return strtod(luaL_checkstring(L, i), NULL);
}

static void push_bytes(lua_State *L, struct hy_bytes bytes) {
    if (bytes.data)
        lua_pushlstring(L, (const char *)bytes.data, bytes.len);
    else
        lua_pushboolean(L, 0); // nil of RESP is false in Lua
}

static void push_score(lua_State *L, double score) {
    char text[NUMBER_MAX];
    if ((double)(int64_t)score == score)
        snprintf(text, sizeof text, "%lld", (long long)score);
    else
        snprintf(text, sizeof text, "%.17g", score);
    lua_pushstring(L, text);
}

static int call_time(lua_State *L) {
    int64_t ms = sim_now.now_ms + sim_redis.ahead_ms;
    char text[NUMBER_MAX];
    lua_newtable(L);
    snprintf(text, sizeof text, "%lld", (long long)(ms / 1000));
    lua_pushstring(L, text);
    lua_rawseti(L, -2, 1);
    snprintf(text, sizeof text, "%lld", (long long)(ms % 1000 * 1000));
    lua_pushstring(L, text);
    lua_rawseti(L, -2, 2);
    return 1;
}

static int call_hget(lua_State *L) {
    push_bytes(L, sim_hget(sim_redis.db, arg(L, 2), arg(L, 3)));
    return 1;
}

static int call_hmget(lua_State *L) {
    int n = lua_gettop(L);
    lua_newtable(L);
    for (int i = 3; i <= n; i++) {
        push_bytes(L, sim_hget(sim_redis.db, arg(L, 2), arg(L, i)));
        lua_rawseti(L, -2, i - 2);
    }
    return 1;
}

static int call_hset(lua_State *L) {
    int n = lua_gettop(L);
    for (int i = 3; i < n; i += 2)
        sim_hset(sim_redis.db, arg(L, 2), arg(L, i), arg(L, i + 1));
    lua_pushinteger(L, (n - 2) / 2);
    return 1;
}

static int call_hsetnx(lua_State *L) {
    bool absent = sim_hget(sim_redis.db, arg(L, 2), arg(L, 3)).data == NULL;
    if (absent) sim_hset(sim_redis.db, arg(L, 2), arg(L, 3), arg(L, 4));
    lua_pushinteger(L, absent);
    return 1;
}

static int call_hdel(lua_State *L) {
    lua_pushinteger(L, sim_hdel(sim_redis.db, arg(L, 2), arg(L, 3)));
    return 1;
}

static int call_hincrby(lua_State *L) {
    char text[NUMBER_MAX] = "0";
    struct hy_bytes old = sim_hget(sim_redis.db, arg(L, 2), arg(L, 3));
    if (old.data) snprintf(text, sizeof text, "%.*s", (int)old.len, (const char *)old.data);
    long long sum = strtoll(text, NULL, 10) + (long long)strtoll((const char *)arg(L, 4).data, NULL, 10);
    snprintf(text, sizeof text, "%lld", sum);
    sim_hset(sim_redis.db, arg(L, 2), arg(L, 3), hy_bytes_of(text));
    lua_pushnumber(L, (double)sum);
    return 1;
}

static int call_unlink(lua_State *L) {
    for (int i = 2; i <= lua_gettop(L); i++)
        sim_db_remove(sim_redis.db, arg(L, i));
    lua_pushinteger(L, 1);
    return 1;
}

static int call_zadd(lua_State *L) {
    for (int i = 3; i < lua_gettop(L); i += 2) {
        (void)arg(L, i);
        sim_zadd(sim_redis.db, arg(L, 2), number(L, i), arg(L, i + 1));
    }
    lua_pushinteger(L, 1);
    return 1;
}

static int call_zrem(lua_State *L) {
    int removed = 0;
    for (int i = 3; i <= lua_gettop(L); i++)
        removed += sim_zrem(sim_redis.db, arg(L, 2), arg(L, i));
    lua_pushinteger(L, removed);
    return 1;
}

static int call_zcard(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)sim_zcard(sim_redis.db, arg(L, 2)));
    return 1;
}

// Options behind the first four words: WITHSCORES, LIMIT offset count.
struct slice {
    bool scores;
    int64_t skip, most;
};

static struct slice slice_of(lua_State *L) {
    struct slice slice = {.most = INT64_MAX};
    for (int i = 5; i <= lua_gettop(L); i++) {
        const char *word = luaL_checkstring(L, i);
        if (strcmp(word, "WITHSCORES") == 0) slice.scores = true;
        if (strcmp(word, "LIMIT") == 0) {
            slice.skip = (int64_t)number(L, i + 1);
            slice.most = (int64_t)number(L, i + 2);
            i += 2;
        }
    }
    return slice;
}

static int push_member(lua_State *L, int at, const struct sim_member_of *member, const struct slice *slice) {
    lua_pushlstring(L, (const char *)member->bytes, member->len);
    lua_rawseti(L, -2, at++);
    if (!slice->scores) return at;
    push_score(L, member->score);
    lua_rawseti(L, -2, at++);
    return at;
}

static int push_ranks(lua_State *L, int64_t from, int64_t to, const struct slice *slice) {
    struct hy_bytes key = arg(L, 2);
    int at = 1;
    lua_newtable(L);
    for (int64_t rank = from; rank < to; rank++) {
        const struct sim_member_of *member = sim_zat(sim_redis.db, key, (size_t)rank);
        if (member) at = push_member(L, at, member, slice);
    }
    return 1;
}

static int call_zrange(lua_State *L) {
    struct slice slice = slice_of(L);
    int64_t n = (int64_t)sim_zcard(sim_redis.db, arg(L, 2)), from = (int64_t)number(L, 3), to = (int64_t)number(L, 4);
    if (from < 0) from = from + n < 0 ? 0 : from + n;
    if (to < 0) to += n;
    return push_ranks(L, from, (to < n ? to : n - 1) + 1, &slice);
}

// "-inf", "+inf", "5", "(5": the rank where the range begins or (end) the rank behind its last.
static int64_t bound(lua_State *L, int i, bool end) {
    const char *text = (const char *)arg(L, i).data;
    struct hy_bytes key = arg(L, 2);
    if (strcmp(text, "-inf") == 0) return 0;
    if (strcmp(text, "+inf") == 0) return (int64_t)sim_zcard(sim_redis.db, key);
    bool open = text[0] == '(';
    double score = strtod(text + open, NULL);
    return (int64_t)sim_zlower(sim_redis.db, key, score, end != open);
}

static int call_zrangebyscore(lua_State *L) {
    struct slice slice = slice_of(L);
    int64_t from = bound(L, 3, false) + slice.skip, to = bound(L, 4, true);
    if (to - from > slice.most) to = from + slice.most;
    return push_ranks(L, from, to, &slice);
}

static int call_zcount(lua_State *L) {
    int64_t from = bound(L, 3, false), to = bound(L, 4, true);
    lua_pushinteger(L, to > from ? (lua_Integer)(to - from) : 0);
    return 1;
}

static int call_zremrangebyscore(lua_State *L) {
    int64_t from = bound(L, 3, false), to = bound(L, 4, true);
    for (int64_t i = from; i < to; i++)
        sim_zrem_at(sim_redis.db, arg(L, 2), (size_t)from);
    lua_pushinteger(L, to > from ? (lua_Integer)(to - from) : 0);
    return 1;
}

// Only as it is used: by score, into a key that is not there yet.
static int call_zrangestore(lua_State *L) {
    lua_pushvalue(L, 2); // kept at the top; the source and its bounds then stand where ZRANGEBYSCORE has them
    lua_remove(L, 2);
    struct hy_bytes to = arg(L, lua_gettop(L));
    int64_t from = bound(L, 3, false), end = bound(L, 4, true);
    for (int64_t rank = from; rank < end; rank++) {
        const struct sim_member_of *member = sim_zat(sim_redis.db, arg(L, 2), (size_t)rank);
        sim_zadd(sim_redis.db, to, member->score, hy_bytes_from(member->bytes, member->len));
    }
    lua_pushinteger(L, end > from ? (lua_Integer)(end - from) : 0);
    return 1;
}

// ---- sets: kept as sorted sets whose scores nobody asks for ----

static int call_sadd(lua_State *L) {
    for (int i = 3; i <= lua_gettop(L); i++)
        sim_zadd(sim_redis.db, arg(L, 2), 0, arg(L, i));
    lua_pushinteger(L, lua_gettop(L) - 2);
    return 1;
}

static int call_smembers(lua_State *L) {
    return push_ranks(L, 0, (int64_t)sim_zcard(sim_redis.db, arg(L, 2)), &(struct slice){.most = INT64_MAX});
}

static const luaL_Reg COMMANDS[] = {{"TIME", call_time},
                                    {"HGET", call_hget},
                                    {"HMGET", call_hmget},
                                    {"HSET", call_hset},
                                    {"HSETNX", call_hsetnx},
                                    {"HDEL", call_hdel},
                                    {"HINCRBY", call_hincrby},
                                    {"UNLINK", call_unlink},
                                    {"ZADD", call_zadd},
                                    {"ZREM", call_zrem},
                                    {"ZCARD", call_zcard},
                                    {"ZRANGE", call_zrange},
                                    {"ZRANGEBYSCORE", call_zrangebyscore},
                                    {"ZCOUNT", call_zcount},
                                    {"ZRANGESTORE", call_zrangestore},
                                    {"ZREMRANGEBYSCORE", call_zremrangebyscore},
                                    {"SADD", call_sadd},
                                    {"SREM", call_zrem},
                                    {"SCARD", call_zcard},
                                    {"SMEMBERS", call_smembers},
                                    {NULL, NULL}};

static int call(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    for (const luaL_Reg *row = COMMANDS; row->name; row++)
        if (strcmp(row->name, name) == 0) return row->func(L);
    return luaL_error(L, "a command that this Redis does not have: %s", name);
}

// ---- the struct library ----

static int struct_pack(lua_State *L) {
    const char *format = luaL_checkstring(L, 1);
    struct hy_buf out = {0};
    int at = 2;
    for (; *format; format++) {
        if (*format == '<') continue;
        if (*format == 'c') {
            size_t len = 0;
            const char *text = luaL_checklstring(L, at++, &len);
            hy_buf_add(&out, text, len);
            format++;
            continue;
        }
        int bytes = *format == 'B' ? 1 : *++format - '0';
        uint64_t value = (uint64_t)(int64_t)luaL_checknumber(L, at++);
        for (int i = 0; i < bytes; i++, value >>= 8)
            hy_buf_add(&out, &(uint8_t){(uint8_t)value}, 1);
    }
    lua_pushlstring(L, out.data ? out.data : "", out.len);
    hy_buf_free(&out);
    return 1;
}

static int struct_unpack(lua_State *L) {
    const char *format = luaL_checkstring(L, 1);
    size_t len = 0, at = (size_t)luaL_optinteger(L, 3, 1) - 1;
    const uint8_t *data = (const uint8_t *)luaL_checklstring(L, 2, &len);
    lua_settop(L, 2);
    for (; *format; format++) {
        if (*format == '<') continue;
        if (*format == 'c') { // as long as the number before it says, which it takes the place of
            size_t n = (size_t)lua_tonumber(L, -1);
            lua_pop(L, 1);
            if (at + n > len) return luaL_error(L, "data string too short");
            lua_pushlstring(L, (const char *)data + at, n);
            at += n;
            format++;
            continue;
        }
        size_t bytes = *format == 'B' ? 1 : (size_t)(*++format - '0');
        uint64_t value = 0;
        if (at + bytes > len) return luaL_error(L, "data string too short");
        for (size_t i = bytes; i-- > 0;)
            value = value << 8 | data[at + i];
        lua_pushnumber(L, (double)value);
        at += bytes;
    }
    lua_pushinteger(L, (lua_Integer)at + 1);
    return lua_gettop(L) - 2;
}

// ---- functions ----

// Both forms: (name, callback), and a table with function_name and callback.
static int register_function(lua_State *L) {
    lua_getglobal(L, "functions");
    if (lua_istable(L, 1)) {
        lua_getfield(L, 1, "function_name");
        lua_getfield(L, 1, "callback");
    } else {
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 2);
    }
    lua_settable(L, -3);
    return 0;
}

void sim_lua_open(void) {
    static const luaL_Reg REDIS[] = {{"call", call}, {"register_function", register_function}, {NULL, NULL}};
    static const luaL_Reg STRUCT[] = {{"pack", struct_pack}, {"unpack", struct_unpack}, {NULL, NULL}};
    lua = luaL_newstate();
    if (!lua) abort();
    luaL_openlibs(lua);
    luaL_register(lua, "redis", REDIS);
    luaL_register(lua, "struct", STRUCT);
    lua_newtable(lua);
    lua_setglobal(lua, "functions");
    lua_settop(lua, 0);
}

void sim_lua_close(void) {
    if (lua) lua_close(lua);
    lua = NULL;
}

void sim_lua_load(struct hy_bytes text) {
    const uint8_t *line = memchr(text.data, '\n', text.len); // the first names the library
    size_t skip = line ? (size_t)(line - text.data) : 0;
    if (luaL_loadbuffer(lua, (const char *)text.data + skip, text.len - skip, "library") || lua_pcall(lua, 0, 0, 0)) {
        fprintf(stderr, "sim: %s\n", lua_tostring(lua, -1));
        abort();
    }
}

// ---- replies ----

static redisReply *reply_new(int type) {
    redisReply *reply = calloc(1, sizeof *reply);
    if (!reply) abort();
    reply->type = type;
    return reply;
}

static redisReply *reply_of(lua_State *L, int at) {
    redisReply *reply = reply_new(REDIS_REPLY_NIL);
    size_t len = 0;
    switch (lua_type(L, at)) {
    case LUA_TNUMBER:
        reply->type = REDIS_REPLY_INTEGER;
        reply->integer = (long long)lua_tonumber(L, at);
        return reply;
    case LUA_TSTRING:
        reply->type = REDIS_REPLY_STRING;
        reply->str = malloc(lua_objlen(L, at) + 1);
        if (!reply->str) abort();
        memcpy(reply->str, lua_tolstring(L, at, &len), lua_objlen(L, at) + 1);
        reply->len = len;
        return reply;
    case LUA_TTABLE:
        reply->type = REDIS_REPLY_ARRAY;
        reply->elements = lua_objlen(L, at);
        reply->element = calloc(reply->elements + 1, sizeof *reply->element);
        if (!reply->element) abort();
        for (size_t i = 0; i < reply->elements; i++) {
            lua_rawgeti(L, at, (int)i + 1);
            reply->element[i] = reply_of(L, lua_gettop(L));
            lua_pop(L, 1);
        }
        return reply;
    default:
        return reply;
    }
}

static void push_words(size_t from, size_t to, const struct hy_bytes *argv) {
    lua_newtable(lua);
    for (size_t i = from; i < to; i++) {
        lua_pushlstring(lua, (const char *)argv[i].data, argv[i].len);
        lua_rawseti(lua, -2, (int)(i - from) + 1);
    }
}

redisReply *sim_lua_call(size_t argc, const struct hy_bytes *argv) {
    size_t keys = (size_t)strtoul((const char *)argv[2].data, NULL, 10);
    lua_settop(lua, 0);
    lua_getglobal(lua, "functions");
    lua_pushlstring(lua, (const char *)argv[1].data, argv[1].len);
    lua_gettable(lua, -2);
    push_words(3, 3 + keys, argv);
    push_words(3 + keys, argc, argv);
    if (lua_pcall(lua, 2, 1, 0)) {
        fprintf(stderr, "sim: %s\n", lua_tostring(lua, -1));
        abort();
    }
    return reply_of(lua, lua_gettop(lua));
}
