#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "consumers/courier/target.h"
#include "consumers/courier/webhook_sign.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"

#define OUTCOME(name) HUIYING__V1__DELIVERY_OUTCOME__DELIVERY_OUTCOME_##name

struct webhook_target {
    struct target target;
    struct hy_web_client *client;
    char *url;
    uint8_t key[WEBHOOK_KEY_MAX];
    size_t key_len;
};

struct calling {
    char id[HY_ID_SIZE];
    target_done done;
    void *ctx;
};

// Only an answer that speaks of these very bytes is final. Any other (a changed secret, a page that moved, a server in
// trouble) is somebody's to mend, and the notice has to arrive then: it bears an id, so a second copy does no harm.
static bool is_final(long status) {
    return status == 400 || status == 413 || status == 415 || status == 422;
}

static void on_answer(const struct hy_web_answer *answer, void *ctx) {
    struct calling *calling = ctx;
    char detail[64];
    snprintf(detail, sizeof detail, "status %ld", answer->status);
    if (answer->code != 0) {
        calling->done(calling->ctx, answer->sent ? OUTCOME(UNKNOWN) : OUTCOME(RETRY), "", answer->text);
    } else if (answer->status >= 200 && answer->status < 300) {
        calling->done(calling->ctx, OUTCOME(SENT), calling->id, detail);
    } else {
        calling->done(calling->ctx, is_final(answer->status) ? OUTCOME(FAILED) : OUTCOME(RETRY), "", detail);
    }
    free(calling);
}

static json_t *time_json(const Huiying__V1__Time *time) {
    char text[HY_TIME_TEXT];
    if (!time) return json_null();
    return json_string(hy_time_format((struct hy_time){time->unix_ms, time->offset_minutes}, text));
}

static json_t *evidence_json(const Huiying__V1__IncidentTotals *incident) {
    json_t *list = json_array();
    for (size_t i = 0; i < incident->n_evidence; i++) {
        const Huiying__V1__EvidencePost *post = incident->evidence[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:s, s:I}", "event_id", post->event_id, "occurred",
                                        time_json(post->occurred), "url", post->url, "reach", (json_int_t)post->reach));
    }
    return list;
}

// What 网信办's system reads: the notice in words, and the figures it rests on.
static json_t *payload(const struct outbox_row *row, const char *id) {
    const Huiying__V1__Case *c = row->snapshot;
    json_t *data = json_pack("{s:s, s:s, s:s, s:s, s:o}", "case_id", c->id, "kind", c->kind, "purpose", row->purpose,
                             "text", row->text, "received", time_json(c->received));
    if (c->incident) {
        const Huiying__V1__IncidentTotals *i = c->incident;
        json_object_set_new(data, "incident",
                            json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:I, s:I, s:o, s:o}", "subject", i->subject,
                                      "place", i->place, "topic", i->topic, "entity", i->entity, "level", (int)i->level,
                                      "writers", (json_int_t)i->writers, "messages", (json_int_t)i->messages, "reach",
                                      (json_int_t)i->reach, "first_seen", time_json(i->first_seen), "evidence",
                                      evidence_json(i)));
    }
    return json_pack("{s:s, s:s, s:o}", "type", c->incident ? "incident.major" : "case.notice", "id", id, "data", data);
}

static int post(struct webhook_target *hook, struct calling *calling, struct hy_bytes body, struct hy_error *err) {
    char id[64];
    char stamp[64];
    char signature[WEBHOOK_SIGNATURE];
    char signed_header[WEBHOOK_SIGNATURE + 32];
    int64_t now = (int64_t)time(NULL);
    if (webhook_sign(hy_bytes_from(hook->key, hook->key_len), calling->id, now, body, signature) != HY_OK) {
        return hy_fail(err, HY_EINTERNAL, "webhook: cannot sign");
    }
    snprintf(id, sizeof id, "webhook-id: %s", calling->id);
    snprintf(stamp, sizeof stamp, "webhook-timestamp: %lld", (long long)now);
    snprintf(signed_header, sizeof signed_header, "webhook-signature: %s", signature);
    const char *headers[] = {"Content-Type: application/json", id, stamp, signed_header, NULL};
    struct hy_web_call call = {.method = "POST",
                               .url = hook->url,
                               .headers = headers,
                               .body = body,
                               .timeout_ms = 10000,
                               .once = true,
                               .done = on_answer,
                               .ctx = calling};
    return hy_web_client_call(hook->client, &call, err);
}

static int send_hook(struct target *self, const struct outbox_row *row, target_done done, void *ctx,
                     struct hy_error *err) {
    struct calling *calling = calloc(1, sizeof *calling);
    if (!calling) return hy_fail(err, HY_ENOMEM, "out of memory");
    calling->done = done;
    calling->ctx = ctx;
    hy_id_strings(calling->id, 3, "webhook", row->case_id, row->row);
    json_t *root = payload(row, calling->id);
    char *body = root ? json_dumps(root, JSON_COMPACT) : NULL;
    int rc = body ? post((struct webhook_target *)self, calling, hy_bytes_of(body), err)
                  : hy_fail(err, HY_ENOMEM, "out of memory");
    free(body);
    json_decref(root);
    if (rc != HY_OK) free(calling);
    return rc;
}

static void close_hook(struct target *self) {
    struct webhook_target *hook = (struct webhook_target *)self;
    free(hook->url);
    free(hook);
}

struct target *target_webhook_new(struct hy_web_client *client, const char *url, const char *secret,
                                  struct hy_error *err) {
    struct webhook_target *hook = calloc(1, sizeof *hook);
    if (!hook || !(hook->url = strdup(url))) {
        free(hook);
        hy_fail(err, HY_ENOMEM, "out of memory");
        return NULL;
    }
    hook->client = client;
    hook->target = (struct target){.name = "cac_webhook", .idempotent = true, .send = send_hook, .close = close_hook};
    if (webhook_key(secret, hook->key, &hook->key_len, err) == HY_OK) return &hook->target;
    close_hook(&hook->target);
    return NULL;
}
