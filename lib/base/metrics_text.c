// The text side of metrics: names, labels, and the exposition format 0.0.4.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/metrics_series.h"

static bool name_char(char c, bool first, bool colon) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':')) return true;
    return !first && c >= '0' && c <= '9';
}

bool hy_metric_name_valid(const char *name) {
    size_t n = 0;
    while (name_char(name[n], n == 0, true)) {
        n++;
    }
    return n > 0 && name[n] == '\0';
}

// Past one key="value", or NULL.
static const char *past_label(const char *p) {
    size_t n = 0;
    while (name_char(p[n], n == 0, false)) {
        n++;
    }
    if (n == 0 || p[n] != '=' || p[n + 1] != '"') return NULL;
    for (p += n + 2; *p != '"'; p++) {
        if (*p == '\0' || *p == '\n') return NULL;
        if (*p == '\\' && strchr("\\\"n", *++p) == NULL) return NULL;
        if (*p == '\0') return NULL;
    }
    return p + 1;
}

bool hy_metric_labels_valid(const char *labels) {
    if (*labels == '\0') return true;
    if (!hy_utf8_valid(hy_bytes_of(labels))) return false;
    for (const char *p = labels;; p++) {
        p = past_label(p);
        if (p == NULL) return false;
        if (*p == '\0') return true;
        if (*p != ',') return false;
    }
}

static const char *escape_of(char c) {
    if (c == '\\') return "\\\\";
    if (c == '"') return "\\\"";
    return c == '\n' ? "\\n" : NULL;
}

// Length of the character at text (not its end); 0 if it is none.
static size_t character_at(const char *text) {
    for (size_t n = 1; n <= 4 && text[n - 1] != '\0'; n++) {
        if (hy_utf8_valid(hy_bytes_from(text, n))) return n;
    }
    return 0;
}

char *hy_metric_label(char *out, size_t size, const char *key, const char *value) {
    int head = snprintf(out, size, "%s=\"", key);
    if (head < 0 || (size_t)head + 2 > size) { // no room even for an empty value: no label at all
        if (size > 0) out[0] = '\0';
        return out;
    }
    char *p = out + head;
    char *end = out + size - 2; // room for the closing quote and the NUL
    const char *v = value == NULL ? "" : value;
    while (*v != '\0') {
        size_t taken = character_at(v);
        const char *escape = taken == 0 ? "?" : escape_of(*v);
        size_t n = escape == NULL ? taken : strlen(escape);
        if (n > (size_t)(end - p)) break;
        memcpy(p, escape == NULL ? v : escape, n);
        p += n;
        v += taken == 0 ? 1 : taken;
    }
    p[0] = '"';
    p[1] = '\0';
    return out;
}

// The shortest text that reads back as the same double.
static void add_number(struct hy_buf *out, double value) {
    if (isnan(value) || isinf(value)) {
        hy_buf_adds(out, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    char text[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value) break;
    }
    hy_buf_adds(out, text);
}

static void add_help(struct hy_buf *out, const char *help) {
    for (const char *p = help; *p != '\0'; p++) {
        const char *escape = *p == '"' ? NULL : escape_of(*p);
        if (escape != NULL)
            hy_buf_adds(out, escape);
        else
            hy_buf_add(out, p, 1);
    }
}

static void add_head(struct hy_buf *out, const struct hy_metric_family *family) {
    static const char *const kinds[] = {[HY_COUNTER] = "counter", [HY_GAUGE] = "gauge", [HY_HISTOGRAM] = "histogram"};
    hy_buf_addf(out, "# HELP %s ", family->name);
    add_help(out, family->help);
    hy_buf_addf(out, "\n# TYPE %s %s\n", family->name, kinds[family->kind]);
}

static void add_sample(struct hy_buf *out, const struct hy_metric *metric, const char *suffix, double value) {
    hy_buf_addf(out, "%s%s", metric->family->name, suffix);
    if (*metric->labels != '\0') hy_buf_addf(out, "{%s}", metric->labels);
    hy_buf_adds(out, " ");
    add_number(out, value);
    hy_buf_adds(out, "\n");
}

static void add_bucket(struct hy_buf *out, const struct hy_metric *metric, double bound, uint64_t count) {
    hy_buf_addf(out, "%s_bucket{%s%sle=\"", metric->family->name, metric->labels, *metric->labels == '\0' ? "" : ",");
    add_number(out, bound);
    hy_buf_addf(out, "\"} %llu\n", (unsigned long long)count);
}

// _count is what the buckets add up to, not a counter of its own: so they agree in every scrape.
static void add_histogram(struct hy_buf *out, const struct hy_metric *metric) {
    const struct hy_metric_family *family = metric->family;
    uint64_t count = 0;
    for (size_t i = 0; i <= family->n_bounds; i++) {
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        add_bucket(out, metric, i < family->n_bounds ? family->bounds[i] : (double)INFINITY, count);
    }
    add_sample(out, metric, "_sum", hy_metric_bits(atomic_load_explicit(&metric->value, memory_order_relaxed)));
    add_sample(out, metric, "_count", (double)count);
}

static int by_name(const void *a, const void *b) {
    const struct hy_metric *x = *(const struct hy_metric *const *)a, *y = *(const struct hy_metric *const *)b;
    int order = strcmp(x->family->name, y->family->name);
    return order != 0 ? order : strcmp(x->labels, y->labels);
}

void hy_metrics_render(struct hy_buf *out) {
    // NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant
    const struct hy_metric **all = calloc(HY_METRIC_MOST_SERIES, sizeof *all);
    if (all == NULL) {
        out->failed = true;
        return;
    }
    size_t n = hy_metric_all(all);
    qsort(all, n, sizeof *all, by_name); // NOLINT(bugprone-sizeof-expression)
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || all[i]->family != all[i - 1]->family) add_head(out, all[i]->family);
        if (all[i]->family->kind == HY_HISTOGRAM)
            add_histogram(out, all[i]);
        else
            add_sample(out, all[i], "", hy_metric_value(all[i]));
    }
    free(all);
}
