#include "tests/unit/core_calendar/calendar_fixture.h"

void add_shipped(struct hy_calendar *calendar, int year) {
    char path[256];
    struct hy_buf text = {0};
    struct hy_error err = {0};
    snprintf(path, sizeof path, HY_SOURCE_DIR "/deploy/calendars/%d.json", year);
    if (hy_read_file(path, 1 << 20, &text, &err) != HY_OK) fail_msg("%s", err.text);
    if (hy_calendar_add_year(calendar, path, hy_buf_view(&text), &err) != HY_OK) fail_msg("%s", err.text);
    hy_buf_free(&text);
}

struct hy_calendar *shipped_calendar(void) {
    struct hy_calendar *calendar = hy_calendar_new();
    assert_non_null(calendar);
    for (int year = 2007; year <= 2026; year++)
        add_shipped(calendar, year);
    return calendar;
}

int64_t instant(const char *text) {
    struct hy_time time;
    struct hy_error err = {0};
    if (hy_time_parse(text, &time, &err) != HY_OK) fail_msg("%s", err.text);
    return time.unix_ms;
}

hy_day day_of(const char *date) {
    return hy_day_of(instant(date));
}

void assert_day(hy_day day, const char *date) {
    char text[40];
    int year, month, mday;
    hy_day_to_date(day, &year, &month, &mday);
    snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, mday);
    assert_string_equal(text, date);
}

void assert_instant(int64_t ms, const char *expected) {
    char text[HY_TIME_TEXT];
    assert_string_equal(hy_time_format((struct hy_time){ms, HY_SHANGHAI_MINUTES}, text), expected);
}

struct hy_work_time usual_work(void) {
    return (struct hy_work_time){.hours = {2, {{510, 720}, {870, 1080}}}};
}

uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

int64_t random_between(uint64_t *state, int64_t from, int64_t to) {
    return from + (int64_t)(next_random(state) % (uint64_t)(to - from + 1));
}
