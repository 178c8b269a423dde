#include "lib/base/id.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

// Fetched once: looking the algorithm up costs more than hashing an id. Lives as long as the process. Each thread keeps
// one context for it, because making and releasing one costs as much as the hash of an id.
static EVP_MD *sha256;
static pthread_key_t context_of_thread;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;
static _Thread_local EVP_MD_CTX *context;

// Without SHA-256 no identity can be given, and a wrong one would be worse than none: nothing to go on with.
static void need(int ok) {
    if (ok != 1) abort();
}

static void free_context(void *of_thread) {
    EVP_MD_CTX_free(of_thread);
}

static void fetch_sha256(void) {
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    need(sha256 != NULL);
    need(pthread_key_create(&context_of_thread, free_context) == 0);
}

static EVP_MD_CTX *begin(void) {
    pthread_once(&sha256_once, fetch_sha256);
    if (context == NULL) {
        context = EVP_MD_CTX_new();
        need(context != NULL && pthread_setspecific(context_of_thread, context) == 0);
    }
    need(EVP_DigestInit_ex2(context, sha256, NULL));
    return context;
}

static void add(EVP_MD_CTX *ctx, const void *data, size_t len) {
    if (len > 0) need(EVP_DigestUpdate(ctx, data, len));
}

void hy_sha256(struct hy_bytes data, uint8_t out[32]) {
    EVP_MD_CTX *ctx = begin();
    add(ctx, data.data, data.len);
    need(EVP_DigestFinal_ex(ctx, out, NULL));
}

// Fields are mostly short, and each update costs its call: they are hashed by the buffer.
struct gathered {
    EVP_MD_CTX *ctx;
    size_t used;
    uint8_t bytes[256];
};

static void put(struct gathered *gathered, const void *data, size_t len) {
    if (len > sizeof gathered->bytes - gathered->used) {
        add(gathered->ctx, gathered->bytes, gathered->used);
        gathered->used = 0;
    }
    if (len > sizeof gathered->bytes) {
        add(gathered->ctx, data, len);
    } else if (len > 0) {
        memcpy(gathered->bytes + gathered->used, data, len);
        gathered->used += len;
    }
}

void hy_hash_fields(const struct hy_bytes *fields, size_t n, uint8_t out[32]) {
    struct gathered gathered;
    gathered.ctx = begin();
    gathered.used = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len = fields[i].len;
        need(len <= UINT32_MAX);
        uint8_t prefix[4] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};
        put(&gathered, prefix, sizeof prefix);
        put(&gathered, fields[i].data, len);
    }
    add(gathered.ctx, gathered.bytes, gathered.used);
    need(EVP_DigestFinal_ex(gathered.ctx, out, NULL));
}

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

// The first 5 * n bits as n characters, most significant first. Reads whole groups of five bytes.
static void base32(const uint8_t *bytes, size_t n, char *out) {
    enum { GROUP = 8, TAKES = 5, BITS = 35 }; // eight characters are five bytes
    for (size_t i = 0; i < n; i += GROUP, bytes += TAKES) {
        uint64_t group = 0;
        for (size_t k = 0; k < TAKES; k++)
            group = group << 8 | bytes[k];
        for (size_t k = 0; k < GROUP && i + k < n; k++)
            out[i + k] = alphabet[group >> (BITS - 5 * k) & 31];
    }
    out[n] = '\0';
}

void hy_id_of(const struct hy_bytes *fields, size_t n, char out[HY_ID_SIZE]) {
    uint8_t hash[32];
    hy_hash_fields(fields, n, hash);
    base32(hash, HY_ID_LEN, out);
}

void hy_id_strings(char out[HY_ID_SIZE], int n, ...) {
    enum { MOST = 16 };
    struct hy_bytes fields[MOST];
    need(n >= 0 && n <= MOST);
    va_list args;
    va_start(args, n);
    for (int i = 0; i < n; i++) {
        fields[i] = hy_bytes_of(va_arg(args, const char *));
    }
    va_end(args);
    hy_id_of(fields, (size_t)n, out);
}

int hy_id_valid(const char *text) {
    return text != NULL && strnlen(text, HY_ID_SIZE) == HY_ID_LEN && strspn(text, alphabet) == HY_ID_LEN;
}

void hy_event_id(const char *platform, const char *account, const char *native_id, const char *kind,
                 char out[HY_ID_SIZE]) {
    hy_id_strings(out, 5, "event", platform, account, native_id, kind);
}

void hy_dossier_id(const char *platform, const char *account, const char *who, char out[HY_ID_SIZE]) {
    hy_id_strings(out, 4, "dossier", platform, account, who);
}

void hy_case_id(const char *dossier, const char *platform, const char *account, const char *native_id,
                char out[HY_ID_SIZE]) {
    hy_id_strings(out, 5, "case", dossier, platform, account, native_id);
}

uint64_t hy_member_hash(const char *event_id) {
    uint8_t hash[32];
    hy_sha256(hy_bytes_of(event_id), hash);
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | hash[i];
    }
    return value;
}

void hy_receipt_number(const char *event_id, char out[HY_RECEIPT_SIZE]) {
    struct hy_bytes fields[] = {hy_bytes_of("receipt"), hy_bytes_of(event_id)};
    uint8_t hash[32];
    hy_hash_fields(fields, 2, hash);
    char plain[17];
    base32(hash, 16, plain);
    for (size_t group = 0; group < 4; group++) {
        memcpy(out + group * 5, plain + group * 4, 4);
        out[group * 5 + 4] = group < 3 ? '-' : '\0';
    }
}

bool hy_equal_secret(struct hy_bytes a, struct hy_bytes b) {
    return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.data, b.data, a.len) == 0);
}
