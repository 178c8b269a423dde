// Reads a year's file: the days off and the make-up workdays that the State Council's notice names.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "lib/core/calendar_internal.h"

enum { FILE_MAX = 1 << 20, DAYS_MAX = 400 };

struct listed_day {
    hy_day day;
    bool off;
};

// One file, read whole before the calendar is touched, so that a bad file changes nothing.
struct year_file {
    const char *name;
    int year;
    int n;
    struct listed_day days[DAYS_MAX];
};

static int days_in_month(int year, int month) {
    int next_year = month == 12 ? year + 1 : year;
    return hy_day_from_date(next_year, month % 12 + 1, 1) - hy_day_from_date(year, month, 1);
}

static bool read_date(const char *text, hy_day *out) {
    int year, month, mday, end = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &year, &month, &mday, &end) != 3 || end != 10 || text[10] != '\0') return false;
    for (int i = 0; i < 10; i++) {
        bool dash = i == 4 || i == 7;
        if (dash != (text[i] == '-') || (!dash && (text[i] < '0' || text[i] > '9'))) return false;
    }
    if (month < 1 || month > 12 || mday < 1 || mday > days_in_month(year, month)) return false;
    *out = hy_day_from_date(year, month, mday);
    return true;
}

// A notice may name days of the December before and of the January after its year, never farther away.
static bool near_year(hy_day day, int year) {
    return day >= hy_day_from_date(year - 1, 12, 1) && day < hy_day_from_date(year + 1, 2, 1) && hy_day_held(day);
}

static int read_day(struct year_file *file, size_t index, json_t *item, struct hy_error *err) {
    const char *date = json_string_value(json_object_get(item, "date"));
    json_t *off = json_object_get(item, "isOffDay");
    hy_day day;
    if (date == NULL || !json_is_boolean(off))
        return hy_fail(err, HY_EFORMAT, "%s: days[%zu]: needs \"date\" (text) and \"isOffDay\" (true or false)",
                       file->name, index);
    if (!read_date(date, &day))
        return hy_fail(err, HY_EFORMAT, "%s: days[%zu]: \"%.40s\" is no date; write YYYY-MM-DD", file->name, index,
                       date);
    if (!near_year(day, file->year))
        return hy_fail(err, HY_EFORMAT, "%s: days[%zu]: %s is not a day of %d; is it in the wrong file?", file->name,
                       index, date, file->year);
    for (int i = 0; i < file->n; i++) {
        if (file->days[i].day != day) continue;
        if (file->days[i].off == json_is_true(off)) return HY_OK;
        return hy_fail(err, HY_EEXISTS, "%s: days[%zu]: %s is named twice, once off and once working", file->name,
                       index, date);
    }
    if (file->n == DAYS_MAX) return hy_fail(err, HY_ETOOBIG, "%s: names more than %d days", file->name, DAYS_MAX);
    file->days[file->n++] = (struct listed_day){day, json_is_true(off)};
    return HY_OK;
}

static int read_year(struct year_file *file, json_t *root, struct hy_error *err) {
    json_t *year = json_object_get(root, "year");
    json_t *days = json_object_get(root, "days");
    if (!json_is_integer(year) || json_integer_value(year) < HY_CALENDAR_FIRST_YEAR + 1 ||
        json_integer_value(year) >= HY_CALENDAR_END_YEAR)
        return hy_fail(err, HY_EFORMAT, "%s: \"year\" must be a number from %d to %d", file->name,
                       HY_CALENDAR_FIRST_YEAR + 1, HY_CALENDAR_END_YEAR - 1);
    file->year = (int)json_integer_value(year);
    if (!json_is_array(days)) return hy_fail(err, HY_EFORMAT, "%s: \"days\" must be a list", file->name);
    size_t index;
    json_t *item;
    json_array_foreach(days, index, item) {
        int rc = read_day(file, index, item, err);
        if (rc != HY_OK) return rc;
    }
    return HY_OK;
}

static int parse(struct year_file *file, struct hy_bytes json, struct hy_error *err) {
    json_error_t why;
    if (json.len > FILE_MAX) return hy_fail(err, HY_ETOOBIG, "%s: larger than %d bytes", file->name, FILE_MAX);
    json_t *root = json_loadb(json.data == NULL ? "" : (const char *)json.data, json.len, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        return hy_fail(err, HY_EFORMAT, "%s:%d:%d: not JSON: %s", file->name, why.line, why.column, why.text);
    int rc = read_year(file, root, err);
    json_decref(root);
    return rc;
}

// Does the file say otherwise than what was added before? A day of a year already added, but not named then, was named
// a plain weekday or weekend by leaving it out - unless the day is next year's to change, which only that year's file
// does.
static int check_agrees(const struct hy_calendar *calendar, const struct year_file *file, struct hy_error *err) {
    bool again = calendar->years[file->year - HY_CALENDAR_FIRST_YEAR];
    for (int i = 0; i < file->n; i++) {
        hy_day day = file->days[i].day;
        if (!hy_day_bit(calendar->listed, day) && !again) continue;
        if (hy_day_bit(calendar->work, day) != file->days[i].off) continue;
        int year, month, mday;
        hy_day_to_date(day, &year, &month, &mday);
        return hy_fail(err, HY_EEXISTS,
                       "%s: %04d-%02d-%02d is %s here, but %s in a file added before; keep one of them", file->name,
                       year, month, mday, file->days[i].off ? "off" : "working", file->days[i].off ? "working" : "off");
    }
    return HY_OK;
}

static void apply(struct hy_calendar *calendar, const struct year_file *file) {
    hy_day end = hy_day_from_date(file->year + 1, 1, 1);
    for (hy_day day = hy_day_from_date(file->year, 1, 1); day < end; day++) {
        hy_day_set(calendar->announced, day, true);
        if (!hy_day_bit(calendar->listed, day)) hy_day_set(calendar->work, day, hy_day_weekday(day));
    }
    for (int i = 0; i < file->n; i++) {
        hy_day_set(calendar->listed, file->days[i].day, true);
        hy_day_set(calendar->work, file->days[i].day, !file->days[i].off);
    }
    calendar->years[file->year - HY_CALENDAR_FIRST_YEAR] = true;
}

int hy_calendar_add_year(struct hy_calendar *calendar, const char *name, struct hy_bytes json, struct hy_error *err) {
    struct year_file *file = calloc(1, sizeof *file);
    if (file == NULL) return hy_fail(err, HY_ENOMEM, "%s: out of memory", name);
    file->name = name;
    int rc = parse(file, json, err);
    if (rc == HY_OK && file->n > 0) rc = check_agrees(calendar, file, err);
    if (rc == HY_OK && file->n > 0) apply(calendar, file);
    free(file);
    return rc;
}
