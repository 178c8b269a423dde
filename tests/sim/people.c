#include "tests/sim/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "lib/base/pb.h"
#include "tests/sim/audit.h"
#include "tests/sim/kafka.h"

enum {
    MINUTE = 60000,
    HOUR = 60 * MINUTE,
    DAY = 24 * HOUR,
    OPENS = 8 * HOUR + 30 * MINUTE,
    CLOSES = 18 * HOUR,
    ARENA = 65536
};

#define LINK        "https://example.org/shuoming" // of a published statement
#define VERB(name)  HUIYING__V1__VERB__VERB_##name
#define STATE(name) HUIYING__V1__CASE_STATE__CASE_STATE_##name

static const char *const *departments;
static int n_departments;
static struct hy_arena *arena;
static uint64_t n_acts;

// The habits of the city.
static const struct people_plan PLANS[] = {
    {"letter", STATE(OPENED), VERB(SIGN), 5 * MINUTE, 180 * MINUTE, "department", "", "", "", ""},
    {"letter", STATE(ASSIGNED), VERB(SIGN), 5 * MINUTE, 180 * MINUTE, "department", "", "", "", ""},
    {"letter", STATE(SIGNED), VERB(REPLY), HOUR, 40 * HOUR, "department", "您好，已安排人员到现场处理。", "", "", ""},
    {"letter", STATE(HANDLED), VERB(REPLY), HOUR / 2, 10 * HOUR, "department", "您好，问题已处理。", "", "", ""},
    {"letter", STATE(DRAFTED), VERB(APPROVE), HOUR / 3, 8 * HOUR, "department", "", "", "", ""},
    {"letter", STATE(REVIEW), VERB(APPROVE), HOUR / 3, 8 * HOUR, "department", "", "", "", ""},
    {"letter", STATE(DELIVERED), VERB(CLOSE), HOUR / 2, 24 * HOUR, "department", "", "solved", "", ""},
    {"incident", STATE(OPENED), VERB(ACKNOWLEDGE), MINUTE, 12 * MINUTE, "wangxinban", "", "", "", ""},
    {"incident", STATE(ASSIGNED), VERB(ACKNOWLEDGE), MINUTE, 12 * MINUTE, "wangxinban", "", "", "", ""},
    {"incident", STATE(SIGNED), VERB(HANDLE), HOUR, 4 * HOUR, "wangxinban", "已发布情况说明", "", LINK, "link"},
    {"incident", STATE(HANDLED), VERB(CLOSE), 10 * HOUR, 70 * HOUR, "wangxinban", "", "answered", LINK, "link"},
};

static const struct people_plan *plan_for(const struct seen_case *c, const struct people_plan *plans, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (plans[i].state == c->state && strcmp(plans[i].kind, c->kind) == 0) return &plans[i];
    return NULL;
}

// Nobody sits at a letter at night.
static int64_t at_work(int64_t delay_ms) {
    int64_t local = sim_now.now_ms + delay_ms + 8 * HOUR, hour = local % DAY;
    if (hour >= OPENS && hour < CLOSES) return delay_ms;
    int64_t wait = hour < OPENS ? OPENS - hour : DAY - hour + OPENS;
    return delay_ms + wait + sim_between(0, 2 * HOUR);
}

struct act {
    struct seen_case *c;
    uint64_t step;
    Huiying__V1__Verb verb;
    const struct people_plan *plan;
    char department[24]; // where to
    struct act *prev, *next;
};

static struct act *acts; // under way

static void done_with(struct act *act) {
    DL_DELETE(acts, act);
    free(act);
}

static void fill(Huiying__V1__Act *body, const struct act *act) {
    const struct people_plan *plan = act->plan;
    body->verb = act->verb;
    body->department = (char *)(uintptr_t)act->department;
    body->text = (char *)(uintptr_t)plan->text;
    body->reason_code =
        (char *)(uintptr_t)(act->verb == VERB(RETURN) || act->verb == VERB(TRANSFER) ? "not_ours" : plan->reason);
    body->proof = (char *)(uintptr_t)plan->proof;
    body->proof_kind = (char *)(uintptr_t)plan->proof_kind;
    if (act->verb == VERB(APPROVE)) body->text_hash = (ProtobufCBinaryData){sizeof act->c->draft, act->c->draft};
    if (act->verb == VERB(RETURN) || act->verb == VERB(TRANSFER) || act->verb == VERB(ASSIGN))
        body->text = (char *)(uintptr_t) "";
}

