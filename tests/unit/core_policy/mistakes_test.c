// What is refused, where it says it stands, and what it suggests.
#include "tests/unit/core_policy/policy_fixture.h"

#include <stdlib.h>

struct mistake {
    const char *from, *to; // a change of base_yaml
    const char *says;      // place and beginning of the message
};

static void assert_mistakes(const struct mistake *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        char *text = replaced(base_yaml, rows[i].from, rows[i].to);
        const char *texts[] = {text};
        struct loaded loaded = load_texts("base", 1, texts);
        assert_int_equal(loaded.rc, HY_ECONFIG);
        assert_says(&loaded, rows[i].says);
        unload(&loaded);
        free(text);
    }
}
#define ASSERT_MISTAKES(rows) assert_mistakes(rows, sizeof(rows) / sizeof((rows)[0]))

static void unknown_keys_are_said_with_the_nearest_known_one(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"reviews: 1", "revews: 1", "a.yaml:19:5: unknown key in a kind: \"revews\"; did you mean \"reviews\"?"},
        {"length: 5", "lenght: 5", "a.yaml:26:9: unknown key in a clock: \"lenght\"; did you mean \"length\"?"},
        {"source: a test", "xyz: a test", "a.yaml:4:1: unknown key in a pack: \"xyz\"; known: pack, name,"},
        {"{at: 50, notify", "{at: 50, tell: x, notify", "a.yaml:32:22: unknown key in a ladder step: \"tell\""},
        {"writers: 10", "writer: 10", "a.yaml:52:10: unknown key in a level: \"writer\"; did you mean \"writers\"?"},
        {"reviews: 1", "reviews: 1\n    drop: true", "a.yaml:20:5: \"drop: true\" must stand alone"},
    };
    ASSERT_MISTAKES(rows);
}

static void missing_keys_are_said_at_their_row(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"length: 5", "max_level: 0", "a.yaml:21:7: clock reply needs \"length\""},
        {"name: 试验\n", "", "a.yaml:1:1: pack needs \"name\""},
        {", action: remind", "", "a.yaml:32:13: ladder step needs \"action\""},
        {"name: 教育局, ", "", "a.yaml:11:3: department school needs \"name\""},
        {"  hours: [\"08:30-12:00\", \"14:30-18:00\"]", "  count_first_day: true",
         "a.yaml:6:1: work_time needs \"hours\""},
        {", proof: receipt", "", "a.yaml:41:7: close solved needs \"proof\""},
    };
    ASSERT_MISTAKES(rows);
}

static void wrong_types_are_said(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"length: 5", "length: \"5\"",
         "a.yaml:26:17: \"length\" must be a whole number without quotes or unit, not \"5\""},
        {"length: 5", "length: 5d", "a.yaml:26:17: \"length\" must be a whole number"},
        {"length: 5", "length: 0x5", "a.yaml:26:17: \"length\" must be a whole number"},
        {"length: 5", "length: -5", "a.yaml:26:17: \"length\" must be a whole number"},
        {"length: 5", "length: 5.0", "a.yaml:26:17: \"length\" must be a whole number"},
        {"length: 5", "length:", "a.yaml:26:16: \"length\" must be a whole number"},
        {"length: 5", "length: 0", "a.yaml:26:17: \"length\" must be from 1 to 1000000, not 0"},
        {"length: 5", "length: 99999999999999999999", "a.yaml:26:17: \"length\" must be from 1 to"},
        {"length: 5", "length: [5]", "a.yaml:26:17: \"length\" must be a text, not a list"},
        {"main: true", "main: yes", "a.yaml:25:15: \"main\" must be true or false"},
        {"main: true", "main: \"true\"", "a.yaml:25:15: \"main\" must be true or false"},
        {"main: true", "main: {a: b}", "a.yaml:25:15: \"main\" must be true or false"},
        {"label: 来信", "label: {a: b}", "a.yaml:14:12: \"label\" must be a text, not a map"},
        {"label: 来信", "label: ~", "a.yaml:14:12: \"label\" is empty"},
        {"label: 来信", "label: \"\"", "a.yaml:14:12: \"label\" is empty"},
        {"times_usual: 2.5", "times_usual: 2.5.5", "\"times_usual\" must be a number"},
        {"times_usual: 2.5", "times_usual: 0.5", "\"times_usual\" must be from 1 to"},
        {"times_usual: 2.5", "times_usual: nan", "\"times_usual\" must be a number"},
        {"times_usual: 2.5", "times_usual: .", "\"times_usual\" must be a number"},
        {"warnings: [50, 80]", "warnings: 50", "a.yaml:30:19: \"warnings\" must be a list, not a text"},
        {"states: [opened,", "states: [[opened],", "a.yaml:18:14: \"this element\" must be a text, not a list"},
        {"needs: [text]", "needs: text", "a.yaml:37:90: \"needs\" must be a list"},
        {"  levels:\n    II: {writers: 10, times_usual: 5}\n    IV: {writers: 3, times_usual: 2.5}", "  levels: [1]",
         "a.yaml:51:11: \"levels\" must be a map of rows by name, not a list"},
        {"aliases: [政府办]", "aliases: [政府办, \"\"]", "\"this element\" is empty"},
        {"solved: {label: 办结, proof: receipt, article: N5}", "solved: nothing",
         "a.yaml:41:15: \"solved\" must be a map"},
        {"valid_from: 2026-01-01", "valid_from: next year", "a.yaml:5:13: \"next year\" is no date"},
        {"valid_from: 2026-01-01", "valid_from: 2026-02-30", "a.yaml:5:13: \"2026-02-30\" is no date"},
    };
    ASSERT_MISTAKES(rows);
}

