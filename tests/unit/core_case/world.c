#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"

#define V(name) HUIYING__V1__VERB__VERB_##name

const struct hy_pack *world_packs[WORLD_PACKS];
static struct hy_pack *owned_packs[WORLD_PACKS];
static struct hy_calendar *calendar;

// Small limits, so that a few commands reach them.
static const char district[] = "pack: district\n"
                               "name: 试验区\n"
                               "jurisdiction: 试验区\n"
                               "source: tests\n"
                               "inherits: national\n"
                               "valid_from: 2020-01-01\n"
                               "departments:\n"
                               "  jiaoyu: {name: 教育局, supervisor: bangongshi}\n"
                               "  chengguan: {name: 城管局, supervisor: bangongshi}\n"
                               "  shuiwu: {name: 水务局, supervisor: bangongshi}\n"
                               "kinds:\n"
                               "  letter:\n"
                               "    reviews: 2\n"
                               "    max_members: 6\n";
static const char reopening[] = "pack: reopening\n"
                                "name: 试验区\n"
                                "jurisdiction: 试验区\n"
                                "source: tests\n"
                                "inherits: district\n"
                                "valid_from: 2020-01-01\n"
                                "kinds:\n"
                                "  letter:\n"
                                "    reviews: 0\n"
                                "    late_reopens: true\n"
                                "    deliveries:\n"
                                "      second: {purpose: reply, at: approved, target: status_page, text: \"\"}\n"
                                "    clocks:\n"
                                "      reply: {length: 15, unit: workdays, article: N7}\n"
                                "      sign:\n"
                                "        label: 签收\n"
                                "        article: N6\n"
                                "        proposed: true\n"
                                "        length: 60\n"
                                "        unit: work_minutes\n"
                                "        start: assigned\n"
                                "        stop: signed\n"
                                "        warnings: []\n"
                                "        ladder:\n"
                                "          - {at: 100, notify: owner, action: remind}\n"
                                "      rectify:\n"
                                "        label: 整改\n"
                                "        article: R001-15b\n"
                                "        proposed: true\n"
                                "        length: 60\n"
                                "        outside: 240\n"
                                "        unit: wall_minutes\n"
                                "        class_by_receipt: true\n"
                                "        start: received\n"
                                "        stop: handled\n"
                                "        warnings: [50]\n"
                                "        ladder:\n"
                                "          - {at: 50, notify: owner, action: remind}\n"
                                "          - {at: 100, notify: owner, action: remind}\n";

static const struct hy_pack *pack_of(void *ctx, const char *hash) {
    (void)ctx;
    if (hash[0] == '\0') return world_packs[0];
    for (int i = 0; i < WORLD_PACKS; i++) {
        if (strcmp(world_packs[i]->hash, hash) == 0) return world_packs[i];
    }
    return NULL;
}

static int load_packs(const char *national) {
    static const char *const ids[WORLD_PACKS] = {"district", "reopening", "national"};
    const struct hy_pack_source sources[] = {{"national.yaml", hy_bytes_of(national)},
                                             {"district.yaml", hy_bytes_of(district)},
                                             {"reopening.yaml", hy_bytes_of(reopening)}};
    for (int i = 0; i < WORLD_PACKS; i++) {
        struct hy_buf problems = {0};
        if (hy_pack_load(sources, 3, ids[i], &owned_packs[i], &problems) != 0) {
            fprintf(stderr, "%s\n", problems.data);
            return -1;
        }
        hy_buf_free(&problems);
        world_packs[i] = owned_packs[i];
    }
    return 0;
}

int world_setup(void **state) {
    (void)state;
    struct hy_buf text = {0};
    calendar = hy_calendar_new();
    if (calendar == NULL) return -1;
    for (int year = 2025; year <= 2026; year++) {
        char path[512];
        snprintf(path, sizeof path, "%s/deploy/calendars/%d.json", HY_SOURCE_DIR, year);
        if (hy_read_file(path, 1 << 20, &text, NULL) != 0 ||
            hy_calendar_add_year(calendar, path, hy_buf_view(&text), NULL) != 0)
            return -1;
    }
    int rc = hy_read_file(HY_SOURCE_DIR "/deploy/policies/national.yaml", 1 << 20, &text, NULL);
    if (rc == 0) rc = load_packs(text.data);
    hy_buf_free(&text);
    return rc;
}

