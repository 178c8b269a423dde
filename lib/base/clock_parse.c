// hy_time_parse: RFC 3339 and the looser forms that clock.h names.
#include "lib/base/clock.h"

#include <string.h>

struct reader {
    const char *text; // whole, for messages
    const char *at;
    struct hy_error *err;
};

struct stamp {
    int year, month, day, hour, minute, second, ms, offset;
};

// A number of a person may stand where a time should: only what begins with a year of our time is surely none.
static bool is_no_secret(const char *text) {
    size_t len = strlen(text);
    bool year = strncmp(text, "19", 2) == 0 || strncmp(text, "20", 2) == 0;
    return len > 4 && len <= 40 && year && text[4] == '-' && strspn(text, "0123456789:-+.TtZz ") == len;
}

// Says what is wrong and where.
static int refuse(const struct reader *in, const char *what) {
    if (is_no_secret(in->text))
        return hy_fail(in->err, HY_EFORMAT, "time \"%s\": %s at character %d", in->text, what,
                       (int)(in->at - in->text) + 1);
    return hy_fail(in->err, HY_EFORMAT, "time: %s at character %d", what, (int)(in->at - in->text) + 1);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

// Exactly `width` digits, value within [min, max].
static int number(struct reader *in, int width, int min, int max, const char *what, int *out) {
    int value = 0;
    for (int i = 0; i < width; i++) {
        if (!is_digit(in->at[i])) return refuse(in, what);
        value = value * 10 + (in->at[i] - '0');
    }
    if (value < min || value > max) return refuse(in, what);
    in->at += width;
    *out = value;
    return HY_OK;
}

static int mark(struct reader *in, char c, const char *what) {
    if (*in->at != c) return refuse(in, what);
    in->at++;
    return HY_OK;
}

static int days_in(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static int read_date(struct reader *in, struct stamp *s) {
    int rc = number(in, 4, 1970, 9999, "expected a year from 1970 to 9999", &s->year);
    if (rc == HY_OK) rc = mark(in, '-', "expected \"-\" after the year");
    if (rc == HY_OK) rc = number(in, 2, 1, 12, "expected a month from 01 to 12", &s->month);
    if (rc == HY_OK) rc = mark(in, '-', "expected \"-\" after the month");
    if (rc == HY_OK) rc = number(in, 2, 1, days_in(s->year, s->month), "expected a day of that month", &s->day);
    return rc;
}

// Any number of digits; what is finer than a millisecond is cut, so that an instant never moves forward.
static int read_fraction(struct reader *in, struct stamp *s) {
    if (*in->at != '.') return HY_OK;
    in->at++;
    if (!is_digit(*in->at)) return refuse(in, "expected digits after \".\"");
    for (int scale = 100; is_digit(*in->at); scale /= 10, in->at++) {
        s->ms += (*in->at - '0') * scale;
    }
    return HY_OK;
}

static int read_clock(struct reader *in, struct stamp *s) {
    int rc = number(in, 2, 0, 23, "expected an hour from 00 to 23", &s->hour);
    if (rc == HY_OK) rc = mark(in, ':', "expected \":\" after the hour");
    if (rc == HY_OK) rc = number(in, 2, 0, 59, "expected a minute from 00 to 59", &s->minute);
    if (rc != HY_OK || *in->at != ':') return rc;
    in->at++;
    rc = number(in, 2, 0, 60, "expected a second from 00 to 59", &s->second);
    return rc == HY_OK ? read_fraction(in, s) : rc;
}

static int read_zone(struct reader *in, struct stamp *s) {
    char c = *in->at;
    if (c == '\0') return HY_OK;
    in->at++;
    if (c == 'Z' || c == 'z') {
        s->offset = 0;
        return HY_OK;
    }
    if (c != '+' && c != '-') {
        in->at--;
        return refuse(in, "expected \"Z\", an offset such as +08:00, or the end");
    }
    int hours = 0, minutes = 0;
    int rc = number(in, 2, 0, 23, "expected offset hours from 00 to 23", &hours);
    if (rc == HY_OK) rc = mark(in, ':', "expected \":\" in the offset");
    if (rc == HY_OK) rc = number(in, 2, 0, 59, "expected offset minutes from 00 to 59", &minutes);
    s->offset = (hours * 60 + minutes) * (c == '-' ? -1 : 1);
    return rc;
}

static int64_t days_of(int year, int month, int day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t minutes_of(const struct stamp *s) {
    return days_of(s->year, s->month, s->day) * 1440 + s->hour * INT64_C(60) + s->minute - s->offset;
}

static int read_stamp(struct reader *in, struct stamp *s) {
    int rc = read_date(in, s);
    if (rc != HY_OK || *in->at == '\0') return rc;
    if (*in->at != 'T' && *in->at != 't' && *in->at != ' ') return refuse(in, "expected \"T\" after the date");
    in->at++;
    rc = read_clock(in, s);
    if (rc == HY_OK) rc = read_zone(in, s);
    if (rc == HY_OK && *in->at != '\0') rc = refuse(in, "expected the end");
    // RFC 3339, 5.7: second 60 is a leap second, which ends a day of UTC and nothing else.
    if (rc == HY_OK && s->second == 60 && (minutes_of(s) + 1) % 1440 != 0) rc = refuse(in, "no leap second there");
    return rc;
}

int hy_time_parse(const char *text, struct hy_time *out, struct hy_error *err) {
    if (text == NULL || *text == '\0')
        return hy_fail(err, HY_EFORMAT, "time: empty, expected one such as 2026-02-14T10:00:00+08:00");
    struct reader in = {.text = text, .at = text, .err = err};
    struct stamp s = {.offset = HY_SHANGHAI_MINUTES};
    int rc = read_stamp(&in, &s);
    if (rc != HY_OK) return rc;
    *out = (struct hy_time){.unix_ms = (minutes_of(&s) * 60 + s.second) * INT64_C(1000) + s.ms,
                            .offset_minutes = s.offset};
    return HY_OK;
}
