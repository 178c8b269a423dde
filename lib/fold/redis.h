// A Redis connection for a thread of its own: commands with deadlines, pipelining, reconnect with backoff, functions.
// hiredis 0.14.1 beneath: no TLS (use a unix socket, or a TLS proxy beside Redis), RESP2 only, not thread-safe. Any I/O
// error makes its context unusable, so this wrapper drops it and connects anew; what was on its way is then lost for
// the caller (HY_ENET: it may or may not have happened), which is why every write of a fold carries what makes it
// repeatable.
//
// A program that uses it must ignore SIGPIPE. To add an operation, build it from hy_redis_append and hy_redis_reply;
// to add server-side functions, write a .lua file, embed it with hy_embed_text (lib/fold/CMakeLists.txt) and give it to
// hy_redis_use_library.
#ifndef HY_FOLD_REDIS_H
#define HY_FOLD_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"

struct hy_redis_options {
    const char *url;              // "redis://host:port/db", "redis://host", "unix:///path?db=1"; no password in it
    const char *user;             // ACL user, NULL = default
    const char *password;         // NULL or "" = none; copied, never logged
    int connect_timeout_ms;       // 0 = 1000
    int op_timeout_ms;            // a reply that takes longer drops the connection; 0 = 2000
    const char *client_name;      // for CLIENT LIST; NULL = none
    const struct hy_clock *clock; // NULL = the system's
};

struct hy_redis; // opaque; one thread

// Parses the url, connects nothing yet. HY_EINVALID says what is wrong with it.
HY_MUST_CHECK int hy_redis_new(const struct hy_redis_options *options, struct hy_redis **out, struct hy_error *err);
void hy_redis_free(struct hy_redis *redis);

// Registers a function library (text borrowed for the object's life): loaded (FUNCTION LOAD REPLACE) at every connect.
// At most one.
void hy_redis_use_library(struct hy_redis *redis, const char *name, struct hy_bytes text);
// Loads it again on the living connection: what to do when Redis answers "Function not found" (FUNCTION FLUSH).
HY_MUST_CHECK int hy_redis_load_library(struct hy_redis *redis, struct hy_error *err);

// Makes sure that there is a connection. HY_EAGAIN while the backoff after a failure runs (50 ms .. 2 s, jittered),
// HY_ENET unreachable, HY_EAUTH refused, HY_ETIMEOUT no answer.
HY_MUST_CHECK int hy_redis_connect(struct hy_redis *redis, struct hy_error *err);
bool hy_redis_up(const struct hy_redis *redis);
// Counts connections made: a caller that sees it change must not trust what it knew about the server.
uint64_t hy_redis_generation(const struct hy_redis *redis);
// Milliseconds since the connection was lost (or since hy_redis_new); 0 while it is up.
int64_t hy_redis_down_ms(const struct hy_redis *redis);

// Queues one command (binary-safe); a long queue goes out at once, a short one when a reply is asked for. Connects when
// needed. Replies must be taken in order with hy_redis_reply.
HY_MUST_CHECK int hy_redis_append(struct hy_redis *redis, size_t argc, const struct hy_bytes *argv,
                                  struct hy_error *err);
// The next reply; on 0 *out is owned by the caller (freeReplyObject). An error reply of the server is not returned but
// mapped: HY_EAUTH (NOAUTH, WRONGPASS, NOPERM), HY_EAGAIN (LOADING, BUSY, TRYAGAIN, MASTERDOWN, READONLY, CLUSTERDOWN),
// HY_EFULL (OOM, MISCONF), HY_ENOTFOUND (a function that is not loaded), HY_EINTERNAL else; the connection goes on.
// HY_ENET, HY_ETIMEOUT, HY_EFORMAT: the connection is dropped, and with it all replies that were due.
HY_MUST_CHECK int hy_redis_reply(struct hy_redis *redis, redisReply **out, struct hy_error *err);
// Replies still to come.
size_t hy_redis_pending(const struct hy_redis *redis);

// One command from C strings and its reply: hy_redis_call(r, &reply, err, 3, "SET", key, value).
HY_MUST_CHECK int hy_redis_call(struct hy_redis *redis, redisReply **out, struct hy_error *err, int argc, ...);
// The server's clock in milliseconds (TIME).
HY_MUST_CHECK int hy_redis_time(struct hy_redis *redis, int64_t *ms, struct hy_error *err);

#endif
