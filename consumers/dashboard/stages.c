#include "consumers/dashboard/stages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/dashboard/out.h"
#include "consumers/dashboard/prom.h"

enum { EVERY_MS = 2000, ASK_MS = 1500, STAGES_MAX = 64, NAME_MAX_LEN = 31, STATE_FILE_MAX = 1 << 20 };

struct stage {
    struct stages *stages;
    char name[NAME_MAX_LEN + 1];
    char url[200];
    bool polled; // else known from the supervisor only
    bool asking, up, has_lag, has_oldest, has_restarts;
    double lag, oldest_s;
    json_int_t restarts;
};

struct stages {
    struct hy_web_client *client;
    uv_timer_t timer;
    char *supervisor;
    void (*changed)(void *ctx);
    void *ctx;
    char *shown; // the JSON that was last told
    size_t n;
    struct stage list[STAGES_MAX];
};

static const struct figure {
    const char *metric;
    enum prom_join join;
} LAGS[] = {{"huiying_lane_lag_records", PROM_SUM}, {"huiying_fold_lag_records", PROM_SUM}},
  OLDEST[] = {{"huiying_lane_oldest_unhandled_seconds", PROM_MAX},
              {"huiying_fold_oldest_unhandled_seconds", PROM_MAX},
              {"huiying_sla_oldest_due_seconds", PROM_MAX}};

static bool join_figures(struct hy_bytes text, const struct figure *figures, size_t n, bool sum, double *out) {
    bool any = false;
    double value;
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        if (!prom_value(text, figures[i].metric, figures[i].join, &value)) continue;
        *out = sum ? *out + value : value > *out ? value : *out;
        any = true;
    }
    return any;
}

static void tell(struct stages *stages) {
    json_t *rows = stages_json(stages);
    char *text = json_dumps(rows, JSON_COMPACT);
    json_decref(rows);
    bool same = text && stages->shown && strcmp(text, stages->shown) == 0;
    free(stages->shown);
    stages->shown = text;
    if (!same && stages->changed) stages->changed(stages->ctx);
}

static void on_metrics(const struct hy_web_answer *answer, void *ctx) {
    struct stage *stage = ctx;
    bool answered = answer->code == 0 && answer->status == 200;
    stage->asking = false;
    stage->has_lag = answered && join_figures(answer->body, LAGS, 2, true, &stage->lag);
    stage->has_oldest = answered && join_figures(answer->body, OLDEST, 3, false, &stage->oldest_s);
    if (!answered) stage->up = false;
    if (answer->code != HY_ECLOSED) tell(stage->stages);
}

static bool ask(struct stage *stage, const char *path, hy_web_answer_fn done) {
    char url[256];
    snprintf(url, sizeof url, "%s%s", stage->url, path);
    const struct hy_web_call call = {
        .method = "GET", .url = url, .connect_ms = ASK_MS, .timeout_ms = ASK_MS, .done = done, .ctx = stage};
    return hy_web_client_call(stage->stages->client, &call, NULL) == HY_OK;
}

// A failing part answers 503: the program is there but does not do its work, which is what people want to see.
static void on_health(const struct hy_web_answer *answer, void *ctx) {
    struct stage *stage = ctx;
    stage->up = answer->code == 0 && answer->status == 200;
    bool goes_on = answer->code == 0 && ask(stage, "/metrics", on_metrics);
    if (goes_on) return;
    stage->asking = stage->has_lag = stage->has_oldest = false;
    if (answer->code != HY_ECLOSED) tell(stage->stages);
}

static struct stage *stage_named(struct stages *stages, const char *name, bool make) {
    for (size_t i = 0; i < stages->n; i++) {
        if (strcmp(stages->list[i].name, name) == 0) return &stages->list[i];
    }
    if (!make || stages->n == STAGES_MAX || strlen(name) > NAME_MAX_LEN) return NULL;
    struct stage *stage = &stages->list[stages->n++];
    *stage = (struct stage){.stages = stages};
    memcpy(stage->name, name, strlen(name) + 1);
    return stage;
}