int world_teardown(void **state) {
    (void)state;
    for (int i = 0; i < WORLD_PACKS; i++) {
        hy_pack_free(owned_packs[i]);
    }
    hy_calendar_free(calendar);
    return 0;
}

static struct world_entry *entry_of(const struct world *w, const char *key) {
    for (size_t i = 0; i < w->n_store; i++) {
        if (strcmp(w->store[i].key, key) == 0) return &w->store[i];
    }
    return NULL;
}

struct hy_bytes world_get(const struct world *w, const char *key) {
    const struct world_entry *entry = entry_of(w, key);
    return entry == NULL ? (struct hy_bytes){0} : hy_bytes_from(entry->data, entry->len);
}

static struct hy_bytes view_get(void *ctx, const char *key) {
    return world_get(ctx, key);
}

struct world *world_new(void) {
    struct world *w = calloc(1, sizeof *w);
    w->engine = (struct hy_engine){.pack_of = pack_of, .calendar = calendar};
    w->view = (struct hy_engine_view){.get = view_get, .ctx = w};
    w->turn = hy_arena_new(8 << 20);
    w->build = hy_arena_new(256 << 20);
    w->audit = audit_new();
    w->now = 1772416800000; // 2026-03-02 10:00 +08:00, a Monday
    w->offset = 100;
    hy_dossier_id("web", "mailbox", "citizen-1", w->dossier);
    return w;
}

void world_free(struct world *w) {
    for (size_t i = 0; i < w->n_store; i++) {
        free(w->store[i].key);
        free(w->store[i].data);
    }
    free(w->store);
    hy_arena_free(w->turn);
    hy_arena_free(w->build);
    audit_free(w->audit);
    free(w);
}

static void put(struct world *w, const char *key, struct hy_bytes value) {
    struct world_entry *entry = entry_of(w, key);
    if (entry == NULL) {
        if (w->n_store == w->cap_store) {
            w->cap_store = w->cap_store == 0 ? 16 : w->cap_store * 2;
            w->store = realloc(w->store, w->cap_store * sizeof *w->store);
        }
        entry = &w->store[w->n_store++];
        *entry = (struct world_entry){.key = strdup(key)};
    }
    free(entry->data);
    entry->data = malloc(value.len + 1);
    if (value.len > 0) memcpy(entry->data, value.data, value.len);
    entry->len = value.len;
}

static const char *settle(struct world *w, const Huiying__V1__Command *cmd, int rc) {
    if (rc != 0) return w->err.text;
    const char *fault = audit_turn(w->audit, cmd, &w->out, &w->view, w->now);
    for (size_t i = 0; i < w->out.n_puts; i++) {
        put(w, w->out.puts[i].key, w->out.puts[i].value);
        const char *dot = strchr(w->out.puts[i].key, '.');
        bool opened = w->out.n_journal == 1 && w->out.journal[0].record->state_before[0] == '\0' && dot != NULL;
        if (!opened) continue;
        snprintf(w->dossier, sizeof w->dossier, "%.26s", w->out.puts[i].key);
        snprintf(w->case_id, sizeof w->case_id, "%s", dot + 1);
    }
    return fault;
}

const char *world_try(struct world *w, const Huiying__V1__Command *cmd) {
    struct hy_engine_input in = {
        .now_ms = w->now, .topic = "hy.commands", .partition = 3, .offset = w->offset++, .log_id = "log-1"};
    hy_arena_reset(w->turn);
    return settle(w, cmd, hy_engine_apply(&w->engine, w->turn, &w->view, cmd, &in, &w->out, &w->err));
}

