// Deadlines and working time over the days of a calendar and the hours of a pack.
#include <limits.h>

#include "lib/core/calendar.h"

enum { MINUTE_MS = 60000, DAY_MINUTES = 1440, MINUTES_MAX = 1000000 };

// Instants from 1970 to the year 2199 and a margin: beyond, day arithmetic on hostile times could overflow.
static const int64_t instant_max = INT64_C(7258118400000);

static bool in_range(int64_t unix_ms) {
    return unix_ms >= 0 && unix_ms < instant_max;
}

static bool in_summer(const struct hy_work_time *work, hy_day day) {
    int year, month, mday;
    if (work->summer.n == 0) return false;
    hy_day_to_date(day, &year, &month, &mday);
    int date = month * 100 + mday;
    if (work->summer_from <= work->summer_to) return date >= work->summer_from && date <= work->summer_to;
    return date >= work->summer_from || date <= work->summer_to; // over the turn of the year
}

static const struct hy_hours *hours_of(const struct hy_work_time *work, hy_day day) {
    return in_summer(work, day) ? &work->summer : &work->hours;
}

// Working milliseconds of one working day between two instants.
static int64_t day_working_ms(const struct hy_work_time *work, hy_day day, int64_t from_ms, int64_t to_ms) {
    const struct hy_hours *hours = hours_of(work, day);
    int64_t midnight = hy_day_start_ms(day), sum = 0;
    for (int i = 0; i < hours->n; i++) {
        int64_t from = midnight + hours->span[i].from * (int64_t)MINUTE_MS;
        int64_t to = midnight + hours->span[i].to * (int64_t)MINUTE_MS;
        if (from < from_ms) from = from_ms;
        if (to > to_ms) to = to_ms;
        if (to > from) sum += to - from;
    }
    return sum;
}

int64_t hy_working_ms(const struct hy_calendar *calendar, const struct hy_work_time *work, int64_t from_ms,
                      int64_t to_ms) {
    if (!in_range(from_ms) || !in_range(to_ms)) return 0;
    int64_t sum = 0;
    for (hy_day day = hy_day_of(from_ms); hy_day_start_ms(day) < to_ms; day++) {
        if (hy_calendar_workday(calendar, day, NULL)) sum += day_working_ms(work, day, from_ms, to_ms);
    }
    return sum;
}

bool hy_in_hours(const struct hy_calendar *calendar, const struct hy_work_time *work, int64_t at_ms) {
    if (!in_range(at_ms)) return false;
    hy_day day = hy_day_of(at_ms);
    return hy_calendar_workday(calendar, day, NULL) && day_working_ms(work, day, at_ms, at_ms + 1) > 0;
}

// The first instant at which left_ms (> 0) of working time have gone since from_ms. The hours of every day must not be
// empty, which the callers check.
static int64_t advance(const struct hy_calendar *calendar, const struct hy_work_time *work, int64_t from_ms,
                       int64_t left_ms, bool *provisional) {
    for (hy_day day = hy_day_of(from_ms);; day++) {
        if (!hy_calendar_workday(calendar, day, provisional)) continue;
        const struct hy_hours *hours = hours_of(work, day);
        for (int i = 0; i < hours->n; i++) {
            int64_t from = hy_day_start_ms(day) + hours->span[i].from * (int64_t)MINUTE_MS;
            int64_t to = hy_day_start_ms(day) + hours->span[i].to * (int64_t)MINUTE_MS;
            if (from < from_ms) from = from_ms;
            if (to <= from) continue;
            if (left_ms <= to - from) return from + left_ms;
            left_ms -= to - from;
        }
    }
}

static bool has_hours(const struct hy_work_time *work) {
    bool usual = work->hours.n > 0 && work->hours.span[0].to > work->hours.span[0].from;
    return usual && (work->summer.n == 0 || work->summer.span[0].to > work->summer.span[0].from);
}

static struct hy_deadline deadline_at(int64_t due_ms, bool provisional) {
    return (struct hy_deadline){{due_ms, HY_SHANGHAI_MINUTES}, provisional};
}

static int64_t closing_ms(const struct hy_work_time *work, hy_day day) {
    const struct hy_hours *hours = hours_of(work, day);
    int minute = work->last_day_ends;
    if (minute == 0) minute = hours->n > 0 ? hours->span[hours->n - 1].to : DAY_MINUTES;
    return hy_day_start_ms(day) + minute * (int64_t)MINUTE_MS;
}

int hy_deadline_workdays(const struct hy_calendar *calendar, const struct hy_work_time *work, int64_t start_ms, int n,
                         struct hy_deadline *out) {
    if (!in_range(start_ms)) return HY_ERANGE;
    bool provisional = false;
    hy_day day;
    int rc = hy_calendar_add_workdays(calendar, hy_day_of(start_ms), n, work->count_first_day, &day, &provisional);
    if (rc != HY_OK) return rc;
    // A day that is over when the clock starts cannot be the last one.
    if (closing_ms(work, day) < start_ms) {
        rc = hy_calendar_add_workdays(calendar, day, 1, false, &day, &provisional);
        if (rc != HY_OK) return rc;
    }
    *out = deadline_at(closing_ms(work, day), provisional);
    return HY_OK;
}

int hy_deadline_minutes(const struct hy_calendar *calendar, const struct hy_work_time *work, int64_t start_ms,
                        int64_t minutes, struct hy_deadline *out) {
    if (!in_range(start_ms) || minutes < 0 || minutes > MINUTES_MAX) return HY_ERANGE;
    if (!has_hours(work)) return HY_EINVALID;
    bool provisional = false;
    int64_t due = start_ms;
    if (minutes > 0) due = advance(calendar, work, start_ms, minutes * MINUTE_MS, &provisional);
    *out = deadline_at(due, provisional);
    return HY_OK;
}

int64_t hy_percent_point(const struct hy_calendar *calendar, const struct hy_work_time *work, int64_t start_ms,
                         int64_t due_ms, int percent) {
    if (due_ms <= start_ms || percent <= 0) return start_ms;
    if (percent >= 100 || !in_range(start_ms) || !in_range(due_ms)) return due_ms;
    int64_t total = hy_working_ms(calendar, work, start_ms, due_ms);
    if (total == 0) return start_ms + (due_ms - start_ms) / 100 * percent + (due_ms - start_ms) % 100 * percent / 100;
    int64_t share = total / 100 * percent + total % 100 * percent / 100;
    return share == 0 ? start_ms : advance(calendar, work, start_ms, share, NULL);
}
