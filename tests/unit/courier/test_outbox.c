// The courier's view of what is still to be delivered: right whichever of its two topics is read first, and no row that
// nobody takes stands in the way of the others.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "consumers/courier/outbox.h"
#include "huiying/v1/work.pb-c.h"
#include "lib/base/pb.h"
#include "lib/fold/sqlite.h"
#include "lib/lane/topics.h"

#define CASE_STATE(name) HUIYING__V1__CASE_STATE__CASE_STATE_##name
#define PENDING          HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_PENDING
#define SENT             HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_SENT

struct desk {
    struct outbox *outbox;
    struct hy_fold_sink sink;
    struct hy_arena *arena;
    int64_t offset;
    size_t n_seen;
    char seen[8][64]; // "case row text"
};

static int set_up(void **state) {
    static struct desk desk;
    struct hy_error err = {0};
    desk = (struct desk){.arena = hy_arena_new(1 << 20)};
    if (outbox_open(":memory:", &desk.outbox, &err) != HY_OK) fail_msg("%s", err.text);
    desk.sink = outbox_sink(desk.outbox);
    *state = &desk;
    return 0;
}

static int tear_down(void **state) {
    struct desk *desk = *state;
    outbox_close(desk->outbox);
    hy_arena_free(desk->arena);
    return 0;
}

static void fold(struct desk *desk, const char *topic, const char *key, const void *message) {
    struct hy_fold_record record = {.topic = topic, .offset = desk->offset++, .key = hy_bytes_of(key)};
    const struct hy_fold_commit commit = {.topic = topic, .log_id = "LOG", .offset = desk->offset};
    struct hy_error err = {0};
    if (message) assert_int_equal(hy_pb_write(message, desk->arena, &record.value), HY_OK);
    record.timestamp_ms = record.offset;
    assert_int_equal(desk->sink.begin(desk->sink.ctx, &err), HY_OK);
    if (desk->sink.record(desk->sink.ctx, &record, &err) != HY_OK) fail_msg("%s", err.text);
    assert_int_equal(desk->sink.commit(desk->sink.ctx, &commit, 1, &err), HY_OK);
    hy_arena_reset(desk->arena);
}

// A text of our own of the case: a draft or a notice, written at this time. Its key is "<case>/<name>".
static void fold_text(struct desk *desk, const char *case_id, const char *kind, const char *name, int64_t at_ms) {
    Huiying__V1__Content content = HUIYING__V1__CONTENT__INIT;
    Huiying__V1__Time at = {.base = PROTOBUF_C_MESSAGE_INIT(&huiying__v1__time__descriptor), .unix_ms = at_ms};
    char key[64];
    snprintf(key, sizeof key, "%s/%s", case_id, name);
    content.schema_version = 1;
    content.key = key;
    content.case_id = (char *)(uintptr_t)case_id;
    content.kind = (char *)(uintptr_t)kind;
    content.text = (char *)(uintptr_t)name;
    content.at = &at;
    fold(desk, HY_TOPIC_CONTENT, key, &content);
}

struct snapshot {
    const char *id, *target, *text; // text: name of the one delivery's text; NULL = no delivery
    int state;                      // of the delivery
    int64_t closed_ms;              // 0 = open
    const char *texts[4];           // names of all that the case ever wrote
};

