#include "lib/base/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/metrics_series.h"

enum { SLOTS = 2 * HY_METRIC_MOST_SERIES, MOST_FAMILIES = 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hy_metric *slots[SLOTS]; // open addressing by name and labels
static size_t n_series;
static struct hy_metric_family *families[MOST_FAMILIES];
static size_t n_families;

// Where updates go that have no series of their own; one a kind, because the kinds are updated differently.
static const struct hy_metric_family overflow_families[] = {
    [HY_COUNTER] = {.kind = HY_COUNTER},
    [HY_GAUGE] = {.kind = HY_GAUGE},
    [HY_HISTOGRAM] = {.kind = HY_HISTOGRAM},
};
static struct hy_metric overflow[] = {
    [HY_COUNTER] = {.family = &overflow_families[HY_COUNTER]},
    [HY_GAUGE] = {.family = &overflow_families[HY_GAUGE]},
    [HY_HISTOGRAM] = {.family = &overflow_families[HY_HISTOGRAM]},
};
static struct hy_metric *overflow_total;

static const double usual_bounds[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60};

// A wrong registration is a fault of the program text that the first test of it shows; nothing at run time leads here.
static _Noreturn void programming_fault(const char *name, const char *what) {
    fprintf(stderr, "metric %s: %s\n", name, what);
    abort();
}

static void *need(void *memory) {
    if (memory == NULL) programming_fault("-", "out of memory");
    return memory;
}

static size_t hash_of(const char *name, const char *labels) {
    uint64_t hash = 0xcbf29ce484222325u; // FNV-1a
    for (const char *p = name; *p != '\0'; p++) {
        hash = (hash ^ (uint8_t)*p) * 0x100000001b3u;
    }
    hash = (hash ^ '{') * 0x100000001b3u;
    for (const char *p = labels; *p != '\0'; p++) {
        hash = (hash ^ (uint8_t)*p) * 0x100000001b3u;
    }
    return (size_t)(hash % SLOTS);
}

// The slot of the series, or the empty one where it belongs. There is always an empty one: SLOTS is twice the most.
static struct hy_metric **slot_of(const char *name, const char *labels) {
    size_t i = hash_of(name, labels);
    while (slots[i] != NULL) {
        if (strcmp(slots[i]->family->name, name) == 0 && strcmp(slots[i]->labels, labels) == 0) break;
        i = (i + 1) % SLOTS;
    }
    return &slots[i];
}

static void set_bounds(struct hy_metric_family *family, const double *bounds, size_t n) {
    if (bounds == NULL) {
        bounds = usual_bounds;
        n = sizeof usual_bounds / sizeof *usual_bounds;
    }
    if (n == 0 || n > HY_METRIC_MOST_BOUNDS) programming_fault(family->name, "1 to 32 bounds expected");
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(bounds[i]) || (i > 0 && bounds[i] <= bounds[i - 1]))
            programming_fault(family->name, "bounds must be finite and rise");
        family->bounds[i] = bounds[i];
    }
    family->n_bounds = n;
}

// Name, kind and help of the first registration hold.
static const struct hy_metric_family *family_of(const struct hy_metric_family *wanted, const double *bounds, size_t n) {
    for (size_t i = 0; i < n_families; i++) {
        if (strcmp(families[i]->name, wanted->name) != 0) continue;
        if (families[i]->kind != wanted->kind) programming_fault(wanted->name, "registered with another kind before");
        return families[i];
    }
    if (!hy_metric_name_valid(wanted->name)) programming_fault(wanted->name, "not a metric's name");
    if (n_families == MOST_FAMILIES) return NULL;
    struct hy_metric_family *family = need(calloc(1, sizeof *family));
    family->kind = wanted->kind;
    family->name = need(strdup(wanted->name));
    family->help = need(strdup(wanted->help == NULL ? "" : wanted->help));
    if (family->kind == HY_HISTOGRAM) set_bounds(family, bounds, n);
    families[n_families++] = family;
    return family;
}

static struct hy_metric *add_series(struct hy_metric **slot, const struct hy_metric_family *family,
                                    const char *labels) {
    struct hy_metric *metric = need(calloc(1, sizeof *metric));
    metric->family = family;
    metric->labels = need(strdup(labels));
    *slot = metric;
    n_series++;
    return metric;
}

