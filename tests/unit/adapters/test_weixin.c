// What WeChat sends rightly, and what becomes of it.
#include "weixin_push.h"

#include "adapters/event.h"
#include "adapters/weixin/crypto.h"
#include "lib/base/id.h"

#define HEAD(type)                                                                                                     \
    "<xml><ToUserName><![CDATA[" GH "]]></ToUserName><FromUserName><![CDATA[oABC-def_123]]></FromUserName>"            \
    "<CreateTime>1772000000</CreateTime><MsgType><![CDATA[" type "]]></MsgType>"
#define TAIL "<MsgId>24912345678901234</MsgId></xml>"

// Made by another implementation (Python's cryptography): the text message of HEAD("text") with 16 known bytes first.
static const char foreign[] =
    "Q3stYC6hdFzMh9T8HCvyDBzTOeT6LZAVRV+KJkF5K1iYD4Pzv6kZyHEfqj/MDnSldMgklvhPnGFcLj2tD9pJqFZ/"
    "Ftj5TdLRnpFE55ArKTsrSKBFE4B5"
    "azNqaWautlbyS/8FS3uuDKzT7c0/"
    "UGTzEIKl3xxDsHaRtf0e3Lfjhefv1QwSt29Ns1NkoeBMTE1fmzhDWEPCTkOKmYOcHVbgyrGZ0bmPQdtdcnBp84+Y"
    "6zudhsrQMRi6Z697zOm2oks9JD/"
    "EIY+8HXPcTigWJ9wBEYQUSetIki1tWlcdlqxrHzke2sktm07Zk5Ql2bjSLWusfENYeQF++3gzPE+2xfpabGoWt8Jw"
    "zvBAdJZQLis5Z6OodnaEL+axAgnGaHLDvFepqqn3KSQpDPORVPw76m5x7Qn/4ij/NQtt0zJ919K9EzY=";

static void signatures_sort_byte_by_byte(void **state) {
    (void)state;
    char out[WEIXIN_DIGEST_CHARS + 1];
    weixin_signature((const char *[]){TOKEN, STAMP, NONCE}, 3, out);
    assert_string_equal(out, "c2d1e72fd2b2b6b065fad87e4ac487e9df7cafdc");
    // A numeric sort would put "9" first and give 7093….
    weixin_signature((const char *[]){"abc123", "1772000000", "9"}, 3, out);
    assert_string_equal(out, "dc78f37abfcf36438f8b36f13ae311acc38db1c6");
    weixin_signature((const char *[]){"Zebra", "1772000000", "apple"}, 3, out);
    assert_string_equal(out, "8ac7b5605e729a017be126e47278b763b773a86f");
    assert_true(weixin_signature_is("8ac7b5605e729a017be126e47278b763b773a86f",
                                    (const char *[]){"apple", "Zebra", "1772000000"}, 3));
    assert_false(weixin_signature_is("8AC7B5605E729A017BE126E47278B763B773A86F",
                                     (const char *[]){"apple", "Zebra", "1772000000"}, 3));
    assert_false(weixin_signature_is("", (const char *[]){"apple", "Zebra", "1772000000"}, 3));
}

