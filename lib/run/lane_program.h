// The life of a program whose work is on lanes (router, casework, sentinel): configuration, log, packs, health, lanes,
// drain. A program gives its handler and its own rows; the order of start and stop is here, once.
// To give such a program another part, start it in `start` of the description and stop it in `stop`.
#ifndef HY_RUN_LANE_PROGRAM_H
#define HY_RUN_LANE_PROGRAM_H

#include "lib/base/config.h"
#include "lib/lane/lane.h"
#include "lib/run/packs.h"

// What every lane program is told. A program without rows of its own uses it as it is.
struct hy_lane_program_config {
    struct hy_config_common common;
    struct hy_lane_config lane;
    char *pack;
};

// The handler of one program. make gets the packs (borrowed until `free` was called) and fills *handler; it returns
// what hy_lane_handler.user is, or NULL when memory is out.
struct hy_lane_program {
    const char *name;
    const char *purpose;
    void *(*make)(struct hy_packs *packs, int lanes, struct hy_lane_handler *handler);
    void (*release)(void *user);
};

// main of such a program: returns its exit code. 0 drained or asked for help; 1 refused or failed; 2 wrong use.
int hy_lane_program_main(const struct hy_lane_program *program, int argc, char **argv);

#endif
