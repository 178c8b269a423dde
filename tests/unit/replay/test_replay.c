// A file of messages becomes events: every row is taken or refused with its place and reason, never half.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/id.h"
#include "producers/replay/mapping.h"
#include "producers/replay/row_event.h"
#include "producers/replay/rows.h"

static const char MAPPING[] =
    "platform: board\naccount: city\nkind: LETTER\ncolumns: {native_id: id, author: user, title: title, "
    "text: text, occurred: time}\n";

static struct replay_mapping mapping_of(const char *yaml) {
    struct replay_mapping mapping;
    struct hy_buf problems = {0};
    int rc = mapping_load("test", hy_bytes_of(yaml), &mapping, &problems);
    if (rc != HY_OK) print_message("%s", problems.data);
    assert_int_equal(rc, HY_OK);
    hy_buf_free(&problems);
    return mapping;
}

static struct rows *rows_of(const char *text, enum replay_format format, FILE **in) {
    *in = fmemopen((void *)(uintptr_t)text, strlen(text), "rb");
    assert_non_null(*in);
    struct rows *rows = rows_open(*in, format);
    assert_non_null(rows);
    return rows;
}

static void a_row_becomes_the_event_that_the_contract_says(void **state) {
    (void)state;
    struct replay_mapping mapping = mapping_of(MAPPING);
    struct hy_arena *arena = hy_arena_new(1 << 20);
    json_t *row = json_loads("{\"id\":9007199254740993,\"user\":\"u1\",\"title\":\"停水\",\"text\":\"𠮷没水\",\"time\":"
                             "\"2019-03-20T08:24:48\"}",
                             0, NULL);
    const struct row_options options = {.shift_ms = 1000, .ingest_ms = 1771000000000};
    Huiying__V1__Event *event = NULL;
    char id[HY_ID_SIZE];
    assert_int_equal(row_event(&mapping, &options, row, arena, &event, NULL), HY_OK);
    assert_string_equal(event->native_id, "9007199254740993"); // beyond what a double holds
    hy_event_id("board", "city", "9007199254740993", "LETTER", id);
    assert_string_equal(event->id, id);
    assert_string_equal(event->text, "𠮷没水");
    assert_int_equal(event->occurred->unix_ms, 1553041488000 + 1000); // Asia/Shanghai where the row has no zone
    assert_int_equal(event->occurred->offset_minutes, 480);
    json_decref(row);
    hy_arena_free(arena);
    mapping_free(&mapping);
}

static void a_message_is_never_received_after_it_was_taken_in(void **state) {
    (void)state;
    struct replay_mapping mapping = mapping_of(MAPPING);
    struct hy_arena *arena = hy_arena_new(1 << 20);
    json_t *row = json_loads("{\"id\":\"1\",\"text\":\"x\",\"time\":\"2030-01-01\"}", 0, NULL);
    const struct row_options options = {.ingest_ms = 1771000000000};
    Huiying__V1__Event *event = NULL;
    assert_int_equal(row_event(&mapping, &options, row, arena, &event, NULL), HY_OK);
    assert_int_equal(event->received->unix_ms, options.ingest_ms);
    json_decref(row);
    hy_arena_free(arena);
    mapping_free(&mapping);
}

static void a_row_without_id_or_time_is_refused_with_its_column(void **state) {
    (void)state;
    struct replay_mapping mapping = mapping_of(MAPPING);
    static const char *const BAD[][2] = {{"{\"id\":\"\",\"time\":\"2020-01-01\"}", "id"},
                                         {"{\"id\":\"1\"}", "time"},
                                         {"{\"id\":\"1\",\"time\":\"yesterday\"}", "time"},
                                         {"{\"id\":\"1\",\"time\":null}", "time"}};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct hy_arena *arena = hy_arena_new(1 << 20);
        json_t *row = json_loads(BAD[i][0], 0, NULL);
        Huiying__V1__Event *event = NULL;
        struct hy_error err = {0};
        const struct row_options options = {.ingest_ms = 1771000000000};
        assert_int_not_equal(row_event(&mapping, &options, row, arena, &event, &err), HY_OK);
        assert_null(event);
        assert_non_null(strstr(err.text, BAD[i][1]));
        json_decref(row);
        hy_arena_free(arena);
    }
    mapping_free(&mapping);
}

static void a_row_whose_event_the_topics_do_not_take_is_refused(void **state) {
    (void)state;
    struct replay_mapping mapping = mapping_of(MAPPING);
    struct hy_arena *arena = hy_arena_new(8 << 20);
    for (int over = 0; over < 2; over++) {
        char *text = malloc(ROW_EVENT_MAX + 1);
        memset(text, 'x', ROW_EVENT_MAX);
        text[over ? ROW_EVENT_MAX : ROW_EVENT_MAX - 1024] = '\0';
        json_t *row = json_pack("{s:s, s:s, s:s}", "id", "1", "text", text, "time", "2020-01-01");
        const struct row_options options = {.ingest_ms = 1771000000000};
        Huiying__V1__Event *event = NULL;
        struct hy_bytes packed = {0};
        struct hy_error err = {0};
        assert_int_equal(row_event(&mapping, &options, row, arena, &event, &err), HY_OK);
        assert_int_equal(row_pack(event, arena, &packed, &err), over ? HY_ETOOBIG : HY_OK);
        assert_true(over ? strstr(err.text, "1048576 bytes") != NULL : packed.len > ROW_EVENT_MAX - 1024);
        hy_arena_reset(arena);
        json_decref(row);
        free(text);
    }
    hy_arena_free(arena);
    mapping_free(&mapping);
}

