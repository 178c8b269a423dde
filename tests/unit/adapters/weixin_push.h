// The platform's side, for tests: builds pushes right and wrong in every way that the layout allows. It shares no code
// with the adapter, so that a mistake in one shows in the other.
// To try another malformation, add a field to the description of a push and its line in the builder.
#ifndef HY_TEST_WEIXIN_PUSH_H
#define HY_TEST_WEIXIN_PUSH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/accounts.h"
#include "adapters/adapter.h"

#define GH      "gh_0123456789ab"
#define APPID   "wx0123456789abcdef"
#define TOKEN   "huiyingtoken"
#define KEY     "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
#define OLD_KEY "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg"
#define STAMP   "1772000000"
#define NOW_MS  1772000001000
#define NONCE   "884421"
#define YAML    "gh_id: " GH "\nappid: " APPID "\ntoken: " TOKEN "\naes_key: " KEY "\naes_key_previous: " OLD_KEY "\n"

enum { PUSH_QUERY_MAX = 10 };

struct push {
    struct hy_adapter_account account;
    struct hy_arena *arena;
    struct hy_web_pair query[PUSH_QUERY_MAX];
    size_t n_query;
    struct hy_buf body;
    char signature[41];
    struct hy_adapter_result result;
};

int push_setup(void **state);
int push_teardown(void **state);
// Another account from this YAML text in place of the usual one.
void push_account(struct push *push, const char *yaml);
// Hex SHA-1 of the strings, sorted.
void push_sign(char out[41], int n, ...);
// Base64 of the AES-256-CBC of 16 random bytes | length | message | appid | padding; to free.
char *push_encrypt(const char *key, const char *message, const char *appid);
// The same of raw bytes, whose number is a multiple of 16.
char *push_encrypt_raw(const char *key, const void *plain, size_t len);
char *push_base64(const void *data, size_t len);
// Sets query and body to a rightly signed push of the encrypted text.
void push_safe(struct push *push, const char *encrypted);
// Encrypts and signs inner XML under the usual key.
void push_message(struct push *push, const char *inner);
int push_decode(struct push *push);
void push_query(struct push *push, const char *name, const char *value);
// Expects a refusal with this status and reason.
void push_refused(struct push *push, unsigned status, const char *reason);
const Huiying__V1__Event *push_event(struct push *push);

#endif
