// The auditor: follows every command of a world and says what is not as it must always be (design section 6). It trusts
// nothing of the engine but the bytes that were written, and keeps its own folds: journal chains, work items, fates.
// To add an invariant: a function over struct turn_view in audit.c and a line in its list.
#ifndef HY_TESTS_CORE_CASE_AUDIT_H
#define HY_TESTS_CORE_CASE_AUDIT_H

#include "lib/core/case.h"

struct audit *audit_new(void);
void audit_free(struct audit *audit);

// What happened: the command (NULL: a tick), the effects, and the stored state before they were written.
// NULL, or the broken rule in words.
const char *audit_turn(struct audit *audit, const Huiying__V1__Command *cmd, const struct hy_effects *out,
                       const struct hy_engine_view *before, int64_t now);

// Figures of the whole run, so that a test sees that it tested something.
struct audit_counts {
    uint64_t applied, refused, repeated, skipped, dead, opened, closed, breached, delivered, recalled, reopened;
};
struct audit_counts audit_counts(const struct audit *audit);
// How often each rule of the journal ruled: calls seen(rule, times, ctx) for each.
void audit_rules(const struct audit *audit, void (*seen)(const char *rule, uint64_t times, void *ctx), void *ctx);

#endif
