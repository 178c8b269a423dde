// A pack and what it inherits become one tree: the child's values replace the parent's by key and by row name, new ones
// are added, `drop: true` takes an inherited row away.
#include <stdio.h>
#include <string.h>

#include "lib/base/id.h"
#include "lib/core/policy_internal.h"

// What says who a pack is; never inherited.
static const char *const own_keys[] = {"pack", "name", "jurisdiction", "source", "inherits", "valid_from"};
// What says where a length comes from: a row that sets another length must cite its own source.
static const char *const source_keys[] = {"article", "quote", "proposed"};

static void remove_key(struct hy_node *map, const char *key) {
    struct hy_node **at = &map->first, *before = NULL;
    for (; *at != NULL; before = *at, at = &(*at)->next) {
        if (strcmp((*at)->key->text, key) != 0) continue;
        struct hy_node *gone = *at;
        *at = gone->next;
        if (map->last == gone) map->last = before;
        map->n--;
        return;
    }
}

static void append(struct hy_node *map, struct hy_node *node) {
    node->next = NULL;
    if (map->last == NULL) map->first = node;
    if (map->last != NULL) map->last->next = node;
    map->last = node;
    map->n++;
}

static void replace(struct hy_node *map, struct hy_node *old, struct hy_node *node) {
    for (struct hy_node **at = &map->first; *at != NULL; at = &(*at)->next) {
        if (*at != old) continue;
        node->next = old->next;
        *at = node;
        if (map->last == old) map->last = node;
        return;
    }
}

static bool is_drop(const struct hy_node *node) {
    const struct hy_node *drop = hy_pack_node_get(node, "drop");
    return drop != NULL && node->n == 1 && drop->type == HY_NODE_TEXT && strcmp(drop->text, "true") == 0;
}

static void merge(struct hy_pack_reader *reader, struct hy_node *parent, struct hy_node *child);

static void merge_entry(struct hy_pack_reader *reader, struct hy_node *parent, struct hy_node *entry) {
    struct hy_node *old = hy_pack_node_get(parent, entry->key->text);
    if (is_drop(entry)) {
        if (old == NULL)
            hy_pack_problem(reader, entry->key, "\"%s\" drops nothing: no pack above has this row", entry->key->text);
        remove_key(parent, entry->key->text);
    } else if (old == NULL) {
        append(parent, entry);
    } else if (old->type == HY_NODE_MAP && entry->type == HY_NODE_MAP) {
        // A missing key is then said at the row of the file at hand, not at the parent's.
        old->key = entry->key;
        old->file = entry->file;
        old->line = entry->line;
        old->column = entry->column;
        merge(reader, old, entry);
    } else {
        replace(parent, old, entry);
    }
}

static void merge(struct hy_pack_reader *reader, struct hy_node *parent, struct hy_node *child) {
    if (hy_pack_node_get(child, "length") != NULL) {
        for (size_t i = 0; i < sizeof source_keys / sizeof source_keys[0]; i++)
            remove_key(parent, source_keys[i]);
    }
    for (struct hy_node *entry = child->first, *next; entry != NULL; entry = next) {
        next = entry->next;
        merge_entry(reader, parent, entry);
    }
}

static const char *text_of(const struct hy_node *root, const char *key) {
    const struct hy_node *node = hy_pack_node_get(root, key);
    return node != NULL && node->type == HY_NODE_TEXT ? node->text : NULL;
}

// A text that was parsed, or could not be (root NULL).
struct document {
    const struct hy_pack_source *source;
    struct hy_node *root;
    const char *id;
};

static struct document *find(struct document *documents, int n, const char *id) {
    for (int i = 0; i < n; i++) {
        if (documents[i].id != NULL && strcmp(documents[i].id, id) == 0) return &documents[i];
    }
    return NULL;
}

