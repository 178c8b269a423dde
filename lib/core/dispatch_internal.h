// Inside of a dispatch list, shared by its reader, its compiler, the router and the subject finder; no one else's.
// Everything lives in one arena and is never changed after loading.
// A literal is a text in normal form; each has one or more uses: what it means when it stands in a message.
#ifndef HY_CORE_DISPATCH_INTERNAL_H
#define HY_CORE_DISPATCH_INTERNAL_H

#include <hs/hs.h>

#include "lib/base/arena.h"
#include "lib/core/dispatch.h"

enum use_role {
    USE_PHRASE,     // ref = row, weight
    USE_EXCLUSION,  // ref = row: the row says nothing about this text
    USE_DEPARTMENT, // ref = department named in the text
    USE_PLACE,      // ref = place; behind USE_DEPARTMENT (dispatch_compile.c)
    USE_URGENCY,    // ref = HY_URGENT or HY_DANGER
    USE_ASK,        // ref = kind of request
    USE_NOTE,       // ref = kind of what is no request
};

enum { MAX_TEXT = 120, MAX_LITERALS = 200000, NONE = -1, MAX_DEPTH = 8, MAX_PLACE = 60 };

struct dispatch_use {
    enum use_role role;
    int ref;
    double weight;
    const char *what; // as the list spells it, for reasons
};

struct dispatch_literal {
    const char *text; // normal form
    size_t len;
    int first_use, n_uses;
};

struct dispatch_row {
    int department;
    const char *topic;
    bool counts; // its topic alone makes a subject (停水), without an entity in the text
};

struct dispatch_place {
    const char *name;
    int parent; // NONE at the top
    int depth;
};

struct dispatch_account {
    const char *account;
    int department;
};

struct hy_dispatch {
    struct hy_arena *arena;
    hs_database_t *database; // NULL when there is no literal
    double confidence;       // below: triage
    double account_weight, department_weight, title_factor;
    const char *home; // the area that the list serves
    const char **departments;
    struct dispatch_row *rows;
    struct dispatch_place *places;
    struct dispatch_account *accounts; // sorted by account
    struct dispatch_literal *literals;
    struct dispatch_use *uses;
    const char **stock;   // normal forms, sorted: no subject is made of these
    const char **chatter; // normal forms of the chatter words, longest first
    int n_departments, n_rows, n_places, n_accounts, n_literals, n_uses, n_stock, n_chatter;
};

// While reading: everything grows; draft_compile moves it into the object.
struct draft_use {
    const char *text;
    struct dispatch_use use;
};
struct draft {
    struct hy_dispatch *d;
    const struct hy_pack *pack;
    struct hy_buf *problems;
    struct hy_buf scratch; // for normal forms
    struct draft_use *uses;
    int n_uses, cap_uses, cap_rows, cap_places, cap_accounts, cap_departments, cap_stock, cap_chatter;
    int mistakes;
    bool nomem;
    const char *gazetteer;
    const char *(*owners)[2]; // code in the list → code in the pack
    int n_owners, cap_owners;
};

// Grows *array (elements of `size`) for one more; false when memory is out (noted in the draft).
bool draft_grow(struct draft *draft, void **array, int n, int *cap, size_t size);
const char *draft_str(struct draft *draft, const char *text);
// The normal form, kept; NULL (and nothing noted) when it is empty.
const char *draft_normal(struct draft *draft, const char *text);
void draft_add_use(struct draft *draft, const char *normal, struct dispatch_use use);
int draft_department(struct draft *draft, const char *code); // index of a code, made when new

// dispatch_read.c, dispatch_places.c, dispatch_compile.c
int dispatch_read_lists(struct draft *draft, const struct hy_dispatch_input *input);
int dispatch_read_places(struct draft *draft, const struct hy_dispatch_input *input);
int dispatch_compile(struct draft *draft);

// Is the text (normal form) one of the list's stock words?
bool dispatch_is_stock(const struct hy_dispatch *d, const char *text, size_t len);

#endif
