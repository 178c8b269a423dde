#include "consumers/dashboard/acts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/dashboard/act_body.h"
#include "consumers/dashboard/out.h"
#include "lib/base/metrics.h"
#include "lib/base/random.h"
#include "lib/lane/topics.h"

enum { WAIT_MS = 3000, LOOK_MS = 1000, TICK_MS = 50, KEY_MAX = 128, COMMAND_ARENA = 1024 * 1024, WAITING_MAX = 2000 };

enum step { LOOKING, SENDING, WAITING }; // for the case in the view; for Kafka; for the verdict

struct act {
    struct act *next;
    struct acts *acts;
    struct hy_web_request *request; // NULL once answered
    bool listed;                    // in the list: freed only after it left it
    json_t *json;                   // what body borrows from
    struct act_body body;
    struct hy_web_identity identity;
    struct who who;
    char command_id[HY_ID_SIZE], case_id[HY_ID_SIZE], dossier[HY_ID_SIZE];
    bool on_event; // case_id is empty, body.event_id says what
    enum step step;
    bool in_flight; // the publisher still holds us
    int64_t since_ns, offset;
};

struct acts {
    struct queries *q;
    struct hy_publisher *publisher;
    struct hy_arena *arena;
    uv_timer_t timer;
    struct act *first;
    size_t waiting; // of the list, without an answer
    bool walking;   // along the list: nothing leaves it meanwhile
};

static void count(const char *answer) {
    char label[64];
    snprintf(label, sizeof label, "answer=\"%s\"", answer);
    hy_metric_add(hy_metric_get(HY_COUNTER, "huiying_dashboard_acts_total", "Acts of people, by answer.", label), 1);
}

static void free_act(struct act *act) {
    json_decref(act->json);
    free(act);
}

static void unlink_act(struct act *act) {
    for (struct act **at = &act->acts->first; *at; at = &(*at)->next) {
        if (*at != act) continue;
        *at = act->next;
        act->listed = false;
        return;
    }
}

// Frees an answered act, unless the publisher still calls back, or the list is being walked: the walk frees it at its
// end.
static void drop(struct act *act) {
    if (act->listed && act->acts->walking) return;
    if (act->listed) unlink_act(act);
    if (!act->in_flight) free_act(act);
}

static void settle(struct act *act) {
    act->acts->waiting--;
    act->request = NULL;
    drop(act);
}

static void refuse(struct act *act, unsigned status, const char *reason, const char *text) {
    if (status == 503) hy_web_set_header(act->request, "Retry-After", "1");
    hy_web_refuse(act->request, status, reason, "%s", text);
    count(reason);
    settle(act);
}

static void answer_pending(struct act *act) {
    json_t *body = json_object();
    out_text(body, "command_id", act->command_id);
    out_text(body, "verdict", "pending");
    hy_web_reply_json(act->request, 202, body);
    count("pending");
    settle(act);
}

// Takes verdict.
static void answer_verdict(struct act *act, json_t *verdict) {
    bool refused = strcmp(json_string_value(json_object_get(verdict, "verdict")), "refused") == 0;
    hy_web_reply_json(act->request, refused ? 409 : 200, verdict);
    count(refused ? "refused" : "done");
    settle(act);
}

// Does the view show the case as it is after our command? So that who reads it next sees what he did.
static bool case_is_shown(struct act *act, const json_t *verdict) {
    struct case_place place;
    const char *id = json_string_value(json_object_get(verdict, "case_id"));
    const char *word = json_string_value(json_object_get(verdict, "verdict"));
    if (act->offset < 0 || !id[0]) return true; // judged before, or about no case
    int rc = query_place(act->acts->q, &act->who, id, &place, NULL);
    return rc == HY_OK ? place.last_offset >= act->offset : strcmp(word, "applied") != 0;
}

// True when it was answered.
static bool try_verdict(struct act *act, bool last_try) {
    json_t *verdict = NULL;
    if (query_verdict(act->acts->q, act->command_id, &verdict, NULL) != HY_OK) return false;
    if (!last_try && !case_is_shown(act, verdict)) {
        json_decref(verdict);
        return false;
    }
    answer_verdict(act, verdict);
    return true;
}

static void on_published(void *opaque, const struct hy_published *result) {
    struct act *act = opaque;
    act->in_flight = false;
    if (!act->request) { // answered already
        drop(act);
        return;
    }
    if (result->status == HY_OK) {
        act->step = WAITING;
        act->offset = result->offset;
        (void)try_verdict(act, false);
    } else if (result->status == HY_EUNKNOWN) {
        act->step = WAITING; // it may stand in the log: its verdict tells
    } else {
        refuse(act, 503, "kafka", "the act could not be written down and had no effect; try again with the same key");
    }
}

