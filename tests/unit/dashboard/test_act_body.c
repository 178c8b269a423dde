// An act as REST takes it: what is refused and why, and the command that it becomes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consumers/dashboard/act_body.h"
#include "lib/base/pb.h"

static int read_body(const char *json, struct act_body *out, json_t **root, struct hy_error *err) {
    *root = json_loads(json, 0, NULL);
    assert_non_null(*root);
    return act_body_read(*root, out, err);
}

static void what_is_wrong_is_named(void **state) {
    (void)state;
    static const struct {
        const char *json, *part;
    } BAD[] = {
        {"{}", "verb"},
        {"{\"verb\":\"\"}", "verb"},
        {"{\"verb\":\"SIGN\"}", "verb"},
        {"{\"verb\":null}", "verb"},
        {"{\"verb\":\"sign\",\"expects\":true}", "expects"},
        {"{\"verb\":\"sign\",\"expects\":-1}", "expects"},
        {"{\"verb\":\"sign\",\"expects\":1.0}", "expects"},
        {"{\"verb\":\"sign\",\"proof\":{}}", "proof"},
        {"{\"verb\":\"sign\",\"reason_code\":[]}", "reason_code"},
        {"{\"verb\":\"approve\",\"text_hash\":\"\"}", "text_hash"},
        {"{\"verb\":\"approve\",\"text_hash\":1}", "text_hash"},
        {"{\"verb\":\"approve\",\"text_hash\":\"zz00000000000000000000000000000000000000000000000000000000000000\"}",
         "text_hash"},
        {"{\"verb\":\"sign\",\"actor\":\"mayor\"}", "an act has"},
        {"{\"verb\":\"sign\",\"Expects\":1}", "an act has"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct act_body body;
        struct hy_error err = {0};
        json_t *root;
        assert_int_equal(read_body(BAD[i].json, &body, &root, &err), HY_EINVALID);
        assert_non_null(strstr(err.text, BAD[i].part));
        json_decref(root);
    }
}

static void lengths_are_counted_in_bytes(void **state) {
    (void)state;
    static const struct {
        const char *name;
        size_t max;
    } LIMITS[] = {{"department", 160}, {"reason_code", 160}, {"proof_kind", 160},
                  {"event_id", 160},   {"proof", 1024},      {"text", 65536}};
    char *text = malloc(65538);
    for (size_t i = 0; i < sizeof LIMITS / sizeof LIMITS[0]; i++) {
        for (int over = 0; over < 2; over++) {
            size_t n = LIMITS[i].max + (size_t)over;
            memset(text, 'x', n);
            text[n] = '\0';
            json_t *root = json_pack("{s:s,s:s}", "verb", "note", LIMITS[i].name, text);
            struct act_body body;
            assert_int_equal(act_body_read(root, &body, NULL), over ? HY_EINVALID : HY_OK);
            json_decref(root);
        }
    }
    free(text);
}

static void a_command_says_who_from_the_token(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(1 << 20);
    struct act_body body;
    json_t *root;
    assert_int_equal(
        read_body("{\"verb\":\"approve\",\"expects\":7,\"text\":null,\"proof\":\"https://x\",\"text_hash\":"
                  "\"AB00000000000000000000000000000000000000000000000000000000000Cd\"}",
                  &body, &root, NULL),
        HY_EINVALID); // 63 digits are no hash
    json_decref(root);
    assert_int_equal(
        read_body("{\"verb\":\"approve\",\"expects\":7,\"text\":null,\"proof\":\"https://x\",\"text_hash\":"
                  "\"AB000000000000000000000000000000000000000000000000000000000000Cd\"}",
                  &body, &root, NULL),
        HY_OK);
    const struct who who = {.name = "p1", .role = "department", .department = "shuiwu"};
    const struct act_target target = {"ID", "D", "C"};
    struct hy_bytes packed;
    assert_int_equal(act_command(arena, &body, &who, &target, 1700000000000, &packed), HY_OK);
    Huiying__V1__Command *command = NULL;
    assert_int_equal(hy_pb_read(&huiying__v1__command__descriptor, arena, packed, 1, &command, NULL), HY_OK);
    assert_string_equal(command->id, "ID");
    assert_string_equal(command->dossier, "D");
    assert_string_equal(command->case_id, "C");
    assert_int_equal(command->expectation_case, HUIYING__V1__COMMAND__EXPECTATION_EXPECTS);
    assert_int_equal(command->expects, 7);
    assert_int_equal(command->actor->kind, HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PERSON);
    assert_string_equal(command->actor->id, "p1");
    assert_string_equal(command->actor->department, "shuiwu");
    assert_int_equal(command->act->verb, HUIYING__V1__VERB__VERB_APPROVE);
    assert_int_equal(command->act->text_hash.len, 32);
    assert_int_equal(command->act->text_hash.data[0], 0xab);
    assert_int_equal(command->act->text_hash.data[31], 0xcd);
    assert_string_equal(command->act->text, "");
    assert_int_equal(command->issued->unix_ms, 1700000000000);
    json_decref(root);
    hy_arena_free(arena);
}

static void no_expectation_is_not_step_zero(void **state) {
    (void)state;
    struct hy_arena *arena = hy_arena_new(1 << 20);
    struct act_body body;
    json_t *root;
    assert_int_equal(read_body("{\"verb\":\"acknowledge\",\"expects\":null}", &body, &root, NULL), HY_OK);
    const struct who who = {.name = "o", .role = "operator", .department = ""};
    const struct act_target target = {"ID", "D", ""};
    struct hy_bytes packed;
    Huiying__V1__Command *command = NULL;
    assert_int_equal(act_command(arena, &body, &who, &target, 1, &packed), HY_OK);
    assert_int_equal(hy_pb_read(&huiying__v1__command__descriptor, arena, packed, 1, &command, NULL), HY_OK);
    assert_int_equal(command->expectation_case, HUIYING__V1__COMMAND__EXPECTATION__NOT_SET);
    json_decref(root);
    hy_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(lengths_are_counted_in_bytes),
        cmocka_unit_test(a_command_says_who_from_the_token),
        cmocka_unit_test(no_expectation_is_not_step_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
