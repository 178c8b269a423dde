// YAML text to nodes with marks. What a pack has no use for is refused here: anchors and aliases (a few lines of them
// can stand for gigabytes), tags, several documents, deep nesting.
#include <string.h>

#include <yaml.h>

#include "lib/core/policy_internal.h"

enum { DEPTH_MAX = 12, NODES_MAX = 20000 };

struct parse {
    struct hy_pack_reader *reader;
    const char *file;
    struct hy_node *stack[DEPTH_MAX];
    struct hy_node *keys[DEPTH_MAX]; // key of the map at that depth that waits for its value
    int depth;
    int nodes;
    int documents;
    bool broken; // no use in going on
    struct hy_node *root;
};

struct hy_node *hy_pack_node_get(const struct hy_node *map, const char *key) {
    if (map == NULL || map->type != HY_NODE_MAP) return NULL;
    for (struct hy_node *node = map->first; node != NULL; node = node->next) {
        if (strcmp(node->key->text, key) == 0) return node;
    }
    return NULL;
}

const struct hy_node *hy_pack_node_at(const struct hy_node *map, const char *key) {
    const struct hy_node *node = hy_pack_node_get(map, key);
    return node != NULL ? node : map;
}

static void problem(struct parse *parse, yaml_mark_t mark, const char *text) {
    hy_pack_problem_at(parse->reader, parse->file, (int)mark.line + 1, (int)mark.column + 1, text);
}

static void give_up(struct parse *parse, yaml_mark_t mark, const char *text) {
    problem(parse, mark, text);
    parse->broken = true;
}

static struct hy_node *new_node(struct parse *parse, yaml_mark_t mark, enum hy_node_type type) {
    if (++parse->nodes > NODES_MAX) {
        give_up(parse, mark, "more than 20000 values; a pack has no use for so many");
        return NULL;
    }
    struct hy_node *node = hy_pack_scratch(parse->reader, sizeof *node);
    if (node == NULL) {
        parse->broken = true;
        return NULL;
    }
    node->type = type;
    node->file = parse->file;
    node->line = (int)mark.line + 1;
    node->column = (int)mark.column + 1;
    return node;
}

static void append(struct hy_node *parent, struct hy_node *node) {
    if (parent->last == NULL) parent->first = node;
    if (parent->last != NULL) parent->last->next = node;
    parent->last = node;
    parent->n++;
}

static void add_pair(struct parse *parse, struct hy_node *map, struct hy_node *node) {
    struct hy_node *key = parse->keys[parse->depth - 1];
    parse->keys[parse->depth - 1] = NULL;
    const struct hy_node *before = hy_pack_node_get(map, key->text);
    if (before != NULL) {
        hy_pack_problem(parse->reader, key, "\"%s\" stands here twice, first in line %d; keep one", key->text,
                        before->key->line);
        return;
    }
    node->key = key;
    append(map, node);
}

// Hangs a node where the parse stands: as root, as element, as key or as value.
static void hang(struct parse *parse, struct hy_node *node) {
    if (parse->depth == 0) {
        if (parse->root == NULL) parse->root = node;
        return;
    }
    struct hy_node *parent = parse->stack[parse->depth - 1];
    if (parent->type == HY_NODE_LIST) {
        append(parent, node);
    } else if (parse->keys[parse->depth - 1] != NULL) {
        add_pair(parse, parent, node);
    } else if (node->type == HY_NODE_TEXT) {
        parse->keys[parse->depth - 1] = node;
    } else {
        hy_pack_problem(parse->reader, node, "a key must be a plain word");
        parse->broken = true;
    }
}

static void refuse_marks(struct parse *parse, yaml_mark_t mark, const yaml_char_t *anchor, const yaml_char_t *tag) {
    if (anchor != NULL) problem(parse, mark, "anchors (&name) are not allowed; write the value out where it is needed");
    if (tag != NULL) problem(parse, mark, "tags (!name) are not allowed; the key alone says what the value is");
}

