// Accounts from files and environment; every mistake is said.
#include "weixin_push.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/hy-accounts-XXXXXX";

static void put(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/hy-accounts-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int drop_folder(void **state) {
    static const char *const names[] = {"weixin-a.yaml", "weixin-b.yaml", "web-default.yaml",
                                        "notes.txt",     "qq-x.yaml",     "token"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static void two_accounts_of_one_platform_stand_beside_the_form(void **state) {
    (void)state;
    struct hy_adapter_accounts accounts;
    struct hy_buf problems = {0};
    char token_path[300], yaml[600];
    snprintf(token_path, sizeof token_path, "%s/token", folder);
    put("token", "filetoken\n");
    chmod(token_path, 0600);
    snprintf(yaml, sizeof yaml, "gh_id: gh_a\nappid: wxa00\ntoken_file: %s\naes_key: " KEY "\n", token_path);
    put("weixin-a.yaml", yaml);
    put("weixin-b.yaml", "gh_id: gh_b\nappid: wxb00\n");
    put("notes.txt", "not an account");
    char one[] = "HY_WEIXIN_B_TOKEN=envtoken", two[] = "HY_WEIXIN_B_AES_KEY=" KEY, three[] = "HY_WEIXIN_A_MODE=safe";
    char *environment[] = {one, two, three, NULL};
    int rc = hy_adapter_accounts_load(folder, environment, &accounts, &problems);
    if (rc < 0) fail_msg("%s", problems.data);
    assert_int_equal(accounts.n, 3);
    const struct hy_adapter *weixin = hy_adapter_find("weixin");
    assert_non_null(hy_adapter_accounts_find(&accounts, weixin, "a"));
    assert_non_null(hy_adapter_accounts_find(&accounts, weixin, "b"));
    assert_null(hy_adapter_accounts_find(&accounts, weixin, "default"));
    assert_non_null(hy_adapter_accounts_find(&accounts, hy_adapter_find("web"), "default"));
    hy_adapter_accounts_free(&accounts);
    hy_buf_free(&problems);
}

static void every_mistake_is_told_with_its_file(void **state) {
    (void)state;
    struct hy_adapter_accounts accounts;
    struct hy_buf problems = {0};
    put("weixin-a.yaml", "gh_id: nonsense\nappid: wxa00\ntoken: abc\naes_key: " KEY "\n");
    put("weixin-b.yaml", "gh_id: gh_b\nappid: wxb00\ntoken: abc\naes_key: short\ncolour: red\n");
    put("web-default.yaml", "text.chars: many\n");
    put("qq-x.yaml", "a: b\n");
    assert_int_equal(hy_adapter_accounts_load(folder, NULL, &accounts, &problems), HY_ECONFIG);
    assert_non_null(strstr(problems.data, "weixin-a.yaml: gh_id"));
    assert_non_null(strstr(problems.data, "weixin-b.yaml:5: colour"));
    assert_non_null(strstr(problems.data, "web-default.yaml:1: text.chars"));
    assert_non_null(strstr(problems.data, "qq-x.yaml"));
    assert_null(strstr(problems.data, "short")); // a secret is never repeated
    assert_int_equal(accounts.n, 0);
    hy_buf_free(&problems);
    assert_int_equal(hy_adapter_accounts_load("/nowhere/accounts", NULL, &accounts, &problems), HY_ECONFIG);
    hy_buf_free(&problems);
}

static void every_adapters_table_is_sound(void **state) {
    (void)state;
    size_t n = 0;
    const struct hy_adapter *const *adapters = hy_adapters(&n);
    struct hy_buf problems = {0};
    assert_true(n >= 2);
    for (size_t i = 0; i < n; i++) {
        struct hy_config_table table = {.program = adapters[i]->name,
                                        .purpose = adapters[i]->description,
                                        .rows = adapters[i]->rows,
                                        .n_rows = adapters[i]->n_rows,
                                        .struct_size = adapters[i]->config_size};
        if (hy_config_check_table(&table, &problems) < 0) fail_msg("%s", problems.data);
        assert_ptr_equal(hy_adapter_find(adapters[i]->name), adapters[i]);
        assert_true(adapters[i]->decode && adapters[i]->path && adapters[i]->acknowledgement);
    }
    assert_null(hy_adapter_find("nobody"));
    hy_buf_free(&problems);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_accounts_of_one_platform_stand_beside_the_form, make_folder, drop_folder),
        cmocka_unit_test_setup_teardown(every_mistake_is_told_with_its_file, make_folder, drop_folder),
        cmocka_unit_test(every_adapters_table_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
