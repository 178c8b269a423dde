// What operators published, ready for use: packs by hash, the dispatch list in force, the calendar. It joins the
// registry (lib/lane) with the pure readers (lib/core), so that router, casework, sentinel and the views do not each do
// it. Every version that was ever published stays findable by its hash, because cases pin it; what was handed out stays
// valid until hy_packs_close. A new kind of published thing: a row in KINDS of packs.c.
#ifndef HY_RUN_PACKS_H
#define HY_RUN_PACKS_H

#include "lib/base/error.h"
#include "lib/core/calendar.h"
#include "lib/core/dispatch.h"
#include "lib/core/policy.h"
#include "lib/lane/kafka_conf.h"

// Registry kinds. A pack is published twice: under its id (in force from now on) and under its hash (for ever).
#define HY_KIND_PACK         "pack"
#define HY_KIND_PACK_VERSION "pack_version"
#define HY_KIND_CALENDAR     "calendar"

struct hy_packs; // any thread

// Folds hy.registry to its end and follows it on a thread of its own. pack_id: the pack of this installation
// (policy.pack). HY_ENOTFOUND when that pack, or any calendar, was not published yet: run `hyctl policy publish`.
// Other errors as hy_registry_open. Free with hy_packs_close.
HY_MUST_CHECK int hy_packs_open(const struct hy_kafka_options *kafka, const char *pack_id, int timeout_ms,
                                struct hy_packs **out, struct hy_error *err);
void hy_packs_close(struct hy_packs *packs);

// Folds hy.registry to what is its end now: before refusing a hash that is not known. Errors as hy_registry_refresh.
HY_MUST_CHECK int hy_packs_refresh(struct hy_packs *packs, int timeout_ms, struct hy_error *err);

// The pack with this hash; "" or NULL = the one in force. NULL when it is not known (yet). Fits struct
// hy_engine.pack_of.
const struct hy_pack *hy_packs_find(void *packs, const char *hash);
// The dispatch list in force; NULL when the pack has none.
const struct hy_dispatch *hy_packs_dispatch(struct hy_packs *packs);
// All calendars published, as one. Never NULL.
const struct hy_calendar *hy_packs_calendar(struct hy_packs *packs);
// Last announced year, for the alarm that names the missing file.
int hy_packs_last_year(struct hy_packs *packs);

#endif