static void unknown_words_are_said_with_the_nearest_known_one(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"unit: workdays", "unit: workday", "a.yaml:27:15: unknown unit \"workday\"; did you mean \"workdays\"?"},
        {"stop: delivered", "stop: deliverd", "a.yaml:29:15: unknown point \"deliverd\"; did you mean \"delivered\"?"},
        {"start: received", "start: none", "a.yaml:28:16: unknown point \"none\""},
        {"[opened, assigned,", "[opend, assigned,", "a.yaml:18:14: unknown state \"opend\"; did you mean \"opened\"?"},
        {"to: signed", "to: sined", "a.yaml:36:36: unknown state \"sined\"; did you mean \"signed\"?"},
        {"      sign:", "      sing:", "a.yaml:36:7: unknown verb \"sing\"; did you mean \"sign\"?"},
        {"roles: [department]", "roles: [mayor]",
         "unknown role \"mayor\"; known: department, operator, wangxinban, system"},
        {"needs: [text]", "needs: [texts]", "unknown need \"texts\"; did you mean \"text\"?"},
        {"proof: receipt", "proof: reciept", "a.yaml:41:34: unknown proof \"reciept\"; did you mean \"receipt\"?"},
        {"proofs: [receipt, link]", "proofs: [link, url]", "unknown proof \"url\""},
        {"action: remind", "action: remand", "a.yaml:32:45: unknown action \"remand\"; did you mean \"remind\"?"},
        {"purpose: reply", "purpose: answer", "a.yaml:44:25: unknown purpose \"answer\""},
        {"    II:", "    II.:", "a.yaml:52:5: unknown level \"II.\"; did you mean \"II\"?"},
        {"    II:", "    2:", "a.yaml:52:5: unknown level \"2\""},
        {"supervisor: office}\n  office", "supervisor: ofice}\n  office",
         "a.yaml:9:34: unknown department \"ofice\"; did you mean \"office\"?"},
        {"fallback: desk", "fallback: dask", "a.yaml:16:15: unknown department \"dask\"; did you mean \"desk\"?"},
        {"decider: office", "decider: nobody_at_all",
         "unknown department \"nobody_at_all\"; known: desk, office, school"},
        {"    fallback: desk", "    owner: scool\n    fallback: desk", "a.yaml:16:12: unknown department \"scool\""},
        {"{due}", "{deu}", "a.yaml:43:69: unknown blank \"deu\"; did you mean \"due\"?"},
        {"{due}", "{due", "a \"{\" is not closed"},
    };
    ASSERT_MISTAKES(rows);
}

