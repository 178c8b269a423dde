#include "consumers/casework/casework.h"

#include <stdio.h>
#include <string.h>

#include "consumers/casework/due_index.h"
#include "lib/base/breakage.h"
#include "lib/base/log.h"
#include "lib/base/pb.h"
#include "lib/core/case.h"
#include "lib/lane/topics.h"

enum {
    TICKS_PER_TURN = 500,        // what time alone does is bounded, so that commands never wait for an archive run
    TICK_RETRY_MS = 60000,       // a key whose tick failed is tried again then
    LOAD_ARENA = 4 * 1024 * 1024 // to read one snapshot
};

// Effects on the lane's state as the engine sees it.
static struct hy_bytes view_get(void *ctx, const char *key) {
    struct hy_bytes value = {0};
    return hy_lane_get(ctx, hy_bytes_of(key), &value) == HY_OK ? value : (struct hy_bytes){0};
}

static struct hy_engine engine_of(struct casework *casework) {
    return (struct hy_engine){
        .pack_of = hy_packs_find,
        .ctx = casework->packs,
        .calendar = hy_packs_calendar(casework->packs),
    };
}

static int put_states(struct hy_lane_ctx *ctx, const struct hy_effects *effects, struct hy_error *err) {
    int rc = HY_OK;
    for (size_t i = 0; rc == HY_OK && i < effects->n_puts; i++) {
        const struct hy_effect_put *put = &effects->puts[i];
        rc = put->value.len ? hy_lane_put(ctx, hy_bytes_of(put->key), put->value, err)
                            : hy_lane_delete(ctx, hy_bytes_of(put->key), err);
    }
    return rc;
}

static int emit_journal(struct hy_lane_ctx *ctx, const struct hy_effects *effects, struct hy_error *err) {
    int rc = HY_OK;
    for (size_t i = 0; rc == HY_OK && i < effects->n_journal; i++) {
        rc = hy_lane_emit(ctx, HY_TOPIC_JOURNAL, hy_bytes_of(effects->journal[i].key), effects->journal[i].value, err);
    }
    return rc;
}

static int emit_message(struct hy_lane_ctx *ctx, const char *topic, const char *key, const void *message,
                        struct hy_error *err) {
    struct hy_bytes value;
    if (hy_pb_write(message, hy_lane_arena(ctx), &value) != HY_OK)
        return hy_fail(err, HY_ENOMEM, "%s: out of memory", topic);
    return hy_lane_emit(ctx, topic, hy_bytes_of(key), value, err);
}

static int emit_work(struct hy_lane_ctx *ctx, const struct hy_effects *effects, struct hy_error *err) {
    int rc = HY_OK;
    for (size_t i = 0; rc == HY_OK && i < effects->n_work; i++) {
        char topic[HY_TOPIC_NAME_SIZE];
        snprintf(topic, sizeof topic, HY_TOPIC_WORK "%s", effects->work[i].department);
        rc = emit_message(ctx, topic, effects->work[i].item->case_id, effects->work[i].item, err);
    }
    return rc;
}

static int emit_contents(struct hy_lane_ctx *ctx, const struct hy_effects *effects, struct hy_error *err) {
    int rc = HY_OK;
    for (size_t i = 0; rc == HY_OK && i < effects->n_contents; i++) {
        const struct hy_effect_content *content = &effects->contents[i];
        rc = content->content ? emit_message(ctx, HY_TOPIC_CONTENT, content->key, content->content, err)
                              : hy_lane_erase(ctx, HY_TOPIC_CONTENT, hy_bytes_of(content->key), err);
    }
    return rc;
}

static int emit_commands(struct hy_lane_ctx *ctx, const struct hy_effects *effects, struct hy_error *err) {
    int rc = HY_OK;
    for (size_t i = 0; rc == HY_OK && i < effects->n_commands; i++) {
        rc = emit_message(ctx, HY_TOPIC_COMMANDS, effects->commands[i].key, effects->commands[i].command, err);
    }
    return rc;
}

// Comes last, as the lane asks: the index is no part of the transaction.
static int index_states(struct hy_lane_ctx *ctx, const struct hy_effects *effects, struct hy_error *err) {
    for (size_t i = 0; i < effects->n_puts; i++) {
        int rc = due_index_set(hy_lane_data(ctx), hy_bytes_of(effects->puts[i].key), effects->puts[i].next_tick_ms);
        if (rc != HY_OK) return hy_fail(err, rc, "index of due cases: out of memory");
    }
    return HY_OK;
}

