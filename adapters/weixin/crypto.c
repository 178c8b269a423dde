#include "adapters/weixin/crypto.h"

#include <string.h>

#include <openssl/evp.h>

#include "lib/base/error.h"
#include "lib/base/id.h"

enum { BLOCK = 16, PAD_MAX = 32, HEAD = 20, PARTS_MAX = 4 };

static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

// Four characters into out; the number of bytes, or -1. pads = "=" among them, allowed at the very end only.
static int decode_group(const char *text, bool last, uint8_t *out) {
    int pads = last && text[3] == '=' ? (text[2] == '=' ? 2 : 1) : 0;
    uint32_t bits = 0;
    for (int i = 0; i < 4; i++) {
        int value = i >= 4 - pads ? 0 : base64_value(text[i]);
        if (value < 0) return -1;
        bits = bits << 6 | (uint32_t)value;
    }
    out[0] = (uint8_t)(bits >> 16);
    if (pads < 2) out[1] = (uint8_t)(bits >> 8);
    if (pads < 1) out[2] = (uint8_t)bits;
    return 3 - pads;
}

// Strict base64: the standard alphabet, padded, no white space. Bytes written, or -1; out has room for 3/4 of len.
static int64_t decode_base64(const char *text, size_t len, uint8_t *out) {
    int64_t n = 0;
    if (len == 0 || len % 4 != 0) return -1;
    for (size_t i = 0; i < len; i += 4) {
        int got = decode_group(text + i, i + 4 == len, out + n);
        if (got < 0) return -1;
        n += got;
    }
    return n;
}

int weixin_key(const char *text, uint8_t key[WEIXIN_KEY_BYTES]) {
    char padded[WEIXIN_KEY_CHARS + 2];
    uint8_t bytes[WEIXIN_KEY_BYTES + 1];
    if (strlen(text) != WEIXIN_KEY_CHARS || strchr(text, '=')) return HY_EFORMAT;
    memcpy(padded, text, WEIXIN_KEY_CHARS);
    padded[WEIXIN_KEY_CHARS] = '=';
    if (decode_base64(padded, WEIXIN_KEY_CHARS + 1, bytes) != WEIXIN_KEY_BYTES) return HY_EFORMAT;
    memcpy(key, bytes, WEIXIN_KEY_BYTES);
    return HY_OK;
}

void weixin_signature(const char *const *parts, size_t n, char out[WEIXIN_DIGEST_CHARS + 1]) {
    const char *sorted[PARTS_MAX];
    unsigned char digest[EVP_MAX_MD_SIZE];
    out[0] = '\0';
    if (n > PARTS_MAX) return;
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && strcmp(sorted[at - 1], parts[i]) > 0; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = parts[i];
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && EVP_DigestInit_ex(context, EVP_sha1(), NULL) == 1;
    for (size_t i = 0; ok && i < n; i++)
        ok = EVP_DigestUpdate(context, sorted[i], strlen(sorted[i])) == 1;
    ok = ok && EVP_DigestFinal_ex(context, digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    for (int i = 0; ok && i < WEIXIN_DIGEST_CHARS / 2; i++) {
        out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    out[ok ? WEIXIN_DIGEST_CHARS : 0] = '\0';
}

bool weixin_signature_is(const char *given, const char *const *parts, size_t n) {
    char right[WEIXIN_DIGEST_CHARS + 1];
    weixin_signature(parts, n, right);
    if (strlen(right) != WEIXIN_DIGEST_CHARS || strlen(given) != WEIXIN_DIGEST_CHARS) return false;
    return hy_equal_secret(hy_bytes_of(given), hy_bytes_of(right));
}

static bool decrypt_blocks(const uint8_t key[WEIXIN_KEY_BYTES], const uint8_t *in, size_t len, uint8_t *out) {
    int n = 0, last = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool ok = context && EVP_DecryptInit_ex(context, EVP_aes_256_cbc(), NULL, key, key) == 1 &&
              EVP_CIPHER_CTX_set_padding(context, 0) == 1 && EVP_DecryptUpdate(context, out, &n, in, (int)len) == 1 &&
              EVP_DecryptFinal_ex(context, out + n, &last) == 1;
    EVP_CIPHER_CTX_free(context);
    return ok && (size_t)(n + last) == len;
}

// The plain text is 16 random bytes | 4 bytes of length, big-endian | message | appid | padding.
static enum weixin_fault take_apart(const uint8_t *plain, size_t len, const char *appid, struct hy_bytes *message) {
    size_t pad = plain[len - 1];
    if (pad < 1 || pad > PAD_MAX || pad > len) return WEIXIN_PADDING;
    for (size_t i = len - pad; i < len; i++)
        if (plain[i] != pad) return WEIXIN_PADDING;
    size_t kept = len - pad;
    if (kept < HEAD) return WEIXIN_LAYOUT;
    uint64_t size = (uint64_t)plain[16] << 24 | (uint64_t)plain[17] << 16 | (uint64_t)plain[18] << 8 | plain[19];
    if (HEAD + size > kept) return WEIXIN_LAYOUT;
    struct hy_bytes tail = hy_bytes_from(plain + HEAD + size, kept - HEAD - (size_t)size);
    if (!hy_bytes_equal(tail, hy_bytes_of(appid))) return WEIXIN_APPID;
    *message = hy_bytes_from(plain + HEAD, (size_t)size);
    return WEIXIN_FINE;
}

enum weixin_fault weixin_decrypt(const uint8_t key[WEIXIN_KEY_BYTES], const char *appid, const char *encrypted,
                                 struct hy_arena *arena, struct hy_bytes *message) {
    size_t text_len = strlen(encrypted);
    uint8_t *cipher = hy_arena_alloc(arena, text_len / 4 * 3 + 4);
    uint8_t *plain = hy_arena_alloc(arena, text_len / 4 * 3 + BLOCK + 4);
    if (!cipher || !plain || text_len > INT32_MAX) return WEIXIN_LENGTH;
    int64_t len = decode_base64(encrypted, text_len, cipher);
    if (len < 0) return WEIXIN_BASE64;
    if (len == 0 || len % BLOCK != 0) return WEIXIN_LENGTH;
    if (!decrypt_blocks(key, cipher, (size_t)len, plain)) return WEIXIN_LENGTH;
    return take_apart(plain, (size_t)len, appid, message);
}

const char *weixin_fault_name(enum weixin_fault fault) {
    static const char *const names[] = {"fine", "base64", "cipher_length", "padding", "layout", "appid"};
    return names[fault];
}
