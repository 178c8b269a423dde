// The web form: POST /v1/messages with one message as JSON. For the sites' own form backends, and for anybody who feeds
// messages without writing an adapter. A message is a dossier of its own; "thread" continues an earlier one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>
#include <xxhash.h>

#include "adapters/adapter.h"
#include "adapters/event.h"
#include "lib/base/id.h"
#include "lib/web/server.h"

struct web_config {
    char *token;
    char *accounts;
    int64_t text_chars;
    int64_t future;
};

struct web_account {
    const struct web_config *config;
};

enum { NAME_CHARS = 100, TITLE_CHARS = 200, CONTACT_CHARS = 200, PLACE_CHARS = 300, LINKS_MAX = 20, LINK_BYTES = 1024 };
enum { KEY_MIN = 8, KEY_MAX = 128 };

static const struct hy_config_row rows[] = {
    {.key = "token",
     .type = HY_CONFIG_SECRET,
     .offset = offsetof(struct web_config, token),
     .default_value = "",
     .description = "Bearer token that senders must show; empty lets everybody in who reaches the port."},
    {.key = "accounts",
     .type = HY_CONFIG_STRING,
     .offset = offsetof(struct web_config, accounts),
     .default_value = "",
     .description = "Accounts that may be addressed, separated by commas; empty takes any well-formed name."},
    {.key = "text.chars",
     .type = HY_CONFIG_INT,
     .offset = offsetof(struct web_config, text_chars),
     .default_value = "5000",
     .min = 1,
     .max = 50000,
     .description = "Longest text of a message, in characters."},
    {.key = "future",
     .type = HY_CONFIG_MS,
     .offset = offsetof(struct web_config, future),
     .default_value = "5m",
     .min = 0,
     .max = 3600000,
     .description = "How far a message's own time may lie ahead of ours, for clocks that are not quite right."},
};

static int open_account(const void *config, const char *name, void **out, struct hy_error *err) {
    static const size_t token_min = 16;
    const struct web_config *web = config;
    (void)name;
    if (*web->token && strlen(web->token) < token_min)
        return hy_fail(err, HY_ECONFIG, "token: too short, use at least %zu characters", token_min);
    struct web_account *account = malloc(sizeof *account);
    if (!account) return hy_fail(err, HY_ENOMEM, "web: out of memory");
    account->config = web;
    *out = account;
    return HY_OK;
}

static void close_account(void *account) {
    free(account);
}

// ---- fields ----

struct reader {
    json_t *root;
    struct hy_adapter_result *result;
    bool failed;
};

static void fail_field(struct reader *reader, const char *reason, const char *name, const char *what) {
    if (reader->failed) return;
    reader->failed = true;
    hy_adapter_refuse(reader->result, 400, reason, "field \"%s\": %s", name, what);
}

// A text of at most max characters; "" when it is absent and not required.
static const char *text_field(struct reader *reader, const json_t *object, const char *name, size_t max, bool required,
                              bool one_line) {
    const json_t *value = json_object_get(object, name);
    if (!value || json_is_null(value)) {
        if (required) fail_field(reader, "missing_field", name, "is missing");
        return "";
    }
    const char *text = json_string_value(value);
    if (!text)
        fail_field(reader, "field_type", name, "must be a text");
    else if (required && hy_text_blank(text))
        fail_field(reader, "missing_field", name, "is empty");
    else if (hy_text_chars(text) > max)
        fail_field(reader, "field_length", name, "is too long");
    else if (hy_text_has_control(text, one_line))
        fail_field(reader, "field_control", name, "holds a control character");
    else
        return text;
    return "";
}

static void closed_object(struct reader *reader, json_t *object, const char *const *names, const char *where) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        // The unknown name is not repeated: it may be anything, also a text in the wrong place.
        if (!names[i])
            fail_field(reader, "unknown_field", where, "holds a field that is not known; see docs/contract.md");
    }
}

