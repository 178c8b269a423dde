// Time comes from outside: everything that waits or stamps gets a struct hy_clock, so tests and the simulator run on
// virtual time. The pure core never sees a clock, only the values read from one. Instants are milliseconds since 1970
// in UTC; texts carry their offset. Calendars (working days, holidays) are lib/core/calendar.h, not here.
#ifndef HY_BASE_CLOCK_H
#define HY_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"

// Wall time and a clock that never goes back. Functions are called from the owner's thread.
struct hy_clock {
    int64_t (*wall_ms)(void *ctx); // milliseconds since 1970-01-01T00:00:00Z
    int64_t (*mono_ns)(void *ctx); // nanoseconds of CLOCK_MONOTONIC
    void *ctx;
};

// The system's clocks. Static, shared by all threads.
const struct hy_clock *hy_clock_system(void);

static inline int64_t hy_wall_ms(const struct hy_clock *clock) {
    return clock->wall_ms(clock->ctx);
}
static inline int64_t hy_mono_ns(const struct hy_clock *clock) {
    return clock->mono_ns(clock->ctx);
}
static inline int64_t hy_mono_ms(const struct hy_clock *clock) {
    return clock->mono_ns(clock->ctx) / 1000000;
}

// A clock that a test or the simulator moves by hand. Set wall_ms and mono_ns, then pass &fake.clock.
struct hy_fake_clock {
    struct hy_clock clock;
    int64_t wall_ms;
    int64_t mono_ns;
};
void hy_fake_clock_init(struct hy_fake_clock *fake, int64_t wall_ms);
void hy_fake_clock_advance(struct hy_fake_clock *fake, int64_t ms); // moves both

enum { HY_SHANGHAI_MINUTES = 480 }; // +08:00, no daylight saving time since 1991

// An instant and the offset it was written with.
struct hy_time {
    int64_t unix_ms;
    int32_t offset_minutes;
};

enum { HY_TIME_TEXT = 40 };
// "2026-02-14T10:00:00.250+08:00" (the fraction only when not zero; "Z" for offset 0 and for what is no offset) into
// text[HY_TIME_TEXT]; returns text. Any instant fits.
char *hy_time_format(struct hy_time t, char text[HY_TIME_TEXT]);
// Reads RFC 3339 ("2026-02-14T10:00:00Z", with fraction and offset; a space for T is allowed) and dates without zone as
// Asia/Shanghai; a bare date is its midnight; seconds may be left out. Years 1970-9999 as written; what is finer than a
// millisecond is cut; second 60 only where a leap second can be. HY_EFORMAT says what is wrong and at which character;
// the text is repeated only if nothing but a time can be in it. *out is unchanged on failure.
HY_MUST_CHECK int hy_time_parse(const char *text, struct hy_time *out, struct hy_error *err);

#endif
