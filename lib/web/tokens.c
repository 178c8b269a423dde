#include "lib/web/tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "lib/base/id.h"

struct token {
    struct hy_web_identity who;
    uint8_t hash[32];
};

struct hy_web_tokens {
    size_t n;
    struct token list[];
};

enum { TOKENS_MAX = 1000, FILE_MAX_BYTES = 512 << 10, TOKEN_MIN = 32, TOKEN_MAX = 256 };

static bool token_ok(const char *text) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";
    size_t n = strlen(text);
    return n >= TOKEN_MIN && n <= TOKEN_MAX && strspn(text, allowed) == n;
}

static int parse_line(char *line, struct token *out) {
    char *save = NULL;
    const char *name = strtok_r(line, " \t\r", &save);
    const char *role = strtok_r(NULL, " \t\r", &save);
    const char *department = strtok_r(NULL, " \t\r", &save);
    const char *token = strtok_r(NULL, " \t\r", &save);
    if (!token || strtok_r(NULL, " \t\r", &save) || !token_ok(token)) return HY_EFORMAT;
    if (strlen(name) >= sizeof out->who.name || strlen(role) >= sizeof out->who.role) return HY_EFORMAT;
    if (strlen(department) >= sizeof out->who.department) return HY_EFORMAT;
    memset(out, 0, sizeof *out);
    strcpy(out->who.name, name);
    strcpy(out->who.role, role);
    if (strcmp(department, "-") != 0) strcpy(out->who.department, department);
    hy_sha256(hy_bytes_of(token), out->hash);
    return HY_OK;
}

static int parse_tokens(char *text, struct hy_web_tokens *tokens, const char *path, struct hy_error *err) {
    int number = 0;
    char *save = NULL;
    // strtok_r would swallow blank lines and miscount, so lines are cut by hand.
    for (char *line = text; line; line = save) {
        number++;
        save = strchr(line, '\n');
        if (save) *save++ = '\0';
        line += strspn(line, " \t\r");
        if (!*line || *line == '#') continue;
        if (tokens->n == TOKENS_MAX) return hy_fail(err, HY_ETOOBIG, "%s: more than %d tokens", path, TOKENS_MAX);
        if (parse_line(line, &tokens->list[tokens->n]) < 0)
            return hy_fail(err, HY_EFORMAT,
                           "%s:%d: write \"name role department token\", department \"-\" for none, token of %d to %d "
                           "letters and digits",
                           path, number, TOKEN_MIN, TOKEN_MAX);
        tokens->n++;
    }
    if (!tokens->n) return hy_fail(err, HY_EFORMAT, "%s: holds no token", path);
    return HY_OK;
}

int hy_web_tokens_load(const char *path, struct hy_web_tokens **out, struct hy_error *err) {
    struct stat st;
    if (stat(path, &st) != 0) return hy_fail(err, HY_EIO, "%s: %s", path, strerror(errno));
    if (st.st_mode & 077) return hy_fail(err, HY_EDENIED, "%s: others can read it; run chmod 600 on it", path);
    struct hy_buf text = {0};
    int rc = hy_read_file(path, FILE_MAX_BYTES, &text, err);
    if (rc < 0) return rc;
    struct hy_web_tokens *tokens = calloc(1, sizeof *tokens + TOKENS_MAX * sizeof tokens->list[0]);
    rc = tokens ? parse_tokens(text.data ? text.data : (char[]){0}, tokens, path, err)
                : hy_fail(err, HY_ENOMEM, "%s: out of memory", path);
    if (text.data) explicit_bzero(text.data, text.len);
    hy_buf_free(&text);
    if (rc < 0) {
        free(tokens);
        return rc;
    }
    *out = tokens;
    return HY_OK;
}

void hy_web_tokens_free(struct hy_web_tokens *tokens) {
    free(tokens);
}

const struct hy_web_identity *hy_web_tokens_find(const struct hy_web_tokens *tokens, const char *text) {
    uint8_t hash[32];
    hy_sha256(hy_bytes_of(text), hash);
    const struct hy_web_identity *found = NULL;
    for (size_t i = 0; i < tokens->n; i++)
        if (hy_equal_secret(hy_bytes_from(tokens->list[i].hash, 32), hy_bytes_from(hash, 32)))
            found = &tokens->list[i].who;
    return found;
}

// The token of "Authorization: Bearer …", or NULL.
static const char *bearer(const struct hy_web_request *request) {
    if (hy_web_header_count(request, "Authorization") != 1) return NULL;
    const char *value = hy_web_header(request, "Authorization");
    if (!value || strncasecmp(value, "Bearer ", 7) != 0) return NULL;
    value += 7;
    return value + strspn(value, " ");
}

const struct hy_web_identity *hy_web_tokens_check(const struct hy_web_tokens *tokens, const char *cookie,
                                                  struct hy_web_request *request) {
    char from_cookie[TOKEN_MAX + 1];
    const char *text = bearer(request);
    if (!text && cookie && hy_web_cookie(request, cookie, from_cookie, sizeof from_cookie) == HY_OK) text = from_cookie;
    const struct hy_web_identity *who = text ? hy_web_tokens_find(tokens, text) : NULL;
    if (who) return who;
    hy_web_set_header(request, "WWW-Authenticate", "Bearer");
    hy_web_refuse(request, 401, text ? "token" : "no_token", "send Authorization: Bearer with a valid token");
    return NULL;
}

bool hy_web_bearer_is(const struct hy_web_request *request, const char *secret) {
    const char *text = bearer(request);
    return text && *secret && hy_equal_secret(hy_bytes_of(text), hy_bytes_of(secret));
}
