// The tables: which rows there are, which keys each has, which words are known. To add a key, add its line here and the
// member in policy.h; to add a kind of row, a table and the line that names it in its parent.
#include <string.h>

#include "lib/core/policy_internal.h"

#define WORDS(name_, what_, ...)                                                                                       \
    static const struct hy_word name_##_list[] = {__VA_ARGS__};                                                        \
    const struct hy_words name_ = {what_, sizeof name_##_list / sizeof name_##_list[0], name_##_list}

WORDS(hy_pack_points, "point", {"received", HY_POINT_RECEIVED}, {"opened", HY_POINT_OPENED},
      {"assigned", HY_POINT_ASSIGNED}, {"signed", HY_POINT_SIGNED}, {"handled", HY_POINT_HANDLED},
      {"drafted", HY_POINT_DRAFTED}, {"approved", HY_POINT_APPROVED}, {"delivered", HY_POINT_DELIVERED},
      {"acknowledged", HY_POINT_ACKNOWLEDGED}, {"major", HY_POINT_MAJOR}, {"handed_off", HY_POINT_HANDED_OFF},
      {"link", HY_POINT_LINK}, {"probed", HY_POINT_PROBED}, {"closed", HY_POINT_CLOSED});
// Values are those of CaseState in the contract; a test compares them.
WORDS(hy_pack_states, "state", {"opened", 1}, {"assigned", 2}, {"signed", 3}, {"handled", 4}, {"drafted", 5},
      {"review", 6}, {"approved", 7}, {"delivered", 8}, {"closed", 9}, {"withdrawn", 10});
WORDS(hy_pack_units, "unit", {"workdays", HY_UNIT_WORKDAYS}, {"work_minutes", HY_UNIT_WORK_MINUTES},
      {"wall_minutes", HY_UNIT_WALL_MINUTES}, {"calendar_days", HY_UNIT_CALENDAR_DAYS},
      {"wall_seconds", HY_UNIT_WALL_SECONDS});
// Values are those of Verb in the contract; a test compares them.
WORDS(hy_pack_verbs, "verb", {"sign", 1}, {"claim", 2}, {"release", 3}, {"handle", 4}, {"reply", 5}, {"approve", 6},
      {"reject", 7}, {"return", 8}, {"transfer", 9}, {"close", 10}, {"reopen", 11}, {"acknowledge", 12}, {"open", 13},
      {"extend", 14}, {"supervise", 15}, {"note", 16}, {"assign", 17});
WORDS(hy_pack_proofs, "proof", {"receipt", 0}, {"link", 1}, {"probe", 2}, {"approval", 3}, {"none", 4});
WORDS(hy_pack_roles, "role", {"department", 0}, {"operator", 1}, {"wangxinban", 2}, {"system", 3});
WORDS(hy_pack_actions, "action", {"remind", 0}, {"escalate", 1}, {"supervise", 2});
WORDS(hy_pack_purposes, "purpose", {"receipt", 0}, {"reply", 1}, {"notice", 2});
enum { NEED_REASON, NEED_TEXT, NEED_PROOF, NEED_DEPARTMENT };
WORDS(hy_pack_needs, "need", {"reason", NEED_REASON}, {"text", NEED_TEXT}, {"proof", NEED_PROOF},
      {"department", NEED_DEPARTMENT});

static bool identifier(const char *text) {
    size_t n = strlen(text);
    return n > 0 && n <= 40 && text[0] >= 'a' && text[0] <= 'z' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static char *read_identifier(struct hy_pack_reader *reader, const struct hy_node *key) {
    if (!identifier(key->text))
        hy_pack_problem(reader, key, "\"%.60s\" is no name; write a-z, 0-9 and _, at most 40, a letter first",
                        key->text);
    return hy_pack_text(reader, key->text);
}

// Does the text begin like the pattern, a digit for each 0?
static bool begins(const char *text, const char *pattern) {
    for (; *pattern != '\0'; text++, pattern++) {
        bool fits = *pattern == '0' ? *text >= '0' && *text <= '9' : *text == *pattern;
        if (!fits) return false;
    }
    return true;
}

static int two_digits(const char *text) {
    return (text[0] - '0') * 10 + text[1] - '0';
}

// Reads HH:MM, up to 24:00, as minutes; *rest is what follows.
static bool minute_of(const char *text, int *out, const char **rest) {
    if (!begins(text, "00:00")) return false;
    int hour = two_digits(text), minute = two_digits(text + 3);
    if (minute > 59 || hour > 24 || (hour == 24 && minute > 0)) return false;
    *out = hour * 60 + minute;
    *rest = text + 5;
    return true;
}

static void read_span(struct hy_pack_reader *reader, const struct hy_node *node, struct hy_hours *hours) {
    const char *text = hy_pack_node_text(reader, node), *rest;
    int from, to;
    if (text == NULL) return;
    if (!minute_of(text, &from, &rest) || *rest != '-' || !minute_of(rest + 1, &to, &rest) || *rest != '\0') {
        hy_pack_problem(reader, node, "\"%.60s\" is no span of hours; write \"08:30-12:00\"", text);
        return;
    }
    if (from >= to) {
        hy_pack_problem(reader, node, "\"%s\" ends before it begins", text);
        return;
    }
    if (hours->n > 0 && from < hours->span[hours->n - 1].to) {
        hy_pack_problem(reader, node, "\"%s\" overlaps the span before it or stands out of order", text);
        return;
    }
    if (hours->n == HY_HOURS_SPANS) {
        hy_pack_problem(reader, node, "more than %d spans a day", HY_HOURS_SPANS);
        return;
    }
    hours->span[hours->n].from = (int16_t)from;
    hours->span[hours->n].to = (int16_t)to;
    hours->n++;
}

static void read_spans(struct hy_pack_reader *reader, const struct hy_node *node, struct hy_hours *hours) {
    hours->n = 0;
    if (node->type != HY_NODE_LIST || node->n == 0) {
        hy_pack_problem(reader, node,
                        "hours must be a list of at least one span, as [\"08:30-12:00\", \"14:30-18:00\"]");
        return;
    }
    for (const struct hy_node *item = node->first; item != NULL; item = item->next)
        read_span(reader, item, hours);
}

static void read_hours(struct hy_pack_reader *reader, const struct hy_node *node, void *row) {
    read_spans(reader, node, &((struct hy_work_time *)row)->hours);
}

static void read_summer_hours(struct hy_pack_reader *reader, const struct hy_node *node, void *row) {
    read_spans(reader, node, &((struct hy_work_time *)row)->summer);
}

static int16_t read_month_day(struct hy_pack_reader *reader, const struct hy_node *node) {
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *text = hy_pack_node_text(reader, node);
    if (text == NULL) return 0;
    bool read = strlen(text) == 5 && begins(text, "00-00");
    int month = read ? two_digits(text) : 0, day = read ? two_digits(text + 3) : 0;
    if (month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1]) return (int16_t)(month * 100 + day);
    hy_pack_problem(reader, node, "\"%.60s\" is no day of the year; write \"06-01\" for 1 June", text);
    return 0;
}

static void read_summer_from(struct hy_pack_reader *reader, const struct hy_node *node, void *row) {
    ((struct hy_work_time *)row)->summer_from = read_month_day(reader, node);
}

static void read_summer_to(struct hy_pack_reader *reader, const struct hy_node *node, void *row) {
    ((struct hy_work_time *)row)->summer_to = read_month_day(reader, node);
}

static void read_last_day(struct hy_pack_reader *reader, const struct hy_node *node, void *row) {
    struct hy_work_time *work = row;
    const char *text = hy_pack_node_text(reader, node), *rest;
    int minute = 0;
    if (text == NULL) return;
    work->last_day_ends = 0;
    if (strcmp(text, "closing") == 0) return;
    if (!minute_of(text, &minute, &rest) || *rest != '\0' || minute == 0)
        hy_pack_problem(reader, node, "\"%.60s\" is no end of a day; write \"closing\", or a time as \"24:00\"", text);
    work->last_day_ends = (int16_t)minute;
}

static void read_valid_from(struct hy_pack_reader *reader, const struct hy_node *node, void *row) {
    struct hy_time time;
    struct hy_error err;
    const char *text = hy_pack_node_text(reader, node);
    if (text == NULL) return;
    if (hy_time_parse(text, &time, &err) == HY_OK)
        ((struct hy_pack *)row)->valid_from_ms = time.unix_ms;
    else
        hy_pack_problem(reader, node, "\"%.60s\" is no date; write it as 2026-01-01", text);
}

static void read_needs(struct hy_pack_reader *reader, const struct hy_node *node, void *row) {
    struct hy_pack_move *move = row;
    if (node->type != HY_NODE_LIST) {
        hy_pack_problem(reader, node, "\"needs\" must be a list, as [reason, text]");
        return;
    }
    move->needs_reason = move->needs_text = move->needs_proof = move->needs_department = false;
    bool *const flags[] = {&move->needs_reason, &move->needs_text, &move->needs_proof, &move->needs_department};
    for (const struct hy_node *item = node->first; item != NULL; item = item->next) {
        if (hy_pack_node_text(reader, item) == NULL) continue;
        const struct hy_word *word = hy_pack_words_find(&hy_pack_needs, item->text);
        if (word != NULL)
            *flags[word->value] = true;
        else
            hy_pack_words_problem(reader, item, &hy_pack_needs);
    }
}

static void read_proof(struct hy_pack_reader *reader, const struct hy_node *node, void *row) {
    if (hy_pack_node_text(reader, node) == NULL) return;
    if (hy_pack_words_find(&hy_pack_proofs, node->text) == NULL)
        hy_pack_words_problem(reader, node, &hy_pack_proofs);
    else
        ((struct hy_pack_close *)row)->proof = hy_pack_text(reader, node->text);
}

// A text that must be a word of a list, kept as text.
static char *word_text(struct hy_pack_reader *reader, const struct hy_node *node, const struct hy_words *words) {
    if (hy_pack_node_text(reader, node) == NULL) return NULL;
    if (hy_pack_words_find(words, node->text) == NULL) hy_pack_words_problem(reader, node, words);
    return hy_pack_text(reader, node->text);
}

static void read_action(struct hy_pack_reader *reader, const struct hy_node *node, void *row) {
    ((struct hy_pack_step *)row)->action = word_text(reader, node, &hy_pack_actions);
}

static void read_purpose(struct hy_pack_reader *reader, const struct hy_node *node, void *row) {
    ((struct hy_pack_delivery *)row)->purpose = word_text(reader, node, &hy_pack_purposes);
}

static void name_clock(struct hy_pack_reader *reader, const struct hy_node *key, void *row) {
    ((struct hy_pack_clock *)row)->name = read_identifier(reader, key);
}

static void name_move(struct hy_pack_reader *reader, const struct hy_node *key, void *row) {
    ((struct hy_pack_move *)row)->verb = word_text(reader, key, &hy_pack_verbs);
}

static void name_close(struct hy_pack_reader *reader, const struct hy_node *key, void *row) {
    ((struct hy_pack_close *)row)->reason = read_identifier(reader, key);
}

static void name_delivery(struct hy_pack_reader *reader, const struct hy_node *key, void *row) {
    ((struct hy_pack_delivery *)row)->name = read_identifier(reader, key);
}

static void name_kind(struct hy_pack_reader *reader, const struct hy_node *key, void *row) {
    ((struct hy_pack_kind *)row)->name = read_identifier(reader, key);
}

static void name_department(struct hy_pack_reader *reader, const struct hy_node *key, void *row) {
    ((struct hy_pack_department *)row)->code = read_identifier(reader, key);
}

static void name_level(struct hy_pack_reader *reader, const struct hy_node *key, void *row) {
    static const char *const names[] = {"I", "II", "III", "IV"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(key->text, names[i]) == 0) ((struct hy_pack_level *)row)->level = i + 1;
    }
    if (((struct hy_pack_level *)row)->level == 0) hy_pack_word_problem(reader, key, "level", key->text, names, 4);
}

