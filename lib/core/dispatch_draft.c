// What the readers of lists and gazetteers write into.
#include <stdlib.h>
#include <string.h>

#include "lib/core/dispatch_internal.h"
#include "lib/core/text.h"

bool draft_grow(struct draft *draft, void **array, int n, int *cap, size_t size) {
    if (n < *cap) return true;
    int wider = *cap == 0 ? 64 : *cap * 2;
    void *moved = n < MAX_LITERALS * 4 ? realloc(*array, (size_t)wider * size) : NULL;
    if (moved == NULL) {
        draft->nomem = true;
        return false;
    }
    *array = moved;
    *cap = wider;
    return true;
}

const char *draft_str(struct draft *draft, const char *text) {
    const char *copy = hy_arena_str(draft->d->arena, text);
    draft->nomem |= copy == NULL;
    return copy != NULL ? copy : "";
}

// Space at the ends is a slip of the editor, not part of the word.
static struct hy_bytes trimmed(const struct hy_buf *buf) {
    size_t from = 0, to = buf->len;
    while (from < to && buf->data[from] == ' ')
        from++;
    while (to > from && buf->data[to - 1] == ' ')
        to--;
    return hy_bytes_from(buf->data + from, to - from);
}

const char *draft_normal(struct draft *draft, const char *text) {
    hy_buf_clear(&draft->scratch);
    if (hy_text_normalise(hy_bytes_of(text), &draft->scratch, NULL) < 0) {
        draft->nomem = true;
        return NULL;
    }
    struct hy_bytes normal = trimmed(&draft->scratch);
    if (normal.len == 0) return NULL;
    const char *copy = hy_arena_strn(draft->d->arena, (const char *)normal.data, normal.len);
    draft->nomem |= copy == NULL;
    return copy;
}

void draft_add_use(struct draft *draft, const char *normal, struct dispatch_use use) {
    if (draft_grow(draft, (void **)&draft->uses, draft->n_uses, &draft->cap_uses, sizeof *draft->uses))
        draft->uses[draft->n_uses++] = (struct draft_use){normal, use};
}

int draft_department(struct draft *draft, const char *code) {
    struct hy_dispatch *d = draft->d;
    for (int i = 0; i < d->n_departments; i++)
        if (strcmp(d->departments[i], code) == 0) return i;
    if (!draft_grow(draft, (void **)&d->departments, d->n_departments, &draft->cap_departments, sizeof *d->departments))
        return 0;
    d->departments[d->n_departments] = draft_str(draft, code);
    return d->n_departments++;
}
