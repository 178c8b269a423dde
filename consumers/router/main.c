// router: events → commands and sightings (design section 4). Everything but the wiring is in router.c and the
// libraries.
#include "consumers/router/router.h"
#include "lib/run/lane_program.h"

static void *make(struct hy_packs *packs, int lanes, struct hy_lane_handler *handler) {
    struct router *router = router_new(packs, lanes);
    if (router) *handler = router_handler(router);
    return router;
}

static void release(void *user) {
    router_free(user);
}

int main(int argc, char **argv) {
    static const struct hy_lane_program PROGRAM = {
        .name = "router",
        .purpose = "Routes events: what each message is about and which department must answer it, with reasons.",
        .make = make,
        .release = release,
    };
    return hy_lane_program_main(&PROGRAM, argc, argv);
}