static void a_bad_line_is_told_and_the_next_is_read(void **state) {
    (void)state;
    FILE *in;
    struct rows *rows =
        rows_of("{\"id\":1}\nnot json\n\n[1]\n{\"id\":1,\"id\":2}\n{\"id\":\"\xff\"}\n{\"id\":2}", REPLAY_JSONL, &in);
    static const int WANTED[] = {HY_OK, HY_EFORMAT, HY_EFORMAT, HY_EFORMAT, HY_EFORMAT, HY_OK, HY_ENOTFOUND};
    for (size_t i = 0; i < sizeof WANTED / sizeof WANTED[0]; i++) {
        json_t *row = NULL;
        struct hy_error err = {0};
        assert_int_equal(rows_next(rows, &row, &err), WANTED[i]);
        assert_true(WANTED[i] != HY_EFORMAT || strstr(err.text, "line") != NULL);
        json_decref(row);
    }
    assert_int_equal(rows_count(rows), 6);
    rows_close(rows);
    fclose(in);
}

static void a_bad_line_is_told_by_its_place_and_never_quoted(void **state) {
    (void)state;
    static const struct {
        const char *line, *told;
    } BAD[] = {{"{\"text\": \"a\", 13812345678}", "line 1, column "},
               {"{\"text\": \"\\uZ13812345678\"}", "line 1, column "},
               {"13812345678 13812345678", "line 1, column "},
               {"{\"13812345678\": 1, \"13812345678\": 2}", "twice"},
               {"{\"text\": \"13812345678\xff\"}", "UTF-8"}};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        FILE *in;
        struct rows *rows = rows_of(BAD[i].line, REPLAY_JSONL, &in);
        json_t *row = NULL;
        struct hy_error err = {0};
        assert_int_equal(rows_next(rows, &row, &err), HY_EFORMAT);
        assert_non_null(strstr(err.text, BAD[i].told));
        assert_null(strstr(err.text, "1381"));
        rows_close(rows);
        fclose(in);
    }
}

static void csv_keeps_quotes_line_breaks_and_commas(void **state) {
    (void)state;
    FILE *in;
    struct rows *rows = rows_of("\xEF\xBB\xBFid,text\r\n1,\"a, \"\"b\"\"\nc\"\r\n2\r\n3,停水\r\n", REPLAY_CSV, &in);
    json_t *row = NULL;
    struct hy_error err = {0};
    assert_int_equal(rows_next(rows, &row, &err), HY_OK);
    assert_string_equal(json_string_value(json_object_get(row, "id")), "1");
    assert_string_equal(json_string_value(json_object_get(row, "text")), "a, \"b\"\nc");
    json_decref(row);
    assert_int_equal(rows_next(rows, &row, &err), HY_EFORMAT); // one cell under a heading of two
    assert_int_equal(rows_next(rows, &row, &err), HY_OK);
    assert_string_equal(json_string_value(json_object_get(row, "text")), "停水");
    json_decref(row);
    assert_int_equal(rows_next(rows, &row, &err), HY_ENOTFOUND);
    rows_close(rows);
    fclose(in);
}

static void a_mapping_must_say_what_ids_are_made_of(void **state) {
    (void)state;
    static const char *const BAD[] = {"platform: p\naccount: a\ncolumns: {text: t}\n",
                                      "account: a\ncolumns: {native_id: i, text: t}\n",
                                      "platform: p\naccount: a\ndossier: author\ncolumns: {native_id: i, text: t}\n",
                                      "platform: p\naccount: a\nkind: NEWS\ncolumns: {native_id: i, text: t}\n",
                                      "platform: p\naccount: a\ncolums: {}\n"};
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct replay_mapping mapping;
        struct hy_buf problems = {0};
        assert_int_equal(mapping_load("test", hy_bytes_of(BAD[i]), &mapping, &problems), HY_ECONFIG);
        assert_true(problems.len > 0);
        hy_buf_free(&problems);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_becomes_the_event_that_the_contract_says),
        cmocka_unit_test(a_message_is_never_received_after_it_was_taken_in),
        cmocka_unit_test(a_row_without_id_or_time_is_refused_with_its_column),
        cmocka_unit_test(a_row_whose_event_the_topics_do_not_take_is_refused),
        cmocka_unit_test(a_bad_line_is_told_and_the_next_is_read),
        cmocka_unit_test(a_bad_line_is_told_by_its_place_and_never_quoted),
        cmocka_unit_test(csv_keeps_quotes_line_breaks_and_commas),
        cmocka_unit_test(a_mapping_must_say_what_ids_are_made_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
