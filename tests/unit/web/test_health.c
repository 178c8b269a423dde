#include "fixture.h"

#include <unistd.h>

#include "lib/web/health.h"

static char *get(const char *url, const char *path) {
    struct fixture at = {.port = (uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10)};
    char text[256];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    return fixture_ask(&at, text);
}

static void health_tells_which_part_fails(void **state) {
    (void)state;
    struct hy_error err = {0};
    struct hy_health *health = hy_health_new("tester");
    assert_int_equal(hy_health_start(health, "127.0.0.1:0", &err), 0);
    char *a = get(hy_health_url(health), "/healthz");
    assert_contains(a, "503 "); // no part yet: nothing is known to be well
    free(a);
    struct hy_health_part *lane = hy_health_part(health, "lane-0", 2000);
    struct hy_health_part *kafka = hy_health_part(health, "kafka", 0);
    assert_ptr_equal(hy_health_part(health, "kafka", 0), kafka);
    a = get(hy_health_url(health), "/healthz");
    assert_contains(a, "503 ");
    assert_contains(a, "starting");
    free(a);
    hy_health_report(lane, true, NULL);
    hy_health_report(kafka, true, NULL);
    a = get(hy_health_url(health), "/healthz");
    assert_contains(a, "200 OK");
    assert_contains(a, "\"status\":\"ok\",\"program\":\"tester\"");
    free(a);
    usleep(2100 * 1000);
    a = get(hy_health_url(health), "/healthz");
    assert_contains(a, "503 ");
    assert_contains(a, "{\"name\":\"lane-0\",\"ok\":false");
    assert_contains(a, "has not reported in time");
    assert_contains(a, "{\"name\":\"kafka\",\"ok\":true");
    free(a);
    hy_health_beat(lane);
    hy_health_report(kafka, false, "broker %d away", 1);
    a = get(hy_health_url(health), "/healthz");
    assert_contains(a, "broker 1 away");
    free(a);
    hy_health_free(health);
}

static void metrics_are_served_in_the_text_format(void **state) {
    (void)state;
    struct hy_error err = {0};
    struct hy_health *health = hy_health_new("tester");
    assert_int_equal(hy_health_start(health, "127.0.0.1:0", &err), 0);
    char *a = get(hy_health_url(health), "/metrics");
    assert_contains(a, "text/plain; version=0.0.4");
    assert_contains(a, "huiying_build_info{program=\"tester\"");
    assert_contains(a, "process_resident_memory_bytes ");
    assert_contains(a, "# TYPE process_cpu_seconds_total counter");
    free(a);
    hy_health_free(health);
}

static void a_taken_port_is_named(void **state) {
    (void)state;
    struct hy_error err = {0};
    struct hy_health *one = hy_health_new("one"), *two = hy_health_new("two");
    assert_int_equal(hy_health_start(one, "127.0.0.1:0", &err), 0);
    assert_int_equal(hy_health_start(two, strstr(hy_health_url(one), "127"), &err), HY_EIO);
    assert_contains(err.text, "in use");
    assert_int_equal(hy_health_start(two, "localhost", &err), HY_EINVALID);
    assert_int_equal(hy_health_start(two, "::1:80", &err), HY_EINVALID);
    hy_health_free(two);
    hy_health_free(one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_tells_which_part_fails),
        cmocka_unit_test(metrics_are_served_in_the_text_format),
        cmocka_unit_test(a_taken_port_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
