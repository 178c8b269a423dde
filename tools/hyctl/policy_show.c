// hyctl policy list and show: what stands published in hy.registry.
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "tools/hyctl/policy.h"
#include "tools/hyctl/published.h"
#include "tools/hyctl/say.h"

struct listing {
    json_t *packs, *calendars, *versions;
};

static json_t *time_json(int64_t ms) {
    char text[HY_TIME_TEXT];
    return ms == 0 ? json_null() : json_string(hy_time_format((struct hy_time){ms, HY_SHANGHAI_MINUTES}, text));
}

static json_t *entry_json(const struct hy_registry_entry *entry) {
    char hash[65];
    for (size_t i = 0; i < 32; i++)
        snprintf(hash + 2 * i, 3, "%02x", entry->hash[i]);
    return json_pack("{s:s, s:s, s:o, s:o, s:s, s:i}", "id", entry->id, "content_sha256", hash, "valid_from",
                     time_json(entry->valid_from_ms), "published", time_json(entry->published_ms), "by",
                     entry->published_by, "bytes", (int)entry->content.len);
}

static void take(void *opaque, const struct hy_registry_entry *entry) {
    if (!entry->removed) json_array_append_new(opaque, entry_json(entry));
}

static const char *text_of(const json_t *row, const char *key) {
    const char *text = json_string_value(json_object_get(row, key));
    return text == NULL ? "–" : text;
}

static void print_list(const struct listing *listing) {
    static const char *const keys[] = {"id", "valid_from", "published", "by"};
    struct hyctl_table table = {.columns = 4};
    size_t i;
    const json_t *row;
    hyctl_table_cell(&table, "pack");
    for (size_t k = 1; k < 4; k++)
        hyctl_table_cell(&table, "%s", k == 1 ? "valid from" : keys[k]);
    json_array_foreach(listing->packs, i, row) {
        for (size_t k = 0; k < 4; k++)
            hyctl_table_cell(&table, "%s", text_of(row, keys[k]));
    }
    hyctl_table_print(&table, stdout);
    size_t years = json_array_size(listing->calendars);
    printf("%zu versions are kept for the cases that pin them; calendars: ", json_array_size(listing->versions));
    if (years == 0)
        puts("none");
    else
        printf("%s to %s\n", text_of(json_array_get(listing->calendars, 0), "id"),
               text_of(json_array_get(listing->calendars, years - 1), "id"));
}

int hyctl_policy_list(const struct hyctl_args *args) {
    struct hyctl_settings settings;
    int rc = hyctl_connect(args, &settings);
    if (rc != HYCTL_OK) return rc;
    struct hy_kafka_options kafka = hyctl_kafka(&settings);
    struct hy_registry *registry;
    struct hy_error err = {0};
    if (hyctl_registry(&kafka, &registry, &err) != HY_OK) {
        hyctl_settings_free(&settings);
        return hyctl_fail(&err);
    }
    struct listing listing = {json_array(), json_array(), json_array()};
    hy_registry_each(registry, HY_KIND_PACK, take, listing.packs);
    hy_registry_each(registry, HY_KIND_CALENDAR, take, listing.calendars);
    hy_registry_each(registry, HY_KIND_PACK_VERSION, take, listing.versions);
    if (args->json)
        rc = hyctl_say_json(json_pack("{s:O, s:O, s:O}", "packs", listing.packs, "calendars", listing.calendars,
                                      "versions", listing.versions));
    else if (json_array_size(listing.packs) > 0)
        print_list(&listing);
    else
        puts("no pack is published: run hyctl policy publish");
    json_decref(listing.packs);
    json_decref(listing.calendars);
    json_decref(listing.versions);
    hy_registry_close(registry);
    hyctl_settings_free(&settings);
    return rc;
}

// ---- one pack ----

static const char *unit_name(enum hy_unit unit) {
    switch (unit) {
    case HY_UNIT_WORKDAYS:
        return "workdays";
    case HY_UNIT_WORK_MINUTES:
        return "work_minutes";
    case HY_UNIT_WALL_MINUTES:
        return "wall_minutes";
    case HY_UNIT_CALENDAR_DAYS:
        return "calendar_days";
    default:
        return "wall_seconds";
    }
}

static json_t *kind_json(const struct hy_pack_kind *kind) {
    json_t *clocks = json_array();
    for (int i = 0; i < kind->n_clocks; i++) {
        const struct hy_pack_clock *clock = &kind->clocks[i];
        json_array_append_new(clocks,
                              json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:s, s:b}", "name", clock->name, "label",
                                        clock->label, "article", clock->article, "length", (json_int_t)clock->length,
                                        "length_outside", (json_int_t)clock->length_outside, "unit",
                                        unit_name(clock->unit), "start", hy_point_name(clock->start), "stop",
                                        hy_point_name(clock->stop), "main", clock->main));
    }
    return json_pack("{s:s, s:s, s:s, s:i, s:o}", "name", kind->name, "label", kind->label, "article", kind->article,
                     "reviews", kind->reviews, "clocks", clocks);
}

