// The text table against the libraries whose data made it, and its behaviour on messages.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <opencc/opencc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "lib/core/text.h"

static struct hy_buf normal(const char *text, size_t len) {
    struct hy_buf out = {0};
    assert_int_equal(hy_text_normalise(hy_bytes_from(text, len), &out, NULL), 0);
    return out;
}

static void becomes(const char *text, const char *expected) {
    struct hy_buf out = normal(text, strlen(text));
    assert_string_equal(out.data, expected);
    hy_buf_free(&out);
}

static char *by_utf8proc(const uint8_t *text, utf8proc_ssize_t len) {
    utf8proc_uint8_t *out = NULL;
    utf8proc_ssize_t n = utf8proc_map(
        text, len, &out, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE);
    assert_true(n >= 0);
    return (char *)out;
}

// Every code point there is, but for surrogates; OpenCC is asked about all that it could know.
static void every_code_point_folds_as_the_libraries_fold_it(void **state) {
    (void)state;
    opencc_t opencc = opencc_open("t2s.json");
    assert_true(opencc != (opencc_t)-1);
    struct hy_buf out = {0};
    unsigned changed = 0, simplified = 0;
    for (int32_t cp = 1; cp <= 0x10FFFF; cp++) {
        if (cp >= 0xD800 && cp <= 0xDFFF) continue;
        uint8_t text[8];
        utf8proc_ssize_t len = utf8proc_encode_char(cp, text);
        char *expected = by_utf8proc(text, len);
        if (cp >= 0x2E80 && (cp <= 0xFFFF || cp >= 0x1F200) && cp < 0x33000 && *expected != '\0') {
            char *simple = opencc_convert_utf8(opencc, expected, strlen(expected));
            simplified += strcmp(simple, expected) != 0;
            free(expected);
            expected = strdup(simple);
            opencc_convert_utf8_free(simple);
        }
        hy_buf_clear(&out);
        assert_int_equal(hy_text_normalise(hy_bytes_from(text, (size_t)len), &out, NULL), 0);
        if (strcmp(out.data, expected) != 0)
            fail_msg("U+%04X becomes '%s', the libraries say '%s'", (unsigned)cp, out.data, expected);
        changed += (size_t)len != out.len || memcmp(text, out.data, out.len) != 0;
        free(expected);
    }
    assert_true(simplified > 3500); // what TSCharacters holds, more or less: the test is not empty
    assert_true(changed > simplified);
    hy_buf_free(&out);
    opencc_close(opencc);
}

// One exception is OpenCC's own: 薴 → 苧, which it takes for the traditional form of 苎.
static void a_second_pass_changes_nothing(void **state) {
    (void)state;
    struct hy_buf once = {0}, twice = {0};
    unsigned moved = 0;
    for (int32_t cp = 1; cp <= 0x10FFFF; cp++) {
        if (cp >= 0xD800 && cp <= 0xDFFF) continue;
        uint8_t text[8];
        size_t len = (size_t)utf8proc_encode_char(cp, text);
        hy_buf_clear(&once);
        hy_buf_clear(&twice);
        assert_int_equal(hy_text_normalise(hy_bytes_from(text, len), &once, NULL), 0);
        assert_int_equal(hy_text_normalise(hy_buf_view(&once), &twice, NULL), 0);
        if (once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0) continue;
        assert_int_equal(cp, 0x85B4);
        moved++;
    }
    assert_int_equal(moved, 1);
    hy_buf_free(&once);
    hy_buf_free(&twice);
}

static void width_case_script_and_invisible_characters_do_not_matter(void **state) {
    (void)state;
    becomes("這個產品", "这个产品");
    becomes("１２３４５ＡＢＣ", "12345abc");
    becomes("投\xE2\x80\x8B诉\xEF\xBB\xBF", "投诉"); // zero-width space, byte order mark
    becomes("Ａ市\u3000Ｋ８縣", "a市 k8县");
    becomes("", "");
    becomes("😀👍", "😀👍");
    becomes("㍿", "株式会社");
    becomes("ＳＴＲＡẞＥ", "strasse");
}

static void the_map_leads_back_to_the_original(void **state) {
    (void)state;
    const char *text = "Ａ\xE2\x80\x8B停水﷽縣😀";
    struct hy_buf out = {0};
    struct hy_text_map map = {0};
    hy_buf_adds(&out, "kept");
    assert_int_equal(hy_text_normalise(hy_bytes_of(text), &out, &map), 0);
    assert_memory_equal(out.data, "kepta停水", 10);
    assert_int_equal(map.len, out.len - 4);
    assert_int_equal(map.from[0], 0);                          // a
    assert_int_equal(map.from[1], 6);                          // 停, behind the space that went
    assert_int_equal(map.from[map.len], strlen(text));         // the end
    assert_int_equal(map.from[map.len - 4], strlen(text) - 4); // the emoji
    for (size_t i = 0; i < map.len; i++)
        assert_true(map.from[i] <= map.from[i + 1]);
    hy_text_map_free(&map);
    hy_buf_free(&out);
}

// U+FDFA grows elevenfold: the buffers must follow.
static void a_text_that_grows_at_every_character_fits(void **state) {
    (void)state;
    enum { N = 20000 };
    char *text = malloc(3 * N);
    for (int i = 0; i < N; i++)
        memcpy(text + (size_t)3 * i, "\xEF\xB7\xBA", 3);
    struct hy_buf out = {0};
    struct hy_text_map map = {0};
    assert_int_equal(hy_text_normalise(hy_bytes_from(text, 3 * N), &out, &map), 0);
    assert_int_equal(out.len % N, 0);
    assert_true(out.len / N > 20);
    assert_int_equal(map.len, out.len);
    assert_int_equal(map.from[out.len - 1], 3 * (N - 1));
    hy_text_map_free(&map);
    hy_buf_free(&out);
    free(text);
}

// Validity is the caller's promise; without it the result is meaningless, the memory is not.
static void bytes_that_are_no_utf8_are_never_read_past(void **state) {
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)(round % 9);
        uint8_t *text = malloc(len + 1); // exact, so that a sanitizer sees one byte too far
        for (size_t i = 0; i < len; i++) {
            seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
            text[i] = (uint8_t)(seed >> 56);
        }
        uint8_t *tight = realloc(text, len == 0 ? 1 : len);
        struct hy_buf out = normal((const char *)tight, len);
        hy_buf_free(&out);
        free(tight);
    }
}

static void a_megabyte_folds(void **state) {
    (void)state;
    struct hy_buf text = {0}, out = {0};
    while (text.len < 1 << 20)
        hy_buf_adds(&text, "投訴停水ＡＢＣ\n");
    assert_int_equal(hy_text_normalise(hy_buf_view(&text), &out, NULL), 0);
    assert_memory_equal(out.data, "投诉停水abc\n投诉", 22);
    hy_buf_free(&text);
    hy_buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_folds_as_the_libraries_fold_it),
        cmocka_unit_test(a_second_pass_changes_nothing),
        cmocka_unit_test(width_case_script_and_invisible_characters_do_not_matter),
        cmocka_unit_test(the_map_leads_back_to_the_original),
        cmocka_unit_test(a_text_that_grows_at_every_character_fits),
        cmocka_unit_test(bytes_that_are_no_utf8_are_never_read_past),
        cmocka_unit_test(a_megabyte_folds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
