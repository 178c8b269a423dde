// What an attacker, a proxy or a mistake may send instead.
#include "weixin_push.h"

#define GOOD                                                                                                           \
    "<xml><ToUserName>" GH "</ToUserName><FromUserName>oABC</FromUserName><CreateTime>1772000000</CreateTime>"         \
    "<MsgType>text</MsgType><Content>x</Content><MsgId>1</MsgId></xml>"

static void a_wrong_signature_is_401(void **state) {
    struct push *push = *state;
    push_message(push, GOOD);
    push->signature[5] ^= 1;
    push_refused(push, 401, "signature");
    assert_false(push->result.authentic);
    push->signature[0] = '\0';
    push_refused(push, 401, "signature");
    push_message(push, GOOD);
    for (char *at = push->signature; *at; at++)
        if (*at >= 'a') *at = (char)(*at - 32);
    push_refused(push, 401, "signature");
    push_message(push, GOOD);
    char *cdata = strstr(push->body.data, "<Encrypt><![CDATA[") + 18;
    *cdata = *cdata == 'A' ? 'B' : 'A';
    push_refused(push, 401, "signature");
}

static void a_missing_or_doubled_parameter_is_400(void **state) {
    struct push *push = *state;
    static const char *const names[] = {"timestamp", "nonce", "msg_signature"};
    for (int k = 0; k < 3; k++) {
        push_message(push, GOOD);
        for (size_t i = 0; i < push->n_query; i++)
            if (strcmp(push->query[i].name, names[k]) == 0) push->query[i].name = "other";
        push_refused(push, 400, "query");
        push_message(push, GOOD);
        push_query(push, names[k], "1");
        push_refused(push, 400, "query");
    }
    push_message(push, GOOD);
    push->query[3].value = "sm4";
    push_refused(push, 400, "query");
    push_message(push, GOOD);
    push->query[0].value = "1e9";
    push_refused(push, 400, "query");
    push->query[0].value = "-5";
    push_refused(push, 400, "query");
}

static void an_old_or_future_timestamp_is_403_only_when_signed(void **state) {
    struct push *push = *state;
    static const char *const stamps[] = {"1771820000", "1772001000"};
    for (int i = 0; i < 2; i++) {
        char *encrypted = push_encrypt(KEY, GOOD, APPID);
        push_safe(push, encrypted);
        push->query[0].value = stamps[i];
        push_refused(push, 401, "signature");
        push_sign(push->signature, 4, TOKEN, stamps[i], NONCE, encrypted);
        push_refused(push, 403, "stale");
        assert_false(push->result.authentic);
        free(encrypted);
    }
}

static void a_cipher_text_of_wrong_length_is_refused(void **state) {
    struct push *push = *state;
    unsigned char bytes[48];
    memset(bytes, 7, sizeof bytes);
    static const size_t sizes[] = {1, 15, 17, 31, 33};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *text = push_base64(bytes, sizes[i]);
        push_safe(push, text);
        push_refused(push, 400, "cipher_length");
        assert_true(push->result.authentic);
        free(text);
    }
}

static void only_strict_base64_is_read(void **state) {
    struct push *push = *state;
    char *good = push_encrypt(KEY, GOOD, APPID);
    static const char bad[] = " -_\n\t=.";
    for (size_t i = 0; i < sizeof bad - 1; i++) {
        char *text = strdup(good);
        text[9] = bad[i];
        push_safe(push, text);
        push_refused(push, 400, "base64");
        free(text);
    }
    good[strlen(good) - 1] = '\0';
    push_safe(push, good);
    push_refused(push, 400, "base64");
    free(good);
}

// A plain block whose last `pad` bytes have this value.
static void bad_padding(struct push *push, unsigned value, size_t count) {
    unsigned char plain[64];
    memset(plain, 'm', sizeof plain);
    memset(plain + sizeof plain - count, (int)value, count);
    char *text = push_encrypt_raw(KEY, plain, sizeof plain);
    push_safe(push, text);
    push_refused(push, 400, "padding");
    free(text);
}

static void padding_other_than_1_to_32_is_refused(void **state) {
    struct push *push = *state;
    bad_padding(push, 0, 1);
    bad_padding(push, 33, 33);
    bad_padding(push, 255, 64);
    bad_padding(push, 32, 31);
    bad_padding(push, 5, 4);
}

