#include "tests/unit/base/unit.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "lib/base/metrics.h"

static char *rendered(void) {
    struct hy_buf out = {0};
    hy_metrics_render(&out);
    assert_true(hy_buf_ok(&out));
    return out.data;
}

static void the_same_name_and_labels_are_the_same_series(void **state) {
    (void)state;
    struct hy_metric *a = hy_metric_get(HY_COUNTER, "huiying_t_same_total", "Same.", "a=\"1\"");
    assert_ptr_equal(a, hy_metric_get(HY_COUNTER, "huiying_t_same_total", "Other words.", "a=\"1\""));
    assert_ptr_not_equal(a, hy_metric_get(HY_COUNTER, "huiying_t_same_total", "Same.", "a=\"2\""));
    assert_ptr_equal(hy_metric_get(HY_GAUGE, "huiying_t_g", "G.", NULL),
                     hy_metric_get(HY_GAUGE, "huiying_t_g", "G.", ""));
}

static void a_counter_only_rises(void **state) {
    (void)state;
    struct hy_metric *m = hy_metric_get(HY_COUNTER, "huiying_t_rises_total", "Rises.", NULL);
    hy_metric_add(m, 2.5);
    hy_metric_add(m, -1);
    hy_metric_add(m, NAN);
    hy_metric_set(m, 100);
    hy_metric_observe(m, 100);
    assert_true(hy_metric_value(m) == 2.5);
}

static void a_gauge_moves_both_ways(void **state) {
    (void)state;
    struct hy_metric *m = hy_metric_get(HY_GAUGE, "huiying_t_moves", "Moves.", NULL);
    hy_metric_set(m, 10);
    hy_metric_add(m, -12.5);
    assert_true(hy_metric_value(m) == -2.5);
}

static void the_text_is_the_format_that_prometheus_reads(void **state) {
    (void)state;
    static const double bounds[] = {0.1, 1, 10};
    struct hy_metric *h =
        hy_metric_histogram("huiying_t_wait_seconds", "How long\nit \\ \"took\".", "dept=\"水务局\"", bounds, 3);
    static const double values[] = {0.05, 0.1, 0.5, 1.5, 100};
    for (size_t i = 0; i < 5; i++) {
        hy_metric_observe(h, values[i]);
    }
    hy_metric_observe(h, NAN);
    assert_true(hy_metric_value(h) == 5);
    char *text = rendered();
    unit_contains(text, "# HELP huiying_t_wait_seconds How long\\nit \\\\ \"took\".\n"
                        "# TYPE huiying_t_wait_seconds histogram\n"
                        "huiying_t_wait_seconds_bucket{dept=\"水务局\",le=\"0.1\"} 2\n"
                        "huiying_t_wait_seconds_bucket{dept=\"水务局\",le=\"1\"} 3\n"
                        "huiying_t_wait_seconds_bucket{dept=\"水务局\",le=\"10\"} 4\n"
                        "huiying_t_wait_seconds_bucket{dept=\"水务局\",le=\"+Inf\"} 5\n"
                        "huiying_t_wait_seconds_sum{dept=\"水务局\"} 102.15\n"
                        "huiying_t_wait_seconds_count{dept=\"水务局\"} 5\n");
    free(text);
}

static void help_and_type_stand_once_and_names_are_sorted(void **state) {
    (void)state;
    hy_metric_add(hy_metric_get(HY_COUNTER, "huiying_t_z_total", "Z.", NULL), 1);
    hy_metric_add(hy_metric_get(HY_COUNTER, "huiying_t_a_total", "A.", "k=\"b\""), 1);
    hy_metric_add(hy_metric_get(HY_COUNTER, "huiying_t_a_total", "A.", "k=\"a\""), 1);
    char *text = rendered();
    unit_contains(text, "# HELP huiying_t_a_total A.\n# TYPE huiying_t_a_total counter\n"
                        "huiying_t_a_total{k=\"a\"} 1\nhuiying_t_a_total{k=\"b\"} 1\n# HELP");
    assert_true(strstr(text, "huiying_t_a_total") < strstr(text, "huiying_t_z_total"));
    free(text);
}

static void numbers_read_back_as_they_were(void **state) {
    (void)state;
    struct hy_metric *m = hy_metric_get(HY_GAUGE, "huiying_t_number", "N.", NULL);
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0, "0"},           {0.1, "0.1"},
                {1e15, "1e+15"},    {123456789012345, "123456789012345"},
                {-2.5, "-2.5"},     {1.0 / 3, "0.3333333333333333"},
                {INFINITY, "+Inf"}, {-INFINITY, "-Inf"},
                {NAN, "NaN"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        hy_metric_set(m, rows[i].value);
        char expected[64], *text = rendered();
        snprintf(expected, sizeof expected, "\nhuiying_t_number %s\n", rows[i].text);
        unit_contains(text, expected);
        free(text);
    }
}

static void a_label_is_escaped_and_cut_between_characters(void **state) {
    (void)state;
    char out[32];
    assert_string_equal(hy_metric_label(out, sizeof out, "k", "a\"b\\c\nd"), "k=\"a\\\"b\\\\c\\nd\"");
    assert_string_equal(hy_metric_label(out, sizeof out, "k", NULL), "k=\"\"");
    assert_string_equal(hy_metric_label(out, 8, "k", "区区"), "k=\"区\"");
    assert_string_equal(hy_metric_label(out, 10, "k", "区区"), "k=\"区\"");
    assert_string_equal(hy_metric_label(out, 11, "k", "区区"), "k=\"区区\"");
    assert_string_equal(hy_metric_label(out, 6, "k", "\"x"), "k=\"\"");
    assert_string_equal(hy_metric_label(out, 5, "k", "x"), "k=\"\"");
    assert_string_equal(hy_metric_label(out, 4, "k", "x"), "");
    assert_string_equal(hy_metric_label(out, sizeof out, "k", "a\xFF\xE5z"), "k=\"a??z\"");
}

