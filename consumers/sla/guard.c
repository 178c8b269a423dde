#include "consumers/sla/guard.h"

enum { STEADY_MS = 1000, PATIENCE = 10, UNSEEN_MS = 5000 };

static int64_t distance(int64_t a, int64_t b) {
    return a > b ? a - b : b - a;
}

static void note(struct sla_guard *guard, int64_t redis_ms, int64_t mono_ms) {
    guard->known = true;
    guard->redis_ms = redis_ms;
    guard->mono_ms = mono_ms;
}

int64_t sla_guard_expect(const struct sla_guard *guard, int64_t mono_ms) {
    return guard->known ? guard->redis_ms + (mono_ms - guard->mono_ms) : -1;
}

bool sla_guard_wrong(const struct sla_guard *guard, int64_t redis_ms, int64_t host_ms) {
    return !guard->known && distance(redis_ms, host_ms) > guard->slack_ms;
}

void sla_guard_accept(struct sla_guard *guard, int64_t redis_ms, int64_t mono_ms) {
    note(guard, redis_ms, mono_ms);
}

void sla_guard_stepped(struct sla_guard *guard, int64_t redis_ms, int64_t mono_ms) {
    guard->held = true;
    guard->steady_since_ms = mono_ms;
    note(guard, redis_ms, mono_ms);
}

bool sla_guard_recovers(struct sla_guard *guard, int64_t redis_ms, int64_t mono_ms, int64_t host_ms) {
    // What nobody read may have been anything: right for a while, and wrong by as much again.
    bool unseen = mono_ms - guard->mono_ms > UNSEEN_MS;
    bool moved = distance(redis_ms, sla_guard_expect(guard, mono_ms)) > STEADY_MS;
    if (unseen || moved) guard->steady_since_ms = mono_ms;
    note(guard, redis_ms, mono_ms);
    int64_t steady = mono_ms - guard->steady_since_ms;
    if (steady < guard->hold_ms || (sla_guard_apart(guard, redis_ms, host_ms) && steady < guard->hold_ms * PATIENCE))
        return false;
    guard->held = false;
    return true;
}

bool sla_guard_apart(const struct sla_guard *guard, int64_t redis_ms, int64_t host_ms) {
    return distance(redis_ms, host_ms) > guard->agree_ms;
}
