// The web form's door.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/accounts.h"
#include "adapters/event.h"
#include "lib/base/id.h"

#define NOW_MS 1772000001000

struct form {
    struct hy_adapter_account account;
    struct hy_arena *arena;
    struct hy_web_pair headers[6];
    size_t n_headers;
    struct hy_adapter_result result;
};

static void use(struct form *form, const char *yaml) {
    struct hy_buf problems = {0};
    hy_adapter_account_close(&form->account);
    if (hy_adapter_account_open(hy_adapter_find("web"), "default", "web.yaml", hy_bytes_of(yaml), NULL, &form->account,
                                &problems) < 0)
        fail_msg("%s", problems.data);
}

static int setup(void **state) {
    struct form *form = calloc(1, sizeof *form);
    form->arena = hy_arena_new(4 << 20);
    use(form, "");
    form->headers[0] = (struct hy_web_pair){"content-type", "application/json"};
    form->headers[1] = (struct hy_web_pair){"Idempotency-Key", "8e03978e-40d5-43dd-bc93"};
    form->n_headers = 2;
    *state = form;
    return 0;
}

static int teardown(void **state) {
    struct form *form = *state;
    hy_adapter_account_close(&form->account);
    hy_arena_free(form->arena);
    free(form);
    return 0;
}

static int send_bytes(struct form *form, const void *body, size_t len) {
    struct hy_adapter_request request = {.method = "POST",
                                         .path = "/v1/messages",
                                         .headers = form->headers,
                                         .n_headers = form->n_headers,
                                         .body = hy_bytes_from(body, len),
                                         .now_ms = NOW_MS,
                                         .made_id = "MADEONCE"};
    hy_arena_reset(form->arena);
    return form->account.adapter->decode(form->account.opened, &request, form->arena, &form->result);
}

static const Huiying__V1__Event *taken(struct form *form, const char *body) {
    if (send_bytes(form, body, strlen(body)) != HY_OK)
        fail_msg("refused: %s %s", form->result.reason, form->result.detail);
    assert_int_equal(form->result.n_events, 1);
    assert_int_equal(form->result.status, 202);
    return form->result.events[0];
}

static void refused(struct form *form, const char *body, unsigned status, const char *reason) {
    if (send_bytes(form, body, strlen(body)) != HY_EINVALID) fail_msg("taken instead of %s: %s", reason, body);
    if (strcmp(form->result.reason, reason) != 0)
        fail_msg("%s instead of %s: %s (%s)", form->result.reason, reason, body, form->result.detail);
    assert_int_equal(form->result.status, status);
    assert_int_equal(form->result.verdict, HY_ADAPTER_REFUSED);
    assert_false(form->result.authentic);
}

static void a_message_becomes_an_event_with_a_dossier_of_its_own(void **state) {
    struct form *form = *state;
    const Huiying__V1__Event *event = taken(
        form,
        "{\"account\":\"区长信箱\",\"title\":\"停水\",\"text\":\"东方明珠小区停水😀𠀀\\n三天了\","
        "\"author\":{\"name\":\"张三\",\"contact\":\"x@example.com\"},\"place\":\"东方明珠\","
        "\"links\":[\"https://example.com/a\"],\"department\":\"water\",\"occurred\":\"2026-02-25T13:00:00+08:00\"}");
    char id[HY_ID_SIZE], receipt[HY_RECEIPT_SIZE];
    hy_event_id("web", "区长信箱", "8e03978e-40d5-43dd-bc93", "FORM", id);
    assert_string_equal(event->id, id);
    hy_receipt_number(id, receipt);
    assert_non_null(strstr((const char *)form->result.answer.data, receipt));
    assert_non_null(strstr((const char *)form->result.answer.data, id));
    hy_dossier_id("web", "区长信箱", "8e03978e-40d5-43dd-bc93", id);
    assert_string_equal(event->dossier, id);
    assert_string_equal(event->text, "东方明珠小区停水😀𠀀\n三天了");
    assert_string_equal(event->author->display_name, "张三");
    assert_string_equal(event->author->contact, "x@example.com");
    assert_string_equal(event->place->text, "东方明珠");
    assert_string_equal(event->links[0], "https://example.com/a");
    assert_string_equal(event->comment->department, "water");
    assert_true(event->occurred->unix_ms == 1771995600000);
    assert_true(event->received->unix_ms == NOW_MS);
    assert_string_equal(hy_event_topic(event), "hy.comments");
    assert_string_equal(hy_event_key(event), event->dossier);
}