#define AT(type_, member)          .offset = offsetof(struct type_, member)
#define COUNTED(type_, member, n_) .offset = offsetof(struct type_, member), .count = offsetof(struct type_, n_)
#define ROW(name_, struct_, what_, keyed_, read_name_, defaults_, fields_)                                             \
    static const struct hy_row name_ = {                                                                               \
        what_, sizeof(struct struct_), defaults_, keyed_, read_name_, sizeof(fields_) / sizeof((fields_)[0]), fields_}

static const struct hy_field step_fields[] = {
    {"at", HY_FIELD_INT, AT(hy_pack_step, percent), .required = true, .min = 1, .max = 100},
    {"notify", HY_FIELD_TEXT, AT(hy_pack_step, notify), .required = true},
    {"action", HY_FIELD_OWN, .required = true, .read = read_action},
};
ROW(step_row, hy_pack_step, "ladder step", false, NULL, NULL, step_fields);

static const struct hy_field clock_fields[] = {
    {"label", HY_FIELD_TEXT, AT(hy_pack_clock, label), .required = true},
    {"article", HY_FIELD_TEXT, AT(hy_pack_clock, article), .required = true},
    {"quote", HY_FIELD_TEXT, AT(hy_pack_clock, quote)},
    {"proposed", HY_FIELD_BOOL, AT(hy_pack_clock, proposed)},
    {"main", HY_FIELD_BOOL, AT(hy_pack_clock, main)},
    {"unit", HY_FIELD_WORD, AT(hy_pack_clock, unit), .required = true, .words = &hy_pack_units},
    {"length", HY_FIELD_INT64, AT(hy_pack_clock, length), .required = true, .min = 1, .max = 1000000},
    {"outside", HY_FIELD_INT64, AT(hy_pack_clock, length_outside), .min = 1, .max = 1000000},
    {"class_by_receipt", HY_FIELD_BOOL, AT(hy_pack_clock, class_by_receipt)},
    {"start", HY_FIELD_WORD, AT(hy_pack_clock, start), .required = true, .words = &hy_pack_points},
    {"stop", HY_FIELD_WORD, AT(hy_pack_clock, stop), .required = true, .words = &hy_pack_points},
    {"warnings", HY_FIELD_PERCENTS, COUNTED(hy_pack_clock, warnings, n_warnings)},
    {"ladder", HY_FIELD_LIST, COUNTED(hy_pack_clock, steps, n_steps), .required = true, .row = &step_row},
    {"max_level", HY_FIELD_INT, AT(hy_pack_clock, max_level), .min = 0, .max = 4},
};
static const struct hy_pack_clock clock_defaults = {.quote = (char[]){""}};
ROW(clock_row, hy_pack_clock, "clock", true, name_clock, &clock_defaults, clock_fields);

