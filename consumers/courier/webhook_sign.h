// Signatures of our webhooks, as Standard Webhooks 1.0 writes them down: "v1," + base64 of HMAC-SHA256 over
// "<id>.<timestamp>.<body>" under a secret of "whsec_" + base64. Pure. A new algorithm gets a prefix and a line here.
// Receivers check with their own means; tests do so with Python's hmac.
#ifndef HY_COURIER_WEBHOOK_SIGN_H
#define HY_COURIER_WEBHOOK_SIGN_H

#include "lib/base/bytes.h"
#include "lib/base/error.h"

enum { WEBHOOK_SIGNATURE = 64, WEBHOOK_KEY_MIN = 24, WEBHOOK_KEY_MAX = 64 };

// The key's bytes from "whsec_<base64>": 24 to 64 of them. HY_ECONFIG says what is wrong, never the secret.
HY_MUST_CHECK int webhook_key(const char *secret, uint8_t key[WEBHOOK_KEY_MAX], size_t *len, struct hy_error *err);
// The signature as it stands in the header. timestamp in seconds since 1970. HY_EINTERNAL when libcrypto fails.
HY_MUST_CHECK int webhook_sign(struct hy_bytes key, const char *id, int64_t timestamp, struct hy_bytes body,
                               char out[WEBHOOK_SIGNATURE]);

#endif