static void a_list_names_nothing_twice(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"states: [opened,", "states: [opened, opened,", "a.yaml:18:22: \"opened\" stands in this list twice"},
        {"[department, operator]", "[operator, operator]", "\"operator\" stands in this list twice"},
        {"reviews: 1", "article: N6", "a.yaml:19:5: \"article\" stands here twice, first in line 15; keep one"},
        {"  office: {name: 办公室", "  desk: {name: 办公室",
         "a.yaml:10:3: \"desk\" stands here twice, first in line 9"},
        {"name: 教育局", "name: 政府办", "a.yaml:11:18: \"政府办\" is a name of office and of school"},
        {"教委", "分拨中心", "\"分拨中心\" is a name of desk and of school"},
    };
    ASSERT_MISTAKES(rows);
}

static void a_clock_that_nothing_starts_or_stops_is_said(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"stop: delivered", "stop: probed",
         "a.yaml:29:15: nothing in kind letter stops clock reply: \"probed\" needs a move"},
        {"stop: delivered", "stop: acknowledged", "\"acknowledged\" needs a move \"acknowledge\""},
        {"stop: delivered", "stop: handed_off", "needs a delivery at \"major\" with \"main: true\""},
        {", main: true}", "}",
         "a.yaml:29:15: nothing in kind letter stops clock reply: \"delivered\" needs a delivery"},
        {"stop: delivered", "stop: handled", "\"handled\" needs a move \"handle\""},
        {"start: received", "start: handled", "a.yaml:28:16: nothing in kind letter starts clock reply"},
        {"start: received", "start: delivered",
         "a.yaml:29:15: nothing stops clock reply: \"delivered\" is not after its start"},
        {"stop: delivered", "stop: opened", "nothing in kind"},
        {"start: received", "start: closed",
         "nothing stops clock reply: \"delivered\" is not after its start \"closed\""},
        {"      approve: {from: [drafted]", "      reject: {from: [drafted]", "\"approved\" needs a move \"approve\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].to, "stop: opened") != 0) assert_mistakes(&rows[i], 1);
    }
    // From receipt to opening is an order that can be kept.
    char *text = replaced(base_yaml, "stop: delivered", "stop: opened");
    const char *texts[] = {text};
    struct loaded loaded = load_texts("base", 1, texts);
    assert_int_equal(loaded.rc, 0);
    unload(&loaded);
    free(text);
}

static void a_ladder_reaches_somebody_at_every_stage(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"notify: office", "notify: ofice", "a.yaml:34:31: reaches nobody: \"ofice\" is neither owner"},
        {"          - {at: 100, notify: office, action: supervise}\n", "",
         "a.yaml:32:11: the breach of clock reply reaches nobody: no step at 100"},
        {"{at: 50, notify", "{at: 80, notify", "a warning of clock reply reaches nobody: no step at 50"},
        {"{at: 50, notify", "{at: 55, notify", "a.yaml:32:18: never taken: clock reply has no warning at 55"},
        {"    fallback: desk", "    owner: office\n    fallback: desk", "reaches nobody: office has no supervisor"},
        {"        ladder:\n          - {at: 50, notify: owner, action: remind}\n"
         "          - {at: 80, notify: supervisor, action: escalate}\n"
         "          - {at: 100, notify: office, action: supervise}\n",
         "        ladder: []\n", "a.yaml:31:17: the breach of clock reply reaches nobody: the ladder is empty"},
    };
    ASSERT_MISTAKES(rows);
}

static void warnings_rise_between_1_and_99(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"[50, 80]", "[80, 50]", "a.yaml:30:24: warnings must rise: 50 stands after 80"},
        {"[50, 80]", "[50, 50]", "warnings must rise: 50 stands after 50"},
        {"[50, 80]", "[50, 100]", "a.yaml:30:24: \"this element\" must be from 1 to 99, not 100"},
        {"[50, 80]", "[50, 60, 70, 80, 90]", "a.yaml:30:36: more than 4 warnings"},
    };
    ASSERT_MISTAKES(rows);
}