static const struct hy_field move_fields[] = {
    {"from", HY_FIELD_BITS, AT(hy_pack_move, from), .required = true, .words = &hy_pack_states},
    {"to", HY_FIELD_WORD, AT(hy_pack_move, to), .words = &hy_pack_states},
    {"roles", HY_FIELD_WORDS, AT(hy_pack_move, roles), .required = true, .words = &hy_pack_roles},
    {"owner_only", HY_FIELD_BOOL, AT(hy_pack_move, owner_only)},
    {"needs", HY_FIELD_OWN, .read = read_needs},
    {"proofs", HY_FIELD_WORDS, AT(hy_pack_move, proofs), .words = &hy_pack_proofs},
    {"article", HY_FIELD_TEXT, AT(hy_pack_move, article), .required = true},
};
static const struct hy_pack_move move_defaults = {.proofs = (char[]){""}};
ROW(move_row, hy_pack_move, "move", true, name_move, &move_defaults, move_fields);

static const struct hy_field close_fields[] = {
    {"label", HY_FIELD_TEXT, AT(hy_pack_close, label), .required = true},
    {"proof", HY_FIELD_OWN, .required = true, .read = read_proof},
    {"article", HY_FIELD_TEXT, AT(hy_pack_close, article), .required = true},
};
ROW(close_row, hy_pack_close, "close", true, name_close, NULL, close_fields);

