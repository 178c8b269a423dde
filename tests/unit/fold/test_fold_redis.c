// The Redis connection against a real server that is killed, restarted, stopped and closed by password.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/fold/redis.h"
#include "tests/unit/fold/redis_server.h"

static struct redis_server server;
static int have_server;

static int group_setup(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    have_server = redis_server_start(&server) == 0;
    return 0;
}

static int group_teardown(void **state) {
    (void)state;
    redis_server_remove(&server);
    return 0;
}

static struct hy_redis *client(const char *password, int op_timeout_ms) {
    struct hy_redis *redis = NULL;
    struct hy_redis_options options = {
        .url = server.url, .password = password, .op_timeout_ms = op_timeout_ms, .client_name = "unit"};
    if (!have_server) skip();
    assert_int_equal(hy_redis_new(&options, &redis, NULL), 0);
    return redis;
}

static int ping(struct hy_redis *redis, struct hy_error *err) {
    redisReply *reply;
    int rc = hy_redis_call(redis, &reply, err, 1, "PING");
    if (rc == 0) freeReplyObject(reply);
    return rc;
}

static int wait_for(struct hy_redis *redis) {
    struct hy_error err = {0};
    int rc = HY_EAGAIN;
    for (int i = 0; i < 500 && rc != 0; i++) {
        rc = ping(redis, &err);
        usleep(10000);
    }
    return rc;
}

static void pipelined_replies_come_in_order_and_an_error_reply_is_one_of_them(void **state) {
    (void)state;
    struct hy_redis *redis = client(NULL, 0);
    struct hy_error err = {0};
    redisReply *reply;
    struct hy_bytes set[] = {hy_bytes_of("SET"), hy_bytes_from("k\0y", 3), hy_bytes_from("v\0\xff", 3)};
    struct hy_bytes bad[] = {hy_bytes_of("HGET"), hy_bytes_from("k\0y", 3), hy_bytes_of("f")};
    struct hy_bytes get[] = {hy_bytes_of("GET"), hy_bytes_from("k\0y", 3)};
    assert_int_equal(hy_redis_append(redis, 3, set, &err), 0);
    assert_int_equal(hy_redis_append(redis, 3, bad, &err), 0);
    assert_int_equal(hy_redis_append(redis, 2, get, &err), 0);
    assert_int_equal(hy_redis_pending(redis), 3);
    assert_int_equal(hy_redis_reply(redis, &reply, &err), 0);
    freeReplyObject(reply);
    assert_int_equal(hy_redis_reply(redis, &reply, &err), HY_EINTERNAL);
    assert_non_null(strstr(err.text, "WRONGTYPE"));
    assert_int_equal(hy_redis_reply(redis, &reply, &err), 0);
    assert_int_equal(reply->len, 3);
    assert_memory_equal(reply->str, "v\0\xff", 3);
    freeReplyObject(reply);
    assert_int_equal(hy_redis_pending(redis), 0);
    assert_int_equal(hy_redis_reply(redis, &reply, &err), HY_ENET); // nothing is due
    assert_int_equal(hy_redis_append(redis, 0, get, &err), HY_EINVALID);
    hy_redis_free(redis);
}

static void a_killed_server_is_noticed_and_found_again_by_itself(void **state) {
    (void)state;
    struct hy_redis *redis = client(NULL, 0);
    struct hy_error err = {0};
    assert_int_equal(ping(redis, &err), 0);
    assert_int_equal(hy_redis_generation(redis), 1);
    assert_int_equal(hy_redis_down_ms(redis), 0);
    redis_server_kill(&server);
    assert_int_equal(ping(redis, &err), HY_ENET);
    assert_false(hy_redis_up(redis));
    usleep(80000);
    int rc = ping(redis, &err);
    assert_true(rc == HY_ENET || rc == HY_EAGAIN);
    assert_true(hy_redis_down_ms(redis) > 0);
    assert_int_equal(redis_server_start(&server), 0);
    assert_int_equal(wait_for(redis), 0);
    assert_int_equal(hy_redis_generation(redis), 2);
    hy_redis_free(redis);
}