static bool account_known(const char *list, const char *account) {
    size_t len = strlen(account);
    for (const char *at = list; *at;) {
        size_t n = strcspn(at, ", ");
        if (n == len && memcmp(at, account, n) == 0) return true;
        at += n;
        at += strspn(at, ", ");
    }
    return !*list;
}

static bool account_ok(const char *account) {
    return *account && strlen(account) <= 64 && !strpbrk(account, " ,|\"\\/.");
}

static bool link_ok(const char *link) {
    if (!link || strlen(link) > LINK_BYTES || hy_text_has_control(link, true) || strchr(link, ' ')) return false;
    return strncmp(link, "http://", 7) == 0 ? link[7] : strncmp(link, "https://", 8) == 0 && link[8];
}

static void read_links(struct reader *reader, struct hy_arena *arena, Huiying__V1__Event *event) {
    const json_t *links = json_object_get(reader->root, "links");
    if (!links || json_is_null(links)) return;
    size_t n = json_array_size(links);
    if (!json_is_array(links) || n > LINKS_MAX) {
        fail_field(reader, "field_type", "links", "must be a list of at most 20 addresses");
        return;
    }
    event->links = hy_arena_alloc(arena, (n + 1) * sizeof *event->links);
    for (size_t i = 0; event->links && i < n; i++) {
        const char *link = json_string_value(json_array_get(links, i));
        if (!link_ok(link)) {
            fail_field(reader, "field_type", "links", "must hold http or https addresses");
            return;
        }
        event->links[event->n_links++] = hy_arena_str(arena, link);
    }
}

static void read_author(struct reader *reader, struct hy_arena *arena, Huiying__V1__Event *event) {
    static const char *const names[] = {"name", "contact", NULL};
    json_t *author = json_object_get(reader->root, "author");
    if (!author || json_is_null(author)) return;
    if (!json_is_object(author)) {
        fail_field(reader, "field_type", "author", "must be an object with name and contact");
        return;
    }
    closed_object(reader, author, names, "author");
    Huiying__V1__Author *out = hy_event_author(arena, event);
    if (!out) return;
    out->display_name = hy_arena_str(arena, text_field(reader, author, "name", NAME_CHARS, false, true));
    out->contact = hy_arena_str(arena, text_field(reader, author, "contact", CONTACT_CHARS, false, true));
}

static double degrees(struct reader *reader, const json_t *place, const char *name, double limit) {
    const json_t *value = json_object_get(place, name);
    double number = json_number_value(value);
    if (!json_is_number(value) || number < -limit || number > limit)
        fail_field(reader, "field_type", name, "must be degrees (WGS 84), latitude and longitude together");
    return number;
}

// A text, or {"text", "latitude", "longitude"}.
static void read_place(struct reader *reader, struct hy_arena *arena, Huiying__V1__Event *event) {
    static const char *const names[] = {"text", "latitude", "longitude", NULL};
    json_t *place = json_object_get(reader->root, "place");
    if (!place || json_is_null(place)) return;
    Huiying__V1__Place *out = hy_event_place(arena, event);
    if (!out) return;
    if (!json_is_object(place)) {
        out->text = hy_arena_str(arena, text_field(reader, reader->root, "place", PLACE_CHARS, false, true));
        return;
    }
    closed_object(reader, place, names, "place");
    out->text = hy_arena_str(arena, text_field(reader, place, "text", PLACE_CHARS, false, true));
    if (!json_object_get(place, "latitude") && !json_object_get(place, "longitude")) return;
    out->latitude = degrees(reader, place, "latitude", 90);
    out->longitude = degrees(reader, place, "longitude", 180);
    out->located = true;
}

