// What the files of the policy reader share; nobody else includes this. The way of a pack: text → nodes with marks
// (policy_yaml.c) → one merged tree of a pack and what it inherits (policy_merge.c) → structs, by tables of fields
// (policy_read.c reads, policy_rows.c holds the tables) → checks across rows (policy_check.c, policy_check_kind.c).
// Every step only adds problems and goes on, so that all mistakes come out at once.
#ifndef HY_CORE_POLICY_INTERNAL_H
#define HY_CORE_POLICY_INTERNAL_H

#include <stddef.h>

#include "lib/base/arena.h"
#include "lib/core/policy.h"

enum hy_node_type { HY_NODE_TEXT, HY_NODE_LIST, HY_NODE_MAP };

// A YAML node and where it stands. Children hang on a chain; in a map each child has its key.
struct hy_node {
    enum hy_node_type type;
    bool plain; // text without quotes
    char *text; // of HY_NODE_TEXT
    const char *file;
    int line, column; // from 1
    int n;
    struct hy_node *key;
    struct hy_node *first, *last, *next;
};

struct hy_problem {
    const char *file;
    int line, column;
    char *text;
    struct hy_problem *next;
};

// Which node a struct was read from, for messages of the later checks.
struct hy_origin {
    const void *row;
    const struct hy_node *node;
    struct hy_origin *next;
};

struct hy_pack_reader {
    struct hy_arena *scratch; // nodes, problems, origins
    struct hy_arena *memory;  // the pack
    struct hy_problem *problems;
    int n_problems;
    struct hy_origin *origins;
    bool nomem;
};

// Zeroed memory; NULL sets nomem, and the load ends with HY_ENOMEM.
void *hy_pack_scratch(struct hy_pack_reader *reader, size_t size);
void *hy_pack_memory(struct hy_pack_reader *reader, size_t size);
char *hy_pack_text(struct hy_pack_reader *reader, const char *text);

// Adds a mistake at a node (NULL: of no place).
void hy_pack_problem(struct hy_pack_reader *reader, const struct hy_node *at, const char *fmt, ...) HY_PRINTF(3, 4);
void hy_pack_problem_at(struct hy_pack_reader *reader, const char *file, int line, int column, const char *text);
// Writes all of them, by file and line.
void hy_pack_problems_write(const struct hy_pack_reader *reader, struct hy_buf *out);

// The tree of one text; NULL when it could not be read (said in the problems).
struct hy_node *hy_pack_parse(struct hy_pack_reader *reader, const struct hy_pack_source *source);
struct hy_node *hy_pack_node_get(const struct hy_node *map, const char *key);
// The node for a message about a key: its value, or the map when the key is absent.
const struct hy_node *hy_pack_node_at(const struct hy_node *map, const char *key);

// The merged tree of `id`, and SHA-256 over its texts into hash (hex). NULL when there is none (said in the problems).
struct hy_node *hy_pack_merged(struct hy_pack_reader *reader, const struct hy_pack_source *sources, int n,
                               const char *id, char hash[65]);

// A closed list of words with values.
struct hy_words {
    const char *what; // "point", for messages
    int n;
    const struct hy_word {
        const char *name;
        int value;
    } *words;
};
// The word of a name or NULL; of a value.
const struct hy_word *hy_pack_words_find(const struct hy_words *words, const char *name);
const char *hy_pack_words_name(const struct hy_words *words, int value);

extern const struct hy_words hy_pack_points, hy_pack_states, hy_pack_units, hy_pack_verbs, hy_pack_proofs,
    hy_pack_roles, hy_pack_actions, hy_pack_purposes;

enum hy_field_type {
    HY_FIELD_TEXT,     // char *
    HY_FIELD_BOOL,     // bool
    HY_FIELD_INT,      // int
    HY_FIELD_INT64,    // int64_t
    HY_FIELD_NUMBER,   // double
    HY_FIELD_WORD,     // int (or enum) of words
    HY_FIELD_BITS,     // uint32_t: 1u << value of each word of a list
    HY_FIELD_WORDS,    // char *: the words of a list, joined by ","
    HY_FIELD_TEXTS,    // char ** and int n
    HY_FIELD_PERCENTS, // int[HY_PACK_WARNINGS] and int n
    HY_FIELD_ROW,      // a struct at offset
    HY_FIELD_ROWS,     // pointer to an array of structs and int n; a map: name → row
    HY_FIELD_LIST,     // the same from a list of rows without names
    HY_FIELD_OWN       // read() does it
};

struct hy_row;

// A key of a row. offset is that of the struct's member, count that of its int n.
struct hy_field {
    const char *key;
    enum hy_field_type type;
    size_t offset, count;
    bool required;
    bool may_be_empty;
    int64_t min, max;
    const struct hy_words *words;
    const struct hy_row *row;
    void (*read)(struct hy_pack_reader *reader, const struct hy_node *node, void *row);
};

// A kind of row: what may stand in it and the struct that it fills. keyed = its name is a key of the map it stands in.
struct hy_row {
    const char *what;
    size_t size;
    const void *defaults; // NULL: zeros
    bool keyed;
    void (*read_name)(struct hy_pack_reader *reader, const struct hy_node *key, void *row);
    int n;
    const struct hy_field *fields;
};

extern const struct hy_row hy_pack_row;

void hy_pack_row_read(struct hy_pack_reader *reader, const struct hy_node *node, const struct hy_row *table, void *row);
// For read functions: text of a node (NULL and a problem when it is something else), a number within bounds.
const char *hy_pack_node_text(struct hy_pack_reader *reader, const struct hy_node *node);
bool hy_pack_node_int(struct hy_pack_reader *reader, const struct hy_node *node, int64_t min, int64_t max,
                      int64_t *out);
// Says that a word is unknown, with the nearest known one.
void hy_pack_word_problem(struct hy_pack_reader *reader, const struct hy_node *at, const char *what, const char *word,
                          const char *const *known, int n);
void hy_pack_words_problem(struct hy_pack_reader *reader, const struct hy_node *at, const struct hy_words *words);

// Where a struct was read from; the value of one of its keys, for messages.
const struct hy_node *hy_pack_origin_of(const struct hy_pack_reader *reader, const void *row);
const struct hy_node *hy_pack_origin_key(const struct hy_pack_reader *reader, const void *row, const char *key);

// Checks across rows.
void hy_pack_check(struct hy_pack_reader *reader, const struct hy_pack *pack);
void hy_pack_check_kind(struct hy_pack_reader *reader, const struct hy_pack *pack, const struct hy_pack_kind *kind);
void hy_pack_check_article(struct hy_pack_reader *reader, const void *row, const char *article);
void hy_pack_check_department(struct hy_pack_reader *reader, const struct hy_pack *pack, const struct hy_node *at,
                              const char *code);

#endif
