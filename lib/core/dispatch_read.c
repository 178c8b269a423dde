// Reads dispatch lists: the list asked for and those it inherits, the root first, every mistake noted with its place.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/dispatch_internal.h"
#include "lib/core/yaml_walk.h"

static const char *const ask_kinds[] = {"consultation", "help", "complaint", "suggestion", "report"};
static const char *const note_kinds[] = {"praise", "chatter", "advert"};
static const char *const urgency_kinds[] = {"", "urgent", "danger"};

// What the reader of one word needs to know of where it stands.
struct words {
    struct draft *draft;
    const char *what;
    struct dispatch_use use;
};

static void read_word(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct words *words = ctx;
    const char *text = hy_yaml_text(yaml, node, words->what, MAX_TEXT);
    if (text == NULL) return;
    const char *normal = draft_normal(words->draft, text);
    if (normal == NULL) {
        hy_yaml_problem(yaml, node, "%s: nothing is left of '%s' in normal form", words->what, text);
        return;
    }
    struct dispatch_use use = words->use;
    use.what = draft_str(words->draft, text);
    draft_add_use(words->draft, normal, use);
}

struct row_ctx {
    struct draft *draft;
    struct dispatch_row row;
    int index;
    yaml_node_t *node;
    bool has_department, has_phrases;
};

// The code in the pack that a code of the list stands for.
static const char *owner_of(const struct draft *draft, const char *code) {
    for (int i = draft->n_owners - 1; i >= 0; i--) // the heir's word counts before the ancestor's
        if (strcmp(draft->owners[i][0], code) == 0) return draft->owners[i][1];
    return code;
}

static int read_department(struct hy_yaml *yaml, yaml_node_t *node, struct draft *draft, const char *what) {
    const char *code = hy_yaml_text(yaml, node, what, 40);
    if (code == NULL) return NONE;
    code = owner_of(draft, code);
    if (draft->pack != NULL && hy_pack_department(draft->pack, code) == NULL) {
        hy_yaml_problem(yaml, node,
                        "%s: the pack %s has no department '%s'; name one that it has, or map it under owners", what,
                        draft->pack->id, code);
        return NONE;
    }
    return draft_department(draft, code);
}

static void row_department(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct row_ctx *row = ctx;
    row->has_department = true;
    row->row.department = read_department(yaml, node, row->draft, "department");
}

static void row_topic(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct row_ctx *row = ctx;
    const char *topic = hy_yaml_text(yaml, node, "topic", 60);
    if (topic != NULL) row->row.topic = draft_str(row->draft, topic);
}

static void row_counts(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct row_ctx *row = ctx;
    (void)hy_yaml_bool(yaml, node, "counts", &row->row.counts);
}

static void phrases_of_weight(struct hy_yaml *yaml, yaml_node_t *key, yaml_node_t *value, void *ctx) {
    struct row_ctx *row = ctx;
    double weight = 0;
    if (!hy_yaml_number(yaml, key, "phrases: weight", 0.1, 10, &weight)) return;
    struct words words = {row->draft, "phrase", {.role = USE_PHRASE, .ref = row->index, .weight = weight}};
    row->has_phrases = true;
    hy_yaml_list(yaml, value, "phrases", read_word, &words);
}

static void row_phrases(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    hy_yaml_pairs(yaml, node, "phrases (weight: [words])", phrases_of_weight, ctx);
}

static void row_not(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct row_ctx *row = ctx;
    struct words words = {row->draft, "not", {.role = USE_EXCLUSION, .ref = row->index}};
    hy_yaml_list(yaml, node, "not", read_word, &words);
}

static void read_row(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    static const struct hy_yaml_key keys[] = {{"department", row_department},
                                              {"topic", row_topic},
                                              {"phrases", row_phrases},
                                              {"not", row_not},
                                              {"counts", row_counts}};
    struct draft *draft = ctx;
    struct hy_dispatch *d = draft->d;
    if (!draft_grow(draft, (void **)&d->rows, d->n_rows, &draft->cap_rows, sizeof *d->rows)) return;
    struct row_ctx row = {.draft = draft, .row = {NONE, "", false}, .index = d->n_rows, .node = node};
    hy_yaml_map(yaml, node, "row", keys, sizeof keys / sizeof *keys, &row);
    if (node != NULL && node->type == YAML_MAPPING_NODE) {
        if (!row.has_department) hy_yaml_problem(yaml, node, "row: department is missing");
        if (!row.has_phrases) hy_yaml_problem(yaml, node, "row: phrases are missing, so that it can never be chosen");
        if (*row.row.topic == '\0') hy_yaml_problem(yaml, node, "row: topic is missing");
    }
    d->rows[d->n_rows++] = row.row;
}

