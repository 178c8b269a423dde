#include "tools/hyctl/act.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/id.h"
#include "lib/base/random.h"
#include "tools/hyctl/say.h"

enum { TEXT_MOST = 1 << 20 };

// Options that go into the body as they are.
static const struct {
    const char *option, *field;
} FIELDS[] = {{"department", "department"}, {"reason", "reason_code"},  {"proof", "proof"},
              {"proof-kind", "proof_kind"}, {"text-hash", "text_hash"}, {"text", "text"}};

static int read_stream(FILE *in, const char *name, struct hy_buf *out) {
    char part[4096];
    for (size_t n = fread(part, 1, sizeof part, in); n > 0; n = fread(part, 1, sizeof part, in)) {
        hy_buf_add(out, part, n);
        if (out->len > TEXT_MOST) {
            hyctl_error("%s: longer than %d bytes", name, TEXT_MOST);
            return HYCTL_FAILED;
        }
    }
    if (!ferror(in)) return HYCTL_OK;
    hyctl_error("%s: cannot be read", name);
    return HYCTL_FAILED;
}

static int read_text(const char *file, struct hy_buf *out) {
    struct hy_error err;
    int rc = HYCTL_OK;
    if (strcmp(file, "-") == 0)
        rc = read_stream(stdin, "standard input", out);
    else if (hy_read_file(file, TEXT_MOST, out, &err) < 0)
        rc = hyctl_fail(&err);
    if (rc != HYCTL_OK) return rc;
    if (out->len > 0 && hy_utf8_valid(hy_buf_view(out))) return HYCTL_OK;
    hyctl_error("%s: %s", file, out->len == 0 ? "is empty" : "is no UTF-8 text");
    return HYCTL_FAILED;
}

static int add_text(const struct hyctl_args *args, json_t *body) {
    const char *file = hyctl_value(args, "text-file");
    if (file == NULL) return HYCTL_OK;
    if (hyctl_value(args, "text") != NULL) {
        hyctl_error("--text and --text-file: give one of them");
        return HYCTL_USAGE;
    }
    struct hy_buf text = {0};
    int rc = read_text(file, &text);
    if (rc == HYCTL_OK) json_object_set_new(body, "text", json_stringn(text.data, text.len));
    hy_buf_free(&text);
    return rc;
}

static int make_body(const struct hyctl_args *args, const char *verb, json_t *body) {
    size_t expects;
    int rc = hyctl_number(args, "expects", 0, 999999999999999, 0, &expects);
    if (rc != HYCTL_OK) return rc;
    json_object_set_new(body, "verb", json_string(verb));
    if (hyctl_value(args, "expects") != NULL) json_object_set_new(body, "expects", json_integer((json_int_t)expects));
    for (size_t i = 0; i < sizeof FIELDS / sizeof *FIELDS; i++) {
        const char *value = hyctl_value(args, FIELDS[i].option);
        if (value == NULL) continue;
        json_t *text = json_string(value);
        if (text == NULL) {
            hyctl_error("--%s: is no UTF-8 text", FIELDS[i].option);
            return HYCTL_USAGE;
        }
        json_object_set_new(body, FIELDS[i].field, text);
    }
    return add_text(args, body);
}

static const char *text_of(const json_t *row, const char *key) {
    const char *text = json_string_value(json_object_get(row, key));
    return text == NULL ? "" : text;
}

// Takes the answer.
static int say_verdict(const struct hyctl_args *args, json_t *answer) {
    const char *verdict = text_of(answer, "verdict"), *id = text_of(answer, "command_id");
    bool done = strcmp(verdict, "applied") == 0 || strcmp(verdict, "repeated") == 0;
    if (strcmp(verdict, "pending") == 0)
        hyctl_error("accepted, not yet applied; ask again with: hyctl case verdict %s", id);
    else if (!done)
        hyctl_error("%s by rule %s: %s", verdict, text_of(answer, "rule"), text_of(answer, "explanation"));
    else if (!args->json)
        printf("%s: %s (step %lld)\n", strcmp(verdict, "applied") == 0 ? "done" : "was done before",
               text_of(answer, "explanation"), (long long)json_integer_value(json_object_get(answer, "step")));
    if (args->json)
        hyctl_say_json(answer);
    else
        json_decref(answer);
    return done ? HYCTL_OK : HYCTL_FAILED;
}

// A name for an act whose caller gave none, so that a call that was lost on its way can be sent again safely.
static int make_key(char out[HY_ID_SIZE]) {
    uint8_t noise[32];
    if (hy_random(noise, sizeof noise) != HY_OK) {
        hyctl_error("no random source to name this act: give --key");
        return HYCTL_FAILED;
    }
    struct hy_bytes field = hy_bytes_from(noise, sizeof noise);
    hy_id_of(&field, 1, out);
    return HYCTL_OK;
}

int hyctl_act(const struct hyctl_args *args, const char *what, const char *id, const char *verb) {
    struct hyctl_rest rest = {0};
    struct hy_buf path = {0};
    char made[HY_ID_SIZE];
    json_t *body = json_object(), *answer = NULL;
    const char *key = hyctl_value(args, "key");
    int rc = make_body(args, verb, body);
    if (rc == HYCTL_OK && key == NULL && (rc = make_key(made)) == HYCTL_OK) key = made;
    if (rc == HYCTL_OK) rc = hyctl_rest_open(args, &rest);
    if (rc == HYCTL_OK) {
        rest.repeat_key = key;
        hyctl_rest_path(&path, what, id, "/acts");
        rc = hyctl_rest(&rest, path.data, body, &answer);
        if (rc != HYCTL_OK && rest.uncertain) hyctl_error("to try the same act again, add --key %s", key);
        hyctl_rest_close(&rest);
    }
    if (rc == HYCTL_OK) rc = say_verdict(args, answer);
    hy_buf_free(&path);
    json_decref(body);
    return rc;
}

int hyctl_act_verdict(const struct hyctl_args *args) {
    struct hyctl_rest rest = {0};
    struct hy_buf path = {0};
    json_t *answer = NULL;
    int rc = hyctl_rest_open(args, &rest);
    if (rc != HYCTL_OK) return rc;
    hyctl_rest_path(&path, "/v1/commands/", args->places[0], "");
    rc = hyctl_rest(&rest, path.data, NULL, &answer);
    hyctl_rest_close(&rest);
    hy_buf_free(&path);
    return rc == HYCTL_OK ? say_verdict(args, answer) : rc;
}