static void every_padding_from_1_to_32_is_read(void **state) {
    struct push *push = *state;
    for (int more = 0; more < 32; more++) {
        char inner[512];
        snprintf(inner, sizeof inner,
                 "<xml><ToUserName>" GH
                 "</ToUserName><FromUserName>oABC</FromUserName><CreateTime>1772000000</CreateTime>"
                 "<MsgType>text</MsgType><Content>%.*s</Content><MsgId>1</MsgId></xml>",
                 more, "abcdefghijklmnopqrstuvwxyz0123456789");
        push_message(push, inner);
        assert_int_equal(strlen(push_event(push)->text), more);
    }
}

static void length_field(struct push *push, const unsigned char length[4], const char *reason) {
    unsigned char plain[64];
    memset(plain, 'r', 16);
    memcpy(plain + 16, length, 4);
    memset(plain + 20, 'm', 44 - 18);
    memcpy(plain + 46 - 18, APPID, 18);
    memset(plain + 46, 18, 18);
    char *text = push_encrypt_raw(KEY, plain, sizeof plain);
    push_safe(push, text);
    push_refused(push, 400, reason);
    free(text);
}

static void a_length_that_does_not_fit_is_refused(void **state) {
    struct push *push = *state;
    length_field(push, (const unsigned char[]){0, 0, 0, 0}, "appid");
    length_field(push, (const unsigned char[]){0, 0, 0, 8}, "xml");    // fits, and its eight bytes are no XML
    length_field(push, (const unsigned char[]){8, 0, 0, 0}, "layout"); // little-endian
    length_field(push, (const unsigned char[]){0x7f, 0xff, 0xff, 0xff}, "layout");
    length_field(push, (const unsigned char[]){0xff, 0xff, 0xff, 0xff}, "layout");
    length_field(push, (const unsigned char[]){0, 0, 0, 27}, "layout");
}

static void another_appid_at_the_tail_is_refused(void **state) {
    struct push *push = *state;
    static const char *const bad[] = {"", "wx0123456789abcdeg", "wx0123456789abcdef ", "wx0123456789abcde"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *text = push_encrypt(KEY, GOOD, bad[i]);
        push_safe(push, text);
        push_refused(push, 400, "appid");
        free(text);
    }
}

static void another_key_is_refused(void **state) {
    struct push *push = *state;
    char *text = push_encrypt("zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", GOOD, APPID);
    push_safe(push, text);
    assert_int_equal(push_decode(push), HY_EINVALID);
    assert_int_equal(push->result.status, 400);
    free(text);
}

static void outer(struct push *push, const char *body, unsigned status, const char *reason) {
    push_message(push, GOOD);
    hy_buf_clear(&push->body);
    hy_buf_adds(&push->body, body);
    push_refused(push, status, reason);
    assert_false(push->result.authentic);
}

static void hostile_xml_is_refused(void **state) {
    struct push *push = *state;
    outer(push, "", 400, "empty");
    outer(push, "{}", 400, "xml");
    outer(push, "<xml>", 400, "xml");
    outer(push, "<html><Encrypt>x</Encrypt></html>", 400, "xml");
    outer(push, "<xml></xml>", 400, "missing_field");
    outer(push, "<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>", 400, "twice");
    outer(push, "<!DOCTYPE xml [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><xml><Encrypt>&a;</Encrypt></xml>", 400,
          "doctype");
    outer(push, "<!-- x --><!DOCTYPE xml><xml/>", 400, "doctype");
    outer(push, "<?xml version='1.0'?><xml><!ELEMENT a></xml>", 400, "doctype");
    outer(push, "<xml><Encrypt>&nope;</Encrypt></xml>", 400, "xml");
    outer(push, "<xml><Encrypt><![CDATA[a</Encrypt></xml>", 400, "xml");
    outer(push, "<xml><Encrypt>\xff\xfe</Encrypt></xml>", 400, "utf8");
    outer(push, "<xml><Encrypt>\xed\xa0\x80</Encrypt></xml>", 400, "utf8");
    outer(push, "<?xml version='1.0' encoding='gbk'?><xml><Encrypt>x</Encrypt></xml>", 401, "signature");
}