// Where the act goes, as far as the view knows; HY_EDENIED for another one's case. A department that once had the case
// may speak: the engine refuses it with the new owner's name.
static int find_target(struct act *act, struct hy_error *err) {
    struct case_place place;
    if (act->on_event) return query_event_dossier(act->acts->q, act->body.event_id, act->dossier, err);
    int rc = query_place(act->acts->q, &act->who, act->case_id, &place, err);
    if (rc != HY_OK) return rc;
    snprintf(act->dossier, sizeof act->dossier, "%s", place.dossier);
    if (place.listed || who_may_see(&act->who, place.kind, place.owner)) return HY_OK;
    return hy_fail(err, HY_EDENIED, "the case is with %s", place.owner);
}

static int send_command(struct act *act, struct hy_error *err) {
    const struct act_target target = {act->command_id, act->dossier, act->case_id};
    char key[2 * HY_ID_SIZE + 1];
    struct hy_bytes value;
    hy_arena_reset(act->acts->arena);
    int64_t now = hy_wall_ms(act->acts->q->clock);
    if (act_command(act->acts->arena, &act->body, &act->who, &target, now, &value) != HY_OK)
        return hy_fail(err, HY_ENOMEM, "out of memory");
    snprintf(key, sizeof key, "%s%s%s", act->dossier, act->case_id[0] ? "." : "", act->case_id);
    int rc = hy_publish(act->acts->publisher, HY_TOPIC_COMMANDS, hy_bytes_of(key), value, on_published, act, err);
    if (rc != HY_OK) return rc;
    act->in_flight = true;
    act->step = SENDING;
    return HY_OK;
}

static void look(struct act *act, bool last_try) {
    struct hy_error err = {0};
    int rc = find_target(act, &err);
    if (rc == HY_ENOTFOUND && !last_try) return; // a feed may be ahead of the view
    if (rc == HY_OK) rc = send_command(act, &err);
    if (rc == HY_OK) return;
    if (rc == HY_ENOTFOUND)
        refuse(act, 404, "not_found", err.text);
    else if (rc == HY_EDENIED)
        refuse(act, 403, "not_yours", err.text);
    else
        refuse(act, 503, "kafka", "Kafka or the view is not ready; try again with the same key");
}

static void advance(struct act *act) {
    int64_t waited = ((int64_t)uv_hrtime() - act->since_ns) / 1000000;
    if (act->step == LOOKING) {
        look(act, waited >= LOOK_MS);
    } else if (!(act->step == WAITING && try_verdict(act, waited >= WAIT_MS)) && waited >= WAIT_MS) {
        answer_pending(act);
    }
}

static void drop_answered(struct acts *acts) {
    for (struct act *act = acts->first, *next; act; act = next) {
        next = act->next;
        if (!act->request) drop(act);
    }
}

void acts_wake(struct acts *acts) {
    acts->walking = true; // to publish one act may report, and so answer, any other one
    for (struct act *act = acts->first; act; act = act->next)
        if (act->request) advance(act);
    acts->walking = false;
    drop_answered(acts);
    if (!acts->first) uv_timer_stop(&acts->timer);
}

static void on_timer(uv_timer_t *timer) {
    acts_wake(timer->data);
}

// ---- a new one ----

static bool read_key(struct hy_web_request *request, char key[KEY_MAX + 1]) {
    const char *given = hy_web_header(request, "Idempotency-Key");
    uint8_t made[16];
    if (!given) {
        if (hy_random(made, sizeof made) != HY_OK) return false;
        for (size_t i = 0; i < sizeof made; i++)
            snprintf(key + 2 * i, 3, "%02x", made[i]);
        return true;
    }
    size_t n = strlen(given);
    for (size_t i = 0; i < n; i++) {
        if (given[i] <= ' ' || given[i] > '~') return false;
    }
    if (n == 0 || n > KEY_MAX) return false;
    memcpy(key, given, n + 1);
    return true;
}

