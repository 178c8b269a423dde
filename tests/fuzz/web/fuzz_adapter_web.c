// Any body at the web form's door: a refusal with reason and text, or an event that packs.
#include <stdint.h>
#include <stdlib.h>

#include "adapters/accounts.h"
#include "adapters/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct hy_adapter_account account;
    static struct hy_arena *arena;
    struct hy_buf problems = {0};
    if (!arena) {
        arena = hy_arena_new(4 << 20);
        if (hy_adapter_account_open(hy_adapter_find("web"), "default", "x", hy_bytes_of(""), NULL, &account,
                                    &problems) < 0)
            abort();
    }
    struct hy_web_pair headers[] = {{"Content-Type", "application/json"}};
    struct hy_adapter_request request = {.method = "POST",
                                         .path = "/v1/messages",
                                         .headers = headers,
                                         .n_headers = 1,
                                         .body = hy_bytes_from(data, size),
                                         .now_ms = 1772000000000,
                                         .made_id = "MADE"};
    struct hy_adapter_result result;
    hy_arena_reset(arena);
    int rc = account.adapter->decode(account.opened, &request, arena, &result);
    if (rc == HY_EINVALID && (!result.reason || !result.detail[0] || result.status < 400)) abort();
    if (rc == HY_OK) {
        uint8_t *packed = malloc(huiying__v1__event__get_packed_size(result.events[0]));
        huiying__v1__event__pack(result.events[0], packed);
        free(packed);
        if (!hy_utf8_valid(hy_bytes_of(result.events[0]->text))) abort();
    }
    return 0;
}
