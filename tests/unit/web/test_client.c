// Calls out, against our own server: bounded, and honest about whether anything was sent.
#include "fixture.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/web/client.h"

static void echo(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    hy_web_set_header(request, "X-Type", hy_web_header(request, "Content-Type"));
    hy_web_reply(request, 201, "text/plain", hy_web_body(request));
}

static void big(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    struct hy_buf body = {0};
    for (int i = 0; i < 5000; i++)
        hy_buf_adds(&body, "0123456789");
    hy_web_reply_buf(request, 200, "text/plain", &body);
}

static void busy(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    hy_web_set_header(request, "Retry-After", "7");
    hy_web_refuse(request, 429, "rate", "slower");
}

static void away(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    hy_web_set_header(request, "Location", "file:///etc/hostname");
    hy_web_reply(request, 302, NULL, (struct hy_bytes){0});
}

static void never(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    hy_web_defer(request);
    struct hy_web_request **kept = ctx;
    *kept = request;
}

static struct hy_web_request *kept;

static void routes(struct fixture *fixture) {
    assert_int_equal(hy_web_route(fixture->server, "POST", "/echo", echo, NULL), 0);
    assert_int_equal(hy_web_route(fixture->server, "GET", "/big", big, NULL), 0);
    assert_int_equal(hy_web_route(fixture->server, "GET", "/busy", busy, NULL), 0);
    assert_int_equal(hy_web_route(fixture->server, "GET", "/away", away, NULL), 0);
    assert_int_equal(hy_web_route(fixture->server, "POST", "/never", never, &kept), 0);
}

static int setup(void **state) {
    struct hy_web_options options = {.name = "target", .answer_ms = 60000};
    *state = fixture_start(&options, routes);
    return 0;
}

static int teardown(void **state) {
    fixture_stop(*state);
    if (kept) hy_web_reply(kept, 200, NULL, (struct hy_bytes){0});
    kept = NULL;
    return 0;
}

struct seen {
    int n, code;
    bool sent;
    long status, retry_after_s;
    char body[128], type[64];
};

static void on_answer(const struct hy_web_answer *answer, void *ctx) {
    struct seen *seen = ctx;
    seen->n++;
    seen->code = answer->code;
    seen->sent = answer->sent;
    seen->status = answer->status;
    seen->retry_after_s = answer->retry_after_s;
    snprintf(seen->body, sizeof seen->body, "%.*s", (int)answer->body.len, (const char *)answer->body.data);
    snprintf(seen->type, sizeof seen->type, "%s", answer->type);
}

static struct seen call(struct hy_web_call wanted, const char *url) {
    uv_loop_t loop;
    struct hy_web_client *client = NULL;
    struct hy_web_client_options options = {0};
    struct hy_error err = {0};
    struct seen seen = {0};
    uv_loop_init(&loop);
    assert_int_equal(hy_web_client_new(&loop, &options, &client, &err), 0);
    wanted.url = url;
    wanted.done = on_answer;
    wanted.ctx = &seen;
    assert_int_equal(hy_web_client_call(client, &wanted, &err), 0);
    while (!seen.n)
        uv_run(&loop, UV_RUN_ONCE);
    hy_web_client_close(client, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(seen.n, 1);
    return seen;
}

static const char *url_of(struct fixture *fixture, const char *path) {
    static char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", fixture->port, path);
    return url;
}

static void a_post_brings_its_answer(void **state) {
    const char *headers[] = {"Content-Type: application/json", NULL};
    struct hy_web_call wanted = {.method = "POST", .headers = headers, .body = hy_bytes_of("{\"a\":\"回应\"}")};
    struct seen seen = call(wanted, url_of(*state, "/echo"));
    assert_int_equal(seen.code, 0);
    assert_int_equal(seen.status, 201);
    assert_string_equal(seen.body, "{\"a\":\"回应\"}");
    wanted.once = true;
    assert_int_equal(call(wanted, url_of(*state, "/echo")).status, 201);
    wanted.body = (struct hy_bytes){0};
    assert_int_equal(call(wanted, url_of(*state, "/echo")).status, 201);
}

static void a_status_is_an_answer_whatever_it_is(void **state) {
    struct seen seen = call((struct hy_web_call){.method = "GET"}, url_of(*state, "/busy"));
    assert_int_equal(seen.code, 0);
    assert_int_equal(seen.status, 429);
    assert_int_equal(seen.retry_after_s, 7);
}

static void an_answer_over_the_limit_is_refused(void **state) {
    struct seen seen = call((struct hy_web_call){.method = "GET", .answer_limit = 1000}, url_of(*state, "/big"));
    assert_int_equal(seen.code, HY_ETOOBIG);
    seen = call((struct hy_web_call){.method = "GET"}, url_of(*state, "/big"));
    assert_int_equal(seen.code, 0);
}

static void what_never_left_is_told_apart_from_what_is_unknown(void **state) {
    struct hy_web_call wanted = {.method = "POST", .body = hy_bytes_of("x"), .timeout_ms = 400};
    struct seen seen = call(wanted, url_of(*state, "/never"));
    assert_int_equal(seen.code, HY_ETIMEOUT);
    assert_true(seen.sent);
    int fd = socket(AF_INET, SOCK_STREAM, 0); // bound, not listening: refused
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    getsockname(fd, (struct sockaddr *)&address, &len);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(address.sin_port));
    seen = call(wanted, url);
    assert_int_equal(seen.code, HY_ENET);
    assert_false(seen.sent);
    close(fd);
}

static void only_http_is_spoken(void **state) {
    struct hy_web_call wanted = {.method = "GET", .redirects = true};
    assert_int_equal(call(wanted, "file:///etc/hostname").code, HY_EINVALID);
    assert_int_equal(call(wanted, url_of(*state, "/away")).code, HY_EINVALID);
    wanted.redirects = false;
    assert_int_equal(call(wanted, url_of(*state, "/away")).status, 302);
}

static void a_private_address_is_refused_where_only_public_ones_are_meant(void **state) {
    struct hy_web_call wanted = {.method = "GET", .public_only = true};
    struct seen seen = call(wanted, url_of(*state, "/big"));
    assert_int_equal(seen.code, HY_EDENIED);
    assert_false(seen.sent);
    assert_int_equal(call(wanted, "http://[::1]:1/").code, HY_EDENIED);
    assert_int_equal(call(wanted, "http://[::ffff:10.0.0.1]/").code, HY_EDENIED);
    assert_int_equal(call(wanted, "http://169.254.169.254/latest").code, HY_EDENIED);
}

static void closing_ends_calls_under_way(void **state) {
    uv_loop_t loop;
    struct hy_web_client *client = NULL;
    struct hy_web_client_options options = {0};
    struct seen seen = {0};
    uv_loop_init(&loop);
    assert_int_equal(hy_web_client_new(&loop, &options, &client, NULL), 0);
    struct hy_web_call wanted = {.method = "POST", .url = url_of(*state, "/never"), .done = on_answer, .ctx = &seen};
    assert_int_equal(hy_web_client_call(client, &wanted, NULL), 0);
    for (int i = 0; i < 20; i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(5000);
    }
    hy_web_client_close(client, NULL, NULL);
    assert_int_equal(seen.code, HY_ECLOSED);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_post_brings_its_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_status_is_an_answer_whatever_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_over_the_limit_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_never_left_is_told_apart_from_what_is_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(only_http_is_spoken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_private_address_is_refused_where_only_public_ones_are_meant, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_ends_calls_under_way, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
