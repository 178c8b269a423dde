// hyctl status: does everything run, and how far is each stage behind?
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "lib/fold/redis.h"
#include "tools/hyctl/figures.h"
#include "tools/hyctl/http.h"
#include "tools/hyctl/published.h"
#include "tools/hyctl/say.h"
#include "tools/hyctl/topics.h"
#include "tools/hyctl/where.h"

enum { PROGRAMS = 64, ASK_MS = 2000 };

// ---- programs ----

struct program {
    const char *name, *listen; // listen NULL: it has no HTTP door (Kafka, Redis)
    const json_t *kept;        // its row of supervisor.json, NULL = none
    char urls[2][160];         // health, metrics
    struct hyctl_figures figures;
    bool up;
    char why[300];
};

struct status {
    struct hyctl_where where;
    struct hyctl_settings settings;
    struct program programs[PROGRAMS];
    size_t n;
    json_t *servers; // [{"name","ok","why"}]: kafka, redis, topics, supervisor
};

static const char *kept_text(const struct program *program, const char *key) {
    return json_string_value(json_object_get(program->kept, key));
}

static struct program *program_of(struct status *status, const char *name) {
    for (size_t i = 0; i < status->n; i++)
        if (strcmp(status->programs[i].name, name) == 0) return &status->programs[i];
    if (status->n == PROGRAMS) return NULL;
    struct program *program = &status->programs[status->n++];
    program->name = name;
    return program;
}

static void collect(struct status *status) {
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(status->where.supervisor, "programs"), i, row) {
        const char *name = json_string_value(json_object_get(row, "name"));
        struct program *program = name == NULL ? NULL : program_of(status, name);
        if (program != NULL) program->kept = row;
    }
    const char *name;
    json_t *listen;
    json_object_foreach(json_object_get(status->where.where, "http"), name, listen) {
        struct program *program = program_of(status, name);
        if (program == NULL || !json_is_string(listen)) continue;
        program->listen = json_string_value(listen);
        snprintf(program->urls[0], sizeof program->urls[0], "http://%s/healthz", program->listen);
        snprintf(program->urls[1], sizeof program->urls[1], "http://%s/metrics", program->listen);
    }
}

// The parts that are not well, by name and reason.
static void why_failing(struct program *program, const char *health) {
    json_t *root = json_loads(health, 0, NULL);
    size_t i, len = 0;
    const json_t *part;
    json_array_foreach(json_object_get(root, "parts"), i, part) {
        if (json_is_true(json_object_get(part, "ok"))) continue;
        const char *name = json_string_value(json_object_get(part, "name"));
        const char *why = json_string_value(json_object_get(part, "why"));
        if (len < sizeof program->why)
            len += (size_t)snprintf(program->why + len, sizeof program->why - len, "%s%s: %s", len > 0 ? "; " : "",
                                    name == NULL ? "?" : name, why == NULL ? "" : why);
    }
    if (len == 0) snprintf(program->why, sizeof program->why, "its /healthz says so, without a reason");
    json_decref(root);
}

static void judge(struct program *program, const struct hyctl_call *health, const struct hyctl_call *metrics) {
    if (health->code != HY_OK)
        snprintf(program->why, sizeof program->why, "no answer at %s: %s", program->listen, health->text);
    else if (health->status == 200)
        program->up = true;
    else
        why_failing(program, health->answer.data);
    if (metrics->code == HY_OK && metrics->status == 200) hyctl_figures_read(metrics->answer.data, &program->figures);
}

static int ask_programs(struct status *status, struct hy_error *err) {
    struct hyctl_call calls[2 * PROGRAMS] = {0};
    for (size_t i = 0; i < 2 * status->n; i++)
        calls[i] = (struct hyctl_call){
            .method = "GET", .url = status->programs[i / 2].urls[i % 2], .timeout_ms = ASK_MS, .code = HY_EINVALID};
    size_t asked = 0; // those without a door are left out of the calls, not of the list
    struct hyctl_call *order[PROGRAMS] = {0};
    for (size_t i = 0; i < status->n; i++) {
        if (status->programs[i].listen == NULL) continue;
        calls[asked] = calls[2 * i];
        calls[asked + 1] = calls[2 * i + 1];
        order[i] = &calls[asked];
        asked += 2;
    }
    int rc = asked == 0 ? HY_OK : hyctl_http(calls, asked, err);
    for (size_t i = 0; rc == HY_OK && i < status->n; i++) {
        struct program *program = &status->programs[i];
        const char *state = kept_text(program, "state");
        if (order[i] != NULL)
            judge(program, order[i], order[i] + 1);
        else if (!(program->up = state != NULL && strcmp(state, "running") == 0))
            snprintf(program->why, sizeof program->why, "its supervisor says: %s", state == NULL ? "nothing" : state);
    }
    hyctl_calls_free(calls, asked);
    return rc;
}

