// A subject's stored state of any bytes: refused, or it counts on, packs again and stays within its size.
#include <stdint.h>
#include <stdlib.h>

#include "lib/core/incident.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hy_pack_level levels[] = {{1, 10, 3}, {4, 2, 2}};
    struct hy_pack_incident pack = {
        .window_minutes = 60, .baseline_days = 14, .n_levels = 2, .levels = levels, .quiet_minutes = 60};
    struct hy_incident_rules rules;
    if (hy_incident_rules(&pack, &rules) < 0) abort();
    struct hy_subject_state *state = NULL;
    if (hy_subject_unpack(&rules, hy_bytes_from(data, size), &state, NULL) < 0) return 0;
    for (int i = 0; i < 20; i++) {
        char id[2] = {(char)('a' + i), '\0'};
        int64_t now = 1800000000000 + i * INT64_C(40000000);
        struct hy_sighted sighted = {.event_id = id, .author = id, .occurred_ms = now - i * 1000};
        struct hy_observation seen;
        if (hy_subject_sighted(state, &rules, &sighted, now) < 0) abort();
        hy_subject_observe(state, &rules, now, &seen);
    }
    struct hy_buf packed = {0};
    if (hy_subject_pack(state, &packed) < 0) abort();
    hy_buf_free(&packed);
    hy_subject_free(state);
    return 0;
}
