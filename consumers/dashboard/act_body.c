#include "consumers/dashboard/act_body.h"

#include <stddef.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/pb.h"
#include "lib/core/case.h"

enum { CODE_MAX = HY_CASE_ID_MAX, PROOF_MAX = 1024 };

static const struct {
    const char *name;
    size_t offset, max;
} TEXTS[] = {
    {"department", offsetof(struct act_body, department), CODE_MAX},
    {"reason_code", offsetof(struct act_body, reason_code), CODE_MAX},
    {"text", offsetof(struct act_body, text), HY_CASE_TEXT_MAX},
    {"proof", offsetof(struct act_body, proof), PROOF_MAX},
    {"proof_kind", offsetof(struct act_body, proof_kind), CODE_MAX},
    {"event_id", offsetof(struct act_body, event_id), CODE_MAX},
};
enum { N_TEXTS = sizeof TEXTS / sizeof TEXTS[0] };

static const char **text_field(struct act_body *body, int i) {
    return (const char **)(void *)((char *)body + TEXTS[i].offset);
}

static int known_members(const json_t *body, struct hy_error *err) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)body, key, value) {
        bool known = strcmp(key, "verb") == 0 || strcmp(key, "expects") == 0 || strcmp(key, "text_hash") == 0;
        for (int i = 0; i < N_TEXTS; i++)
            known = known || strcmp(key, TEXTS[i].name) == 0;
        if (!known)
            return hy_fail(err, HY_EINVALID,
                           "an act has verb, expects, department, reason_code, text, text_hash, proof, proof_kind and"
                           " event_id; one of yours is none of them");
    }
    return HY_OK;
}

static int read_texts(const json_t *body, struct act_body *out, struct hy_error *err) {
    for (int i = 0; i < N_TEXTS; i++) {
        const json_t *value = json_object_get(body, TEXTS[i].name);
        if (value && !json_is_null(value) && !json_is_string(value))
            return hy_fail(err, HY_EINVALID, "%s must be a text", TEXTS[i].name);
        if (json_string_length(value) > TEXTS[i].max)
            return hy_fail(err, HY_EINVALID, "%s is longer than %zu bytes", TEXTS[i].name, TEXTS[i].max);
        const char *text = json_string_value(value);
        *text_field(out, i) = text ? text : "";
    }
    return HY_OK;
}

static int hex_digit(char c) {
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static int read_hash(const json_t *value, struct act_body *out, struct hy_error *err) {
    if (!value || json_is_null(value)) return HY_OK;
    const char *text = json_string_value(value);
    for (size_t i = 0; text && json_string_length(value) == 64 && i < 32; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) break;
        out->text_hash[i] = (uint8_t)(high * 16 + low);
        out->has_hash = i == 31;
    }
    if (out->has_hash) return HY_OK;
    return hy_fail(err, HY_EINVALID, "text_hash must be the SHA-256 of the draft that was read: 64 hex digits");
}

int act_body_read(const json_t *body, struct act_body *out, struct hy_error *err) {
    *out = (struct act_body){0};
    int rc = known_members(body, err);
    if (rc != HY_OK) return rc;
    const char *verb = json_string_value(json_object_get(body, "verb"));
    out->verb = verb ? hy_verb_parse(verb) : HUIYING__V1__VERB__VERB_UNSPECIFIED;
    if (out->verb == HUIYING__V1__VERB__VERB_UNSPECIFIED)
        return hy_fail(err, HY_EINVALID, "verb must be one of the moves that the case lists, such as sign or reply");
    const json_t *expects = json_object_get(body, "expects");
    if (expects && !json_is_null(expects)) {
        if (!json_is_integer(expects) || json_integer_value(expects) < 0)
            return hy_fail(err, HY_EINVALID, "expects must be the step of the case that you saw");
        out->has_expects = true;
        out->expects = (uint64_t)json_integer_value(expects);
    }
    rc = read_hash(json_object_get(body, "text_hash"), out, err);
    return rc == HY_OK ? read_texts(body, out, err) : rc;
}

static char *lend(const char *text) {
    return (char *)(uintptr_t)text; // the contract's structs are not const
}

int act_command(struct hy_arena *arena, const struct act_body *body, const struct who *who,
                const struct act_target *target, int64_t now_ms, struct hy_bytes *out) {
    Huiying__V1__Command command = HUIYING__V1__COMMAND__INIT;
    Huiying__V1__Act act = HUIYING__V1__ACT__INIT;
    Huiying__V1__Actor actor = HUIYING__V1__ACTOR__INIT;
    Huiying__V1__Time issued = HUIYING__V1__TIME__INIT;
    uint8_t hash[32];
    memcpy(hash, body->text_hash, sizeof hash);
    act.verb = body->verb;
    act.department = lend(body->department);
    act.reason_code = lend(body->reason_code);
    act.text = lend(body->text);
    act.proof = lend(body->proof);
    act.proof_kind = lend(body->proof_kind);
    act.event_id = lend(body->event_id);
    if (body->has_hash) act.text_hash = (ProtobufCBinaryData){sizeof hash, hash};
    actor.kind = HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PERSON;
    actor.id = lend(who->name);
    actor.role = lend(who->role);
    actor.department = lend(who->department);
    issued.unix_ms = now_ms;
    issued.offset_minutes = HY_SHANGHAI_MINUTES;
    command.schema_version = 1;
    command.id = lend(target->command_id);
    command.dossier = lend(target->dossier);
    command.case_id = lend(target->case_id);
    command.issued = &issued;
    command.actor = &actor;
    command.body_case = HUIYING__V1__COMMAND__BODY_ACT;
    command.act = &act;
    if (body->has_expects) {
        command.expectation_case = HUIYING__V1__COMMAND__EXPECTATION_EXPECTS;
        command.expects = body->expects;
    }
    return hy_pb_write(&command, arena, out);
}
