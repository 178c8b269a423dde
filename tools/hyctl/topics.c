// hyctl topics: making and checking the topics of the table and those of departments.
#include "tools/hyctl/topics.h"

#include <stdlib.h>
#include <string.h>

#include "tools/hyctl/data.h"
#include "tools/hyctl/published.h"
#include "tools/hyctl/say.h"

// ---- departments ----

void hyctl_depts_free(struct hyctl_depts *depts) {
    for (size_t i = 0; i < depts->n; i++)
        free(depts->codes[i]);
    free(depts->codes);
    *depts = (struct hyctl_depts){0};
}

int hyctl_depts_add(struct hyctl_depts *depts, const char *code) {
    for (size_t i = 0; i < depts->n; i++)
        if (strcmp(depts->codes[i], code) == 0) return HY_OK;
    char **codes = realloc(depts->codes, (depts->n + 1) * sizeof *codes);
    if (codes == NULL) return HY_ENOMEM;
    depts->codes = codes;
    codes[depts->n] = strdup(code);
    if (codes[depts->n] == NULL) return HY_ENOMEM;
    depts->n++;
    return HY_OK;
}

int hyctl_depts_add_list(struct hyctl_depts *depts, const char *commas, struct hy_error *err) {
    char *copy = strdup(commas), *rest = copy;
    int rc = copy == NULL ? hy_fail(err, HY_ENOMEM, "out of memory") : HY_OK;
    while (rc == HY_OK && rest != NULL) {
        const char *code = strsep(&rest, ",");
        if (!hy_topic_dept_valid(code))
            rc = hy_fail(err, HY_EINVALID, "'%.80s' is no code of a department: 1 to 64 of a-z 0-9 _ -", code);
        else if (hyctl_depts_add(depts, code) != HY_OK)
            rc = hy_fail(err, HY_ENOMEM, "out of memory");
    }
    free(copy);
    return rc;
}

int hyctl_depts_add_pack(struct hyctl_depts *depts, const struct hy_pack *pack) {
    int rc = HY_OK;
    for (int i = 0; rc == HY_OK && i < pack->n_departments; i++)
        rc = hyctl_depts_add(depts, pack->departments[i].code);
    return rc;
}

// ---- the report ----

static const char *state_of(const char *what) {
    if (strncmp(what, "made", 4) == 0) return "made";
    return strncmp(what, "as it should be", 15) == 0 ? "right" : "wrong";
}

json_t *hyctl_topics_report(const char *report) {
    json_t *topics = json_array();
    for (const char *line = report; line != NULL && *line != '\0';) {
        size_t len = strcspn(line, "\n");
        const char *colon = memmem(line, len, ": ", 2);
        if (colon != NULL) {
            const char *what = colon + 2;
            json_t *row = json_pack("{s:s%, s:s, s:s%}", "topic", line, (size_t)(colon - line), "state", state_of(what),
                                    "what", what, (size_t)(line + (int)len - what));
            if (json_array_append_new(topics, row) != 0) break;
        }
        line += len + (line[len] == '\n');
    }
    return topics;
}

size_t hyctl_topics_print(const json_t *topics, bool all) {
    struct hyctl_table table = {.columns = 2};
    size_t wrong = 0, i;
    const json_t *row;
    json_array_foreach(topics, i, row) {
        const char *state = json_string_value(json_object_get(row, "state"));
        wrong += strcmp(state, "wrong") == 0;
        if (!all && strcmp(state, "right") == 0) continue;
        hyctl_table_cell(&table, "%s", json_string_value(json_object_get(row, "topic")));
        hyctl_table_cell(&table, "%s", json_string_value(json_object_get(row, "what")));
    }
    hyctl_table_print(&table, stdout);
    return wrong;
}

// ---- commands ----

static int read_plan(const struct hyctl_args *args, struct hy_topics_plan *plan) {
    size_t n;
    int rc = hyctl_number(args, "partitions", 1, 1000, 0, &n);
    *plan = (struct hy_topics_plan){.partitions = (int32_t)n};
    return rc;
}

static int add_published(const struct hy_kafka_options *kafka, struct hyctl_depts *depts, const char *id,
                         struct hy_error *err) {
    struct hy_registry *registry;
    struct hyctl_published published = {0};
    int rc = hyctl_registry(kafka, &registry, err);
    if (rc != HY_OK) return rc;
    rc = hyctl_published_pack(registry, id, &published, err);
    if (rc == HY_OK && hyctl_depts_add_pack(depts, published.pack) != HY_OK)
        rc = hy_fail(err, HY_ENOMEM, "out of memory");
    hyctl_published_free(&published);
    hy_registry_close(registry);
    return rc;
}

