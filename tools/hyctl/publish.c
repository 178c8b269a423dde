// hyctl policy publish: topics of the departments first, then calendars, then each pack under its hash, and last under
// its id, which is what puts it in force. Whatever stands already is left alone, so a broken run is just run again.
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "tools/hyctl/policy.h"
#include "tools/hyctl/publish.h"
#include "tools/hyctl/published.h"
#include "tools/hyctl/say.h"
#include "tools/hyctl/topics.h"

struct publishing {
    struct hy_kafka_options kafka;
    struct hyctl_sources sources;
    struct hyctl_version *versions;
    int n_versions;
    struct hy_registry *registry;
    struct hy_publisher *publisher;
    char by[64];
    json_t *topics, *packs, *calendars;
};

// Who published it, for the record: the name of the account this runs under.
static void who(char out[64]) {
    const struct passwd *account = getpwuid(geteuid());
    if (account != NULL)
        snprintf(out, 64, "%s", account->pw_name);
    else
        snprintf(out, 64, "uid %ld", (long)geteuid());
}

static int read_versions(struct publishing *run, const char *const *ids, int n) {
    run->versions = calloc((size_t)n, sizeof *run->versions);
    if (run->versions == NULL) return HYCTL_FAILED;
    int rc = HYCTL_OK;
    for (int i = 0; i < n; i++) {
        struct hy_buf problems = {0};
        struct hy_error err = {0};
        if (hyctl_version_make(&run->sources, ids[i], &run->versions[run->n_versions], &problems, &err) == HY_OK) {
            run->n_versions++;
        } else {
            if (problems.len > 0) fputs(problems.data, stderr);
            rc = hyctl_fail(&err);
        }
        hy_buf_free(&problems);
    }
    return rc;
}

// ---- sending ----

static bool stands(struct publishing *run, const char *kind, const char *id, struct hy_bytes content) {
    struct hy_buf now = {0};
    bool same =
        hy_registry_get(run->registry, kind, id, &now, NULL) == HY_OK && hy_bytes_equal(hy_buf_view(&now), content);
    hy_buf_free(&now);
    return same;
}

// *sent becomes true when something was published.
static int publish_one(struct publishing *run, const char *kind, const char *id, struct hy_bytes content,
                       int64_t valid_from_ms, bool *sent, struct hy_error *err) {
    if (stands(run, kind, id, content)) return HY_OK;
    struct hy_registry_entry entry = {.kind = kind,
                                      .id = id,
                                      .content = content,
                                      .media_type = "application/json",
                                      .valid_from_ms = valid_from_ms,
                                      .published_ms = hy_wall_ms(hy_clock_system()),
                                      .published_by = run->by};
    *sent = true;
    return hy_registry_publish(run->publisher, &entry, HYCTL_REGISTRY_MS, err);
}

static int publish_calendars(struct publishing *run, struct hy_error *err) {
    const struct hyctl_folder *files = run->sources.calendars;
    int rc = HY_OK;
    for (int i = 0; rc == HY_OK && i < files->n; i++) {
        char year[8];
        bool sent = false;
        hyctl_year_of(files->names[i], year);
        rc = publish_one(run, HY_KIND_CALENDAR, year, files->sources[i].yaml, 0, &sent, err);
        if (rc == HY_OK)
            json_array_append_new(run->calendars,
                                  json_pack("{s:s, s:s}", "year", year, "state", sent ? "published" : "unchanged"));
    }
    return rc;
}

static json_t *describe(const struct hyctl_version *version, bool sent) {
    const struct hy_pack *pack = version->pack;
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:i, s:i}", "id", version->id, "hash", pack->hash, "state",
                  sent ? "published" : "unchanged", "departments", pack->n_departments, "kinds", pack->n_kinds);
    json_object_set_new(row, "dispatch_rows",
                        version->dispatch == NULL ? json_null() : json_integer(hy_dispatch_rows(version->dispatch)));
    return row;
}

static int publish_pack(struct publishing *run, const struct hyctl_version *version, struct hy_error *err) {
    struct hy_bytes json = hy_buf_view(&version->json);
    int64_t from = version->pack->valid_from_ms;
    bool sent = false;
    int rc = publish_one(run, HY_KIND_PACK_VERSION, version->pack->hash, json, from, &sent, err);
    if (rc == HY_OK) rc = publish_one(run, HY_KIND_PACK, version->id, json, from, &sent, err);
    if (rc == HY_OK) json_array_append_new(run->packs, describe(version, sent));
    return rc;
}

