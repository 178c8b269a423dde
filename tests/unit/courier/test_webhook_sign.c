// The signature must be the one that Standard Webhooks writes down, and a bad secret must be told without being shown.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "consumers/courier/webhook_sign.h"

// Computed apart with Python's hmac and base64: key = bytes 0..31, id "msg_1", time 1771000000, body {"a":1}.
static const char SECRET[] = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
static const char SIGNATURE[] = "v1,jxUdjG1IUbaGtu0n4y6ZicqURzVtRDZhdJmwNLNZMiY=";

static void a_signature_is_the_standard_s(void **state) {
    (void)state;
    uint8_t key[WEBHOOK_KEY_MAX];
    size_t len = 0;
    char out[WEBHOOK_SIGNATURE];
    assert_int_equal(webhook_key(SECRET, key, &len, NULL), HY_OK);
    assert_int_equal(len, 32);
    assert_int_equal(webhook_sign(hy_bytes_from(key, len), "msg_1", 1771000000, hy_bytes_of("{\"a\":1}"), out), HY_OK);
    assert_string_equal(out, SIGNATURE);
    assert_int_equal(webhook_sign(hy_bytes_from(key, len), "msg_2", 1771000000, hy_bytes_of("{\"a\":1}"), out), HY_OK);
    assert_string_not_equal(out, SIGNATURE);
}

static void a_short_or_broken_secret_is_refused_and_not_shown(void **state) {
    (void)state;
    static const char *const BAD[] = {"", "whsec_", "whsec_AAEC", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                                      "whsec_????????????????????????????????????????????"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        uint8_t key[WEBHOOK_KEY_MAX];
        size_t len = 0;
        struct hy_error err = {0};
        assert_int_equal(webhook_key(BAD[i], key, &len, &err), HY_ECONFIG);
        assert_true(strlen(BAD[i]) < 8 || strstr(err.text, BAD[i] + 6) == NULL);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_is_the_standard_s),
        cmocka_unit_test(a_short_or_broken_secret_is_refused_and_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