static void on_text(struct parse *parse, const yaml_event_t *event) {
    refuse_marks(parse, event->start_mark, event->data.scalar.anchor, event->data.scalar.tag);
    const char *text = (const char *)event->data.scalar.value;
    if (strlen(text) != event->data.scalar.length)
        problem(parse, event->start_mark, "a text holds the character U+0000");
    struct hy_node *node = new_node(parse, event->start_mark, HY_NODE_TEXT);
    if (node == NULL) return;
    node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = hy_arena_str(parse->reader->scratch, text);
    if (node->text == NULL) {
        parse->reader->nomem = parse->broken = true;
        return;
    }
    hang(parse, node);
}

static void on_open(struct parse *parse, yaml_mark_t mark, enum hy_node_type type) {
    if (parse->depth == DEPTH_MAX) {
        give_up(parse, mark, "nested deeper than 12 levels; a pack has no use for that");
        return;
    }
    struct hy_node *node = new_node(parse, mark, type);
    if (node == NULL) return;
    hang(parse, node);
    parse->keys[parse->depth] = NULL;
    parse->stack[parse->depth++] = node;
}

static void on_alias(struct parse *parse, const yaml_event_t *event) {
    problem(parse, event->start_mark, "aliases (*name) are not allowed; write the value out where it is needed");
    struct hy_node *node = new_node(parse, event->start_mark, HY_NODE_TEXT);
    if (node == NULL) return;
    node->text = hy_arena_str(parse->reader->scratch, "");
    if (node->text != NULL) hang(parse, node);
}

static void on_event(struct parse *parse, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++parse->documents == 2) give_up(parse, event->start_mark, "a second document begins; a file is one pack");
        break;
    case YAML_ALIAS_EVENT:
        on_alias(parse, event);
        break;
    case YAML_SCALAR_EVENT:
        on_text(parse, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        refuse_marks(parse, event->start_mark, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        on_open(parse, event->start_mark, HY_NODE_LIST);
        break;
    case YAML_MAPPING_START_EVENT:
        refuse_marks(parse, event->start_mark, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        on_open(parse, event->start_mark, HY_NODE_MAP);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        parse->depth--;
        break;
    default:
        break;
    }
}

static yaml_mark_t mark_of_offset(struct hy_bytes text, size_t offset) {
    yaml_mark_t mark = {0, 0, 0};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        mark.column = text.data[i] == '\n' ? 0 : mark.column + ((text.data[i] & 0xc0) != 0x80);
        if (text.data[i] == '\n') mark.line++;
    }
    return mark;
}

static void syntax_problem(struct parse *parse, const yaml_parser_t *parser, struct hy_bytes text) {
    bool reader_error = parser->error == YAML_READER_ERROR;
    yaml_mark_t mark = reader_error ? mark_of_offset(text, parser->problem_offset) : parser->problem_mark;
    char *line = hy_arena_fmt(parse->reader->scratch, "not YAML: %s%s%s",
                              parser->problem != NULL ? parser->problem : "unreadable",
                              parser->context != NULL ? " " : "", parser->context != NULL ? parser->context : "");
    if (parser->error == YAML_MEMORY_ERROR || line == NULL) parse->reader->nomem = true;
    give_up(parse, mark, line != NULL ? line : "not YAML");
}

static void run(struct parse *parse, yaml_parser_t *parser, struct hy_bytes text) {
    for (bool end = false; !end && !parse->broken;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            syntax_problem(parse, parser, text);
            return;
        }
        on_event(parse, &event);
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
}

struct hy_node *hy_pack_parse(struct hy_pack_reader *reader, const struct hy_pack_source *source) {
    struct parse parse = {.reader = reader, .file = source->name};
    yaml_mark_t start = {0, 0, 0};
    if (source->yaml.len > HY_PACK_TEXT_MAX) {
        problem(&parse, start, "larger than 1 MB; a pack is a page of rows");
        return NULL;
    }
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        reader->nomem = true;
        return NULL;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, source->yaml.data != NULL ? source->yaml.data : (const uint8_t *)"",
                                 source->yaml.len);
    run(&parse, &parser, source->yaml);
    yaml_parser_delete(&parser);
    if (parse.broken) return NULL;
    if (parse.root == NULL || parse.root->type != HY_NODE_MAP) {
        problem(&parse, start, "empty or no map; a pack begins with \"pack: <id>\"");
        return NULL;
    }
    return parse.root;
}