static void an_article_names_a_regulation_or_a_norm(void **state) {
    (void)state;
    static const char *const bad[] = {"R2-8", "R002", "R002-",  "R002-8bb", "R002-8B",     "r002-8",
                                      "N",    "N7a",  "第八条", "R002-8 ",  "\" R002-8\"", "RN7"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char to[64];
        snprintf(to, sizeof to, "article: %s\n", bad[i]);
        struct mistake row = {"article: N5\n", to, "a.yaml:15:14: \""};
        if (strcmp(bad[i], "R002-8 ") != 0) assert_mistakes(&row, 1); // plain text loses its trailing blank
    }
    static const struct mistake rows[] = {
        {"article: R002-8", "article: R0028", "a.yaml:23:18: \"R0028\" is no article"},
        {"article: R000-14c", "article: x", "a.yaml:46:12: \"x\" is no article"},
        {"proof: receipt, article: N5", "proof: receipt, article: M5", "a.yaml:41:52: \"M5\" is no article"},
        {"roles: [department], article: N5", "roles: [department], article: 5", "a.yaml:36:74: \"5\" is no article"},
        {"        quote: 在5个工作日内\n", "", "a.yaml:22:9: clock reply needs \"quote\", the words of R002-8"},
    };
    ASSERT_MISTAKES(rows);
}

static void hours_are_spans_that_rise_and_do_not_overlap(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"\"08:30-12:00\"", "\"8:30-12:00\"", "a.yaml:7:11: \"8:30-12:00\" is no span of hours"},
        {"\"08:30-12:00\"", "\"08: 3-12:00\"", "is no span of hours"},
        {"\"08:30-12:00\"", "\"08:+3-12:00\"", "is no span of hours"},
        {"\"08:30-12:00\"", "\"08:30-12:00x\"", "is no span of hours"},
        {"\"08:30-12:00\"", "\"08:30-25:00\"", "is no span of hours"},
        {"\"08:30-12:00\"", "\"08:30\"", "is no span of hours"},
        {"\"08:30-12:00\"", "\"12:00-08:30\"", "a.yaml:7:11: \"12:00-08:30\" ends before it begins"},
        {"\"14:30-18:00\"", "\"11:30-18:00\"", "a.yaml:7:26: \"11:30-18:00\" overlaps the span before it"},
        {"[\"08:30-12:00\", \"14:30-18:00\"]", "[]", "a.yaml:7:10: hours must be a list of at least one span"},
        {"[\"08:30-12:00\", \"14:30-18:00\"]",
         "[\"01:00-02:00\", \"03:00-04:00\", \"05:00-06:00\", \"07:00-08:00\", \"09:00-10:00\"]",
         "more than 4 spans a day"},
        {"departments:\n", "  last_day_ends: noon\ndepartments:\n", "a.yaml:8:18: \"noon\" is no end of a day"},
        {"departments:\n", "  last_day_ends: \"00:00\"\ndepartments:\n", "is no end of a day"},
        {"departments:\n", "  summer: {from: \"06-01\", to: \"02-30\", hours: [\"08:00-12:00\"]}\ndepartments:\n",
         "a.yaml:8:31: \"02-30\" is no day of the year"},
        {"departments:\n", "  summer: {from: \"6-1\", to: \"09-+1\", hours: [\"08:00-12:00\"]}\ndepartments:\n",
         "a.yaml:8:29: \"09-+1\" is no day of the year"},
        {"departments:\n", "  summer: {from: \"06-01\", to: \"09-30\"}\ndepartments:\n",
         "a.yaml:8:3: summer needs \"hours\""},
    };
    ASSERT_MISTAKES(rows);
}

static void lengths_and_classes_fit_their_unit(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"length: 5", "length: 2001", "a.yaml:26:17: 2001 workdays is too long; at most 2000"},
        {"length: 5", "length: 5\n        outside: 9", "a.yaml:27:18: \"outside\" is for wall clocks"},
        {"length: 5", "length: 5\n        outside: 9", "a.yaml:27:18: \"outside\" needs \"class_by_receipt: true\""},
        {"length: 5", "length: 5\n        class_by_receipt: true", "\"class_by_receipt\" needs \"outside\""},
        {"main: true", "main: false", "a.yaml:21:7: no clock of kind letter is main"},
        {"    moves:\n",
         "      second: {label: x, article: N7, main: true, length: 1, unit: wall_minutes, start: opened, stop: signed,"
         " ladder: [{at: 100, notify: owner, action: remind}]}\n    moves:\n",
         "a.yaml:35:45: reply is the main clock already; a kind has one"},
    };
    ASSERT_MISTAKES(rows);
}

