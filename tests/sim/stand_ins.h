// The packs of a simulated city, read from the folder that holds policies/, gazetteer/ and calendars/, as they would be
// after `hyctl policy publish`. stand_ins.c also holds what the programs call and the simulator does without; another
// such call is added there.
#ifndef HY_SIM_STAND_INS_H
#define HY_SIM_STAND_INS_H

#include "lib/run/packs.h"

// Ends the process with the reason when something in it cannot be read. Free with sim_packs_close.
struct hy_packs *sim_packs_open(const char *deploy, const char *id);
void sim_packs_close(struct hy_packs *packs);

#endif
