#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_stop(uv_async_t *async) {
    struct fixture *fixture = async->data;
    hy_web_server_close(fixture->server, fixture->grace_ms, NULL, NULL);
    uv_close((uv_handle_t *)async, NULL);
}

static void serve(void *ctx) {
    struct fixture *fixture = ctx;
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
}

struct fixture *fixture_start(const struct hy_web_options *options, void (*routes)(struct fixture *)) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct hy_error err = {0};
    fixture->grace_ms = 300;
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    uv_async_init(&fixture->loop, &fixture->stop, on_stop);
    fixture->stop.data = fixture;
    if (hy_web_server_new(&fixture->loop, options, &fixture->server, &err) < 0) fail_msg("%s", err.text);
    fixture->port = hy_web_server_port(fixture->server);
    if (routes) routes(fixture);
    assert_int_equal(uv_thread_create(&fixture->thread, serve, fixture), 0);
    return fixture;
}

void fixture_stop(struct fixture *fixture) {
    uv_async_send(&fixture->stop);
    uv_thread_join(&fixture->thread);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    free(fixture);
}

int fixture_connect(const struct fixture *fixture) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(fixture->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval limit = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void fixture_send(int fd, const void *data, size_t len) {
    const char *at = data;
    while (len > 0) {
        ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return; // the server may have closed already, which the answer shows
        at += n;
        len -= (size_t)n;
    }
}

char *fixture_read(int fd, const char *until) {
    size_t len = 0, cap = 65536;
    char *text = malloc(cap);
    for (;;) {
        if (len + 1 == cap) text = realloc(text, cap *= 2);
        ssize_t n = recv(fd, text + len, cap - len - 1, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n > 0) len += (size_t)n;
        text[len] = '\0';
        if (n <= 0 || (until && strstr(text, until))) return text;
    }
}

char *fixture_ask(const struct fixture *fixture, const char *text) {
    int fd = fixture_connect(fixture);
    fixture_send(fd, text, strlen(text));
    char *answer = fixture_read(fd, NULL);
    close(fd);
    return answer;
}