static int publish(const struct act *act, const char *id) {
    Huiying__V1__Command command = HUIYING__V1__COMMAND__INIT;
    Huiying__V1__Act body = HUIYING__V1__ACT__INIT;
    Huiying__V1__Actor actor = HUIYING__V1__ACTOR__INIT;
    Huiying__V1__Time issued = HUIYING__V1__TIME__INIT;
    char person[48], key[2 * HY_ID_SIZE + 1];
    struct hy_bytes value;
    fill(&body, act);
    snprintf(person, sizeof person, "%s-%d", act->c->owner, (int)act->verb); // whoever reviews is not who wrote
    issued.unix_ms = sim_now.now_ms;
    issued.offset_minutes = HY_SHANGHAI_MINUTES;
    actor.kind = HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PERSON;
    actor.id = person;
    actor.role = (char *)(uintptr_t)act->plan->role;
    actor.department = act->c->owner;
    command.schema_version = 1;
    command.id = (char *)(uintptr_t)id;
    command.dossier = act->c->dossier;
    command.case_id = act->c->id;
    command.issued = &issued;
    command.actor = &actor;
    command.expectation_case = HUIYING__V1__COMMAND__EXPECTATION_EXPECTS;
    command.expects = act->step;
    command.body_case = HUIYING__V1__COMMAND__BODY_ACT;
    command.act = &body;
    hy_arena_reset(arena);
    if (hy_pb_write(&command, arena, &value) != HY_OK) abort();
    snprintf(key, sizeof key, "%s.%s", act->c->dossier, act->c->id);
    return sim_append(HY_TOPIC_COMMANDS, -1, hy_bytes_of(key), value, false, NULL, NULL);
}

static void do_it(void *ctx, uint64_t tag) {
    struct act *act = ctx;
    char id[HY_ID_SIZE], number[24];
    if (act->c->step != act->step) { // somebody was faster, or it is somebody else's now
        done_with(act);
        return;
    }
    snprintf(number, sizeof number, "%llu", (unsigned long long)tag);
    hy_id_strings(id, 3, "act", act->c->id, number);
    if (publish(act, id) != HY_OK) {
        sim_after(5000, do_it, act, tag); // the page says that it did not work
        return;
    }
    audit_act(id);
    if (sim_chance(40)) (void)!publish(act, id); // pressed twice
    done_with(act);
}

// The temper of a case's people is its own for ever.
static uint64_t temper(const struct seen_case *c) {
    return hy_member_hash(c->id) % 100;
}

static Huiying__V1__Verb choose(const struct people_plan *plan) {
    if (plan->verb != VERB(SIGN)) return plan->verb;
    if (sim_chance(18)) return VERB(RETURN);
    if (sim_chance(25)) return VERB(TRANSFER);
    return plan->verb;
}

static struct act *act_new(struct seen_case *c, const struct people_plan *plan) {
    struct act *act = calloc(1, sizeof *act);
    if (!act) abort();
    *act = (struct act){.c = c, .step = c->step, .plan = plan, .verb = plan->verb};
    DL_APPEND(acts, act);
    return act;
}

// Somebody has a plan for this step already, or nobody needs one.
static bool planned(struct seen_case *c, const struct people_plan *plan) {
    if (!plan || !c->open || c->planned == c->step + 1) return true;
    c->planned = c->step + 1;
    return false;
}

void people_see(struct seen_case *c) {
    const struct people_plan *plan = plan_for(c, PLANS, sizeof PLANS / sizeof PLANS[0]);
    bool letter = strcmp(c->kind, "letter") == 0;
    if (planned(c, plan) || temper(c) < (letter ? 4 : 10)) return; // nobody ever looks at some of them
    int64_t slow = letter && temper(c) < 18 ? 6 : 1;
    struct act *act = act_new(c, plan);
    act->verb = choose(plan);
    if (act->verb == VERB(RETURN) && c->state == STATE(OPENED)) act->verb = VERB(TRANSFER);
    if (act->verb == VERB(TRANSFER))
        snprintf(act->department, sizeof act->department, "%s", departments[sim_below(n_departments)]);
    int64_t delay = sim_between(plan->least, plan->most) * slow;
    sim_after(letter ? at_work(delay) : delay, do_it, act, n_acts++);
}

void people_follow(struct seen_case *c, const struct people_plan *plans, size_t n) {
    const struct people_plan *plan = plan_for(c, plans, n);
    if (planned(c, plan)) return;
    sim_after(sim_between(plan->least, plan->most), do_it, act_new(c, plan), n_acts++);
}

void people_start(const char *const *codes, int n) {
    departments = codes;
    n_departments = n;
    n_acts = 0;
    arena = hy_arena_new(ARENA);
    if (!arena) abort();
}

void people_end(void) {
    struct act *act, *next;
    DL_FOREACH_SAFE(acts, act, next) done_with(act);
    hy_arena_free(arena);
}
