// Working time of a jurisdiction: working days and minutes with holidays and make-up workdays (调休), lunch break,
// summer hours and guard periods. Pure: years come in as JSON text (holiday-cn format), hours as pack data. All local
// times are Asia/Shanghai (+08:00 without daylight saving). To add a year, add its file in deploy/calendars; nothing
// here.
#ifndef HY_CORE_CALENDAR_H
#define HY_CORE_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/bytes.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"

// Days since 1970-01-01 in Asia/Shanghai.
typedef int32_t hy_day;

struct hy_calendar; // immutable after the last year was added; shared by threads

struct hy_calendar *hy_calendar_new(void); // NULL: out of memory. Free with hy_calendar_free.
void hy_calendar_free(struct hy_calendar *calendar);
// Adds one year's file: {"year":2026,"days":[{"name","date","isOffDay"}]}. name is for messages. A file without days
// (a year not yet announced) adds nothing. HY_EFORMAT, HY_EEXISTS (two files for one day that disagree).
HY_MUST_CHECK int hy_calendar_add_year(struct hy_calendar *calendar, const char *name, struct hy_bytes json,
                                       struct hy_error *err);
// First and last year that were announced; 0 when there is none.
int hy_calendar_first_year(const struct hy_calendar *calendar);
int hy_calendar_last_year(const struct hy_calendar *calendar);

// Is it a working day? *provisional (may be NULL) is set to true when the year is not loaded: then weekends and the
// statutory days of fixed date (1 January, 1 May, 1-3 October) are off, and the answer is marked.
bool hy_calendar_workday(const struct hy_calendar *calendar, hy_day day, bool *provisional);

// Instants and days of the years 1970 to 9999.
hy_day hy_day_of(int64_t unix_ms);   // the Shanghai date of an instant
int64_t hy_day_start_ms(hy_day day); // its midnight in Shanghai
hy_day hy_day_from_date(int year, int month, int day);
void hy_day_to_date(hy_day day, int *year, int *month, int *mday);

enum { HY_HOURS_SPANS = 4 };

// Working hours of a day as spans of minutes since midnight [from, to), ascending; e.g. 8:30-12:00, 14:30-18:00.
struct hy_hours {
    int n;
    struct {
        int16_t from, to;
    } span[HY_HOURS_SPANS];
};

// What a pack says of working time. Owned by the pack.
struct hy_work_time {
    struct hy_hours hours;          // usual hours
    struct hy_hours summer;         // n = 0: none
    int16_t summer_from, summer_to; // month * 100 + day, inclusive; e.g. 601, 930
    bool count_first_day;           // the day of receipt counts as day 1 (default false)
    int16_t last_day_ends; // minute of the day at which the last working day ends (e.g. 1440 = midnight, or closing
                           // time); 0 = closing time of that day
};

// A deadline and whether it rests on a year that is not announced.
struct hy_deadline {
    struct hy_time due; // offset +08:00
    bool provisional;
};

// The n-th working day after `start` (n >= 0; 0 = that day if it works, else the next): the day itself.
HY_MUST_CHECK int hy_calendar_add_workdays(const struct hy_calendar *calendar, hy_day start, int n, bool count_first,
                                           hy_day *out, bool *provisional);
// n working days from an instant, at the end that work->last_day_ends names; when that day is over before the clock
// starts (n = 0 in the evening), the next working day. HY_ERANGE: n outside 0..10000, start outside 1970..2199.
HY_MUST_CHECK int hy_deadline_workdays(const struct hy_calendar *calendar, const struct hy_work_time *work,
                                       int64_t start_ms, int n, struct hy_deadline *out);
// n working minutes from an instant: the first instant at which they have gone, so closing time and not the next
// morning. HY_ERANGE: minutes outside 0..1000000, start outside 1970..2199; HY_EINVALID: no hours.
HY_MUST_CHECK int hy_deadline_minutes(const struct hy_calendar *calendar, const struct hy_work_time *work,
                                      int64_t start_ms, int64_t minutes, struct hy_deadline *out);
// Inside working hours of a working day? Closing time itself is outside.
bool hy_in_hours(const struct hy_calendar *calendar, const struct hy_work_time *work, int64_t at_ms);
// Working milliseconds between two instants (0 when to <= from).
int64_t hy_working_ms(const struct hy_calendar *calendar, const struct hy_work_time *work, int64_t from_ms,
                      int64_t to_ms);
// The instant at which `percent` (1..99) of the working time between start and due is gone; when there is no working
// time between them, the share of wall time. Never before start, never after due.
int64_t hy_percent_point(const struct hy_calendar *calendar, const struct hy_work_time *work, int64_t start_ms,
                         int64_t due_ms, int percent);

#endif
