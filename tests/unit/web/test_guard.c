// What must never reach a handler: ambiguous framing, too large, too slow, too much. After each, the next request
// works.
#include "fixture.h"

#include <unistd.h>

#include "lib/base/metrics.h"

static _Atomic int handled; // the loop counts, the test looks

static void take(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    handled++;
    hy_web_reply(request, 200, "text/plain", hy_bytes_of("taken"));
}

static void routes(struct fixture *fixture) {
    assert_int_equal(hy_web_route(fixture->server, "POST", "/in", take, NULL), 0);
    assert_int_equal(hy_web_route(fixture->server, "GET", "/in", take, NULL), 0);
}

static int setup(void **state) {
    handled = 0;
    struct hy_web_options options = {.name = "guard",
                                     .body_limit = 1000,
                                     .drain_limit = 3 << 20,
                                     .request_ms = 1000,
                                     .header_limit = 40,
                                     .idle_ms = 3000};
    *state = fixture_start(&options, routes);
    return 0;
}

static int teardown(void **state) {
    fixture_stop(*state);
    return 0;
}

static double refused(const char *reason) {
    char labels[80];
    snprintf(labels, sizeof labels, "server=\"guard\",reason=\"%s\"", reason);
    return hy_metric_value(hy_metric_get(HY_COUNTER, "huiying_web_refused_total", "", labels));
}

static void next_request_works(struct fixture *fixture) {
    char *a = fixture_ask(fixture, "POST /in HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    assert_contains(a, "taken");
    free(a);
}

static void ambiguous_framing_is_refused_closed_and_counted(void **state) {
    static const struct {
        const char *headers, *reason;
    } bad[] = {
        {"Host: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n", "two_content_length"},
        {"Host: x\r\nContent-Length: 2\r\ncontent-length: 30\r\n", "two_content_length"},
        {"Host: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n", "both_framings"},
        {"Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n", "both_framings"},
        {"Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "transfer_encoding"},
        {"Host: x\r\nTransfer-Encoding: gzip, chunked\r\n", "transfer_encoding"},
        {"Host: x\r\nHost: y\r\nContent-Length: 2\r\n", "host"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[400];
        double before = refused(bad[i].reason);
        // What follows the headers would be a second request for a reader who takes another length.
        snprintf(text, sizeof text, "POST /in HTTP/1.1\r\n%s\r\nokGET /in HTTP/1.1\r\nHost: x\r\n\r\n", bad[i].headers);
        char *a = fixture_ask(*state, text);
        assert_contains(a, "HTTP/1.1 400 Bad Request");
        assert_contains(a, "Connection: close");
        assert_contains(a, bad[i].reason);
        assert_null(strstr(a + 10, "HTTP/1.1 "));
        assert_true(refused(bad[i].reason) == before + 1);
        free(a);
    }
    assert_int_equal(handled, 0);
    next_request_works(*state);
}

static void malformed_requests_are_refused(void **state) {
    static const char *const bad[] = {
        "POST /in HTTP/1.1\r\nContent-Length: 2\r\n\r\nok",
        "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\nok",
        "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 2x\r\n\r\nok",
        "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nok",
        "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nok",
        "POST /in?x=%zz HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok",
        "POST /../in HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nok",
        "GET http://other/in HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *a = fixture_ask(*state, bad[i]);
        if (strncmp(a, "HTTP/1.1 4", 10) != 0) fail_msg("not refused: %s\n%s", bad[i], a);
        free(a);
    }
    assert_int_equal(handled, 0);
    next_request_works(*state);
}

static void a_length_over_the_limit_is_413(void **state) {
    char *text = malloc(6000);
    int n = sprintf(text, "POST /in HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5000\r\n\r\n");
    memset(text + n, 'x', 5000);
    text[n + 5000] = '\0';
    char *a = fixture_ask(*state, text);
    assert_contains(a, "413 ");
    assert_contains(a, "\"error\":\"too_large\"");
    free(a);
    free(text);
    a = fixture_ask(*state, "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\nx");
    assert_contains(a, "413 ");
    free(a);
    a = fixture_ask(*state, "POST /in HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n");
    assert_contains(a, "HTTP/1.1 413 ");
    free(a);
    assert_int_equal(handled, 0);
    next_request_works(*state);
}

static char *chunked_of(size_t bytes, struct fixture *fixture) {
    int fd = fixture_connect(fixture);
    const char *head = "POST /in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    fixture_send(fd, head, strlen(head));
    char chunk[4096 + 16];
    int n = sprintf(chunk, "1000\r\n");
    memset(chunk + n, 'x', 4096);
    memcpy(chunk + n + 4096, "\r\n", 2);
    for (size_t sent = 0; sent < bytes; sent += 4096)
        fixture_send(fd, chunk, (size_t)n + 4096 + 2);
    fixture_send(fd, "0\r\n\r\n", 5);
    char *answer = fixture_read(fd, NULL);
    close(fd);
    return answer;
}

static void a_chunked_body_over_the_limit_is_413(void **state) {
    char *a = chunked_of(1 << 20, *state);
    assert_contains(a, "413 ");
    free(a);
    free(chunked_of(10 << 20, *state)); // beyond the drain limit it is cut: the client may or may not see why
    assert_int_equal(handled, 0);
    assert_true(refused("too_large") >= 2);
    next_request_works(*state);
}

static void a_slow_body_is_408(void **state) {
    int fd = fixture_connect(*state);
    const char *head = "POST /in HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n";
    fixture_send(fd, head, strlen(head));
    for (int i = 0; i < 8; i++) {
        fixture_send(fd, "x", 1); // never idle, and never done
        usleep(200 * 1000);
    }
    char *a = fixture_read(fd, NULL);
    assert_contains(a, "408 Request Timeout");
    assert_contains(a, "\"error\":\"slow\"");
    free(a);
    close(fd);
    assert_int_equal(handled, 0);
    next_request_works(*state);
}

static void headers_that_drip_in_are_cut_off(void **state) {
    int fd = fixture_connect(*state);
    fixture_send(fd, "GET /in HTTP/1.1\r\nHost: x\r\nX-A: ", 32);
    int64_t start = (int64_t)uv_hrtime();
    for (int i = 0; i < 16; i++) {
        fixture_send(fd, "x", 1);
        usleep(400 * 1000);
    }
    free(fixture_read(fd, NULL));
    close(fd);
    assert_true((int64_t)uv_hrtime() - start < 15 * 1000000000LL);
    assert_int_equal(handled, 0);
    next_request_works(*state);
}

static void too_many_headers_are_431(void **state) {
    char *text = malloc(8192);
    size_t n = (size_t)sprintf(text, "GET /in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    for (int i = 0; i < 60; i++)
        n += (size_t)sprintf(text + n, "X-%d: 1\r\n", i);
    strcpy(text + n, "\r\n");
    char *a = fixture_ask(*state, text);
    assert_contains(a, "431 ");
    free(a);
    free(text);
    assert_int_equal(handled, 0);
    next_request_works(*state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ambiguous_framing_is_refused_closed_and_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(malformed_requests_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_length_over_the_limit_is_413, setup, teardown),
        cmocka_unit_test_setup_teardown(a_chunked_body_over_the_limit_is_413, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slow_body_is_408, setup, teardown),
        cmocka_unit_test_setup_teardown(headers_that_drip_in_are_cut_off, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_headers_are_431, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
