// The text rules of a request target (RFC 3986, RFC 9110 section 7): percent-decoding, the query's pairs, the path's
// segments. Pure. Every value is decoded exactly once; what cannot be decoded is refused, never passed on half done.
// To allow another form, change the rule here and its line in tests/unit/web/test_url.c.
#ifndef HY_WEB_URL_H
#define HY_WEB_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/bytes.h"

// A decoded name and its value, NUL-terminated; both point into memory of the owner of the list.
struct hy_web_pair {
    const char *name;
    const char *value;
};

enum { HY_WEB_QUERY_MAX = 64, HY_WEB_SEGMENTS_MAX = 16 };

// A request target taken apart. Zero-initialise before hy_web_target_parse; hy_web_target_free releases it.
struct hy_web_target {
    char *memory;     // decoded copy; all pointers below point into it
    const char *path; // the path as it was sent, undecoded, without the query
    struct hy_web_pair query[HY_WEB_QUERY_MAX];
    size_t n_query;
    const char *segments[HY_WEB_SEGMENTS_MAX]; // decoded; "/a/b" = {"a", "b"}, "/a/" = {"a", ""}
    size_t n_segments;
};

// Decodes len bytes of percent-encoded text into out (room for len + 1), NUL-terminated; with plus, "+" is a space.
// Returns the number of bytes, or HY_EFORMAT for a broken escape, an encoded NUL, or bytes that are no UTF-8.
HY_MUST_CHECK int hy_web_decode(const char *text, size_t len, bool plus, char *out);

// Takes an origin-form target ("/path?query") apart. HY_EFORMAT for what is no such target, a "." or ".." segment, a
// control character; HY_ETOOBIG beyond the limits above. err may be NULL.
HY_MUST_CHECK int hy_web_target_parse(const char *target, struct hy_web_target *out, struct hy_error *err);
void hy_web_target_free(struct hy_web_target *target);

// True when the segments match a pattern such as "/v1/cases/{id}/act". "{name}" matches one non-empty segment; a last
// "*" matches any rest (also none).
bool hy_web_pattern_match(const char *pattern, const struct hy_web_target *target);
// The value that "{name}" took in a matching target (borrowed), or NULL.
const char *hy_web_pattern_param(const char *pattern, const struct hy_web_target *target, const char *name);

#endif
