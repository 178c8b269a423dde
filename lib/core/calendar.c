#include "lib/core/calendar_internal.h"

#include <stdlib.h>

enum { SHANGHAI_MS = HY_SHANGHAI_MINUTES * 60000, DAY_MS = 86400000, WORKDAYS_MAX = 10000 };

hy_day hy_day_of(int64_t unix_ms) {
    int64_t local = unix_ms + SHANGHAI_MS;
    return (hy_day)((local >= 0 ? local : local - (DAY_MS - 1)) / DAY_MS);
}

int64_t hy_day_start_ms(hy_day day) {
    return (int64_t)day * DAY_MS - SHANGHAI_MS;
}

// Both ways by eras of 400 years that begin on 1 March, so that the leap day comes last.
hy_day hy_day_from_date(int year, int month, int mday) {
    int y = month <= 2 ? year - 1 : year;
    int era = (y >= 0 ? y : y - 399) / 400;
    int year_of_era = y - era * 400;
    int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + mday - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

void hy_day_to_date(hy_day day, int *year, int *month, int *mday) {
    int64_t shifted = (int64_t)day + 719468;
    int era = (int)((shifted >= 0 ? shifted : shifted - 146096) / 146097);
    int of_era = (int)(shifted - (int64_t)era * 146097);
    int year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int m = (5 * of_year + 2) / 153;
    *mday = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

bool hy_day_works_by_rule(hy_day day) {
    int year, month, mday;
    if (!hy_day_weekday(day)) return false;
    hy_day_to_date(day, &year, &month, &mday);
    if (mday == 1 && (month == 1 || month == 5)) return false;
    return month != 10 || mday > 3;
}

// The rule for all days held, without taking each apart into its date.
struct hy_calendar *hy_calendar_new(void) {
    static const int fixed[][2] = {{1, 1}, {5, 1}, {10, 1}, {10, 2}, {10, 3}};
    struct hy_calendar *calendar = calloc(1, sizeof *calendar);
    if (calendar == NULL) return NULL;
    for (hy_day day = 0; day < HY_CALENDAR_DAYS; day++)
        hy_day_set(calendar->work, day, hy_day_weekday(day));
    for (int year = HY_CALENDAR_FIRST_YEAR; year < HY_CALENDAR_END_YEAR; year++) {
        for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
            hy_day_set(calendar->work, hy_day_from_date(year, fixed[i][0], fixed[i][1]), false);
    }
    return calendar;
}

void hy_calendar_free(struct hy_calendar *calendar) {
    free(calendar);
}

int hy_calendar_first_year(const struct hy_calendar *calendar) {
    for (int i = 0; i < HY_CALENDAR_END_YEAR - HY_CALENDAR_FIRST_YEAR; i++) {
        if (calendar->years[i]) return HY_CALENDAR_FIRST_YEAR + i;
    }
    return 0;
}

int hy_calendar_last_year(const struct hy_calendar *calendar) {
    for (int i = HY_CALENDAR_END_YEAR - HY_CALENDAR_FIRST_YEAR; i-- > 0;) {
        if (calendar->years[i]) return HY_CALENDAR_FIRST_YEAR + i;
    }
    return 0;
}

bool hy_calendar_workday(const struct hy_calendar *calendar, hy_day day, bool *provisional) {
    if (!hy_day_held(day)) {
        if (provisional != NULL) *provisional = true;
        return hy_day_works_by_rule(day);
    }
    if (provisional != NULL && !hy_day_bit(calendar->announced, day)) *provisional = true;
    return hy_day_bit(calendar->work, day);
}

int hy_calendar_add_workdays(const struct hy_calendar *calendar, hy_day start, int n, bool count_first, hy_day *out,
                             bool *provisional) {
    if (n < 0 || n > WORKDAYS_MAX) return HY_ERANGE;
    hy_day day = n == 0 || count_first ? start : start + 1;
    int left = n == 0 ? 1 : n;
    for (;; day++) {
        if (hy_calendar_workday(calendar, day, provisional) && --left == 0) break;
    }
    *out = day;
    return HY_OK;
}
