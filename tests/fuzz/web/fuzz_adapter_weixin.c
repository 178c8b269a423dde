// Any inner message that the platform signed, in plain mode (so that the fuzzer need not break SHA-1), and any text as
// an encrypted one.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/accounts.h"
#include "adapters/weixin/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const struct hy_adapter_account *account, struct hy_arena *arena, const uint8_t *data, size_t size) {
    char signature[WEIXIN_DIGEST_CHARS + 1];
    weixin_signature((const char *[]){"tokentoken", "1772000000", "1"}, 3, signature);
    struct hy_web_pair query[] = {{"signature", signature}, {"timestamp", "1772000000"}, {"nonce", "1"}};
    struct hy_adapter_request request = {.method = "POST",
                                         .path = "/weixin/x",
                                         .query = query,
                                         .n_query = 3,
                                         .body = hy_bytes_from(data, size),
                                         .now_ms = 1772000000000};
    struct hy_adapter_result result;
    int rc = account->adapter->decode(account->opened, &request, arena, &result);
    if (rc == HY_EINVALID && (!result.reason || result.status < 400)) abort();
    if (rc != HY_OK || result.verdict != HY_ADAPTER_EVENTS) return;
    const Huiying__V1__Event *event = result.events[0];
    if (!hy_utf8_valid(hy_bytes_of(event->text)) || event->received->unix_ms > event->ingested->unix_ms) abort();
    if (strlen(event->native_id) > 1024) abort();
}

static void decrypt(struct hy_arena *arena, const uint8_t *data, size_t size) {
    static const uint8_t key[WEIXIN_KEY_BYTES] = {1, 2, 3};
    struct hy_bytes message;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    if (weixin_decrypt(key, "", text, arena, &message) == WEIXIN_FINE && message.len > size) abort();
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct hy_adapter_account account;
    static struct hy_arena *arena;
    struct hy_buf problems = {0};
    if (!arena) {
        arena = hy_arena_new(8 << 20);
        const char *yaml = "gh_id: gh_a\nappid: wxa\ntoken: tokentoken\nmode: plain\nnotices: publish\n";
        if (hy_adapter_account_open(hy_adapter_find("weixin"), "x", "x", hy_bytes_of(yaml), NULL, &account, &problems) <
            0)
            abort();
    }
    hy_arena_reset(arena);
    decode(&account, arena, data, size);
    decrypt(arena, data, size);
    return 0;
}
