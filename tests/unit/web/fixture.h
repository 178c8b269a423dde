// A server on a thread of its own, and a client that writes raw bytes to a socket: tests say exactly what goes over the
// wire. Extend it by adding routes in the test's setup function.
// Each test gets its own port, so tests of several programs may run at once.
#ifndef HY_TEST_WEB_FIXTURE_H
#define HY_TEST_WEB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/web/server.h"

struct fixture {
    uv_loop_t loop;
    uv_async_t stop;
    uv_thread_t thread;
    struct hy_web_server *server;
    uint16_t port;
    unsigned grace_ms;
};

// Starts a server with the options; routes adds its routes before the loop runs.
struct fixture *fixture_start(const struct hy_web_options *options, void (*routes)(struct fixture *));
// Stops it; fails the test when the loop is left with open handles.
void fixture_stop(struct fixture *fixture);
int fixture_connect(const struct fixture *fixture);
void fixture_send(int fd, const void *data, size_t len);
// Reads until the peer closes or `until` stands in what was read; NUL-terminated text to free.
char *fixture_read(int fd, const char *until);
// Connects, sends the text, reads the whole answer (the text should ask for Connection: close).
char *fixture_ask(const struct fixture *fixture, const char *text);
#define assert_contains(text, part)                                                                                    \
    do {                                                                                                               \
        if (!strstr((text), (part))) fail_msg("\"%s\" is not in:\n%s", (part), (text));                                \
    } while (0)
#define assert_lacks(text, part)                                                                                       \
    do {                                                                                                               \
        if (strstr((text), (part))) fail_msg("\"%s\" is in:\n%s", (part), (text));                                     \
    } while (0)

#endif