static json_t *pack_json(const struct hyctl_published *published, bool texts) {
    const struct hy_pack *pack = published->pack;
    json_t *kinds = json_array(), *departments = json_array();
    for (int i = 0; i < pack->n_kinds; i++)
        json_array_append_new(kinds, kind_json(&pack->kinds[i]));
    for (int i = 0; i < pack->n_departments; i++)
        json_array_append_new(departments,
                              json_pack("{s:s, s:s, s:s}", "code", pack->departments[i].code, "name",
                                        pack->departments[i].name, "supervisor", pack->departments[i].supervisor));
    json_t *all =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o}", "id", pack->id, "name", pack->name, "jurisdiction",
                  pack->jurisdiction, "source", pack->source, "valid_from", time_json(pack->valid_from_ms), "hash",
                  pack->hash, "kinds", kinds, "departments", departments);
    json_t *bundle = json_loads(published->json.data, 0, NULL);
    if (texts) json_object_set(all, "sources", json_object_get(bundle, "sources"));
    json_decref(bundle);
    return all;
}

static void print_texts(const struct hy_bundle *bundle) {
    for (int role = 0; role < HY_BUNDLE_ROLES; role++)
        for (int i = 0; i < bundle->n[role]; i++) {
            const struct hy_pack_source *source = &bundle->sources[role][i];
            printf("# ---- %s\n%.*s\n", source->name, (int)source->yaml.len, (const char *)source->yaml.data);
        }
}

static void print_clocks(const struct hy_pack *pack) {
    struct hyctl_table table = {.columns = 6};
    static const char *const heads[] = {"clock", "label", "article", "length", "from", "to"};
    for (size_t i = 0; i < 6; i++)
        hyctl_table_cell(&table, "%s", heads[i]);
    for (int k = 0; k < pack->n_kinds; k++)
        for (int i = 0; i < pack->kinds[k].n_clocks; i++) {
            const struct hy_pack_clock *clock = &pack->kinds[k].clocks[i];
            hyctl_table_cell(&table, "%s.%s", pack->kinds[k].name, clock->name);
            hyctl_table_cell(&table, "%s", clock->label);
            hyctl_table_cell(&table, "%s%s", clock->article, clock->proposed ? " (proposed)" : "");
            hyctl_table_cell(&table, "%lld %s", (long long)clock->length, unit_name(clock->unit));
            hyctl_table_cell(&table, "%s", hy_point_name(clock->start));
            hyctl_table_cell(&table, "%s", hy_point_name(clock->stop));
        }
    hyctl_table_print(&table, stdout);
}

static void print_pack(const struct hy_pack *pack) {
    char from[HY_TIME_TEXT];
    printf("%s: %s\njurisdiction  %s\nsource        %s\nvalid from    %s\nhash          %s\n\n", pack->id, pack->name,
           pack->jurisdiction, pack->source,
           hy_time_format((struct hy_time){pack->valid_from_ms, HY_SHANGHAI_MINUTES}, from), pack->hash);
    print_clocks(pack);
    struct hyctl_table table = {.columns = 3};
    putchar('\n');
    hyctl_table_cell(&table, "department");
    hyctl_table_cell(&table, "name");
    hyctl_table_cell(&table, "supervisor");
    for (int i = 0; i < pack->n_departments; i++) {
        hyctl_table_cell(&table, "%s", pack->departments[i].code);
        hyctl_table_cell(&table, "%s", pack->departments[i].name);
        hyctl_table_cell(&table, "%s", pack->departments[i].supervisor);
    }
    hyctl_table_print(&table, stdout);
}

int hyctl_policy_show(const struct hyctl_args *args) {
    struct hyctl_settings settings;
    int rc = hyctl_connect(args, &settings);
    if (rc != HYCTL_OK) return rc;
    struct hy_kafka_options kafka = hyctl_kafka(&settings);
    struct hy_registry *registry = NULL;
    struct hyctl_published *published = calloc(1, sizeof *published);
    struct hy_error err = {.text = "out of memory"};
    bool texts = hyctl_value(args, "texts") != NULL;
    if (published == NULL || hyctl_registry(&kafka, &registry, &err) != HY_OK ||
        hyctl_published_pack(registry, args->n_places > 0 ? args->places[0] : settings.pack, published, &err) != HY_OK)
        rc = hyctl_fail(&err);
    else if (args->json)
        rc = hyctl_say_json(pack_json(published, texts));
    else if (texts)
        print_texts(&published->bundle);
    else
        print_pack(published->pack);
    if (published != NULL) hyctl_published_free(published);
    free(published);
    if (registry != NULL) hy_registry_close(registry);
    hyctl_settings_free(&settings);
    return rc;
}
