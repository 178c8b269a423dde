// Which event ids came lately, with a fingerprint of their content: a client that sends another message under the same
// Idempotency-Key must be told, because readers would take it for a repetition and pass it over. Bounded and in memory
// only; when it forgets, the worst is that such a mistake is not told. Pure.
#ifndef HY_GATEWAY_RECENT_H
#define HY_GATEWAY_RECENT_H

#include <stdint.h>

struct recent;

enum recent_verdict { RECENT_NEW, RECENT_REPEATED, RECENT_OTHER };

// Remembers for keep_ms, about `ids` of them (0 = 65,536). NULL when memory is out.
struct recent *recent_new(int64_t keep_ms, unsigned ids);
void recent_free(struct recent *recent);
// Has this id come within keep_ms, and with this content (fingerprint != 0)? A new one is remembered.
enum recent_verdict recent_check(struct recent *recent, const char *id, uint64_t fingerprint, int64_t now_ms);
// Takes it back: it was not accepted after all.
void recent_forget(struct recent *recent, const char *id);

#endif
