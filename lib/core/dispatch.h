// A dispatch list (派单目录): which words, places and accounts lead a message to which department, and which words say
// how urgent it is and whether it asks for anything at all. Lists are YAML (deploy/policies/dispatch/<id>.yaml), places
// are gazetteers (deploy/gazetteer/<id>.yaml); both are described in docs/routing.md. Loaded into one immutable object
// with all literals compiled for one scan (Vectorscan). Pure: texts in, object or a list of all mistakes out. To add a
// kind of word: a role in dispatch_internal.h, its key in dispatch_read.c, what it does in route.c, a test.
#ifndef HY_CORE_DISPATCH_H
#define HY_CORE_DISPATCH_H

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/core/policy.h"

struct hy_dispatch; // immutable, shared by threads; a new list is a new object

// What a list is made from. All borrowed during the call.
struct hy_dispatch_input {
    const struct hy_pack_source *lists; // the list `id` and those it inherits, in any order
    int n_lists;
    const struct hy_pack_source *places; // gazetteers that lists name; may be none
    int n_places;
    const char *id;
    // Its departments are the only ones a row may name, their names and aliases are looked for in texts. NULL: every
    // code is taken, no names are looked for.
    const struct hy_pack *pack;
};

// Reads and compiles the list. All mistakes are appended to *problems, one a line ("name:line:column: what");
// HY_ECONFIG when there is any, HY_ENOMEM. *out is freed with hy_dispatch_free, after the last scratch made for it.
// About 20 ms for 2,000 phrases.
HY_MUST_CHECK int hy_dispatch_load(const struct hy_dispatch_input *input, struct hy_dispatch **out,
                                   struct hy_buf *problems);
void hy_dispatch_free(struct hy_dispatch *dispatch);

// For reports: rows, distinct literals, departments.
int hy_dispatch_rows(const struct hy_dispatch *dispatch);
int hy_dispatch_literals(const struct hy_dispatch *dispatch);
int hy_dispatch_departments(const struct hy_dispatch *dispatch);

#endif
