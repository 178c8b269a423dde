// What the policy tests share: a small pack that is right, ways to make it wrong, and a load that keeps its problems.
// policy_test.c tests reading and inheritance, mistakes_test.c what is refused, clock_test.c plans, shipped_test.c the
// packs of deploy/policies. To add a group, declare its list here and run it from main in policy_test.c.
#ifndef POLICY_FIXTURE_H
#define POLICY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/core/policy.h"

// The right pack, id "base": kinds letter and incident, departments desk, office, school.
extern const char *const base_yaml;

struct loaded {
    int rc;
    struct hy_pack *pack;
    struct hy_buf problems;
};
void unload(struct loaded *loaded);

// Loads `id` from n texts called "a.yaml", "b.yaml", ...
struct loaded load_texts(const char *id, int n, const char *const *texts);
// The text with the first `from` replaced by `to`; fails when there is none. Freed by the caller.
char *replaced(const char *text, const char *from, const char *to);
// Loads base_yaml alone.
struct loaded load_base(void);
// A child of base with `rows` after its head (lines 1 to 6).
char *child_of_base(const char *rows);
void assert_says(const struct loaded *loaded, const char *expected);
// Loads a shipped pack with all shipped texts.
struct loaded load_shipped(const char *id);
char *read_text(const char *path); // NULL when it is absent; freed by the caller

int run_mistakes_tests(void);
int run_clock_tests(void);
int run_shipped_tests(void);

#endif
