// The people at the desks: departments that sign for, handle and answer; reviewers; 网信办. Most are prompt, some slow,
// some never come, some return what is not theirs. They see committed cases and act through commands, as the
// dashboard's REST does for them. To let them do something else, add a row to PLANS in people.c.
#ifndef HY_SIM_PEOPLE_H
#define HY_SIM_PEOPLE_H

#include "huiying/v1/command.pb-c.h"
#include "tests/sim/seen.h"

// One thing that somebody does: with a case of this kind in this state, between `least` and `most` ms after it came
// there.
struct people_plan {
    const char *kind;
    Huiying__V1__CaseState state;
    Huiying__V1__Verb verb;
    int64_t least, most;
    const char *role, *text, *reason, *proof, *proof_kind;
};

// departments: codes to transfer to; borrowed.
void people_start(const char *const *departments, int n);
void people_end(void);
// A case changed: whoever has to do something about it plans to.
void people_see(struct seen_case *c);
// The same with plans of another table (borrowed), carried out whatever the hour and by people who never fail.
void people_follow(struct seen_case *c, const struct people_plan *plans, size_t n);

#endif
