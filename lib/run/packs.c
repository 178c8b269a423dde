#include "lib/run/packs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/core/bundle.h"
#include "lib/lane/registry.h"

// One loaded version. Never freed before close: a reader may hold its pack.
struct version {
    struct version *next;
    struct hy_pack *pack;
    struct hy_dispatch *dispatch;
};

// One year's file, kept so that a new year can be added to a fresh calendar.
struct year {
    struct year *next;
    char *id;
    struct hy_buf json;
};

struct retired {
    struct retired *next;
    struct hy_calendar *calendar;
};

struct hy_packs {
    pthread_rwlock_t lock; // guards all below but registry and thread
    char *pack_id;
    struct version *versions;
    struct version *current;
    struct year *years;
    struct hy_calendar *calendar;
    struct retired *retired;
    struct hy_registry *registry;
    pthread_t follower;
    bool following;
    atomic_bool stop;
};

static struct version *find_version(struct hy_packs *packs, const char *hash) {
    for (struct version *v = packs->versions; v; v = v->next) {
        if (strcmp(v->pack->hash, hash) == 0) return v;
    }
    return NULL;
}

// A version is loaded outside the lock: compiling a list takes milliseconds and lanes must not wait for it.
static struct version *load_version(const struct hy_registry_entry *entry) {
    struct hy_bundle bundle = {0};
    struct hy_error err = {0};
    struct hy_buf problems = {0};
    struct version *version = calloc(1, sizeof *version);
    int rc = version ? hy_bundle_read(entry->content, &bundle, &err) : HY_ENOMEM;
    if (rc == HY_OK) rc = hy_bundle_pack(&bundle, &version->pack, &problems);
    if (rc == HY_OK) {
        rc = hy_bundle_dispatch(&bundle, version->pack, &version->dispatch, &problems);
        if (rc == HY_ENOTFOUND) rc = HY_OK;
    }
    if (rc != HY_OK) {
        HY_ERROR("packs.refused", "a published pack cannot be read; the one before stays in force",
                 "kind=%s id=%s code=%s why=\"%s%s\"", entry->kind, entry->id, hy_error_name(rc), err.text,
                 problems.data ? problems.data : "");
        if (version) hy_pack_free(version->pack);
        free(version);
        version = NULL;
    }
    hy_bundle_free(&bundle);
    hy_buf_free(&problems);
    return version;
}

static void free_version(struct version *version) {
    hy_dispatch_free(version->dispatch);
    hy_pack_free(version->pack);
    free(version);
}

// Adds the version unless its hash is known; returns the one that stands.
static struct version *keep_version(struct hy_packs *packs, struct version *loaded) {
    struct version *known = find_version(packs, loaded->pack->hash);
    if (known && known->dispatch && !loaded->dispatch) {
        free_version(loaded);
        return known;
    }
    loaded->next = packs->versions; // newest first: a pack published again with another list is found with that list
    packs->versions = loaded;
    return loaded;
}

static void take_version(struct hy_packs *packs, const struct hy_registry_entry *entry) {
    if (entry->removed) return;
    struct version *loaded = load_version(entry);
    if (!loaded) return;
    pthread_rwlock_wrlock(&packs->lock);
    keep_version(packs, loaded);
    pthread_rwlock_unlock(&packs->lock);
}

static void take_pack(struct hy_packs *packs, const struct hy_registry_entry *entry) {
    if (entry->removed || strcmp(entry->id, packs->pack_id) != 0) return;
    struct version *loaded = load_version(entry);
    if (!loaded) return;
    pthread_rwlock_wrlock(&packs->lock);
    packs->current = keep_version(packs, loaded);
    HY_INFO("packs.in_force", "pack in force", "id=%s hash=%s rows=%d", packs->pack_id, packs->current->pack->hash,
            packs->current->dispatch ? hy_dispatch_rows(packs->current->dispatch) : 0);
    pthread_rwlock_unlock(&packs->lock);
}

static struct hy_calendar *build_calendar(const struct year *years) {
    struct hy_calendar *calendar = hy_calendar_new();
    for (const struct year *year = years; calendar && year; year = year->next) {
        struct hy_error err = {0};
        int rc = hy_calendar_add_year(calendar, year->id, hy_buf_view(&year->json), &err);
        if (rc != HY_OK) HY_ERROR("packs.calendar", "a calendar file was left out", "why=\"%s\"", err.text);
    }
    return calendar;
}

static struct year *year_of(struct hy_packs *packs, const char *id) {
    for (struct year *year = packs->years; year; year = year->next) {
        if (strcmp(year->id, id) == 0) return year;
    }
    struct year *year = calloc(1, sizeof *year);
    if (!year || !(year->id = strdup(id))) {
        free(year);
        return NULL;
    }
    year->next = packs->years;
    packs->years = year;
    return year;
}

static void take_calendar(struct hy_packs *packs, const struct hy_registry_entry *entry) {
    pthread_rwlock_wrlock(&packs->lock);
    struct year *year = year_of(packs, entry->id);
    struct retired *retired = calloc(1, sizeof *retired);
    if (year && retired) {
        hy_buf_clear(&year->json);
        if (!entry->removed)
            hy_buf_add(&year->json, entry->content.data, entry->content.len);
        else
            hy_buf_adds(&year->json, "{\"days\":[]}");
        struct hy_calendar *fresh = build_calendar(packs->years);
        if (fresh) {
            *retired = (struct retired){packs->retired, packs->calendar};
            packs->retired = retired;
            packs->calendar = fresh;
            retired = NULL;
        }
    }
    free(retired);
    pthread_rwlock_unlock(&packs->lock);
}

