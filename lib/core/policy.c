#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/policy_internal.h"

enum { SCRATCH_MAX = 32 << 20, MEMORY_MAX = 8 << 20, PROBLEMS_MAX = 500 };

static void *take(struct hy_pack_reader *reader, struct hy_arena *arena, size_t size) {
    void *memory = hy_arena_zalloc(arena, size);
    if (memory == NULL) reader->nomem = true;
    return memory;
}

void *hy_pack_scratch(struct hy_pack_reader *reader, size_t size) {
    return take(reader, reader->scratch, size);
}

void *hy_pack_memory(struct hy_pack_reader *reader, size_t size) {
    return take(reader, reader->memory, size);
}

char *hy_pack_text(struct hy_pack_reader *reader, const char *text) {
    char *copy = hy_arena_str(reader->memory, text);
    if (copy == NULL) reader->nomem = true;
    return copy;
}

void hy_pack_problem_at(struct hy_pack_reader *reader, const char *file, int line, int column, const char *text) {
    if (reader->n_problems++ >= PROBLEMS_MAX) return;
    struct hy_problem *problem = hy_pack_scratch(reader, sizeof *problem);
    char *copy = hy_arena_str(reader->scratch, text);
    if (problem == NULL || copy == NULL) {
        reader->nomem = true;
        return;
    }
    *problem = (struct hy_problem){file, line, column, copy, reader->problems};
    reader->problems = problem;
}

// Drops the pieces of characters that a cut by precision or by the buffer left.
static void mend(char *line) {
    char *to = line;
    for (const char *from = line; *from != '\0';) {
        unsigned char lead = (unsigned char)*from;
        size_t n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        bool whole = strnlen(from, n) == n && hy_utf8_valid(hy_bytes_from(from, n));
        if (whole) memmove(to, from, n);
        if (whole) to += n;
        from += whole ? n : 1;
    }
    *to = '\0';
}

void hy_pack_problem(struct hy_pack_reader *reader, const struct hy_node *at, const char *fmt, ...) {
    char line[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    mend(line);
    hy_pack_problem_at(reader, at != NULL ? at->file : "policy", at != NULL ? at->line : 0, at != NULL ? at->column : 0,
                       line);
}

static int by_place(const void *a, const void *b) {
    const struct hy_problem *x = *(const struct hy_problem *const *)a, *y = *(const struct hy_problem *const *)b;
    int file = strcmp(x->file, y->file);
    if (file != 0) return file;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    if (x->column != y->column) return x->column < y->column ? -1 : 1;
    return strcmp(x->text, y->text);
}

void hy_pack_problems_write(const struct hy_pack_reader *reader, struct hy_buf *out) {
    const struct hy_problem *sorted[PROBLEMS_MAX];
    size_t n = 0;
    for (const struct hy_problem *problem = reader->problems; problem != NULL && n < PROBLEMS_MAX;
         problem = problem->next)
        sorted[n++] = problem;
    qsort(sorted, n, sizeof sorted[0], by_place);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && by_place(&sorted[i - 1], &sorted[i]) == 0) continue;
        hy_buf_adds(out, sorted[i]->file);
        if (sorted[i]->line > 0) hy_buf_addf(out, ":%d:%d", sorted[i]->line, sorted[i]->column);
        hy_buf_addf(out, ": %s\n", sorted[i]->text);
    }
    if (reader->n_problems > PROBLEMS_MAX) hy_buf_addf(out, "policy: and %d more\n", reader->n_problems - PROBLEMS_MAX);
}

static void sort_levels(struct hy_pack_incident *incident) {
    for (int i = 1; i < incident->n_levels; i++) {
        for (int k = i; k > 0 && incident->levels[k - 1].level > incident->levels[k].level; k--) {
            struct hy_pack_level level = incident->levels[k];
            incident->levels[k] = incident->levels[k - 1];
            incident->levels[k - 1] = level;
        }
    }
}