// The supervisor replaces its file in one move, so it is always whole.
static void read_supervisor(struct stages *stages) {
    struct hy_buf text = {0};
    if (!stages->supervisor[0] || hy_read_file(stages->supervisor, STATE_FILE_MAX, &text, NULL) != HY_OK) return;
    json_t *state = json_loadb(text.data ? text.data : "", text.len, 0, NULL);
    const json_t *programs = json_object_get(state, "programs");
    for (size_t i = 0; i < json_array_size(programs); i++) {
        const json_t *row = json_array_get(programs, i);
        const char *name = json_string_value(json_object_get(row, "name"));
        const char *what = json_string_value(json_object_get(row, "state"));
        struct stage *stage = name ? stage_named(stages, name, true) : NULL;
        if (!stage) continue;
        stage->has_restarts = true;
        stage->restarts = json_integer_value(json_object_get(row, "restarts"));
        if (!stage->polled) stage->up = what && strcmp(what, "running") == 0;
    }
    json_decref(state);
    hy_buf_free(&text);
}

static void on_timer(uv_timer_t *timer) {
    struct stages *stages = timer->data;
    read_supervisor(stages);
    tell(stages);
    for (size_t i = 0; i < stages->n; i++) {
        struct stage *stage = &stages->list[i];
        if (stage->polled && !stage->asking) stage->asking = ask(stage, "/healthz", on_health);
    }
}

static int read_programs(struct stages *stages, const char *text, struct hy_error *err) {
    for (const char *at = text; *at; at += strspn(at, ", ")) {
        size_t len = strcspn(at, ",");
        const char *equals = memchr(at, '=', len);
        char name[NAME_MAX_LEN + 1] = "";
        size_t name_len = equals ? (size_t)(equals - at) : 0;
        if (name_len > 0 && name_len <= NAME_MAX_LEN) memcpy(name, at, name_len);
        struct stage *stage = name[0] && !stage_named(stages, name, false) ? stage_named(stages, name, true) : NULL;
        bool http = equals && (strncmp(equals + 1, "http://", 7) == 0 || strncmp(equals + 1, "https://", 8) == 0);
        size_t url_len = len - name_len - 1;
        if (!stage || !http || url_len >= sizeof stage->url)
            return hy_fail(err, HY_ECONFIG,
                           "dashboard.programs: write name=http://host:port, separated by commas, each name once");
        memcpy(stage->url, equals + 1, url_len);
        stage->url[url_len] = '\0';
        stage->polled = true;
        at += len;
    }
    return HY_OK;
}

int stages_open(uv_loop_t *loop, struct hy_web_client *client, const char *programs, const char *supervisor,
                void (*changed)(void *ctx), void *ctx, struct stages **out, struct hy_error *err) {
    struct stages *stages = calloc(1, sizeof *stages);
    if (stages) stages->supervisor = strdup(supervisor);
    int rc = stages && stages->supervisor ? read_programs(stages, programs, err)
                                          : hy_fail(err, HY_ENOMEM, "stages: out of memory");
    if (rc != HY_OK) {
        stages_free(stages);
        return rc;
    }
    stages->client = client;
    stages->changed = changed;
    stages->ctx = ctx;
    uv_timer_init(loop, &stages->timer);
    stages->timer.data = stages;
    uv_timer_start(&stages->timer, on_timer, 0, EVERY_MS);
    *out = stages;
    return HY_OK;
}

json_t *stages_json(const struct stages *stages) {
    json_t *rows = json_array();
    for (size_t i = 0; i < stages->n; i++) {
        const struct stage *stage = &stages->list[i];
        json_t *row = json_object();
        out_text(row, "name", stage->name);
        out_bool(row, "up", stage->up);
        out_put(row, "lag", stage->has_lag ? json_integer((json_int_t)stage->lag) : json_null());
        out_put(row, "oldest_ms", stage->has_oldest ? json_integer((json_int_t)(stage->oldest_s * 1000)) : json_null());
        out_put(row, "restarts", stage->has_restarts ? json_integer(stage->restarts) : json_null());
        out_add(rows, row);
    }
    return rows;
}

void stages_close(struct stages *stages) {
    if (stages) uv_close((uv_handle_t *)&stages->timer, NULL);
}

void stages_free(struct stages *stages) {
    if (!stages) return;
    free(stages->supervisor);
    free(stages->shown);
    free(stages);
}
