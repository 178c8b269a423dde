// Nodes to structs by tables of fields (policy_rows.c). Says unknown keys, wrong types, missing keys, unknown words.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/policy_internal.h"

enum { TEXT_MAX = 4096, WORD_MAX = 64 };

// Levenshtein distance of two short words, at most WORD_MAX.
static int distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    if (n >= WORD_MAX || m >= WORD_MAX) return WORD_MAX;
    int row[WORD_MAX];
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

static const char *nearest(const char *word, const char *const *known, int n) {
    const char *best = NULL;
    int best_distance = (int)strlen(word) / 3 + 2;
    for (int i = 0; i < n; i++) {
        int d = distance(word, known[i]);
        if (d >= best_distance) continue;
        best = known[i];
        best_distance = d;
    }
    return best;
}

void hy_pack_word_problem(struct hy_pack_reader *reader, const struct hy_node *at, const char *what, const char *word,
                          const char *const *known, int n) {
    const char *near = nearest(word, known, n);
    if (near != NULL) {
        hy_pack_problem(reader, at, "unknown %s \"%.60s\"; did you mean \"%s\"?", what, word, near);
        return;
    }
    struct hy_buf list = {0};
    for (int i = 0; i < n; i++)
        hy_buf_addf(&list, "%s%s", i > 0 ? ", " : "", known[i]);
    hy_pack_problem(reader, at, "unknown %s \"%.60s\"; known: %s", what, word,
                    hy_buf_ok(&list) && n > 0 ? list.data : "none");
    hy_buf_free(&list);
}

void hy_pack_words_problem(struct hy_pack_reader *reader, const struct hy_node *at, const struct hy_words *words) {
    const char *known[WORD_MAX];
    int n = words->n < WORD_MAX ? words->n : WORD_MAX;
    for (int i = 0; i < n; i++)
        known[i] = words->words[i].name;
    hy_pack_word_problem(reader, at, words->what, at->text, known, n);
}

const struct hy_word *hy_pack_words_find(const struct hy_words *words, const char *name) {
    for (int i = 0; i < words->n; i++) {
        if (strcmp(words->words[i].name, name) == 0) return &words->words[i];
    }
    return NULL;
}

const char *hy_pack_words_name(const struct hy_words *words, int value) {
    for (int i = 0; i < words->n; i++) {
        if (words->words[i].value == value) return words->words[i].name;
    }
    return NULL;
}

static const char *type_name(const struct hy_node *node) {
    static const char *const names[] = {"a text", "a list", "a map"};
    return names[node->type];
}

static const char *key_of(const struct hy_node *node) {
    return node->key != NULL ? node->key->text : "this element";
}

static void wrong_type(struct hy_pack_reader *reader, const struct hy_node *node, const char *wanted) {
    hy_pack_problem(reader, node, "\"%s\" must be %s, not %s", key_of(node), wanted, type_name(node));
}

const char *hy_pack_node_text(struct hy_pack_reader *reader, const struct hy_node *node) {
    if (node->type != HY_NODE_TEXT) {
        wrong_type(reader, node, "a text");
        return NULL;
    }
    if (strlen(node->text) > TEXT_MAX) {
        hy_pack_problem(reader, node, "\"%s\" is longer than %d bytes", key_of(node), TEXT_MAX);
        return NULL;
    }
    return node->text;
}

bool hy_pack_node_int(struct hy_pack_reader *reader, const struct hy_node *node, int64_t min, int64_t max,
                      int64_t *out) {
    const char *text = hy_pack_node_text(reader, node);
    if (text == NULL) return false;
    bool digits = node->plain && *text != '\0' && strspn(text, "0123456789") == strlen(text);
    errno = 0;
    long long value = digits ? strtoll(text, NULL, 10) : 0;
    if (!digits) {
        hy_pack_problem(reader, node, "\"%s\" must be a whole number without quotes or unit, not \"%.60s\"",
                        key_of(node), text);
        return false;
    }
    if (errno == ERANGE || value < min || value > max) {
        hy_pack_problem(reader, node, "\"%s\" must be from %lld to %lld, not %.60s", key_of(node), (long long)min,
                        (long long)max, text);
        return false;
    }
    *out = value;
    return true;
}

static void read_bool(struct hy_pack_reader *reader, const struct hy_node *node, bool *out) {
    bool text = node->type == HY_NODE_TEXT && node->plain;
    if (text && strcmp(node->text, "true") == 0)
        *out = true;
    else if (text && strcmp(node->text, "false") == 0)
        *out = false;
    else
        hy_pack_problem(reader, node, "\"%s\" must be true or false", key_of(node));
}

