#include "producers/gateway/door.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapters/event.h"
#include "huiying/v1/dead_letter.pb-c.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/base/random.h"
#include "lib/lane/topics.h"
#include "lib/web/limiter.h"
#include "producers/gateway/recent.h"

enum {
    ARENA_LIMIT = 16 << 20,
    CLIENT_SIZE = 64,
    HEADERS_MAX = 64,
    EVENTS_MAX = 100,
    DEAD_WHOLE = 512 << 10,
    DEAD_HEAD = 4096
};

// One adapter's route.
struct entrance {
    struct door *door;
    const struct hy_adapter *adapter;
};

struct door {
    struct door_options options;
    struct hy_web_limiter *limiter;
    struct recent *recent;
    struct hy_arena *arena; // of the request being decoded
    size_t n_entrances;
    struct entrance entrances[];
};

// A request whose records are on their way.
struct pending {
    struct hy_web_request *request;
    struct door *door;
    unsigned status;
    const char *type; // static
    size_t open;      // records without an answer, plus one while they are being handed in
    int worst;
    size_t n_ids;
    char ids[EVENTS_MAX][HY_ID_SIZE];
    size_t answer_len;
    char answer[];
};

// ---- answers ----

static void refuse_unsafe(struct hy_web_request *request, int code) {
    hy_web_set_header(request, "Retry-After", "5");
    if (code == HY_EFULL)
        hy_web_refuse(request, 503, "spool_full", "there is no room to keep it safe, try again later");
    else if (code == HY_ECLOSED)
        hy_web_refuse(request, 503, "closing", "the gateway is closing, try again");
    else if (code == HY_ETOOBIG)
        hy_web_refuse(request, 413, "too_large", "the message is too large");
    else
        hy_web_refuse(request, 503, "not_kept", "it could not be kept safe in time, try again later");
}

static void finish(struct pending *pending) {
    if (--pending->open > 0) return;
    if (pending->worst == HY_OK) {
        hy_web_reply(pending->request, pending->status, pending->type,
                     hy_bytes_from(pending->answer, pending->answer_len));
    } else {
        for (size_t i = 0; i < pending->n_ids; i++)
            recent_forget(pending->door->recent, pending->ids[i]);
        refuse_unsafe(pending->request, pending->worst);
    }
    free(pending);
}

static void on_safe(void *ctx, int status) {
    struct pending *pending = ctx;
    if (status < 0) pending->worst = status;
    finish(pending);
}

static struct pending *new_pending(struct door *door, struct hy_web_request *request, unsigned status, const char *type,
                                   struct hy_bytes answer) {
    struct pending *pending = calloc(1, sizeof *pending + answer.len);
    if (!pending) {
        refuse_unsafe(request, HY_ENOMEM);
        return NULL;
    }
    pending->request = request;
    pending->door = door;
    pending->status = status;
    pending->type = type;
    pending->open = 1;
    pending->answer_len = answer.len;
    if (answer.len) memcpy(pending->answer, answer.data, answer.len);
    hy_web_defer(request);
    return pending;
}

// ---- events ----

static void take_packed(struct pending *pending, const char *topic, struct hy_bytes key,
                        const ProtobufCMessage *message) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(size + 1);
    int rc = HY_ENOMEM;
    if (packed) {
        protobuf_c_message_pack(message, packed);
        pending->open++;
        rc = intake_take(pending->door->options.intake, topic, key, hy_bytes_from(packed, size), on_safe, pending);
        if (rc < 0) pending->open--;
    }
    free(packed);
    if (rc < 0) pending->worst = rc;
}

static void count_event(const Huiying__V1__Event *event) {
    char labels[128];
    snprintf(labels, sizeof labels, "platform=\"%s\",kind=\"%s\"", event->platform, hy_event_kind_name(event->kind));
    hy_metric_add(
        hy_metric_get(HY_COUNTER, "huiying_gateway_events_total", "Events taken in, by platform and kind", labels), 1);
}

static void take_events(struct door *door, struct hy_web_request *request, const struct hy_adapter_result *result) {
    struct pending *pending = NULL;
    bool repeated = false;
    for (size_t i = 0; i < result->n_events; i++) {
        enum recent_verdict verdict =
            recent_check(door->recent, result->events[i]->id, result->fingerprint, hy_wall_ms(hy_clock_system()));
        if (verdict == RECENT_OTHER && result->fingerprint) {
            hy_web_refuse(request, 422, "key_reused", "this Idempotency-Key came before with another message");
            return;
        }
        repeated = repeated || verdict == RECENT_REPEATED;
    }
    // A repetition goes on its way too: the first one may have been lost, and equal ids are counted, not doubled.
    unsigned status = repeated && result->status == 202 ? 200 : result->status;
    if (!(pending = new_pending(door, request, status, result->answer_type, result->answer))) return;
    for (size_t i = 0; i < result->n_events; i++) {
        const Huiying__V1__Event *event = result->events[i];
        if (!repeated && pending->n_ids < EVENTS_MAX) strcpy(pending->ids[pending->n_ids++], event->id);
        take_packed(pending, hy_event_topic(event), hy_bytes_of(hy_event_key(event)), &event->base);
        count_event(event);
    }
    finish(pending);
}

