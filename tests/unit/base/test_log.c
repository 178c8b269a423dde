#include "tests/unit/base/unit.h"

#include <pthread.h>

#include "lib/base/log.h"
#include "lib/base/log_line.h"
#include "lib/base/metrics.h"

static char *json_of(const char *message, const char *fields, uint64_t held) {
    struct hy_log_line line = {.time = {1771034400000, 480},
                               .level = "info",
                               .program = "sla",
                               .class_name = "timer.due",
                               .message = message,
                               .fields = fields,
                               .held = held};
    struct hy_buf out = {0};
    hy_log_line_json(&line, &out);
    return out.data;
}

static void check_json(const char *fields, const char *expected) {
    char *line = json_of("m", fields, 0);
    char whole[512];
    snprintf(whole, sizeof whole,
             "{\"time\":\"2026-02-14T10:00:00+08:00\",\"level\":\"info\",\"program\":\"sla\",\"class\":\"timer.due\","
             "\"msg\":\"m\"%s}\n",
             expected);
    assert_string_equal(line, whole);
    free(line);
}

static void fields_become_members(void **state) {
    (void)state;
    check_json(NULL, "");
    check_json("", "");
    check_json("offset=12 topic=hy.cases", ",\"offset\":12,\"topic\":\"hy.cases\"");
    check_json("  a=1   b=2 ", ",\"a\":1,\"b\":2");
    check_json("reason=broken pipe in write n=3", ",\"reason\":\"broken pipe in write\",\"n\":3");
    check_json("q=\"a b=c\" n=3", ",\"q\":\"a b=c\",\"n\":3");
    check_json("q=\"open n=3", ",\"q\":\"\\\"open\",\"n\":3");
    check_json("just words", ",\"note\":\"just words\"");
    check_json("empty= n=1", ",\"empty\":\"\",\"n\":1");
    check_json("9a=1", ",\"note\":\"9a=1\"");
}

static void only_plain_numbers_are_written_as_numbers(void **state) {
    (void)state;
    check_json("a=0 b=-1 c=1.5 d=0.25", ",\"a\":0,\"b\":-1,\"c\":1.5,\"d\":0.25");
    check_json("a=01 b=1. c=.5 d=1e5 e=-", ",\"a\":\"01\",\"b\":\"1.\",\"c\":\".5\",\"d\":\"1e5\",\"e\":\"-\"");
    check_json("a=nan b=0x10 c=1-2", ",\"a\":\"nan\",\"b\":\"0x10\",\"c\":\"1-2\"");
    check_json("a=999999999999999 b=1000000000000000", ",\"a\":999999999999999,\"b\":\"1000000000000000\"");
}

static void a_field_cannot_take_the_name_of_a_member(void **state) {
    (void)state;
    check_json(
        "time=1 msg=x level=y class=z program=p",
        ",\"field_time\":1,\"field_msg\":\"x\",\"field_level\":\"y\",\"field_class\":\"z\",\"field_program\":\"p\"");
}

static void nothing_from_outside_can_begin_a_second_line(void **state) {
    (void)state;
    char *line = json_of("a\nb\xFF", "k=v\r\n{\"time\":1}", 3);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    unit_contains(line, "\"msg\":\"a\\nb\xEF\xBF\xBD\"");
    unit_contains(line, "\"k\":\"v\\r\\n{\\\"time\\\":1}\"");
    unit_contains(line, ",\"held_back\":3}");
    free(line);
    struct hy_log_line plain = {.time = {1771034400000, 480},
                                .level = "warn",
                                .program = "sla",
                                .class_name = "c",
                                .message = "a\n\x1B[31m \"q\" \\",
                                .fields = "k=v\n",
                                .held = 2};
    struct hy_buf out = {0};
    hy_log_line_text(&plain, &out);
    assert_string_equal(out.data,
                        "2026-02-14T10:00:00+08:00 warn  sla c: a\\n\\u001b[31m \"q\" \\ k=v\\n held_back=2\n");
    hy_buf_free(&out);
}

static char *logged(const struct hy_log_options *options, void (*work)(void)) {
    struct unit_capture err = unit_capture_start(STDERR_FILENO);
    hy_log_init(options);
    work();
    return unit_capture_end(&err);
}

static size_t lines_in(const char *text) {
    size_t n = 0;
    for (; *text != '\0'; text++) {
        n += *text == '\n';
    }
    return n;
}

static void one_of_each_level(void) {
    HY_DEBUG("lv", "d", NULL);
    HY_INFO("lv", "i", NULL);
    HY_WARN("lv", "w", NULL);
    HY_ERROR("lv", "e", "n=%d", 1);
}

static void levels_below_the_wanted_one_are_dropped(void **state) {
    (void)state;
    for (int level = HY_LOG_DEBUG; level <= HY_LOG_ERROR; level++) {
        char *text =
            logged(&(struct hy_log_options){.program = "t", .level = (enum hy_log_level)level}, one_of_each_level);
        assert_int_equal(lines_in(text), 4 - level);
        unit_contains(text, "error t lv: e n=1\n");
        free(text);
    }
}

