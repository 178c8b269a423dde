// The body of an act as REST takes it, checked and turned into the contract's Command. Pure. Unknown members are
// refused, so that a misspelt one is not silently without effect. To take another member: a row in act_body.c and its
// line in docs/rest.md.
#ifndef HY_DASHBOARD_ACT_BODY_H
#define HY_DASHBOARD_ACT_BODY_H

#include <jansson.h>

#include "consumers/dashboard/who.h"
#include "huiying/v1/command.pb-c.h"
#include "lib/base/arena.h"
#include "lib/base/bytes.h"

// Borrowed from the JSON it was read from.
struct act_body {
    Huiying__V1__Verb verb;
    bool has_expects;
    uint64_t expects;
    const char *department, *reason_code, *text, *proof, *proof_kind, *event_id; // "" when absent
    bool has_hash;
    uint8_t text_hash[32];
};

// HY_EINVALID says which member is wrong and what it should be.
HY_MUST_CHECK int act_body_read(const json_t *body, struct act_body *out, struct hy_error *err);

// Where an act goes. case_id "" : the dossier decides (a noted message is opened).
struct act_target {
    const char *command_id, *dossier, *case_id;
};
// The packed Command of a person's act, in the arena. HY_ENOMEM.
HY_MUST_CHECK int act_command(struct hy_arena *arena, const struct act_body *body, const struct who *who,
                              const struct act_target *target, int64_t now_ms, struct hy_bytes *out);

#endif
