// hyctl incident: past messages through the router's subjects and the sentinel's counting, in virtual time.
#include <stdlib.h>
#include <string.h>

#include "lib/core/incident.h"
#include "lib/core/route.h"
#include "tools/hyctl/batch.h"

struct member {
    char *id;
    int64_t at_ms;
};

// A subject with its state and who spoke of it.
struct entry {
    struct hy_subject_state *state;
    char *key;
    struct member *members;
    int n, cap;
    uint64_t run;
};

struct hyctl_replay {
    const struct hy_dispatch *dispatch;
    struct hy_route_scratch *scratch;
    struct hy_incident_rules rules;
    struct entry **slots; // open addressing by key
    size_t n, cap;
    int64_t now_ms;
};

struct hyctl_replay *hyctl_replay_new(const struct hy_dispatch *dispatch, const struct hy_pack *pack) {
    struct hyctl_replay *replay = calloc(1, sizeof *replay);
    if (replay == NULL) return NULL;
    replay->dispatch = dispatch;
    replay->scratch = hy_route_scratch_new(dispatch);
    replay->cap = 1024;
    replay->slots = calloc(replay->cap, sizeof(struct entry *));
    if (replay->scratch == NULL || replay->slots == NULL || hy_incident_rules(&pack->incident, &replay->rules) < 0) {
        hyctl_replay_free(replay);
        return NULL;
    }
    return replay;
}

static void entry_free(struct entry *entry) {
    if (entry == NULL) return;
    for (int i = 0; i < entry->n; i++)
        free(entry->members[i].id);
    free(entry->members);
    free(entry->key);
    hy_subject_free(entry->state);
    free(entry);
}

void hyctl_replay_free(struct hyctl_replay *replay) {
    if (replay == NULL) return;
    for (size_t i = 0; replay->slots != NULL && i < replay->cap; i++)
        entry_free(replay->slots[i]);
    free(replay->slots);
    hy_route_scratch_free(replay->scratch);
    free(replay);
}

static uint64_t hash_of(const char *key) {
    uint64_t hash = 1469598103934665603ULL;
    for (; *key != '\0'; key++)
        hash = (hash ^ (uint8_t)*key) * 1099511628211ULL;
    return hash;
}

static struct entry **slot_of(struct entry **slots, size_t cap, const char *key) {
    size_t at = hash_of(key) & (cap - 1);
    while (slots[at] != NULL && strcmp(slots[at]->key, key) != 0)
        at = (at + 1) & (cap - 1);
    return &slots[at];
}

static int widen(struct hyctl_replay *replay) {
    size_t cap = replay->cap * 2;
    struct entry **slots = calloc(cap, sizeof(struct entry *));
    if (slots == NULL) return HY_ENOMEM;
    for (size_t i = 0; i < replay->cap; i++)
        if (replay->slots[i] != NULL) *slot_of(slots, cap, replay->slots[i]->key) = replay->slots[i];
    free(replay->slots);
    replay->slots = slots;
    replay->cap = cap;
    return 0;
}

static struct entry *entry_of(struct hyctl_replay *replay, const struct hy_subject *subject) {
    if (replay->n * 2 >= replay->cap && widen(replay) < 0) return NULL;
    struct entry **slot = slot_of(replay->slots, replay->cap, subject->key);
    if (*slot != NULL) return *slot;
    struct entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL) return NULL;
    entry->key = strdup(subject->key);
    entry->state = hy_subject_new(&replay->rules, subject->key, subject->topic, subject->place, subject->entity);
    if (entry->key == NULL || entry->state == NULL) {
        entry_free(entry);
        return NULL;
    }
    replay->n++;
    return *slot = entry;
}

static int add_member(struct entry *entry, const char *id, int64_t at_ms) {
    if (entry->n == entry->cap) {
        int cap = entry->cap == 0 ? 4 : entry->cap * 2;
        struct member *wider = realloc(entry->members, (size_t)cap * sizeof *wider);
        if (wider == NULL) return HY_ENOMEM;
        entry->members = wider;
        entry->cap = cap;
    }
    char *copy = strdup(id);
    if (copy == NULL) return HY_ENOMEM;
    entry->members[entry->n++] = (struct member){copy, at_ms};
    return 0;
}

// At the opening of a run only what lies in the window belongs to it.
static void drop_members_before(struct entry *entry, int64_t from_ms) {
    int kept = 0;
    for (int i = 0; i < entry->n; i++) {
        if (entry->members[i].at_ms >= from_ms)
            entry->members[kept++] = entry->members[i];
        else
            free(entry->members[i].id);
    }
    entry->n = kept;
}