static double overflowed(void) {
    return hy_metric_value(hy_metric_get(HY_COUNTER, "huiying_metrics_overflow_total", "", NULL));
}

static void malformed_labels_do_not_reach_the_text(void **state) {
    (void)state;
    static const char *const bad[] = {"a",        "a=",       "a=1",      "a=\"1",     "a=\"1\",", "a=\"1\" b=\"2\"",
                                      "=\"1\"",   "1a=\"1\"", "a=\"\n\"", "a=\"\\x\"", "a=\"\\",   "a=\"\xFF\"",
                                      ",a=\"1\"", "a:b=\"1\""};
    double before = 0;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct hy_metric *m = hy_metric_get(HY_GAUGE, "huiying_t_bad", "B.", bad[i]);
        assert_non_null(m);
        hy_metric_set(m, 1);
        assert_true(overflowed() == before + 1);
        before = overflowed();
    }
    char *text = rendered();
    unit_lacks(text, "huiying_t_bad");
    free(text);
}

// Aborts in a child; the parent looks at how it ended.
static void must_abort(void (*work)(void)) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        close(STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        work();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void as_another_kind(void) {
    hy_metric_get(HY_COUNTER, "huiying_t_kind", "K.", NULL);
    hy_metric_get(HY_GAUGE, "huiying_t_kind", "K.", NULL);
}

static void by_a_bad_name(void) {
    hy_metric_get(HY_COUNTER, "huiying t", "K.", NULL);
}

static void with_falling_bounds(void) {
    hy_metric_histogram("huiying_t_falling_seconds", "F.", NULL, (const double[]){2, 1}, 2);
}

static void a_wrong_registration_stops_the_program_at_once(void **state) {
    (void)state;
    must_abort(as_another_kind);
    must_abort(by_a_bad_name);
    must_abort(with_falling_bounds);
}

static void *add_many(void *arg) {
    struct hy_metric *h = arg;
    for (int i = 0; i < 20000; i++) {
        struct hy_metric *m = hy_metric_get(HY_COUNTER, "huiying_t_threads_total", "T.", i % 2 ? "x=\"1\"" : "x=\"0\"");
        hy_metric_add(m, 1);
        hy_metric_observe(h, i % 2 ? 0.25 : 4);
    }
    return NULL;
}

static void no_update_of_any_thread_is_lost(void **state) {
    (void)state;
    struct hy_metric *h = hy_metric_get(HY_HISTOGRAM, "huiying_t_threads_seconds", "T.", NULL);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, h), 0);
    }
    char *during = rendered();
    free(during);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(hy_metric_value(hy_metric_get(HY_COUNTER, "huiying_t_threads_total", "T.", "x=\"0\"")) == 40000);
    assert_true(hy_metric_value(h) == 80000);
    char *text = rendered();
    unit_contains(text, "huiying_t_threads_seconds_sum 170000\n");
    unit_contains(text, "huiying_t_threads_seconds_bucket{le=\"0.5\"} 40000\n");
    free(text);
}

// Last, because it leaves no room for others.
static void beyond_the_most_series_all_share_one_and_it_is_counted(void **state) {
    (void)state;
    double before = overflowed();
    char labels[32];
    struct hy_metric *last = NULL;
    for (int i = 0; i < 5000; i++) {
        snprintf(labels, sizeof labels, "n=\"%d\"", i);
        last = hy_metric_get(HY_COUNTER, "huiying_t_many_total", "M.", labels);
        hy_metric_add(last, 1);
    }
    assert_ptr_equal(last, hy_metric_get(HY_COUNTER, "huiying_t_more_total", "M.", NULL));
    assert_true(overflowed() > before + 900);
    hy_metric_observe(hy_metric_histogram("huiying_t_more_seconds", "M.", NULL, NULL, 0), 1);
    hy_metric_set(hy_metric_get(HY_GAUGE, "huiying_t_more", "M.", NULL), 1);
    hy_metric_add(hy_metric_get(HY_COUNTER, "huiying_t_many_total", "M.", "n=\"0\""), 1);
    assert_true(hy_metric_value(hy_metric_get(HY_COUNTER, "huiying_t_many_total", "M.", "n=\"0\"")) == 2);
    char *text = rendered();
    unit_contains(text, "\nhuiying_metrics_overflow_total ");
    unit_lacks(text, "huiying_t_more");
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_name_and_labels_are_the_same_series),
        cmocka_unit_test(a_counter_only_rises),
        cmocka_unit_test(a_gauge_moves_both_ways),
        cmocka_unit_test(the_text_is_the_format_that_prometheus_reads),
        cmocka_unit_test(help_and_type_stand_once_and_names_are_sorted),
        cmocka_unit_test(numbers_read_back_as_they_were),
        cmocka_unit_test(a_label_is_escaped_and_cut_between_characters),
        cmocka_unit_test(malformed_labels_do_not_reach_the_text),
        cmocka_unit_test(a_wrong_registration_stops_the_program_at_once),
        cmocka_unit_test(no_update_of_any_thread_is_lost),
        cmocka_unit_test(beyond_the_most_series_all_share_one_and_it_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
