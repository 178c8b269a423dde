// A redis-server for one test program: on a Unix socket in a folder of its own, no TCP port, gone with the test.
// start and stop may alternate; data is kept in the append-only file as long as the folder stands.
// To pass other settings to the server, extend the argument list in redis_server.c.
#ifndef HY_TEST_REDIS_SERVER_H
#define HY_TEST_REDIS_SERVER_H

#include <sys/types.h>

struct redis_server {
    char folder[128];
    char socket[160];
    char url[192]; // "unix://…"
    pid_t pid;     // 0 = not running
};

// 0, or -1 when there is no redis-server on this machine (the caller skips) or it did not answer in 10 s.
int redis_server_start(struct redis_server *server);
void redis_server_kill(struct redis_server *server);   // SIGKILL
void redis_server_remove(struct redis_server *server); // kills, removes the folder

#endif
