// Consumer groups: who has which partitions, and since when. A member that goes silent keeps its share until the
// session is over; a rebalance takes a moment, and what was begun under the old generation is refused after it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/kafka_inner.h"

enum { GROUPS_MAX = 8, MEMBERS_MAX = 8, SETTLE_LEAST = 100, SETTLE_MOST = 1500 };

struct sim_member {
    struct group *group;
    char name[32];
    sim_fn changed;
    void *ctx;
    bool in, silent, vanished;
    uint64_t silence; // counts, so that an old session's end means nothing
    uint32_t share;   // a bit a partition
    uint64_t generation;
};

static struct group {
    char name[32];
    uint64_t generation;
    bool settling;
    struct sim_member *members[MEMBERS_MAX];
    int n;
} groups[GROUPS_MAX];
static int n_groups;

void sim_groups_end(void) {
    for (int g = 0; g < n_groups; g++)
        for (int i = 0; i < groups[g].n; i++)
            free(groups[g].members[i]);
    memset(groups, 0, sizeof groups);
    n_groups = 0;
}

static struct group *group_of(const char *name) {
    for (int i = 0; i < n_groups; i++)
        if (strcmp(groups[i].name, name) == 0) return &groups[i];
    if (n_groups == GROUPS_MAX) abort();
    snprintf(groups[n_groups].name, sizeof groups[0].name, "%s", name);
    return &groups[n_groups++];
}

// Members stand in the order of their names, as the range assignor takes them.
static void insert(struct group *group, struct sim_member *member) {
    int at = group->n++;
    if (group->n > MEMBERS_MAX) abort();
    for (; at > 0 && strcmp(group->members[at - 1]->name, member->name) > 0; at--)
        group->members[at] = group->members[at - 1];
    group->members[at] = member;
}

static void settle(void *ctx, uint64_t tag) {
    struct group *group = ctx;
    int n = 0, k = 0;
    (void)tag;
    group->settling = false;
    group->generation++;
    for (int i = 0; i < group->n; i++)
        n += group->members[i]->in;
    for (int i = 0; i < group->n; i++) {
        struct sim_member *member = group->members[i];
        member->share = 0;
        member->generation = member->in ? group->generation : 0;
        if (!member->in) continue;
        for (int p = SIM_PARTITIONS * k / n; p < SIM_PARTITIONS * (k + 1) / n; p++)
            member->share |= 1U << p;
        k++;
        if (!member->vanished) member->changed(member->ctx, group->generation);
    }
}

static void unsettle(struct group *group) {
    if (group->settling) return;
    group->settling = true;
    sim_after(sim_between(SETTLE_LEAST, SETTLE_MOST), settle, group, 0);
}

static struct sim_member *member_named(const struct group *group, const char *name) {
    for (int i = 0; i < group->n; i++)
        if (strcmp(group->members[i]->name, name) == 0) return group->members[i];
    return NULL;
}

struct sim_member *sim_group_join(const char *name, const char *who, sim_fn changed, void *ctx) {
    struct group *group = group_of(name);
    struct sim_member *member = member_named(group, who);
    if (!member) {
        member = calloc(1, sizeof *member);
        if (!member) abort();
        snprintf(member->name, sizeof member->name, "%s", who);
        member->group = group;
        insert(group, member);
    }
    bool comes_back = member->in; // within its session: a static member gets its share back at once
    member->changed = changed;
    member->ctx = ctx;
    member->silent = member->vanished = false;
    member->silence++;
    member->in = true;
    if (comes_back)
        changed(ctx, group->generation);
    else
        unsettle(group);
    return member;
}

static void put_out(struct sim_member *member) {
    if (!member->in) return;
    member->in = false;
    unsettle(member->group);
}

void sim_group_leave(struct sim_member *member) {
    member->vanished = true;
    put_out(member);
}

static void session_over(void *ctx, uint64_t silence) {
    struct sim_member *member = ctx;
    if (member->silence == silence) put_out(member);
}

void sim_group_silent(struct sim_member *member, bool silent) {
    member->silent = silent;
    member->silence++;
    if (silent)
        sim_after(SIM_SESSION_MS, session_over, member, member->silence);
    else if (!member->in) { // the heartbeat is refused, it joins anew
        member->in = true;
        unsettle(member->group);
    }
}

void sim_group_vanish(struct sim_member *member) {
    member->vanished = true;
    sim_group_silent(member, true);
}

uint64_t sim_group_generation(const struct sim_member *member) {
    return member->in ? member->generation : 0;
}

bool sim_group_owns(const struct sim_member *member, int32_t partition) {
    return member->in && member->generation == member->group->generation && (member->share >> partition & 1);
}

int sim_txn_offset(const struct sim_producer *producer, const char *group, uint64_t generation, const char *topic,
                   int32_t partition, int64_t next) {
    if (sim_kafka_away) return HY_ENET;
    if (group_of(group)->generation != generation) return HY_EFENCED;
    return sim_txn_put_offset(producer, group, topic, partition, next);
}