// The departments that the options name: a list, a pack of --policies, or a published pack.
static int named_depts(const struct hyctl_args *args, const struct hy_kafka_options *kafka, struct hyctl_depts *depts) {
    const char *list = hyctl_value(args, "departments"), *pack = hyctl_value(args, "pack");
    struct hy_error err = {0};
    if (list != NULL && hyctl_depts_add_list(depts, list, &err) != HY_OK) {
        hyctl_fail(&err);
        return HYCTL_USAGE;
    }
    if (pack == NULL) return HYCTL_OK;
    if (hyctl_value(args, "policies") == NULL)
        return add_published(kafka, depts, pack, &err) == HY_OK ? HYCTL_OK : hyctl_fail(&err);
    struct hyctl_data data = {0};
    int rc = hyctl_load_pack(args, &data);
    if (rc == HYCTL_OK && hyctl_depts_add_pack(depts, data.pack) != HY_OK) rc = HYCTL_FAILED;
    hyctl_data_free(&data);
    return rc;
}

// Says the report and, when it is not in it, what failed.
static int answer(const struct hyctl_args *args, int rc, const struct hy_buf *report, const struct hy_error *err,
                  bool all) {
    json_t *topics = hyctl_topics_report(report->data);
    bool told = rc == HY_EMISMATCH || rc == HY_ENOTFOUND;
    if (rc != HY_OK) hyctl_fail(err);
    if (args->json) {
        int said = hyctl_say_json(json_pack("{s:b, s:o}", "ok", rc == HY_OK, "topics", topics));
        return rc == HY_OK ? said : HYCTL_FAILED;
    }
    if (rc == HY_OK || told) hyctl_topics_print(topics, all || told);
    if (rc == HY_OK) printf("%zu topics are as they should be\n", json_array_size(topics));
    json_decref(topics);
    return rc == HY_OK ? HYCTL_OK : HYCTL_FAILED;
}

static int run_create(const struct hyctl_args *args) {
    struct hyctl_settings settings;
    struct hy_topics_plan plan;
    int rc = read_plan(args, &plan);
    if (rc == HYCTL_OK) rc = hyctl_connect(args, &settings);
    if (rc != HYCTL_OK) return rc;
    struct hy_kafka_options kafka = hyctl_kafka(&settings);
    struct hyctl_depts depts = {0};
    struct hy_buf report = {0};
    struct hy_error err = {0};
    rc = named_depts(args, &kafka, &depts);
    if (rc == HYCTL_OK) {
        struct hyctl_progress *progress = hyctl_progress_start("creating topics", 0);
        int made =
            hy_topics_create(&kafka, &plan, (const char *const *)depts.codes, depts.n, HYCTL_TOPICS_MS, &report, &err);
        hyctl_progress_end(progress);
        rc = answer(args, made, &report, &err, false);
    }
    hy_buf_free(&report);
    hyctl_depts_free(&depts);
    hyctl_settings_free(&settings);
    return rc;
}

static int dept_check(rd_kafka_t *rk, const char *full, struct hy_buf *report, struct hy_error *err) {
    int32_t partitions = 0;
    struct hy_error why = {0};
    int rc = hy_kafka_partitions(rk, full, HYCTL_REACH_MS, &partitions, &why);
    if (rc == HY_ENOTFOUND) {
        hy_buf_addf(report, "%s: missing: run hyctl policy publish\n", full);
        return hy_fail(err, HY_ENOTFOUND, "topic %s: missing: run hyctl policy publish", full);
    }
    if (rc != HY_OK) return hy_fail(err, rc, "%s", why.text);
    if (partitions == 1) {
        hy_buf_addf(report, "%s: as it should be, 1 partitions\n", full);
        return HY_OK;
    }
    hy_buf_addf(report, "%s: has %d partitions, must have 1: a feed has one order\n", full, partitions);
    return hy_fail(err, HY_EMISMATCH, "topic %s: has %d partitions, must have 1", full, partitions);
}