static struct hy_pack *load(struct hy_pack_reader *reader, const struct hy_pack_source *sources, int n,
                            const char *id) {
    struct hy_pack *pack = hy_pack_memory(reader, sizeof *pack);
    if (pack == NULL) return NULL;
    struct hy_node *tree = hy_pack_merged(reader, sources, n, id, pack->hash);
    if (tree == NULL) return NULL;
    pack->dossier_days = 400;
    pack->journal_days = 3650;
    hy_pack_row_read(reader, tree, &hy_pack_row, pack);
    if (reader->nomem) return NULL;
    hy_pack_check(reader, pack);
    for (int i = 0; i < pack->n_kinds; i++)
        pack->kinds[i].jurisdiction = pack->jurisdiction;
    sort_levels(&pack->incident);
    pack->memory = reader->memory;
    return pack;
}

int hy_pack_load(const struct hy_pack_source *sources, int n, const char *id, struct hy_pack **out,
                 struct hy_buf *problems) {
    struct hy_pack_reader reader = {.scratch = hy_arena_new(SCRATCH_MAX), .memory = hy_arena_new(MEMORY_MAX)};
    *out = NULL;
    int rc = HY_ENOMEM;
    if (reader.scratch != NULL && reader.memory != NULL) {
        struct hy_pack *pack = load(&reader, sources, n, id);
        hy_pack_problems_write(&reader, problems);
        if (!reader.nomem && hy_buf_ok(problems)) rc = reader.n_problems > 0 || pack == NULL ? HY_ECONFIG : HY_OK;
        if (rc == HY_OK) *out = pack;
    }
    if (rc == HY_ENOMEM) hy_buf_adds(problems, "policy: out of memory\n");
    hy_arena_free(reader.scratch);
    if (*out == NULL) hy_arena_free(reader.memory);
    return rc;
}

void hy_pack_free(struct hy_pack *pack) {
    if (pack != NULL) hy_arena_free(pack->memory);
}

#define FIND(rows, n, member, name)                                                                                    \
    for (int i = 0; i < (n); i++) {                                                                                    \
        if ((rows)[i].member != NULL && strcmp((rows)[i].member, name) == 0) return &(rows)[i];                        \
    }                                                                                                                  \
    return NULL

const struct hy_pack_kind *hy_pack_kind(const struct hy_pack *pack, const char *name) {
    FIND(pack->kinds, pack->n_kinds, name, name);
}

const struct hy_pack_clock *hy_pack_clock(const struct hy_pack_kind *kind, const char *name) {
    FIND(kind->clocks, kind->n_clocks, name, name);
}

const struct hy_pack_move *hy_pack_move(const struct hy_pack_kind *kind, const char *verb) {
    FIND(kind->moves, kind->n_moves, verb, verb);
}

const struct hy_pack_close *hy_pack_close(const struct hy_pack_kind *kind, const char *reason) {
    FIND(kind->closes, kind->n_closes, reason, reason);
}

const struct hy_pack_department *hy_pack_department(const struct hy_pack *pack, const char *code) {
    FIND(pack->departments, pack->n_departments, code, code);
}

const char *hy_point_name(enum hy_point point) {
    const char *name = hy_pack_words_name(&hy_pack_points, (int)point);
    return name != NULL ? name : "none";
}

int hy_point_parse(const char *name, enum hy_point *out) {
    const struct hy_word *word = hy_pack_words_find(&hy_pack_points, name);
    if (word == NULL) return HY_ENOTFOUND;
    *out = (enum hy_point)word->value;
    return HY_OK;
}

const char *hy_state_name(int state) {
    return hy_pack_words_name(&hy_pack_states, state);
}

int hy_state_parse(const char *name, int *out) {
    const struct hy_word *word = hy_pack_words_find(&hy_pack_states, name);
    if (word == NULL) return HY_ENOTFOUND;
    *out = word->value;
    return HY_OK;
}
