#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "consumers/courier/target.h"
#include "lib/base/id.h"

#define OUTCOME(name) HUIYING__V1__DELIVERY_OUTCOME__DELIVERY_OUTCOME_##name

struct status_target {
    struct target target;
    struct hy_web_client *client;
    uv_loop_t *loop;
    char *url;
};

// The page is a view that lags a moment behind the claim, so it is read again for a while before we say "not yet".
enum { READ_AGAIN_MS = 250, READS = 40 };

struct reading {
    struct status_target *status;
    uint8_t hash[32];
    char *url;
    int reads;
    bool shown, readable; // what the last read saw
    target_done done;
    void *ctx;
    uv_timer_t timer;
};

// Does the page show a text with this hash?
static bool shows(const json_t *page, const uint8_t hash[32]) {
    const json_t *answers = json_object_get(page, "answers");
    for (size_t i = 0; i < json_array_size(answers); i++) {
        const json_t *text = json_object_get(json_array_get(answers, i), "text");
        uint8_t seen[32];
        hy_sha256(hy_bytes_from(json_string_value(text), json_string_length(text)), seen);
        if (memcmp(seen, hash, sizeof seen) == 0) return true;
    }
    return false;
}

static void on_closed(uv_handle_t *handle) {
    struct reading *reading = handle->data;
    free(reading->url);
    free(reading);
}

// Reading changes nothing, so to try again is always safe.
static void finish(struct reading *reading) {
    if (reading->shown)
        reading->done(reading->ctx, OUTCOME(SENT), "read back", "");
    else
        reading->done(reading->ctx, OUTCOME(RETRY), "",
                      reading->readable ? "the page does not show it yet" : "the page cannot be read");
    uv_close((uv_handle_t *)&reading->timer, on_closed);
}

static void on_page(const struct hy_web_answer *answer, void *ctx);

static int read_page(struct reading *reading, struct hy_error *err) {
    struct hy_web_call call = {
        .method = "GET", .url = reading->url, .timeout_ms = 5000, .done = on_page, .ctx = reading};
    reading->reads++;
    return hy_web_client_call(reading->status->client, &call, err);
}

static void on_timer(uv_timer_t *timer) {
    struct reading *reading = timer->data;
    struct hy_error err = {0};
    bool closing = timer->loop->data != NULL; // the program ends (target.h)
    if (closing || read_page(reading, &err) != HY_OK) finish(reading);
}

static void on_page(const struct hy_web_answer *answer, void *ctx) {
    struct reading *reading = ctx;
    json_t *page = answer->code == 0 && answer->status == 200
                       ? json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL)
                       : NULL;
    reading->readable = page != NULL;
    reading->shown = page && shows(page, reading->hash);
    json_decref(page);
    bool over = reading->shown || reading->reads >= READS || answer->code == HY_ECLOSED;
    if (over || uv_timer_start(&reading->timer, on_timer, READ_AGAIN_MS, 0) != 0) finish(reading);
}

static int read_back(struct target *self, const struct outbox_row *row, target_done done, void *ctx,
                     struct hy_error *err) {
    struct status_target *status = (struct status_target *)self;
    struct reading *reading = calloc(1, sizeof *reading);
    struct hy_buf url = {0};
    hy_buf_addf(&url, "%s/v1/receipts/%s", status->url, row->receipt_number);
    if (!reading || !hy_buf_ok(&url)) {
        hy_buf_free(&url);
        free(reading);
        return hy_fail(err, HY_ENOMEM, "out of memory");
    }
    *reading = (struct reading){.status = status, .url = url.data, .done = done, .ctx = ctx};
    memcpy(reading->hash, row->content_hash, sizeof reading->hash);
    uv_timer_init(status->loop, &reading->timer);
    reading->timer.data = reading;
    int rc = read_page(reading, err);
    if (rc != HY_OK) uv_close((uv_handle_t *)&reading->timer, on_closed);
    return rc;
}

static void close_status(struct target *self) {
    struct status_target *status = (struct status_target *)self;
    free(status->url);
    free(status);
}

struct target *target_status_new(uv_loop_t *loop, struct hy_web_client *client, const char *url) {
    struct status_target *status = calloc(1, sizeof *status);
    if (!status || !(status->url = strdup(url))) {
        free(status);
        return NULL;
    }
    status->client = client;
    status->loop = loop;
    status->target = (struct target){
        .name = "status_page", .idempotent = true, .send = read_back, .look = read_back, .close = close_status};
    return &status->target;
}
