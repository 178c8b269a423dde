// The dashboard's pure parts: receipt numbers as typed, metrics text, who sees what, the citizens' page, the settings.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumers/dashboard/dashboard.h"
#include "consumers/dashboard/out.h"
#include "consumers/dashboard/prom.h"
#include "consumers/dashboard/queries.h"
#include "consumers/dashboard/receipt.h"
#include "consumers/dashboard/status_page.h"
#include "consumers/dashboard/who.h"

static void the_table_of_settings_is_sound(void **state) {
    (void)state;
    struct hy_buf problems = {0};
    int rc = hy_config_check_table(dashboard_table(), &problems);
    assert_string_equal(problems.data ? problems.data : "", "");
    assert_int_equal(rc, HY_OK);
    hy_buf_free(&problems);
}

static void a_receipt_number_is_read_as_people_type_it(void **state) {
    (void)state;
    static const struct {
        const char *typed, *normal;
    } GOOD[] = {
        {"6WMP-HMME-K1T8-4XN5", "6WMP-HMME-K1T8-4XN5"},   {"6wmphmmek1t84xn5", "6WMP-HMME-K1T8-4XN5"},
        {" 6WMP HMME K1T8 4XN5 ", "6WMP-HMME-K1T8-4XN5"}, {"6wmp-hmme-klt8-4xn5", "6WMP-HMME-K1T8-4XN5"},
        {"oooo-iiii-llll-0000", "0000-1111-1111-0000"},   {"-6-W-M-P-HMMEK1T84XN5--", "6WMP-HMME-K1T8-4XN5"},
    };
    static const char *const BAD[] = {"",
                                      "6WMP-HMME-K1T8-4XN",
                                      "6WMP-HMME-K1T8-4XN55",
                                      "6WMP-HMME-K1T8-4XNU",
                                      "6WMP/HMME/K1T8/4XN5",
                                      "６WMP-HMME-K1T8-4XN5",
                                      "6WMP-HMME-K1T8-4XN\xff",
                                      "6WMP-HMME-K1T8-4XN5-6WMP-HMME-K1T8-4XN5"};
    char out[HY_RECEIPT_SIZE];
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        assert_true(receipt_normal(GOOD[i].typed, out));
        assert_string_equal(out, GOOD[i].normal);
    }
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
        assert_false(receipt_normal(BAD[i], out));
    hy_receipt_number("0123456789ABCDEFGHJKMNPQRS", out);
    char again[HY_RECEIPT_SIZE];
    assert_true(receipt_normal(out, again));
    assert_string_equal(out, again);
}

static void inner_states_are_not_told_to_citizens(void **state) {
    (void)state;
    static const char *const INNER[] = {"assigned", "signed", "handled", "drafted", "review", "approved", "later"};
    for (size_t i = 0; i < sizeof INNER / sizeof INNER[0]; i++)
        assert_string_equal(receipt_state(INNER[i]), "in_progress");
    assert_string_equal(receipt_state("opened"), "received");
    assert_string_equal(receipt_state("delivered"), "answered");
    assert_string_equal(receipt_state("closed"), "closed");
    assert_string_equal(receipt_state("withdrawn"), "withdrawn");
}

static const char METRICS[] = "# HELP a_lag Records.\n# TYPE a_lag gauge\n"
                              "a_lag{lane=\"0\"} 3\na_lag{lane=\"1\"} 4.5\na_lag_more 100\nxa_lag 7\n"
                              "b{text=\"} a \\\" {\"} 2e3\nplain 5\nbad{x=\"y\"} NaN\nword{} five\nempty \nlast 9";

static double value_or(const char *name, enum prom_join join, double fallback) {
    double out = fallback;
    return prom_value(hy_bytes_of(METRICS), name, join, &out) ? out : fallback;
}

static void metrics_are_joined_over_their_series(void **state) {
    (void)state;
    assert_float_equal(value_or("a_lag", PROM_SUM, -1), 7.5, 1e-9);
    assert_float_equal(value_or("a_lag", PROM_MAX, -1), 4.5, 1e-9);
    assert_float_equal(value_or("b", PROM_SUM, -1), 2000, 1e-9);
    assert_float_equal(value_or("plain", PROM_SUM, -1), 5, 1e-9);
    assert_float_equal(value_or("last", PROM_SUM, -1), 9, 1e-9);
    static const char *const NONE[] = {"bad", "word", "empty", "a", "missing", ""};
    for (size_t i = 0; i < sizeof NONE / sizeof NONE[0]; i++)
        assert_float_equal(value_or(NONE[i], PROM_SUM, -1), -1, 1e-9);
    double out;
    assert_false(prom_value((struct hy_bytes){0}, "a_lag", PROM_SUM, &out));
    for (size_t n = 0; n < sizeof METRICS; n++) // cut anywhere it must not read beyond
        (void)prom_value(hy_bytes_from(METRICS, n), "b", PROM_SUM, &out);
}