const char *world_try_tick(struct world *w, const char *key) {
    struct hy_engine_input in = {.now_ms = w->now};
    hy_arena_reset(w->turn);
    return settle(w, NULL, hy_engine_tick(&w->engine, w->turn, &w->view, key, &in, &w->out, &w->err));
}

enum hy_engine_outcome world_apply(struct world *w, Huiying__V1__Command *cmd) {
    const char *fault = world_try(w, cmd);
    if (fault != NULL) fail_msg("%s", fault);
    return w->out.outcome;
}

enum hy_engine_outcome world_tick(struct world *w, const char *key) {
    const char *fault = world_try_tick(w, key);
    if (fault != NULL) fail_msg("%s", fault);
    return w->out.outcome;
}

void world_advance(struct world *w, int64_t ms) {
    w->now += ms;
}

Huiying__V1__Case *world_case_of(struct world *w, const char *dossier, const char *case_id) {
    struct hy_bytes bytes = world_get(w, hy_case_key(w->build, dossier, case_id));
    return bytes.len == 0 ? NULL : huiying__v1__case__unpack(hy_arena_pb(w->build), bytes.len, bytes.data);
}

Huiying__V1__Case *world_case(struct world *w) {
    return world_case_of(w, w->dossier, w->case_id);
}

Huiying__V1__DossierRecord *world_dossier(struct world *w) {
    struct hy_bytes bytes = world_get(w, w->dossier);
    return bytes.len == 0 ? NULL : huiying__v1__dossier_record__unpack(hy_arena_pb(w->build), bytes.len, bytes.data);
}

const Huiying__V1__JournalRecord *world_record(const struct world *w) {
    return w->out.n_journal == 1 ? w->out.journal[0].record : NULL;
}

Huiying__V1__Clock *world_clock(struct world *w, const char *name) {
    Huiying__V1__Case *c = world_case(w);
    for (size_t i = 0; c != NULL && i < c->n_clocks; i++) {
        if (strcmp(c->clocks[i]->name, name) == 0) return c->clocks[i];
    }
    return NULL;
}

const Huiying__V1__WorkItem *world_work(const struct world *w, Huiying__V1__WorkKind kind, const char *department) {
    for (size_t i = 0; i < w->out.n_work; i++) {
        const Huiying__V1__WorkItem *item = w->out.work[i].item;
        if (item->kind == kind && (department == NULL || strcmp(w->out.work[i].department, department) == 0))
            return item;
    }
    return NULL;
}

static void *message(struct world *w, const ProtobufCMessageDescriptor *descriptor) {
    void *made = hy_arena_alloc(w->build, descriptor->sizeof_message);
    assert_non_null(made);
    protobuf_c_message_init(descriptor, made);
    return made;
}

Huiying__V1__Time *world_time(struct world *w, int64_t ms) {
    Huiying__V1__Time *time = message(w, &huiying__v1__time__descriptor);
    time->unix_ms = ms;
    time->offset_minutes = 480;
    return time;
}

Huiying__V1__Command *world_command(struct world *w) {
    Huiying__V1__Command *cmd = message(w, &huiying__v1__command__descriptor);
    cmd->schema_version = 1;
    cmd->id = hy_arena_fmt(w->build, "command-%llu", (unsigned long long)++w->ids);
    cmd->dossier = hy_arena_str(w->build, w->dossier);
    cmd->case_id = hy_arena_str(w->build, w->case_id);
    cmd->actor = message(w, &huiying__v1__actor__descriptor);
    cmd->actor->kind = HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PROGRAM;
    cmd->actor->id = hy_arena_str(w->build, "test");
    cmd->actor->role = hy_arena_str(w->build, "system");
    return cmd;
}

const char *world_event_id(struct world *w, const char *native_id) {
    char id[HY_ID_SIZE];
    hy_event_id("web", "mailbox", native_id, "LETTER", id);
    return hy_arena_str(w->build, id);
}

