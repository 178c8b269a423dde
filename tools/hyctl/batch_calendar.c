// hyctl calendar: working days and deadlines.
#include <stdlib.h>
#include <string.h>

#include "tools/hyctl/batch.h"

static int parse_start(const json_t *row, const char *key, struct hy_time *out, struct hy_error *err) {
    const char *text;
    int rc = hyctl_need(row, key, &text, err);
    if (rc < 0) return rc;
    rc = hy_time_parse(text, out, err);
    return rc < 0 ? hy_fail_at(err, "\"%s\"", key) : 0;
}

int hyctl_calendar_due(void *ctx, const json_t *row, struct hy_buf *out, struct hy_error *err) {
    const struct hyctl_data *data = ctx;
    struct hy_time start;
    int rc = parse_start(row, "start", &start, err);
    if (rc < 0) return rc;
    const json_t *workdays = json_object_get(row, "workdays");
    if (!json_is_integer(workdays) || json_integer_value(workdays) < 0 || json_integer_value(workdays) > 100000)
        return hy_fail(err, HY_EINVALID, "\"workdays\" must be a whole number from 0 to 100000");
    bool count_first = data->pack != NULL && data->pack->work.count_first_day, provisional = false;
    hy_day due;
    rc = hy_calendar_add_workdays(data->calendar, hy_day_of(start.unix_ms), (int)json_integer_value(workdays),
                                  count_first, &due, &provisional);
    if (rc < 0) return hy_fail(err, rc, "no due date: %s", hy_error_text(rc));
    int year, month, day;
    hy_day_to_date(due, &year, &month, &day);
    hy_buf_adds(out, "{");
    hyctl_add_id(out, row);
    hy_buf_addf(out, "\"due\":\"%04d-%02d-%02d\"%s}\n", year, month, day, provisional ? ",\"provisional\":true" : "");
    return 0;
}

// "letter.reply", or "reply" where only one kind has it.
static const struct hy_pack_clock *find_clock(const struct hy_pack *pack, const char *name) {
    for (int i = 0; i < pack->n_kinds; i++) {
        const char *kind = pack->kinds[i].name;
        size_t len = strlen(kind);
        if (strncmp(name, kind, len) == 0 && name[len] == '.') return hy_pack_clock(&pack->kinds[i], name + len + 1);
    }
    const struct hy_pack_clock *found = NULL;
    for (int i = 0; i < pack->n_kinds; i++) {
        const struct hy_pack_clock *clock = hy_pack_clock(&pack->kinds[i], name);
        if (clock != NULL && found != NULL) return NULL;
        found = clock != NULL ? clock : found;
    }
    return found;
}

int hyctl_calendar_deadline(void *ctx, const json_t *row, struct hy_buf *out, struct hy_error *err) {
    const struct hyctl_data *data = ctx;
    const char *name;
    struct hy_time received;
    if (hyctl_need(row, "clock", &name, err) < 0 || parse_start(row, "received", &received, err) < 0) return err->code;
    const struct hy_pack_clock *clock = find_clock(data->pack, name);
    if (clock == NULL)
        return hy_fail(err, HY_ENOTFOUND,
                       "the pack %s has no clock '%.80s' (or several kinds have it: write kind.clock)", data->pack->id,
                       name);
    struct hy_clock_plan plan;
    int rc = hy_clock_plan(data->calendar, data->pack, clock, received.unix_ms, &plan);
    if (rc < 0) return hy_fail(err, rc, "no deadline: %s", hy_error_text(rc));
    static const char *const classes[] = {"any", "in_hours", "out_of_hours"};
    char due[HY_TIME_TEXT];
    hy_buf_adds(out, "{");
    hyctl_add_id(out, row);
    hyctl_add_text(out, "due", hy_time_format(plan.deadline.due, due));
    hy_buf_adds(out, ",");
    hyctl_add_text(out, "class", classes[plan.clock_class]);
    hy_buf_adds(out, plan.deadline.provisional ? ",\"provisional\":true}\n" : "}\n");
    return 0;
}

static int run(const struct hyctl_args *args, bool pack, hyctl_line answer) {
    struct hyctl_data data = {0};
    int rc = hyctl_load_calendar(args, &data);
    if (rc == HYCTL_OK && pack) rc = hyctl_load_pack(args, &data);
    if (rc == HYCTL_OK) rc = hyctl_batch(stdin, stdout, answer, &data);
    hyctl_data_free(&data);
    return rc;
}

static int run_due(const struct hyctl_args *args) {
    return run(args, hyctl_value(args, "pack") != NULL, hyctl_calendar_due);
}

static int run_deadline(const struct hyctl_args *args) {
    return run(args, true, hyctl_calendar_deadline);
}

static const struct hyctl_option options[] = {
    HYCTL_PACK_OPTION, HYCTL_POLICIES_OPTION, HYCTL_CALENDARS_OPTION, {NULL, NULL, NULL}};

const struct hyctl_command hyctl_calendar_commands[] = {
    {.group = "calendar",
     .name = "due",
     .summary = "The n-th working day after a day",
     .options = options,
     .details = "Reads JSON Lines {\"id\",\"start\",\"workdays\"}; writes {\"id\",\"due\"}, with \"provisional\":true "
                "when it lies beyond the last\n"
                "year announced, or {\"id\",\"error\"}. With --pack, the pack says whether the first day counts.",
     .example = "echo '{\"id\":\"1\",\"start\":\"2026-02-13\",\"workdays\":5}' | hyctl calendar due",
     .run = run_due},
    {.group = "calendar",
     .name = "deadline",
     .summary = "When a pack's clock is due that starts now",
     .options = options,
     .details =
         "Reads JSON Lines {\"id\",\"clock\",\"received\"}; clock as kind.clock, or its name alone where one kind has "
         "it.\n"
         "Writes {\"id\",\"due\",\"class\"}, with \"provisional\":true when it lies beyond the last year announced.",
     .example = "echo '{\"id\":\"1\",\"clock\":\"letter.reply\",\"received\":\"2026-02-13T16:00:00+08:00\"}' | hyctl "
                "calendar deadline --pack yuancheng",
     .run = run_deadline},
    {.group = NULL},
};
