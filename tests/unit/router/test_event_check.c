// What an event must be to pass: adapters of others publish to the intake topics too.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "consumers/router/event_check.h"
#include "lib/base/id.h"

struct sample {
    Huiying__V1__Event event;
    Huiying__V1__Time occurred, received, ingested;
    char id[HY_ID_SIZE], dossier[HY_ID_SIZE];
    char *links[EVENT_LIST_MAX + 1];
};

static char *text(const char *value) {
    return (char *)(uintptr_t)value;
}

static void make(struct sample *s) {
    *s = (struct sample){0};
    huiying__v1__event__init(&s->event);
    huiying__v1__time__init(&s->occurred);
    huiying__v1__time__init(&s->received);
    huiying__v1__time__init(&s->ingested);
    s->occurred.unix_ms = s->received.unix_ms = 1771000000000;
    s->ingested.unix_ms = 1771000001000;
    s->event.schema_version = 1;
    s->event.platform = text("web");
    s->event.account = text("default");
    s->event.native_id = text("n1");
    s->event.kind = HUIYING__V1__EVENT_KIND__EVENT_KIND_FORM;
    s->event.text = text("停水了");
    hy_event_id("web", "default", "n1", "FORM", s->id);
    hy_dossier_id("web", "default", "n1", s->dossier);
    s->event.id = s->id;
    s->event.dossier = s->dossier;
    s->event.occurred = &s->occurred;
    s->event.received = &s->received;
    s->event.ingested = &s->ingested;
}

static void refused(const struct sample *s, int code, const char *word) {
    struct hy_error err = {0};
    assert_int_equal(event_check(&s->event, &err), code);
    assert_non_null(strstr(err.text, word));
    assert_null(strstr(err.text, "停水了")); // a reason never quotes the message
}

static void an_event_as_the_contract_says_passes(void **state) {
    (void)state;
    struct sample s;
    make(&s);
    assert_int_equal(event_check(&s.event, NULL), HY_OK);
    assert_true(event_is_message(&s.event));
}

static void an_id_that_is_not_made_of_its_fields_is_refused(void **state) {
    (void)state;
    struct sample s;
    make(&s);
    s.event.native_id = text("n2");
    refused(&s, HY_EINVALID, "id");
    make(&s);
    s.event.kind = HUIYING__V1__EVENT_KIND__EVENT_KIND_COMMENT;
    refused(&s, HY_EINVALID, "id");
    make(&s);
    s.event.kind = (Huiying__V1__EventKind)77;
    refused(&s, HY_EINVALID, "kind");
    make(&s);
    s.event.kind = HUIYING__V1__EVENT_KIND__EVENT_KIND_UNSPECIFIED;
    refused(&s, HY_EINVALID, "kind");
}

static void what_every_event_needs_must_be_there(void **state) {
    (void)state;
    struct sample s;
    make(&s);
    s.event.platform = text("");
    refused(&s, HY_EINVALID, "platform");
    make(&s);
    s.event.occurred = NULL;
    refused(&s, HY_EINVALID, "occurred");
    make(&s);
    s.event.dossier = text("not-an-id");
    refused(&s, HY_EINVALID, "dossier");
}

static void a_time_in_another_unit_is_refused(void **state) {
    (void)state;
    struct sample s;
    make(&s);
    s.occurred.unix_ms =
        1771000000; // seconds fall into January 1970, which no channel of ours saw: told apart by range
    assert_int_equal(event_check(&s.event, NULL), HY_OK);
    s.occurred.unix_ms = 1771000000000000; // microseconds
    refused(&s, HY_EINVALID, "occurred");
    make(&s);
    s.occurred.unix_ms = 0;
    refused(&s, HY_EINVALID, "occurred");
    make(&s);
    s.ingested.offset_minutes = 900;
    refused(&s, HY_EINVALID, "ingested");
}

static void a_channel_holds_a_message_before_it_is_taken_in(void **state) {
    (void)state;
    struct sample s;
    make(&s);
    s.received.unix_ms = s.ingested.unix_ms + 1;
    refused(&s, HY_EINVALID, "received");
}

static void sizes_are_bounded(void **state) {
    (void)state;
    static char big[EVENT_TEXT_MAX + 2];
    struct sample s;
    make(&s);
    memset(big, 'a', sizeof big - 1);
    s.event.text = big;
    refused(&s, HY_ETOOBIG, "text");
    make(&s);
    for (int i = 0; i <= EVENT_LIST_MAX; i++) {
        s.links[i] = text("https://example.org/");
    }
    s.event.links = s.links;
    s.event.n_links = EVENT_LIST_MAX + 1;
    refused(&s, HY_ETOOBIG, "links");
}

static void posts_and_signals_need_no_dossier(void **state) {
    (void)state;
    struct sample s;
    make(&s);
    s.event.kind = HUIYING__V1__EVENT_KIND__EVENT_KIND_SIGNAL;
    hy_event_id("web", "default", "n1", "SIGNAL", s.id);
    s.event.dossier = text("");
    assert_int_equal(event_check(&s.event, NULL), HY_OK);
    assert_false(event_is_message(&s.event));
}

static void what_we_wrote_and_what_a_platform_tells_asks_for_nothing(void **state) {
    (void)state;
    struct sample s;
    make(&s);
    assert_null(event_no_request(&s.event));
    s.event.kind = HUIYING__V1__EVENT_KIND__EVENT_KIND_NOTICE;
    assert_string_equal(event_no_request(&s.event), "platform notice");
    make(&s);
    Huiying__V1__Comment comment = HUIYING__V1__COMMENT__INIT;
    s.event.payload_case = HUIYING__V1__EVENT__PAYLOAD_COMMENT;
    s.event.comment = &comment;
    assert_null(event_no_request(&s.event));
    comment.own = true;
    assert_string_equal(event_no_request(&s.event), "own message");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_as_the_contract_says_passes),
        cmocka_unit_test(an_id_that_is_not_made_of_its_fields_is_refused),
        cmocka_unit_test(what_every_event_needs_must_be_there),
        cmocka_unit_test(a_time_in_another_unit_is_refused),
        cmocka_unit_test(a_channel_holds_a_message_before_it_is_taken_in),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(posts_and_signals_need_no_dossier),
        cmocka_unit_test(what_we_wrote_and_what_a_platform_tells_asks_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
