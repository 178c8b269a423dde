// Tokens and the limiter.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/web/limiter.h"
#include "lib/web/tokens.h"

#define GOOD "0123456789abcdef0123456789abcdef"

static int load(const char *text, mode_t mode, struct hy_web_tokens **out, struct hy_error *err) {
    char path[] = "/tmp/hy-web-tokens-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    fchmod(fd, mode);
    close(fd);
    int rc = hy_web_tokens_load(path, out, err);
    unlink(path);
    return rc;
}

static void a_token_names_its_owner(void **state) {
    (void)state;
    struct hy_web_tokens *tokens = NULL;
    struct hy_error err = {0};
    assert_int_equal(load("# who\n\nop operator - " GOOD "\nh1 department water " GOOD "x\n", 0600, &tokens, &err), 0);
    const struct hy_web_identity *who = hy_web_tokens_find(tokens, GOOD "x");
    assert_non_null(who);
    assert_string_equal(who->role, "department");
    assert_string_equal(who->department, "water");
    assert_string_equal(hy_web_tokens_find(tokens, GOOD)->department, "");
    assert_null(hy_web_tokens_find(tokens, ""));
    assert_null(hy_web_tokens_find(tokens, GOOD "y"));
    hy_web_tokens_free(tokens);
}

static void a_bad_token_file_is_refused_with_its_line(void **state) {
    (void)state;
    struct hy_web_tokens *tokens = NULL;
    struct hy_error err = {0};
    assert_int_equal(load("op operator - " GOOD "\n", 0644, &tokens, &err), HY_EDENIED);
    assert_int_equal(load("", 0600, &tokens, &err), HY_EFORMAT);
    assert_int_equal(load("op operator - " GOOD "\n\nop operator " GOOD "\n", 0600, &tokens, &err), HY_EFORMAT);
    assert_non_null(strstr(err.text, ":3:"));
    assert_null(strstr(err.text, GOOD));
    assert_int_equal(load("op operator - short\n", 0600, &tokens, &err), HY_EFORMAT);
    assert_int_equal(load("op operator - " GOOD " more\n", 0600, &tokens, &err), HY_EFORMAT);
    assert_int_equal(hy_web_tokens_load("/nowhere/tokens", &tokens, &err), HY_EIO);
}

static void a_bucket_lets_a_burst_through_then_the_rate(void **state) {
    (void)state;
    struct hy_web_limiter *limiter = hy_web_limiter_new(2, 5, 0);
    int64_t now = 1000000000;
    for (int i = 0; i < 5; i++)
        assert_int_equal(hy_web_limiter_take(limiter, "a", now), 0);
    uint32_t wait = hy_web_limiter_take(limiter, "a", now);
    assert_in_range(wait, 500, 502);
    assert_int_equal(hy_web_limiter_take(limiter, "b", now), 0);
    assert_int_equal(hy_web_limiter_take(limiter, "a", now + wait * 1000000LL), 0);
    assert_true(hy_web_limiter_take(limiter, "a", now + wait * 1000000LL) > 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(hy_web_limiter_take(limiter, "a", now + 3600000000000LL), 0);
    assert_true(hy_web_limiter_take(limiter, "a", now + 3600000000000LL) > 0);
    hy_web_limiter_free(limiter);
}

static void many_addresses_do_not_grow_the_limiter(void **state) {
    (void)state;
    struct hy_web_limiter *limiter = hy_web_limiter_new(1, 1, 64);
    char key[32];
    for (int i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "10.0.%d.%d", i / 256, i % 256);
        assert_int_equal(hy_web_limiter_take(limiter, key, i), 0);
    }
    hy_web_limiter_free(limiter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_names_its_owner),
        cmocka_unit_test(a_bad_token_file_is_refused_with_its_line),
        cmocka_unit_test(a_bucket_lets_a_burst_through_then_the_rate),
        cmocka_unit_test(many_addresses_do_not_grow_the_limiter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
