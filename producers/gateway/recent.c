#include "producers/gateway/recent.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

enum { WAYS = 8 };

struct slot {
    uint64_t id; // hash; 0 = free
    uint64_t fingerprint;
    int64_t at_ms;
};

struct recent {
    int64_t keep_ms;
    size_t sets;
    struct slot *slots;
};

struct recent *recent_new(int64_t keep_ms, unsigned ids) {
    struct recent *recent = calloc(1, sizeof *recent);
    if (!recent) return NULL;
    recent->keep_ms = keep_ms;
    recent->sets = 1;
    while (recent->sets * WAYS < (ids ? ids : 65536))
        recent->sets *= 2;
    recent->slots = calloc(recent->sets * WAYS, sizeof *recent->slots);
    if (recent->slots) return recent;
    free(recent);
    return NULL;
}

void recent_free(struct recent *recent) {
    if (!recent) return;
    free(recent->slots);
    free(recent);
}

static uint64_t hash_of(const char *id) {
    uint64_t hash = XXH3_64bits(id, strlen(id));
    return hash ? hash : 1;
}

static struct slot *set_of(struct recent *recent, uint64_t hash) {
    return &recent->slots[(hash & (recent->sets - 1)) * WAYS];
}

enum recent_verdict recent_check(struct recent *recent, const char *id, uint64_t fingerprint, int64_t now_ms) {
    uint64_t hash = hash_of(id);
    struct slot *set = set_of(recent, hash), *oldest = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].id == hash && now_ms - set[i].at_ms <= recent->keep_ms)
            return set[i].fingerprint == fingerprint ? RECENT_REPEATED : RECENT_OTHER;
        if (set[i].id == hash || set[i].at_ms < oldest->at_ms) oldest = &set[i];
    }
    *oldest = (struct slot){hash, fingerprint, now_ms};
    return RECENT_NEW;
}

void recent_forget(struct recent *recent, const char *id) {
    uint64_t hash = hash_of(id);
    struct slot *set = set_of(recent, hash);
    for (int i = 0; i < WAYS; i++)
        if (set[i].id == hash) set[i] = (struct slot){0};
}
