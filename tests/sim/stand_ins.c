// What the programs also call and the simulator does without: health, and the registry behind published packs. The
// packs are read from deploy/ instead, as `hyctl policy publish` would.
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/bundle.h"
#include "lib/run/packs.h"
#include "lib/web/health.h"
#include "tests/sim/stand_ins.h"

struct hy_packs {
    struct hy_bundle bundle;
    struct hy_buf texts[3 * HY_BUNDLE_SOURCES];
    int n_texts;
    struct hy_pack *pack;
    struct hy_dispatch *dispatch;
    struct hy_calendar *calendar;
};

static void fail(const char *what, const char *why) {
    fprintf(stderr, "sim: %s: %s\n", what, why);
    exit(2);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void each_file(const char *folder, const char *ending, void (*fn)(void *ctx, const char *path, const char *name),
                      void *ctx) {
    struct dirent **found = NULL;
    int n = scandir(folder, &found, NULL, by_name);
    if (n < 0) fail(folder, "cannot be read");
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(found[i]->d_name, '.');
        char path[2048];
        snprintf(path, sizeof path, "%s/%s", folder, found[i]->d_name);
        if (dot && strcmp(dot, ending) == 0) fn(ctx, path, found[i]->d_name);
        free(found[i]);
    }
    free(found);
}

struct reading {
    struct hy_packs *packs;
    enum hy_bundle_role role;
};

static void add_source(void *ctx, const char *path, const char *name) {
    struct reading *reading = ctx;
    struct hy_packs *packs = reading->packs;
    struct hy_buf *text = &packs->texts[packs->n_texts++];
    struct hy_error err = {0};
    if (hy_read_file(path, 16 << 20, text, &err) != HY_OK) fail(path, err.text);
    packs->bundle.sources[reading->role][packs->bundle.n[reading->role]++] =
        (struct hy_pack_source){strdup(name), hy_buf_view(text)};
}

static void add_year(void *ctx, const char *path, const char *name) {
    struct hy_packs *packs = ctx;
    struct hy_buf text = {0};
    struct hy_error err = {0};
    (void)name;
    int rc = hy_read_file(path, 1 << 20, &text, &err);
    if (rc == HY_OK) rc = hy_calendar_add_year(packs->calendar, path, hy_buf_view(&text), &err);
    if (rc != HY_OK) fail(path, err.text);
    hy_buf_free(&text);
}

struct hy_packs *sim_packs_open(const char *deploy, const char *id) {
    static const char *const FOLDERS[HY_BUNDLE_ROLES] = {"policies", "policies/dispatch", "gazetteer"};
    struct hy_packs *packs = calloc(1, sizeof *packs);
    struct hy_buf problems = {0};
    char path[1024];
    if (!packs || !(packs->calendar = hy_calendar_new())) fail(id, "out of memory");
    packs->bundle.id = id;
    for (int role = 0; role < HY_BUNDLE_ROLES; role++) {
        struct reading reading = {packs, (enum hy_bundle_role)role};
        snprintf(path, sizeof path, "%s/%s", deploy, FOLDERS[role]);
        each_file(path, ".yaml", add_source, &reading);
    }
    snprintf(path, sizeof path, "%s/calendars", deploy);
    each_file(path, ".json", add_year, packs);
    if (hy_bundle_pack(&packs->bundle, &packs->pack, &problems) != HY_OK ||
        hy_bundle_dispatch(&packs->bundle, packs->pack, &packs->dispatch, &problems) != HY_OK)
        fail(id, problems.data ? problems.data : "refused");
    hy_buf_free(&problems);
    return packs;
}

void sim_packs_close(struct hy_packs *packs) {
    hy_dispatch_free(packs->dispatch);
    hy_pack_free(packs->pack);
    hy_calendar_free(packs->calendar);
    for (int role = 0; role < HY_BUNDLE_ROLES; role++)
        for (int i = 0; i < packs->bundle.n[role]; i++)
            free((char *)(uintptr_t)packs->bundle.sources[role][i].name);
    for (int i = 0; i < packs->n_texts; i++)
        hy_buf_free(&packs->texts[i]);
    free(packs);
}

int hy_packs_refresh(struct hy_packs *packs, int timeout_ms, struct hy_error *err) {
    (void)packs;
    (void)timeout_ms;
    (void)err;
    return HY_OK;
}

const struct hy_pack *hy_packs_find(void *opaque, const char *hash) {
    const struct hy_packs *packs = opaque;
    return !hash || !hash[0] || strcmp(hash, packs->pack->hash) == 0 ? packs->pack : NULL;
}

const struct hy_dispatch *hy_packs_dispatch(struct hy_packs *packs) {
    return packs->dispatch;
}

const struct hy_calendar *hy_packs_calendar(struct hy_packs *packs) {
    return packs->calendar;
}

struct hy_health_part *hy_health_part(struct hy_health *health, const char *name, unsigned max_age_ms) {
    (void)health;
    (void)name;
    (void)max_age_ms;
    return NULL;
}

void hy_health_report(struct hy_health_part *part, bool ok, const char *why, ...) {
    (void)part;
    (void)ok;
    (void)why;
}

void hy_health_beat(struct hy_health_part *part) {
    (void)part;
}
