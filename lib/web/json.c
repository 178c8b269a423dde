#include <string.h>
#include <strings.h>

#include "lib/web/internal.h"

// Depth of nesting outside strings, counted before parsing so that the refusal names the true reason.
static size_t nesting(struct hy_bytes text) {
    size_t depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > deepest) deepest = depth;
        } else if ((c == ']' || c == '}') && depth) {
            depth--;
        }
    }
    return deepest;
}

static const char *reason_of(const json_error_t *error) {
    switch (json_error_code(error)) {
    case json_error_duplicate_key:
        return "duplicate_key";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "nul";
    case json_error_invalid_utf8:
        return "utf8";
    case json_error_stack_overflow:
        return "depth";
    default:
        return "json";
    }
}

json_t *hy_web_json_parse(struct hy_bytes text, const char **reason, struct hy_error *err) {
    if (text.len && memchr(text.data, 0, text.len)) {
        *reason = "nul";
        hy_fail(err, HY_EFORMAT, "the text holds a NUL byte");
        return NULL;
    }
    if (!hy_utf8_valid(text)) {
        *reason = "utf8";
        hy_fail(err, HY_EFORMAT, "the text is no valid UTF-8");
        return NULL;
    }
    if (nesting(text) > HY_WEB_JSON_DEPTH) {
        *reason = "depth";
        hy_fail(err, HY_EFORMAT, "the JSON is nested more than %d deep", HY_WEB_JSON_DEPTH);
        return NULL;
    }
    json_error_t error = {0};
    json_t *root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (root) return root;
    *reason = reason_of(&error);
    // Only the place is told: jansson's own text quotes what it read near it.
    hy_fail(err, HY_EFORMAT, "the JSON cannot be read (%s), line %d, column %d", *reason, error.line, error.column);
    return NULL;
}

static bool is_json(const char *type) {
    static const char json[] = "application/json";
    if (!type || strncasecmp(type, json, sizeof json - 1) != 0) return false;
    char after = type[sizeof json - 1];
    return after == '\0' || after == ';' || after == ' ';
}

json_t *hy_web_json_body(struct hy_web_request *request) {
    struct hy_error err = {0};
    const char *reason = "json";
    if (!is_json(hy_web_header(request, "Content-Type"))) {
        hy_web_refuse(request, 415, "content_type", "send JSON with Content-Type: application/json");
        return NULL;
    }
    json_t *root = hy_web_json_parse(hy_web_body(request), &reason, &err);
    if (!root) {
        hy_web_refuse(request, 400, reason, "%s", err.text);
        return NULL;
    }
    if (json_is_object(root)) return root;
    json_decref(root);
    hy_web_refuse(request, 400, "json", "send a JSON object");
    return NULL;
}