// ---- servers ----

static void server(struct status *status, const char *name, const char *at, int rc, const char *why) {
    json_array_append_new(status->servers, json_pack("{s:s, s:s, s:b, s:s}", "name", name, "at", at, "ok", rc == HY_OK,
                                                     "why", rc == HY_OK ? "" : why));
}

static void ask_redis(struct status *status) {
    const struct hy_config_common *common = &status->settings.common;
    struct hy_redis_options options = {
        .url = common->redis_url, .password = common->redis_password, .client_name = "hyctl"};
    struct hy_redis *redis;
    redisReply *reply = NULL;
    struct hy_error err = {0};
    int rc = hy_redis_new(&options, &redis, &err);
    if (rc == HY_OK) {
        rc = hy_redis_call(redis, &reply, &err, 1, "PING");
        if (reply != NULL) freeReplyObject(reply);
        hy_redis_free(redis);
    }
    server(status, "redis", common->redis_url, rc, err.text);
}

static int check_topics(const struct hy_kafka_options *kafka, struct hy_error *err) {
    struct hy_topics_plan plan;
    struct hy_registry *registry;
    struct hy_buf report = {0};
    int rc = hyctl_standing_plan(kafka, &plan, err);
    if (rc == HY_OK) rc = hyctl_topics_check(kafka, &plan, &report, err);
    hy_buf_free(&report);
    if (rc == HY_OK) rc = hyctl_registry(kafka, &registry, err);
    if (rc != HY_OK) return rc;
    char **ids = hyctl_published_ids(registry, HY_KIND_PACK);
    if (ids == NULL || ids[0] == NULL)
        rc = hy_fail(err, HY_ENOTFOUND, "no pack is published: run hyctl policy publish");
    hyctl_ids_free(ids);
    hy_registry_close(registry);
    return rc;
}

static void ask_kafka(struct status *status) {
    struct hy_kafka_options kafka = hyctl_kafka(&status->settings);
    struct hy_error err = {0};
    int rc = hyctl_kafka_reach(&kafka, &err);
    server(status, "kafka", kafka.brokers, rc, err.text);
    if (rc == HY_OK) rc = check_topics(&kafka, &err);
    server(status, "topics", "hy.*", rc, rc == HY_ENET ? "Kafka does not answer" : err.text);
}

// The supervisor wrote its pid; a crash of it leaves the file behind.
static void ask_supervisor(struct status *status) {
    json_int_t pid = json_integer_value(json_object_get(status->where.supervisor, "pid"));
    if (status->where.supervisor == NULL) return;
    bool lives = pid > 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
    char at[64];
    snprintf(at, sizeof at, "pid %lld", (long long)pid);
    server(status, "deploy/up", at, lives ? HY_OK : HY_ECLOSED, "does not run: nothing is started again when it dies");
}

// ---- saying ----

static json_t *figure(bool has, json_t *value) {
    if (has) return value;
    json_decref(value);
    return json_null();
}

static json_t *count(bool has, double value) {
    return figure(has, json_integer((json_int_t)value));
}

static json_t *program_json(const struct program *program) {
    const char *listen = program->listen;
    json_t *row = json_pack("{s:s, s:b, s:s, s:o, s:o, s:o, s:o}", "name", program->name, "up", program->up, "why",
                            program->why, "listen", listen == NULL ? json_null() : json_string(listen), "lag_records",
                            count(program->figures.has_lag, program->figures.lag), "oldest_seconds",
                            figure(program->figures.has_oldest, json_real(program->figures.oldest_s)), "dead_letters",
                            count(program->figures.has_dead, program->figures.dead));
    static const char *const keys[] = {"state", "restarts", "last_exit", "since", "pid", "log"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        json_t *value = json_object_get(program->kept, keys[i]);
        json_object_set_new(row, keys[i], value == NULL ? json_null() : json_incref(value));
    }
    return row;
}

static void cell_figure(struct hyctl_table *table, bool has, double value, const char *unit) {
    if (has)
        hyctl_table_cell(table, "%.0f%s", value, unit);
    else
        hyctl_table_cell(table, "–");
}

