// The YAML file of a configuration: nested maps are flattened to dotted keys. Only what a configuration needs is
// accepted: maps and scalars of one document. Aliases, tags and lists are refused, each with its line.
#include <string.h>
#include <strings.h>

#include <yaml.h>

#include "lib/base/config_inner.h"

enum { MOST_DEPTH = 8, MOST_KEYS = 2000, MOST_TOLD = 100 };

struct source {
    struct hy_config_loading *loading;
    struct hy_bytes yaml;
    yaml_parser_t *parser;
};

struct walk {
    struct hy_config_loading *loading;
    yaml_document_t *document;
    int depth;
    size_t keys;
    char key[HY_CONFIG_KEY_SIZE]; // the dotted key so far
};

static void problem(struct walk *walk, const yaml_node_t *node, const char *what) {
    hy_config_problem(walk->loading, HY_FROM_FILE, (int)node->start_mark.line + 1, walk->key, "%s", what);
}

static bool is_scalar(const yaml_node_t *node) {
    return node->type == YAML_SCALAR_NODE;
}

// A key or value that means "nothing" in YAML. Taking it for a text would surprise, taking it for empty too.
static bool is_null(const yaml_node_t *node) {
    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return false;
    const char *text = (const char *)node->data.scalar.value;
    return *text == '\0' || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0;
}

static bool has_nul(const yaml_node_t *node) {
    return strlen((const char *)node->data.scalar.value) != node->data.scalar.length;
}

static bool tag_is(const yaml_node_t *node, const char *usual) {
    return node->tag == NULL || strcmp((const char *)node->tag, usual) == 0;
}

static void walk_map(struct walk *walk, const yaml_node_t *map);

static void walk_value(struct walk *walk, const yaml_node_t *key, const yaml_node_t *value) {
    if (hy_config_is_foreign(walk->loading->table, walk->key)) return;
    // libyaml makes one node of an anchor and its aliases; a node that stands before its key was met elsewhere.
    if (value->start_mark.index < key->start_mark.index)
        problem(walk, key, "aliases (*name) are not supported; write the value out");
    else if (value->type == YAML_MAPPING_NODE)
        walk_map(walk, value);
    else if (!is_scalar(value))
        problem(walk, key, "a list cannot stand here; write the value as one text");
    else if (!tag_is(value, YAML_STR_TAG))
        problem(walk, key, "tags (!name) are not supported");
    else if (is_null(value))
        problem(walk, key, "has no value; write \"\" for an empty one, or leave the key out");
    else if (has_nul(value))
        problem(walk, key, "holds a NUL character");
    else
        hy_config_give(walk->loading, HY_FROM_FILE, (int)key->start_mark.line + 1, walk->key,
                       (const char *)value->data.scalar.value);
}

// Puts ".name" behind the key so far; false if it does not fit.
static bool push_key(struct walk *walk, const char *name) {
    size_t len = strlen(walk->key), more = strlen(name);
    if (len + more + 2 > sizeof walk->key) return false;
    if (len > 0) walk->key[len++] = '.';
    memcpy(walk->key + len, name, more + 1);
    return true;
}

// The line of an earlier pair with the same key in this map; 0 if there is none.
static int earlier_line(const struct walk *walk, const yaml_node_t *map, const yaml_node_pair_t *pair,
                        const yaml_node_t *key) {
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *other = yaml_document_get_node(walk->document, p->key);
        if (is_scalar(other) && other->data.scalar.length == key->data.scalar.length &&
            memcmp(other->data.scalar.value, key->data.scalar.value, key->data.scalar.length) == 0)
            return (int)other->start_mark.line + 1;
    }
    return 0;
}

static void walk_pair(struct walk *walk, const yaml_node_t *map, const yaml_node_pair_t *pair) {
    const yaml_node_t *key = yaml_document_get_node(walk->document, pair->key);
    const yaml_node_t *value = yaml_document_get_node(walk->document, pair->value);
    size_t len = strlen(walk->key);
    if (!is_scalar(key) || is_null(key) || has_nul(key)) {
        problem(walk, key, "a key must be a plain name");
        return;
    }
    if (!push_key(walk, (const char *)key->data.scalar.value)) {
        problem(walk, key, "a key below this one is too long to be one of ours");
        return;
    }
    int earlier = earlier_line(walk, map, pair, key);
    if (earlier > 0)
        hy_config_problem(walk->loading, HY_FROM_FILE, (int)key->start_mark.line + 1, walk->key,
                          "stands here again; first on line %d", earlier);
    else
        walk_value(walk, key, value);
    walk->key[len] = '\0';
}