static int write_effects(struct hy_lane_ctx *ctx, const struct hy_effects *effects, struct hy_error *err) {
    int rc = put_states(ctx, effects, err);
    if (rc == HY_OK) rc = emit_journal(ctx, effects, err);
    if (rc == HY_OK) rc = emit_work(ctx, effects, err);
    if (rc == HY_OK) rc = emit_contents(ctx, effects, err);
    if (rc == HY_OK) rc = emit_commands(ctx, effects, err);
    if (rc == HY_OK) rc = index_states(ctx, effects, err);
    return rc;
}

static void register_outcomes(struct casework *casework) {
    static const char *const LABELS[CASEWORK_OUTCOMES] = {
        [HY_ENGINE_APPLIED] = "outcome=\"applied\"",   [HY_ENGINE_REFUSED] = "outcome=\"refused\"",
        [HY_ENGINE_REPEATED] = "outcome=\"repeated\"", [HY_ENGINE_SKIPPED] = "outcome=\"skipped\"",
        [HY_ENGINE_DEAD] = "outcome=\"dead\"",
    };
    for (int i = 0; i < CASEWORK_OUTCOMES; i++) {
        casework->judged[i] =
            hy_metric_get(HY_COUNTER, "huiying_casework_commands_total", "Commands judged, by outcome.", LABELS[i]);
    }
}

// A record under another key than its command names would be judged against another partition's state.
static int check_key(const struct hy_record *record, const Huiying__V1__Command *command, struct hy_error *err) {
    enum { BOTH = 2 * HY_ID_LEN + 1 }; // dossier "." case id
    struct hy_bytes key = record->key;
    bool has_case = command->case_id[0] != '\0';
    if (!hy_id_valid(command->dossier) || (has_case && !hy_id_valid(command->case_id))) {
        return hy_fail(err, HY_EINVALID, "command without a valid dossier or case id");
    }
    bool dossier = key.len >= HY_ID_LEN && memcmp(key.data, command->dossier, HY_ID_LEN) == 0;
    bool case_id = has_case && key.len == BOTH && key.data[HY_ID_LEN] == '.' &&
                   memcmp(key.data + HY_ID_LEN + 1, command->case_id, HY_ID_LEN) == 0;
    if (dossier && (key.len == HY_ID_LEN || case_id)) return HY_OK;
    return hy_fail(err, HY_EINVALID, "the record's key is not the command's dossier and case");
}

static int judge(struct hy_lane_ctx *ctx, const struct hy_record *record, const Huiying__V1__Command *command,
                 struct hy_effects *effects, struct hy_error *err) {
    struct hy_engine engine = engine_of(hy_lane_user(ctx));
    struct hy_engine_view view = {view_get, ctx};
    struct hy_engine_input input = {hy_lane_now(ctx), record->topic, record->partition, record->offset, record->log_id};
    return hy_engine_apply(&engine, hy_lane_arena(ctx), &view, command, &input, effects, err);
}

static void fire_for_now(struct hy_lane_ctx *ctx, const struct hy_record *record, Huiying__V1__Command *command) {
    Huiying__V1__Case *found = NULL;
    struct hy_bytes value;
    struct hy_error why = {0};
    if (command->body_case != HUIYING__V1__COMMAND__BODY_TIMER_FIRED ||
        hy_lane_get(ctx, record->key, &value) != HY_OK ||
        hy_pb_read(&huiying__v1__case__descriptor, hy_lane_arena(ctx), value, 1, &found, &why) != HY_OK)
        return;
    for (size_t i = 0; i < found->n_clocks; i++)
        if (strcmp(found->clocks[i]->name, command->timer_fired->clock) == 0)
            command->timer_fired->epoch = found->clocks[i]->epoch;
}

static int handle(struct hy_lane_ctx *ctx, const struct hy_record *record, struct hy_error *err) {
    Huiying__V1__Command *command = NULL;
    struct casework *casework = hy_lane_user(ctx);
    int rc = hy_pb_read(&huiying__v1__command__descriptor, hy_lane_arena(ctx), record->value, 1, &command, err);
    if (rc == HY_OK) rc = check_key(record, command, err);
    if (rc != HY_OK) return rc;
    if (HY_BROKEN(fire_without_epoch)) fire_for_now(ctx, record, command);
    struct hy_effects effects;
    rc = judge(ctx, record, command, &effects, err);
    if (rc == HY_ENOTFOUND) { // a pack that was just published: fold the registry on, and only then refuse
        struct hy_error why = {0};
        if (hy_packs_refresh(casework->packs, 3000, &why) != HY_OK) return HY_EAGAIN;
        rc = judge(ctx, record, command, &effects, err);
    }
    if (rc != HY_OK) return rc;
    hy_metric_add(casework->judged[effects.outcome], 1);
    if (effects.outcome == HY_ENGINE_SKIPPED) return HY_OK;
    if (effects.outcome == HY_ENGINE_DEAD) return hy_lane_dead(ctx, "not_a_command", effects.reason, err);
    return write_effects(ctx, &effects, err);
}

