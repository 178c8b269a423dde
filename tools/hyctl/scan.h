// Reading a whole topic once, from its oldest record to what is its end now, with a bar: what dead and verify stand on.
// Reads committed records only and joins no group. A command that reads another topic gives its name and a function;
// nothing here knows what a record means.
#ifndef HY_TOOLS_HYCTL_SCAN_H
#define HY_TOOLS_HYCTL_SCAN_H

#include "lib/lane/reader.h"
#include "tools/hyctl/connect.h"

struct hyctl_scan {
    const struct hy_kafka_options *kafka;
    const char *topic;   // table name
    int32_t partition;   // -1 = all
    const char *showing; // text of the bar
    hy_reader_fn fn;     // records of one partition come in order; an error ends the scan
    void *opaque;
};

// HY_ENOTFOUND: the topic does not exist; HY_ETIMEOUT: nothing came for half a minute.
HY_MUST_CHECK int hyctl_scan(const struct hyctl_scan *scan, struct hy_error *err);
// Number of partitions of a topic of the table.
HY_MUST_CHECK int hyctl_partitions(const struct hy_kafka_options *kafka, const char *topic, int32_t *out,
                                   struct hy_error *err);

#endif
