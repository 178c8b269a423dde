// What the tests of the sentinel's counting share: rules with a day's window, one sighting, the totals of a window.
// Times are minutes from a fixed instant; writers and events are numbers. Include after cmocka.
// To extend: a helper goes here when both tests need it.
#ifndef TESTS_CORE_INCIDENT_SUPPORT_H
#define TESTS_CORE_INCIDENT_SUPPORT_H

#include <stdio.h>
#include <string.h>

#include "lib/core/incident.h"

#define MINUTE INT64_C(60000)
#define DAY    (1440 * MINUTE)
#define T0     INT64_C(1800000000000)

static inline struct hy_incident_rules day_rules(void) {
    static struct hy_pack_level levels[] = {{1, 40, 10}, {2, 16, 6}, {3, 8, 4}, {4, 4, 3}};
    struct hy_pack_incident pack = {.window_minutes = 1440,
                                    .baseline_days = 14,
                                    .n_levels = 4,
                                    .levels = levels,
                                    .major_level = 2,
                                    .quiet_minutes = 720};
    struct hy_incident_rules rules;
    assert_int_equal(hy_incident_rules(&pack, &rules), 0);
    return rules;
}

static inline struct hy_subject_state *subject_of(const struct hy_incident_rules *rules) {
    struct hy_subject_state *state = hy_subject_new(rules, "某区||湖心苑", "供水", "某区", "湖心苑");
    assert_non_null(state);
    return state;
}

// One sighting by writer w with event e at a minute, seen at `now`.
static inline int sight_at(struct hy_subject_state *state, const struct hy_incident_rules *rules, int e, int w,
                           int64_t at_ms, int64_t now_ms) {
    char event[32], author[32], url[64];
    snprintf(event, sizeof event, "event-%d", e);
    snprintf(author, sizeof author, "writer-%d", w);
    snprintf(url, sizeof url, "https://example.org/%d", e);
    struct hy_sighted sighted = {.event_id = event,
                                 .author = author,
                                 .occurred_ms = at_ms,
                                 .reach = (uint64_t)(e % 7),
                                 .official = e % 11 == 0,
                                 .negative = e % 3 == 0,
                                 .url = url,
                                 .case_dossier = "D"};
    return hy_subject_sighted(state, rules, &sighted, now_ms);
}

static inline void sight(struct hy_subject_state *state, const struct hy_incident_rules *rules, int e, int w,
                         int64_t minute) {
    assert_int_equal(sight_at(state, rules, e, w, T0 + minute * MINUTE, T0 + minute * MINUTE), HY_SIGHTED_COUNTED);
}

static inline struct hy_window_totals window_at(const struct hy_subject_state *state,
                                                const struct hy_incident_rules *rules, int64_t minute) {
    struct hy_window_totals totals;
    hy_subject_window(state, rules, T0 + minute * MINUTE, &totals);
    return totals;
}

#endif
