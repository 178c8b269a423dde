#include "tools/hyctl/case.h"

#include <string.h>

#include "tools/hyctl/http.h"
#include "tools/hyctl/rest.h"
#include "tools/hyctl/say.h"

static const char *text_of(const json_t *row, const char *key) {
    const char *text = json_string_value(json_object_get(row, key));
    return text == NULL ? "" : text;
}

// The first of these that says something.
static const char *first_of(const json_t *row, const char *const *keys) {
    for (; *keys != NULL; keys++)
        if (*text_of(row, *keys) != '\0') return text_of(row, *keys);
    return "–";
}

// GET with a query made from options; *out owned. query: names of option and parameter, option NULL at the end.
struct query {
    const char *option, *parameter;
};

static int get(const struct hyctl_args *args, const char *path, const struct query *query, json_t **out) {
    struct hyctl_rest rest = {0};
    struct hy_buf url = {0};
    int rc = hyctl_rest_open(args, &rest);
    if (rc != HYCTL_OK) return rc;
    char mark = '?';
    hy_buf_adds(&url, path);
    for (; query->option != NULL; query++) {
        const char *value = hyctl_value(args, query->option);
        if (value == NULL) continue;
        hy_buf_addf(&url, "%c%s=", mark, query->parameter);
        hyctl_url_add(&url, value);
        mark = '&';
    }
    rc = hyctl_rest(&rest, url.data, NULL, out);
    hyctl_rest_close(&rest);
    hy_buf_free(&url);
    return rc;
}

// "2026-11-22T16:02:55.574+08:00" as people read it: all times of the system are those of Asia/Shanghai. Another text
// stays as it is.
enum { SHOWN_TIME = 24 };
static const char *shown_time(const char *text, char out[SHOWN_TIME]) {
    static const char shape[] = "dddd-dd-ddTdd:dd:dd";
    for (size_t i = 0; shape[i] != '\0'; i++) {
        bool fits = shape[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == shape[i];
        if (!fits) return text;
    }
    snprintf(out, SHOWN_TIME, "%.10s %.8s", text, text + 11);
    return out;
}

static void time_cell(struct hyctl_table *table, const char *text) {
    char time[SHOWN_TIME];
    hyctl_table_cell(table, "%s", shown_time(text, time));
}

// ---- lists ----

static const char *how_late(const json_t *row) {
    if (json_is_true(json_object_get(row, "late"))) return "LATE";
    if (json_is_true(json_object_get(row, "soon"))) return "soon";
    return json_is_true(json_object_get(row, "provisional")) ? "provisional" : "";
}

static void heads(struct hyctl_table *table, const char *const *names) {
    for (int i = 0; i < table->columns; i++)
        hyctl_table_cell(table, "%s", names[i]);
}

static void print_next(const json_t *answer) {
    const char *next = text_of(answer, "next");
    if (*next != '\0') printf("; the next ones: --after %s", next);
    putchar('\n');
}

static void print_cases(const json_t *answer) {
    struct hyctl_table table = {.columns = 6};
    heads(&table, (const char *const[]){"case", "state", "owner", "due", "", "title"});
    const json_t *cases = json_object_get(answer, "cases"), *row;
    size_t i;
    json_array_foreach(cases, i, row) {
        hyctl_table_cell(&table, "%s", text_of(row, "id"));
        hyctl_table_cell(&table, "%s", text_of(row, "state"));
        hyctl_table_cell(&table, "%s", first_of(row, (const char *const[]){"owner_name", "owner", NULL}));
        time_cell(&table, first_of(row, (const char *const[]){"due", NULL}));
        hyctl_table_cell(&table, "%s", how_late(row));
        hyctl_table_cell(&table, "%s", first_of(row, (const char *const[]){"title", "subject", NULL}));
    }
    hyctl_table_print(&table, stdout);
    const json_t *total = json_object_get(answer, "total");
    printf("\n%zu case%s", json_array_size(cases), json_array_size(cases) == 1 ? "" : "s");
    if (json_is_integer(total)) printf(" of %lld", (long long)json_integer_value(total));
    print_next(answer);
}

int hyctl_case_list(const struct hyctl_args *args) {
    static const struct query query[] = {
        {"filter", "filter"}, {"department", "department"}, {"platform", "platform"}, {"account", "account"},
        {"query", "q"},       {"limit", "limit"},           {"after", "after"},       {NULL, NULL}};
    json_t *answer;
    size_t limit;
    int rc = hyctl_number(args, "limit", 1, 200, 50, &limit);
    if (rc == HYCTL_OK) rc = get(args, "/v1/cases", query, &answer);
    if (rc != HYCTL_OK) return rc;
    if (args->json) return hyctl_say_json(answer);
    print_cases(answer);
    json_decref(answer);
    return HYCTL_OK;
}

int hyctl_work_list(const struct hyctl_args *args) {
    static const struct query query[] = {
        {"department", "department"}, {"limit", "limit"}, {"after", "after"}, {NULL, NULL}};
    json_t *answer;
    size_t limit;
    int rc = hyctl_number(args, "limit", 1, 200, 50, &limit);
    if (rc == HYCTL_OK) rc = get(args, "/v1/work", query, &answer);
    if (rc != HYCTL_OK) return rc;
    if (args->json) return hyctl_say_json(answer);
    struct hyctl_table table = {.columns = 6};
    heads(&table, (const char *const[]){"case", "item", "at", "due", "", "title"});
    const json_t *items = json_object_get(answer, "items"), *row;
    size_t i;
    json_array_foreach(items, i, row) {
        hyctl_table_cell(&table, "%s", text_of(row, "case_id"));
        hyctl_table_cell(&table, "%s", first_of(row, (const char *const[]){"kind", NULL}));
        time_cell(&table, first_of(row, (const char *const[]){"at", NULL}));
        time_cell(&table, first_of(row, (const char *const[]){"due", NULL}));
        hyctl_table_cell(&table, "%s", how_late(row));
        hyctl_table_cell(&table, "%s", first_of(row, (const char *const[]){"title", "subject", "why", NULL}));
    }
    hyctl_table_print(&table, stdout);
    printf("\n%zu item%s", json_array_size(items), json_array_size(items) == 1 ? "" : "s");
    print_next(answer);
    json_decref(answer);
    return HYCTL_OK;
}

// ---- one case ----

// A value as one cell: text as it is, numbers and truth in words.
static void cell(struct hyctl_table *table, const json_t *value) {
    if (json_is_string(value))
        time_cell(table, json_string_value(value));
    else if (json_is_integer(value))
        hyctl_table_cell(table, "%lld", (long long)json_integer_value(value));
    else if (json_is_boolean(value))
        hyctl_table_cell(table, "%s", json_is_true(value) ? "yes" : "");
    else
        hyctl_table_cell(table, "%s", "");
}

static void print_facts(const json_t *one) {
    static const char *const keys[] = {"id",        "receipt_number", "kind",     "state",  "owner",   "owner_name",
                                       "step",      "title",          "category", "area",   "urgency", "platform",
                                       "account",   "received",       "opened",   "closed", "due",     "late",
                                       "claimed_by"};
    struct hyctl_table table = {.columns = 2};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *value = json_object_get(one, keys[i]);
        bool says = json_is_integer(value) || json_is_true(value) || *text_of(one, keys[i]) != '\0';
        if (!says) continue;
        hyctl_table_cell(&table, "%s", keys[i]);
        cell(&table, value);
    }
    hyctl_table_print(&table, stdout);
}