static void read_occurred(struct reader *reader, struct hy_arena *arena, const struct web_config *config,
                          int64_t now_ms, Huiying__V1__Event *event) {
    const char *text = text_field(reader, reader->root, "occurred", 40, false, true);
    struct hy_time time;
    if (!*text) return;
    if (hy_time_parse(text, &time, NULL) < 0) {
        fail_field(reader, "occurred", "occurred", "write it as 2026-02-14T10:00:00+08:00");
        return;
    }
    if (time.unix_ms > now_ms + config->future) {
        fail_field(reader, "occurred", "occurred", "lies in the future");
        return;
    }
    event->occurred = hy_event_time(arena, time);
}

static bool id_text_ok(const char *text, size_t len) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:~";
    return len >= KEY_MIN && len <= KEY_MAX && strspn(text, allowed) >= len;
}

// The native id: Idempotency-Key (with or without the quotes of a structured field), else what the gateway made.
static const char *native_id(const struct hy_adapter_request *request, struct hy_arena *arena,
                             struct hy_adapter_result *result) {
    bool twice = false;
    const char *key = hy_adapter_header(request, "Idempotency-Key", &twice);
    if (!key) {
        if (request->made_id) return request->made_id;
        hy_adapter_refuse(result, 400, "idempotency_key", "send an Idempotency-Key");
        return NULL;
    }
    size_t len = strlen(key);
    bool quoted = len >= 2 && key[0] == '"' && key[len - 1] == '"';
    if (quoted) {
        key++;
        len -= 2;
    }
    if (!twice && id_text_ok(key, len)) return hy_arena_strn(arena, key, len);
    hy_adapter_refuse(result, 400, "idempotency_key",
                      "Idempotency-Key: send one, of %d to %d letters, digits or -_.:~ (a UUID for example)", KEY_MIN,
                      KEY_MAX);
    return NULL;
}

// ---- the message ----

static void read_event(struct reader *reader, struct hy_arena *arena, const struct web_config *config,
                       const struct hy_adapter_request *request, Huiying__V1__Event *event) {
    struct reader *r = reader;
    event->title = hy_arena_str(arena, text_field(r, r->root, "title", TITLE_CHARS, false, true));
    event->text = hy_arena_str(arena, text_field(r, r->root, "text", (size_t)config->text_chars, true, false));
    event->language = hy_arena_str(arena, text_field(r, r->root, "language", 35, false, true));
    Huiying__V1__Comment *comment = hy_event_comment(arena, event);
    if (comment)
        comment->department = hy_arena_str(arena, text_field(r, r->root, "department", NAME_CHARS, false, true));
    read_author(r, arena, event);
    read_place(r, arena, event);
    read_links(r, arena, event);
    read_occurred(r, arena, config, request->now_ms, event);
}

static uint64_t fingerprint_of(const json_t *root) {
    char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    uint64_t hash = text ? XXH3_64bits(text, strlen(text)) : 0;
    free(text);
    return hash;
}

static int set_answer(const Huiying__V1__Event *event, struct hy_arena *arena, struct hy_adapter_result *result) {
    char receipt[HY_RECEIPT_SIZE], when[HY_TIME_TEXT];
    hy_receipt_number(event->id, receipt);
    hy_time_format((struct hy_time){event->received->unix_ms, event->received->offset_minutes}, when);
    const char *text =
        hy_arena_fmt(arena,
                     "{\"receipt_number\":\"%s\",\"event_id\":\"%s\",\"dossier\":\"%s\",\"native_id\":\"%s\","
                     "\"received\":\"%s\"}\n",
                     receipt, event->id, event->dossier, event->native_id, when);
    if (!text) return HY_ENOMEM;
    result->verdict = HY_ADAPTER_EVENTS;
    result->status = 202;
    result->answer_type = "application/json";
    result->answer = hy_bytes_of(text);
    return HY_OK;
}