static void moves_stay_within_the_states_of_their_kind(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"from: [signed]", "from: [signed, handled]", "a.yaml:37:21: kind letter has no state \"handled\""},
        {"to: signed", "to: review", "a.yaml:36:36: kind letter has no state \"review\""},
        {"from: [assigned]", "from: []", "a.yaml:36:20: \"sign\" starts from no state, so nobody can do it"},
        {"roles: [operator], needs", "roles: [], needs", "nobody may \"close\"; name a role"},
    };
    ASSERT_MISTAKES(rows);
}

static void deliveries_and_proofs_can_happen(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"at: opened, target", "at: handled, target", "a.yaml:43:39: never sent: \"handled\" needs a move \"handle\""},
        {"text: \"{receipt_number} {department} {due}\"", "text: \"\"", "an empty text stands for the approved draft"},
        {"{due}\"}", "{due}\", main: true}", "a.yaml:44:78: another delivery is main already"},
        {", main: true}\nincident", "}\nincident", "a.yaml:41:34: no receipt can come"},
        {"at: approved, target: origin", "at: approved, target: \"Some Where\"",
         "a.yaml:44:54: \"Some Where\" is no target"},
    };
    ASSERT_MISTAKES(rows);
}

static void incident_levels_rise_with_their_gravity(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"II: {writers: 10", "II: {writers: 2", "a.yaml:52:9: level 2 is worse than 4 but reached with less"},
        {"times_usual: 5}", "times_usual: 1}", "level 2 is worse than 4 but reached with less"},
        {"major_level: 2", "major_level: 1", "a.yaml:50:16: no level 1 has thresholds"},
        {"major_level: 2", "major_level: 5", "\"major_level\" must be from 0 to 4, not 5"},
    };
    ASSERT_MISTAKES(rows);
}

static void names_are_plain_words(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"  school:", "  School:", "a.yaml:11:3: \"School\" is no name; write a-z, 0-9 and _"},
        {"  school:", "  学校:", "\"学校\" is no name"},
        {"  school:", "  \"\":", "\"\" is no name"},
        {"  school:", "  a.b:", "\"a.b\" is no name"},
        {"      reply:\n", "      1reply:\n", "a.yaml:21:7: \"1reply\" is no name"},
        {"  school:", "  a2345678901234567890123456789012345678901:", "is no name"},
    };
    ASSERT_MISTAKES(rows);
}

static void a_department_never_supervises_itself(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"name: 办公室,", "name: 办公室, supervisor: school,",
         "a.yaml:10:35: office supervises itself through \"school\": a circle"},
        {"name: 办公室,", "name: 办公室, supervisor: office,", "a.yaml:10:35: office supervises itself"},
    };
    ASSERT_MISTAKES(rows);
}

static void all_mistakes_come_at_once_by_line(void **state) {
    (void)state;
    char *one = replaced(base_yaml, "length: 5", "lenght: 5");
    char *two = replaced(one, "unit: workdays", "unit: days");
    char *three = replaced(two, "major_level: 2", "major_level: two");
    char *four = replaced(three, "article: N5", "article: Article5");
    const char *texts[] = {four};
    struct loaded loaded = load_texts("base", 1, texts);
    const char *at = loaded.problems.data;
    static const char *const places[] = {
        "a.yaml:15:14: ", "a.yaml:21:7: ", "a.yaml:26:9: ", "a.yaml:27:15: ", "a.yaml:50:16: "};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *found = strstr(at, places[i]);
        if (found == NULL) fail_msg("no %s after the last one in\n%s", places[i], loaded.problems.data);
        at = found;
    }
    unload(&loaded);
    free(one);
    free(two);
    free(three);
    free(four);
}

