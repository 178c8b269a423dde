// The published packs for labels and names, opened in the background: pages and lists work with codes until then, and a
// registry that is not there yet holds nothing up. On the loop's thread (the opening itself runs on uv's).
// Nothing to extend here: what is published is lib/run/packs.h.
#ifndef HY_DASHBOARD_PACK_NAMES_H
#define HY_DASHBOARD_PACK_NAMES_H

#include <uv.h>

#include "lib/run/packs.h"

struct pack_names;

// Strings of kafka and pack_id are borrowed until pack_names_free. opened (may be NULL) is called when they are there.
HY_MUST_CHECK int pack_names_open(uv_loop_t *loop, const struct hy_kafka_options *kafka, const char *pack_id,
                                  void (*opened)(void *ctx), void *ctx, struct pack_names **out, struct hy_error *err);
// Fits struct queries.pack_of: NULL before the packs are there.
const struct hy_pack *pack_names_find(void *names, const char *hash);
// No new tries; run the loop until it is empty, then free.
void pack_names_close(struct pack_names *names);
void pack_names_free(struct pack_names *names);

#endif
