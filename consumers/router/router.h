// Router: events into commands and sightings (design sections 2, 4, 8). Stateless: routing (lib/core/route.h) decides
// from the published dispatch list, the lane makes each event and what came of it one transaction. Every message that
// speaks to the government becomes one Command{Message} for its dossier, whatever the router thinks of it: whether it
// is a request is said beside it, and the engine writes the fate. Posts and signals become sightings only. To route by
// something new: a step in lib/core/route.c, nothing here.
#ifndef HY_ROUTER_ROUTER_H
#define HY_ROUTER_ROUTER_H

#include "lib/lane/lane.h"
#include "lib/run/packs.h"

struct router; // shared by all lanes; one scratch a lane

// packs is borrowed until router_free. lanes: how many threads will call. NULL: out of memory.
struct router *router_new(struct hy_packs *packs, int lanes);
void router_free(struct router *router);
// The lane's handler over it (borrowed).
struct hy_lane_handler router_handler(struct router *router);

#endif
