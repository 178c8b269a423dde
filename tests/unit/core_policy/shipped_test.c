// The packs of deploy/policies: they load, say what their regulation says, and quote it word for word.
#include "tests/unit/core_policy/policy_fixture.h"

#include <dirent.h>
#include <stdlib.h>

static const char *const ids[] = {"national", "yuancheng", "sample"};

static void every_shipped_pack_loads(void **state) {
    (void)state;
    int files = 0;
    DIR *folder = opendir(HY_SOURCE_DIR "/deploy/policies");
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        files += strstr(entry->d_name, ".yaml") != NULL;
    closedir(folder);
    assert_int_equal(files, sizeof ids / sizeof ids[0]); // a new pack belongs into this test
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct loaded loaded = load_shipped(ids[i]);
        assert_non_null(hy_pack_kind(loaded.pack, "letter"));
        assert_string_equal(hy_pack_kind(loaded.pack, "incident")->owner, "wangxinban");
        assert_int_equal(strlen(loaded.pack->hash), 64);
        unload(&loaded);
    }
}

// R002-8: 5 working days; the letter is passed on by 区信息中心.
static void in_yuancheng_a_letter_is_answered_in_five_working_days(void **state) {
    (void)state;
    struct loaded loaded = load_shipped("yuancheng");
    const struct hy_pack_kind *letter = hy_pack_kind(loaded.pack, "letter");
    const struct hy_pack_clock *reply = hy_pack_clock(letter, "reply");
    assert_int_equal(reply->unit, HY_UNIT_WORKDAYS);
    assert_int_equal(reply->length, 5);
    assert_int_equal(reply->stop, HY_POINT_DELIVERED);
    assert_string_equal(reply->article, "R002-8");
    assert_false(reply->proposed);
    assert_true(reply->main);
    assert_true(hy_pack_clock(letter, "forward")->proposed);
    assert_string_equal(letter->fallback, "xinxi");
    assert_string_equal(hy_pack_department(loaded.pack, "xinxi")->name, "区信息中心");
    assert_null(hy_pack_department(loaded.pack, "triage"));
    unload(&loaded);
}

static void nationally_a_message_is_answered_in_seven_working_days(void **state) {
    (void)state;
    struct loaded loaded = load_shipped("national");
    const struct hy_pack_kind *letter = hy_pack_kind(loaded.pack, "letter"),
                              *incident = hy_pack_kind(loaded.pack, "incident");
    assert_int_equal(hy_pack_clock(letter, "reply")->length, 7);
    assert_string_equal(hy_pack_clock(letter, "reply")->article, "N7");
    assert_int_equal(hy_pack_clock(incident, "statement_5h")->length, 300);
    assert_int_equal(hy_pack_clock(incident, "statement_24h")->length, 1440);
    assert_int_equal(hy_pack_clock(incident, "statement_48h")->length, 2880);
    assert_int_equal(hy_pack_clock(incident, "cac_handoff")->stop, HY_POINT_HANDED_OFF);
    assert_int_equal(hy_pack_clock(incident, "cac_ack")->stop, HY_POINT_ACKNOWLEDGED);
    unload(&loaded);
}

// The sample day must come due within two minutes at any hour, so none of its letters' clocks waits for working time.
static void the_sample_letters_come_due_within_two_minutes_at_any_hour(void **state) {
    (void)state;
    static const char *const starts[] = {"2026-03-07T03:00:00+08:00", "2026-02-17T12:00:00+08:00",
                                         "2026-12-31T23:59:00+08:00", "2026-03-02T17:59:30+08:00"};
    struct loaded loaded = load_shipped("sample");
    struct hy_calendar *calendar = hy_calendar_new(); // no year at all
    const struct hy_pack_kind *letter = hy_pack_kind(loaded.pack, "letter");
    for (int i = 0; i < letter->n_clocks; i++) {
        for (size_t k = 0; k < sizeof starts / sizeof starts[0]; k++) {
            struct hy_time start;
            struct hy_clock_plan plan;
            assert_int_equal(hy_time_parse(starts[k], &start, NULL), 0);
            assert_int_equal(hy_clock_plan(calendar, loaded.pack, &letter->clocks[i], start.unix_ms, &plan), 0);
            assert_true(plan.deadline.due.unix_ms - start.unix_ms <= 120000);
            assert_false(plan.deadline.provisional);
        }
    }
    hy_calendar_free(calendar);
    unload(&loaded);
}

static void every_open_state_of_a_letter_has_a_way_out(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct loaded loaded = load_shipped(ids[i]);
        for (int k = 0; k < loaded.pack->n_kinds; k++) {
            const struct hy_pack_kind *kind = &loaded.pack->kinds[k];
            uint32_t left = 0;
            for (int m = 0; m < kind->n_moves; m++) {
                if (kind->moves[m].to != 0) left |= kind->moves[m].from;
            }
            int withdrawn = 0;
            assert_int_equal(hy_state_parse("withdrawn", &withdrawn), 0);
            assert_int_equal(kind->states & ~left & ~(1u << withdrawn), 0);
        }
        unload(&loaded);
    }
}

// The words of an article stand in the regulation it names; white space aside.
static void strip(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (strchr(" \n\r\t", *from) == NULL) *to++ = *from;
    }
    *to = '\0';
}

static char *regulation(const char *article) {
    const char *shared = getenv("HY_SHARED");
    char path[512];
    snprintf(path, sizeof path, "%s/regulations", shared != NULL ? shared : HY_SOURCE_DIR "/../shared");
    DIR *folder = opendir(path);
    if (folder == NULL) return NULL;
    char *text = NULL;
    for (const struct dirent *entry = readdir(folder); entry != NULL && text == NULL; entry = readdir(folder)) {
        if (strncmp(entry->d_name, article + 1, 3) != 0) continue;
        snprintf(path + strlen(path), sizeof path - strlen(path), "/%s", entry->d_name);
        text = read_text(path);
    }
    closedir(folder);
    if (text != NULL) strip(text);
    return text;
}

static int assert_quoted(const struct hy_pack_clock *clock) {
    if (clock->article[0] != 'R' || *clock->quote == '\0') return 0;
    char *text = regulation(clock->article);
    assert_non_null(text);
    if (strstr(text, clock->quote) == NULL) fail_msg("%s does not say \"%s\"", clock->article, clock->quote);
    free(text);
    return 1;
}

static void quotes_are_the_regulations_own_words(void **state) {
    (void)state;
    int n = 0;
    char *text = regulation("R002-8");
    if (text == NULL) {
        print_message("SKIPPED quotes_are_the_regulations_own_words: the folder of regulations is absent\n");
        skip();
        return;
    }
    free(text);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct loaded loaded = load_shipped(ids[i]);
        for (int k = 0; k < loaded.pack->n_kinds; k++) {
            for (int c = 0; c < loaded.pack->kinds[k].n_clocks; c++)
                n += assert_quoted(&loaded.pack->kinds[k].clocks[c]);
        }
        unload(&loaded);
    }
    assert_true(n >= 4);
}

int run_shipped_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shipped_pack_loads),
        cmocka_unit_test(in_yuancheng_a_letter_is_answered_in_five_working_days),
        cmocka_unit_test(nationally_a_message_is_answered_in_seven_working_days),
        cmocka_unit_test(the_sample_letters_come_due_within_two_minutes_at_any_hour),
        cmocka_unit_test(every_open_state_of_a_letter_has_a_way_out),
        cmocka_unit_test(quotes_are_the_regulations_own_words),
    };
    return cmocka_run_group_tests_name("shipped packs", tests, NULL, NULL);
}
