// A dispatch list from outside: any bytes are refused with reasons or give a list that routes.
#include <stdint.h>
#include <stdlib.h>

#include "lib/core/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 4096) return 0; // compiling thousands of words a second is not what is looked for
    struct hy_pack_source source = {"fuzz.yaml", hy_bytes_from(data, size)};
    struct hy_dispatch_input input = {.lists = &source, .n_lists = 1, .places = &source, .n_places = 1, .id = "a"};
    struct hy_dispatch *dispatch = NULL;
    struct hy_buf problems = {0};
    int rc = hy_dispatch_load(&input, &dispatch, &problems);
    if ((rc < 0) != (dispatch == NULL) || (rc == HY_ECONFIG && problems.len == 0)) abort();
    struct hy_route_scratch *scratch = rc == 0 ? hy_route_scratch_new(dispatch) : NULL;
    if (scratch != NULL) {
        struct hy_route_input message = {.text = hy_utf8_valid(source.yaml) ? source.yaml : hy_bytes_of("a")};
        struct hy_route route;
        if (hy_route_decide(dispatch, scratch, &message, &route) < 0 || *route.department == '\0') abort();
    }
    hy_route_scratch_free(scratch);
    hy_dispatch_free(dispatch);
    hy_buf_free(&problems);
    return 0;
}
