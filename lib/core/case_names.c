// Names of states and verbs, keys: what records and packs call things.
#include "lib/core/case_turn.h"
#include "lib/core/wire.h"

static const char *const states[] = {
    [HUIYING__V1__CASE_STATE__CASE_STATE_OPENED] = "opened",
    [HUIYING__V1__CASE_STATE__CASE_STATE_ASSIGNED] = "assigned",
    [HUIYING__V1__CASE_STATE__CASE_STATE_SIGNED] = "signed",
    [HUIYING__V1__CASE_STATE__CASE_STATE_HANDLED] = "handled",
    [HUIYING__V1__CASE_STATE__CASE_STATE_DRAFTED] = "drafted",
    [HUIYING__V1__CASE_STATE__CASE_STATE_REVIEW] = "review",
    [HUIYING__V1__CASE_STATE__CASE_STATE_APPROVED] = "approved",
    [HUIYING__V1__CASE_STATE__CASE_STATE_DELIVERED] = "delivered",
    [HUIYING__V1__CASE_STATE__CASE_STATE_CLOSED] = "closed",
    [HUIYING__V1__CASE_STATE__CASE_STATE_WITHDRAWN] = "withdrawn",
};

static const char *const verbs[] = {
    [HUIYING__V1__VERB__VERB_SIGN] = "sign",           [HUIYING__V1__VERB__VERB_CLAIM] = "claim",
    [HUIYING__V1__VERB__VERB_RELEASE] = "release",     [HUIYING__V1__VERB__VERB_HANDLE] = "handle",
    [HUIYING__V1__VERB__VERB_REPLY] = "reply",         [HUIYING__V1__VERB__VERB_APPROVE] = "approve",
    [HUIYING__V1__VERB__VERB_REJECT] = "reject",       [HUIYING__V1__VERB__VERB_RETURN] = "return",
    [HUIYING__V1__VERB__VERB_TRANSFER] = "transfer",   [HUIYING__V1__VERB__VERB_CLOSE] = "close",
    [HUIYING__V1__VERB__VERB_REOPEN] = "reopen",       [HUIYING__V1__VERB__VERB_ACKNOWLEDGE] = "acknowledge",
    [HUIYING__V1__VERB__VERB_OPEN] = "open",           [HUIYING__V1__VERB__VERB_EXTEND] = "extend",
    [HUIYING__V1__VERB__VERB_SUPERVISE] = "supervise", [HUIYING__V1__VERB__VERB_NOTE] = "note",
    [HUIYING__V1__VERB__VERB_ASSIGN] = "assign",
};

static const char *name_at(const char *const *names, size_t n, size_t at) {
    return at < n && names[at] != NULL ? names[at] : "";
}

const char *hy_case_state_name(Huiying__V1__CaseState state) {
    return name_at(states, sizeof states / sizeof states[0], (size_t)state);
}

const char *hy_verb_name(Huiying__V1__Verb verb) {
    return name_at(verbs, sizeof verbs / sizeof verbs[0], (size_t)verb);
}

Huiying__V1__Verb hy_verb_parse(const char *name) {
    for (size_t i = 1; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (hy_text_equal(verbs[i], name)) return (Huiying__V1__Verb)i;
    }
    return HUIYING__V1__VERB__VERB_UNSPECIFIED;
}

char *hy_case_key(struct hy_arena *arena, const char *dossier, const char *case_id) {
    size_t left = strlen(dossier), right = strlen(case_id);
    char *key = hy_arena_alloc(arena, left + right + 2);
    if (key == NULL) return NULL;
    memcpy(key, dossier, left);
    key[left] = '.';
    memcpy(key + left + 1, case_id, right + 1);
    return key;
}

void hy_incident_dossier(const char *subject, char out[HY_ID_SIZE]) {
    hy_id_strings(out, 2, "incident", subject);
}

bool hy_case_is_open(const hy_case *c) {
    return c->state != HUIYING__V1__CASE_STATE__CASE_STATE_CLOSED &&
           c->state != HUIYING__V1__CASE_STATE__CASE_STATE_WITHDRAWN;
}

// Field 24 of Case, packed by us, but read either way.
bool hy_case_has_member(struct hy_bytes snapshot, uint64_t member) {
    enum { FIELD_MEMBERS = 24 };
    struct hy_wire wire = hy_wire_of(snapshot);
    struct hy_wire_field field;
    while (hy_wire_next(&wire, &field)) {
        if (field.number > FIELD_MEMBERS) return false;
        if (field.number != FIELD_MEMBERS) continue;
        if (field.type == HY_WIRE_FIXED64 && field.value == member) return true;
        for (size_t at = 0; at + 8 <= field.bytes.len; at += 8) {
            if (hy_wire_fixed(field.bytes.data + at, 8) == member) return true;
        }
    }
    return false;
}
