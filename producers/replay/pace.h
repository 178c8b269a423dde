// How fast a bulk may go: never so fast that what is behind it falls more than two seconds back, so that an incident
// never waits behind a replay (design section 4). Watches how far router and casework are behind, and how fast they
// drain; and spreads rows over time for --rate and --speed. One thread; asks Kafka at most twice a second.
#ifndef HY_REPLAY_PACE_H
#define HY_REPLAY_PACE_H

#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/lane/kafka_conf.h"

struct pace_options {
    double rate;     // rows a second, 0 = no limit
    double speed;    // 1 = as the rows' own times, 10 = ten times as fast, 0 = not by their times
    bool follow_lag; // wait for router and casework
    int64_t max_lag_ms;
};

struct pace;

// Free with pace_close. clock and kafka's strings are borrowed.
HY_MUST_CHECK int pace_open(const struct hy_kafka_options *kafka, const struct pace_options *options,
                            const struct hy_clock *clock, struct pace **out, struct hy_error *err);
void pace_close(struct pace *pace);
// How many ms to wait before the row with this time (its own, unshifted) may go; 0 = now.
int64_t pace_wait_ms(struct pace *pace, int64_t row_ms);
// Counts one row as sent.
void pace_sent(struct pace *pace);
// Records that router and casework have not yet handled, as of the last look; -1 = not known.
int64_t pace_backlog(const struct pace *pace);

#endif
