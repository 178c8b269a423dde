// What the tests of lists, routes and subjects share: a list loaded from text, a decision on a text, a reason by its
// step. A list that does not load fails the test with its mistakes. Include after cmocka. To extend: a helper goes here
// when two of the tests need it.
#ifndef TESTS_CORE_ROUTE_SUPPORT_H
#define TESTS_CORE_ROUTE_SUPPORT_H

#include <string.h>

#include "lib/core/dispatch.h"
#include "lib/core/route.h"

#define HEAD "version: 1\nid: test\n"

struct fixture {
    struct hy_dispatch *dispatch;
    struct hy_route_scratch *scratch;
};

static int load(const char *list, const char *places, const struct hy_pack *pack, struct hy_dispatch **out,
                struct hy_buf *problems) {
    struct hy_pack_source lists = {"list.yaml", hy_bytes_of(list)}, gazetteer = {"places.yaml", hy_bytes_of(places)};
    struct hy_dispatch_input input = {.lists = &lists,
                                      .n_lists = 1,
                                      .places = &gazetteer,
                                      .n_places = places != NULL ? 1 : 0,
                                      .id = "test",
                                      .pack = pack};
    return hy_dispatch_load(&input, out, problems);
}

static inline struct fixture fixture_of(const char *list, const char *places) {
    struct fixture f = {0};
    struct hy_buf problems = {0};
    if (load(list, places, NULL, &f.dispatch, &problems) < 0) fail_msg("%s", problems.data);
    f.scratch = hy_route_scratch_new(f.dispatch);
    assert_non_null(f.scratch);
    hy_buf_free(&problems);
    return f;
}

static inline void fixture_free(struct fixture *f) {
    hy_route_scratch_free(f->scratch);
    hy_dispatch_free(f->dispatch);
}

static inline struct hy_route decide(struct fixture *f, const char *account, const char *title, const char *text) {
    struct hy_route_input input = {.account = account, .title = hy_bytes_of(title), .text = hy_bytes_of(text)};
    struct hy_route route;
    assert_int_equal(hy_route_decide(f->dispatch, f->scratch, &input, &route), 0);
    return route;
}

static inline const struct hy_route_reason *reason(const struct hy_route *route, const char *step) {
    for (int i = 0; i < route->n_reasons; i++)
        if (strcmp(route->reasons[i].step, step) == 0) return &route->reasons[i];
    return NULL;
}

#endif