static void read_rows(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    hy_yaml_list(yaml, node, "rows", read_row, ctx);
}

// A map of kind → words, for requests, not_requests and urgency.
struct kinds {
    struct draft *draft;
    const char *what;
    enum use_role role;
    const char *const *names;
    int n;
};

static void keep_chatter(struct draft *draft, int from) {
    struct hy_dispatch *d = draft->d;
    for (int i = from; i < draft->n_uses; i++)
        if (draft_grow(draft, (void **)&d->chatter, d->n_chatter, &draft->cap_chatter, sizeof *d->chatter))
            d->chatter[d->n_chatter++] = draft->uses[i].text;
}

static void words_of_kind(struct hy_yaml *yaml, yaml_node_t *key, yaml_node_t *value, void *ctx) {
    struct kinds *kinds = ctx;
    const char *name = hy_yaml_text(yaml, key, kinds->what, 40);
    if (name == NULL) return;
    for (int i = 0; i < kinds->n; i++) {
        if (strcmp(kinds->names[i], name) != 0) continue;
        int before = kinds->draft->n_uses;
        struct words words = {kinds->draft, kinds->what, {.role = kinds->role, .ref = i, .weight = 1}};
        hy_yaml_list(yaml, value, kinds->what, read_word, &words);
        if (kinds->role == USE_NOTE && strcmp(name, "chatter") == 0) keep_chatter(kinds->draft, before);
        return;
    }
    hy_yaml_problem(yaml, key, "%s: unknown kind '%s'", kinds->what, name);
}

static void read_requests(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct kinds kinds = {ctx, "requests", USE_ASK, ask_kinds, 5};
    hy_yaml_pairs(yaml, node, kinds.what, words_of_kind, &kinds);
}

static void read_notes(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct kinds kinds = {ctx, "not_requests", USE_NOTE, note_kinds, 3};
    hy_yaml_pairs(yaml, node, kinds.what, words_of_kind, &kinds);
}

static void read_urgency(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct kinds kinds = {ctx, "urgency", USE_URGENCY, urgency_kinds, 3};
    hy_yaml_pairs(yaml, node, kinds.what, words_of_kind, &kinds);
}

static void read_stock_word(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct draft *draft = ctx;
    struct hy_dispatch *d = draft->d;
    const char *text = hy_yaml_text(yaml, node, "stock", MAX_TEXT);
    const char *normal = text == NULL ? NULL : draft_normal(draft, text);
    if (normal != NULL && draft_grow(draft, (void **)&d->stock, d->n_stock, &draft->cap_stock, sizeof *d->stock))
        d->stock[d->n_stock++] = normal;
}

static void read_stock(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    hy_yaml_list(yaml, node, "stock", read_stock_word, ctx);
}

static void read_account(struct hy_yaml *yaml, yaml_node_t *key, yaml_node_t *value, void *ctx) {
    struct draft *draft = ctx;
    struct hy_dispatch *d = draft->d;
    const char *account = hy_yaml_text(yaml, key, "accounts", MAX_TEXT);
    int department = read_department(yaml, value, draft, "accounts");
    if (account == NULL || department == NONE) return;
    if (draft_grow(draft, (void **)&d->accounts, d->n_accounts, &draft->cap_accounts, sizeof *d->accounts))
        d->accounts[d->n_accounts++] = (struct dispatch_account){draft_str(draft, account), department};
}

static void read_accounts(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    hy_yaml_pairs(yaml, node, "accounts (account: department)", read_account, ctx);
}

static void read_confidence(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct draft *draft = ctx;
    (void)hy_yaml_number(yaml, node, "confidence", 0, 1, &draft->d->confidence);
}

static void read_gazetteer(struct hy_yaml *yaml, yaml_node_t *node, void *ctx) {
    struct draft *draft = ctx;
    const char *id = hy_yaml_text(yaml, node, "gazetteer", 60);
    if (id != NULL) draft->gazetteer = draft_str(draft, id);
}

