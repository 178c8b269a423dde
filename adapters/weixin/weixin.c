// WeChat official accounts (公众号): URL check, and pushes in safe mode; compatible and plain mode only where the
// configuration says so, because in plain mode anybody who saw one address can forge messages.
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter.h"
#include "adapters/weixin/crypto.h"
#include "adapters/weixin/message.h"
#include "adapters/weixin/xml.h"
#include "lib/base/id.h"

enum mode { MODE_SAFE, MODE_COMPATIBLE, MODE_PLAIN };
enum { NOTICES_COUNT, NOTICES_PUBLISH };

struct weixin_config {
    char *gh_id;
    char *appid;
    char *token;
    char *aes_key;
    char *aes_key_previous;
    int mode;
    int notices;
    int64_t window;
};

struct weixin_account {
    const struct weixin_config *config;
    uint8_t keys[2][WEIXIN_KEY_BYTES]; // current, previous
    size_t n_keys;
};

enum { FUTURE_MS = 10 * 60 * 1000 };

static const struct hy_config_row rows[] = {
    {.key = "gh_id",
     .type = HY_CONFIG_STRING,
     .offset = offsetof(struct weixin_config, gh_id),
     .description = "The account's original id (原始ID), gh_ and 12 characters; pushes for another are refused."},
    {.key = "appid",
     .type = HY_CONFIG_STRING,
     .offset = offsetof(struct weixin_config, appid),
     .description = "The account's AppID, wx and 16 characters; every encrypted message must end in it."},
    {.key = "token",
     .type = HY_CONFIG_SECRET,
     .offset = offsetof(struct weixin_config, token),
     .description = "The token of the platform's server settings, 3 to 32 letters or digits."},
    {.key = "aes_key",
     .type = HY_CONFIG_SECRET,
     .offset = offsetof(struct weixin_config, aes_key),
     .default_value = "",
     .description = "EncodingAESKey of the platform's server settings, 43 characters; needed unless mode is plain."},
    {.key = "aes_key_previous",
     .type = HY_CONFIG_SECRET,
     .offset = offsetof(struct weixin_config, aes_key_previous),
     .default_value = "",
     .description = "The key before the last change; messages under it still arrive for a while."},
    {.key = "mode",
     .type = HY_CONFIG_ENUM,
     .offset = offsetof(struct weixin_config, mode),
     .default_value = "safe",
     .choices = "safe|compatible|plain",
     .description = "How the platform sends; anything weaker than this is refused. Use safe."},
    {.key = "notices",
     .type = HY_CONFIG_ENUM,
     .offset = offsetof(struct weixin_config, notices),
     .default_value = "count",
     .choices = "count|publish",
     .description = "What happens to notices (subscribe, menu click, finished jobs): only counted, or published too."},
    {.key = "window",
     .type = HY_CONFIG_MS,
     .offset = offsetof(struct weixin_config, window),
     .default_value = "48h",
     .min = 60000,
     .max = 30LL * 86400000,
     .description = "Oldest timestamp of a push that is taken; the platform sends again with the original one."},
};

// ---- configuration ----

static bool letters_and_digits(const char *text, size_t min, size_t max) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t n = strlen(text);
    return n >= min && n <= max && strspn(text, allowed) == n;
}

static int check_config(const struct weixin_config *config, struct hy_error *err) {
    if (strncmp(config->gh_id, "gh_", 3) != 0 || !letters_and_digits(config->gh_id + 3, 1, 60))
        return hy_fail(err, HY_ECONFIG, "gh_id: must be gh_ and letters or digits");
    if (!letters_and_digits(config->appid, 3, 64))
        return hy_fail(err, HY_ECONFIG, "appid: must be letters and digits, such as wx and 16 characters");
    if (!letters_and_digits(config->token, 3, 32))
        return hy_fail(err, HY_ECONFIG, "token: must be 3 to 32 letters or digits");
    if (config->mode != MODE_PLAIN && !*config->aes_key)
        return hy_fail(err, HY_ECONFIG, "aes_key: is needed; write aes_key_file or set mode to plain");
    return HY_OK;
}

static int add_key(struct weixin_account *account, const char *name, const char *text, struct hy_error *err) {
    if (!*text) return HY_OK;
    if (weixin_key(text, account->keys[account->n_keys]) < 0)
        return hy_fail(err, HY_ECONFIG, "%s: must be the 43 characters of an EncodingAESKey", name);
    account->n_keys++;
    return HY_OK;
}

static void close_account(void *opened) {
    struct weixin_account *account = opened;
    explicit_bzero(account, sizeof *account);
    free(account);
}

