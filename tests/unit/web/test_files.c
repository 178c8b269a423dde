// Files are served from one folder and from nowhere else.
#include "fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "lib/web/files.h"

static char root[] = "/tmp/hy-web-files-XXXXXX";

static void put(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void routes(struct fixture *fixture) {
    char path[256];
    struct hy_error err = {0};
    snprintf(path, sizeof path, "%s/www", root);
    assert_int_equal(hy_web_files(fixture->server, "/assets/*", path, &err), 0);
}

static int setup(void **state) {
    char path[256], target[256];
    strcpy(root, "/tmp/hy-web-files-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof path, "%s/www", root);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/www/sub", root);
    mkdir(path, 0700);
    put("secret.txt", "secret");
    put("www/index.html", "<p>回应</p>");
    put("www/app.js", "let a = 1;");
    put("www/app.js.gz", "packed");
    put("www/sub/a.css", "a{}");
    put("www/.hidden", "secret");
    snprintf(target, sizeof target, "%s/secret.txt", root);
    snprintf(path, sizeof path, "%s/www/link.txt", root);
    assert_int_equal(symlink(target, path), 0);
    struct hy_web_options options = {.name = "files"};
    *state = fixture_start(&options, routes);
    return 0;
}

static int teardown(void **state) {
    static const char *const names[] = {"www/link.txt",   "www/.hidden", "www/sub/a.css", "www/app.js.gz", "www/app.js",
                                        "www/index.html", "secret.txt",  "www/sub",       "www",           ""};
    fixture_stop(*state);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", root, names[i]);
        remove(path);
    }
    return 0;
}

static char *get(struct fixture *fixture, const char *path, const char *headers) {
    char text[512];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", path, headers);
    return fixture_ask(fixture, text);
}

static void a_page_has_its_type_policy_and_etag(void **state) {
    char *a = get(*state, "/assets/", "");
    assert_contains(a, "200 OK");
    assert_contains(a, "<p>回应</p>");
    assert_contains(a, "text/html; charset=utf-8");
    assert_contains(a, "script-src 'self'");
    char *etag = strstr(a, "ETag: ");
    assert_non_null(etag);
    char known[80];
    snprintf(known, sizeof known, "If-None-Match: %.18s\r\n", etag + 6);
    char *b = get(*state, "/assets/index.html", known);
    assert_contains(b, "304 ");
    assert_contains(b, "script-src 'self'"); // the cached page takes over the policy of this answer
    assert_lacks(b, "<p>");
    free(b);
    free(a);
}

static void a_packed_copy_goes_to_those_who_take_it(void **state) {
    char *a = get(*state, "/assets/app.js", "Accept-Encoding: br, gzip\r\n");
    assert_contains(a, "Content-Encoding: gzip");
    assert_contains(a, "\r\n\r\npacked");
    free(a);
    a = get(*state, "/assets/app.js", "");
    assert_contains(a, "let a = 1;");
    assert_lacks(a, "gzip\r\n\r\npacked");
    free(a);
    a = get(*state, "/assets/sub/a.css", "");
    assert_contains(a, "text/css");
    free(a);
}

static void nothing_outside_the_folder_is_served(void **state) {
    static const char *const bad[] = {"/assets/../secret.txt",
                                      "/assets/%2e%2e/secret.txt",
                                      "/assets/..%2fsecret.txt",
                                      "/assets/sub%2f..%2f..%2fsecret.txt",
                                      "/assets/.hidden",
                                      "/assets/link.txt",
                                      "/assets//etc/passwd",
                                      "/assets/%2fetc%2fpasswd",
                                      "/assets/sub",
                                      "/assets/nothing",
                                      "/assets/app.js/x",
                                      "/assets/%5c..%5csecret.txt"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *a = get(*state, bad[i], "");
        if (!strstr(a, "HTTP/1.1 404") && !strstr(a, "HTTP/1.1 400")) fail_msg("%s: %s", bad[i], a);
        assert_lacks(a, "secret");
        free(a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_page_has_its_type_policy_and_etag, setup, teardown),
        cmocka_unit_test_setup_teardown(a_packed_copy_goes_to_those_who_take_it, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_outside_the_folder_is_served, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