static int make_topics(struct publishing *run, struct hy_error *err) {
    struct hyctl_depts depts = {0};
    struct hy_buf report = {0};
    struct hy_topics_plan plan;
    int rc = hyctl_standing_plan(&run->kafka, &plan, err);
    for (int i = 0; rc == HY_OK && i < run->n_versions; i++)
        rc = hyctl_depts_add_pack(&depts, run->versions[i].pack);
    if (rc == HY_OK)
        rc = hy_topics_create(&run->kafka, &plan, (const char *const *)depts.codes, depts.n, HYCTL_TOPICS_MS, &report,
                              err);
    run->topics = hyctl_topics_report(report.data);
    hy_buf_free(&report);
    hyctl_depts_free(&depts);
    return rc;
}

static int send_all(struct publishing *run, struct hy_error *err) {
    struct hy_publisher_options options = {.kafka = run->kafka, .linger_ms = -1};
    int rc = make_topics(run, err);
    if (rc == HY_OK) rc = hyctl_registry(&run->kafka, &run->registry, err);
    if (rc == HY_OK) rc = hy_publisher_open(&options, &run->publisher, err);
    if (rc == HY_OK) rc = publish_calendars(run, err);
    for (int i = 0; rc == HY_OK && i < run->n_versions; i++)
        rc = publish_pack(run, &run->versions[i], err);
    return rc;
}

// ---- saying ----

static const char *text_of(const json_t *row, const char *key) {
    return json_string_value(json_object_get(row, key));
}

static void print_calendars(const json_t *calendars) {
    size_t i, published = 0;
    const json_t *row;
    json_array_foreach(calendars, i, row) {
        if (strcmp(text_of(row, "state"), "published") != 0) continue;
        printf("%s%s", published++ == 0 ? "calendars published: " : " ", text_of(row, "year"));
    }
    if (published > 0) putchar('\n');
    if (published < i) printf("calendars unchanged: %zu\n", i - published);
}

static void print_done(const struct publishing *run) {
    size_t i;
    const json_t *row;
    hyctl_topics_print(run->topics, false);
    print_calendars(run->calendars);
    json_array_foreach(run->packs, i, row) {
        const json_t *rows = json_object_get(row, "dispatch_rows");
        printf("pack %s: %s, hash %.12s…, %lld departments, ", text_of(row, "id"), text_of(row, "state"),
               text_of(row, "hash"), (long long)json_integer_value(json_object_get(row, "departments")));
        if (json_is_null(rows))
            printf("no dispatch list: the fallback department gets what names nobody\n");
        else
            printf("%lld rows in its dispatch list\n", (long long)json_integer_value(rows));
    }
}

static int say_done(const struct hyctl_args *args, struct publishing *run) {
    if (args->json)
        return hyctl_say_json(
            json_pack("{s:O, s:O, s:O}", "packs", run->packs, "calendars", run->calendars, "topics", run->topics));
    print_done(run);
    return HYCTL_OK;
}

// A pack counts from the moment it is published; who publishes it before its day should know.
static void warn_early(const struct publishing *run) {
    for (int i = 0; i < run->n_versions; i++) {
        int64_t from = run->versions[i].pack->valid_from_ms;
        char text[HY_TIME_TEXT];
        struct hy_time at = {from, HY_SHANGHAI_MINUTES};
        if (from > hy_wall_ms(hy_clock_system()))
            hyctl_error("note: %s says valid_from %s, and is in force from now on", run->versions[i].id,
                        hy_time_format(at, text));
    }
}

static void end(struct publishing *run) {
    hy_publisher_close(run->publisher, 1000);
    if (run->registry != NULL) hy_registry_close(run->registry);
    for (int i = 0; i < run->n_versions; i++)
        hyctl_version_free(&run->versions[i]);
    free(run->versions);
    json_decref(run->topics);
    json_decref(run->packs);
    json_decref(run->calendars);
    hyctl_sources_free(&run->sources);
}

int hyctl_policy_publish(const struct hyctl_args *args) {
    struct hyctl_settings settings;
    struct publishing run = {.packs = json_array(), .calendars = json_array()};
    int rc = hyctl_settings_load(args, &settings);
    if (rc != HYCTL_OK) {
        end(&run);
        return rc;
    }
    const char *usual[] = {settings.pack};
    bool named = args->n_places > 0;
    who(run.by);
    run.kafka = hyctl_kafka(&settings);
    rc = hyctl_sources_read(args, true, &run.sources);
    if (rc == HYCTL_OK) rc = hyctl_calendars_check(run.sources.calendars);
    if (rc == HYCTL_OK) rc = read_versions(&run, named ? args->places : usual, named ? args->n_places : 1);
    if (rc == HYCTL_OK) {
        struct hy_error err = {0};
        warn_early(&run);
        struct hyctl_progress *progress = hyctl_progress_start("publishing", 0);
        int sent = hyctl_kafka_reach(&run.kafka, &err);
        if (sent == HY_OK) sent = send_all(&run, &err);
        hyctl_progress_end(progress);
        rc = sent == HY_OK ? say_done(args, &run) : hyctl_fail(&err);
    }
    end(&run);
    hyctl_settings_free(&settings);
    return rc;
}
