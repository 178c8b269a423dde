#include "producers/replay/pace.h"

#include <stdlib.h>

#include "lib/lane/topics.h"

enum {
    LOOK_MS = 500,
    ASK_MS = 2000,
    LEAST_BACKLOG = 500, // so that a slow start is not taken for a slow system
    HOLD_MS = 50,
    STAGES = 2
};

// A consumer group and the topic it drains.
struct stage {
    const char *group, *topic;
    rd_kafka_t *probe;
    struct hy_kafka_state state;
    int64_t committed; // sum over partitions at the last look
    int64_t backlog;
};

struct pace {
    struct pace_options options;
    const struct hy_clock *clock;
    const char *prefix;
    int64_t began_ms, first_row_ms, sent;
    bool begun;
    int64_t looked_ms;
    double drained_per_s;
    struct stage stages[STAGES];
};

static int open_stage(struct stage *stage, const struct hy_kafka_options *kafka, struct hy_error *err) {
    char group[HY_TOPIC_NAME_SIZE];
    const struct hy_kafka_setting setting = {"group.id", hy_topic_full(kafka->prefix, stage->group, group)};
    rd_kafka_conf_t *conf = NULL;
    int rc = hy_kafka_conf(kafka, HY_KAFKA_PROBE, &setting, 1, &stage->state, &conf, err);
    return rc == HY_OK ? hy_kafka_new(HY_KAFKA_PROBE, conf, &stage->probe, err) : rc;
}

int pace_open(const struct hy_kafka_options *kafka, const struct pace_options *options, const struct hy_clock *clock,
              struct pace **out, struct hy_error *err) {
    *out = NULL;
    struct pace *pace = calloc(1, sizeof *pace);
    if (!pace) return hy_fail(err, HY_ENOMEM, "out of memory");
    pace->options = *options;
    pace->clock = clock;
    pace->prefix = kafka->prefix;
    pace->stages[0] = (struct stage){.group = "router", .topic = HY_TOPIC_COMMENTS};
    pace->stages[1] = (struct stage){.group = "casework", .topic = HY_TOPIC_COMMANDS};
    int rc = HY_OK;
    for (int i = 0; options->follow_lag && rc == HY_OK && i < STAGES; i++)
        rc = open_stage(&pace->stages[i], kafka, err);
    if (rc == HY_OK)
        *out = pace;
    else
        pace_close(pace);
    return rc;
}

void pace_close(struct pace *pace) {
    for (int i = 0; pace && i < STAGES; i++) {
        if (pace->stages[i].probe) rd_kafka_destroy(pace->stages[i].probe);
    }
    free(pace);
}

// What the group has committed and what is still to come; a partition without a commit counts from its start.
static bool look_at(struct stage *stage, const char *prefix) {
    char topic[HY_TOPIC_NAME_SIZE];
    hy_topic_full(prefix, stage->topic, topic);
    int32_t n = 0;
    if (hy_kafka_partitions(stage->probe, topic, ASK_MS, &n, NULL) != HY_OK) return false;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(n);
    for (int32_t p = 0; p < n; p++)
        rd_kafka_topic_partition_list_add(list, topic, p);
    bool good = rd_kafka_committed(stage->probe, list, ASK_MS) == RD_KAFKA_RESP_ERR_NO_ERROR;
    int64_t committed = 0;
    int64_t backlog = 0;
    for (int i = 0; good && i < list->cnt; i++) {
        int64_t low = 0;
        int64_t high = 0;
        good = hy_kafka_watermarks(stage->probe, topic, list->elems[i].partition, ASK_MS, &low, &high, NULL) == HY_OK;
        int64_t at = list->elems[i].offset < low ? low : list->elems[i].offset;
        committed += at;
        backlog += high - at;
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (good) stage->backlog = backlog;
    if (good) stage->committed = committed;
    return good;
}

static void look(struct pace *pace, int64_t now_ms) {
    int64_t since = now_ms - pace->looked_ms;
    int64_t before = pace->stages[STAGES - 1].committed;
    bool good = true;
    for (int i = 0; i < STAGES; i++)
        good = look_at(&pace->stages[i], pace->prefix) && good;
    if (good && pace->looked_ms > 0 && since > 0) {
        double rate = (double)(pace->stages[STAGES - 1].committed - before) * 1000.0 / (double)since;
        pace->drained_per_s = pace->drained_per_s == 0 ? rate : 0.6 * pace->drained_per_s + 0.4 * rate;
    }
    pace->looked_ms = now_ms;
}

static bool too_far_behind(struct pace *pace, int64_t now_ms) {
    if (!pace->options.follow_lag) return false;
    if (now_ms - pace->looked_ms >= LOOK_MS) look(pace, now_ms);
    double allowed = pace->drained_per_s * (double)pace->options.max_lag_ms / 1000.0;
    return (double)pace_backlog(pace) > (allowed > LEAST_BACKLOG ? allowed : LEAST_BACKLOG);
}

int64_t pace_wait_ms(struct pace *pace, int64_t row_ms) {
    int64_t now = hy_mono_ms(pace->clock);
    if (!pace->begun) {
        pace->begun = true;
        pace->began_ms = now;
        pace->first_row_ms = row_ms;
    }
    if (too_far_behind(pace, now)) return HOLD_MS;
    int64_t due = now;
    if (pace->options.rate > 0) due = pace->began_ms + (int64_t)((double)pace->sent * 1000.0 / pace->options.rate);
    if (pace->options.speed > 0) {
        int64_t by_time = pace->began_ms + (int64_t)((double)(row_ms - pace->first_row_ms) / pace->options.speed);
        if (by_time > due) due = by_time;
    }
    return due > now ? due - now : 0;
}

void pace_sent(struct pace *pace) {
    pace->sent++;
}

int64_t pace_backlog(const struct pace *pace) {
    int64_t worst = 0;
    for (int i = 0; i < STAGES; i++)
        worst = pace->stages[i].backlog > worst ? pace->stages[i].backlog : worst;
    return worst;
}