// An array of objects as a table of these keys, under its own name; nothing when it is empty.
static void print_rows(const json_t *one, const char *name, const char *const *keys) {
    const json_t *rows = json_object_get(one, name), *row;
    if (json_array_size(rows) == 0) return;
    struct hyctl_table table = {0};
    while (keys[table.columns] != NULL)
        table.columns++;
    printf("\n%s\n", name);
    heads(&table, keys);
    size_t i;
    json_array_foreach(rows, i, row) {
        for (int k = 0; k < table.columns; k++)
            cell(&table, json_object_get(row, keys[k]));
    }
    hyctl_table_print(&table, stdout);
}

static void print_texts(const json_t *one) {
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(one, "texts"), i, row) {
        char time[SHOWN_TIME];
        printf("\n%s, %s\n", text_of(row, "kind"), shown_time(text_of(row, "at"), time));
        if (*text_of(row, "title") != '\0') {
            hyctl_say_text(stdout, text_of(row, "title"), false);
            putchar('\n');
        }
        hyctl_say_text(stdout, text_of(row, "text"), true);
        putchar('\n');
    }
}

static void print_draft(const json_t *one) {
    const json_t *draft = json_object_get(one, "draft");
    if (*text_of(draft, "text") == '\0') return;
    printf("\ndraft, text hash %s\n", text_of(draft, "text_hash"));
    hyctl_say_text(stdout, text_of(draft, "text"), true);
    putchar('\n');
}

// What this token could do now, and what each move needs beside it.
static void print_moves(const json_t *one) {
    const json_t *moves = json_object_get(one, "moves"), *row, *need;
    size_t i, k;
    json_array_foreach(moves, i, row) {
        fputs(i == 0 ? "\nmoves: " : ", ", stdout);
        hyctl_say_text(stdout, text_of(row, "verb"), false);
        json_array_foreach(json_object_get(row, "needs"), k, need) {
            printf("%s%s", k == 0 ? " with " : " and ", json_string_value(need));
        }
    }
    if (json_array_size(moves) > 0) putchar('\n');
}

int hyctl_case_fate(const struct hyctl_args *args) {
    static const struct query nothing[] = {{NULL, NULL}};
    static const char *const keys[] = {"event_id", "fate", "case_id", "receipt_number", "rule", "explanation", "at"};
    struct hy_buf path = {0};
    json_t *one;
    hyctl_rest_path(&path, "/v1/events/", args->places[0], "");
    int rc = get(args, path.data, nothing, &one);
    hy_buf_free(&path);
    if (rc != HYCTL_OK) return rc;
    if (args->json) return hyctl_say_json(one);
    struct hyctl_table table = {.columns = 2};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        hyctl_table_cell(&table, "%s", keys[i]);
        cell(&table, json_object_get(one, keys[i]));
    }
    hyctl_table_print(&table, stdout);
    json_decref(one);
    return HYCTL_OK;
}

int hyctl_case_show(const struct hyctl_args *args) {
    static const struct query nothing[] = {{NULL, NULL}};
    struct hy_buf path = {0};
    json_t *one;
    hyctl_rest_path(&path, "/v1/cases/", args->places[0], "");
    int rc = get(args, path.data, nothing, &one);
    hy_buf_free(&path);
    if (rc != HYCTL_OK) return rc;
    if (args->json) return hyctl_say_json(one);
    print_facts(one);
    print_rows(one, "clocks", (const char *const[]){"name", "label", "state", "due", "provisional", NULL});
    print_rows(one, "reasons", (const char *const[]){"step", "label", NULL});
    print_texts(one);
    print_draft(one);
    print_rows(one, "deliveries", (const char *const[]){"purpose", "target", "state", "receipt", NULL});
    print_rows(one, "journal", (const char *const[]){"seq", "at", "command", "verdict", "rule", "explanation", NULL});
    print_moves(one);
    json_decref(one);
    return HYCTL_OK;
}
