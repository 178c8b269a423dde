// What an operator may pass to the Kafka client, and what is refused with a text that says what to do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/lane/kafka_conf.h"

static int try_properties(enum hy_kafka_role role, const char *properties, rd_kafka_conf_t **conf,
                          struct hy_error *err) {
    static struct hy_kafka_state state;
    struct hy_kafka_options options = {.brokers = "127.0.0.1:1", .properties = properties};
    return hy_kafka_conf(&options, role, NULL, 0, &state, conf, err);
}

static void expect_setting(rd_kafka_conf_t *conf, const char *key, const char *wanted) {
    char value[256];
    size_t size = sizeof value;
    assert_int_equal(rd_kafka_conf_get(conf, key, value, &size), RD_KAFKA_CONF_OK);
    assert_string_equal(value, wanted);
}

static void a_misspelt_property_is_refused_by_name(void **state) {
    (void)state;
    rd_kafka_conf_t *conf;
    struct hy_error err;
    assert_int_equal(try_properties(HY_KAFKA_PRODUCER, "ssl.ca.locaton=/x", &conf, &err), HY_ECONFIG);
    assert_non_null(strstr(err.text, "ssl.ca.locaton"));
    assert_non_null(strstr(err.text, "misspelt"));
    assert_null(conf);
}

static void a_bad_value_is_refused_with_its_reason(void **state) {
    (void)state;
    rd_kafka_conf_t *conf;
    struct hy_error err;
    assert_int_equal(try_properties(HY_KAFKA_PRODUCER, "socket.timeout.ms=soon", &conf, &err), HY_ECONFIG);
    assert_non_null(strstr(err.text, "socket.timeout.ms"));
    assert_int_equal(try_properties(HY_KAFKA_PRODUCER, "security.protocol", &conf, &err), HY_ECONFIG);
    assert_non_null(strstr(err.text, "key=value"));
}

static void what_exactly_once_rests_on_cannot_be_changed(void **state) {
    (void)state;
    static const char *const FIXED[] = {"isolation.level=read_uncommitted",
                                        "enable.auto.commit=true",
                                        "acks=1",
                                        " transactional.id = x",
                                        "partition.assignment.strategy=cooperative-sticky",
                                        "auto.offset.reset=latest",
                                        "enable.idempotence=false"};
    for (size_t i = 0; i < sizeof FIXED / sizeof *FIXED; i++) {
        rd_kafka_conf_t *conf;
        struct hy_error err;
        assert_int_equal(try_properties(HY_KAFKA_TXN_PRODUCER, FIXED[i], &conf, &err), HY_ECONFIG);
        assert_non_null(strstr(err.text, "fixed"));
    }
}

static void good_properties_are_passed_on(void **state) {
    (void)state;
    rd_kafka_conf_t *conf;
    struct hy_error err;
    assert_int_equal(try_properties(HY_KAFKA_TXN_PRODUCER, " security.protocol = ssl ;; linger.ms=7; ", &conf, &err),
                     HY_OK);
    expect_setting(conf, "security.protocol", "ssl");
    expect_setting(conf, "linger.ms", "7");
    expect_setting(conf, "transaction.timeout.ms", "6000");
    expect_setting(conf, "message.timeout.ms", "5000");
    rd_kafka_conf_destroy(conf);
}

static void each_role_has_the_settings_that_its_promise_needs(void **state) {
    (void)state;
    rd_kafka_conf_t *conf;
    struct hy_error err;
    assert_int_equal(try_properties(HY_KAFKA_GROUP_CONSUMER, NULL, &conf, &err), HY_OK);
    expect_setting(conf, "isolation.level", "read_committed");
    expect_setting(conf, "auto.offset.reset", "error");
    expect_setting(conf, "enable.auto.commit", "false");
    expect_setting(conf, "partition.assignment.strategy", "range");
    expect_setting(conf, "session.timeout.ms", "6000");
    rd_kafka_conf_destroy(conf);
    assert_int_equal(try_properties(HY_KAFKA_PROBE, "", &conf, &err), HY_OK);
    expect_setting(conf, "isolation.level", "read_uncommitted");
    rd_kafka_conf_destroy(conf);
    assert_int_equal(try_properties(HY_KAFKA_PRODUCER, "", &conf, &err), HY_OK);
    expect_setting(conf, "enable.idempotence", "true");
    expect_setting(conf, "acks", "-1");
    rd_kafka_conf_destroy(conf);
}

static void no_brokers_is_a_refusal(void **state) {
    (void)state;
    struct hy_kafka_state kafka = {0};
    struct hy_kafka_options options = {.brokers = ""};
    rd_kafka_conf_t *conf;
    struct hy_error err;
    assert_int_equal(hy_kafka_conf(&options, HY_KAFKA_READER, NULL, 0, &kafka, &conf, &err), HY_ECONFIG);
    assert_non_null(strstr(err.text, "kafka.brokers"));
}

static void a_refusal_of_the_broker_is_told_with_what_to_check(void **state) {
    (void)state;
    struct hy_kafka_state kafka = {0};
    struct hy_error err;
    assert_int_equal(hy_kafka_refused(&kafka, &err), HY_OK);
    kafka.refused = RD_KAFKA_RESP_ERR__AUTHENTICATION;
    strcpy(kafka.refused_text, "wrong password");
    assert_int_equal(hy_kafka_refused(&kafka, &err), HY_EAUTH);
    assert_non_null(strstr(err.text, "wrong password"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_misspelt_property_is_refused_by_name),
        cmocka_unit_test(a_bad_value_is_refused_with_its_reason),
        cmocka_unit_test(what_exactly_once_rests_on_cannot_be_changed),
        cmocka_unit_test(good_properties_are_passed_on),
        cmocka_unit_test(each_role_has_the_settings_that_its_promise_needs),
        cmocka_unit_test(no_brokers_is_a_refusal),
        cmocka_unit_test(a_refusal_of_the_broker_is_told_with_what_to_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