// ---- what nobody can read ----

static void dead_key(const struct hy_adapter *adapter, const char *account, const uint8_t hash[32], char *out,
                     size_t size) {
    int n = snprintf(out, size, "gateway/%s/%s/", adapter->name, account);
    for (int i = 0; i < 16 && n > 0 && (size_t)n + 3 < size; i++)
        n += snprintf(out + n, 3, "%02x", hash[i]);
}

static void take_dead(struct entrance *entrance, struct hy_web_request *request, const char *account,
                      const struct hy_adapter_result *result) {
    struct hy_bytes body = hy_web_body(request);
    uint8_t hash[32];
    char key[256], detail[sizeof result->detail], program[] = "gateway", reason[64];
    Huiying__V1__DeadLetter letter = HUIYING__V1__DEAD_LETTER__INIT;
    Huiying__V1__Time at = HUIYING__V1__TIME__INIT;
    hy_sha256(body, hash);
    dead_key(entrance->adapter, account, hash, key, sizeof key);
    snprintf(detail, sizeof detail, "%s", result->detail);
    snprintf(reason, sizeof reason, "%s", result->reason);
    at.unix_ms = hy_wall_ms(hy_clock_system());
    at.offset_minutes = HY_SHANGHAI_MINUTES;
    letter.schema_version = 1;
    letter.reason = reason;
    letter.detail = detail;
    letter.program = program;
    letter.at = &at;
    letter.key.data = (uint8_t *)key;
    letter.key.len = strlen(key);
    letter.original.data = (uint8_t *)(uintptr_t)body.data; // only read while packing
    letter.original.len = body.len <= DEAD_WHOLE ? body.len : DEAD_HEAD;
    letter.original_size = body.len;
    letter.original_sha256.data = hash;
    letter.original_sha256.len = sizeof hash;
    struct pending *pending =
        new_pending(entrance->door, request, 200, "text/plain", hy_bytes_of(entrance->adapter->acknowledgement));
    if (!pending) return;
    take_packed(pending, HY_TOPIC_DEAD, hy_bytes_of(key), &letter.base);
    finish(pending);
}

// ---- requests ----

// Header lines are in the order of the way: the last one is of the proxy before us, what stands before may be made up.
static void note_forwarded(void *ctx, const char *name, const char *value) {
    if (strcasecmp(name, "X-Forwarded-For") == 0) *(const char **)ctx = value;
}

// The address that our proxy saw, trimmed; false where no proxy says any.
static bool forwarded_for(struct hy_web_request *request, char out[CLIENT_SIZE]) {
    const char *list = NULL;
    hy_web_headers(request, note_forwarded, &list);
    if (!list) return false;
    const char *last = strrchr(list, ',');
    last = last ? last + 1 : list;
    last += strspn(last, " \t");
    snprintf(out, CLIENT_SIZE, "%.*s", (int)strcspn(last, " \t"), last);
    return true;
}

static bool is_loopback(const char *address) {
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0 || strncmp(address, "::ffff:127.", 11) == 0;
}

// Who asks, for the rate; NULL for a program on this machine, which is not limited. Only the connection shows that,
// never a forwarded address, which may be made up.
static const char *limited_client(const struct door *door, struct hy_web_request *request, char out[CLIENT_SIZE]) {
    if (door->options.forwarded && forwarded_for(request, out)) return out;
    const char *peer = hy_web_peer(request);
    return is_loopback(peer) && !door->options.limit_loopback ? NULL : peer;
}

static bool too_often(struct door *door, struct hy_web_request *request) {
    char forwarded[CLIENT_SIZE];
    const char *client = door->limiter ? limited_client(door, request, forwarded) : NULL;
    if (!client) return false;
    uint32_t wait_ms = hy_web_limiter_take(door->limiter, client, (int64_t)uv_hrtime());
    if (!wait_ms) return false;
    char seconds[16];
    snprintf(seconds, sizeof seconds, "%u", wait_ms / 1000 + 1);
    hy_web_set_header(request, "Retry-After", seconds);
    hy_web_refuse(request, 429, "rate", "too many requests from this address, try again in %s s", seconds);
    return true;
}

struct header_list {
    struct hy_web_pair pairs[HEADERS_MAX];
    size_t n;
};

static void add_header(void *ctx, const char *name, const char *value) {
    struct header_list *list = ctx;
    if (list->n < HEADERS_MAX) list->pairs[list->n++] = (struct hy_web_pair){name, value};
}

// An id for a message that brings none, made once for this request.
static int make_id(char out[HY_ID_SIZE]) {
    uint8_t bytes[20];
    int rc = hy_random(bytes, sizeof bytes);
    if (rc < 0) return rc;
    struct hy_bytes field = hy_bytes_from(bytes, sizeof bytes);
    hy_id_of(&field, 1, out);
    return HY_OK;
}