static void fold_case(struct desk *desk, const struct snapshot *s) {
    Huiying__V1__Case c = HUIYING__V1__CASE__INIT;
    Huiying__V1__Delivery delivery = HUIYING__V1__DELIVERY__INIT, *deliveries[] = {&delivery};
    Huiying__V1__Time closed = HUIYING__V1__TIME__INIT;
    char key[64], content_key[64], keys[4][64], *content_keys[4];
    snprintf(key, sizeof key, "D.%s", s->id);
    c.schema_version = 1;
    c.id = (char *)(uintptr_t)s->id;
    c.dossier = (char *)(uintptr_t) "D";
    c.state = s->closed_ms ? CASE_STATE(CLOSED) : CASE_STATE(APPROVED);
    closed.unix_ms = s->closed_ms;
    if (s->closed_ms) c.closed = &closed;
    for (; c.n_content_keys < 4 && s->texts[c.n_content_keys]; c.n_content_keys++) {
        size_t i = c.n_content_keys;
        snprintf(keys[i], sizeof keys[i], "%s/%s", s->id, s->texts[i]);
        content_keys[i] = keys[i];
    }
    c.content_keys = content_keys;
    if (s->text) snprintf(content_key, sizeof content_key, "%s/%s", s->id, s->text);
    delivery.row = (char *)(uintptr_t) "d1";
    delivery.target = (char *)(uintptr_t)(s->target ? s->target : "status_page");
    delivery.content_key = content_key;
    delivery.state = (Huiying__V1__DeliveryState)s->state;
    c.n_deliveries = s->text != NULL;
    c.deliveries = deliveries;
    fold(desk, HY_TOPIC_CASES, key, &c);
}

static void note(void *ctx, const struct outbox_row *row) {
    struct desk *desk = ctx;
    assert_true(desk->n_seen < 8);
    snprintf(desk->seen[desk->n_seen++], sizeof desk->seen[0], "%s %s", row->case_id, row->text);
}

