#include "tests/sim/story.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "huiying/v1/journal.pb-c.h"
#include "huiying/v1/work.pb-c.h"
#include "lib/base/pb.h"
#include "tests/sim/audit.h"
#include "tests/sim/kafka.h"
#include "tests/sim/people.h"

enum { SECOND = 1000, WITHIN_MS = 120 * SECOND, ARENA = 1 << 20 };

#define VERB(name)  HUIYING__V1__VERB__VERB_##name
#define STATE(name) HUIYING__V1__CASE_STATE__CASE_STATE_##name
#define KIND(name)  HUIYING__V1__EVENT_KIND__EVENT_KIND_##name

static const struct source {
    const char *key, *platform;
    Huiying__V1__EventKind kind;
    const char *kind_name, *topic;
    bool by_author; // a dossier an author, else a message
} SOURCES[] = {{"web", "web", KIND(FORM), "FORM", HY_TOPIC_COMMENTS, false},
               {"weixin", "weixin", KIND(PRIVATE_MESSAGE), "PRIVATE_MESSAGE", HY_TOPIC_COMMENTS, true},
               {"weibo", "weibo", KIND(MENTION), "MENTION", HY_TOPIC_COMMENTS, true},
               {"signals", "yuqing", KIND(SIGNAL), "SIGNAL", HY_TOPIC_SIGNALS, false}};

// The water bureau answers one letter; 网信办 acknowledges. Everybody else is away.
static const struct people_plan PLANS[] = {
    {"letter", STATE(ASSIGNED), VERB(SIGN), SECOND, SECOND, "department", "", "", "", ""},
    {"letter", STATE(SIGNED), VERB(HANDLE), 4 * SECOND, 4 * SECOND, "department", "", "", "", ""},
    {"letter", STATE(HANDLED), VERB(REPLY), 4 * SECOND, 4 * SECOND, "department", "您好！抢修人员已到现场。", "", "",
     ""},
    {"letter", STATE(DRAFTED), VERB(APPROVE), 3 * SECOND, 3 * SECOND, "department", "", "", "", ""},
    {"letter", STATE(DELIVERED), VERB(CLOSE), SECOND, SECOND, "department", "", "solved", "", ""},
    {"incident", STATE(ASSIGNED), VERB(ACKNOWLEDGE), 10 * SECOND, 10 * SECOND, "wangxinban", "", "", "", ""},
};
static const char ANSWERED[] = "leak"; // the message whose letter is answered

enum milestone { ROUTED, ANSWER, WARNED, OVERDUE, ESCALATED, INCIDENT, NOTIFIED, ACKNOWLEDGED, MILESTONES };
static const char *const NAMES[MILESTONES] = {"routed",    "answered",      "warned",   "overdue",
                                              "escalated", "incident open", "notified", "acknowledged"};

static json_t *story;
static int64_t reached[MILESTONES]; // 0 = not yet
static char answered_dossier[HY_ID_SIZE];
static struct hy_arena *arena;

static void reach(enum milestone milestone) {
    if (!reached[milestone]) reached[milestone] = sim_now.now_ms;
}

// ---- its messages ----

static const char *text_of(const json_t *message, const char *name) {
    const char *text = json_string_value(json_object_get(message, name));
    return text ? text : "";
}

static void set_ids(const json_t *message, const struct source *source, char native_id[64], char event_id[HY_ID_SIZE],
                    char dossier[HY_ID_SIZE]) {
    const char *who = text_of(message, source->by_author ? "who" : "id");
    snprintf(native_id, 64, "%s-%s%s-%.1f", source->key, who, text_of(message, "id"),
             json_number_value(json_object_get(message, "at")));
    hy_event_id(source->platform, "chengtang", native_id, source->kind_name, event_id);
    hy_dossier_id(source->platform, "chengtang", source->by_author ? who : native_id, dossier);
}

static void publish(void *ctx, uint64_t at) {
    const struct source *source = ctx;
    const json_t *message = json_array_get(json_object_get(story, source->key), at);
    Huiying__V1__Event event = HUIYING__V1__EVENT__INIT;
    Huiying__V1__Time now = HUIYING__V1__TIME__INIT;
    Huiying__V1__Author author = HUIYING__V1__AUTHOR__INIT;
    char native_id[64], event_id[HY_ID_SIZE], dossier[HY_ID_SIZE];
    struct hy_bytes value;
    set_ids(message, source, native_id, event_id, dossier);
    now.unix_ms = sim_now.now_ms;
    now.offset_minutes = HY_SHANGHAI_MINUTES;
    author.handle = (char *)(uintptr_t)text_of(message, source->by_author ? "who" : "author");
    event.schema_version = 1;
    event.id = event_id;
    event.platform = (char *)(uintptr_t)source->platform;
    event.account = (char *)(uintptr_t) "chengtang";
    event.native_id = native_id;
    event.kind = source->kind;
    event.dossier = dossier;
    event.author = &author;
    event.occurred = event.received = event.ingested = &now;
    event.title = (char *)(uintptr_t)text_of(message, "title");
    event.text = (char *)(uintptr_t)text_of(message, "text");
    hy_arena_reset(arena);
    if (hy_pb_write(&event, arena, &value) != HY_OK) abort();
    const char *key = source->kind == KIND(SIGNAL) ? native_id : dossier;
    if (sim_append(source->topic, -1, hy_bytes_of(key), value, false, NULL, NULL) != HY_OK) {
        sim_after(SECOND, publish, ctx, at);
        return;
    }
    if (source->kind != KIND(SIGNAL)) audit_accepted(event_id);
    if (strcmp(text_of(message, "id"), ANSWERED) == 0) memcpy(answered_dossier, dossier, HY_ID_SIZE);
}