static const struct hy_field delivery_fields[] = {
    {"purpose", HY_FIELD_OWN, .required = true, .read = read_purpose},
    {"at", HY_FIELD_WORD, AT(hy_pack_delivery, at), .required = true, .words = &hy_pack_points},
    {"target", HY_FIELD_TEXT, AT(hy_pack_delivery, target), .required = true},
    {"text", HY_FIELD_TEXT, AT(hy_pack_delivery, text), .required = true, .may_be_empty = true},
    {"main", HY_FIELD_BOOL, AT(hy_pack_delivery, main)},
};
ROW(delivery_row, hy_pack_delivery, "delivery", true, name_delivery, NULL, delivery_fields);

static const struct hy_field kind_fields[] = {
    {"label", HY_FIELD_TEXT, AT(hy_pack_kind, label), .required = true},
    {"article", HY_FIELD_TEXT, AT(hy_pack_kind, article), .required = true},
    {"owner", HY_FIELD_TEXT, AT(hy_pack_kind, owner)},
    {"fallback", HY_FIELD_TEXT, AT(hy_pack_kind, fallback), .required = true},
    {"states", HY_FIELD_BITS, AT(hy_pack_kind, states), .required = true, .words = &hy_pack_states},
    {"reviews", HY_FIELD_INT, AT(hy_pack_kind, reviews), .min = 0, .max = 9},
    {"append_hours", HY_FIELD_INT, AT(hy_pack_kind, append_hours), .min = 0, .max = 8760},
    {"late_reopens", HY_FIELD_BOOL, AT(hy_pack_kind, late_reopens)},
    {"max_members", HY_FIELD_INT, AT(hy_pack_kind, max_members), .min = 1, .max = 5000},
    {"max_returns", HY_FIELD_INT, AT(hy_pack_kind, max_returns), .min = 0, .max = 100},
    {"decider", HY_FIELD_TEXT, AT(hy_pack_kind, decider), .required = true},
    {"claim_minutes", HY_FIELD_INT, AT(hy_pack_kind, claim_minutes), .min = 1, .max = 1440},
    {"clocks", HY_FIELD_ROWS, COUNTED(hy_pack_kind, clocks, n_clocks), .row = &clock_row},
    {"moves", HY_FIELD_ROWS, COUNTED(hy_pack_kind, moves, n_moves), .required = true, .row = &move_row},
    {"closes", HY_FIELD_ROWS, COUNTED(hy_pack_kind, closes, n_closes), .required = true, .row = &close_row},
    {"deliveries", HY_FIELD_ROWS, COUNTED(hy_pack_kind, deliveries, n_deliveries), .row = &delivery_row},
};
static const struct hy_pack_kind kind_defaults = {.max_members = 1000, .max_returns = 2, .claim_minutes = 60};
ROW(kind_row, hy_pack_kind, "kind", true, name_kind, &kind_defaults, kind_fields);

