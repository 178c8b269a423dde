// How long the engine takes to judge one command: unpack the snapshot, decide, pack, hash the journal record.
// bench_core_case [ROUNDS] prints microseconds a command and bytes of the snapshot, one line a kind of command.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "tests/unit/core_case/world.h"

#define V(name) HUIYING__V1__VERB__VERB_##name

enum { BATCHES = 10 }; // the best of these is told

static uint64_t rounds = 100000;

// CPU time, so that neighbours on the machine count less.
static int64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// The same command on the same state, again and again, without storing: only apply is measured.
static void measure(struct world *w, const char *what, const Huiying__V1__Command *cmd) {
    struct hy_engine_input in = {
        .now_ms = w->now, .topic = "hy.commands", .partition = 3, .offset = w->offset, .log_id = "log-1"};
    double us = 1e9;
    for (int batch = 0; batch < BATCHES; batch++) {
        int64_t start = cpu_ns();
        for (uint64_t i = 0; i < rounds / BATCHES; i++) {
            hy_arena_reset(w->turn);
            if (hy_engine_apply(&w->engine, w->turn, &w->view, cmd, &in, &w->out, &w->err) != 0) exit(1);
        }
        double took = (double)(cpu_ns() - start) / 1000.0 / (double)(rounds / BATCHES);
        if (took < us) us = took;
    }
    size_t bytes = 0;
    for (size_t i = 0; i < w->out.n_puts; i++) {
        bytes += w->out.puts[i].value.len;
    }
    printf("%-28s %-24s %6.2f us %6zu bytes of snapshots %5zu of journal, arena %6zu\n", what, w->out.rule, us, bytes,
           w->out.n_journal == 0 ? 0 : w->out.journal[0].value.len, hy_arena_used(w->turn));
}

static void measure_letter(struct world *w) {
    measure(w, "message opens", world_message(w, "n0", "学校门口没有斑马线，孩子过马路很危险，请尽快施划。"));
    world_apply(w, world_message(w, "n0", "学校门口没有斑马线，孩子过马路很危险，请尽快施划。"));
    measure(w, "message joins", world_message(w, "n1", "就在中山路小学"));
    measure(w, "message is known", world_message(w, "n0", "学校门口没有斑马线"));
    Huiying__V1__Command *timer = world_timer(w, "reply");
    int64_t now = w->now;
    w->now = world_clock(w, "reply")->stage_due->unix_ms;
    measure(w, "timer warns", timer);
    w->now = now;
    measure(w, "timer is stale", world_timer(w, "forward"));
    measure(w, "sign", world_act(w, V(SIGN), "zhang", "jiaoyu"));
    measure(w, "sign by another department", world_act(w, V(SIGN), "zhang", "shuiwu"));
    world_apply(w, world_act(w, V(SIGN), "zhang", "jiaoyu"));
    Huiying__V1__Command *reply = world_act(w, V(REPLY), "zhang", "jiaoyu");
    reply->act->text = hy_arena_str(w->build, "您好，我局已安排施工单位于本周内完成施划，感谢您的关注。");
    measure(w, "reply", reply);
    world_reply(w, "您好，我局已安排施工单位于本周内完成施划，感谢您的关注。");
    measure(w, "claim of a delivery", world_claim(w, "d2", 1));
    world_apply(w, world_claim(w, "d2", 1));
    measure(w, "receipt of a delivery",
            world_receipt(w, "d2", 1, HUIYING__V1__DELIVERY_OUTCOME__DELIVERY_OUTCOME_SENT));
}

int main(int argc, char **argv) {
    if (argc > 1) rounds = strtoull(argv[1], NULL, 10);
    if (rounds < BATCHES || world_setup(NULL) != 0) return 2;
    struct world *w = world_new();
    measure_letter(w);
    measure(w, "observation opens", world_observed(w, "东城 × 停水", 1, 1));
    world_apply(w, world_observed(w, "东城 × 停水", 1, 1));
    measure(w, "observation grows", world_observed(w, "东城 × 停水", 2, 1));
    world_free(w);
    world_teardown(NULL);
    return 0;
}
