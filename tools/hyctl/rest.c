#include "tools/hyctl/rest.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tools/hyctl/http.h"
#include "tools/hyctl/say.h"

enum { CALL_MS = 15000, TOKEN_MOST = 4096 };

// ---- where and who ----

static void find_url(const struct hyctl_args *args, const struct hyctl_where *where, struct hyctl_rest *out) {
    const char *given = hyctl_value(args, "url"), *listen = hyctl_where_text(where, "http", "dashboard");
    if (given != NULL)
        snprintf(out->url, sizeof out->url, "%s", given);
    else
        snprintf(out->url, sizeof out->url, "http://%s", listen == NULL ? "127.0.0.1:8090" : listen);
    for (size_t len = strlen(out->url); len > 0 && out->url[len - 1] == '/'; len--)
        out->url[len - 1] = '\0';
}

static void strip(struct hy_buf *text) {
    while (text->len > 0 && isspace((unsigned char)text->data[text->len - 1]))
        text->data[--text->len] = '\0';
}

// A header's value: what would end it or add another one is no token.
static int usable(const struct hy_buf *token, const char *from) {
    bool good = token->len > 0;
    for (size_t i = 0; i < token->len; i++)
        good = good && (unsigned char)token->data[i] > 0x20 && (unsigned char)token->data[i] < 0x7f;
    if (!good) hyctl_error("%s: holds no token: one line of letters, digits and signs", from);
    return good ? HYCTL_OK : HYCTL_FAILED;
}

static int find_token(const struct hyctl_args *args, const struct hyctl_where *where, struct hy_buf *out) {
    const char *file = hyctl_value(args, "token-file"), *as = hyctl_value(args, "as"), *given = getenv("HY_TOKEN");
    if (file == NULL && as == NULL && given != NULL && *given != '\0') {
        hy_buf_adds(out, given);
        return usable(out, "HY_TOKEN");
    }
    if (file == NULL) file = hyctl_where_text(where, "tokens", as == NULL ? "operator" : as);
    if (file == NULL) {
        hyctl_error(as != NULL ? "--as %s: the data folder names no such token"
                               : "no token: name its file with --token-file, or set HY_TOKEN%s",
                    as != NULL ? as : "");
        return HYCTL_USAGE;
    }
    struct hy_error err;
    if (hy_read_file(file, TOKEN_MOST, out, &err) < 0) return hyctl_fail(&err);
    strip(out);
    return usable(out, file);
}

static void warn_plain(const char *url) {
    static const char *const near[] = {"http://127.", "http://localhost", "http://[::1]"};
    bool plain = strncmp(url, "http://", 7) == 0;
    for (size_t i = 0; i < sizeof near / sizeof *near; i++)
        plain = plain && strncmp(url, near[i], strlen(near[i])) != 0;
    if (plain) hyctl_error("note: %s is not encrypted: the token can be read on the way", url);
}

int hyctl_rest_open(const struct hyctl_args *args, struct hyctl_rest *out) {
    struct hyctl_where where = {0};
    int rc = hyctl_where_find(args, &where);
    if (rc == HYCTL_OK) {
        find_url(args, &where, out);
        rc = find_token(args, &where, &out->token);
    }
    hyctl_where_free(&where);
    if (rc == HYCTL_OK)
        warn_plain(out->url);
    else
        hyctl_rest_close(out);
    return rc;
}

void hyctl_rest_close(struct hyctl_rest *rest) {
    if (rest->token.data != NULL) explicit_bzero(rest->token.data, rest->token.cap);
    hy_buf_free(&rest->token);
    *rest = (struct hyctl_rest){0};
}

// ---- a call ----

void hyctl_rest_path(struct hy_buf *out, const char *folder, const char *id, const char *rest) {
    hy_buf_adds(out, folder);
    hyctl_url_add(out, id);
    hy_buf_adds(out, rest);
}

const char *hyctl_rest_hint(long status) {
    switch (status) {
    case 401:
        return "the token is not known here: see --token-file, HY_TOKEN, --as";
    case 403:
        return "this token's role or department may not do that";
    case 404:
        return "nothing is known by this name (or not yet: the view follows within seconds)";
    case 409:
        return "a rule refused it";
    case 413:
        return "it is too large";
    case 429:
        return "too many requests: try again a little later";
    case 503:
        return "Kafka or the view is not ready: see hyctl status, then try again";
    case 415:
        return "it is no JSON";
    default:
        return status >= 500 ? "the dashboard failed: see its log" : "the dashboard did not take it";
    }
}

static int say_refused(const struct hyctl_call *call, const json_t *answer) {
    const char *message = json_string_value(json_object_get(answer, "message"));
    hyctl_error("%s%s%s (HTTP %ld)", hyctl_rest_hint(call->status), message != NULL ? ": " : "",
                message != NULL ? message : "", call->status);
    if (call->retry_after_s > 0) hyctl_error("it asks to wait %ld s", call->retry_after_s);
    return HYCTL_FAILED;
}

static int judge(const struct hyctl_rest *rest, const struct hyctl_call *call, json_t **out) {
    if (call->code != HY_OK) {
        hyctl_error("the dashboard at %s does not answer: %s; does it run (hyctl status), is --url right?", rest->url,
                    call->text);
        return HYCTL_FAILED;
    }
    json_t *answer = json_loadb(call->answer.data == NULL ? "" : call->answer.data, call->answer.len, 0, NULL);
    bool verdict = json_object_get(answer, "verdict") != NULL;
    bool good = call->status == 200 || call->status == 202 || (call->status == 409 && verdict);
    if (good && json_is_object(answer)) {
        *out = answer;
        return HYCTL_OK;
    }
    if (good)
        hyctl_error("%s answered what is no JSON object: is that the dashboard?", rest->url);
    else
        say_refused(call, answer);
    json_decref(answer);
    return HYCTL_FAILED;
}

int hyctl_rest(struct hyctl_rest *rest, const char *path, const json_t *body, json_t **out) {
    *out = NULL;
    struct hy_buf url = {0};
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    hy_buf_adds(&url, rest->url);
    hy_buf_adds(&url, path);
    struct hyctl_call call = {.method = body == NULL ? "GET" : "POST",
                              .url = url.data,
                              .token = rest->token.data,
                              .repeat_key = body == NULL ? NULL : rest->repeat_key,
                              .body = hy_bytes_of(text),
                              .timeout_ms = CALL_MS};
    struct hy_error err = {.text = "out of memory"};
    int rc = HYCTL_FAILED;
    struct hyctl_progress *progress = hyctl_progress_start("waiting for the dashboard", 0);
    bool called = hy_buf_ok(&url) && (body == NULL || text != NULL) && hyctl_http(&call, 1, &err) == HY_OK;
    hyctl_progress_end(progress);
    if (!called)
        hyctl_fail(&err);
    else
        rc = judge(rest, &call, out);
    rest->uncertain = call.code != HY_OK || call.status >= 500;
    hyctl_calls_free(&call, 1);
    hy_buf_free(&url);
    free(text);
    return rc;
}
