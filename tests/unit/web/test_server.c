// Requests, answers now and later, streams, and closing, over real sockets.
#include "fixture.h"

#include <unistd.h>

#include "lib/base/metrics.h"
#include "lib/web/stream.h"

static void echo(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    hy_web_reply(request, 200, "application/octet-stream", hy_web_body(request));
}

static void name_param(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    json_t *root =
        json_pack("{s:s, s:s*, s:i, s:s}", "id", hy_web_param(request, "id"), "q", hy_web_query(request, "q"), "n",
                  (int)hy_web_query_count(request, "q"), "peer", hy_web_peer(request));
    hy_web_reply_json(request, 200, root);
}

static void take_json(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    json_t *root = hy_web_json_body(request);
    if (root) hy_web_reply_json(request, 200, root);
}

struct later {
    uv_timer_t timer;
    struct hy_web_request *request;
};

static void free_later(uv_handle_t *handle) {
    free(handle->data);
}

static void answer_later(uv_timer_t *timer) {
    struct later *later = timer->data;
    hy_web_reply(later->request, 200, "text/plain", hy_bytes_of("later"));
    uv_close((uv_handle_t *)timer, free_later);
}

// /later/{ms}
static void defer(struct hy_web_request *request, void *ctx) {
    struct fixture *fixture = ctx;
    struct later *later = calloc(1, sizeof *later);
    later->request = request;
    later->timer.data = later;
    uv_timer_init(&fixture->loop, &later->timer);
    hy_web_defer(request);
    uv_timer_start(&later->timer, answer_later, strtoul(hy_web_param(request, "ms"), NULL, 10), 0);
}

static void forget(struct hy_web_request *request, void *ctx) {
    (void)request, (void)ctx;
}

static struct hy_web_stream *open_stream;
static _Atomic int streams_closed; // the loop counts, the test looks

static void on_stream_closed(void *ctx) {
    (void)ctx;
    streams_closed++;
    open_stream = NULL;
}

static void stream(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    open_stream = hy_web_stream_open(request, 65536, on_stream_closed, NULL);
}

static void send_event(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    int rc = open_stream ? hy_web_stream_send(open_stream, "case", "7", hy_web_body(request)) : HY_ECLOSED;
    hy_web_reply(request, rc == HY_OK ? 200 : 409, "text/plain", hy_bytes_of(hy_error_name(rc)));
}

static void routes(struct fixture *fixture) {
    struct hy_web_server *s = fixture->server;
    assert_int_equal(hy_web_route(s, "POST", "/echo", echo, NULL), 0);
    assert_int_equal(hy_web_route(s, "GET", "/param/{id}", name_param, NULL), 0);
    assert_int_equal(hy_web_route(s, "POST", "/json", take_json, NULL), 0);
    assert_int_equal(hy_web_route(s, "GET", "/later/{ms}", defer, fixture), 0);
    assert_int_equal(hy_web_route(s, "GET", "/forget", forget, NULL), 0);
    assert_int_equal(hy_web_route(s, "GET", "/stream", stream, NULL), 0);
    assert_int_equal(hy_web_route(s, "POST", "/event", send_event, NULL), 0);
}

static int setup(void **state) {
    streams_closed = 0;
    struct hy_web_options options = {.name = "test", .answer_ms = 1500, .body_limit = 300000};
    *state = fixture_start(&options, routes);
    return 0;
}

static int teardown(void **state) {
    fixture_stop(*state);
    return 0;
}