// The message that the command brings or is about; most commands of people are about a case instead.
static void identify(struct hy_arena *arena, struct hy_bytes value, char out[HY_ID_SIZE]) {
    Huiying__V1__Command *command = NULL;
    struct hy_error why = {0};
    if (hy_pb_read(&huiying__v1__command__descriptor, arena, value, 0, &command, &why) != HY_OK) return;
    const char *id = "";
    if (command->body_case == HUIYING__V1__COMMAND__BODY_MESSAGE && command->message->event)
        id = command->message->event->id;
    else if (command->body_case == HUIYING__V1__COMMAND__BODY_ACT)
        id = command->act->event_id;
    if (hy_id_valid(id)) snprintf(out, HY_ID_SIZE, "%s", id);
}

static int tick_key(struct hy_lane_ctx *ctx, const char *key, int64_t now_ms, struct hy_error *err) {
    struct hy_engine engine = engine_of(hy_lane_user(ctx));
    struct hy_engine_view view = {view_get, ctx};
    struct hy_engine_input input = {now_ms, "", hy_lane_partition(ctx), -1, ""};
    struct hy_effects effects;
    int rc = hy_engine_tick(&engine, hy_lane_arena(ctx), &view, key, &input, &effects, err);
    if (rc != HY_OK) return rc;
    if (effects.outcome != HY_ENGINE_SKIPPED) return write_effects(ctx, &effects, err);
    return due_index_set(hy_lane_data(ctx), hy_bytes_of(key), INT64_MAX);
}

static int tick(struct hy_lane_ctx *ctx, int32_t partition, int64_t now_ms, struct hy_error *err) {
    (void)partition;
    struct due_index *index = hy_lane_data(ctx);
    struct hy_bytes key;
    for (int i = 0; i < TICKS_PER_TURN && due_index_first(index, now_ms, &key); i++) {
        const char *name = hy_arena_strn(hy_lane_arena(ctx), (const char *)key.data, key.len);
        if (!name) return HY_OK; // the arena is full: the rest comes with the next tick
        hy_lane_mark(ctx);
        int rc = tick_key(ctx, name, now_ms, err);
        if (rc != HY_OK) { // one bad record must not hold the others up, and nothing of it may be done by half
            hy_lane_back(ctx);
            HY_ERROR("casework.tick", "a stored case could not be looked at; tried again in a minute",
                     "code=%s why=\"%s\"", hy_error_name(rc), err->text);
            return due_index_set(index, hy_bytes_of(name), now_ms + TICK_RETRY_MS);
        }
    }
    return HY_OK;
}

static void *open_partition(void *user, int32_t partition) {
    (void)user;
    (void)partition;
    return due_index_new();
}

static void close_partition(void *user, void *data, int32_t partition) {
    (void)user;
    (void)partition;
    due_index_free(data);
}

static int load_key(void *user, void *data, struct hy_bytes key, struct hy_bytes value, struct hy_error *err) {
    struct hy_arena *arena = hy_arena_new(LOAD_ARENA);
    const char *name = arena ? hy_arena_strn(arena, (const char *)key.data, key.len) : NULL;
    int64_t at_ms = INT64_MAX;
    struct hy_engine engine = engine_of(user);
    int rc = name ? hy_engine_next_tick(&engine, arena, name, value, &at_ms, err) : HY_ENOMEM;
    if (rc == HY_ENOTFOUND) { // a pack that was just published, by which the one before us opened cases
        struct hy_error why = {0};
        if (hy_packs_refresh(((struct casework *)user)->packs, 3000, &why) != HY_OK)
            rc = hy_fail(err, HY_EAGAIN, "%s", why.text);
        else
            rc = hy_engine_next_tick(&engine, arena, name, value, &at_ms, err);
    }
    hy_arena_free(arena);
    return rc == HY_OK ? due_index_set(data, key, at_ms) : rc;
}

struct hy_lane_handler casework_handler(struct casework *casework) {
    register_outcomes(casework);
    return (struct hy_lane_handler){
        .name = "casework",
        .inputs = {HY_TOPIC_COMMANDS},
        .state = HY_TOPIC_CASES,
        .outputs = {HY_TOPIC_JOURNAL, HY_TOPIC_CONTENT, HY_TOPIC_COMMANDS},
        .max_record_bytes = 1024 * 1024,
        .handle = handle,
        .identify = identify,
        .tick = tick,
        .open = open_partition,
        .load = load_key,
        .close = close_partition,
        .user = casework,
    };
}
