#include "consumers/dashboard/public.h"

#include <stdio.h>

#include "consumers/dashboard/receipt.h"
#include "consumers/dashboard/rest.h"
#include "consumers/dashboard/status_page.h"
#include "lib/web/files.h"

enum { NUMBER_MAX = 40 };

static bool limited(struct public_door *door, struct hy_web_request *request) {
    uint32_t wait = hy_web_limiter_take(door->limiter, hy_web_peer(request), (int64_t)uv_hrtime());
    if (!wait) return false;
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%u", (wait + 999) / 1000);
    hy_web_set_header(request, "Retry-After", seconds);
    hy_web_refuse(request, 429, "rate", "too many requests from this address; wait a moment (请稍后再试)");
    return true;
}

static int look_up(struct public_door *door, const char *typed, json_t **out, struct hy_error *err) {
    char number[HY_RECEIPT_SIZE];
    if (!receipt_normal(typed, number)) return hy_fail(err, HY_ENOTFOUND, "this is no receipt number");
    return query_receipt(door->q, number, out, err);
}

static void get_receipt(struct hy_web_request *request, void *ctx) {
    struct public_door *door = ctx;
    json_t *out = NULL;
    struct hy_error err = {0};
    if (limited(door, request)) return;
    int rc = look_up(door, hy_web_param(request, "number"), &out, &err);
    rest_answer(request, rc, out, &err);
}

static void get_status(struct hy_web_request *request, void *ctx) {
    struct public_door *door = ctx;
    const char *number = hy_web_query(request, "number");
    json_t *receipt = NULL;
    struct hy_error err = {0};
    char shown[NUMBER_MAX + 1];
    if (limited(door, request)) return;
    int rc = number && number[0] ? look_up(door, number, &receipt, &err) : HY_OK;
    if (rc != HY_OK && rc != HY_ENOTFOUND) {
        rest_answer(request, rc, NULL, &err);
        return;
    }
    struct hy_bytes typed = hy_bytes_of(number);
    snprintf(shown, sizeof shown, "%.*s", (int)hy_utf8_prefix(typed, NUMBER_MAX), number ? number : "");
    struct hy_buf page = {0};
    enum status_language language =
        status_language(hy_web_query(request, "lang"), hy_web_header(request, "Accept-Language"));
    status_page(language, shown, receipt, &page);
    json_decref(receipt);
    hy_web_set_header(request, "Vary", "Accept-Language");
    hy_web_reply_buf(request, rc == HY_OK ? 200 : 404, "text/html; charset=utf-8", &page);
}

int public_routes(struct hy_web_server *server, struct public_door *door, const char *pages, struct hy_error *err) {
    char folder[4096];
    snprintf(folder, sizeof folder, "%s/public", pages);
    int rc = hy_web_route(server, "GET", "/v1/receipts/{number}", get_receipt, door);
    if (rc == HY_OK) rc = hy_web_route(server, "GET", "/status", get_status, door);
    if (rc == HY_OK) rc = hy_web_route(server, "GET", "/", get_status, door);
    if (rc != HY_OK) return hy_fail(err, rc, "public door: out of memory");
    return hy_web_files(server, "/assets/*", folder, err);
}
