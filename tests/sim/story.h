// The sample day (deploy/sample) on virtual time: its messages at its seconds, its people at their pace, under the pack
// `sample`. What must have happened within two minutes is written down as milestones; a new one is a row in MILESTONES
// of story.c and the place where it is seen.
#ifndef HY_SIM_STORY_H
#define HY_SIM_STORY_H

#include "tests/sim/seen.h"

// Plays the messages of this file (messages.json). Ends the process when it cannot be read.
void story_start(const char *path);
// Prints each milestone and its second; returns how many were missed.
int story_judge(void);
void story_end(void);
// True: a story is being told, and its own people care about this case.
bool story_see(struct seen_case *c);

#endif
