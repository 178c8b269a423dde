// Bearer tokens from a file: who may read and act until full accounts exist. One line a token:
//   name role department token
// blank lines and lines with "#" first are skipped; department "-" = none; a token has 32 to 256 characters
// [A-Za-z0-9._~-]. The file must be readable by its owner only. Only SHA-256 of the tokens is kept in memory, and all
// of them are compared each time, so the time tells nothing. To add a property of an identity, add a column here.
#ifndef HY_WEB_TOKENS_H
#define HY_WEB_TOKENS_H

#include "lib/web/server.h"

struct hy_web_identity {
    char name[64];       // who, for the journal: no person's name
    char role[32];       // operator, department, wangxinban
    char department[64]; // code, or ""
};

struct hy_web_tokens;

// Reads the file. HY_EIO: not readable; HY_EDENIED: others can read it; HY_EFORMAT names the line. Free with _free.
HY_MUST_CHECK int hy_web_tokens_load(const char *path, struct hy_web_tokens **out, struct hy_error *err);
void hy_web_tokens_free(struct hy_web_tokens *tokens);
// Whose token text is (borrowed from tokens), or NULL.
const struct hy_web_identity *hy_web_tokens_find(const struct hy_web_tokens *tokens, const char *text);
// Whose request it is, by "Authorization: Bearer …" or, for pages, the cookie of that name (NULL = none). On failure
// NULL, and the request was refused with 401.
const struct hy_web_identity *hy_web_tokens_check(const struct hy_web_tokens *tokens, const char *cookie,
                                                  struct hy_web_request *request);
// Constant-time check of one secret against "Authorization: Bearer …"; false for a missing or repeated header.
bool hy_web_bearer_is(const struct hy_web_request *request, const char *secret);

#endif