static void deeply_nested_xml_is_refused(void **state) {
    struct push *push = *state;
    push_message(push, GOOD);
    hy_buf_clear(&push->body);
    hy_buf_adds(&push->body, "<xml>");
    for (int i = 0; i < 100000; i++)
        hy_buf_adds(&push->body, "<a>");
    push_refused(push, 400, "xml");
}

static void too_many_fields_are_refused(void **state) {
    struct push *push = *state;
    push_message(push, GOOD);
    hy_buf_clear(&push->body);
    hy_buf_adds(&push->body, "<xml>");
    for (int i = 0; i < 10000; i++)
        hy_buf_addf(&push->body, "<a%d/>", i);
    hy_buf_adds(&push->body, "</xml>");
    push_refused(push, 400, "fields");
}

static void inner(struct push *push, const char *to, const char *from, const char *time, const char *type,
                  const char *more, unsigned status, const char *reason) {
    char text[1024];
    snprintf(text, sizeof text,
             "<xml><ToUserName>%s</ToUserName><FromUserName>%s</FromUserName><CreateTime>%s</CreateTime>"
             "<MsgType>%s</MsgType>%s</xml>",
             to, from, time, type, more);
    push_message(push, text);
    push_refused(push, status, reason);
    assert_true(push->result.authentic);
}

static void a_message_with_bad_fields_is_refused(void **state) {
    struct push *push = *state;
    const char *id = "<MsgId>1</MsgId>";
    inner(push, "gh_other", "oA", "1772000000", "text", id, 403, "account");
    inner(push, GH, "", "1772000000", "text", id, 400, "missing_field");
    inner(push, GH, "a|b", "1772000000", "text", id, 400, "missing_field");
    inner(push, GH, "oA", "", "text", id, 400, "missing_field");
    inner(push, GH, "oA", "yesterday", "text", id, 400, "missing_field");
    inner(push, GH, "oA", "1772000000", "", id, 400, "missing_field");
    inner(push, GH, "oA", "1772000000", "text", "", 400, "missing_field");
    inner(push, GH, "oA", "1772000000", "text", "<MsgId>1.5e3</MsgId>", 400, "missing_field");
    inner(push, GH, "oA", "1772000000", "text", "<MsgId>1</MsgId><MsgId>2</MsgId>", 400, "twice");
    inner(push, GH, "oA", "1772000000", "event", "", 400, "missing_field");
}

static void a_time_that_cannot_be_is_replaced_by_ours(void **state) {
    struct push *push = *state;
    static const char *const times[] = {"0", "99999999999", "1"};
    for (int i = 0; i < 3; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "<xml><ToUserName>" GH "</ToUserName><FromUserName>oA</FromUserName><CreateTime>%s</CreateTime>"
                 "<MsgType>text</MsgType><Content>x</Content><MsgId>18446744073709551615</MsgId></xml>",
                 times[i]);
        push_message(push, text);
        assert_true(push_event(push)->occurred->unix_ms == NOW_MS);
    }
}

static void an_exhausted_arena_is_not_a_refusal(void **state) {
    struct push *push = *state;
    push_message(push, GOOD);
    for (size_t limit = 64; limit < 8192; limit += 200) {
        hy_arena_free(push->arena);
        push->arena = hy_arena_new(limit);
        int rc = push_decode(push);
        assert_true(rc == HY_OK || rc == HY_ENOMEM || rc == HY_EINVALID);
        if (rc == HY_OK) assert_non_null(push->result.events[0]->text);
    }
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, push_setup, push_teardown)
    const struct CMUnitTest tests[] = {
        T(a_wrong_signature_is_401),
        T(a_missing_or_doubled_parameter_is_400),
        T(an_old_or_future_timestamp_is_403_only_when_signed),
        T(a_cipher_text_of_wrong_length_is_refused),
        T(only_strict_base64_is_read),
        T(padding_other_than_1_to_32_is_refused),
        T(every_padding_from_1_to_32_is_read),
        T(a_length_that_does_not_fit_is_refused),
        T(another_appid_at_the_tail_is_refused),
        T(another_key_is_refused),
        T(hostile_xml_is_refused),
        T(deeply_nested_xml_is_refused),
        T(too_many_fields_are_refused),
        T(a_message_with_bad_fields_is_refused),
        T(a_time_that_cannot_be_is_replaced_by_ours),
        T(an_exhausted_arena_is_not_a_refusal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
