// Acts on their way while the publisher reports what became of others: each is answered once, and none after its end.
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "consumers/dashboard/acts.h"
#include "tests/unit/web/fixture.h"
#include "town.h"

static const struct who OPERATOR = {.name = "o", .role = "operator", .department = ""};

// Stands in for Kafka's client at the moment at which it is made anew: what is on its way fails inside the next call.
static struct {
    hy_published_fn done;
    void *opaque;
} flights[4];
static atomic_int n_flights, n_begun;
static atomic_bool broken;

static void report_all(int status) {
    int n = atomic_load(&n_flights);
    struct hy_published result = {.status = status, .why = "", .offset = -1};
    atomic_store(&n_flights, 0);
    for (int i = 0; i < n; i++)
        flights[i].done(flights[i].opaque, &result);
}

int hy_publish(struct hy_publisher *publisher, const char *topic, struct hy_bytes key, struct hy_bytes value,
               hy_published_fn done, void *opaque, struct hy_error *err) {
    (void)publisher;
    (void)topic;
    (void)key;
    (void)value;
    (void)err;
    if (atomic_exchange(&broken, false)) report_all(HY_ECLOSED);
    int n = atomic_load(&n_flights);
    flights[n].done = done;
    flights[n].opaque = opaque;
    atomic_store(&n_flights, n + 1);
    return HY_OK;
}

static struct town *town;
static struct acts *acts;

static void on_act(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    acts_case(acts, &OPERATOR, request);
    atomic_fetch_add(&n_begun, 1);
}

static void on_close(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    acts_close(acts);
    report_all(HY_EUNKNOWN);
    hy_web_reply(request, 200, NULL, hy_bytes_of(""));
}

static void routes(struct fixture *fixture) {
    struct hy_error err = {0};
    assert_int_equal(acts_open(&fixture->loop, &town->q, NULL, &acts, &err), HY_OK);
    assert_int_equal(hy_web_route(fixture->server, "POST", "/v1/cases/{id}/acts", on_act, NULL), HY_OK);
    assert_int_equal(hy_web_route(fixture->server, "POST", "/close", on_close, NULL), HY_OK);
}

static void wait_for(atomic_int *number, int wanted) {
    for (int i = 0; i < 2000 && atomic_load(number) != wanted; i++)
        usleep(10000);
    assert_int_equal(atomic_load(number), wanted);
}

// Its answer comes later.
static int post_act(const struct fixture *fixture, int n) {
    static const char BODY[] = "{\"verb\": \"sign\"}";
    char text[512];
    int fd = fixture_connect(fixture), begun = atomic_load(&n_begun);
    snprintf(text, sizeof text,
             "POST /v1/cases/%s/acts HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n%s",
             town_id(n), strlen(BODY), BODY);
    fixture_send(fd, text, strlen(text));
    wait_for(&n_begun, begun + 1);
    return fd;
}

static void assert_answer(int fd, const char *part) {
    char *answer = fixture_read(fd, NULL);
    assert_contains(answer, part);
    free(answer);
    close(fd);
}

static void an_act_that_fails_while_another_one_is_published_is_answered_and_left_alone(void **state) {
    (void)state;
    town = town_new();
    town_case(town, &(struct letter){.n = 1, .owner = "shuiwu", .work_seq = 1});
    struct fixture *fixture = fixture_start(&(struct hy_web_options){.name = "test"}, routes);
    int sent = post_act(fixture, 1);
    wait_for(&n_flights, 1);
    int looking = post_act(fixture, 2); // of a case that the view does not show yet
    atomic_store(&broken, true);
    town_case(town, &(struct letter){.n = 2, .owner = "shuiwu", .work_seq = 1});
    assert_answer(sent, "\"kafka\"");
    char *closed = fixture_ask(fixture, "POST /close HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_contains(closed, " 200 ");
    free(closed);
    assert_answer(looking, "\"pending\"");
    fixture_stop(fixture);
    assert_int_equal(acts_waiting(acts), 0);
    acts_free(acts);
    town_free(town);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_act_that_fails_while_another_one_is_published_is_answered_and_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
