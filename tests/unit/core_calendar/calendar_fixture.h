// What the calendar tests share: the shipped years, dates as text, a reproducible source of numbers.
// calendar_test.c tests days and year files, deadline_test.c hours and deadlines.
// To add a group of tests, declare its list here and run it from main in calendar_test.c.
#ifndef CALENDAR_FIXTURE_H
#define CALENDAR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/core/calendar.h"

// All files of deploy/calendars; freed by the caller.
struct hy_calendar *shipped_calendar(void);
// Adds deploy/calendars/<year>.json.
void add_shipped(struct hy_calendar *calendar, int year);
hy_day day_of(const char *date);
int64_t instant(const char *text);
// Compares as text, so that a failure reads well.
void assert_day(hy_day day, const char *date);
void assert_instant(int64_t ms, const char *text);
// 8:30-12:00, 14:30-18:00; the last day ends at closing time.
struct hy_work_time usual_work(void);
// splitmix64: equal seed, equal numbers.
uint64_t next_random(uint64_t *state);
int64_t random_between(uint64_t *state, int64_t from, int64_t to);

int run_deadline_tests(void);

#endif