// ---- what is seen of it ----

static void on_journal(void *ctx, const char *topic, int32_t partition, const struct sim_record *in) {
    Huiying__V1__JournalRecord *record = NULL;
    (void)ctx;
    (void)topic;
    (void)partition;
    hy_arena_reset(arena);
    if (hy_pb_read(&huiying__v1__journal_record__descriptor, arena, in->value, 1, &record, NULL) != HY_OK) abort();
    bool applied = record->verdict == HUIYING__V1__VERDICT__VERDICT_APPLIED;
    bool opened = record->state_before[0] == 0 && record->state_after[0];
    if (opened) reach(strcmp(record->command, "observed") == 0 ? INCIDENT : ROUTED);
    if (strcmp(record->state_after, "delivered") == 0) reach(ANSWER);
    if (applied && strcmp(record->command, "acknowledge") == 0) reach(ACKNOWLEDGED);
    for (size_t i = 0; i < record->n_clocks; i++) {
        if (strcmp(record->clocks[i]->what, "warned") == 0) reach(WARNED);
        if (strcmp(record->clocks[i]->what, "breached") == 0) reach(OVERDUE);
    }
    for (size_t i = 0; i < record->n_deliveries; i++) {
        const Huiying__V1__DeliveryChange *change = record->deliveries[i];
        if (strcmp(change->target, "cac_webhook") == 0 && strcmp(change->what, "sent") == 0) reach(NOTIFIED);
    }
}

static void on_work(void *ctx, const char *topic, int32_t partition, const struct sim_record *in) {
    Huiying__V1__WorkItem *item = NULL;
    (void)ctx;
    (void)topic;
    (void)partition;
    hy_arena_reset(arena);
    if (hy_pb_read(&huiying__v1__work_item__descriptor, arena, in->value, 1, &item, NULL) != HY_OK) abort();
    const struct seen_case *c = seen_find(item->case_id);
    bool reminder = item->kind == HUIYING__V1__WORK_KIND__WORK_KIND_REMINDED;
    if (c && reminder && strcmp(item->department, c->owner) != 0) reach(ESCALATED); // somebody above heard of it
}

bool story_see(struct seen_case *c) {
    if (!story) return false;
    if (strcmp(c->kind, "incident") == 0 || strcmp(c->dossier, answered_dossier) == 0)
        people_follow(c, PLANS, sizeof PLANS / sizeof PLANS[0]);
    return true;
}

void story_start(const char *path) {
    json_error_t where;
    story = json_load_file(path, 0, &where);
    arena = hy_arena_new(ARENA);
    if (!story || !arena) {
        fprintf(stderr, "sim: %s: line %d: %s\n", path, where.line, where.text);
        exit(2);
    }
    memset(reached, 0, sizeof reached);
    answered_dossier[0] = 0;
    sim_kafka_tap(HY_TOPIC_JOURNAL, on_journal, NULL);
    sim_kafka_tap(HY_TOPIC_WORK "*", on_work, NULL);
    for (size_t s = 0; s < sizeof SOURCES / sizeof SOURCES[0]; s++) {
        const json_t *list = json_object_get(story, SOURCES[s].key);
        for (size_t i = 0; i < json_array_size(list); i++) {
            double at = json_number_value(json_object_get(json_array_get(list, i), "at"));
            sim_after((int64_t)(at * SECOND), publish, (void *)(uintptr_t)&SOURCES[s], i);
        }
    }
}

int story_judge(void) {
    int missed = 0;
    for (int i = 0; i < MILESTONES; i++) {
        int64_t after = reached[i] - sim_now.start_ms;
        bool well = reached[i] && after <= WITHIN_MS;
        missed += !well;
        if (reached[i])
            printf("  %-14s after %5.1f s%s\n", NAMES[i], (double)after / SECOND, well ? "" : ": too late");
        else
            printf("  %-14s never\n", NAMES[i]);
    }
    return missed;
}

void story_end(void) {
    json_decref(story);
    story = NULL;
    hy_arena_free(arena);
    arena = NULL;
}