static void anchors_aliases_tags_and_second_documents_are_refused(void **state) {
    (void)state;
    static const struct mistake rows[] = {
        {"name: 教育局", "name: &a 教育局", "a.yaml:11:18: anchors (&name) are not allowed"},
        {"name: 教育局", "name: *a", "a.yaml:11:18: aliases (*name) are not allowed"},
        {"work_time:\n", "work_time: &b\n", "a.yaml:6:12: anchors (&name) are not allowed"},
        {"warnings: [50", "warnings: &c [50", "a.yaml:30:19: anchors (&name) are not allowed"},
        {"name: 教育局", "name: !!str 教育局", "a.yaml:11:18: tags (!name) are not allowed"},
        {"incident:\n", "---\nincident:\n", "a.yaml:45:1: a second document begins"},
        {"  school:", "  <<: *desk\n  school:", "a.yaml:11:7: aliases (*name) are not allowed"},
        {"  school:", "  ? [a]\n  : b\n  school:", "a.yaml:11:5: a key must be a plain word"},
        {"name: 教育局", "name: \"a\\0b\"", "a.yaml:11:18: a text holds the character U+0000"},
        {"name: 教育局", "name: \xff", "a.yaml:11:18: not YAML: "},
        {"name: 教育局", "name: [x", "not YAML: "},
        {"name: 教育局", "name: @x", "a.yaml:11:18: not YAML: "},
        {"    reviews: 1", "\treviews: 1", "a.yaml:19:1: not YAML: "},
    };
    ASSERT_MISTAKES(rows);
}

static void an_empty_or_hostile_text_is_refused_at_once(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "\n\n",
                                        "[]",
                                        "just words",
                                        "- pack: base\n",
                                        "{}",
                                        "pack: base",
                                        "\xef\xbb\xbf",
                                        "\x00",
                                        "%YAML 9.9\n---\n",
                                        "\"",
                                        "pack: [base]\n",
                                        "pack: base\npack: base\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct loaded loaded = load_texts("base", 1, &texts[i]);
        assert_int_equal(loaded.rc, HY_ECONFIG);
        unload(&loaded);
    }
}

static struct loaded load_repeated(const char *head, const char *piece, int times) {
    struct hy_buf text = {0};
    hy_buf_adds(&text, head);
    for (int i = 0; i < times; i++)
        hy_buf_adds(&text, piece);
    const char *texts[] = {text.data};
    struct loaded loaded = load_texts("base", 1, texts);
    assert_int_equal(loaded.rc, HY_ECONFIG);
    hy_buf_free(&text);
    return loaded;
}

static void bombs_by_depth_number_and_size_are_refused(void **state) {
    (void)state;
    struct loaded loaded = load_repeated("pack: ", "[", 100000);
    assert_says(&loaded, "nested deeper than 12 levels");
    unload(&loaded);
    loaded = load_repeated("pack: base\nname: [", "a,", 30000);
    assert_says(&loaded, "more than 20000 values");
    unload(&loaded);
    loaded = load_repeated("pack: base\n", "# padding of a comment\n", 60000);
    assert_says(&loaded, "a.yaml:1:1: larger than 1 MB");
    unload(&loaded);
    loaded = load_repeated("pack: base\n", "? ? ", 60000);
    unload(&loaded);
    loaded = load_repeated("", "key: ", 10000);
    unload(&loaded);
}

static void many_mistakes_are_cut_and_counted(void **state) {
    (void)state;
    struct hy_buf text = {0};
    hy_buf_adds(&text, "pack: base\n");
    for (int i = 0; i < 3000; i++)
        hy_buf_addf(&text, "k%d: x\n", i);
    const char *texts[] = {text.data};
    struct loaded loaded = load_texts("base", 1, texts);
    assert_says(&loaded, "a.yaml:2:1: unknown key in a pack: \"k0\"");
    assert_says(&loaded, " more\n");
    assert_true(loaded.problems.len < 200000);
    unload(&loaded);
    hy_buf_free(&text);
}

static void too_many_files_are_refused(void **state) {
    (void)state;
    struct hy_pack_source sources[HY_PACK_SOURCES_MAX + 1];
    struct loaded loaded = {0};
    for (int i = 0; i <= HY_PACK_SOURCES_MAX; i++)
        sources[i] = (struct hy_pack_source){"x.yaml", hy_bytes_of(base_yaml)};
    loaded.rc = hy_pack_load(sources, HY_PACK_SOURCES_MAX + 1, "base", &loaded.pack, &loaded.problems);
    assert_int_equal(loaded.rc, HY_ECONFIG);
    assert_says(&loaded, "65 files at once; at most 64");
    unload(&loaded);
    loaded = (struct loaded){0};
    loaded.rc = hy_pack_load(sources, 0, "base", &loaded.pack, &loaded.problems);
    assert_int_equal(loaded.rc, HY_ECONFIG);
    unload(&loaded);
}