static void say(struct entry *entry, const struct hy_observation *seen, struct hy_buf *out) {
    bool opens = seen->run != entry->run;
    entry->run = seen->run;
    if (opens) drop_members_before(entry, seen->window_start_ms);
    char time[HY_TIME_TEXT];
    hy_buf_adds(out, "{");
    hyctl_add_text(out, "time", hy_time_format((struct hy_time){seen->window_end_ms, HY_SHANGHAI_MINUTES}, time));
    hy_buf_adds(out, ",\"incident\":\"");
    hy_buf_add_json(out, entry->key, strlen(entry->key));
    hy_buf_addf(out, "#%llu\",", (unsigned long long)seen->run);
    hyctl_add_text(out, "action", opens ? "open" : "grow");
    hy_buf_addf(out, ",\"level\":%u,\"writers\":%llu,\"usual\":%.2f,", seen->level, (unsigned long long)seen->writers,
                seen->usual);
    hyctl_add_text(out, "entity", seen->entity);
    hy_buf_adds(out, ",\"members\":[");
    for (int i = 0; i < entry->n; i++) {
        hy_buf_adds(out, i == 0 ? "\"" : ",\"");
        hy_buf_add_json(out, entry->members[i].id, strlen(entry->members[i].id));
        hy_buf_adds(out, "\"");
    }
    hy_buf_adds(out, "]}\n");
}

// One message as the replay needs it.
struct message {
    const char *id, *author, *title, *text;
    int64_t at_ms;
};

static int read_message(const json_t *row, struct message *message, struct hy_error *err) {
    const char *time;
    if (hyctl_need(row, "id", &message->id, err) < 0 || hyctl_need(row, "time", &time, err) < 0 ||
        hyctl_text(row, "author", &message->author, err) < 0 || hyctl_text(row, "title", &message->title, err) < 0 ||
        hyctl_need(row, "text", &message->text, err) < 0)
        return err->code;
    if (message->author == NULL) message->author = message->id; // unknown writers are taken to be different people
    struct hy_time at;
    int rc = hy_time_parse(time, &at, err);
    if (rc < 0) return hy_fail_at(err, "\"time\"");
    message->at_ms = at.unix_ms;
    return 0;
}

static int count(struct hyctl_replay *replay, const struct hy_subject *subject, const struct message *message,
                 struct hy_buf *out) {
    struct entry *entry = entry_of(replay, subject);
    if (entry == NULL) return HY_ENOMEM;
    struct hy_sighted sighted = {.event_id = message->id, .author = message->author, .occurred_ms = message->at_ms};
    int fate = hy_subject_sighted(entry->state, &replay->rules, &sighted, replay->now_ms);
    if (fate < 0) return fate;
    if (fate == HY_SIGHTED_COUNTED && add_member(entry, message->id, message->at_ms) < 0) return HY_ENOMEM;
    struct hy_observation seen;
    if (hy_subject_observe(entry->state, &replay->rules, replay->now_ms, &seen)) say(entry, &seen, out);
    return 0;
}

int hyctl_replay_line(void *ctx, const json_t *row, struct hy_buf *out, struct hy_error *err) {
    struct hyctl_replay *replay = ctx;
    struct message message;
    int rc = read_message(row, &message, err);
    if (rc < 0) return rc;
    if (replay->now_ms == 0) replay->rules.watching_since_ms = message.at_ms;
    if (message.at_ms > replay->now_ms) replay->now_ms = message.at_ms;
    struct hy_route_input input = {.title = hy_bytes_of(message.title), .text = hy_bytes_of(message.text)};
    struct hy_route decided;
    rc = hy_route_decide(replay->dispatch, replay->scratch, &input, &decided);
    if (rc < 0) return hy_fail(err, rc, "the message could not be routed: %s", hy_error_text(rc));
    struct hy_subject subjects[HY_SUBJECTS];
    int n = hy_route_subjects(replay->dispatch, replay->scratch, &decided, subjects);
    for (int i = 0; i < n && rc == 0; i++)
        if (subjects[i].weight * 100 >= HY_SUBJECT_MAIN_PERCENT) rc = count(replay, &subjects[i], &message, out);
    return rc < 0 ? hy_fail(err, rc, "the message could not be counted: %s", hy_error_text(rc)) : 0;
}

static int run_replay(const struct hyctl_args *args) {
    struct hyctl_data data = {0};
    int rc = hyctl_load_pack(args, &data);
    if (rc == HYCTL_OK) rc = hyctl_load_dispatch(args, &data);
    struct hyctl_replay *replay = rc == HYCTL_OK ? hyctl_replay_new(data.dispatch, data.pack) : NULL;
    if (replay != NULL) {
        rc = hyctl_batch(stdin, stdout, hyctl_replay_line, replay);
    } else if (rc == HYCTL_OK) {
        hyctl_error("the pack %s has no usable incident thresholds (or memory is out)", data.pack->id);
        rc = HYCTL_FAILED;
    }
    hyctl_replay_free(replay);
    hyctl_data_free(&data);
    return rc;
}

static const struct hyctl_option options[] = {HYCTL_PACK_OPTION, HYCTL_POLICIES_OPTION, {NULL, NULL, NULL}};

const struct hyctl_command hyctl_incident_commands[] = {
    {.group = "incident",
     .name = "replay",
     .summary = "Which incidents past messages would have made",
     .options = options,
     .details =
         "Reads JSON Lines {\"id\",\"time\",\"author\",\"title\",\"text\"} in time order; writes a line whenever an "
         "incident opens or\n"
         "grows: {\"time\",\"incident\",\"action\",\"level\",\"writers\",\"usual\",\"entity\",\"members\":[ids]}, "
         "level 1 (I, worst) to 4 (IV).",
     .example = "hyctl incident replay --pack national < messages.jsonl",
     .run = run_replay},
    {.group = NULL},
};
