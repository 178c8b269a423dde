// Errors: one list of codes with texts, and a caller-owned place for the sentence that a person reads.
//
// Every fallible function returns 0 or a negative HY_E* code and, where it can say more, fills the struct hy_error
// given as its last parameter (may be NULL). The text names the input, the reason and what to do; it never holds
// personal data. To add a code, add a row to HY_ERROR_MAP; nothing else.
#ifndef HY_BASE_ERROR_H
#define HY_BASE_ERROR_H

#define HY_ERROR_MAP(X)                                                                                                \
    X(INVALID, "invalid input")                                                                                        \
    X(NOMEM, "out of memory")                                                                                          \
    X(NOTFOUND, "not found")                                                                                           \
    X(EXISTS, "exists already")                                                                                        \
    X(RANGE, "out of range")                                                                                           \
    X(TOOBIG, "too large")                                                                                             \
    X(FORMAT, "malformed data")                                                                                        \
    X(VERSION, "unknown version")                                                                                      \
    X(IO, "input or output failed")                                                                                    \
    X(NET, "network unreachable")                                                                                      \
    X(TIMEOUT, "timed out")                                                                                            \
    X(AGAIN, "busy, try again")                                                                                        \
    X(FULL, "no room left")                                                                                            \
    X(DENIED, "not allowed")                                                                                           \
    X(AUTH, "signature or credentials do not match")                                                                   \
    X(FENCED, "another owner took over")                                                                               \
    X(LOST, "assignment lost")                                                                                         \
    X(STALE, "older than what is stored")                                                                              \
    X(CONFIG, "configuration refused")                                                                                 \
    X(MISMATCH, "does not match what was agreed")                                                                      \
    X(CLOSED, "closed")                                                                                                \
    X(UNKNOWN, "result unknown")                                                                                       \
    X(INTERNAL, "internal fault")

enum hy_error_ordinal {
#define X(name, text) HY_ORDINAL_##name,
    HY_ERROR_MAP(X)
#undef X
        HY_ORDINAL_COUNT
};

enum hy_error_code {
    HY_OK = 0,
#define X(name, text) HY_E##name = -(1 + HY_ORDINAL_##name),
    HY_ERROR_MAP(X)
#undef X
};

#define HY_MUST_CHECK        __attribute__((warn_unused_result))
#define HY_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

// A sentence for the person who must act, beside the code. Owned by the caller, usually on the stack.
struct hy_error {
    int code;
    char text[512];
};

// The name ("HY_EINVALID") and the general text of a code; "HY_OK" for 0, "HY_E?" for what is not a code. Static
// strings.
const char *hy_error_name(int code);
const char *hy_error_text(int code);

// Fills *err (if not NULL) with code and a printf text and returns code, so that a caller writes
// `return hy_fail(err, HY_EINVALID, "…")`.
int hy_fail(struct hy_error *err, int code, const char *fmt, ...) HY_PRINTF(3, 4);

// Puts a printf text and ": " before the text that *err already holds, keeps its code, and returns that code.
int hy_fail_at(struct hy_error *err, const char *fmt, ...) HY_PRINTF(2, 3);

#endif