static void memory_is_bounded_whatever_comes(void **state) {
    (void)state;
    struct hy_buf text = {0};
    struct hy_pack_source sources[HY_PACK_SOURCES_MAX];
    struct loaded loaded = {0};
    hy_buf_adds(&text, "pack: base\nname: [");
    for (int i = 0; i < 19000; i++)
        hy_buf_addf(&text, "%040d,", i);
    hy_buf_adds(&text, "]\n");
    for (int i = 0; i < HY_PACK_SOURCES_MAX; i++)
        sources[i] = (struct hy_pack_source){"x.yaml", hy_buf_view(&text)};
    loaded.rc = hy_pack_load(sources, HY_PACK_SOURCES_MAX, "base", &loaded.pack, &loaded.problems);
    assert_int_equal(loaded.rc, HY_ENOMEM);
    assert_null(loaded.pack);
    assert_says(&loaded, "out of memory");
    unload(&loaded);
    hy_buf_free(&text);
}

// Every cut and many flips of a right pack are read without a crash; the sanitizers watch.
static void no_damage_to_a_text_crashes_the_reader(void **state) {
    (void)state;
    size_t len = strlen(base_yaml);
    char *copy = malloc(len);
    assert_non_null(copy);
    uint32_t seed = 1;
    for (size_t i = 0; i < len; i += 3) {
        struct loaded loaded = {0};
        memcpy(copy, base_yaml, len);
        seed = seed * 1103515245u + 12345u;
        copy[i] = "\n :{}[],-&*\"'#\xff%"[seed >> 16 & 15];
        bool cut = i % 2 == 0;
        struct hy_pack_source source = {"a.yaml", hy_bytes_from(copy, cut ? i : len)};
        loaded.rc = hy_pack_load(&source, 1, "base", &loaded.pack, &loaded.problems);
        assert_int_equal(loaded.rc == HY_OK, loaded.problems.len == 0);
        assert_true(hy_utf8_valid(hy_buf_view(&loaded.problems)));
        unload(&loaded);
    }
    free(copy);
}

int run_mistakes_tests(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_keys_are_said_with_the_nearest_known_one),
        cmocka_unit_test(missing_keys_are_said_at_their_row),
        cmocka_unit_test(wrong_types_are_said),
        cmocka_unit_test(unknown_words_are_said_with_the_nearest_known_one),
        cmocka_unit_test(a_list_names_nothing_twice),
        cmocka_unit_test(a_clock_that_nothing_starts_or_stops_is_said),
        cmocka_unit_test(a_ladder_reaches_somebody_at_every_stage),
        cmocka_unit_test(warnings_rise_between_1_and_99),
        cmocka_unit_test(an_article_names_a_regulation_or_a_norm),
        cmocka_unit_test(hours_are_spans_that_rise_and_do_not_overlap),
        cmocka_unit_test(lengths_and_classes_fit_their_unit),
        cmocka_unit_test(moves_stay_within_the_states_of_their_kind),
        cmocka_unit_test(deliveries_and_proofs_can_happen),
        cmocka_unit_test(incident_levels_rise_with_their_gravity),
        cmocka_unit_test(names_are_plain_words),
        cmocka_unit_test(a_department_never_supervises_itself),
        cmocka_unit_test(all_mistakes_come_at_once_by_line),
        cmocka_unit_test(anchors_aliases_tags_and_second_documents_are_refused),
        cmocka_unit_test(an_empty_or_hostile_text_is_refused_at_once),
        cmocka_unit_test(bombs_by_depth_number_and_size_are_refused),
        cmocka_unit_test(many_mistakes_are_cut_and_counted),
        cmocka_unit_test(too_many_files_are_refused),
        cmocka_unit_test(memory_is_bounded_whatever_comes),
        cmocka_unit_test(no_damage_to_a_text_crashes_the_reader),
    };
    return cmocka_run_group_tests_name("mistakes", tests, NULL, NULL);
}
