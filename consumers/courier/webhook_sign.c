#include "consumers/courier/webhook_sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

static const char PREFIX[] = "whsec_";

int webhook_key(const char *secret, uint8_t key[WEBHOOK_KEY_MAX], size_t *len, struct hy_error *err) {
    const char *text = strncmp(secret, PREFIX, sizeof PREFIX - 1) == 0 ? secret + sizeof PREFIX - 1 : secret;
    size_t n = strlen(text);
    uint8_t decoded[WEBHOOK_KEY_MAX + 3];
    if (n == 0 || n % 4 != 0 || n / 4 * 3 > sizeof decoded) {
        return hy_fail(err, HY_ECONFIG, "webhook secret: not base64 of %d to %d bytes", WEBHOOK_KEY_MIN,
                       WEBHOOK_KEY_MAX);
    }
    int size = EVP_DecodeBlock(decoded, (const unsigned char *)text, (int)n);
    size -= (text[n - 1] == '=') + (text[n - 2] == '='); // EVP_DecodeBlock counts the padding
    if (size < WEBHOOK_KEY_MIN || size > WEBHOOK_KEY_MAX) {
        return hy_fail(err, HY_ECONFIG, "webhook secret: not base64 of %d to %d bytes", WEBHOOK_KEY_MIN,
                       WEBHOOK_KEY_MAX);
    }
    memcpy(key, decoded, (size_t)size);
    *len = (size_t)size;
    return HY_OK;
}

int webhook_sign(struct hy_bytes key, const char *id, int64_t timestamp, struct hy_bytes body,
                 char out[WEBHOOK_SIGNATURE]) {
    struct hy_buf text = {0};
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    hy_buf_addf(&text, "%s.%" PRId64 ".", id, timestamp);
    hy_buf_add(&text, body.data, body.len);
    bool good = hy_buf_ok(&text) &&
                HMAC(EVP_sha256(), key.data, (int)key.len, (const unsigned char *)text.data, text.len, digest, &size);
    hy_buf_free(&text);
    if (!good) return HY_EINTERNAL;
    memcpy(out, "v1,", 3);
    EVP_EncodeBlock((unsigned char *)out + 3, digest, (int)size);
    return HY_OK;
}