static int decode_root(json_t *root, const struct web_config *config, const struct hy_adapter_request *request,
                       struct hy_arena *arena, struct hy_adapter_result *result) {
    static const char *const names[] = {"account",  "title",      "text",     "author", "place", "links",
                                        "language", "department", "occurred", "thread", NULL};
    struct reader reader = {.root = root, .result = result};
    const char *id = native_id(request, arena, result);
    if (!id) return result->reason ? HY_EINVALID : HY_ENOMEM;
    closed_object(&reader, root, names, "message");
    const char *account = text_field(&reader, root, "account", 64, true, true);
    const char *thread = text_field(&reader, root, "thread", KEY_MAX, false, true);
    if (!reader.failed && !account_ok(account)) fail_field(&reader, "account", "account", "is not well-formed");
    if (*thread && !id_text_ok(thread, strlen(thread)))
        fail_field(&reader, "thread", "thread", "must be the native_id of the message that it continues");
    if (reader.failed) return HY_EINVALID;
    if (!account_known(config->accounts, account))
        return hy_adapter_refuse(result, 404, "account", "no such account; ask the operator for its name");
    Huiying__V1__Event *event = hy_event_new(arena, "web", account, id, HUIYING__V1__EVENT_KIND__EVENT_KIND_FORM,
                                             *thread ? thread : id, request->now_ms);
    if (!event) return HY_ENOMEM;
    if (*thread) {
        char first[HY_ID_SIZE];
        hy_event_id("web", account, thread, "FORM", first);
        event->answers = hy_arena_str(arena, first);
    }
    read_event(&reader, arena, config, request, event);
    if (reader.failed) return HY_EINVALID;
    result->events = hy_arena_alloc(arena, sizeof *result->events);
    if (!result->events || !event->text || !event->occurred) return HY_ENOMEM;
    result->events[0] = event;
    result->n_events = 1;
    result->fingerprint = fingerprint_of(root);
    return set_answer(event, arena, result);
}

static bool token_ok(const struct web_config *config, const struct hy_adapter_request *request) {
    bool twice = false;
    const char *value = hy_adapter_header(request, "Authorization", &twice);
    if (!*config->token) return true;
    if (!value || twice || strncasecmp(value, "Bearer ", 7) != 0) return false;
    return hy_equal_secret(hy_bytes_of(value + 7), hy_bytes_of(config->token));
}

static bool is_json(const struct hy_adapter_request *request) {
    static const char json[] = "application/json";
    const char *type = hy_adapter_header(request, "Content-Type", NULL);
    if (!type || strncasecmp(type, json, sizeof json - 1) != 0) return false;
    return strchr("; ", type[sizeof json - 1]) != NULL; // also the end of the text
}

static int decode(const void *account, const struct hy_adapter_request *request, struct hy_arena *arena,
                  struct hy_adapter_result *result) {
    const struct web_config *config = ((const struct web_account *)account)->config;
    struct hy_error err = {0};
    const char *reason = "json";
    memset(result, 0, sizeof *result);
    if (!token_ok(config, request))
        return hy_adapter_refuse(result, 401, "token", "send Authorization: Bearer with the form's token");
    if (!is_json(request))
        return hy_adapter_refuse(result, 415, "content_type", "send JSON with Content-Type: application/json");
    json_t *root = hy_web_json_parse(request->body, &reason, &err);
    if (!root) return hy_adapter_refuse(result, 400, reason, "%s", err.text);
    int rc = json_is_object(root) ? decode_root(root, config, request, arena, result)
                                  : hy_adapter_refuse(result, 400, "json", "send a JSON object");
    json_decref(root);
    return rc;
}

extern const struct hy_adapter hy_adapter_web;
const struct hy_adapter hy_adapter_web = {
    .name = "web",
    .description = "Messages of web forms, as JSON over HTTP.",
    .rows = rows,
    .n_rows = sizeof rows / sizeof rows[0],
    .config_size = sizeof(struct web_config),
    .path = "/v1/messages",
    .acknowledgement = "",
    .open = open_account,
    .close = close_account,
    .decode = decode,
};