static const struct {
    const char *kind;
    void (*take)(struct hy_packs *packs, const struct hy_registry_entry *entry);
} KINDS[] = {
    {HY_KIND_PACK_VERSION, take_version},
    {HY_KIND_PACK, take_pack},
    {HY_KIND_CALENDAR, take_calendar},
};

static void on_entry(void *opaque, const struct hy_registry_entry *entry) {
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (strcmp(KINDS[i].kind, entry->kind) == 0) KINDS[i].take(opaque, entry);
    }
}

static void *follow(void *opaque) {
    struct hy_packs *packs = opaque;
    while (!atomic_load(&packs->stop)) {
        struct hy_error err = {0};
        if (hy_registry_poll(packs->registry, 500, &err) < 0) {
            HY_WARN("packs.registry", "cannot follow hy.registry; what was published stays in force", "why=\"%s\"",
                    err.text);
        }
    }
    return NULL;
}

static int check_ready(const struct hy_packs *packs, struct hy_error *err) {
    if (!packs->current) {
        return hy_fail(err, HY_ENOTFOUND, "pack \"%s\" is not in hy.registry: run `hyctl policy publish %s`",
                       packs->pack_id, packs->pack_id);
    }
    if (hy_calendar_last_year(packs->calendar) == 0) {
        return hy_fail(err, HY_ENOTFOUND, "no calendar in hy.registry: run `hyctl policy publish %s`", packs->pack_id);
    }
    return HY_OK;
}

int hy_packs_open(const struct hy_kafka_options *kafka, const char *pack_id, int timeout_ms, struct hy_packs **out,
                  struct hy_error *err) {
    *out = NULL;
    struct hy_packs *packs = calloc(1, sizeof *packs);
    if (!packs) return hy_fail(err, HY_ENOMEM, "packs: out of memory");
    pthread_rwlock_init(&packs->lock, NULL);
    packs->pack_id = strdup(pack_id);
    packs->calendar = hy_calendar_new();
    int rc = packs->pack_id && packs->calendar ? HY_OK : hy_fail(err, HY_ENOMEM, "packs: out of memory");
    if (rc == HY_OK) rc = hy_registry_open(kafka, on_entry, packs, timeout_ms, &packs->registry, err);
    if (rc == HY_OK) rc = check_ready(packs, err);
    if (rc == HY_OK && pthread_create(&packs->follower, NULL, follow, packs) != 0) {
        rc = hy_fail(err, HY_EINTERNAL, "packs: no thread to follow hy.registry");
    }
    packs->following = rc == HY_OK;
    if (rc == HY_OK)
        *out = packs;
    else
        hy_packs_close(packs);
    return rc;
}

static void free_years(struct year *year) {
    while (year) {
        struct year *next = year->next;
        hy_buf_free(&year->json);
        free(year->id);
        free(year);
        year = next;
    }
}

static void free_retired(struct retired *retired) {
    while (retired) {
        struct retired *next = retired->next;
        hy_calendar_free(retired->calendar);
        free(retired);
        retired = next;
    }
}

void hy_packs_close(struct hy_packs *packs) {
    if (!packs) return;
    atomic_store(&packs->stop, true);
    if (packs->following) pthread_join(packs->follower, NULL);
    if (packs->registry) hy_registry_close(packs->registry);
    for (struct version *v = packs->versions, *next; v; v = next) {
        next = v->next;
        free_version(v);
    }
    free_years(packs->years);
    free_retired(packs->retired);
    if (packs->calendar) hy_calendar_free(packs->calendar);
    pthread_rwlock_destroy(&packs->lock);
    free(packs->pack_id);
    free(packs);
}

int hy_packs_refresh(struct hy_packs *packs, int timeout_ms, struct hy_error *err) {
    return hy_registry_refresh(packs->registry, timeout_ms, err);
}

const struct hy_pack *hy_packs_find(void *opaque, const char *hash) {
    struct hy_packs *packs = opaque;
    pthread_rwlock_rdlock(&packs->lock);
    struct version *v = hash && hash[0] ? find_version(packs, hash) : packs->current;
    pthread_rwlock_unlock(&packs->lock);
    return v ? v->pack : NULL;
}

const struct hy_dispatch *hy_packs_dispatch(struct hy_packs *packs) {
    pthread_rwlock_rdlock(&packs->lock);
    const struct hy_dispatch *dispatch = packs->current ? packs->current->dispatch : NULL;
    pthread_rwlock_unlock(&packs->lock);
    return dispatch;
}

const struct hy_calendar *hy_packs_calendar(struct hy_packs *packs) {
    pthread_rwlock_rdlock(&packs->lock);
    const struct hy_calendar *calendar = packs->calendar;
    pthread_rwlock_unlock(&packs->lock);
    return calendar;
}

int hy_packs_last_year(struct hy_packs *packs) {
    return hy_calendar_last_year(hy_packs_calendar(packs));
}