Huiying__V1__Command *world_message(struct world *w, const char *native_id, const char *text) {
    Huiying__V1__Command *cmd = world_command(w);
    cmd->case_id = hy_arena_str(w->build, "");
    cmd->body_case = HUIYING__V1__COMMAND__BODY_MESSAGE;
    cmd->message = message(w, &huiying__v1__message__descriptor);
    Huiying__V1__Event *event = cmd->message->event = message(w, &huiying__v1__event__descriptor);
    event->schema_version = 1;
    event->id = hy_arena_str(w->build, world_event_id(w, native_id));
    event->platform = hy_arena_str(w->build, "web");
    event->account = hy_arena_str(w->build, "mailbox");
    event->native_id = hy_arena_str(w->build, native_id);
    event->kind = HUIYING__V1__EVENT_KIND__EVENT_KIND_LETTER;
    event->dossier = cmd->dossier;
    event->author = message(w, &huiying__v1__author__descriptor);
    event->author->handle = hy_arena_str(w->build, "citizen-1");
    event->occurred = event->received = event->ingested = world_time(w, w->now);
    event->title = hy_arena_str(w->build, "来信");
    event->text = hy_arena_str(w->build, text);
    Huiying__V1__Route *route = cmd->message->route = message(w, &huiying__v1__route__descriptor);
    route->department = hy_arena_str(w->build, "jiaoyu");
    route->request = true;
    route->pack_hash = hy_arena_str(w->build, world_packs[0]->hash);
    return cmd;
}

Huiying__V1__Command *world_change(struct world *w, const char *native_id, Huiying__V1__EventKind kind,
                                   const char *of_native_id) {
    Huiying__V1__Command *cmd = world_message(w, native_id, "改为这样");
    char id[HY_ID_SIZE];
    hy_event_id("web", "mailbox", native_id, kind == HUIYING__V1__EVENT_KIND__EVENT_KIND_EDIT ? "EDIT" : "WITHDRAWAL",
                id);
    cmd->message->event->id = hy_arena_str(w->build, id);
    cmd->message->event->kind = kind;
    cmd->message->event->answers = hy_arena_str(w->build, world_event_id(w, of_native_id));
    cmd->message->route->request = false;
    return cmd;
}

Huiying__V1__Command *world_timer(struct world *w, const char *clock) {
    Huiying__V1__Command *cmd = world_command(w);
    cmd->body_case = HUIYING__V1__COMMAND__BODY_TIMER_FIRED;
    cmd->timer_fired = message(w, &huiying__v1__timer_fired__descriptor);
    cmd->timer_fired->clock = hy_arena_str(w->build, clock);
    const Huiying__V1__Clock *armed = world_clock(w, clock);
    if (armed != NULL) {
        cmd->timer_fired->epoch = armed->epoch;
        cmd->timer_fired->stage = armed->stage;
    }
    return cmd;
}

Huiying__V1__Command *world_act(struct world *w, Huiying__V1__Verb verb, const char *person, const char *department) {
    Huiying__V1__Command *cmd = world_command(w);
    cmd->body_case = HUIYING__V1__COMMAND__BODY_ACT;
    cmd->actor->kind = HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PERSON;
    cmd->actor->id = hy_arena_str(w->build, person);
    bool op = strcmp(department, "operator") == 0, cac = strcmp(department, "wangxinban") == 0;
    cmd->actor->role = hy_arena_str(w->build, op || cac ? department : "department");
    cmd->actor->department = hy_arena_str(w->build, op ? "" : department);
    const Huiying__V1__Case *c = world_case(w);
    if (c != NULL) {
        cmd->expectation_case = HUIYING__V1__COMMAND__EXPECTATION_EXPECTS;
        cmd->expects = c->step;
    }
    cmd->act = message(w, &huiying__v1__act__descriptor);
    cmd->act->verb = verb;
    if (verb == V(APPROVE) && c != NULL && c->draft != NULL) cmd->act->text_hash = c->draft->text_hash;
    return cmd;
}

