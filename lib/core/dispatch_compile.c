// Turns what the readers collected into the immutable object: literals with their uses, one scanner over all of them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/dispatch_internal.h"

static int compare_uses(const void *a, const void *b) {
    const struct draft_use *x = a, *y = b;
    int by_text = strcmp(x->text, y->text);
    if (by_text != 0) return by_text;
    if (x->use.role != y->use.role) return x->use.role < y->use.role ? -1 : 1;
    if (x->use.ref != y->use.ref) return x->use.ref < y->use.ref ? -1 : 1;
    return x->use.weight > y->use.weight ? -1 : x->use.weight < y->use.weight; // the heaviest stands first and stays
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_lengths(const void *a, const void *b) {
    size_t x = strlen(*(const char *const *)a), y = strlen(*(const char *const *)b);
    return x > y ? -1 : x < y;
}

static int compare_accounts(const void *a, const void *b) {
    return strcmp(((const struct dispatch_account *)a)->account, ((const struct dispatch_account *)b)->account);
}

static void add_name(struct draft *draft, const char *name, int department) {
    const char *normal = name == NULL ? NULL : draft_normal(draft, name);
    if (normal != NULL)
        draft_add_use(draft, normal, (struct dispatch_use){USE_DEPARTMENT, department, 1, draft_str(draft, name)});
}

static void add_department_names(struct draft *draft) {
    for (int i = 0; draft->pack != NULL && i < draft->pack->n_departments; i++) {
        const struct hy_pack_department *row = &draft->pack->departments[i];
        int department = draft_department(draft, row->code);
        add_name(draft, row->name, department);
        for (int k = 0; k < row->n_aliases; k++)
            add_name(draft, row->aliases[k], department);
    }
}

static bool repeated(const struct draft_use *a, const struct draft_use *b) {
    return strcmp(a->text, b->text) == 0 && a->use.role == b->use.role && a->use.ref == b->use.ref;
}

// A town's name says where, not who: it counts as naming the office only in its longer forms (源南镇政府).
static bool only_a_place(const struct draft *draft, int i) {
    if (draft->uses[i].use.role != USE_DEPARTMENT) return false;
    for (int k = i + 1; k < draft->n_uses && strcmp(draft->uses[k].text, draft->uses[i].text) == 0; k++)
        if (draft->uses[k].use.role == USE_PLACE) // sorted by text, then role: places stand behind departments
            return true;
    return false;
}

// Equal texts become one literal; its uses stand together.
static int gather(struct draft *draft) {
    struct hy_dispatch *d = draft->d;
    size_t n = (size_t)(draft->n_uses > 0 ? draft->n_uses : 1);
    d->literals = calloc(n, sizeof *d->literals);
    d->uses = calloc(n, sizeof *d->uses);
    if (d->literals == NULL || d->uses == NULL) return HY_ENOMEM;
    if (draft->n_uses > 0) qsort(draft->uses, (size_t)draft->n_uses, sizeof *draft->uses, compare_uses);
    for (int i = 0; i < draft->n_uses; i++) {
        const struct draft_use *use = &draft->uses[i];
        if ((i > 0 && repeated(use - 1, use)) || only_a_place(draft, i)) continue;
        if (d->n_literals == 0 || strcmp(d->literals[d->n_literals - 1].text, use->text) != 0)
            d->literals[d->n_literals++] = (struct dispatch_literal){use->text, strlen(use->text), d->n_uses, 0};
        d->literals[d->n_literals - 1].n_uses++;
        d->uses[d->n_uses++] = use->use;
    }
    return 0;
}

static int build_scanner(struct hy_dispatch *d, struct hy_buf *problems) {
    size_t n = (size_t)d->n_literals;
    if (n == 0) return 0;
    const char **texts = calloc(n, sizeof *texts);
    unsigned *flags = calloc(n, sizeof *flags), *ids = calloc(n, sizeof *ids);
    size_t *lens = calloc(n, sizeof *lens);
    int rc = HY_ENOMEM;
    if (texts != NULL && flags != NULL && ids != NULL && lens != NULL) {
        for (size_t i = 0; i < n; i++) {
            texts[i] = d->literals[i].text;
            lens[i] = d->literals[i].len;
            ids[i] = (unsigned)i;
            flags[i] = 0; // told each time it stands; route.c keeps the first: cheaper than HS_FLAG_SINGLEMATCH
        }
        hs_compile_error_t *error = NULL;
        rc = 0;
        if (hs_compile_lit_multi(texts, flags, ids, lens, (unsigned)n, HS_MODE_BLOCK, NULL, &d->database, &error) !=
            HS_SUCCESS) {
            hy_buf_addf(problems, "the words could not be compiled for scanning: %s\n",
                        error != NULL ? error->message : "unknown");
            hs_free_compile_error(error);
            rc = HY_ECONFIG;
        }
    }
    free(texts);
    free(flags);
    free(ids);
    free(lens);
    return rc;
}

int dispatch_compile(struct draft *draft) {
    struct hy_dispatch *d = draft->d;
    add_department_names(draft);
    int rc = draft->nomem ? HY_ENOMEM : gather(draft);
    if (rc < 0) return rc;
    if (d->n_stock > 0) qsort(d->stock, (size_t)d->n_stock, sizeof *d->stock, compare_texts);
    if (d->n_chatter > 0) qsort(d->chatter, (size_t)d->n_chatter, sizeof *d->chatter, compare_lengths);
    if (d->n_accounts > 0) qsort(d->accounts, (size_t)d->n_accounts, sizeof *d->accounts, compare_accounts);
    return build_scanner(d, draft->problems);
}

bool dispatch_is_stock(const struct hy_dispatch *d, const char *text, size_t len) {
    int low = 0, high = d->n_stock;
    while (low < high) {
        int middle = (low + high) / 2;
        const char *stock = d->stock[middle];
        int order = strncmp(stock, text, len);
        if (order == 0 && stock[len] == '\0') return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static void draft_free(struct draft *draft) {
    free(draft->uses);
    free(draft->owners);
    hy_buf_free(&draft->scratch);
}

static struct hy_dispatch *dispatch_new(void) {
    struct hy_dispatch *d = calloc(1, sizeof *d);
    if (d == NULL) return NULL;
    d->arena = hy_arena_new(64U << 20);
    d->home = "";
    d->confidence = 0.5;
    d->account_weight = 3;
    d->department_weight = 2;
    d->title_factor = 1.5;
    if (d->arena == NULL) {
        free(d);
        return NULL;
    }
    return d;
}

int hy_dispatch_load(const struct hy_dispatch_input *input, struct hy_dispatch **out, struct hy_buf *problems) {
    *out = NULL;
    struct draft draft = {.d = dispatch_new(), .pack = input->pack, .problems = problems};
    if (draft.d == NULL) return HY_ENOMEM;
    int rc = dispatch_read_lists(&draft, input);
    if (rc == 0) rc = dispatch_read_places(&draft, input);
    if (rc == 0 && draft.mistakes > 0) rc = HY_ECONFIG;
    if (rc == 0) rc = dispatch_compile(&draft);
    draft_free(&draft);
    if (rc < 0) {
        hy_dispatch_free(draft.d);
        return rc;
    }
    *out = draft.d;
    return 0;
}

void hy_dispatch_free(struct hy_dispatch *d) {
    if (d == NULL) return;
    hs_free_database(d->database);
    free(d->departments);
    free(d->rows);
    free(d->places);
    free(d->accounts);
    free(d->literals);
    free(d->uses);
    free(d->stock);
    free(d->chatter);
    hy_arena_free(d->arena);
    free(d);
}

int hy_dispatch_rows(const struct hy_dispatch *d) {
    return d->n_rows;
}
int hy_dispatch_literals(const struct hy_dispatch *d) {
    return d->n_literals;
}
int hy_dispatch_departments(const struct hy_dispatch *d) {
    return d->n_departments;
}
