#include "lib/core/yaml_walk.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hy_yaml_open(struct hy_yaml *yaml, const char *name, struct hy_bytes text, struct hy_buf *problems) {
    *yaml = (struct hy_yaml){.name = name, .problems = problems};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) return HY_ENOMEM;
    yaml_parser_set_input_string(&parser, text.data != NULL ? text.data : (const uint8_t *)"", text.len);
    if (yaml_parser_load(&parser, &yaml->doc)) {
        yaml->open = true;
        yaml_parser_delete(&parser);
        return 0;
    }
    yaml->mistakes++;
    hy_buf_addf(problems, "%s:%zu:%zu: not YAML: %s\n", name, parser.problem_mark.line + 1,
                parser.problem_mark.column + 1, parser.problem != NULL ? parser.problem : "unreadable");
    yaml_parser_delete(&parser);
    return HY_EFORMAT;
}

void hy_yaml_close(struct hy_yaml *yaml) {
    if (yaml->open) yaml_document_delete(&yaml->doc);
    yaml->open = false;
}

yaml_node_t *hy_yaml_root(struct hy_yaml *yaml) {
    return yaml_document_get_root_node(&yaml->doc);
}

yaml_node_t *hy_yaml_node(struct hy_yaml *yaml, int id) {
    return yaml_document_get_node(&yaml->doc, id);
}

void hy_yaml_problem(struct hy_yaml *yaml, const yaml_node_t *node, const char *fmt, ...) {
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    yaml->mistakes++;
    if (node == NULL)
        hy_buf_addf(yaml->problems, "%s: %s\n", yaml->name, text);
    else
        hy_buf_addf(yaml->problems, "%s:%zu:%zu: %s\n", yaml->name, node->start_mark.line + 1,
                    node->start_mark.column + 1, text);
}

static bool same(const yaml_node_t *node, const char *key) {
    size_t len = strlen(key);
    return node->type == YAML_SCALAR_NODE && node->data.scalar.length == len &&
           memcmp(node->data.scalar.value, key, len) == 0;
}

static void unknown_key(struct hy_yaml *yaml, yaml_node_t *key, const char *what, const struct hy_yaml_key *keys,
                        size_t n) {
    char known[256] = "";
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(known);
        snprintf(known + len, sizeof known - len, "%s%s", i == 0 ? "" : ", ", keys[i].key);
    }
    const char *found = key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : "(no text)";
    hy_yaml_problem(yaml, key, "%s: unknown key '%.60s'; known are %s", what, found, known);
}

void hy_yaml_map(struct hy_yaml *yaml, yaml_node_t *node, const char *what, const struct hy_yaml_key *keys, size_t n,
                 void *ctx) {
    if (node == NULL || node->type != YAML_MAPPING_NODE) {
        hy_yaml_problem(yaml, node, "%s: expected a map of keys", what);
        return;
    }
    uint64_t seen = 0; // tables have fewer than 64 keys
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
        yaml_node_t *key = hy_yaml_node(yaml, p->key);
        size_t i = 0;
        while (i < n && !same(key, keys[i].key))
            i++;
        if (i == n) {
            unknown_key(yaml, key, what, keys, n);
            continue;
        }
        if (seen & (1ULL << i)) {
            hy_yaml_problem(yaml, key, "%s: '%s' stands here twice; keep one", what, keys[i].key);
            continue;
        }
        seen |= 1ULL << i;
        keys[i].read(yaml, hy_yaml_node(yaml, p->value), ctx);
    }
}

void hy_yaml_skip(struct hy_yaml *yaml, yaml_node_t *value, void *ctx) {
    (void)yaml;
    (void)value;
    (void)ctx;
}

yaml_node_t *hy_yaml_find(struct hy_yaml *yaml, yaml_node_t *node, const char *key) {
    if (node == NULL || node->type != YAML_MAPPING_NODE) return NULL;
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++)
        if (same(hy_yaml_node(yaml, p->key), key)) return hy_yaml_node(yaml, p->value);
    return NULL;
}

void hy_yaml_list(struct hy_yaml *yaml, yaml_node_t *node, const char *what,
                  void (*read)(struct hy_yaml *, yaml_node_t *, void *), void *ctx) {
    if (node == NULL || node->type != YAML_SEQUENCE_NODE) {
        hy_yaml_problem(yaml, node, "%s: expected a list", what);
        return;
    }
    for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++)
        read(yaml, hy_yaml_node(yaml, *item), ctx);
}

void hy_yaml_pairs(struct hy_yaml *yaml, yaml_node_t *node, const char *what,
                   void (*read)(struct hy_yaml *, yaml_node_t *, yaml_node_t *, void *), void *ctx) {
    if (node == NULL || node->type != YAML_MAPPING_NODE) {
        hy_yaml_problem(yaml, node, "%s: expected pairs of key and value", what);
        return;
    }
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++)
        read(yaml, hy_yaml_node(yaml, p->key), hy_yaml_node(yaml, p->value), ctx);
}

const char *hy_yaml_text(struct hy_yaml *yaml, const yaml_node_t *node, const char *what, size_t max) {
    if (node == NULL || node->type != YAML_SCALAR_NODE || node->data.scalar.length == 0) {
        hy_yaml_problem(yaml, node, "%s: expected a text that is not empty", what);
        return NULL;
    }
    const char *text = (const char *)node->data.scalar.value;
    if (node->data.scalar.length > max || !hy_utf8_valid(hy_bytes_from(text, node->data.scalar.length))) {
        hy_yaml_problem(yaml, node, "%s: expected at most %zu bytes of UTF-8 without NUL", what, max);
        return NULL;
    }
    return text;
}

bool hy_yaml_number(struct hy_yaml *yaml, const yaml_node_t *node, const char *what, double low, double high,
                    double *out) {
    const char *text = hy_yaml_text(yaml, node, what, 40);
    if (text == NULL) return false;
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value) || value < low || value > high) {
        hy_yaml_problem(yaml, node, "%s: '%s' is no number from %g to %g", what, text, low, high);
        return false;
    }
    *out = value;
    return true;
}

bool hy_yaml_bool(struct hy_yaml *yaml, const yaml_node_t *node, const char *what, bool *out) {
    const char *text = hy_yaml_text(yaml, node, what, 10);
    if (text == NULL) return false;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0) {
        hy_yaml_problem(yaml, node, "%s: '%s' is neither true nor false", what, text);
        return false;
    }
    *out = strcmp(text, "true") == 0;
    return true;
}
