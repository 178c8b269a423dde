#include "tools/hyctl/http.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "lib/web/client.h"

enum { ANSWER_MOST = 16 << 20, HEADER = 1024 };

void hyctl_url_add(struct hy_buf *url, const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        bool plain = *at < 0x80 && (isalnum(*at) || strchr("-._~", *at) != NULL);
        hy_buf_addf(url, plain ? "%c" : "%%%02X", *at);
    }
}

static void answered(const struct hy_web_answer *answer, void *ctx) {
    struct hyctl_call *call = ctx;
    call->code = answer->code;
    call->status = answer->status;
    call->retry_after_s = answer->retry_after_s;
    hy_buf_add(&call->answer, answer->body.data, answer->body.len);
    if (answer->code != HY_OK) snprintf(call->text, sizeof call->text, "%s", answer->text == NULL ? "" : answer->text);
}

static void begin(struct hy_web_client *client, struct hyctl_call *call) {
    char bearer[HEADER], key[HEADER];
    const char *headers[4];
    size_t n = 0;
    struct hy_error err = {0};
    if (call->token != NULL) {
        snprintf(bearer, sizeof bearer, "Authorization: Bearer %s", call->token);
        headers[n++] = bearer;
    }
    if (call->repeat_key != NULL) {
        snprintf(key, sizeof key, "Idempotency-Key: %s", call->repeat_key);
        headers[n++] = key;
    }
    if (call->body.len > 0) headers[n++] = "Content-Type: application/json";
    headers[n] = NULL;
    struct hy_web_call one = {.method = call->method,
                              .url = call->url,
                              .headers = headers,
                              .body = call->body,
                              .timeout_ms = call->timeout_ms,
                              .connect_ms = call->timeout_ms < 3000 ? call->timeout_ms : 3000,
                              .answer_limit = ANSWER_MOST,
                              .done = answered,
                              .ctx = call};
    call->code = hy_web_client_call(client, &one, &err);
    if (call->code != HY_OK) snprintf(call->text, sizeof call->text, "%s", err.text);
    explicit_bzero(bearer, sizeof bearer);
}

int hyctl_http(struct hyctl_call *calls, size_t n, struct hy_error *err) {
    uv_loop_t loop;
    struct hy_web_client *client;
    struct hy_web_client_options options = {0};
    if (uv_loop_init(&loop) != 0) return hy_fail(err, HY_ENOMEM, "no event loop could be made");
    int rc = hy_web_client_new(&loop, &options, &client, err);
    if (rc == HY_OK) {
        for (size_t i = 0; i < n; i++)
            begin(client, &calls[i]);
        while (hy_web_client_busy(client) > 0)
            uv_run(&loop, UV_RUN_ONCE);
        hy_web_client_close(client, NULL, NULL);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    return rc;
}

void hyctl_calls_free(struct hyctl_call *calls, size_t n) {
    for (size_t i = 0; i < n; i++)
        hy_buf_free(&calls[i].answer);
}
