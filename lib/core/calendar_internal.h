// What calendar.c and calendar_year.c share: the tables of days. Nobody else includes this.
// Days are bits of one run from 1970-01-01 on, so that a step of a computation is one shift and one mask, with no
// search for a year. To widen the range, raise HY_CALENDAR_END_YEAR.
#ifndef HY_CORE_CALENDAR_INTERNAL_H
#define HY_CORE_CALENDAR_INTERNAL_H

#include "lib/core/calendar.h"

enum {
    HY_CALENDAR_FIRST_YEAR = 1970,
    HY_CALENDAR_END_YEAR = 2200, // first year that is not held
    HY_CALENDAR_DAYS = 84006,    // 1970-01-01 .. 2199-12-31
    HY_CALENDAR_WORDS = (HY_CALENDAR_DAYS + 63) / 64
};

struct hy_calendar {
    uint64_t work[HY_CALENDAR_WORDS];      // is it a working day
    uint64_t announced[HY_CALENDAR_WORDS]; // its year's file was added
    uint64_t listed[HY_CALENDAR_WORDS];    // a file names this very day
    bool years[HY_CALENDAR_END_YEAR - HY_CALENDAR_FIRST_YEAR];
};

static inline bool hy_day_held(hy_day day) {
    return day >= 0 && day < HY_CALENDAR_DAYS;
}

static inline bool hy_day_bit(const uint64_t *words, hy_day day) {
    return words[day >> 6] >> (day & 63) & 1;
}

static inline void hy_day_set(uint64_t *words, hy_day day, bool on) {
    uint64_t bit = UINT64_C(1) << (day & 63);
    words[day >> 6] = on ? words[day >> 6] | bit : words[day >> 6] & ~bit;
}

// Monday to Friday. 1970-01-01 was a Thursday.
static inline bool hy_day_weekday(hy_day day) {
    int from_monday = (int)(((int64_t)day + 3) % 7);
    return (from_monday + 7) % 7 < 5;
}

// The rule for a year without a file: weekends and the statutory days of fixed date are off.
bool hy_day_works_by_rule(hy_day day);

#endif