static int open_account(const void *config, const char *name, void **out, struct hy_error *err) {
    (void)name;
    struct weixin_account *account = calloc(1, sizeof *account);
    if (!account) return hy_fail(err, HY_ENOMEM, "weixin: out of memory");
    account->config = config;
    int rc = check_config(config, err);
    if (rc == HY_OK) rc = add_key(account, "aes_key", account->config->aes_key, err);
    if (rc == HY_OK) rc = add_key(account, "aes_key_previous", account->config->aes_key_previous, err);
    if (rc < 0) {
        close_account(account);
        return rc;
    }
    *out = account;
    return HY_OK;
}

// ---- the query ----

struct query {
    const char *signature, *msg_signature, *timestamp, *nonce, *echostr, *encrypt_type;
    bool twice;
};

static struct query read_query(const struct hy_adapter_request *request) {
    struct query q = {0};
    q.signature = hy_adapter_query(request, "signature", &q.twice);
    q.msg_signature = hy_adapter_query(request, "msg_signature", &q.twice);
    q.timestamp = hy_adapter_query(request, "timestamp", &q.twice);
    q.nonce = hy_adapter_query(request, "nonce", &q.twice);
    q.echostr = hy_adapter_query(request, "echostr", &q.twice);
    q.encrypt_type = hy_adapter_query(request, "encrypt_type", &q.twice);
    return q;
}

static bool number(const char *text, int64_t *out) {
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > 12 || text[n]) return false;
    *out = strtoll(text, NULL, 10);
    return true;
}

static int check_query(const struct query *q, struct hy_adapter_result *result) {
    int64_t seconds = 0;
    if (q->twice) return hy_adapter_refuse(result, 400, "query", "a query parameter occurs twice");
    if (!q->timestamp || !q->nonce || !*q->nonce)
        return hy_adapter_refuse(result, 400, "query", "timestamp or nonce is missing");
    if (!number(q->timestamp, &seconds)) return hy_adapter_refuse(result, 400, "query", "timestamp is no number");
    return HY_OK;
}

// Judged after the signature: a timestamp that nobody signed says nothing. Sent again, a push keeps its old one.
static int check_age(const struct weixin_config *config, const struct query *q, int64_t now_ms,
                     struct hy_adapter_result *result) {
    int64_t seconds = 0;
    number(q->timestamp, &seconds);
    int64_t age = now_ms - seconds * 1000;
    if (age > config->window || age < -FUTURE_MS)
        return hy_adapter_refuse(result, 403, "stale", "the timestamp is too old or lies in the future");
    return HY_OK;
}

static int bad_signature(struct hy_adapter_result *result) {
    return hy_adapter_refuse(result, 401, "signature", "the signature does not match; check token and proxy");
}

static int check_url(const void *opened, const struct hy_adapter_request *request, struct hy_arena *arena,
                     struct hy_adapter_result *result) {
    const struct weixin_account *account = opened;
    struct query q = read_query(request);
    (void)arena;
    memset(result, 0, sizeof *result);
    if (check_query(&q, result) < 0) return HY_EINVALID;
    if (!q.echostr || !*q.echostr) return hy_adapter_refuse(result, 400, "query", "echostr is missing");
    const char *parts[] = {account->config->token, q.timestamp, q.nonce};
    if (!q.signature || !weixin_signature_is(q.signature, parts, 3)) return bad_signature(result);
    if (check_age(account->config, &q, request->now_ms, result) < 0) return HY_EINVALID;
    return hy_adapter_answer(result, 200, "text/plain", hy_bytes_of(hy_arena_str(arena, q.echostr)), "url_check");
}

// ---- a push ----

static int refuse_xml(int rc, const char *reason, struct hy_adapter_result *result) {
    if (rc == HY_ENOMEM) return rc;
    return hy_adapter_refuse(result, 400, reason, "the XML cannot be read (%s)", reason);
}

static int decrypt(const struct weixin_account *account, const char *encrypted, struct hy_arena *arena,
                   struct hy_bytes *message, struct hy_adapter_result *result) {
    enum weixin_fault first = WEIXIN_FINE;
    for (size_t i = 0; i < account->n_keys; i++) {
        enum weixin_fault fault = weixin_decrypt(account->keys[i], account->config->appid, encrypted, arena, message);
        if (fault == WEIXIN_FINE) return HY_OK;
        if (i == 0) first = fault;
    }
    return hy_adapter_refuse(result, 400, weixin_fault_name(first),
                             "the message cannot be decrypted (%s); check aes_key and appid", weixin_fault_name(first));
}