static int run_adapter(struct entrance *entrance, const struct hy_adapter_account *account,
                       struct hy_web_request *request, struct hy_adapter_result *result) {
    char made[HY_ID_SIZE];
    struct header_list headers = {.n = 0};
    const struct hy_web_target *target = hy_web_target(request);
    hy_web_headers(request, add_header, &headers);
    if (make_id(made) < 0) return HY_EIO;
    struct hy_adapter_request in = {.method = hy_web_method(request),
                                    .path = target->path,
                                    .query = target->query,
                                    .n_query = target->n_query,
                                    .headers = headers.pairs,
                                    .n_headers = headers.n,
                                    .body = hy_web_body(request),
                                    .now_ms = hy_wall_ms(hy_clock_system()),
                                    .made_id = made};
    hy_arena_reset(entrance->door->arena);
    bool check = strcmp(in.method, "POST") != 0;
    return (check ? entrance->adapter->check_url : entrance->adapter->decode)(account->opened, &in,
                                                                              entrance->door->arena, result);
}

static void count_answer(const struct hy_adapter *adapter, const char *class_name) {
    char labels[128];
    snprintf(labels, sizeof labels, "platform=\"%s\",class=\"%s\"", adapter->name, class_name);
    hy_metric_add(hy_metric_get(HY_COUNTER, "huiying_gateway_notices_total",
                                "Pushes that were answered and not kept, by class", labels),
                  1);
}

static void answer(struct entrance *entrance, struct hy_web_request *request, const char *account, int rc,
                   const struct hy_adapter_result *result) {
    if (rc < 0 && rc != HY_EINVALID) {
        refuse_unsafe(request, rc);
    } else if (result->verdict == HY_ADAPTER_EVENTS) {
        take_events(entrance->door, request, result);
    } else if (result->verdict == HY_ADAPTER_ANSWER) {
        count_answer(entrance->adapter, result->reason);
        hy_web_reply(request, result->status, result->answer_type, result->answer);
    } else if (result->authentic) {
        hy_web_count_refusal("gateway", result->reason);
        HY_WARN("gateway.unreadable", "a platform's push could not be read and is kept as a dead letter",
                "platform=%s account=%s reason=%s", entrance->adapter->name, account, result->reason);
        take_dead(entrance, request, account, result);
    } else {
        hy_web_refuse(request, result->status, result->reason, "%s", result->detail);
    }
}

static void on_request(struct hy_web_request *request, void *ctx) {
    struct entrance *entrance = ctx;
    const char *name = hy_web_param(request, "account");
    if (too_often(entrance->door, request)) return;
    const struct hy_adapter_account *account =
        hy_adapter_accounts_find(entrance->door->options.accounts, entrance->adapter, name ? name : "default");
    if (!account) {
        hy_web_refuse(request, 404, "account", "no such account is configured");
        return;
    }
    struct hy_adapter_result result = {0};
    int rc = run_adapter(entrance, account, request, &result);
    answer(entrance, request, account->name, rc, &result);
}

// ---- start ----

static int add_routes(struct door *door, const struct hy_adapter *const *adapters, size_t n) {
    int rc = HY_OK;
    for (size_t i = 0; i < n && rc == HY_OK; i++) {
        struct entrance *entrance = &door->entrances[door->n_entrances++];
        *entrance = (struct entrance){door, adapters[i]};
        if (!adapters[i]->path) continue;
        rc = hy_web_route(door->options.server, "POST", adapters[i]->path, on_request, entrance);
        if (rc == HY_OK && adapters[i]->check_url)
            rc = hy_web_route(door->options.server, "GET", adapters[i]->path, on_request, entrance);
    }
    return rc;
}

int door_new(const struct door_options *options, struct door **out, struct hy_error *err) {
    size_t n = 0;
    const struct hy_adapter *const *adapters = hy_adapters(&n);
    struct door *door = calloc(1, sizeof *door + n * sizeof door->entrances[0]);
    if (!door) return hy_fail(err, HY_ENOMEM, "doors: out of memory");
    door->options = *options;
    door->arena = hy_arena_new(ARENA_LIMIT);
    door->recent = recent_new(options->repeat_ms, 0);
    if (options->rate_per_s) door->limiter = hy_web_limiter_new((double)options->rate_per_s, (double)options->burst, 0);
    bool whole = door->arena && door->recent && (door->limiter || !options->rate_per_s);
    int rc = whole ? add_routes(door, adapters, n) : HY_ENOMEM;
    if (rc < 0) {
        door_free(door);
        return hy_fail(err, rc, "doors: out of memory");
    }
    *out = door;
    return HY_OK;
}

void door_free(struct door *door) {
    if (!door) return;
    hy_web_limiter_free(door->limiter);
    recent_free(door->recent);
    hy_arena_free(door->arena);
    free(door);
}