static void a_server_that_does_not_answer_is_left_after_the_time_limit(void **state) {
    (void)state;
    struct hy_redis *redis = client(NULL, 200);
    struct hy_error err = {0};
    assert_int_equal(ping(redis, &err), 0);
    kill(server.pid, SIGSTOP);
    assert_int_equal(ping(redis, &err), HY_ETIMEOUT);
    assert_false(hy_redis_up(redis));
    kill(server.pid, SIGCONT);
    assert_int_equal(wait_for(redis), 0); // and the late answer to the first PING is not taken for the second's
    int64_t ms;
    assert_int_equal(hy_redis_time(redis, &ms, &err), 0);
    assert_true(ms > INT64_C(1700000000000));
    hy_redis_free(redis);
}

static void a_wrong_password_is_refused_and_never_shown(void **state) {
    (void)state;
    struct hy_redis *redis = client(NULL, 0), *other;
    struct hy_error err = {0};
    redisReply *reply;
    assert_int_equal(hy_redis_call(redis, &reply, &err, 4, "CONFIG", "SET", "requirepass", "right"), 0);
    freeReplyObject(reply);
    other = client(NULL, 0);
    assert_int_equal(ping(other, &err), HY_EAUTH);
    hy_redis_free(other);
    other = client("wrong-secret", 0);
    assert_int_equal(ping(other, &err), HY_EAUTH);
    assert_null(strstr(err.text, "wrong-secret"));
    hy_redis_free(other);
    other = client("right", 0);
    assert_int_equal(ping(other, &err), 0);
    assert_int_equal(hy_redis_call(other, &reply, &err, 4, "CONFIG", "SET", "requirepass", ""), 0);
    freeReplyObject(reply);
    hy_redis_free(other);
    hy_redis_free(redis);
}

static void a_broken_library_is_said_at_connect(void **state) {
    (void)state;
    struct hy_redis *redis = client(NULL, 0);
    struct hy_error err = {0};
    hy_redis_use_library(redis, "broken", hy_bytes_of("#!lua name=broken\nthis is no lua"));
    assert_int_equal(ping(redis, &err), HY_EINTERNAL);
    assert_non_null(strstr(err.text, "broken"));
    assert_false(hy_redis_up(redis));
    hy_redis_free(redis);
}

static void an_address_where_nobody_listens_is_tried_with_growing_pauses(void **state) {
    (void)state;
    struct hy_fake_clock clock;
    struct hy_redis *redis;
    struct hy_error err = {0};
    hy_fake_clock_init(&clock, 1);
    struct hy_redis_options options = {.url = "unix:///tmp/hy-nobody-listens-here.sock", .clock = &clock.clock};
    assert_int_equal(hy_redis_new(&options, &redis, &err), 0);
    int tried = 0;
    for (int i = 0; i < 6000; i++) { // a minute in steps of 10 ms
        int rc = hy_redis_connect(redis, &err);
        tried += rc == HY_ENET;
        assert_true(rc == HY_ENET || rc == HY_EAGAIN);
        hy_fake_clock_advance(&clock, 10);
    }
    assert_in_range(tried, 25, 120);
    assert_int_equal(hy_redis_down_ms(redis), 60000);
    hy_redis_free(redis);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelined_replies_come_in_order_and_an_error_reply_is_one_of_them),
        cmocka_unit_test(a_killed_server_is_noticed_and_found_again_by_itself),
        cmocka_unit_test(a_server_that_does_not_answer_is_left_after_the_time_limit),
        cmocka_unit_test(a_wrong_password_is_refused_and_never_shown),
        cmocka_unit_test(a_broken_library_is_said_at_connect),
        cmocka_unit_test(an_address_where_nobody_listens_is_tried_with_growing_pauses),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
