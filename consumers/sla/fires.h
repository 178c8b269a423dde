// Fires on their way: from a claim to the acknowledged TimerFired command and to Redis knowing its offset. A fire that
// is on its way is not sent a second time; one whose send failed is sent again with the same id. Nothing is kept over a
// restart: Redis's outbox is, and gives out again what has no offset.
// To change what a fire carries, see fire_command in fires.c.
#ifndef HY_SLA_FIRES_H
#define HY_SLA_FIRES_H

#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/metrics.h"
#include "lib/fold/timers.h"
#include "lib/lane/publisher.h"

enum { SLA_SHARDS_MAX = 1024 };

struct sla_fires; // opaque; the worker's thread

// publisher and clock are borrowed. NULL when memory is out.
struct sla_fires *sla_fires_new(struct hy_publisher *publisher, const struct hy_clock *clock);
// After the publisher was closed (its callbacks touch what is freed here).
void sla_fires_free(struct sla_fires *fires);

// A claim of shard gave this out at now_ms by Redis's clock. again: it was given out before.
void sla_fires_add(struct sla_fires *fires, int32_t shard, const struct hy_timer_fire *fire, int64_t now_ms,
                   bool again);
// Sends what waits to be sent (again); call often.
void sla_fires_send(struct sla_fires *fires);
// Packed arguments of hy_timers_send_confirm for up to max acknowledged fires of a shard, into views (which borrow from
// fires until the next call of sla_fires_confirmed). Returns how many.
size_t sla_fires_acked(struct sla_fires *fires, int32_t shard, struct hy_bytes *views, size_t max);
// Redis has stored what the last sla_fires_acked of this shard gave (or, stored = false, has not: it is given again).
void sla_fires_confirmed(struct sla_fires *fires, int32_t shard, bool stored);
// The shard is no longer ours: forgets its fires (those already sent finish by themselves).
void sla_fires_drop(struct sla_fires *fires, int32_t shard);

size_t sla_fires_waiting(const struct sla_fires *fires); // not acknowledged yet
size_t sla_fires_unconfirmed(const struct sla_fires *fires);
// The offset of the shard's fire that Kafka acknowledged last, or HY_TIMERS_NONE.
int64_t sla_fires_last_offset(const struct sla_fires *fires, int32_t shard);
// hy.commands was made anew: offsets of before mean nothing.
void sla_fires_new_log(struct sla_fires *fires, int32_t shard);
// Kafka's clock against Redis's as last seen by an append: > 0 = Kafka is ahead. 0 when within what a send takes.
int64_t sla_fires_broker_skew(const struct sla_fires *fires);

// H("timer", case, clock, epoch, stage), numbers in decimal: the same fire has the same id for ever. Pure.
void sla_fire_id(const struct hy_timer_fire *fire, char out[HY_ID_SIZE]);
// The packed TimerFired command, replacing out. fired_ms by Redis's clock. Pure.
HY_MUST_CHECK int sla_fire_command(const struct hy_timer_fire *fire, int64_t fired_ms, struct hy_buf *out);

#endif