static struct who who_from(const char *role, const char *department, bool *known) {
    struct hy_web_identity identity = {0};
    static struct hy_web_identity kept;
    snprintf(identity.name, sizeof identity.name, "n");
    snprintf(identity.role, sizeof identity.role, "%s", role);
    snprintf(identity.department, sizeof identity.department, "%s", department);
    kept = identity;
    struct who who;
    *known = who_of(&kept, &who);
    return who;
}

static void each_role_sees_what_is_its_own(void **state) {
    (void)state;
    bool known;
    struct who who = who_from("operator", "", &known);
    assert_true(known && who_may_see(&who, "letter", "shuiwu") && who_may_see(&who, "", ""));
    who = who_from("department", "shuiwu", &known);
    assert_true(known && who_may_see(&who, "letter", "shuiwu"));
    assert_false(who_may_see(&who, "letter", "jiaotong") || who_may_see(&who, "letter", ""));
    who = who_from("wangxinban", "", &known);
    assert_true(known && who_may_see(&who, "incident", "bangongshi") && strcmp(who.department, "wangxinban") == 0);
    assert_false(who_may_see(&who, "letter", "wangxinban"));
    who_from("department", "", &known);
    assert_false(known);
    who_from("guest", "shuiwu", &known);
    assert_false(known);
}

static void today_begins_at_midnight_in_shanghai(void **state) {
    (void)state;
    struct hy_time t;
    assert_int_equal(hy_time_parse("2026-02-14T00:00:00+08:00", &t, NULL), HY_OK);
    int64_t midnight = t.unix_ms;
    assert_int_equal(queries_day_start(midnight), midnight);
    assert_int_equal(queries_day_start(midnight + 86399999), midnight);
    assert_int_equal(queries_day_start(midnight - 1), midnight - 86400000);
    json_t *object = json_object();
    out_time(object, "at", midnight);
    out_time(object, "none", 0);
    out_time(object, "never", INT64_MAX);
    assert_string_equal(json_string_value(json_object_get(object, "at")), "2026-02-14T00:00:00+08:00");
    assert_true(json_is_null(json_object_get(object, "none")) && json_is_null(json_object_get(object, "never")));
    json_decref(object);
}

static void a_text_that_is_no_utf8_takes_no_answer_down(void **state) {
    (void)state;
    json_t *object = json_object();
    out_text(object, "bad", "\xff\xfe");
    out_text(object, "none", NULL);
    out_hex(object, "hex", hy_bytes_from("\x00\xab\xff", 3));
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, "{\"bad\":\"\",\"hex\":\"00abff\",\"none\":\"\"}");
    free(text);
    json_decref(object);
}

static char *page_of(enum status_language language, const char *number, const char *json) {
    struct hy_buf page = {0};
    json_t *receipt = json ? json_loads(json, 0, NULL) : NULL;
    status_page(language, number, receipt, &page);
    json_decref(receipt);
    assert_true(hy_buf_ok(&page));
    return page.data;
}

static void the_citizens_page_escapes_all_it_did_not_write(void **state) {
    (void)state;
    char *page =
        page_of(STATUS_ZH, "\"><script>x</script>",
                "{\"number\":\"<i>&\",\"state\":\"closed\",\"received\":\"2026-02-14T10:00:00+08:00\",\"answers\":[{"
                "\"purpose\":\"reply\",\"text\":\"a<b>&'\\\"\",\"at\":\"<b>2026-02-14T10:00\"}]}");
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "<b>"));
    assert_null(strstr(page, "<i>"));
    assert_non_null(strstr(page, "a&lt;b&gt;&amp;&#39;&quot;"));
    assert_non_null(strstr(page, "2026-02-14 10:00"));
    assert_non_null(strstr(page, "已办结"));
    free(page);
    page = page_of(STATUS_EN, "0000", NULL);
    assert_non_null(strstr(page, "not known"));
    free(page);
    page = page_of(STATUS_EN, "", NULL);
    assert_null(strstr(page, "not known"));
    free(page);
}

static void the_language_is_what_was_asked_for_first(void **state) {
    (void)state;
    assert_int_equal(status_language("en", "zh-CN"), STATUS_EN);
    assert_int_equal(status_language("zh", "en"), STATUS_ZH);
    assert_int_equal(status_language("fr", "en-GB,zh;q=0.5"), STATUS_EN);
    assert_int_equal(status_language(NULL, "zh-CN,en;q=0.8"), STATUS_ZH);
    assert_int_equal(status_language(NULL, "fr,de"), STATUS_ZH);
    assert_int_equal(status_language(NULL, NULL), STATUS_ZH);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_settings_is_sound),
        cmocka_unit_test(a_receipt_number_is_read_as_people_type_it),
        cmocka_unit_test(inner_states_are_not_told_to_citizens),
        cmocka_unit_test(metrics_are_joined_over_their_series),
        cmocka_unit_test(each_role_sees_what_is_its_own),
        cmocka_unit_test(today_begins_at_midnight_in_shanghai),
        cmocka_unit_test(a_text_that_is_no_utf8_takes_no_answer_down),
        cmocka_unit_test(the_citizens_page_escapes_all_it_did_not_write),
        cmocka_unit_test(the_language_is_what_was_asked_for_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
