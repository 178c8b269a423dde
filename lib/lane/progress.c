#include "lib/lane/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "huiying/v1/case.pb-c.h"

struct hy_progress hy_progress_none(void) {
    return (struct hy_progress){.next = -1, .begun = -1};
}

static char *text(const char *value) {
    union {
        const char *in;
        char *out;
    } data = {value == NULL ? "" : value}; // packing only reads
    return data.out;
}

int hy_progress_pack(const struct hy_progress *progress, const char *instance, struct hy_buf *out) {
    Huiying__V1__Progress message = HUIYING__V1__PROGRESS__INIT;
    message.schema_version = 1;
    message.log_id = text(progress->log_id);
    message.state_log_id = text(progress->state_log_id);
    message.next_offset = progress->next;
    message.now_unix_ms = progress->now_ms;
    message.tries = progress->tries;
    message.begun_offset = progress->begun;
    message.begun_times = progress->begun_times;
    message.instance = text(instance);
    hy_buf_clear(out);
    if (hy_buf_reserve(out, huiying__v1__progress__get_packed_size(&message)) != HY_OK) return HY_ENOMEM;
    out->len = huiying__v1__progress__pack(&message, (uint8_t *)out->data);
    out->data[out->len] = '\0';
    return HY_OK;
}

int hy_progress_unpack(struct hy_bytes value, struct hy_progress *out) {
    *out = hy_progress_none();
    Huiying__V1__Progress *message = huiying__v1__progress__unpack(NULL, value.len, value.data);
    if (message == NULL) return HY_EFORMAT;
    int rc = message->schema_version > 1 ? HY_EVERSION : HY_OK;
    snprintf(out->log_id, sizeof out->log_id, "%s", message->log_id);
    snprintf(out->state_log_id, sizeof out->state_log_id, "%s", message->state_log_id);
    out->next = message->next_offset;
    out->now_ms = message->now_unix_ms;
    out->tries = message->tries;
    out->begun = message->begun_times == 0 ? -1 : message->begun_offset;
    out->begun_times = message->begun_times;
    huiying__v1__progress__free_unpacked(message, NULL);
    return rc;
}

void hy_progress_format(const struct hy_progress *progress, char out[HY_PROGRESS_TEXT]) {
    snprintf(out, HY_PROGRESS_TEXT, "log=%s now=%" PRId64 " tries=%" PRIu32 " begun=%" PRId64 " times=%" PRIu32,
             progress->log_id, progress->now_ms, progress->tries, progress->begun, progress->begun_times);
}

static int64_t number_after(const char *text_in, const char *name, int64_t none) {
    const char *at = strstr(text_in, name);
    return at == NULL ? none : strtoll(at + strlen(name), NULL, 10);
}

void hy_progress_parse(const char *text_in, struct hy_progress *out) {
    int64_t next = out->next;
    *out = hy_progress_none();
    out->next = next;
    const char *log = text_in == NULL ? NULL : strstr(text_in, "log=");
    if (log == NULL) return;
    size_t len = strcspn(log + 4, " ");
    if (len < sizeof out->log_id) memcpy(out->log_id, log + 4, len);
    out->now_ms = number_after(text_in, " now=", 0);
    out->tries = (uint32_t)number_after(text_in, " tries=", 0);
    out->begun_times = (uint32_t)number_after(text_in, " times=", 0);
    out->begun = out->begun_times == 0 ? -1 : number_after(text_in, " begun=", -1);
}
