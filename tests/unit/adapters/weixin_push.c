#include "weixin_push.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

void push_account(struct push *push, const char *yaml) {
    struct hy_buf problems = {0};
    hy_adapter_account_close(&push->account);
    int rc = hy_adapter_account_open(hy_adapter_find("weixin"), "main", "main.yaml", hy_bytes_of(yaml), NULL,
                                     &push->account, &problems);
    if (rc < 0) fail_msg("%s", problems.data);
    hy_buf_free(&problems);
}

int push_setup(void **state) {
    struct push *push = calloc(1, sizeof *push);
    push->arena = hy_arena_new(8 << 20);
    push_account(push, YAML);
    *state = push;
    return 0;
}

int push_teardown(void **state) {
    struct push *push = *state;
    hy_adapter_account_close(&push->account);
    hy_arena_free(push->arena);
    hy_buf_free(&push->body);
    free(push);
    return 0;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void push_sign(char out[41], int n, ...) {
    const char *parts[8];
    struct hy_buf text = {0};
    unsigned char digest[SHA_DIGEST_LENGTH];
    va_list args;
    va_start(args, n);
    for (int i = 0; i < n; i++)
        parts[i] = va_arg(args, const char *);
    va_end(args);
    qsort(parts, (size_t)n, sizeof parts[0], by_text);
    for (int i = 0; i < n; i++)
        hy_buf_adds(&text, parts[i]);
    SHA1((const unsigned char *)text.data, text.len, digest);
    for (int i = 0; i < 20; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    hy_buf_free(&text);
}

char *push_base64(const void *data, size_t len) {
    char *text = malloc(len / 3 * 4 + 8);
    EVP_EncodeBlock((unsigned char *)text, data, (int)len);
    return text;
}

char *push_encrypt_raw(const char *key_text, const void *plain, size_t len) {
    unsigned char key[40], *cipher = malloc(len + 16);
    char padded[45];
    int n = 0, last = 0;
    snprintf(padded, sizeof padded, "%s=", key_text);
    EVP_DecodeBlock(key, (const unsigned char *)padded, 44);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(context, EVP_aes_256_cbc(), NULL, key, key);
    EVP_CIPHER_CTX_set_padding(context, 0);
    EVP_EncryptUpdate(context, cipher, &n, plain, (int)len);
    EVP_EncryptFinal_ex(context, cipher + n, &last);
    EVP_CIPHER_CTX_free(context);
    char *text = push_base64(cipher, len);
    free(cipher);
    return text;
}

char *push_encrypt(const char *key, const char *message, const char *appid) {
    size_t size = strlen(message), len = 20 + size + strlen(appid), pad = 32 - len % 32;
    unsigned char *plain = malloc(len + pad);
    memset(plain, 'r', 16);
    for (int i = 0; i < 4; i++)
        plain[16 + i] = (unsigned char)(size >> (24 - 8 * i));
    memcpy(plain + 20, message, size);
    memcpy(plain + 20 + size, appid, strlen(appid));
    memset(plain + len, (int)pad, pad);
    char *text = push_encrypt_raw(key, plain, len + pad);
    free(plain);
    return text;
}

void push_query(struct push *push, const char *name, const char *value) {
    assert_true(push->n_query < PUSH_QUERY_MAX);
    push->query[push->n_query++] = (struct hy_web_pair){name, value};
}

void push_safe(struct push *push, const char *encrypted) {
    push->n_query = 0;
    push_sign(push->signature, 4, TOKEN, STAMP, NONCE, encrypted);
    push_query(push, "timestamp", STAMP);
    push_query(push, "nonce", NONCE);
    push_query(push, "openid", "oABC-def_123");
    push_query(push, "encrypt_type", "aes");
    push_query(push, "msg_signature", push->signature);
    hy_buf_clear(&push->body);
    hy_buf_addf(&push->body, "<xml><ToUserName><![CDATA[%s]]></ToUserName><Encrypt><![CDATA[%s]]></Encrypt></xml>", GH,
                encrypted);
}

void push_message(struct push *push, const char *inner) {
    char *encrypted = push_encrypt(KEY, inner, APPID);
    push_safe(push, encrypted);
    free(encrypted);
}

int push_decode(struct push *push) {
    struct hy_adapter_request request = {.method = "POST",
                                         .path = "/weixin/main",
                                         .query = push->query,
                                         .n_query = push->n_query,
                                         .body = hy_buf_view(&push->body),
                                         .now_ms = NOW_MS};
    hy_arena_reset(push->arena);
    return push->account.adapter->decode(push->account.opened, &request, push->arena, &push->result);
}

void push_refused(struct push *push, unsigned status, const char *reason) {
    int rc = push_decode(push);
    if (rc != HY_EINVALID || push->result.verdict != HY_ADAPTER_REFUSED)
        fail_msg("taken (%d) instead of refused with %s", rc, reason);
    assert_string_equal(push->result.reason, reason);
    assert_int_equal(push->result.status, status);
    assert_int_equal(push->result.n_events, 0);
    assert_true(push->result.detail[0] != '\0');
}

const Huiying__V1__Event *push_event(struct push *push) {
    int rc = push_decode(push);
    if (rc != HY_OK || push->result.verdict != HY_ADAPTER_EVENTS)
        fail_msg("refused: %s %s", push->result.reason, push->result.detail);
    assert_int_equal(push->result.n_events, 1);
    assert_int_equal(push->result.status, 200);
    assert_true(hy_bytes_equal(push->result.answer, hy_bytes_of("success")));
    return push->result.events[0];
}