static void a_body_comes_back_as_it_was_sent(void **state) {
    char *a =
        fixture_ask(*state, "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\r\n回应");
    assert_contains(a, "200 OK");
    assert_contains(a, "\r\n\r\n回应");
    assert_contains(a, "X-Content-Type-Options: nosniff");
    assert_contains(a, "Cache-Control: no-store");
    free(a);
    a = fixture_ask(*state, "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                            "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n");
    assert_contains(a, "\r\n\r\nabcde");
    free(a);
}

static void path_and_query_reach_the_handler_decoded(void **state) {
    char *a =
        fixture_ask(*state, "GET /param/%E5%9B%9E%2520?q=a+b%2B&q=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_contains(a, "{\"id\":\"回%20\",\"q\":\"a b+\",\"n\":2,\"peer\":\"127.0.0.1\"}");
    free(a);
}

static void an_unknown_address_is_404_and_another_method_405(void **state) {
    char *a = fixture_ask(*state, "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_contains(a, "404 Not Found");
    assert_contains(a, "\"error\":\"not_found\"");
    free(a);
    a = fixture_ask(*state, "PUT /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
    assert_contains(a, "405 ");
    free(a);
    a = fixture_ask(*state, "HEAD /param/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_contains(a, "200 OK");
    assert_lacks(a, "{\"id\"");
    free(a);
}

static void a_deferred_answer_comes_later_on_the_same_connection(void **state) {
    int fd = fixture_connect(*state);
    for (int i = 0; i < 3; i++) {
        const char *text = "GET /later/60 HTTP/1.1\r\nHost: x\r\n\r\n";
        fixture_send(fd, text, strlen(text));
        char *a = fixture_read(fd, "later");
        assert_contains(a, "200 OK");
        free(a);
    }
    close(fd);
}

static void a_deferred_answer_that_is_late_is_a_503(void **state) {
    char *a = fixture_ask(*state, "GET /later/3500 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_contains(a, "503 ");
    assert_contains(a, "\"error\":\"busy\"");
    free(a);
    usleep(2500 * 1000); // the late answer itself must do no harm
}

static void a_client_that_leaves_before_its_answer_does_no_harm(void **state) {
    int fd = fixture_connect(*state);
    const char *text = "GET /later/300 HTTP/1.1\r\nHost: x\r\n\r\n";
    fixture_send(fd, text, strlen(text));
    usleep(50 * 1000);
    close(fd);
    usleep(400 * 1000);
    char *a = fixture_ask(*state, "GET /later/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_contains(a, "later");
    free(a);
}

static void a_handler_that_forgets_its_answer_gives_500(void **state) {
    char *a = fixture_ask(*state, "GET /forget HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_contains(a, "500 ");
    free(a);
}

static char *post_json(struct fixture *fixture, const char *type, const char *body, size_t len) {
    char head[256];
    int n = snprintf(head, sizeof head,
                     "POST /json HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     type, len);
    int fd = fixture_connect(fixture);
    fixture_send(fd, head, (size_t)n);
    fixture_send(fd, body, len);
    char *answer = fixture_read(fd, NULL);
    close(fd);
    return answer;
}

static void bad_json_is_refused_with_its_reason(void **state) {
    static const struct {
        const char *body;
        size_t len;
        const char *reason;
    } bad[] = {
        {"{\"a\":1,\"a\":2}", 13, "\"error\":\"duplicate_key\""},
        {"{\"a\":\"\xff\"}", 9, "\"error\":\"utf8\""},
        {"{\"a\":\"\xed\xa0\x80\"}", 11, "\"error\":\"utf8\""},
        {"{\"a\":\"\0\"}", 9, "\"error\":\"nul\""},
        {"{\"a\":\"\\u0000\"}", 14, "\"error\":\"nul\""},
        {"{\"a\":\"\\ud800\"}", 14, "\"error\":\"json\""},
        {"{\"a\":1} x", 9, "\"error\":\"json\""},
        {"{\"a\":1,}", 8, "\"error\":\"json\""},
        {"{\"a\":NaN}", 9, "\"error\":\"json\""},
        {"{\"a\":9223372036854775808}", 25, "\"error\":\"json\""},
        {"[]", 2, "\"error\":\"json\""},
        {"", 0, "\"error\":\"json\""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *a = post_json(*state, "application/json", bad[i].body, bad[i].len);
        assert_contains(a, "400 Bad Request");
        assert_contains(a, bad[i].reason);
        free(a);
    }
    char *a = post_json(*state, "text/plain", "{}", 2);
    assert_contains(a, "415 ");
    free(a);
    a = post_json(*state, "application/json; charset=utf-8", "{\"a\":\"😀\"}", 12);
    assert_contains(a, "{\"a\":\"😀\"}");
    free(a);
}

static void json_nested_100000_deep_is_refused(void **state) {
    enum { DEPTH = 100000 };
    char *body = malloc(2 * DEPTH);
    memset(body, '[', DEPTH);
    memset(body + DEPTH, ']', DEPTH);
    char *a = post_json(*state, "application/json", body, 2 * DEPTH);
    assert_contains(a, "\"error\":\"depth\"");
    free(a);
    free(body);
}

static void an_event_reaches_an_open_stream_at_once(void **state) {
    int fd = fixture_connect(*state);
    const char *text = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";
    fixture_send(fd, text, strlen(text));
    char *a = fixture_read(fd, "retry: 2000");
    assert_contains(a, "text/event-stream");
    free(a);
    for (int i = 0; i < 3; i++) {
        a = fixture_ask(*state,
                        "POST /event HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab\nc");
        assert_contains(a, "HY_OK");
        free(a);
        a = fixture_read(fd, "data: c");
        assert_contains(a, "id: 7\nevent: case\ndata: ab\ndata: c\n\n");
        free(a);
    }
    close(fd);
}

static void a_stream_whose_client_does_not_read_is_dropped(void **state) {
    int fd = fixture_connect(*state);
    const char *text = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";
    fixture_send(fd, text, strlen(text));
    free(fixture_read(fd, "retry: 2000"));
    enum { SIZE = 50000 };
    char *event = malloc(SIZE + 200);
    int head =
        sprintf(event, "POST /event HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", SIZE);
    memset(event + head, 'x', SIZE);
    event[head + SIZE] = '\0';
    bool full = false;
    for (int i = 0; i < 400 && !full; i++) {
        char *a = fixture_ask(*state, event);
        full = strstr(a, "HY_EFULL") != NULL;
        free(a);
    }
    assert_true(full);
    for (int i = 0; i < 50 && !streams_closed; i++)
        usleep(50 * 1000);
    assert_int_equal(streams_closed, 1);
    free(event);
    close(fd);
}

static void a_quiet_stream_gets_a_comment_line_and_stays_open(void **state) {
    int fd = fixture_connect(*state);
    const char *text = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";
    fixture_send(fd, text, strlen(text));
    free(fixture_read(fd, "retry: 2000"));
    char *a = fixture_read(fd, ":\n\n");
    assert_contains(a, ":\n\n");
    free(a);
    a = fixture_ask(*state, "POST /event HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nz");
    assert_contains(a, "HY_OK");
    free(a);
    a = fixture_read(fd, "data: z");
    assert_contains(a, "data: z");
    free(a);
    close(fd);
}

static void closing_ends_streams_and_waits_for_answers_under_way(void **state) {
    struct fixture *fixture = *state;
    int one = fixture_connect(fixture), two = fixture_connect(fixture), three = fixture_connect(fixture);
    const char *stream_text = "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n";
    const char *soon = "GET /later/150 HTTP/1.1\r\nHost: x\r\n\r\n";
    const char *never = "GET /later/1200 HTTP/1.1\r\nHost: x\r\n\r\n";
    fixture_send(one, stream_text, strlen(stream_text));
    fixture_send(two, soon, strlen(soon));
    fixture_send(three, never, strlen(never));
    free(fixture_read(one, "retry"));
    usleep(50 * 1000);
    fixture_stop(fixture);
    char *a = fixture_read(two, NULL);
    assert_contains(a, "later");
    free(a);
    a = fixture_read(three, NULL);
    assert_contains(a, "503 ");
    assert_contains(a, "\"error\":\"closing\"");
    free(a);
    assert_int_equal(streams_closed, 1);
    close(one), close(two), close(three);
    setup(state);
}

static void answers_are_counted_by_route_and_class(void **state) {
    struct hy_metric *m = hy_metric_get(HY_COUNTER, "huiying_web_requests_total", "",
                                        "server=\"test\",route=\"/param/{id}\",status=\"2xx\"");
    double before = hy_metric_value(m);
    free(fixture_ask(*state, "GET /param/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    usleep(50 * 1000);
    assert_true(hy_metric_value(m) == before + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_body_comes_back_as_it_was_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(path_and_query_reach_the_handler_decoded, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_address_is_404_and_another_method_405, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deferred_answer_comes_later_on_the_same_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deferred_answer_that_is_late_is_a_503, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_that_leaves_before_its_answer_does_no_harm, setup, teardown),
        cmocka_unit_test_setup_teardown(a_handler_that_forgets_its_answer_gives_500, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_json_is_refused_with_its_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(json_nested_100000_deep_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_reaches_an_open_stream_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stream_whose_client_does_not_read_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(a_quiet_stream_gets_a_comment_line_and_stays_open, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_ends_streams_and_waits_for_answers_under_way, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_are_counted_by_route_and_class, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