static void the_spare_bits_of_a_key_do_not_matter(void **state) {
    (void)state;
    uint8_t a[32], b[32];
    assert_int_equal(weixin_key(KEY, a), HY_OK);
    assert_int_equal(weixin_key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFE", b), HY_OK);
    assert_memory_equal(a, b, 32);
    assert_int_equal(weixin_key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEF", a), HY_EFORMAT);
    assert_int_equal(weixin_key("abcdefghijklmnopqrstuvwxyz0123456789ABCDE-F", a), HY_EFORMAT);
    assert_int_equal(weixin_key("abcdefghijklmnopqrstuvwxyz0123456789ABCDEF=", a), HY_EFORMAT);
}

static void a_foreign_message_in_safe_mode_is_read(void **state) {
    struct push *push = *state;
    push_safe(push, foreign);
    assert_string_equal(push->signature, "7ba58ae72de1b478311c25d910569f736e558513");
    const Huiying__V1__Event *event = push_event(push);
    assert_string_equal(event->text, "停水了，😀 何时来水?");
    assert_string_equal(event->platform, "weixin");
    assert_string_equal(event->account, GH);
    assert_string_equal(event->native_id, GH "|oABC-def_123|24912345678901234");
    assert_string_equal(event->author->handle, "oABC-def_123");
    assert_int_equal(event->kind, HUIYING__V1__EVENT_KIND__EVENT_KIND_PRIVATE_MESSAGE);
    assert_true(event->occurred->unix_ms == 1772000000000);
    assert_true(event->received->unix_ms == 1772000000000);
    assert_true(event->ingested->unix_ms == NOW_MS);
    assert_int_equal(event->received->offset_minutes, 480);
    char id[HY_ID_SIZE];
    hy_event_id("weixin", GH, event->native_id, "PRIVATE_MESSAGE", id);
    assert_string_equal(event->id, id);
    hy_dossier_id("weixin", GH, "oABC-def_123", id);
    assert_string_equal(event->dossier, id);
    assert_string_equal(hy_event_topic(event), "hy.comments");
    assert_string_equal(hy_event_key(event), event->dossier);
}

static void the_same_push_gives_the_same_event(void **state) {
    struct push *push = *state;
    push_safe(push, foreign);
    char first[HY_ID_SIZE];
    strcpy(first, push_event(push)->id);
    assert_string_equal(push_event(push)->id, first);
}

static void a_message_under_the_previous_key_is_read(void **state) {
    struct push *push = *state;
    char *encrypted = push_encrypt(OLD_KEY, HEAD("text") "<Content>旧</Content>" TAIL, APPID);
    push_safe(push, encrypted);
    assert_string_equal(push_event(push)->text, "旧");
    free(encrypted);
}

static void every_type_keeps_what_it_says(void **state) {
    struct push *push = *state;
    push_message(push, HEAD("image") "<PicUrl><![CDATA[http://mmbiz/p]]></PicUrl><MediaId>m1</MediaId>" TAIL);
    const Huiying__V1__Event *event = push_event(push);
    assert_string_equal(event->attachments[0]->url, "http://mmbiz/p");
    assert_string_equal(event->attachments[0]->name, "m1");
    push_message(push,
                 HEAD("voice") "<MediaId>m2</MediaId><Format>amr</Format><Recognition>路灯坏了</Recognition>" TAIL);
    event = push_event(push);
    assert_string_equal(event->text, "路灯坏了");
    assert_string_equal(event->attachments[0]->media_type, "audio/amr");
    push_message(push, HEAD("shortvideo") "<MediaId>m3</MediaId><ThumbMediaId>t</ThumbMediaId>" TAIL);
    assert_string_equal(push_event(push)->attachments[0]->name, "m3");
    push_message(push, HEAD("location") "<Location_X>23.13</Location_X><Location_Y>113.27</Location_Y><Scale>20</Scale>"
                                        "<Label>东城街道</Label>" TAIL);
    event = push_event(push);
    assert_string_equal(event->place->text, "东城街道");
    assert_true(event->place->located && event->place->latitude == 23.13 && event->place->longitude == 113.27);
    push_message(push, HEAD("link") "<Title>t</Title><Description>d</Description><Url>https://x/y</Url>" TAIL);
    event = push_event(push);
    assert_string_equal(event->links[0], "https://x/y");
    assert_string_equal(event->title, "t");
    push_message(push, HEAD("hologram") "<Depth>3</Depth>" TAIL);
    event = push_event(push);
    assert_string_equal(event->text, "MsgType: hologram\nDepth: 3\n");
}

static void a_bad_coordinate_is_not_a_place(void **state) {
    struct push *push = *state;
    push_message(push, HEAD("location") "<Location_X>91</Location_X><Location_Y>1</Location_Y>" TAIL);
    assert_false(push_event(push)->place->located);
    push_message(push, HEAD("location") "<Location_X>1,5</Location_X><Location_Y>1</Location_Y>" TAIL);
    assert_false(push_event(push)->place->located);
    push_message(push, HEAD("location") "<Location_X>nan</Location_X><Location_Y>1</Location_Y>" TAIL);
    assert_false(push_event(push)->place->located);
}

static void control_characters_and_split_cdata_are_survived(void **state) {
    struct push *push = *state;
    push_message(push, HEAD("text") "<Content><![CDATA[a\x1d"
                                    "b\x02"
                                    "c\x10"
                                    "d\xef\xbf\xbf]]></Content>" TAIL);
    assert_string_equal(push_event(push)->text, "a b c d\xef\xbf\xbd");
    push_message(push, HEAD("text") "<Content><![CDATA[x]]]]><![CDATA[>y]]></Content>" TAIL);
    assert_string_equal(push_event(push)->text, "x]]>y");
    push_message(push, HEAD("text") "<Content><![CDATA[<!DOCTYPE html> &lt;]]></Content>" TAIL);
    assert_string_equal(push_event(push)->text, "<!DOCTYPE html> &lt;");
    push_message(push, HEAD("text") "<Content>a &amp; b &#x1F600;</Content>" TAIL);
    assert_string_equal(push_event(push)->text, "a & b 😀");
}

static const Huiying__V1__Event *notice(struct push *push, const char *event, const char *more) {
    char inner[1024];
    snprintf(inner, sizeof inner, HEAD("event") "<Event>%s</Event>%s</xml>", event, more);
    push_message(push, inner);
    return push_event(push);
}

static void notices_of_one_second_keep_apart(void **state) {
    struct push *push = *state;
    push_account(push, YAML "notices: publish\n");
    char ids[5][512];
    strcpy(ids[0], notice(push, "unsubscribe", "")->native_id);
    strcpy(ids[1], notice(push, "LOCATION", "<Latitude>1</Latitude>")->native_id);
    strcpy(ids[2], notice(push, "LOCATION", "<Latitude>2</Latitude>")->native_id);
    strcpy(ids[3], notice(push, "CLICK", "<EventKey>a|b</EventKey>")->native_id);
    strcpy(ids[4], notice(push, "CLICK|a", "<EventKey>b</EventKey>")->native_id);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);
    assert_non_null(strstr(ids[3], GH "|oABC-def_123|1772000000|CLICK|a%7Cb|"));
    assert_int_equal(notice(push, "subscribe", "")->kind, HUIYING__V1__EVENT_KIND__EVENT_KIND_NOTICE);
}

static void the_order_of_a_notices_fields_does_not_change_its_id(void **state) {
    struct push *push = *state;
    push_account(push, YAML "notices: publish\n");
    char first[512];
    strcpy(first, notice(push, "LOCATION", "<Latitude>1</Latitude><Longitude>2</Longitude>")->native_id);
    assert_string_equal(notice(push, "LOCATION", "<Longitude>2</Longitude><Latitude>1</Latitude>")->native_id, first);
}

static void what_is_longer_than_readers_take_is_cut_or_hashed(void **state) {
    struct push *push = *state;
    struct hy_buf inner = {0};
    hy_buf_adds(&inner, HEAD("text") "<Content>");
    for (int i = 0; i < 80000; i++)
        hy_buf_adds(&inner, "满");
    hy_buf_adds(&inner, "</Content>" TAIL);
    push_message(push, inner.data);
    const Huiying__V1__Event *event = push_event(push);
    assert_in_range(strlen(event->text), 199990, 200000);
    assert_true(hy_utf8_valid(hy_bytes_of(event->text)));
    hy_buf_clear(&inner);
    push_account(push, YAML "notices: publish\n");
    hy_buf_adds(&inner, HEAD("event") "<Event>scancode_push</Event><EventKey>");
    for (int i = 0; i < 2000; i++)
        hy_buf_adds(&inner, "k");
    hy_buf_adds(&inner, "</EventKey></xml>");
    push_message(push, inner.data);
    assert_true(strlen(push_event(push)->native_id) < 400);
    hy_buf_free(&inner);
}

static void a_platforms_clock_ahead_of_ours_does_not_make_it_hold_a_message_after_us(void **state) {
    struct push *push = *state;
    push_message(push, "<xml><ToUserName>" GH "</ToUserName><FromUserName>oA</FromUserName>"
                       "<CreateTime>1772000300</CreateTime><MsgType>text</MsgType><Content>x</Content>" TAIL);
    const Huiying__V1__Event *event = push_event(push);
    assert_true(event->occurred->unix_ms == 1772000300000);
    assert_true(event->received->unix_ms == NOW_MS && event->ingested->unix_ms == NOW_MS);
}

static void a_notice_is_only_counted_unless_wanted(void **state) {
    struct push *push = *state;
    push_message(push, HEAD("event") "<Event>subscribe</Event><EventKey>qrscene_1</EventKey></xml>");
    assert_int_equal(push_decode(push), HY_OK);
    assert_int_equal(push->result.verdict, HY_ADAPTER_ANSWER);
    assert_string_equal(push->result.reason, "subscribe");
    push_message(push, HEAD("event") "<Event>oABC-somebody</Event></xml>");
    assert_int_equal(push_decode(push), HY_OK);
    assert_string_equal(push->result.reason, "other");
}

static void the_url_check_echoes_exactly(void **state) {
    struct push *push = *state;
    char signature[41];
    push_sign(signature, 3, TOKEN, STAMP, NONCE);
    struct hy_web_pair query[] = {
        {"signature", signature}, {"timestamp", STAMP}, {"nonce", NONCE}, {"echostr", "42 回"}};
    struct hy_adapter_request request = {.method = "GET", .query = query, .n_query = 4, .now_ms = NOW_MS};
    assert_int_equal(push->account.adapter->check_url(push->account.opened, &request, push->arena, &push->result), 0);
    assert_true(hy_bytes_equal(push->result.answer, hy_bytes_of("42 回")));
    assert_int_equal(push->result.status, 200);
    query[1].value = "1772000001";
    assert_int_equal(push->account.adapter->check_url(push->account.opened, &request, push->arena, &push->result),
                     HY_EINVALID);
    assert_int_equal(push->result.status, 401);
    request.n_query = 3;
    assert_int_equal(push->account.adapter->check_url(push->account.opened, &request, push->arena, &push->result),
                     HY_EINVALID);
    assert_int_equal(push->result.status, 400);
}

static void a_plain_message_is_taken_only_in_plain_mode(void **state) {
    struct push *push = *state;
    char signature[41];
    push_sign(signature, 3, TOKEN, STAMP, NONCE);
    push->n_query = 0;
    push_query(push, "signature", signature);
    push_query(push, "timestamp", STAMP);
    push_query(push, "nonce", NONCE);
    hy_buf_clear(&push->body);
    hy_buf_adds(&push->body, HEAD("text") "<Content>明文</Content>" TAIL);
    push_refused(push, 403, "downgrade");
    push_query(push, "encrypt_type", "raw");
    push_refused(push, 403, "downgrade");
    push_account(push, YAML "mode: compatible\n");
    push_refused(push, 403, "downgrade");
    push_account(push, YAML "mode: plain\n");
    assert_string_equal(push_event(push)->text, "明文");
    signature[0] = signature[0] == '0' ? '1' : '0';
    push_refused(push, 401, "signature");
    assert_false(push->result.authentic);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, push_setup, push_teardown)
    const struct CMUnitTest tests[] = {
        T(signatures_sort_byte_by_byte),
        T(the_spare_bits_of_a_key_do_not_matter),
        T(a_foreign_message_in_safe_mode_is_read),
        T(the_same_push_gives_the_same_event),
        T(a_message_under_the_previous_key_is_read),
        T(every_type_keeps_what_it_says),
        T(a_bad_coordinate_is_not_a_place),
        T(control_characters_and_split_cdata_are_survived),
        T(notices_of_one_second_keep_apart),
        T(the_order_of_a_notices_fields_does_not_change_its_id),
        T(what_is_longer_than_readers_take_is_cut_or_hashed),
        T(a_platforms_clock_ahead_of_ours_does_not_make_it_hold_a_message_after_us),
        T(a_notice_is_only_counted_unless_wanted),
        T(the_url_check_echoes_exactly),
        T(a_plain_message_is_taken_only_in_plain_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
