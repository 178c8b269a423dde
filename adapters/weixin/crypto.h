// WeChat's safe mode: signature over sorted strings, and the layout of the cipher, checked by hand because OpenSSL's
// own unpadding knows blocks of 16 and WeChat pads to 32. Pure. For another platform with the same scheme, use these
// with its own tail.
#ifndef HY_ADAPTERS_WEIXIN_CRYPTO_H
#define HY_ADAPTERS_WEIXIN_CRYPTO_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"

enum { WEIXIN_KEY_BYTES = 32, WEIXIN_KEY_CHARS = 43, WEIXIN_DIGEST_CHARS = 40 };

// EncodingAESKey (43 characters of base64, of which the platform itself gives letters and digits only; the last one's
// two spare bits do not matter) → key. HY_EFORMAT.
HY_MUST_CHECK int weixin_key(const char *text, uint8_t key[WEIXIN_KEY_BYTES]);
// Lower-case hex SHA-1 of the n (at most 4) strings, sorted byte by byte and concatenated.
void weixin_signature(const char *const *parts, size_t n, char out[WEIXIN_DIGEST_CHARS + 1]);
// Is given exactly that signature? Constant time for a text of the right length.
bool weixin_signature_is(const char *given, const char *const *parts, size_t n);

// What is wrong with a cipher text, in the order in which it is found.
enum weixin_fault {
    WEIXIN_FINE,
    WEIXIN_BASE64,  // not strict base64
    WEIXIN_LENGTH,  // no whole number of blocks, or none
    WEIXIN_PADDING, // last byte not 1..32, or pad bytes differ
    WEIXIN_LAYOUT,  // the message's length does not fit
    WEIXIN_APPID    // the tail is not ours
};
// Decrypts the text of <Encrypt>; *message (in the arena) is the inner text. WEIXIN_LENGTH also when the arena is
// exhausted.
enum weixin_fault weixin_decrypt(const uint8_t key[WEIXIN_KEY_BYTES], const char *appid, const char *encrypted,
                                 struct hy_arena *arena, struct hy_bytes *message);
// Stable name of a fault, for refusals.
const char *weixin_fault_name(enum weixin_fault fault);

#endif
