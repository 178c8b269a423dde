// One platform = one folder under adapters/, one struct hy_adapter, one config table, one line in registry.c. Gateway,
// poller and courier find it there by name; no platform's name stands anywhere else.
//
// Decoding is pure: bytes in → events, or a refusal with a status and a reason, out. No I/O, no clock, no globals; all
// memory comes from the arena that is passed in. So captured requests can be decoded again anywhere (tests, fuzzing,
// `hyctl adapter decode`), and the programs do everything about sockets, Kafka and time.
//
// To add a platform: a folder with its struct (adapters/weixin is the model), a line in registry.c, its test under
// tests/unit/adapters, its row in docs/contract.md.
#ifndef HY_ADAPTERS_ADAPTER_H
#define HY_ADAPTERS_ADAPTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "huiying/v1/event.pb-c.h"
#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/config.h"
#include "lib/base/error.h"
#include "lib/web/url.h"

// ---- in: one request of a platform ----

// Everything is borrowed for the call.
struct hy_adapter_request {
    const char *method;
    const char *path;                // as sent, without query
    const struct hy_web_pair *query; // percent-decoded once, in order, duplicates kept
    size_t n_query;
    const struct hy_web_pair *headers; // in order, duplicates kept
    size_t n_headers;
    struct hy_bytes body; // raw
    int64_t now_ms;       // when the edge took it, ms since 1970 UTC
    const char *made_id;  // an id that the edge made for this request, for platforms that may send none; else NULL
};

// The only value of a query parameter or a header (any case); NULL when it is absent. *twice (may be NULL) is set when
// it occurs more than once.
const char *hy_adapter_query(const struct hy_adapter_request *request, const char *name, bool *twice);
const char *hy_adapter_header(const struct hy_adapter_request *request, const char *name, bool *twice);

// ---- out: what it is ----

enum hy_adapter_verdict {
    HY_ADAPTER_REFUSED, // status, reason; nothing else. The zero value.
    HY_ADAPTER_EVENTS,  // n_events events; when they are safe, answer with status and answer
    HY_ADAPTER_ANSWER,  // nothing to keep: answer at once (URL checks, notices that are only counted)
};

struct hy_adapter_result {
    enum hy_adapter_verdict verdict;
    unsigned status; // HTTP status of the answer
    const char
        *reason;      // of a refusal: a short fixed class ("signature"), never from input; else what it was counted as
    char detail[192]; // of a refusal: what to do, no personal data
    // Set when the platform itself certainly sent it (its signature was right) although it was refused: it must not be
    // lost, so the gateway keeps it as a dead letter and answers as if it were taken (acknowledgement below).
    bool authentic;
    Huiying__V1__Event **events;
    size_t n_events;
    const char *answer_type;
    struct hy_bytes answer;
    // Of the content without times, 0 = none: equal id with another fingerprint is a client's mistake, not a
    // repetition.
    uint64_t fingerprint;
};

// Makes *result a refusal and returns HY_EINVALID, so that a decoder writes `return hy_adapter_refuse(…)`.
int hy_adapter_refuse(struct hy_adapter_result *result, unsigned status, const char *reason, const char *fmt, ...)
    HY_PRINTF(4, 5);
// Makes *result an immediate answer; answer is borrowed (arena or static). Returns HY_OK.
int hy_adapter_answer(struct hy_adapter_result *result, unsigned status, const char *type, struct hy_bytes answer,
                      const char *counted_as);

// ---- one call out, for polling and replying: built and read by the adapter, made by the program ----

struct hy_adapter_call {
    const char *method;
    const char *url;
    const char *const *headers; // "Name: value", NULL-terminated
    struct hy_bytes body;
    bool once; // without an idempotency key: never to be sent twice
};

enum hy_adapter_outcome { // of a reply, as DeliveryOutcome of the contract
    HY_ADAPTER_SENT,
    HY_ADAPTER_FAILED,
    HY_ADAPTER_RETRY,
    HY_ADAPTER_UNKNOWN
};

// ---- the adapter ----

struct hy_adapter {
    const char *name;                 // the platform's name in events: lower case letters and digits
    const char *description;          // one sentence
    const struct hy_config_row *rows; // of one account; keys without the platform's name
    size_t n_rows;
    size_t config_size;

    // Where pushes arrive: a pattern of lib/web/url.h. With "{account}" it names the account; without, the platform has
    // one instance, "default", which exists even without a configuration file when all its rows have defaults.
    const char *path;
    // What is answered for an authentic push that could not be read, after it is kept as a dead letter.
    const char *acknowledgement;

    // Checks a configuration (borrowed; valid as long as the account) and derives what decoding needs. *out is freed by
    // close. HY_ECONFIG names the key, the reason and what to do. Not pure: may ask the crypto library.
    int (*open)(const void *config, const char *account, void **out, struct hy_error *err);
    void (*close)(void *account);

    // A push (POST): verify over the raw bytes, then decode. Fills *result in every case; events and answer live in the
    // arena. HY_OK, HY_EINVALID (refused), or HY_ENOMEM when the arena is exhausted.
    int (*decode)(const void *account, const struct hy_adapter_request *request, struct hy_arena *arena,
                  struct hy_adapter_result *result);
    // The platform's check of the URL (GET); NULL = the platform has none (405).
    int (*check_url)(const void *account, const struct hy_adapter_request *request, struct hy_arena *arena,
                     struct hy_adapter_result *result);

    // Pulling, optional (all or none). ask builds the next call from the cursor (empty at first; opaque to the poller,
    // which stores it after Kafka's ack); HY_EAGAIN with *wait_ms says when. take reads the answer (status 0 = none
    // came) into events and the cursor after it, and says whether more waits at once. Both are pure; windows must
    // overlap, for events with equal ids are harmless and missed ones are not.
    int (*poll_ask)(const void *account, struct hy_bytes cursor, int64_t now_ms, struct hy_arena *arena,
                    struct hy_adapter_call *call, int64_t *wait_ms, struct hy_error *err);
    int (*poll_take)(const void *account, struct hy_bytes cursor, long status, struct hy_bytes answer, int64_t now_ms,
                     struct hy_arena *arena, struct hy_adapter_result *result, struct hy_bytes *next, bool *more);

    // Replying to the writer of an event, optional (both or none). ask builds the call; take judges the answer (status
    // 0 = none came; sent says whether anything left the machine): UNKNOWN, never RETRY, when it may have been
    // delivered. receipt is what proves the delivery (arena). Both are pure.
    int (*reply_ask)(const void *account, const Huiying__V1__Event *to, const char *text, const char *delivery_id,
                     struct hy_arena *arena, struct hy_adapter_call *call, struct hy_error *err);
    int (*reply_take)(const void *account, long status, bool sent, struct hy_bytes answer, struct hy_arena *arena,
                      enum hy_adapter_outcome *outcome, const char **receipt, struct hy_error *err);
};

// Every adapter, in the order of registration; the one of that name, or NULL.
const struct hy_adapter *const *hy_adapters(size_t *n);
const struct hy_adapter *hy_adapter_find(const char *name);

#endif