static void read_owner(struct hy_yaml *yaml, yaml_node_t *key, yaml_node_t *value, void *ctx) {
    struct draft *draft = ctx;
    const char *from = hy_yaml_text(yaml, key, "owners", 40), *to = hy_yaml_text(yaml, value, "owners", 40);
    if (from == NULL || to == NULL ||
        !draft_grow(draft, (void **)&draft->owners, draft->n_owners, &draft->cap_owners, sizeof *draft->owners))
        return;
    draft->owners[draft->n_owners][0] = draft_str(draft, from);
    draft->owners[draft->n_owners++][1] = draft_str(draft, to);
}

static const struct hy_yaml_key list_keys[] = {
    {"version", hy_yaml_skip},    {"id", hy_yaml_skip},          {"name", hy_yaml_skip},
    {"inherits", hy_yaml_skip},   {"owners", hy_yaml_skip},      {"confidence", read_confidence},
    {"accounts", read_accounts},  {"gazetteer", read_gazetteer}, {"requests", read_requests},
    {"not_requests", read_notes}, {"urgency", read_urgency},     {"stock", read_stock},
    {"rows", read_rows},
};

// One opened source and what its head says.
struct list_doc {
    struct hy_yaml yaml;
    const char *id, *inherits;
};

static const char *head(struct list_doc *doc, const char *key) {
    const yaml_node_t *node = hy_yaml_find(&doc->yaml, hy_yaml_root(&doc->yaml), key);
    return node != NULL && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static void check_head(struct list_doc *doc) {
    const char *version = head(doc, "version");
    if (doc->id == NULL) hy_yaml_problem(&doc->yaml, NULL, "id is missing");
    if (version == NULL || strcmp(version, "1") != 0)
        hy_yaml_problem(&doc->yaml, NULL, "version: 1 is missing; this program reads version 1");
}

// The list and its ancestors, itself first; returns how many. What is not there or turns in a circle is a mistake.
static int chain_of(struct draft *draft, struct list_doc *docs, int n, const char *id,
                    struct list_doc *chain[MAX_DEPTH]) {
    int length = 0;
    while (id != NULL) {
        struct list_doc *found = NULL;
        for (int i = 0; i < n; i++)
            if (docs[i].id != NULL && strcmp(docs[i].id, id) == 0) found = &docs[i];
        if (found == NULL || length == MAX_DEPTH) {
            hy_buf_addf(draft->problems,
                        found == NULL ? "dispatch list '%s' is not among the files given\n"
                                      : "dispatch list '%s' inherits in a circle or too deep\n",
                        id);
            draft->mistakes++;
            return length;
        }
        chain[length++] = found;
        id = found->inherits;
    }
    return length;
}

static void read_chain(struct draft *draft, struct list_doc *docs, int n, const char *id) {
    struct list_doc *chain[MAX_DEPTH];
    int length = chain_of(draft, docs, n, id, chain);
    for (int i = length - 1; i >= 0; i--) { // the ancestor first: its heir's word is the later one
        struct hy_yaml *yaml = &chain[i]->yaml;
        yaml_node_t *owners = hy_yaml_find(yaml, hy_yaml_root(yaml), "owners");
        if (owners != NULL) hy_yaml_pairs(yaml, owners, "owners (code: code)", read_owner, draft);
    }
    for (int i = length - 1; i >= 0; i--) {
        check_head(chain[i]);
        hy_yaml_map(&chain[i]->yaml, hy_yaml_root(&chain[i]->yaml), "dispatch list", list_keys,
                    sizeof list_keys / sizeof *list_keys, draft);
    }
}

int dispatch_read_lists(struct draft *draft, const struct hy_dispatch_input *input) {
    struct list_doc *docs = calloc((size_t)(input->n_lists > 0 ? input->n_lists : 1), sizeof *docs);
    if (docs == NULL) return HY_ENOMEM;
    for (int i = 0; i < input->n_lists; i++) {
        if (hy_yaml_open(&docs[i].yaml, input->lists[i].name, input->lists[i].yaml, draft->problems) < 0) continue;
        docs[i].id = head(&docs[i], "id");
        docs[i].inherits = head(&docs[i], "inherits");
    }
    read_chain(draft, docs, input->n_lists, input->id);
    for (int i = 0; i < input->n_lists; i++) {
        draft->mistakes += docs[i].yaml.mistakes;
        hy_yaml_close(&docs[i].yaml);
    }
    free(docs);
    return draft->nomem ? HY_ENOMEM : 0;
}