static void read_documents(struct hy_pack_reader *reader, const struct hy_pack_source *sources, int n,
                           struct document *documents) {
    for (int i = 0; i < n; i++) {
        documents[i].source = &sources[i];
        documents[i].root = hy_pack_parse(reader, &sources[i]);
        const char *id = text_of(documents[i].root, "pack");
        const struct document *before = id != NULL ? find(documents, i, id) : NULL;
        if (before != NULL)
            hy_pack_problem(reader, hy_pack_node_get(documents[i].root, "pack"), "pack \"%s\" is also in %s; keep one",
                            id, before->source->name);
        documents[i].id = id;
    }
}

// The pack first, its root last. Returns how many, 0 when the chain is broken.
static int chain_of(struct hy_pack_reader *reader, struct document *documents, int n, struct document *first,
                    struct document **chain) {
    int length = 0;
    for (struct document *at = first; at != NULL;) {
        chain[length++] = at;
        const struct hy_node *inherits = hy_pack_node_get(at->root, "inherits");
        const char *parent = text_of(at->root, "inherits");
        if (inherits == NULL) return length;
        if (parent == NULL) {
            hy_pack_problem(reader, inherits, "\"inherits\" must be the id of one pack");
            return 0;
        }
        at = find(documents, n, parent);
        if (at == NULL)
            hy_pack_problem(reader, inherits, "inherits \"%s\", which is no pack here; give its file too", parent);
        for (int i = 0; at != NULL && i < length; i++) {
            if (chain[i] != at) continue;
            hy_pack_problem(reader, inherits, "inherits \"%s\", which inherits this pack again: a circle", parent);
            return 0;
        }
    }
    return 0;
}

static void hash_chain(struct document **chain, int length, char hash[65]) {
    struct hy_bytes texts[HY_PACK_SOURCES_MAX];
    uint8_t sum[32];
    for (int i = 0; i < length; i++)
        texts[i] = chain[length - 1 - i]->source->yaml;
    hy_hash_fields(texts, (size_t)length, sum);
    for (int i = 0; i < 32; i++)
        snprintf(hash + 2 * i, 3, "%02x", sum[i]);
}

// Mistakes in files that this pack does not rest on are not its mistakes.
static void forget_others(struct hy_pack_reader *reader, struct document *documents, int n, struct document **chain,
                          int length) {
    for (int i = 0; i < n; i++) {
        bool concerns = false;
        for (int c = 0; c < length; c++)
            concerns = concerns || (documents[i].id != NULL && strcmp(documents[i].id, chain[c]->id) == 0);
        if (concerns) continue;
        for (struct hy_problem **at = &reader->problems; *at != NULL;) {
            if ((*at)->file != documents[i].source->name) {
                at = &(*at)->next;
                continue;
            }
            *at = (*at)->next;
            reader->n_problems--;
        }
    }
}

struct hy_node *hy_pack_merged(struct hy_pack_reader *reader, const struct hy_pack_source *sources, int n,
                               const char *id, char hash[65]) {
    struct document documents[HY_PACK_SOURCES_MAX] = {0};
    struct document *chain[HY_PACK_SOURCES_MAX];
    if (n > HY_PACK_SOURCES_MAX) {
        hy_pack_problem(reader, NULL, "%d files at once; at most %d", n, HY_PACK_SOURCES_MAX);
        return NULL;
    }
    read_documents(reader, sources, n, documents);
    struct document *first = find(documents, n, id);
    if (first == NULL) {
        hy_pack_problem(reader, NULL, "no pack \"%s\" among the %d files given", id, n);
        return NULL;
    }
    int length = chain_of(reader, documents, n, first, chain);
    if (length == 0) return NULL;
    hash_chain(chain, length, hash);
    forget_others(reader, documents, n, chain, length);
    struct hy_node *tree = chain[length - 1]->root;
    for (int i = length - 2; i >= 0; i--) {
        for (size_t k = 0; k < sizeof own_keys / sizeof own_keys[0]; k++)
            remove_key(tree, own_keys[k]);
        tree->file = chain[i]->source->name;
        merge(reader, tree, chain[i]->root);
    }
    return tree;
}
