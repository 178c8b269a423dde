// Calls over TLS: a server is believed only with a certificate of the CA that was named, and of its own name.
#include "fixture.h"

#include <microhttpd.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "lib/web/client.h"

struct tls {
    struct MHD_Daemon *daemon;
    uint16_t port;
    char ca_path[64];
    char *certificate, *key;
};

static char *text_of(BIO *bio) {
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    char *text = calloc(1, (size_t)len + 1);
    memcpy(text, data, (size_t)len);
    BIO_free(bio);
    return text;
}

// A certificate that signs itself, for 127.0.0.1 only.
static void make_certificate(struct tls *tls) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    static const struct {
        int nid;
        const char *value;
    } extensions[] = {{NID_subject_alt_name, "IP:127.0.0.1"}, {NID_basic_constraints, "critical,CA:TRUE"}};
    for (int i = 0; i < 2; i++) {
        X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, extensions[i].nid, extensions[i].value);
        X509_add_ext(cert, extension, -1);
        X509_EXTENSION_free(extension);
    }
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(cert_bio, cert);
    PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL);
    tls->certificate = text_of(cert_bio);
    tls->key = text_of(key_bio);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **con_cls) {
    (void)ctx, (void)url, (void)method, (void)version, (void)data, (void)size, (void)con_cls;
    static char body[] = "over TLS";
    struct MHD_Response *response = MHD_create_response_from_buffer(8, body, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result rc = MHD_queue_response(mhd, 200, response);
    MHD_destroy_response(response);
    return rc;
}

static int setup(void **state) {
    struct tls *tls = calloc(1, sizeof *tls);
    make_certificate(tls);
    strcpy(tls->ca_path, "/tmp/hy-web-ca-XXXXXX");
    int fd = mkstemp(tls->ca_path);
    assert_int_equal(write(fd, tls->certificate, strlen(tls->certificate)), (ssize_t)strlen(tls->certificate));
    close(fd);
    tls->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0,
                                   NULL, NULL, on_request, NULL, MHD_OPTION_HTTPS_MEM_CERT, tls->certificate,
                                   MHD_OPTION_HTTPS_MEM_KEY, tls->key, MHD_OPTION_END);
    assert_non_null(tls->daemon);
    tls->port = MHD_get_daemon_info(tls->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    *state = tls;
    return 0;
}

static int teardown(void **state) {
    struct tls *tls = *state;
    MHD_stop_daemon(tls->daemon);
    unlink(tls->ca_path);
    free(tls->certificate);
    free(tls->key);
    free(tls);
    return 0;
}

struct seen {
    int n, code;
    bool sent;
    char body[32];
};

static void on_answer(const struct hy_web_answer *answer, void *ctx) {
    struct seen *seen = ctx;
    seen->n++;
    seen->code = answer->code;
    seen->sent = answer->sent;
    snprintf(seen->body, sizeof seen->body, "%.*s", (int)answer->body.len, (const char *)answer->body.data);
}

static struct seen call(const struct tls *tls, const char *host, const char *ca_file) {
    uv_loop_t loop;
    struct hy_web_client *client = NULL;
    struct hy_web_client_options options = {.ca_file = ca_file};
    struct seen seen = {0};
    char url[80];
    snprintf(url, sizeof url, "https://%s:%u/", host, tls->port);
    uv_loop_init(&loop);
    assert_int_equal(hy_web_client_new(&loop, &options, &client, NULL), 0);
    struct hy_web_call wanted = {.method = "GET", .url = url, .done = on_answer, .ctx = &seen};
    assert_int_equal(hy_web_client_call(client, &wanted, NULL), 0);
    while (!seen.n)
        uv_run(&loop, UV_RUN_ONCE);
    hy_web_client_close(client, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return seen;
}

static void a_server_of_the_named_ca_is_believed(void **state) {
    const struct tls *tls = *state;
    struct seen seen = call(tls, "127.0.0.1", tls->ca_path);
    assert_int_equal(seen.code, HY_OK);
    assert_string_equal(seen.body, "over TLS");
}

static void a_server_of_another_ca_gets_nothing(void **state) {
    struct seen seen = call(*state, "127.0.0.1", NULL);
    assert_int_equal(seen.code, HY_EAUTH);
    assert_false(seen.sent);
}

static void a_server_of_another_name_gets_nothing(void **state) {
    const struct tls *tls = *state;
    struct seen seen = call(tls, "localhost", tls->ca_path);
    assert_int_equal(seen.code, HY_EAUTH);
    assert_false(seen.sent);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_server_of_the_named_ca_is_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_of_another_ca_gets_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_server_of_another_name_gets_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
