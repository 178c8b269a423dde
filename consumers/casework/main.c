// casework: commands → cases (design section 4). Everything but the wiring is in casework.c and the libraries.
#include <stdlib.h>

#include "consumers/casework/casework.h"
#include "lib/run/lane_program.h"

static void *make(struct hy_packs *packs, int lanes, struct hy_lane_handler *handler) {
    (void)lanes;
    struct casework *casework = calloc(1, sizeof *casework);
    if (!casework) return NULL;
    casework->packs = packs;
    *handler = casework_handler(casework);
    return casework;
}

int main(int argc, char **argv) {
    static const struct hy_lane_program PROGRAM = {
        .name = "casework",
        .purpose = "Turns commands into cases: the state of record, its history, the departments' feeds.",
        .make = make,
        .release = free,
    };
    return hy_lane_program_main(&PROGRAM, argc, argv);
}