Huiying__V1__Command *world_claim(struct world *w, const char *row, uint32_t attempt) {
    Huiying__V1__Command *cmd = world_command(w);
    cmd->body_case = HUIYING__V1__COMMAND__BODY_CLAIM_DELIVERY;
    cmd->claim_delivery = message(w, &huiying__v1__claim_delivery__descriptor);
    cmd->claim_delivery->row = hy_arena_str(w->build, row);
    cmd->claim_delivery->attempt = attempt;
    cmd->claim_delivery->courier = hy_arena_str(w->build, "courier-1");
    cmd->claim_delivery->lease_ms = 30000;
    return cmd;
}

Huiying__V1__Command *world_receipt(struct world *w, const char *row, uint32_t attempt,
                                    Huiying__V1__DeliveryOutcome outcome) {
    Huiying__V1__Command *cmd = world_command(w);
    cmd->body_case = HUIYING__V1__COMMAND__BODY_DELIVERY_RECEIPT;
    cmd->delivery_receipt = message(w, &huiying__v1__delivery_receipt__descriptor);
    cmd->delivery_receipt->row = hy_arena_str(w->build, row);
    cmd->delivery_receipt->attempt = attempt;
    cmd->delivery_receipt->outcome = outcome;
    cmd->delivery_receipt->receipt = hy_arena_str(w->build, "read back");
    cmd->delivery_receipt->seen = world_time(w, w->now);
    return cmd;
}

Huiying__V1__Command *world_observed(struct world *w, const char *subject, uint64_t counter, uint32_t level) {
    hy_incident_dossier(subject, w->dossier);
    Huiying__V1__Command *cmd = world_command(w);
    cmd->case_id = hy_arena_str(w->build, "");
    cmd->body_case = HUIYING__V1__COMMAND__BODY_OBSERVED;
    Huiying__V1__Observed *seen = cmd->observed = message(w, &huiying__v1__observed__descriptor);
    seen->subject = hy_arena_str(w->build, subject);
    seen->counter = counter;
    seen->episode = 1;
    seen->level = level;
    seen->writers = 10 + counter;
    seen->messages = 20 * counter;
    seen->window_start = world_time(w, w->now - 3600000);
    seen->window_end = world_time(w, w->now);
    return cmd;
}

void world_open(struct world *w) {
    char native[32];
    snprintf(native, sizeof native, "letter-%llu", (unsigned long long)++w->ids);
    assert_int_equal(world_apply(w, world_message(w, native, "学校门口没有斑马线")), HY_ENGINE_APPLIED);
    assert_non_null(world_case(w));
}

void world_reply(struct world *w, const char *text) {
    Huiying__V1__Case *c = world_case(w);
    if (c->state == HUIYING__V1__CASE_STATE__CASE_STATE_ASSIGNED)
        assert_int_equal(world_apply(w, world_act(w, V(SIGN), "zhang", c->owner)), HY_ENGINE_APPLIED);
    Huiying__V1__Command *reply = world_act(w, V(REPLY), "zhang", c->owner);
    reply->act->text = hy_arena_str(w->build, text);
    assert_int_equal(world_apply(w, reply), HY_ENGINE_APPLIED);
    if (world_case(w)->state == HUIYING__V1__CASE_STATE__CASE_STATE_APPROVED) return;
    assert_int_equal(world_apply(w, world_act(w, V(APPROVE), "li", c->owner)), HY_ENGINE_APPLIED);
    assert_int_equal(world_apply(w, world_act(w, V(APPROVE), "wang", c->owner)), HY_ENGINE_APPLIED);
    assert_int_equal(world_case(w)->state, HUIYING__V1__CASE_STATE__CASE_STATE_APPROVED);
}

void world_deliver(struct world *w, const char *row) {
    assert_int_equal(world_apply(w, world_claim(w, row, 1)), HY_ENGINE_APPLIED);
    assert_int_equal(world_apply(w, world_receipt(w, row, 1, HUIYING__V1__DELIVERY_OUTCOME__DELIVERY_OUTCOME_SENT)),
                     HY_ENGINE_APPLIED);
}