// What the courier is given to look at: "case text, case text".
static const char *looked_at(struct desk *desk, const char *unserved, int max) {
    static char all[256];
    struct hy_error err = {0};
    desk->n_seen = 0;
    all[0] = '\0';
    if (outbox_each(desk->outbox, unserved, max, note, desk, &err) != HY_OK) fail_msg("%s", err.text);
    for (size_t i = 0; i < desk->n_seen; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", desk->seen[i]);
    return all;
}

static const struct snapshot CLOSED = {
    .id = "C", .text = "old", .state = SENT, .closed_ms = 2000, .texts = {"old", "receipt"}};

static void a_new_draft_outlives_an_old_closing_that_is_read_after_it(void **state) {
    struct desk *desk = *state;
    fold_text(desk, "C", "draft", "new", 3000);
    fold_case(desk, &CLOSED);
    fold_case(desk, &(struct snapshot){.id = "C", .text = "new", .state = PENDING, .texts = {"old", "receipt", "new"}});
    assert_string_equal(looked_at(desk, "", 200), "C new");
}

static void the_same_text_written_again_after_a_reopening_is_sent_whichever_topic_is_read_first(void **state) {
    struct desk *desk = *state;
    const struct snapshot again = {.id = "C", .text = "old", .state = PENDING, .texts = {"old", "receipt"}};
    fold_text(desk, "C", "draft", "old", 3000);
    fold_case(desk, &CLOSED);
    fold_case(desk, &again);
    assert_string_equal(looked_at(desk, "", 200), "C old");
    fold_case(desk, &CLOSED);
    fold_text(desk, "C", "draft", "old", 3000);
    fold_case(desk, &again);
    assert_string_equal(looked_at(desk, "", 200), "C old");
}

static void a_notice_of_a_row_that_an_older_snapshot_does_not_know_is_kept(void **state) {
    struct desk *desk = *state;
    fold_text(desk, "C", "notice", "n2", 2000); // made in the very moment of the closing, by the act after it
    fold_case(desk, &CLOSED);
    fold_case(desk, &(struct snapshot){.id = "C", .text = "n2", .state = PENDING, .closed_ms = 2000, .texts = {"n2"}});
    assert_string_equal(looked_at(desk, "", 200), "C n2");
}

// Whether a text is kept shows when a row asks for it.
static const char *kept(struct desk *desk, const char *text) {
    fold_case(desk, &(struct snapshot){.id = "C", .text = text, .state = PENDING});
    return looked_at(desk, "", 200);
}

static void the_texts_of_a_closed_case_go_whichever_topic_is_read_first(void **state) {
    struct desk *desk = *state;
    for (int cases_first = 0; cases_first < 2; cases_first++) {
        for (int i = 0; i < 2; i++) {
            if (i == cases_first) {
                fold_text(desk, "C", "draft", "old", 1000);
                fold_text(desk, "C", "receipt", "receipt", 500);
            } else {
                fold_case(desk, &CLOSED);
            }
        }
        assert_string_equal(kept(desk, "old"), "");
        assert_string_equal(kept(desk, "receipt"), "");
    }
}

static void a_closed_case_keeps_the_texts_of_what_is_not_sent_yet(void **state) {
    struct desk *desk = *state;
    struct snapshot unsent = CLOSED;
    unsent.state = PENDING;
    fold_text(desk, "C", "draft", "old", 1000);
    fold_case(desk, &unsent);
    assert_string_equal(looked_at(desk, "", 200), "C old");
    fold_case(desk, &CLOSED);
    assert_string_equal(looked_at(desk, "", 200), "");
}

static void rows_that_no_target_takes_do_not_hold_up_the_others(void **state) {
    struct desk *desk = *state;
    for (int i = 0; i < 4; i++) {
        char id[4] = {'I', (char)('0' + i), '\0'};
        fold_text(desk, id, "notice", "n1", 1000);
        fold_case(desk, &(struct snapshot){.id = id, .target = "cac_webhook", .text = "n1", .state = PENDING});
    }
    fold_text(desk, "C", "draft", "new", 1000);
    fold_case(desk, &(struct snapshot){.id = "C", .text = "new", .state = PENDING});
    assert_string_equal(looked_at(desk, "cac_webhook", 3), "C new");
    assert_string_equal(looked_at(desk, "", 3), "I0 n1, I1 n1, I2 n1"); // now there is one that takes them
    assert_int_equal(outbox_count(desk->outbox), 5);
}

static void rows_whose_text_has_not_come_yet_do_not_hold_up_the_others(void **state) {
    struct desk *desk = *state;
    for (int i = 0; i < 4; i++) {
        char id[4] = {'C', (char)('0' + i), '\0'};
        fold_case(desk, &(struct snapshot){.id = id, .text = "late", .state = PENDING});
    }
    fold_text(desk, "C3", "draft", "late", 1000);
    assert_string_equal(looked_at(desk, "", 3), "C3 late");
    fold_text(desk, "C0", "draft", "late", 1000);
    assert_string_equal(looked_at(desk, "", 3), "C0 late, C3 late");
}

static void an_outbox_of_the_first_layout_is_folded_anew(void **state) {
    static const char *const FIRST[] = {
        "CREATE TABLE delivery(case_id TEXT); CREATE TABLE snapshot(case_id TEXT); CREATE TABLE content(key TEXT);"
        "INSERT INTO content VALUES('C/old'); INSERT INTO fold_position VALUES('hy.cases', 0, 'LOG', 7)"};
    struct hy_fold_position position;
    struct hy_sqlite *db = NULL;
    struct outbox *outbox = NULL;
    char path[] = "/tmp/hy-outbox-XXXXXX";
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    close(fd);
    const struct hy_sqlite_options options = {.path = path, .migrations = FIRST, .n_migrations = 1};
    assert_int_equal(hy_sqlite_open(&options, &db, NULL), HY_OK);
    hy_sqlite_close(db);
    assert_int_equal(outbox_open(path, &outbox, NULL), HY_OK);
    struct hy_fold_sink sink = outbox_sink(outbox);
    assert_int_equal(sink.open(sink.ctx, HY_TOPIC_CASES, 0, &position, NULL), HY_OK);
    assert_int_equal(position.offset, HY_FOLD_NOWHERE);
    outbox_close(outbox);
    assert_int_equal(hy_sqlite_remove(path, NULL), HY_OK);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        RULE(a_new_draft_outlives_an_old_closing_that_is_read_after_it),
        RULE(the_same_text_written_again_after_a_reopening_is_sent_whichever_topic_is_read_first),
        RULE(a_notice_of_a_row_that_an_older_snapshot_does_not_know_is_kept),
        RULE(the_texts_of_a_closed_case_go_whichever_topic_is_read_first),
        RULE(a_closed_case_keeps_the_texts_of_what_is_not_sent_yet),
        RULE(rows_that_no_target_takes_do_not_hold_up_the_others),
        cmocka_unit_test(an_outbox_of_the_first_layout_is_folded_anew),
        RULE(rows_whose_text_has_not_come_yet_do_not_hold_up_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
