// What is always true, on random command sequences: 200,000 commands of every kind, many of them wrong, doubled, late
// or out of order. The auditor judges each. A failing sequence is shrunk to the fewest commands that still fail,
// printed. HY_PROPERTY_COMMANDS and HY_PROPERTY_SEED choose another amount and another start.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audit.h"
#include "world.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { COMMANDS = 40000 };
#else
enum { COMMANDS = 200000 };
#endif
enum { SEQUENCE = 250, NATIVES = 24 };

#define V(name)    HUIYING__V1__VERB__VERB_##name
#define KIND(name) HUIYING__V1__EVENT_KIND__EVENT_KIND_##name

struct random {
    uint64_t state;
};

static uint64_t next(struct random *r) {
    uint64_t z = r->state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static uint64_t below(struct random *r, uint64_t n) {
    return next(r) % n;
}

static bool chance(struct random *r, uint64_t percent) {
    return below(r, 100) < percent;
}

// One step of a sequence, kept as bytes so that it can be done again without its neighbours.
struct step {
    int64_t wait_ms;
    uint8_t *command; // NULL: a tick of `key`
    size_t len;
    char key[64];
};

struct sequence {
    struct step steps[SEQUENCE];
    size_t n;
};

static const char *const departments[] = {"jiaoyu",     "chengguan", "shuiwu",    "triage",
                                          "bangongshi", "operator",  "wangxinban"};
static const char *const people[] = {"zhang", "li", "wang", "zhao"};
static const char *const reasons[] = {"solved", "explained", "not_ours", "withdrawn",
                                      "calmed", "answered",  "none such"};

// A message belongs to one conversation for good: its native id begins with its author.
static unsigned choose_author(struct world *w, struct random *r) {
    unsigned author = chance(r, 80) ? 1 : 2;
    hy_dossier_id("web", "mailbox", author == 1 ? "citizen-1" : "citizen-2", w->dossier);
    return author;
}

static const char *native(struct world *w, struct random *r, unsigned author) {
    return hy_arena_fmt(w->build, "%u-%u", author, (unsigned)below(r, NATIVES));
}

static Huiying__V1__Command *random_message(struct world *w, struct random *r) {
    unsigned author = choose_author(w, r);
    Huiying__V1__Command *cmd = world_message(w, native(w, r, author), "求助：夜间施工噪声");
    Huiying__V1__Event *event = cmd->message->event;
    int64_t back = (int64_t)below(r, chance(r, 70) ? 3600000 : 4 * 86400000LL);
    event->occurred = world_time(w, w->now - back);
    event->received = world_time(w, w->now - back / 2);
    event->historic = chance(r, 5);
    cmd->message->route->request = chance(r, 70);
    cmd->message->route->department = hy_arena_str(w->build, departments[below(r, 5)]);
    if (chance(r, 30))
        cmd->message->route->pack_hash = hy_arena_str(w->build, world_packs[below(r, WORLD_PACKS)]->hash);
    if (chance(r, 20)) event->answers = hy_arena_str(w->build, world_event_id(w, native(w, r, author)));
    return cmd;
}

static Huiying__V1__Command *random_change(struct world *w, struct random *r) {
    Huiying__V1__EventKind kind = chance(r, 60) ? KIND(EDIT) : KIND(WITHDRAWAL);
    unsigned author = choose_author(w, r);
    const char *of = native(w, r, author);
    Huiying__V1__Command *cmd = world_change(w, hy_arena_fmt(w->build, "%s-%u", of, (unsigned)below(r, 3)), kind, of);
    cmd->message->route->request = chance(r, 40);
    return cmd;
}

// What the state asks for next; the rest of the acts are anything by anybody.
static Huiying__V1__Verb next_verb(const Huiying__V1__Case *c, struct random *r) {
    static const Huiying__V1__Verb by_state[] = {0,          V(ASSIGN), V(SIGN),  V(REPLY),  V(REPLY), V(APPROVE),
                                                 V(APPROVE), V(CLOSE),  V(CLOSE), V(REOPEN), V(REOPEN)};
    if (c != NULL && chance(r, 70)) return by_state[c->state];
    if (chance(r, 30)) return V(RETURN);
    return (Huiying__V1__Verb)below(r, 19);
}

static Huiying__V1__Command *random_act(struct world *w, struct random *r) {
    const Huiying__V1__Case *c = world_case(w);
    Huiying__V1__Verb verb = next_verb(c, r);
    const char *department = departments[below(r, 7)];
    if (c != NULL && chance(r, 85)) department = c->owner;
    if (verb == V(REOPEN) || verb == V(SUPERVISE)) department = "operator";
    Huiying__V1__Command *cmd = world_act(w, verb, people[below(r, 4)], department);
    if (chance(r, 8)) cmd->expects += 1 + below(r, 2);
    if (chance(r, 3)) cmd->expectation_case = HUIYING__V1__COMMAND__EXPECTATION__NOT_SET;
    if (chance(r, 90)) cmd->act->text = hy_arena_fmt(w->build, "答复 %u", (unsigned)below(r, 3));
    if (chance(r, 95)) cmd->act->reason_code = hy_arena_str(w->build, reasons[chance(r, 60) ? 0 : below(r, 7)]);
    if (chance(r, 90)) cmd->act->department = hy_arena_str(w->build, departments[below(r, 5)]);
    if (chance(r, 15)) cmd->act->proof = hy_arena_str(w->build, "https://example.test/1");
    if (chance(r, 15)) cmd->act->proof_kind = hy_arena_str(w->build, chance(r, 50) ? "approval" : "link");
    if (verb == V(OPEN)) cmd->act->event_id = hy_arena_str(w->build, world_event_id(w, native(w, r, 1)));
    return cmd;
}

static Huiying__V1__Command *random_timer(struct world *w, struct random *r) {
    const Huiying__V1__Case *c = world_case(w);
    const char *name = "reply";
    if (c != NULL && c->n_clocks > 0) name = c->clocks[below(r, c->n_clocks)]->name;
    const Huiying__V1__Clock *clock = world_clock(w, name);
    if (clock != NULL && chance(r, 70) && clock->stage_due->unix_ms > w->now) w->now = clock->stage_due->unix_ms;
    Huiying__V1__Command *cmd = world_timer(w, name);
    if (chance(r, 15)) cmd->timer_fired->epoch += (uint32_t)below(r, 3) - 1;
    return cmd;
}

static Huiying__V1__Command *random_delivery(struct world *w, struct random *r) {
    const Huiying__V1__Case *c = world_case(w);
    const Huiying__V1__Delivery *d =
        c != NULL && c->n_deliveries > 0
            ? c->deliveries[chance(r, 70) ? c->n_deliveries - 1 : below(r, c->n_deliveries)]
            : NULL;
    const char *row = d == NULL ? "d1" : d->row;
    uint32_t attempt = d == NULL ? 1 : d->attempt;
    bool sending = d != NULL && d->state == HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_SENDING;
    if (chance(r, 10)) attempt += (uint32_t)below(r, 3) - 1;
    if (!sending && chance(r, 80)) return world_claim(w, row, attempt + 1);
    Huiying__V1__DeliveryOutcome outcome = chance(r, 60) ? HUIYING__V1__DELIVERY_OUTCOME__DELIVERY_OUTCOME_SENT
                                                         : (Huiying__V1__DeliveryOutcome)below(r, 5);
    Huiying__V1__Command *cmd = world_receipt(w, row, attempt, outcome);
    if (chance(r, 20)) cmd->delivery_receipt->seen = world_time(w, w->now - (int64_t)below(r, 20 * 86400000LL));
    return cmd;
}

static Huiying__V1__Command *random_observed(struct world *w, struct random *r) {
    Huiying__V1__Command *cmd = world_observed(w, "东城 × 停水", below(r, 40), (uint32_t)below(r, 5));
    if (chance(r, 50)) cmd->observed->episode = 1 + below(r, 3);
    return cmd;
}

static Huiying__V1__Command *random_recompute(struct world *w, struct random *r) {
    Huiying__V1__Command *cmd = world_command(w);
    cmd->body_case = HUIYING__V1__COMMAND__BODY_RECOMPUTE;
    Huiying__V1__Recompute *body = hy_arena_alloc(w->build, sizeof *body);
    huiying__v1__recompute__init(body);
    body->pack_hash = hy_arena_str(w->build, world_packs[below(r, WORLD_PACKS)]->hash);
    cmd->recompute = body;
    return cmd;
}

static const struct weight {
    unsigned percent;
    Huiying__V1__Command *(*make)(struct world *w, struct random *r);
} weights[] = {{12, random_message},  {5, random_change},   {50, random_act},     {10, random_timer},
               {19, random_delivery}, {3, random_observed}, {1, random_recompute}}; // sum: 100

// The case in focus stays in focus, whatever conversation this command speaks of.
static Huiying__V1__Command *random_command(struct world *w, struct random *r) {
    unsigned dice = (unsigned)below(r, 100);
    size_t at = 0;
    for (; dice >= weights[at].percent; at++) {
        dice -= weights[at].percent;
    }
    char dossier[HY_ID_SIZE];
    memcpy(dossier, w->dossier, sizeof dossier);
    Huiying__V1__Command *cmd = weights[at].make(w, r);
    memcpy(w->dossier, dossier, sizeof dossier);
    return cmd;
}

static int64_t random_wait(struct random *r) {
    if (chance(r, 85)) return (int64_t)below(r, 20000);
    if (chance(r, 85)) return (int64_t)below(r, 6 * 3600000);
    return (int64_t)below(r, chance(r, 95) ? 5 * 86400000LL : 410 * 86400000LL);
}

static void keep(struct step *step, const Huiying__V1__Command *cmd) {
    step->len = huiying__v1__command__get_packed_size(cmd);
    step->command = malloc(step->len + 1);
    huiying__v1__command__pack(cmd, step->command);
}

static const char *random_key(struct world *w, struct random *r) {
    return w->n_store == 0 ? w->dossier : w->store[below(r, w->n_store)].key;
}

// The conversation or case that the next commands speak of.
static void choose_case(struct world *w, struct random *r) {
    if (!chance(r, 4) || w->n_store == 0) return;
    const char *key = random_key(w, r), *dot = strchr(key, '.');
    if (dot == NULL) return;
    snprintf(w->dossier, sizeof w->dossier, "%.26s", key);
    snprintf(w->case_id, sizeof w->case_id, "%s", dot + 1);
}

static const char *apply_step(struct world *w, const struct step *step) {
    w->now += step->wait_ms;
    if (step->command == NULL) return world_try_tick(w, step->key);
    Huiying__V1__Command *cmd = huiying__v1__command__unpack(hy_arena_pb(w->build), step->len, step->command);
    return world_try(w, cmd);
}

// Makes and runs a sequence. Every tenth command comes a second time; every eighth is held back and comes later.
static const char *run_random(struct world *w, struct random *r, struct sequence *s) {
    struct step held = {0};
    const char *fault = NULL;
    for (s->n = 0; s->n < SEQUENCE && fault == NULL;) {
        struct step *step = &s->steps[s->n];
        *step = (struct step){.wait_ms = random_wait(r)};
        choose_case(w, r);
        int64_t before = w->now;
        if (chance(r, 6)) {
            snprintf(step->key, sizeof step->key, "%s", random_key(w, r));
        } else if (held.command != NULL && chance(r, 20)) {
            step->command = held.command;
            step->len = held.len;
            held.command = NULL;
        } else if (s->n > 0 && chance(r, 10)) {
            const struct step *again = &s->steps[below(r, s->n)];
            step->len = again->len;
            if (again->command != NULL) {
                step->command = malloc(again->len + 1);
                memcpy(step->command, again->command, again->len);
            } else {
                memcpy(step->key, again->key, sizeof step->key);
            }
        } else {
            keep(step, random_command(w, r));
            step->wait_ms += w->now - before; // a timer waits for its time
            w->now = before;
            if (held.command == NULL && chance(r, 12)) {
                held = *step;
                continue;
            }
        }
        s->n++;
        fault = apply_step(w, step);
    }
    free(held.command);
    return fault;
}

static const char *replay(const struct sequence *s, const bool *left_out, char *text, size_t size) {
    struct world *w = world_new();
    const char *fault = NULL;
    for (size_t i = 0; i < s->n && fault == NULL; i++) {
        if (left_out[i])
            w->now += s->steps[i].wait_ms;
        else
            fault = apply_step(w, &s->steps[i]);
    }
    if (fault != NULL) snprintf(text, size, "%s", fault);
    world_free(w);
    return fault == NULL ? NULL : text;
}

static void print_step(const struct step *step) {
    if (step->command == NULL) {
        printf("  +%lld ms tick %s\n", (long long)step->wait_ms, step->key);
        return;
    }
    Huiying__V1__Command *cmd = huiying__v1__command__unpack(NULL, step->len, step->command);
    printf("  +%lld ms %s case=%s", (long long)step->wait_ms, cmd->id, cmd->case_id);
    if (cmd->body_case == HUIYING__V1__COMMAND__BODY_MESSAGE)
        printf(" message %s kind=%d answers=%s request=%d occurred=%lld", cmd->message->event->id,
               cmd->message->event->kind, cmd->message->event->answers, cmd->message->route->request,
               (long long)cmd->message->event->occurred->unix_ms);
    else if (cmd->body_case == HUIYING__V1__COMMAND__BODY_ACT)
        printf(" %s by %s/%s reason=%s department=%s proof=%s:%s", hy_verb_name(cmd->act->verb), cmd->actor->id,
               cmd->actor->department, cmd->act->reason_code, cmd->act->department, cmd->act->proof_kind,
               cmd->act->proof);
    else if (cmd->body_case == HUIYING__V1__COMMAND__BODY_TIMER_FIRED)
        printf(" timer %s epoch=%u", cmd->timer_fired->clock, cmd->timer_fired->epoch);
    else if (cmd->body_case == HUIYING__V1__COMMAND__BODY_CLAIM_DELIVERY)
        printf(" claim %s attempt=%u", cmd->claim_delivery->row, cmd->claim_delivery->attempt);
    else if (cmd->body_case == HUIYING__V1__COMMAND__BODY_DELIVERY_RECEIPT)
        printf(" receipt %s attempt=%u outcome=%d", cmd->delivery_receipt->row, cmd->delivery_receipt->attempt,
               cmd->delivery_receipt->outcome);
    else
        printf(" body=%d", cmd->body_case);
    printf("\n");
    huiying__v1__command__free_unpacked(cmd, NULL);
}

// Leaves out whatever is not needed for a failure, halves first.
static void shrink(const struct sequence *s, const char *fault, uint64_t seed) {
    static bool left_out[SEQUENCE], trial[SEQUENCE];
    char text[700];
    memset(left_out, 0, sizeof left_out);
    for (size_t chunk = s->n / 2; chunk > 0; chunk /= 2) {
        for (size_t at = 0; at < s->n; at += chunk) {
            memcpy(trial, left_out, sizeof trial);
            for (size_t i = at; i < at + chunk && i < s->n; i++) {
                trial[i] = true;
            }
            if (replay(s, trial, text, sizeof text) != NULL) memcpy(left_out, trial, sizeof trial);
        }
    }
    printf("seed %llu: %s\nfewest commands that fail:\n", (unsigned long long)seed, fault);
    for (size_t i = 0; i < s->n; i++) {
        if (!left_out[i]) print_step(&s->steps[i]);
    }
    printf("with: %s\n", replay(s, left_out, text, sizeof text) == NULL ? "(not reproduced)" : text);
}

// How often each rule ruled over the whole run.
static struct rules {
    size_t n;
    struct {
        char rule[48];
        uint64_t times;
    } row[128];
} rules;

static void count_rule(const char *rule, uint64_t times, void *ctx) {
    struct rules *all = ctx;
    size_t i = 0;
    while (i < all->n && strcmp(all->row[i].rule, rule) != 0) {
        i++;
    }
    if (i == all->n && all->n < 127) snprintf(all->row[all->n++].rule, sizeof all->row[0].rule, "%s", rule);
    all->row[i].times += times;
}

static uint64_t setting(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void add(struct audit_counts *sum, struct audit_counts more) {
    uint64_t *to = (uint64_t *)sum, *from = (uint64_t *)&more;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++) {
        to[i] += from[i];
    }
}

static void what_is_always_true_holds_on_random_commands(void **state) {
    (void)state;
    static struct sequence s;
    uint64_t commands = setting("HY_PROPERTY_COMMANDS", COMMANDS), seed = setting("HY_PROPERTY_SEED", 1), done = 0;
    struct audit_counts sum = {0};
    for (; done < commands; seed++) {
        struct random r = {seed};
        struct world *w = world_new();
        char fault[700] = "";
        const char *wrong = run_random(w, &r, &s);
        if (wrong != NULL) snprintf(fault, sizeof fault, "%s", wrong);
        add(&sum, audit_counts(w->audit));
        audit_rules(w->audit, count_rule, &rules);
        world_free(w);
        if (wrong != NULL) shrink(&s, fault, seed);
        done += s.n;
        for (size_t i = 0; i < s.n; i++) {
            free(s.steps[i].command);
        }
        if (wrong != NULL) fail_msg("seed %llu: %s", (unsigned long long)seed, fault);
    }
    printf("%llu commands: %llu applied, %llu refused, %llu repeated, %llu skipped, %llu dead; %llu cases opened, %llu "
           "closed, %llu reopened, "
           "%llu recalls, %llu breaches, %llu delivered\n",
           (unsigned long long)done, (unsigned long long)sum.applied, (unsigned long long)sum.refused,
           (unsigned long long)sum.repeated, (unsigned long long)sum.skipped, (unsigned long long)sum.dead,
           (unsigned long long)sum.opened, (unsigned long long)sum.closed, (unsigned long long)sum.reopened,
           (unsigned long long)sum.recalled, (unsigned long long)sum.breached, (unsigned long long)sum.delivered);
    printf("%zu rules ruled:", rules.n);
    for (size_t i = 0; i < rules.n; i++) {
        printf(" %s=%llu", rules.row[i].rule, (unsigned long long)rules.row[i].times);
    }
    printf("\n");
    // It tested something: every kind of thing happened often.
    uint64_t least = commands / 2000;
    assert_true(commands < COMMANDS || rules.n >= 75);
    assert_true(sum.applied > commands / 5 && sum.opened > least && sum.closed > least && sum.reopened > least / 10);
    assert_true(sum.recalled > least && sum.breached > least && sum.delivered > least / 4 && sum.repeated > least);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_always_true_holds_on_random_commands)};
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