// The last of the series is kept for the counter that says so.
static struct hy_metric *overflow_of(enum hy_metric_kind kind) {
    if (overflow_total == NULL) {
        struct hy_metric_family wanted = {
            .kind = HY_COUNTER,
            .name = "huiying_metrics_overflow_total",
            .help = "Uses of a metric that found no room among the series, or had malformed labels.",
        };
        struct hy_metric **slot = slot_of(wanted.name, "");
        const struct hy_metric_family *family = family_of(&wanted, NULL, 0);
        overflow_total = *slot;
        if (*slot == NULL) overflow_total = family == NULL ? &overflow[HY_COUNTER] : add_series(slot, family, "");
    }
    hy_metric_add(overflow_total, 1);
    return &overflow[kind];
}

static struct hy_metric *get_locked(const struct hy_metric_family *wanted, const char *labels, const double *bounds,
                                    size_t n) {
    struct hy_metric **slot = slot_of(wanted->name, labels);
    if (*slot != NULL && (*slot)->family->kind == wanted->kind) return *slot;
    const struct hy_metric_family *family = family_of(wanted, bounds, n);
    bool room = n_series + (overflow_total == NULL) < HY_METRIC_MOST_SERIES;
    if (family == NULL || !room || !hy_metric_labels_valid(labels)) return overflow_of(wanted->kind);
    return add_series(slot, family, labels);
}

static struct hy_metric *get(enum hy_metric_kind kind, const char *name, const char *help, const char *labels,
                             const double *bounds, size_t n) {
    if (labels == NULL) labels = "";
    struct hy_metric_family wanted = {.kind = kind, .name = name, .help = help};
    pthread_mutex_lock(&lock);
    struct hy_metric *metric = get_locked(&wanted, labels, bounds, n);
    pthread_mutex_unlock(&lock);
    return metric;
}

struct hy_metric *hy_metric_get(enum hy_metric_kind kind, const char *name, const char *help, const char *labels) {
    return get(kind, name, help, labels, NULL, 0);
}

struct hy_metric *hy_metric_histogram(const char *name, const char *help, const char *labels, const double *bounds,
                                      size_t n) {
    return get(HY_HISTOGRAM, name, help, labels, bounds, n);
}

double hy_metric_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void add_value(struct hy_metric *metric, double amount) {
    uint64_t old = atomic_load_explicit(&metric->value, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&metric->value, &old, bits_of(hy_metric_bits(old) + amount),
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

void hy_metric_add(struct hy_metric *metric, double amount) {
    bool falls = !(amount >= 0); // or is no number
    if (metric->family->kind == HY_HISTOGRAM || (metric->family->kind == HY_COUNTER && falls)) return;
    add_value(metric, amount);
}

void hy_metric_set(struct hy_metric *metric, double value) {
    if (metric->family->kind != HY_GAUGE) return;
    atomic_store_explicit(&metric->value, bits_of(value), memory_order_relaxed);
}

void hy_metric_observe(struct hy_metric *metric, double value) {
    const struct hy_metric_family *family = metric->family;
    if (family->kind != HY_HISTOGRAM || isnan(value)) return;
    size_t i = 0;
    while (i < family->n_bounds && value > family->bounds[i]) {
        i++;
    }
    atomic_fetch_add_explicit(&metric->buckets[i], 1, memory_order_relaxed);
    add_value(metric, value);
}

double hy_metric_value(const struct hy_metric *metric) {
    if (metric->family->kind != HY_HISTOGRAM)
        return hy_metric_bits(atomic_load_explicit(&metric->value, memory_order_relaxed));
    uint64_t count = 0;
    for (size_t i = 0; i <= metric->family->n_bounds; i++) {
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
    }
    return (double)count;
}

size_t hy_metric_all(const struct hy_metric **out) {
    pthread_mutex_lock(&lock);
    size_t n = 0;
    for (size_t i = 0; i < SLOTS; i++) {
        if (slots[i] != NULL) out[n++] = slots[i];
    }
    pthread_mutex_unlock(&lock);
    return n;
}