static void read_number(struct hy_pack_reader *reader, const struct hy_field *field, const struct hy_node *node,
                        double *out) {
    const char *text = hy_pack_node_text(reader, node);
    if (text == NULL) return;
    char *end = NULL;
    bool plain = node->plain && *text != '\0' && strspn(text, "0123456789.") == strlen(text);
    double value = plain ? strtod(text, &end) : 0;
    if (!plain || *end != '\0')
        hy_pack_problem(reader, node, "\"%s\" must be a number without quotes or unit, not \"%.60s\"", key_of(node),
                        text);
    else if (value < (double)field->min || value > (double)field->max)
        hy_pack_problem(reader, node, "\"%s\" must be from %lld to %lld, not %.60s", key_of(node),
                        (long long)field->min, (long long)field->max, text);
    else
        *out = value;
}

static void read_text(struct hy_pack_reader *reader, const struct hy_field *field, const struct hy_node *node,
                      char **out) {
    const char *text = hy_pack_node_text(reader, node);
    if (text == NULL) return;
    bool nothing = node->plain && (strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
    if (nothing || (*text == '\0' && !field->may_be_empty))
        hy_pack_problem(reader, node, "\"%s\" is empty; write a text or leave the key out", key_of(node));
    else
        *out = hy_pack_text(reader, text);
}

static const struct hy_word *read_word(struct hy_pack_reader *reader, const struct hy_words *words,
                                       const struct hy_node *node) {
    if (hy_pack_node_text(reader, node) == NULL) return NULL;
    const struct hy_word *word = hy_pack_words_find(words, node->text);
    if (word == NULL) hy_pack_words_problem(reader, node, words);
    return word;
}

static bool is_list(struct hy_pack_reader *reader, const struct hy_node *node) {
    if (node->type != HY_NODE_LIST) wrong_type(reader, node, "a list");
    return node->type == HY_NODE_LIST;
}

static void read_bits(struct hy_pack_reader *reader, const struct hy_words *words, const struct hy_node *node,
                      uint32_t *out) {
    *out = 0;
    if (!is_list(reader, node)) return;
    for (const struct hy_node *item = node->first; item != NULL; item = item->next) {
        const struct hy_word *word = read_word(reader, words, item);
        if (word == NULL) continue;
        if (*out & 1u << word->value) hy_pack_problem(reader, item, "\"%s\" stands in this list twice", word->name);
        *out |= 1u << word->value;
    }
}

static void read_words(struct hy_pack_reader *reader, const struct hy_words *words, const struct hy_node *node,
                       char **out) {
    if (!is_list(reader, node)) return;
    struct hy_buf joined = {0};
    uint32_t seen = 0;
    for (const struct hy_node *item = node->first; item != NULL; item = item->next) {
        const struct hy_word *word = read_word(reader, words, item);
        if (word == NULL) continue;
        if (seen & 1u << word->value) hy_pack_problem(reader, item, "\"%s\" stands in this list twice", word->name);
        seen |= 1u << word->value;
        hy_buf_addf(&joined, "%s%s", joined.len > 0 ? "," : "", word->name);
    }
    if (!hy_buf_ok(&joined))
        reader->nomem = true;
    else
        *out = hy_pack_text(reader, joined.len > 0 ? joined.data : "");
    hy_buf_free(&joined);
}

static void read_texts(struct hy_pack_reader *reader, const struct hy_field *field, const struct hy_node *node,
                       char ***out, int *count) {
    *count = 0;
    if (!is_list(reader, node) || node->n == 0) return;
    *out = hy_pack_memory(reader, (size_t)node->n * sizeof **out);
    if (*out == NULL) return;
    for (const struct hy_node *item = node->first; item != NULL; item = item->next) {
        char *text = NULL;
        read_text(reader, field, item, &text);
        if (text != NULL) (*out)[(*count)++] = text;
    }
}

static void read_percents(struct hy_pack_reader *reader, const struct hy_node *node, int *out, int *count) {
    *count = 0;
    if (!is_list(reader, node)) return;
    int64_t before = 0;
    for (const struct hy_node *item = node->first; item != NULL; item = item->next) {
        int64_t percent;
        if (!hy_pack_node_int(reader, item, 1, 99, &percent)) continue;
        if (percent <= before)
            hy_pack_problem(reader, item, "warnings must rise: %lld stands after %lld", (long long)percent,
                            (long long)before);
        before = percent;
        if (*count == HY_PACK_WARNINGS) {
            hy_pack_problem(reader, item, "more than %d warnings; the breach is told beside them", HY_PACK_WARNINGS);
            return;
        }
        out[(*count)++] = (int)percent;
    }
}

static void remember(struct hy_pack_reader *reader, const void *row, const struct hy_node *node) {
    struct hy_origin *origin = hy_pack_scratch(reader, sizeof *origin);
    if (origin == NULL) return;
    *origin = (struct hy_origin){row, node, reader->origins};
    reader->origins = origin;
}

const struct hy_node *hy_pack_origin_of(const struct hy_pack_reader *reader, const void *row) {
    for (const struct hy_origin *origin = reader->origins; origin != NULL; origin = origin->next) {
        if (origin->row == row) return origin->node;
    }
    return NULL;
}

const struct hy_node *hy_pack_origin_key(const struct hy_pack_reader *reader, const void *row, const char *key) {
    return hy_pack_node_at(hy_pack_origin_of(reader, row), key);
}

static void read_rows(struct hy_pack_reader *reader, const struct hy_row *table, const struct hy_node *node, void **out,
                      int *count) {
    enum hy_node_type wanted = table->keyed ? HY_NODE_MAP : HY_NODE_LIST;
    *count = 0;
    if (node->type != wanted) {
        wrong_type(reader, node, table->keyed ? "a map of rows by name" : "a list of rows");
        return;
    }
    if (node->n == 0) return;
    char *rows = hy_pack_memory(reader, (size_t)node->n * table->size);
    if (rows == NULL) return;
    *out = rows;
    for (const struct hy_node *item = node->first; item != NULL; item = item->next) {
        void *row = rows + (size_t)(*count)++ * table->size;
        hy_pack_row_read(reader, item, table, row);
    }
}

static void read_field(struct hy_pack_reader *reader, const struct hy_field *field, const struct hy_node *node,
                       void *row) {
    char *at = (char *)row + field->offset;
    int *count = (int *)(void *)((char *)row + field->count);
    const struct hy_word *word;
    int64_t number;
    switch (field->type) {
    case HY_FIELD_TEXT:
        read_text(reader, field, node, (char **)(void *)at);
        break;
    case HY_FIELD_BOOL:
        read_bool(reader, node, (bool *)at);
        break;
    case HY_FIELD_INT:
        if (hy_pack_node_int(reader, node, field->min, field->max, &number)) *(int *)(void *)at = (int)number;
        break;
    case HY_FIELD_INT64:
        (void)hy_pack_node_int(reader, node, field->min, field->max, (int64_t *)(void *)at);
        break;
    case HY_FIELD_NUMBER:
        read_number(reader, field, node, (double *)(void *)at);
        break;
    case HY_FIELD_WORD:
        word = read_word(reader, field->words, node);
        if (word != NULL) *(int *)(void *)at = word->value;
        break;
    case HY_FIELD_BITS:
        read_bits(reader, field->words, node, (uint32_t *)(void *)at);
        break;
    case HY_FIELD_WORDS:
        read_words(reader, field->words, node, (char **)(void *)at);
        break;
    case HY_FIELD_TEXTS:
        read_texts(reader, field, node, (char ***)(void *)at, count);
        break;
    case HY_FIELD_PERCENTS:
        read_percents(reader, node, (int *)(void *)at, count);
        break;
    case HY_FIELD_ROW:
        hy_pack_row_read(reader, node, field->row, at);
        break;
    case HY_FIELD_ROWS:
    case HY_FIELD_LIST:
        read_rows(reader, field->row, node, (void **)(void *)at, count);
        break;
    case HY_FIELD_OWN:
        field->read(reader, node, row);
        break;
    }
}

static const struct hy_field *field_of(const struct hy_row *table, const char *key) {
    for (int i = 0; i < table->n; i++) {
        if (strcmp(table->fields[i].key, key) == 0) return &table->fields[i];
    }
    return NULL;
}

static void unknown_key(struct hy_pack_reader *reader, const struct hy_row *table, const struct hy_node *key) {
    const char *known[WORD_MAX];
    char what[WORD_MAX];
    if (strcmp(key->text, "drop") == 0) {
        hy_pack_problem(reader, key, "\"drop: true\" must stand alone in a row that a pack above has");
        return;
    }
    int n = 0;
    for (; n < table->n && n < WORD_MAX; n++)
        known[n] = table->fields[n].key;
    snprintf(what, sizeof what, "key in a %s:", table->what);
    hy_pack_word_problem(reader, key, what, key->text, known, n);
}

void hy_pack_row_read(struct hy_pack_reader *reader, const struct hy_node *node, const struct hy_row *table,
                      void *row) {
    if (table->defaults != NULL) memcpy(row, table->defaults, table->size);
    remember(reader, row, node);
    if (table->read_name != NULL) table->read_name(reader, node->key, row);
    if (node->type != HY_NODE_MAP) {
        wrong_type(reader, node, "a map");
        return;
    }
    for (const struct hy_node *item = node->first; item != NULL; item = item->next) {
        const struct hy_field *field = field_of(table, item->key->text);
        if (field != NULL)
            read_field(reader, field, item, row);
        else
            unknown_key(reader, table, item->key);
    }
    for (int i = 0; i < table->n; i++) {
        if (!table->fields[i].required || hy_pack_node_get(node, table->fields[i].key) != NULL) continue;
        hy_pack_problem(reader, node->key != NULL ? node->key : node, "%s%s%s needs \"%s\"", table->what,
                        table->keyed ? " " : "", table->keyed ? node->key->text : "", table->fields[i].key);
    }
}
