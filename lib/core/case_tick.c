// What time alone does: an expired `sending` becomes unknown, an expired claim ends, what is old goes.
#include "lib/base/pb.h"
#include "lib/core/case_turn.h"

static bool expire_sending(struct hy_turn *t) {
    bool any = false;
    for (size_t i = 0; i < t->c->n_deliveries; i++) {
        hy_case_delivery *d = t->c->deliveries[i];
        bool expired =
            d->state == HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_SENDING && hy_time_or(d->until, 0) <= t->now;
        if (!expired) continue;
        d->state = HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_UNKNOWN;
        d->until = NULL;
        hy_rec_delivery(t, d, "unknown");
        hy_work_change(t, hy_turn_fmt(t, "delivery %s to %s: result unknown", d->row, d->target), NULL);
        any = true;
    }
    return any;
}

static bool expire_claim(struct hy_turn *t) {
    if (!hy_text_set(t->c->claimed_by) || hy_time_or(t->c->claimed_until, 0) > t->now) return false;
    hy_claim_clear(t->c);
    return true;
}

static void tick_case(struct hy_turn *t) {
    bool sending = expire_sending(t), claim = expire_claim(t);
    if (hy_case_archive_ms(t->c, t->pack) <= t->now) {
        t->c_gone = true;
        t->rec->command = hy_lend("archive");
        hy_turn_apply(t, "archive", "kept whole for its time; the last snapshot is in this record");
    } else if (sending) {
        hy_turn_apply(t, "delivery.expired", "a courier's time ran out without an outcome");
    } else if (claim) {
        hy_turn_apply(t, "claim.expired", "a claim ended by time");
    } else {
        hy_turn_skip(t);
    }
}

// An edit whose message never came (it was written before we listened) and that asks for something: nobody's duty is
// worse than a late one, so it opens a case of its own.
static bool open_early(struct hy_turn *t) {
    const Huiying__V1__Message *message = hy_dossier_overdue_early(t);
    if (message == NULL) return false;
    const char *key = hy_turn_join(t, t->cmd->dossier, "/n/", message->event->id);
    struct hy_opening opening = {.event = message->event, .route = message->route, .content_key = key};
    hy_open_letter(t, &opening);
    if (t->out->outcome == HY_ENGINE_DEAD)
        hy_turn_raise(t, HY_EFORMAT, "dossier %s: %s", t->cmd->dossier, t->out->reason);
    hy_turn_apply(t, "message.early_opened", "the message that it changes did not come; opened for %s", t->c->owner);
    return true;
}

static void tick_dossier(struct hy_turn *t) {
    hy_turn_load_dossier(t);
    if (open_early(t)) return;
    const struct hy_pack *pack = t->engine->pack_of(t->engine->ctx, "");
    if (!hy_dossier_forget(t, hy_keep_ms(pack))) {
        hy_turn_skip(t);
        return;
    }
    if (t->d_gone) t->rec->command = hy_lend("archive");
    hy_turn_apply(t, "dossier.forgotten", "what was older than the pack keeps it went");
}

static void judge_tick(struct hy_turn *t) {
    t->rec->command = hy_lend("tick");
    if (!hy_text_set(t->cmd->case_id))
        tick_dossier(t);
    else if (hy_turn_load_case(t, t->cmd->case_id))
        tick_case(t);
    else
        hy_turn_skip(t);
    if (t->out->outcome != HY_ENGINE_SKIPPED) hy_turn_finish(t);
}

int hy_engine_tick(const struct hy_engine *engine, struct hy_arena *arena, const struct hy_engine_view *view,
                   const char *key, const struct hy_engine_input *in, struct hy_effects *out, struct hy_error *err) {
    struct hy_error unused;
    struct hy_engine_input plain = {.now_ms = in->now_ms, .topic = "", .log_id = ""};
    Huiying__V1__Command cmd;
    struct hy_turn t = {.engine = engine,
                        .arena = arena,
                        .view = view,
                        .in = &plain,
                        .out = out,
                        .err = err == NULL ? &unused : err,
                        .now = in->now_ms};
    huiying__v1__command__init(&cmd);
    *out = (struct hy_effects){.outcome = HY_ENGINE_SKIPPED, .reason = "", .rule = ""};
    if (view->get(view->ctx, key).len == 0) return 0;
    const char *dot = strchr(key, '.');
    cmd.dossier = dot == NULL ? hy_arena_str(arena, key) : hy_arena_strn(arena, key, (size_t)(dot - key));
    cmd.case_id = hy_arena_str(arena, dot == NULL ? "" : dot + 1);
    if (cmd.dossier == NULL || cmd.case_id == NULL)
        return hy_fail(err, HY_ENOMEM, "the arena of this tick is full: raise its limit");
    t.cmd = &cmd;
    return hy_turn_run(&t, judge_tick);
}

int hy_engine_next_tick(const struct hy_engine *engine, struct hy_arena *arena, const char *key, struct hy_bytes value,
                        int64_t *next_ms, struct hy_error *err) {
    *next_ms = INT64_MAX;
    const char *what = strchr(key, '.') == NULL ? "dossier record" : "case";
    if (strchr(key, '.') == NULL) {
        const Huiying__V1__DossierRecord *d = hy_pb_reread(&huiying__v1__dossier_record__descriptor, arena, value);
        if (d == NULL) return hy_fail(err, HY_EFORMAT, "the %s %s (%zu bytes) cannot be read", what, key, value.len);
        *next_ms = hy_dossier_next_tick(d, engine->pack_of(engine->ctx, ""));
        return 0;
    }
    const hy_case *c = hy_pb_reread(&huiying__v1__case__descriptor, arena, value);
    if (c == NULL) return hy_fail(err, HY_EFORMAT, "the %s %s (%zu bytes) cannot be read", what, key, value.len);
    const struct hy_pack *pack = engine->pack_of(engine->ctx, c->pack_hash);
    if (pack == NULL)
        return hy_fail(err, HY_ENOTFOUND, "pack %.64s is not known: read hy.registry on, or publish it", c->pack_hash);
    *next_ms = hy_case_next_tick(c, pack);
    return 0;
}
