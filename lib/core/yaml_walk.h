// Walks a YAML document and collects every mistake with its place, instead of stopping at the first: "name:line:column:
// what". For lists that people edit by hand (dispatch lists, gazetteers). Pure: text in, calls out.
// To read a new kind of file: open, walk the maps with a table of keys, read scalars with the helpers below, close.
#ifndef HY_CORE_YAML_WALK_H
#define HY_CORE_YAML_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include <yaml.h>

#include "lib/base/bytes.h"

struct hy_yaml {
    yaml_document_t doc;
    const char *name;        // for messages, borrowed
    struct hy_buf *problems; // one mistake a line, borrowed
    int mistakes;
    bool open;
};

// Parses the text; a text that is no YAML is one mistake. HY_EFORMAT then, HY_ENOMEM. Close in any case.
HY_MUST_CHECK int hy_yaml_open(struct hy_yaml *yaml, const char *name, struct hy_bytes text, struct hy_buf *problems);
void hy_yaml_close(struct hy_yaml *yaml);
yaml_node_t *hy_yaml_root(struct hy_yaml *yaml); // NULL for an empty document
yaml_node_t *hy_yaml_node(struct hy_yaml *yaml, int id);

// Notes a mistake at a node (NULL: at the file).
void hy_yaml_problem(struct hy_yaml *yaml, const yaml_node_t *node, const char *fmt, ...) HY_PRINTF(3, 4);

// One key of a map and who reads its value.
struct hy_yaml_key {
    const char *key;
    void (*read)(struct hy_yaml *yaml, yaml_node_t *value, void *ctx);
};
// Calls the reader of each key; unknown and repeated keys, and what is no map, are mistakes. `what` names the map in
// them.
void hy_yaml_map(struct hy_yaml *yaml, yaml_node_t *node, const char *what, const struct hy_yaml_key *keys, size_t n,
                 void *ctx);
// Reader of a key that was read before (see hy_yaml_find).
void hy_yaml_skip(struct hy_yaml *yaml, yaml_node_t *value, void *ctx);
// The value of one key of a map, NULL when there is none; notes nothing.
yaml_node_t *hy_yaml_find(struct hy_yaml *yaml, yaml_node_t *node, const char *key);
// Calls read for each entry of a list; what is no list is a mistake.
void hy_yaml_list(struct hy_yaml *yaml, yaml_node_t *node, const char *what,
                  void (*read)(struct hy_yaml *, yaml_node_t *, void *), void *ctx);
// Calls read for each pair of a map with free keys.
void hy_yaml_pairs(struct hy_yaml *yaml, yaml_node_t *node, const char *what,
                   void (*read)(struct hy_yaml *, yaml_node_t *, yaml_node_t *, void *), void *ctx);

// The text of a scalar (borrowed from the document, NUL-terminated); a mistake and NULL for anything else, for an empty
// one, for one with a NUL inside and for one over max bytes.
const char *hy_yaml_text(struct hy_yaml *yaml, const yaml_node_t *node, const char *what, size_t max);
// A number within [low, high]; a mistake and false otherwise.
bool hy_yaml_number(struct hy_yaml *yaml, const yaml_node_t *node, const char *what, double low, double high,
                    double *out);
// true / false.
bool hy_yaml_bool(struct hy_yaml *yaml, const yaml_node_t *node, const char *what, bool *out);

#endif
