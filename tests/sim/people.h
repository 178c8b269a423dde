// The people at the desks: departments that sign for, handle and answer; reviewers; 网信办. Most are prompt, some slow,
// some never come, some return what is not theirs. They see committed cases and act through commands, as the
// dashboard's REST does for them. To let them do something else, add a row to PLANS in people.c.
#ifndef HY_SIM_PEOPLE_H
#define HY_SIM_PEOPLE_H

#include "tests/sim/seen.h"

// departments: codes to transfer to; borrowed.
void people_start(const char *const *departments, int n);
void people_end(void);
// A case changed: whoever has to do something about it plans to.
void people_see(struct seen_case *c);

#endif
