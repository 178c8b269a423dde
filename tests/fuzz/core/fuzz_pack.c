// Any text as a pack: it is loaded with nothing said, or refused with a reason in UTF-8. What is loaded plans its
// clocks.
#include <assert.h>

#include "lib/core/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void plan_all(const struct hy_pack *pack) {
    static struct hy_calendar *calendar;
    if (calendar == NULL) calendar = hy_calendar_new();
    for (int k = 0; k < pack->n_kinds; k++) {
        for (int c = 0; c < pack->kinds[k].n_clocks; c++) {
            struct hy_clock_plan plan;
            int64_t start = INT64_C(1771005600000);
            assert(hy_clock_plan(calendar, pack, &pack->kinds[k].clocks[c], start, &plan) == HY_OK);
            for (int i = 0; i < plan.n_stages; i++)
                assert(plan.stage_due_ms[i] >= start);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hy_pack_source source = {"a.yaml", hy_bytes_from(data, size)};
    struct hy_pack *pack;
    struct hy_buf problems = {0};
    int rc = hy_pack_load(&source, 1, "national", &pack, &problems);
    assert((rc == HY_OK) == (problems.len == 0) && (rc == HY_OK) == (pack != NULL));
    assert(hy_utf8_valid(hy_buf_view(&problems)));
    if (pack != NULL) plan_all(pack);
    hy_pack_free(pack);
    hy_buf_free(&problems);
    return 0;
}
