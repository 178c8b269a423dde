// An observation as the command that the sentinel sends: Command{Observed} under the subject's dossier. Pure. To report
// another figure, add it to Observed in the contract and here.
// What the engine does with it is not known here: the sentinel reports, the engine decides.
#ifndef HY_SENTINEL_OBSERVED_H
#define HY_SENTINEL_OBSERVED_H

#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/core/incident.h"

// Packs it into the arena. issued_ms: when it was seen. The command's id is made of dossier and counter. HY_ENOMEM.
HY_MUST_CHECK int observed_command(struct hy_arena *arena, const char *dossier,
                                   const struct hy_observation *observation, int64_t issued_ms, struct hy_bytes *out);

#endif