static struct act *make(struct acts *acts, const struct who *who, struct hy_web_request *request) {
    struct act *act = calloc(1, sizeof *act);
    json_t *json = act ? hy_web_json_body(request) : NULL;
    struct hy_error err = {0};
    if (act && !json) { // was refused
        free(act);
        return NULL;
    }
    if (!act || acts->waiting >= WAITING_MAX) {
        json_decref(json);
        free(act);
        hy_web_set_header(request, "Retry-After", "1");
        hy_web_refuse(request, 503, "busy", "too many acts wait for their verdict; try again with the same key");
        return NULL;
    }
    *act = (struct act){.acts = acts, .request = request, .json = json, .offset = -1, .who = *who};
    act->since_ns = (int64_t)uv_hrtime();
    snprintf(act->identity.name, sizeof act->identity.name, "%s", who->name); // the tokens may be read anew meanwhile
    snprintf(act->identity.role, sizeof act->identity.role, "%s", who->role);
    snprintf(act->identity.department, sizeof act->identity.department, "%s", who->department);
    act->who.name = act->identity.name;
    act->who.role = act->identity.role;
    act->who.department = act->identity.department;
    if (act_body_read(json, &act->body, &err) == HY_OK) return act;
    hy_web_refuse(request, 400, "act", "%s", err.text);
    free_act(act);
    return NULL;
}

static void begin(struct act *act, const char *about) {
    struct acts *acts = act->acts;
    char key[KEY_MAX + 1];
    if (!read_key(act->request, key)) {
        hy_web_refuse(act->request, 400, "key", "Idempotency-Key must be 1 to %d visible ASCII characters", KEY_MAX);
        free_act(act);
        return;
    }
    hy_id_strings(act->command_id, 4, "act", act->who.name, about, key);
    hy_web_set_header(act->request, "Idempotency-Key", key);
    act->next = acts->first;
    acts->first = act;
    act->listed = true;
    acts->waiting++;
    hy_web_defer(act->request);
    if (try_verdict(act, true)) return; // equal id, equal verdict
    advance(act);
    if (acts->first && !uv_is_active((uv_handle_t *)&acts->timer))
        uv_timer_start(&acts->timer, on_timer, TICK_MS, TICK_MS);
}

void acts_case(struct acts *acts, const struct who *who, struct hy_web_request *request) {
    const char *id = hy_web_param(request, "id");
    if (!hy_id_valid(id)) {
        hy_web_refuse(request, 404, "not_found", "a case id has 26 letters and digits");
        return;
    }
    struct act *act = make(acts, who, request);
    if (!act) return;
    snprintf(act->case_id, sizeof act->case_id, "%s", id);
    if (act->body.verb != HUIYING__V1__VERB__VERB_OPEN) {
        begin(act, act->case_id);
        return;
    }
    hy_web_refuse(request, 400, "act", "open is an act on a noted message: POST /v1/events/{event_id}/acts");
    free_act(act);
}

void acts_event(struct acts *acts, const struct who *who, struct hy_web_request *request) {
    const char *id = hy_web_param(request, "event_id");
    if (!hy_id_valid(id)) {
        hy_web_refuse(request, 404, "not_found", "an event id has 26 letters and digits");
        return;
    }
    struct act *act = make(acts, who, request);
    if (!act) return;
    json_t *own = json_string(id); // the path says which message; what the body says is not needed
    bool differs = act->body.event_id[0] && strcmp(act->body.event_id, id) != 0;
    if (act->body.verb != HUIYING__V1__VERB__VERB_OPEN || differs || !own) {
        hy_web_refuse(request, 400, "act", "the act on a noted message is open, with the event_id of the path or none");
        json_decref(own);
        free_act(act);
        return;
    }
    (void)json_object_set_new(act->json, "event_id", own);
    act->body.event_id = json_string_value(own);
    act->on_event = true;
    begin(act, act->body.event_id);
}

// ---- life ----

int acts_open(uv_loop_t *loop, struct queries *q, struct hy_publisher *publisher, struct acts **out,
              struct hy_error *err) {
    struct acts *acts = calloc(1, sizeof *acts);
    if (acts) acts->arena = hy_arena_new(COMMAND_ARENA);
    if (!acts || !acts->arena) {
        free(acts);
        return hy_fail(err, HY_ENOMEM, "acts: out of memory");
    }
    acts->q = q;
    acts->publisher = publisher;
    uv_timer_init(loop, &acts->timer);
    acts->timer.data = acts;
    *out = acts;
    return HY_OK;
}

size_t acts_waiting(const struct acts *acts) {
    return acts->waiting;
}

void acts_close(struct acts *acts) {
    if (!acts) return;
    for (struct act *act = acts->first, *next; act; act = next) {
        next = act->next;
        if (act->step == LOOKING)
            refuse(act, 503, "closing", "the program ends and the act had no effect; try again with the same key");
        else
            answer_pending(act);
    }
    uv_close((uv_handle_t *)&acts->timer, NULL);
}

void acts_free(struct acts *acts) {
    if (!acts) return;
    hy_arena_free(acts->arena);
    free(acts);
}