static double counted(const char *labels) {
    return hy_metric_value(hy_metric_get(HY_COUNTER, "huiying_log_lines_total", "", labels));
}

static void ten_thousand_bad_records(void) {
    for (int i = 0; i < 10000; i++) {
        HY_WARN("record.bad", "refused", "n=%d", i);
    }
    HY_WARN("other.class", "still heard", NULL);
}

static void a_class_writes_its_burst_and_is_counted_whole(void **state) {
    (void)state;
    struct hy_log_options options = {.program = "t", .burst = 5, .interval_ms = 60000};
    char *text = logged(&options, ten_thousand_bad_records);
    assert_int_equal(lines_in(text), 6);
    unit_contains(text, "still heard");
    free(text);
    assert_true(counted("class=\"record.bad\",level=\"warn\"") == 10000);
}

static void a_burst_a_pause_and_one_more(void) {
    for (int i = 0; i < 10; i++) {
        HY_WARN("record.bad2", "refused", NULL);
    }
    usleep(60000);
    HY_WARN("record.bad2", "again", NULL);
    HY_WARN("record.bad2", "and again", NULL);
}

static void what_was_held_back_is_said_with_the_next_line(void **state) {
    (void)state;
    struct hy_log_options options = {.program = "t", .burst = 3, .interval_ms = 50, .json = true};
    char *text = logged(&options, a_burst_a_pause_and_one_more);
    assert_int_equal(lines_in(text), 5);
    unit_contains(text, "\"msg\":\"again\",\"held_back\":7}\n");
    unit_contains(text, "\"msg\":\"and again\"}\n"); // said once
    free(text);
}

static void three_hundred_classes(void) {
    char name[16];
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "class.%d", i);
        HY_INFO(name, "x", NULL);
    }
}

static void more_classes_than_the_table_share_one_budget(void **state) {
    (void)state;
    char *text =
        logged(&(struct hy_log_options){.program = "t", .burst = 2, .interval_ms = 60000}, three_hundred_classes);
    assert_int_equal(lines_in(text), 257); // 255 alone, and two of the rest
    free(text);
}

static void *write_some(void *arg) {
    for (int i = 0; i < 200; i++) {
        hy_log_write(HY_LOG_INFO, arg, "from a thread", "n=%d", i);
    }
    return NULL;
}

static void from_four_threads(void) {
    pthread_t threads[4];
    static char names[4][8] = {"t0", "t1", "t2", "t3"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, write_some, names[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void lines_of_several_threads_stay_whole(void **state) {
    (void)state;
    char *text = logged(&(struct hy_log_options){.program = "t", .burst = 1000, .json = true}, from_four_threads);
    assert_int_equal(lines_in(text), 800);
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        assert_int_equal(strncmp(line, "{\"time\":\"", 9), 0);
        assert_int_equal(line[strlen(line) - 1], '}');
        unit_contains(line, "\"msg\":\"from a thread\",\"n\":");
    }
    free(text);
}

static void a_log_nobody_can_read_does_not_stop_the_work(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    hy_log_init(&(struct hy_log_options){.program = "t", .fd = ends[1], .burst = 100000});
    for (int i = 0; i < 5000; i++) {
        HY_INFO("full.pipe", "a line that fills the pipe", NULL); // the pipe holds 64 KB
    }
    close(ends[0]);
    close(ends[1]);
    HY_INFO("closed.pipe", "nowhere", NULL);
    hy_log_init(&(struct hy_log_options){.program = "t"});
}

static void levels_are_read_by_their_names(void **state) {
    (void)state;
    enum hy_log_level level;
    assert_int_equal(hy_log_level_parse("warn", &level), HY_OK);
    assert_int_equal(level, HY_LOG_WARN);
    assert_int_equal(hy_log_level_parse("debug", &level), HY_OK);
    assert_int_equal(level, HY_LOG_DEBUG);
    assert_int_equal(hy_log_level_parse("WARN", &level), HY_EINVALID);
    assert_int_equal(hy_log_level_parse("", &level), HY_EINVALID);
    assert_int_equal(hy_log_level_parse(NULL, &level), HY_EINVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_become_members),
        cmocka_unit_test(only_plain_numbers_are_written_as_numbers),
        cmocka_unit_test(a_field_cannot_take_the_name_of_a_member),
        cmocka_unit_test(nothing_from_outside_can_begin_a_second_line),
        cmocka_unit_test(levels_below_the_wanted_one_are_dropped),
        cmocka_unit_test(a_class_writes_its_burst_and_is_counted_whole),
        cmocka_unit_test(what_was_held_back_is_said_with_the_next_line),
        cmocka_unit_test(more_classes_than_the_table_share_one_budget),
        cmocka_unit_test(lines_of_several_threads_stay_whole),
        cmocka_unit_test(a_log_nobody_can_read_does_not_stop_the_work),
        cmocka_unit_test(levels_are_read_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