// The inner XML of an encrypted push, whose signature covers the text of <Encrypt>.
static int open_safe(const struct weixin_account *account, const struct query *q,
                     const struct hy_adapter_request *request, struct hy_arena *arena, struct hy_bytes *message,
                     struct hy_adapter_result *result) {
    struct weixin_xml outer;
    const char *reason = "xml";
    if (!q->msg_signature) return hy_adapter_refuse(result, 400, "query", "msg_signature is missing");
    int rc = weixin_xml_read(request->body, arena, &outer, &reason);
    if (rc < 0) return refuse_xml(rc, reason, result);
    const char *encrypted = weixin_xml_get(&outer, "Encrypt");
    if (outer.twice) return hy_adapter_refuse(result, 400, "twice", "a field occurs twice");
    if (!*encrypted) return hy_adapter_refuse(result, 400, "missing_field", "Encrypt is missing");
    const char *parts[] = {account->config->token, q->timestamp, q->nonce, encrypted};
    if (!weixin_signature_is(q->msg_signature, parts, 4)) return bad_signature(result);
    rc = check_age(account->config, q, request->now_ms, result);
    if (rc < 0) return rc;
    result->authentic = true;
    return decrypt(account, encrypted, arena, message, result);
}

static int open_plain(const struct weixin_account *account, const struct query *q,
                      const struct hy_adapter_request *request, struct hy_bytes *message,
                      struct hy_adapter_result *result) {
    if (account->config->mode != MODE_PLAIN)
        return hy_adapter_refuse(result, 403, "downgrade",
                                 "a message in clear is refused; set the platform to safe mode");
    const char *parts[] = {account->config->token, q->timestamp, q->nonce};
    if (!q->signature || !weixin_signature_is(q->signature, parts, 3)) return bad_signature(result);
    *message = request->body;
    return check_age(account->config, q, request->now_ms, result);
}

static int take_message(const struct weixin_account *account, struct hy_bytes message,
                        const struct hy_adapter_request *request, struct hy_arena *arena,
                        struct hy_adapter_result *result) {
    struct weixin_xml xml;
    const char *reason = "xml";
    int rc = weixin_xml_read(message, arena, &xml, &reason);
    if (rc < 0) return refuse_xml(rc, reason, result);
    if (strcmp(weixin_xml_get(&xml, "ToUserName"), account->config->gh_id) != 0)
        return hy_adapter_refuse(result, 403, "account", "the message is for another account; check gh_id");
    result->events = hy_arena_alloc(arena, sizeof *result->events);
    if (!result->events) return HY_ENOMEM;
    rc = weixin_event(&xml, request->now_ms, arena, &result->events[0], result);
    if (rc < 0) return rc;
    if (weixin_is_notice(&xml) && account->config->notices == NOTICES_COUNT)
        return hy_adapter_answer(result, 200, "text/plain", hy_bytes_of("success"), weixin_notice_class(&xml));
    result->verdict = HY_ADAPTER_EVENTS;
    result->n_events = 1;
    result->status = 200;
    result->answer_type = "text/plain";
    result->answer = hy_bytes_of("success");
    return HY_OK;
}

static int decode(const void *opened, const struct hy_adapter_request *request, struct hy_arena *arena,
                  struct hy_adapter_result *result) {
    const struct weixin_account *account = opened;
    struct query q = read_query(request);
    struct hy_bytes message = {0};
    memset(result, 0, sizeof *result);
    if (check_query(&q, result) < 0) return HY_EINVALID;
    if (request->body.len == 0) return hy_adapter_refuse(result, 400, "empty", "the body is empty");
    bool encrypted = q.encrypt_type && strcmp(q.encrypt_type, "aes") == 0;
    bool plain = !q.encrypt_type || strcmp(q.encrypt_type, "raw") == 0;
    if (!encrypted && !plain) return hy_adapter_refuse(result, 400, "query", "encrypt_type is not known");
    if (encrypted && !account->n_keys)
        return hy_adapter_refuse(result, 400, "aes_key", "an encrypted message came, but no aes_key is configured");
    int rc = encrypted ? open_safe(account, &q, request, arena, &message, result)
                       : open_plain(account, &q, request, &message, result);
    return rc < 0 ? rc : take_message(account, message, request, arena, result);
}

extern const struct hy_adapter hy_adapter_weixin;
const struct hy_adapter hy_adapter_weixin = {
    .name = "weixin",
    .description = "WeChat official accounts: private messages by push.",
    .rows = rows,
    .n_rows = sizeof rows / sizeof rows[0],
    .config_size = sizeof(struct weixin_config),
    .path = "/weixin/{account}",
    .acknowledgement = "success",
    .open = open_account,
    .close = close_account,
    .decode = decode,
    .check_url = check_url,
};