static void walk_map(struct walk *walk, const yaml_node_t *map) {
    if (!tag_is(map, YAML_MAP_TAG)) {
        problem(walk, map, "tags (!name) are not supported");
        return;
    }
    if (walk->depth == MOST_DEPTH) {
        problem(walk, map, "nested too deep");
        return;
    }
    walk->depth++;
    for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
        if (++walk->keys > MOST_KEYS || walk->loading->n_problems > MOST_TOLD) break;
        walk_pair(walk, map, pair);
    }
    walk->depth--;
}

static void walk_document(struct hy_config_loading *loading, yaml_document_t *document) {
    struct walk walk = {.loading = loading, .document = document};
    const yaml_node_t *root = yaml_document_get_root_node(document);
    if (root == NULL || (is_scalar(root) && is_null(root))) return; // only comments
    if (root->type != YAML_MAPPING_NODE)
        problem(&walk, root, "expected \"key: value\" lines");
    else
        walk_map(&walk, root);
    if (walk.keys > MOST_KEYS) problem(&walk, root, "more than 2000 keys: this is not a configuration");
}

static int line_at(struct hy_bytes yaml, size_t offset) {
    int line = 1;
    for (size_t i = 0; i < offset && i < yaml.len; i++) {
        line += yaml.data[i] == '\n';
    }
    return line;
}

static void syntax_problem(const struct source *source) {
    const yaml_parser_t *parser = source->parser;
    const char *what = parser->problem == NULL ? "out of memory" : parser->problem;
    if (parser->error == YAML_READER_ERROR) { // has an offset instead of a mark
        hy_config_problem(source->loading, HY_FROM_FILE, line_at(source->yaml, parser->problem_offset), "",
                          "not YAML: %s", what);
        return;
    }
    hy_config_problem(source->loading, HY_FROM_FILE, (int)parser->problem_mark.line + 1, "",
                      "not YAML at column %zu: %s%s%s", parser->problem_mark.column + 1, what,
                      parser->context == NULL ? "" : ", ", parser->context == NULL ? "" : parser->context);
}

// True when a document was read; it is then to be deleted.
static bool load_next(const struct source *source, yaml_document_t *document) {
    if (yaml_parser_load(source->parser, document)) return true;
    syntax_problem(source);
    return false;
}

static void read_documents(const struct source *source) {
    struct hy_config_loading *loading = source->loading;
    yaml_document_t document;
    if (!load_next(source, &document)) return;
    bool empty = yaml_document_get_root_node(&document) == NULL;
    walk_document(loading, &document);
    yaml_document_delete(&document);
    if (empty || !load_next(source, &document)) return;
    const yaml_node_t *second = yaml_document_get_root_node(&document);
    if (second != NULL)
        hy_config_problem(loading, HY_FROM_FILE, (int)second->start_mark.line + 1, "",
                          "a second document begins; one file holds one");
    yaml_document_delete(&document);
}

// The first line that is not UTF-8, or holds a NUL.
static int line_of_bad_byte(struct hy_bytes yaml) {
    size_t start = 0;
    for (size_t i = 0; i < yaml.len; i++) {
        if (yaml.data[i] != '\n') continue;
        if (!hy_utf8_valid(hy_bytes_from(yaml.data + start, i - start))) break;
        start = i + 1;
    }
    return line_at(yaml, start);
}

void hy_config_read_yaml(struct hy_config_loading *loading, struct hy_bytes yaml) {
    if (yaml.len == 0) return;
    if (yaml.len >= 3 && memcmp(yaml.data, "\xEF\xBB\xBF", 3) == 0) yaml = hy_bytes_from(yaml.data + 3, yaml.len - 3);
    if (!hy_utf8_valid(yaml)) {
        hy_config_problem(loading, HY_FROM_FILE, line_of_bad_byte(yaml), "",
                          "not UTF-8; save the file in that encoding");
        return;
    }
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        hy_config_problem(loading, HY_FROM_FILE, 0, "", "out of memory");
        return;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, yaml.data, yaml.len);
    read_documents(&(struct source){loading, yaml, &parser});
    yaml_parser_delete(&parser);
}
