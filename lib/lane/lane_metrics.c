// What a lane counts and shows, by lane.
#include <stdio.h>

#include "lib/lane/lane_internal.h"

void hy_lane_metrics_open(struct hy_lane *lane) {
    struct hy_lane_metrics *m = &lane->metrics;
    char label[32];
    snprintf(label, sizeof label, "lane=\"%d\"", lane->index);
#define COUNTER(field, name, help) m->field = hy_metric_get(HY_COUNTER, "huiying_lane_" name, help, label)
#define GAUGE(field, name, help)   m->field = hy_metric_get(HY_GAUGE, "huiying_lane_" name, help, label)
    COUNTER(records, "records_total", "Records whose transaction is committed.");
    COUNTER(commits, "commits_total", "Transactions known committed.");
    COUNTER(aborts, "aborts_total", "Transactions aborted.");
    COUNTER(unknown, "commits_unknown_total", "Commits whose result is not known.");
    COUNTER(restores, "restores_total", "Passages through the restore barrier.");
    COUNTER(dead, "dead_letters_total", "Records that became dead letters.");
    COUNTER(backward, "offset_backward_total", "Records offered again that were handled already, and skipped.");
    COUNTER(recreated, "producers_recreated_total", "Producers made anew after a failure or a slow commit.");
    COUNTER(held, "holds_total", "Times that a handler asked to wait.");
    COUNTER(jumps, "clock_jumps_total", "Clock differences of over 5 s that held the lane.");
    COUNTER(tick_errors, "tick_errors_total", "Ticks that failed.");
    GAUGE(lag, "lag_records", "Records in the log behind the lane.");
    GAUGE(oldest, "oldest_unhandled_seconds",
          "Age of the record that the lane stands before; 0 when it is at the end.");
    GAUGE(bytes, "state_bytes", "Memory of the state of the lane's partitions.");
    GAUGE(keys, "state_keys", "Keys of the state of the lane's partitions.");
    GAUGE(partitions, "partitions", "Partitions assigned.");
    GAUGE(parked, "parked_bytes", "Memory of the state of partitions that moved away.");
#undef COUNTER
#undef GAUGE
    m->commit_seconds = hy_metric_histogram("huiying_lane_commit_seconds", "Time of a commit.", label, NULL, 0);
    m->restore_seconds =
        hy_metric_histogram("huiying_lane_restore_seconds", "Time behind the restore barrier.", label, NULL, 0);
}

static int64_t lag_of(const struct hy_lane *lane, const struct hy_part *part) {
    int64_t low, high;
    if (part->at_end || lane->consumer == NULL) return 0;
    rd_kafka_resp_err_t code =
        rd_kafka_get_watermark_offsets(lane->consumer, lane->owner->inputs[part->input], part->partition, &low, &high);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || high < 0) high = part->high; // nothing fetched yet: as at the barrier
    return high > part->open.next ? high - part->open.next : 0;
}

void hy_lane_metrics_turn(struct hy_lane *lane) {
    double lag = 0, bytes = 0, keys = 0, oldest = 0;
    int64_t wall = hy_lane_wall(lane);
    for (size_t i = 0; i < lane->n_parts; i++) {
        const struct hy_part *part = lane->parts[i];
        int64_t behind = lag_of(lane, part);
        lag += (double)behind;
        bytes += (double)(part->store.base.bytes + part->store.overlay.bytes);
        keys += (double)part->store.keys;
        double age = behind > 0 && part->last_record_ms > 0 ? (double)(wall - part->last_record_ms) / 1000 : 0;
        if (age > oldest) oldest = age;
    }
    hy_metric_set(lane->metrics.lag, lag);
    hy_metric_set(lane->metrics.oldest, oldest);
    hy_metric_set(lane->metrics.bytes, bytes);
    hy_metric_set(lane->metrics.keys, keys);
    hy_metric_set(lane->metrics.partitions, (double)lane->n_parts);
}
