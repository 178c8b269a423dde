// Where a lane stands in one input partition. A stateful lane keeps it as the state topic's record "!progress", in
// every transaction, beside the snapshots it belongs to; a stateless one as the metadata of its group's committed
// offset. One more field: here, in case.proto's Progress, and in both forms of progress.c.
#ifndef HY_LANE_PROGRESS_H
#define HY_LANE_PROGRESS_H

#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/lane/topics.h"

#define HY_PROGRESS_KEY "!progress"

struct hy_progress {
    char log_id[HY_LOG_ID_SIZE];       // of the input topic
    char state_log_id[HY_LOG_ID_SIZE]; // of the state topic; "" without state
    int64_t next;                      // first record not yet handled; -1 = none known
    int64_t now_ms;                    // the partition's last now
    uint32_t tries;                    // starts without a commit since
    int64_t begun;                     // record begun alone, -1 = none
    uint32_t begun_times;
};

// As the value of "!progress". HY_ENOMEM.
HY_MUST_CHECK int hy_progress_pack(const struct hy_progress *progress, const char *instance, struct hy_buf *out);
HY_MUST_CHECK int hy_progress_unpack(struct hy_bytes value, struct hy_progress *out);

enum { HY_PROGRESS_TEXT = 192 };
// As metadata of a committed offset ("log=… now=… tries=… begun=… times=…"); next is the offset itself.
void hy_progress_format(const struct hy_progress *progress, char out[HY_PROGRESS_TEXT]);
// Reads what hy_progress_format wrote; what is missing or foreign stays as "none". next is not touched.
void hy_progress_parse(const char *text, struct hy_progress *out);
// Nothing known: next and begun -1, the rest empty.
struct hy_progress hy_progress_none(void);

#endif