static void print_programs(const struct status *status) {
    struct hyctl_table table = {.columns = 7};
    static const char *const heads[] = {"program", "health", "restarts", "lag", "oldest", "dead", "state"};
    for (size_t i = 0; i < 7; i++)
        hyctl_table_cell(&table, "%s", heads[i]);
    for (size_t i = 0; i < status->n; i++) {
        const struct program *program = &status->programs[i];
        const char *state = kept_text(program, "state"), *exit = kept_text(program, "last_exit");
        hyctl_table_cell(&table, "%s", program->name);
        hyctl_table_cell(&table, "%s", program->up ? "ok" : "DOWN");
        cell_figure(&table, program->kept != NULL,
                    (double)json_integer_value(json_object_get(program->kept, "restarts")), "");
        cell_figure(&table, program->figures.has_lag, program->figures.lag, "");
        cell_figure(&table, program->figures.has_oldest, program->figures.oldest_s, " s");
        cell_figure(&table, program->figures.has_dead, program->figures.dead, "");
        hyctl_table_cell(&table, "%s%s%s%s%s", state == NULL ? "–" : state, exit == NULL ? "" : ", last ended with ",
                         exit == NULL ? "" : exit, *program->why ? "; " : "", program->why);
    }
    hyctl_table_print(&table, stdout);
}

static void print_servers(const struct status *status) {
    struct hyctl_table table = {.columns = 4};
    static const char *const heads[] = {"server", "health", "at", ""};
    for (size_t i = 0; i < 4; i++)
        hyctl_table_cell(&table, "%s", heads[i]);
    size_t i;
    const json_t *row;
    json_array_foreach(status->servers, i, row) {
        hyctl_table_cell(&table, "%s", json_string_value(json_object_get(row, "name")));
        hyctl_table_cell(&table, "%s", json_is_true(json_object_get(row, "ok")) ? "ok" : "DOWN");
        hyctl_table_cell(&table, "%s", json_string_value(json_object_get(row, "at")));
        hyctl_table_cell(&table, "%s", json_string_value(json_object_get(row, "why")));
    }
    hyctl_table_print(&table, stdout);
}

static bool all_up(const struct status *status) {
    size_t i;
    const json_t *row;
    json_array_foreach(status->servers, i, row) {
        if (!json_is_true(json_object_get(row, "ok"))) return false;
    }
    for (i = 0; i < status->n; i++)
        if (!status->programs[i].up) return false;
    return true;
}

static int say(const struct hyctl_args *args, const struct status *status) {
    bool up = all_up(status);
    if (args->json) {
        json_t *programs = json_array();
        for (size_t i = 0; i < status->n; i++)
            json_array_append_new(programs, program_json(&status->programs[i]));
        int rc = hyctl_say_json(json_pack("{s:b, s:s, s:o, s:O}", "ok", up, "data", status->where.folder, "programs",
                                          programs, "servers", status->servers));
        return up ? rc : HYCTL_FAILED;
    }
    if (status->n > 0) {
        print_programs(status);
        putchar('\n');
    } else {
        hyctl_error("note: no data folder of deploy/up is known (--data DIR), so no program was looked at");
    }
    print_servers(status);
    if (!up)
        hyctl_error("something is down, see DOWN above; logs are in %s/log",
                    *status->where.folder ? status->where.folder : "DIR");
    return up ? HYCTL_OK : HYCTL_FAILED;
}

static int run_status(const struct hyctl_args *args) {
    struct status *status = calloc(1, sizeof *status);
    if (status == NULL) return HYCTL_FAILED;
    struct hy_error err = {0};
    int rc = hyctl_where_find(args, &status->where);
    if (rc == HYCTL_OK) rc = hyctl_where_settings(args, &status->where, &status->settings);
    if (rc == HYCTL_OK) {
        signal(SIGPIPE, SIG_IGN); // lib/fold/redis.h asks for it
        struct hyctl_progress *progress = hyctl_progress_start("asking", 0);
        status->servers = json_array();
        collect(status);
        int asked = ask_programs(status, &err);
        ask_supervisor(status);
        ask_kafka(status);
        ask_redis(status);
        hyctl_progress_end(progress);
        rc = asked == HY_OK ? say(args, status) : hyctl_fail(&err);
        json_decref(status->servers);
        hyctl_settings_free(&status->settings);
    }
    hyctl_where_free(&status->where);
    free(status);
    return rc;
}

static const struct hyctl_option status_options[] = {HYCTL_CONFIG_OPTION, HYCTL_DATA_OPTION, {NULL, NULL, NULL}};

const struct hyctl_command hyctl_status_commands[] = {
    {.group = "status",
     .summary = "What runs, how often it was started again, how far it is behind",
     .options = status_options,
     .details = "Each program's health, restarts, records not handled yet, age of the oldest of them and dead letters; "
                "Kafka,\nRedis, the topics, and whether a pack is published. Exit code 1 when something is down.",
     .example = "hyctl status --data var",
     .run = run_status},
    {.group = NULL},
};
