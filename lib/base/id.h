// Identity: SHA-256 over length-prefixed fields, written in Crockford base32. Nothing random decides identity, so a
// replay is idempotent (docs/contract.md lists which fields make which id). Stored ids outlive every version: a kind of
// id is added here with a first field of its own, and none is ever changed. tests/unit/base/test_id.c pins them.
#ifndef HY_BASE_ID_H
#define HY_BASE_ID_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/bytes.h"

enum {
    HY_ID_LEN = 26,      // characters: 130 bits
    HY_ID_SIZE = 27,     // with the NUL
    HY_RECEIPT_SIZE = 20 // "XXXX-XXXX-XXXX-XXXX" with the NUL: 80 bits
};

// SHA-256 of data.
void hy_sha256(struct hy_bytes data, uint8_t out[32]);

// Without SHA-256 or memory these abort: a wrong identity would be worse than none. All from any thread.
// H(fields): SHA-256 over, for each of the n fields, its length as 4 bytes big-endian and its bytes.
void hy_hash_fields(const struct hy_bytes *fields, size_t n, uint8_t out[32]);
// The first 130 bits of H(fields) as 26 characters of Crockford base32 (upper case), NUL-terminated.
void hy_id_of(const struct hy_bytes *fields, size_t n, char out[HY_ID_SIZE]);
// The same over C strings: hy_id_strings(out, 3, "a", "b", "c"), n <= 16; NULL counts as "".
void hy_id_strings(char out[HY_ID_SIZE], int n, ...);
// True for exactly 26 characters of the alphabet (upper case).
int hy_id_valid(const char *text);

// Event id: H("event", platform, account, native id, kind name as in the contract, e.g. "COMMENT").
void hy_event_id(const char *platform, const char *account, const char *native_id, const char *kind,
                 char out[HY_ID_SIZE]);
// Dossier of a conversation: H("dossier", platform, account, author or thread).
void hy_dossier_id(const char *platform, const char *account, const char *who, char out[HY_ID_SIZE]);
// Case id: H("case", dossier, opening message's platform, account, native id); the event's kind is not included.
void hy_case_id(const char *dossier, const char *platform, const char *account, const char *native_id,
                char out[HY_ID_SIZE]);
// The first 8 bytes (big-endian) of SHA-256 of an event id: how a case remembers its messages.
uint64_t hy_member_hash(const char *event_id);
// The citizen's receipt number: 16 characters in groups of 4, from H("receipt", event id).
void hy_receipt_number(const char *event_id, char out[HY_RECEIPT_SIZE]);
// Constant-time equality of two byte strings (length may leak).
bool hy_equal_secret(struct hy_bytes a, struct hy_bytes b);

#endif