static int depts_check(const struct hy_kafka_options *kafka, const struct hyctl_depts *depts, struct hy_buf *report,
                       struct hy_error *err) {
    struct hy_kafka_state state = {0};
    rd_kafka_t *rk;
    int worst = hyctl_kafka_handle(kafka, &state, &rk, err);
    if (worst != HY_OK) return worst;
    for (size_t i = 0; i < depts->n; i++) {
        char name[HY_TOPIC_NAME_SIZE], full[HY_TOPIC_NAME_SIZE];
        struct hy_error one = {0};
        snprintf(name, sizeof name, "%s%s", HY_TOPIC_WORK, depts->codes[i]);
        int rc = dept_check(rk, hy_topic_full(kafka->prefix, name, full), report, &one);
        if (rc == HY_OK || worst != HY_OK) continue;
        worst = rc;
        *err = one;
    }
    rd_kafka_destroy(rk);
    return worst;
}

// The departments of everything that is published must have their topics.
static int check_depts(const struct hy_kafka_options *kafka, struct hy_buf *report, struct hy_error *err) {
    struct hy_registry *registry;
    int rc = hyctl_registry(kafka, &registry, err);
    if (rc != HY_OK) return rc;
    struct hyctl_depts depts = {0};
    char **ids = hyctl_published_ids(registry, HY_KIND_PACK);
    for (size_t i = 0; rc == HY_OK && ids != NULL && ids[i] != NULL; i++) {
        struct hyctl_published published = {0};
        rc = hyctl_published_pack(registry, ids[i], &published, err);
        if (rc == HY_OK) rc = hyctl_depts_add_pack(&depts, published.pack);
        hyctl_published_free(&published);
    }
    if (rc == HY_OK) rc = depts_check(kafka, &depts, report, err);
    hyctl_ids_free(ids);
    hyctl_depts_free(&depts);
    hy_registry_close(registry);
    return rc;
}

int hyctl_topics_check(const struct hy_kafka_options *kafka, const struct hy_topics_plan *plan, struct hy_buf *report,
                       struct hy_error *err) {
    int rc = hy_topics_check(kafka, plan, HYCTL_TOPICS_MS, report, err);
    if (rc != HY_OK && rc != HY_EMISMATCH) return rc;
    struct hy_error other = {0};
    int of_depts = check_depts(kafka, report, &other);
    if (rc != HY_OK || of_depts == HY_OK) return rc;
    *err = other;
    return of_depts;
}

static int run_check(const struct hyctl_args *args) {
    struct hyctl_settings settings;
    struct hy_topics_plan plan;
    int rc = read_plan(args, &plan);
    if (rc == HYCTL_OK) rc = hyctl_connect(args, &settings);
    if (rc != HYCTL_OK) return rc;
    struct hy_kafka_options kafka = hyctl_kafka(&settings);
    struct hy_buf report = {0};
    struct hy_error err = {0};
    struct hyctl_progress *progress = hyctl_progress_start("checking topics", 0);
    int checked = hyctl_topics_check(&kafka, &plan, &report, &err);
    hyctl_progress_end(progress);
    rc = answer(args, checked, &report, &err, true);
    hy_buf_free(&report);
    hyctl_settings_free(&settings);
    return rc;
}

#define PARTITIONS_OPTION                                                                                              \
    { "partitions", "N", "partitions of every topic that has more than one (for small machines; else the table's)" }

static const struct hyctl_option create_options[] = {
    HYCTL_CONFIG_OPTION,
    {"departments", "a,b", "also the feeds of these departments"},
    {"pack", "ID", "also those of this published pack's departments"},
    {"policies", "DIR", "with --pack: the pack of this folder, not the published one"},
    PARTITIONS_OPTION,
    {NULL, NULL, NULL}};
static const struct hyctl_option check_options[] = {HYCTL_CONFIG_OPTION, PARTITIONS_OPTION, {NULL, NULL, NULL}};

const struct hyctl_command hyctl_topics_commands[] = {
    {.group = "topics",
     .name = "create",
     .summary = "Makes the topics that are missing, and checks the others",
     .options = create_options,
     .details = "Names, partitions and retention come from the one topics table. What stands already is only checked: "
                "counts are\nfixed at creation. policy publish makes the feeds of its pack's departments by itself.",
     .example = "hyctl topics create --config var/config.yaml --departments jiaoyu,jiaotong",
     .run = run_create},
    {.group = "topics",
     .name = "check",
     .summary = "Are all topics there, as the table wants them?",
     .options = check_options,
     .details = "Every difference is a line that says what to do; the departments of all published packs are checked "
                "too.",
     .example = "hyctl topics check --config var/config.yaml",
     .run = run_check},
    {.group = NULL},
};
