#include "consumers/sla/options.h"

#define MS(name, text, least, most, ...)                                                                               \
    {                                                                                                                  \
        .key = name, .type = HY_CONFIG_MS, .offset = offsetof(struct sla_options, text), .min = (least),               \
        .max = (most), __VA_ARGS__                                                                                     \
    }

static const struct hy_config_row ROWS[] = {
    HY_CONFIG_COMMON(struct sla_options, common),
    HY_CONFIG_ROW("redis.user", HY_CONFIG_STRING, offsetof(struct sla_options, redis_user), "", NULL,
                  "ACL user of Redis; empty for the default user."),
    HY_CONFIG_ROW("redis.prefix", HY_CONFIG_STRING, offsetof(struct sla_options, key_prefix), "hy", NULL,
                  "What the keys of the timers begin with: 1 to 32 of a-z, 0-9, '.', '_', '-'."),
    MS("sla.sleep_max", sleep_max_ms, 100, 1000, .default_value = "200ms",
       .description = "The longest sleep while no timer is due; a lost Redis is noticed this soon."),
    MS("sla.audit", audit_ms, 0, 86400000, .default_value = "1m",
       .description = "How often the timers in Redis are compared with the cases in Kafka; 0ms for never."),
    MS("sla.step", step_ms, 1000, 3600000, .default_value = "5s",
       .description = "A jump of Redis's clock beyond this holds all timers and alarms."),
    MS("sla.hold", hold_ms, 100, 3600000, .default_value = "10s",
       .description = "How long the clock must be steady after a jump before timers fire again."),
    MS("sla.resend", resend_ms, 100, 3600000, .default_value = "5s",
       .description = "The least time before a fire that casework passed without effect is sent again."),
    MS("sla.engine_lag", lag_ms, 0, 600000, .default_value = "1s",
       .description =
           "How far, about, overdue timers may make casework fall behind; 0ms: they are sent as fast as possible."),
    MS("sla.drain", drain_ms, 100, 60000, .default_value = "5s",
       .description = "How long SIGTERM waits for what is on its way to Kafka."),
};

const struct hy_config_table SLA_CONFIG = {
    .program = "sla",
    .purpose = "Keeps every running clock as a timer in Redis and tells casework when one is due.",
    .rows = ROWS,
    .n_rows = sizeof ROWS / sizeof *ROWS,
    .struct_size = sizeof(struct sla_options),
};

struct hy_kafka_options sla_kafka(const struct sla_options *options) {
    return (struct hy_kafka_options){.brokers = options->common.kafka_brokers,
                                     .properties = options->common.kafka_properties,
                                     .prefix = options->common.kafka_prefix,
                                     .client_id = "sla"};
}