static void without_a_key_the_made_id_counts(void **state) {
    struct form *form = *state;
    form->n_headers = 1;
    assert_string_equal(taken(form, "{\"account\":\"a\",\"text\":\"x\"}")->native_id, "MADEONCE");
    form->headers[1] = (struct hy_web_pair){"idempotency-key", "\"quoted-key-1\""};
    form->n_headers = 2;
    assert_string_equal(taken(form, "{\"account\":\"a\",\"text\":\"x\"}")->native_id, "quoted-key-1");
}

static void a_bad_idempotency_key_is_refused(void **state) {
    struct form *form = *state;
    static const char *const bad[] = {"", "short", "with space in it", "回应回应回应", "\"12345", "a|b|c|d|e|f"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        form->headers[1].value = bad[i];
        refused(form, "{\"account\":\"a\",\"text\":\"x\"}", 400, "idempotency_key");
    }
    form->headers[1].value = "good-key-1";
    form->headers[2] = (struct hy_web_pair){"Idempotency-Key", "good-key-2"};
    form->n_headers = 3;
    refused(form, "{\"account\":\"a\",\"text\":\"x\"}", 400, "idempotency_key");
}

static void a_thread_continues_the_first_message(void **state) {
    struct form *form = *state;
    char first[HY_ID_SIZE], dossier[HY_ID_SIZE];
    const Huiying__V1__Event *event = taken(form, "{\"account\":\"a\",\"text\":\"x\"}");
    strcpy(first, event->id);
    strcpy(dossier, event->dossier);
    form->headers[1].value = "another-key-2";
    event = taken(form, "{\"account\":\"a\",\"text\":\"y\",\"thread\":\"8e03978e-40d5-43dd-bc93\"}");
    assert_string_equal(event->dossier, dossier);
    assert_string_equal(event->answers, first);
    assert_string_not_equal(event->id, first);
}

static void a_repetition_has_the_same_fingerprint_and_a_change_another(void **state) {
    struct form *form = *state;
    taken(form, "{\"account\":\"a\",\"text\":\"x\"}");
    uint64_t first = form->result.fingerprint;
    taken(form, "{ \"text\":\"x\", \"account\":\"a\" }");
    assert_true(form->result.fingerprint == first);
    taken(form, "{\"account\":\"a\",\"text\":\"x2\"}");
    assert_true(form->result.fingerprint != first);
}