static const struct hy_field department_fields[] = {
    {"name", HY_FIELD_TEXT, AT(hy_pack_department, name), .required = true},
    {"aliases", HY_FIELD_TEXTS, COUNTED(hy_pack_department, aliases, n_aliases)},
    {"supervisor", HY_FIELD_TEXT, AT(hy_pack_department, supervisor), .may_be_empty = true},
};
static const struct hy_pack_department department_defaults = {.supervisor = (char[]){""}};
ROW(department_row, hy_pack_department, "department", true, name_department, &department_defaults, department_fields);

static const struct hy_field level_fields[] = {
    {"writers", HY_FIELD_INT, AT(hy_pack_level, writers), .required = true, .min = 1, .max = 100000000},
    {"times_usual", HY_FIELD_NUMBER, AT(hy_pack_level, times_usual), .required = true, .min = 1, .max = 1000000},
};
ROW(level_row, hy_pack_level, "level", true, name_level, NULL, level_fields);

static const struct hy_field incident_fields[] = {
    {"article", HY_FIELD_TEXT, AT(hy_pack_incident, article), .required = true},
    {"window_minutes", HY_FIELD_INT64, AT(hy_pack_incident, window_minutes), .required = true, .min = 1, .max = 525600},
    {"baseline_days", HY_FIELD_INT64, AT(hy_pack_incident, baseline_days), .required = true, .min = 1, .max = 3650},
    {"quiet_minutes", HY_FIELD_INT, AT(hy_pack_incident, quiet_minutes), .required = true, .min = 1, .max = 525600},
    {"major_level", HY_FIELD_INT, AT(hy_pack_incident, major_level), .required = true, .min = 0, .max = 4},
    {"levels", HY_FIELD_ROWS, COUNTED(hy_pack_incident, levels, n_levels), .required = true, .row = &level_row},
};
ROW(incident_row, hy_pack_incident, "incident", false, NULL, NULL, incident_fields);

