#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/random.h"

enum { MS_OF_MONO = 1000000 };
static const uint64_t STRIDE = 0x9e3779b97f4a7c15U;

struct sim sim_now;

static int64_t wall_ms(void *ctx) {
    (void)ctx;
    return sim_now.now_ms;
}

// Begins an hour in, so that "never" (0) lies in the past for whoever compares.
static int64_t mono_ns(void *ctx) {
    (void)ctx;
    return (sim_now.now_ms - sim_now.start_ms + 3600000) * MS_OF_MONO;
}

void sim_start(int64_t start_ms, uint64_t seed) {
    sim_now = (struct sim){.start_ms = start_ms,
                           .now_ms = start_ms,
                           .chance = seed * STRIDE + 1,
                           .trace = 0xcbf29ce484222325U,
                           .clock = {.wall_ms = wall_ms, .mono_ns = mono_ns}};
}

void sim_end(void) {
    free(sim_now.events);
    sim_now.events = NULL;
    sim_now.n_events = sim_now.cap_events = 0;
}

static bool before(const struct sim_event *a, const struct sim_event *b) {
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->seq < b->seq;
}

static void swap(size_t i, size_t j) {
    struct sim_event event = sim_now.events[i];
    sim_now.events[i] = sim_now.events[j];
    sim_now.events[j] = event;
}

static void rise(size_t i) {
    for (; i > 0 && before(&sim_now.events[i], &sim_now.events[(i - 1) / 2]); i = (i - 1) / 2)
        swap(i, (i - 1) / 2);
}

static void sink(size_t i) {
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < sim_now.n_events; child++)
            if (before(&sim_now.events[child], &sim_now.events[least])) least = child;
        if (least == i) return;
        swap(i, least);
        i = least;
    }
}

void sim_after(int64_t delay_ms, sim_fn fn, void *ctx, uint64_t tag) {
    if (sim_now.n_events == sim_now.cap_events) {
        sim_now.cap_events = sim_now.cap_events ? sim_now.cap_events * 2 : 1024;
        sim_now.events = realloc(sim_now.events, sim_now.cap_events * sizeof *sim_now.events);
        if (!sim_now.events) abort();
    }
    sim_now.events[sim_now.n_events] = (struct sim_event){.at_ms = sim_now.now_ms + (delay_ms > 0 ? delay_ms : 0),
                                                          .seq = sim_now.next_seq++,
                                                          .fn = fn,
                                                          .ctx = ctx,
                                                          .tag = tag};
    rise(sim_now.n_events++);
}

bool sim_step(int64_t until_ms) {
    if (sim_now.n_events == 0 || sim_now.events[0].at_ms > until_ms) return false;
    struct sim_event event = sim_now.events[0];
    sim_now.events[0] = sim_now.events[--sim_now.n_events];
    sink(0);
    sim_now.now_ms = event.at_ms;
    event.fn(event.ctx, event.tag);
    return true;
}

// splitmix64 (Steele, Lea, Flood 2014).
static uint64_t mixed(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

uint64_t sim_random(void) {
    return mixed(sim_now.chance += STRIDE);
}

int64_t sim_below(int64_t n) {
    return (int64_t)(sim_random() % (uint64_t)n);
}

int64_t sim_between(int64_t least, int64_t most) {
    return least + sim_below(most - least + 1);
}

bool sim_chance(int64_t one_in) {
    return one_in > 0 && sim_below(one_in) == 0;
}

void sim_note(const void *bytes, size_t len) {
    const unsigned char *at = bytes;
    for (size_t left = len; left > 0; left -= left < 8 ? left : 8, at += 8) {
        uint64_t word = 0;
        memcpy(&word, at, left < 8 ? left : 8);
        sim_now.trace = (sim_now.trace ^ word) * STRIDE;
        sim_now.trace ^= sim_now.trace >> 29;
    }
}

// In the place of the kernel's. A stream of its own that no run begins anew: tokens never come twice, and the seed of
// the hash tables, asked for once a process, is the same in each.
int hy_random(void *out, size_t n) {
    static uint64_t stream;
    unsigned char *at = out;
    for (size_t i = 0; i < n; i++)
        at[i] = (unsigned char)(mixed(stream += STRIDE) >> 32);
    return HY_OK;
}