static void bad_messages_are_refused_with_their_reason(void **state) {
    static const struct {
        const char *body, *reason;
    } bad[] = {
        {"", "json"},
        {"[]", "json"},
        {"\"x\"", "json"},
        {"{\"account\":\"a\",\"text\":\"x\"}{", "json"},
        {"{\"account\":\"a\"}", "missing_field"},
        {"{\"text\":\"x\"}", "missing_field"},
        {"{\"account\":\"a\",\"text\":\"\"}", "missing_field"},
        {"{\"account\":\"a\",\"text\":\" \\n\u3000\u200b\"}", "missing_field"},
        {"{\"account\":\"a\",\"text\":null}", "missing_field"},
        {"{\"account\":\"a\",\"text\":5}", "field_type"},
        {"{\"account\":[\"a\"],\"text\":\"x\"}", "field_type"},
        {"{\"account\":\"a\",\"text\":\"x\",\"text\":\"y\"}", "duplicate_key"},
        {"{\"account\":\"a\",\"text\":\"x\\u0000\"}", "nul"},
        {"{\"account\":\"a\",\"text\":\"x\\u0007\"}", "field_control"},
        {"{\"account\":\"a\",\"text\":\"x\",\"title\":\"a\\nb\"}", "field_control"},
        {"{\"account\":\"a\",\"text\":\"x\",\"author\":\"me\"}", "field_type"},
        {"{\"account\":\"a\",\"text\":\"x\",\"author\":{\"phone\":\"1\"}}", "unknown_field"},
        {"{\"account\":\"a\",\"text\":\"x\",\"Text\":\"1\"}", "unknown_field"},
        {"{\"account\":\"a b\",\"text\":\"x\"}", "account"},
        {"{\"account\":\"a.b\",\"text\":\"x\"}", "account"},
        {"{\"account\":\"a\",\"text\":\"x\",\"links\":\"http://x\"}", "field_type"},
        {"{\"account\":\"a\",\"text\":\"x\",\"links\":[\"javascript:alert(1)\"]}", "field_type"},
        {"{\"account\":\"a\",\"text\":\"x\",\"links\":[\"file:///etc/passwd\"]}", "field_type"},
        {"{\"account\":\"a\",\"text\":\"x\",\"links\":[7]}", "field_type"},
        {"{\"account\":\"a\",\"text\":\"x\",\"links\":[\"http://\"]}", "field_type"},
        {"{\"account\":\"a\",\"text\":\"x\",\"occurred\":\"yesterday\"}", "occurred"},
        {"{\"account\":\"a\",\"text\":\"x\",\"occurred\":\"2026-02-25T14:20:00+08:00\"}", "occurred"},
        {"{\"account\":\"a\",\"text\":\"x\",\"occurred\":\"2026-02-30T10:00:00+08:00\"}", "occurred"},
        {"{\"account\":\"a\",\"text\":\"x\",\"place\":{\"latitude\":23}}", "field_type"},
        {"{\"account\":\"a\",\"text\":\"x\",\"place\":{\"latitude\":91,\"longitude\":1}}", "field_type"},
        {"{\"account\":\"a\",\"text\":\"x\",\"place\":{\"latitude\":\"23\",\"longitude\":1}}", "field_type"},
        {"{\"account\":\"a\",\"text\":\"x\",\"thread\":\"a b c d e f\"}", "thread"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused(*state, bad[i].body, 400, bad[i].reason);
    taken(*state, "{\"account\":\"a\",\"text\":\"x\",\"occurred\":\"2026-02-25T14:15:00+08:00\"}");
    taken(*state, "{\"account\":\"a\",\"text\":\"x\",\"place\":{\"text\":\"p\",\"latitude\":23.1,\"longitude\":113}}");
}

static void raw_bytes_that_are_no_text_are_refused(void **state) {
    struct form *form = *state;
    static const char nul[] = "{\"account\":\"a\",\"text\":\"x\0y\"}";
    assert_int_equal(send_bytes(form, nul, sizeof nul - 1), HY_EINVALID);
    assert_string_equal(form->result.reason, "nul");
    refused(form, "{\"account\":\"a\",\"text\":\"\xc3\x28\"}", 400, "utf8");
    refused(form, "{\"account\":\"a\",\"text\":\"\xb9\xfa\"}", 400, "utf8"); // GBK
}

static void the_text_is_bounded_in_characters(void **state) {
    struct form *form = *state;
    struct hy_buf body = {0};
    for (int more = 0; more < 2; more++) {
        hy_buf_clear(&body);
        hy_buf_adds(&body, "{\"account\":\"a\",\"text\":\"");
        for (int i = 0; i < 5000 + more; i++)
            hy_buf_adds(&body, "𠀀");
        hy_buf_adds(&body, "\"}");
        if (more)
            refused(form, body.data, 400, "field_length");
        else
            taken(form, body.data);
    }
    hy_buf_free(&body);
}

static void a_form_with_a_token_wants_it(void **state) {
    struct form *form = *state;
    use(form, "token: 0123456789abcdef0123\n");
    refused(form, "{\"account\":\"a\",\"text\":\"x\"}", 401, "token");
    form->headers[2] = (struct hy_web_pair){"Authorization", "Bearer 0123456789abcdef0124"};
    form->n_headers = 3;
    refused(form, "{\"account\":\"a\",\"text\":\"x\"}", 401, "token");
    form->headers[2].value = "Bearer 0123456789abcdef0123";
    taken(form, "{\"account\":\"a\",\"text\":\"x\"}");
}

static void only_listed_accounts_are_taken(void **state) {
    struct form *form = *state;
    use(form, "accounts: mayor, 区长信箱\n");
    taken(form, "{\"account\":\"区长信箱\",\"text\":\"x\"}");
    refused(form, "{\"account\":\"may\",\"text\":\"x\"}", 404, "account");
    refused(form, "{\"account\":\"mayors\",\"text\":\"x\"}", 404, "account");
}

static void another_content_type_is_415(void **state) {
    struct form *form = *state;
    form->headers[0].value = "application/x-www-form-urlencoded";
    refused(form, "{\"account\":\"a\",\"text\":\"x\"}", 415, "content_type");
    form->headers[0].value = "application/jsonp";
    refused(form, "{\"account\":\"a\",\"text\":\"x\"}", 415, "content_type");
    form->headers[0].value = "Application/JSON; charset=utf-8";
    taken(form, "{\"account\":\"a\",\"text\":\"x\"}");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_message_becomes_an_event_with_a_dossier_of_its_own),
        T(without_a_key_the_made_id_counts),
        T(a_bad_idempotency_key_is_refused),
        T(a_thread_continues_the_first_message),
        T(a_repetition_has_the_same_fingerprint_and_a_change_another),
        T(bad_messages_are_refused_with_their_reason),
        T(raw_bytes_that_are_no_text_are_refused),
        T(the_text_is_bounded_in_characters),
        T(a_form_with_a_token_wants_it),
        T(only_listed_accounts_are_taken),
        T(another_content_type_is_415),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