static const struct hy_field summer_fields[] = {
    {"from", HY_FIELD_OWN, .required = true, .read = read_summer_from},
    {"to", HY_FIELD_OWN, .required = true, .read = read_summer_to},
    {"hours", HY_FIELD_OWN, .required = true, .read = read_summer_hours},
};
ROW(summer_row, hy_work_time, "summer", false, NULL, NULL, summer_fields);

static const struct hy_field work_time_fields[] = {
    {"hours", HY_FIELD_OWN, .required = true, .read = read_hours},
    {"summer", HY_FIELD_ROW, .offset = 0, .row = &summer_row},
    {"count_first_day", HY_FIELD_BOOL, AT(hy_work_time, count_first_day)},
    {"last_day_ends", HY_FIELD_OWN, .read = read_last_day},
};
ROW(work_time_row, hy_work_time, "work_time", false, NULL, NULL, work_time_fields);

static const struct hy_field pack_fields[] = {
    {"pack", HY_FIELD_TEXT, AT(hy_pack, id), .required = true},
    {"name", HY_FIELD_TEXT, AT(hy_pack, name), .required = true},
    {"jurisdiction", HY_FIELD_TEXT, AT(hy_pack, jurisdiction), .required = true},
    {"source", HY_FIELD_TEXT, AT(hy_pack, source), .required = true},
    {"inherits", HY_FIELD_TEXT, AT(hy_pack, inherits)},
    {"valid_from", HY_FIELD_OWN, .required = true, .read = read_valid_from},
    {"work_time", HY_FIELD_ROW, AT(hy_pack, work), .required = true, .row = &work_time_row},
    {"departments", HY_FIELD_ROWS, COUNTED(hy_pack, departments, n_departments), .required = true,
     .row = &department_row},
    {"kinds", HY_FIELD_ROWS, COUNTED(hy_pack, kinds, n_kinds), .required = true, .row = &kind_row},
    {"incident", HY_FIELD_ROW, AT(hy_pack, incident), .required = true, .row = &incident_row},
    {"dossier_days", HY_FIELD_INT64, AT(hy_pack, dossier_days), .min = 1, .max = 36500},
    {"journal_days", HY_FIELD_INT64, AT(hy_pack, journal_days), .min = 1, .max = 36500},
};
const struct hy_row hy_pack_row = {
    "pack", sizeof(struct hy_pack), NULL, false, NULL, sizeof pack_fields / sizeof pack_fields[0], pack_fields};
