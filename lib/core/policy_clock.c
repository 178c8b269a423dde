// When a clock of a pack is due and when its warnings fall.
#include "lib/core/policy.h"

enum { SECOND_MS = 1000, MINUTE_MS = 60000 };

static bool is_wall(enum hy_unit unit) {
    return unit == HY_UNIT_WALL_MINUTES || unit == HY_UNIT_WALL_SECONDS;
}

static int64_t length_of(const struct hy_pack_clock *clock, int clock_class) {
    return clock_class == HY_CLASS_OUT_OF_HOURS && clock->length_outside > 0 ? clock->length_outside : clock->length;
}

static int deadline(const struct hy_calendar *calendar, const struct hy_work_time *work,
                    const struct hy_pack_clock *clock, int64_t start_ms, int64_t length, struct hy_deadline *out) {
    int64_t due = start_ms;
    switch (clock->unit) {
    case HY_UNIT_WORKDAYS:
        return hy_deadline_workdays(calendar, work, start_ms, (int)length, out);
    case HY_UNIT_WORK_MINUTES:
        return hy_deadline_minutes(calendar, work, start_ms, length, out);
    case HY_UNIT_WALL_MINUTES:
        due = start_ms + length * MINUTE_MS;
        break;
    case HY_UNIT_WALL_SECONDS:
        due = start_ms + length * SECOND_MS;
        break;
    case HY_UNIT_CALENDAR_DAYS:
        due = hy_day_start_ms(hy_day_of(start_ms) + (hy_day)length + 1);
        break;
    }
    *out = (struct hy_deadline){{due, HY_SHANGHAI_MINUTES}, false};
    return HY_OK;
}

static int64_t stage_ms(const struct hy_calendar *calendar, const struct hy_work_time *work, enum hy_unit unit,
                        int64_t start_ms, int64_t due_ms, int percent) {
    if (!is_wall(unit)) return hy_percent_point(calendar, work, start_ms, due_ms, percent);
    return start_ms + (due_ms - start_ms) * percent / 100;
}

int hy_clock_plan(const struct hy_calendar *calendar, const struct hy_pack *pack, const struct hy_pack_clock *clock,
                  int64_t start_ms, struct hy_clock_plan *out) {
    const struct hy_work_time *work = &pack->work;
    struct hy_deadline start;
    *out = (struct hy_clock_plan){0};
    // Zero minutes from the start: refuses a start out of range for every unit alike.
    int rc = hy_deadline_minutes(calendar, work, start_ms, 0, &start);
    if (rc != HY_OK) return rc;
    bool provisional = false;
    if (clock->class_by_receipt) {
        out->clock_class = hy_in_hours(calendar, work, start_ms) ? HY_CLASS_IN_HOURS : HY_CLASS_OUT_OF_HOURS;
        hy_calendar_workday(calendar, hy_day_of(start_ms), &provisional);
    }
    rc = deadline(calendar, work, clock, start_ms, length_of(clock, out->clock_class), &out->deadline);
    if (rc != HY_OK) return rc;
    out->deadline.provisional = out->deadline.provisional || provisional;
    int64_t due = out->deadline.due.unix_ms;
    for (int i = 0; i < clock->n_warnings; i++)
        out->stage_due_ms[out->n_stages++] = stage_ms(calendar, work, clock->unit, start_ms, due, clock->warnings[i]);
    out->stage_due_ms[out->n_stages++] = due;
    return HY_OK;
}
