#include "lib/base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t system_wall_ms(void *ctx) {
    (void)ctx;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_mono_ns(void *ctx) {
    (void)ctx;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

const struct hy_clock *hy_clock_system(void) {
    static const struct hy_clock clock = {.wall_ms = system_wall_ms, .mono_ns = system_mono_ns};
    return &clock;
}

static int64_t fake_wall_ms(void *ctx) {
    return ((const struct hy_fake_clock *)ctx)->wall_ms;
}

static int64_t fake_mono_ns(void *ctx) {
    return ((const struct hy_fake_clock *)ctx)->mono_ns;
}

void hy_fake_clock_init(struct hy_fake_clock *fake, int64_t wall_ms) {
    *fake = (struct hy_fake_clock){
        .clock = {.wall_ms = fake_wall_ms, .mono_ns = fake_mono_ns, .ctx = fake},
        .wall_ms = wall_ms,
    };
}

void hy_fake_clock_advance(struct hy_fake_clock *fake, int64_t ms) {
    fake->wall_ms += ms;
    fake->mono_ns += ms * 1000000;
}

static int64_t floor_div(int64_t a, int64_t b) {
    return a / b - (a % b < 0);
}

struct date {
    int64_t year;
    int month, day;
};

// Proleptic Gregorian date of a day number, counted in eras of 400 years that begin on 1 March: the leap day is then
// the last day of a year and needs no case of its own.
static struct date date_of(int64_t days) {
    int64_t z = days + 719468;
    int64_t era = floor_div(z, 146097);
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    struct date date = {.day = (int)(doy - (153 * mp + 2) / 5 + 1), .month = (int)(mp < 10 ? mp + 3 : mp - 9)};
    date.year = yoe + era * 400 + (date.month <= 2);
    return date;
}

static void format_zone(int offset, char text[8]) {
    if (offset == 0) {
        snprintf(text, 8, "Z");
        return;
    }
    unsigned size = (unsigned)(offset < 0 ? -offset : offset);
    snprintf(text, 8, "%c%02u:%02u", offset < 0 ? '-' : '+', size / 60 % 24, size % 60);
}

char *hy_time_format(struct hy_time t, char text[HY_TIME_TEXT]) {
    bool odd = t.offset_minutes <= -1440 || t.offset_minutes >= 1440;
    int offset = odd ? 0 : t.offset_minutes; // no such zone: the instant is still right in UTC
    int64_t seconds = floor_div(t.unix_ms, 1000);
    int ms = (int)((t.unix_ms % 1000 + 1000) % 1000);
    seconds += (int64_t)offset * 60;
    int64_t days = floor_div(seconds, 86400);
    int rest = (int)(seconds - days * 86400);
    struct date date = date_of(days);
    char zone[8], fraction[8] = "";
    format_zone(offset, zone);
    if (ms != 0) snprintf(fraction, sizeof fraction, ".%03u", (unsigned)ms % 1000);
    snprintf(text, HY_TIME_TEXT, "%04lld-%02d-%02dT%02d:%02d:%02d%s%s", (long long)date.year, date.month, date.day,
             rest / 3600, rest / 60 % 60, rest % 60, fraction, zone);
    return text;
}
