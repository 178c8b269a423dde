// Where a partition goes on after the barrier, or why the lane refuses: better to stand still and say so than to handle
// records twice or skip them in silence.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/lane/lane_internal.h"

static bool operator_allows(const struct hy_lane *lane) {
    return lane->options->from != NULL && strcmp(lane->options->from, "earliest") == 0;
}

static void start_at(const struct hy_lane *lane, struct hy_part *part, int64_t next) {
    part->good.next = next;
    snprintf(part->good.log_id, sizeof part->good.log_id, "%s", lane->owner->log_ids[part->input]);
    snprintf(part->good.state_log_id, sizeof part->good.state_log_id, "%s", lane->owner->state_log_id);
}

// Nothing was ever handled here.
static int first_start(struct hy_lane *lane, struct hy_part *part, struct hy_error *err) {
    const char *topic = lane->owner->inputs[part->input];
    if (part->seen_any)
        return hy_fail(err, HY_EMISMATCH,
                       "%s/%d holds state but no progress record: it is not known which commands it contains; restore "
                       "it from a backup, or make the topic anew",
                       lane->owner->state, part->partition);
    if (part->group_offset >= 0 && lane->handler->state != NULL)
        return hy_fail(err, HY_EMISMATCH,
                       "group %s stands at %" PRId64
                       " in %s/%d but %s/%d is empty: its state is gone; restore it from a backup",
                       lane->group_id, part->group_offset, topic, part->partition, lane->owner->state, part->partition);
    if (part->low > 0 && !operator_allows(lane))
        return hy_fail(err, HY_ERANGE,
                       "%s/%d begins at %" PRId64 " and nothing tells where %s stood: records are gone; to begin at "
                       "what is left, start once with --set lane.from=earliest",
                       topic, part->partition, part->low, lane->group_id);
    start_at(lane, part, part->low);
    return HY_OK;
}

static int same_logs(struct hy_lane *lane, struct hy_part *part, struct hy_error *err) {
    const char *topic = lane->owner->inputs[part->input];
    if (strcmp(part->good.log_id, lane->owner->log_ids[part->input]) != 0)
        return hy_fail(err, HY_EMISMATCH,
                       "%s/%d was made anew (log %s, the position is of log %s): offsets of two logs do not compare; "
                       "restore both topics from one backup",
                       topic, part->partition, lane->owner->log_ids[part->input], part->good.log_id);
    if (strcmp(part->good.state_log_id, lane->owner->state_log_id) != 0)
        return hy_fail(err, HY_EMISMATCH,
                       "%s/%d holds a progress record of another log (%s, now %s); restore it from a backup",
                       lane->owner->state, part->partition, part->good.state_log_id, lane->owner->state_log_id);
    return HY_OK;
}

static int within_log(struct hy_lane *lane, struct hy_part *part, struct hy_error *err) {
    const char *topic = lane->owner->inputs[part->input];
    int64_t next = part->good.next;
    if (next > part->high)
        return hy_fail(err, HY_ERANGE,
                       "%s/%d ends at %" PRId64 ", before the position %" PRId64
                       " of %s: the end of the log was lost; restore it from a backup",
                       topic, part->partition, part->high, next, lane->group_id);
    if (next >= part->low) return HY_OK;
    if (!operator_allows(lane))
        return hy_fail(err, HY_ERANGE,
                       "%s/%d begins at %" PRId64 ", behind the position %" PRId64 " of %s: %" PRId64
                       " records were dropped unread; to go on without them, start once with --set lane.from=earliest",
                       topic, part->partition, part->low, next, lane->group_id, part->low - next);
    HY_ERROR("lane.position", "records were dropped unread; going on as the operator said",
             "topic=%s partition=%d lost=%lld", topic, part->partition, (long long)(part->low - next));
    part->good.next = part->low;
    return HY_OK;
}

int hy_lane_check_position(struct hy_lane *lane, struct hy_part *part, struct hy_error *err) {
    if (part->good.next < 0) return first_start(lane, part, err);
    if (lane->handler->state == NULL && part->good.log_id[0] == '\0')
        start_at(lane, part, part->good.next); // an operator's tool set the group's offset: it has no metadata
    int rc = same_logs(lane, part, err);
    if (rc == HY_OK) rc = within_log(lane, part, err);
    if (rc == HY_OK && lane->handler->state != NULL && part->group_offset >= 0 && part->group_offset != part->good.next)
        HY_WARN("lane.position", "the group's offset is not where the progress record stands; the record counts",
                "partition=%d group=%lld progress=%lld", part->partition, (long long)part->group_offset,
                (long long)part->good.next);
    return rc;
}
