// sentinel: sightings → observations (design section 4). Everything but the wiring is in sentinel.c and the libraries.
#include <stdlib.h>

#include "consumers/sentinel/sentinel.h"
#include "lib/run/lane_program.h"

static void *make(struct hy_packs *packs, int lanes, struct hy_lane_handler *handler) {
    (void)lanes;
    struct sentinel *sentinel = calloc(1, sizeof *sentinel);
    if (!sentinel) return NULL;
    sentinel->packs = packs;
    *handler = sentinel_handler(sentinel);
    return sentinel;
}

int main(int argc, char **argv) {
    static const struct hy_lane_program PROGRAM = {
        .name = "sentinel",
        .purpose = "Watches subjects: how many speak of the same thing, against what is usual, and reports it.",
        .make = make,
        .release = free,
    };
    return hy_lane_program_main(&PROGRAM, argc, argv);
}
