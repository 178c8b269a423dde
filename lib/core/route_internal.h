// The scratch of the router, shared with the subject finder (which reads the normal forms of the last message).
// One thread, one list.
// Nothing outside lib/core includes it; a finder that needs another form of the message adds it to the scratch.
#ifndef HY_CORE_ROUTE_INTERNAL_H
#define HY_CORE_ROUTE_INTERNAL_H

#include "lib/core/dispatch_internal.h"
#include "lib/core/route.h"

struct row_score {
    double score;
    bool excluded, touched;
};

struct hit {
    int literal;
    bool in_title, in_text;
    unsigned long long at; // where it ends first, for the order of places
};

struct hy_route_scratch {
    hs_scratch_t *hs;
    struct hy_buf title, text; // normal forms of the last message
    struct hit *hits;          // one a literal seen, n_hits of them
    int *hit_of;               // literal → index in hits + 1, 0 = not seen
    int n_hits;
    bool scanning_title;
    struct row_score *rows;
    int *touched; // rows with a score or an exclusion
    int n_touched;
    double *departments;         // score a department
    struct subject_index *names; // how names end
};

// The subject finder's tables (subject.c); NULL: out of memory. Released by free().
struct subject_index *subject_index_new(void);

#endif
