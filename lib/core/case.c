// The frame of a turn: which command is it, may it be judged at all, and what becomes of the effects.
#include "lib/core/case_turn.h"

enum { SCHEMA = 1 };

typedef void (*command_fn)(struct hy_turn *t);

// One row a kind of command. `program`: a person's session may not send it. `on_case`: it names its case.
static const struct body {
    Huiying__V1__Command__BodyCase body;
    const char *name;
    command_fn run;
    bool program, on_case;
} bodies[] = {
    {HUIYING__V1__COMMAND__BODY_MESSAGE, "message", hy_cmd_message, false, false},
    {HUIYING__V1__COMMAND__BODY_OBSERVED, "observed", hy_cmd_observed, true, false},
    {HUIYING__V1__COMMAND__BODY_TIMER_FIRED, "timer_fired", hy_cmd_timer, true, true},
    {HUIYING__V1__COMMAND__BODY_ACT, "act", hy_cmd_act, false, false},
    {HUIYING__V1__COMMAND__BODY_CLAIM_DELIVERY, "claim_delivery", hy_cmd_claim, true, true},
    {HUIYING__V1__COMMAND__BODY_DELIVERY_RECEIPT, "delivery_receipt", hy_cmd_receipt, true, true},
    {HUIYING__V1__COMMAND__BODY_RECOMPUTE, "recompute", hy_cmd_recompute, false, true},
};

static const struct body *body_of(const Huiying__V1__Command *cmd) {
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        if (bodies[i].body == cmd->body_case) return &bodies[i];
    }
    return NULL;
}

static bool plain_id(const char *id) {
    size_t n = 0;
    while (id[n] > ' ' && id[n] <= '~') {
        n++;
    }
    return id[n] == '\0' && n <= HY_CASE_ID_MAX;
}

// What no turn can begin with: then the record is a dead letter, and the reason says what to mend.
static const char *frame_fault(const Huiying__V1__Command *cmd) {
    if (cmd->schema_version > SCHEMA)
        return "the command has a newer schema_version than this program knows: update it";
    if (cmd->schema_version == 0) return "the command has no schema_version";
    if (body_of(cmd) == NULL) return "the command has no body that this program knows";
    if (!hy_id_valid(cmd->dossier)) return "the command's dossier is not an id (26 characters of Crockford base32)";
    if (hy_text_set(cmd->case_id) && !hy_id_valid(cmd->case_id))
        return "the command's case_id is not an id (26 characters of Crockford base32)";
    if (!plain_id(cmd->id)) return "the command's id is longer than 160 bytes or not plain ASCII without spaces";
    return NULL;
}

// The case that the command names, or a refusal in the dossier's chain.
static bool stands_on_case(struct hy_turn *t) {
    if (hy_turn_load_case(t, t->cmd->case_id)) return true;
    if (t->out->outcome == HY_ENGINE_SKIPPED) return false;
    hy_turn_load_dossier(t);
    if (hy_turn_ahead(t, t->d->log_id, t->d->last_offset)) {
        hy_turn_skip(t);
        return false;
    }
    t->rec->case_id = t->cmd->case_id;
    hy_turn_refuse(t, "case.unknown", "there is no such case here; it may have been archived");
    return false;
}

static void judge_command(struct hy_turn *t) {
    const char *fault = frame_fault(t->cmd);
    if (fault != NULL) {
        hy_turn_dead(t, "%s", fault);
        return;
    }
    const struct body *body = body_of(t->cmd);
    t->rec->command = hy_lend(body->name);
    bool person = t->cmd->actor != NULL && t->cmd->actor->kind == HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PERSON;
    if (body->program && person) {
        hy_turn_dead(t, "a person's session sent a %s command, which only programs may send", body->name);
        return;
    }
    if (!body->on_case || stands_on_case(t)) body->run(t);
    if (t->out->outcome != HY_ENGINE_DEAD && t->out->outcome != HY_ENGINE_SKIPPED) hy_turn_finish(t);
}

// A fresh record, with what every record tells.
void hy_turn_begin(struct hy_turn *t) {
    *t->out = (struct hy_effects){.reason = "", .rule = ""};
    Huiying__V1__JournalRecord *rec = hy_turn_new(t, &huiying__v1__journal_record__descriptor);
    rec->schema_version = SCHEMA;
    rec->dossier = t->cmd->dossier;
    rec->command_id = t->cmd->id;
    rec->actor = t->cmd->actor;
    rec->at = hy_turn_time(t, t->now);
    if (hy_text_set(t->in->topic)) {
        rec->source = hy_turn_new(t, &huiying__v1__source_position__descriptor);
        rec->source->topic = hy_lend(t->in->topic);
        rec->source->partition = t->in->partition;
        rec->source->offset = t->in->offset;
        rec->source->log_id = hy_lend(t->in->log_id);
    }
    t->rec = rec;
}

int hy_turn_run(struct hy_turn *t, void (*body)(struct hy_turn *t)) {
    if (setjmp(t->unwind) != 0) {
        *t->out = (struct hy_effects){.outcome = HY_ENGINE_SKIPPED, .reason = "", .rule = ""};
        return t->failed;
    }
    hy_turn_begin(t);
    body(t);
    bool silent = t->out->outcome == HY_ENGINE_DEAD || t->out->outcome == HY_ENGINE_SKIPPED;
    if (silent)
        *t->out = (struct hy_effects){.outcome = t->out->outcome, .reason = t->out->reason, .rule = ""};
    else
        t->out->rule = t->rec->rule;
    return 0;
}

int hy_engine_apply(const struct hy_engine *engine, struct hy_arena *arena, const struct hy_engine_view *view,
                    const Huiying__V1__Command *cmd, const struct hy_engine_input *in, struct hy_effects *out,
                    struct hy_error *err) {
    struct hy_error unused;
    struct hy_turn t = {.engine = engine,
                        .arena = arena,
                        .view = view,
                        .cmd = cmd,
                        .in = in,
                        .out = out,
                        .err = err == NULL ? &unused : err,
                        .now = in->now_ms};
    return hy_turn_run(&t, judge_command);
}
