// Making and checking topics for commands: the calls of lib/lane with their report read back line by line, for tables
// and JSON. policy publish makes departments' topics through the same door, so that both say the same.
// A new thing to check of a topic belongs into lib/lane/topics_admin.c; it comes here as a line of the report.
#ifndef HY_TOOLS_HYCTL_TOPICS_H
#define HY_TOOLS_HYCTL_TOPICS_H

#include <jansson.h>

#include "lib/core/policy.h"
#include "tools/hyctl/connect.h"

// Codes of departments; owned texts. Zero-initialise, hyctl_depts_free.
struct hyctl_depts {
    char **codes;
    size_t n;
};
void hyctl_depts_free(struct hyctl_depts *depts);
// Adds one unless it is there. HY_ENOMEM.
HY_MUST_CHECK int hyctl_depts_add(struct hyctl_depts *depts, const char *code);
HY_MUST_CHECK int hyctl_depts_add_list(struct hyctl_depts *depts, const char *commas, struct hy_error *err);
HY_MUST_CHECK int hyctl_depts_add_pack(struct hyctl_depts *depts, const struct hy_pack *pack);

// "hy.cases: made, 16 partitions" lines as [{"topic","state":"made"|"right"|"wrong","what"}]. NULL: memory is out.
json_t *hyctl_topics_report(const char *report);
// The same for people, right ones left out unless all. Returns how many are wrong.
size_t hyctl_topics_print(const json_t *topics, bool all);

// The table's topics and the feeds of all published packs' departments; report as hy_topics_check, never NULL.
HY_MUST_CHECK int hyctl_topics_check(const struct hy_kafka_options *kafka, const struct hy_topics_plan *plan,
                                     struct hy_buf *report, struct hy_error *err);

#endif
