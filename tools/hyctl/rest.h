// The dashboard's REST as commands use it (docs/rest.md): where it is, with which token, one call, and what its errors
// mean for whoever typed the command. The token comes from a file or HY_TOKEN, never from the command line, where other
// users of the machine could read it. A new call: hyctl_rest with its path.
#ifndef HY_TOOLS_HYCTL_REST_H
#define HY_TOOLS_HYCTL_REST_H

#include <jansson.h>

#include "lib/base/bytes.h"
#include "tools/hyctl/where.h"

#define HYCTL_REST_OPTIONS                                                                                             \
    {"url", "URL", "the dashboard (else the one of the data folder, else http://127.0.0.1:8090)"},                     \
        {"token-file", "FILE", "file of the token (else HY_TOKEN, else the data folder's token of --as)"},             \
        {"as", "NAME", "which token of the data folder: operator (default), department, wangxinban"},                  \
        HYCTL_CONFIG_OPTION, HYCTL_DATA_OPTION

// Zero-initialise; hyctl_rest_close wipes the token.
struct hyctl_rest {
    char url[512]; // without a slash at its end
    struct hy_buf token;
    const char *repeat_key; // Idempotency-Key of the next POST; borrowed, NULL = none
    bool uncertain;         // the last call may have been taken though no good answer came
};

// An exit code; what is missing is said.
int hyctl_rest_open(const struct hyctl_args *args, struct hyctl_rest *out);
void hyctl_rest_close(struct hyctl_rest *rest);

// GET when body is NULL, else POST (body is borrowed). An answer of status 200, 202 or, for acts, 409 with a verdict is
// HYCTL_OK and *out owned; any other is said on stderr with what to do, HYCTL_FAILED and *out NULL.
int hyctl_rest(struct hyctl_rest *rest, const char *path, const json_t *body, json_t **out);

// "/v1/cases/" + id + "acts", percent-encoded; freed by hy_buf_free.
void hyctl_rest_path(struct hy_buf *out, const char *folder, const char *id, const char *rest);
// What a status means for whoever typed the command: "the token is not known…"; never NULL. Static.
const char *hyctl_rest_hint(long status);

#endif
