#include "consumers/dashboard/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/dashboard/out.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/web/stream.h"

enum { TURN = 500, JUMP = 20000, OVERVIEW_MS = 1000, IDLE_OVERVIEW_MS = 15000, STREAMS_MAX = 500, RECENT_MAX = 100 };

struct listener {
    struct listener *next;
    struct live *live;
    struct hy_web_stream *stream;
    struct hy_web_identity identity;
    struct who who;
};

struct live {
    struct queries *q;
    struct view *view;
    struct stages *stages;
    uv_timer_t timer;
    struct listener *first;
    size_t n_streams;
    bool started; // the view was folded to the end once: from then on what is new is news
    bool dirty;
    int64_t rev, n;  // told so far
    int64_t told_ms; // the last overview
};

static void count_skipped(int64_t n) {
    hy_metric_add(hy_metric_get(HY_COUNTER, "huiying_dashboard_stream_skipped_total",
                                "Journal records too many to tell on the event stream.", NULL),
                  (double)n);
}

// The other programs, and what we know of ourselves.
static json_t *all_stages(const struct live *live) {
    json_t *rows = stages_json(live->stages), *own = NULL, *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        if (strcmp(json_string_value(json_object_get(row, "name")), "dashboard") == 0) own = row;
    }
    if (!own) return rows;
    int rc = view_health(live->view, NULL);
    out_bool(own, "up", rc == HY_OK || rc == HY_EAGAIN);
    out_int(own, "lag", view_lag(live->view));
    return rows;
}

int live_overview(struct live *live, const struct who *who, json_t **out, struct hy_error *err) {
    int rc = query_overview(live->q, who, out, err);
    if (rc != HY_OK) return rc;
    json_t *view = json_object();
    out_bool(view, "caught_up", view_health(live->view, NULL) == HY_OK);
    out_int(view, "lag", view_lag(live->view));
    out_put(*out, "view", view);
    out_put(*out, "stages", all_stages(live));
    return HY_OK;
}

// A client that cannot keep up is dropped by the stream itself and comes back.
static void send_json(struct listener *to, const char *event, const char *id, const json_t *data) {
    char *text = json_dumps(data, JSON_COMPACT);
    if (text && hy_web_stream_send(to->stream, event, id, hy_bytes_of(text)) == HY_EFULL)
        HY_DEBUG("dashboard.stream", "a reader fell behind and is dropped", "event=%s", event);
    free(text);
}

static void send_overview(struct listener *to) {
    json_t *overview = NULL;
    if (live_overview(to->live, &to->who, &overview, NULL) != HY_OK) return;
    send_json(to, "overview", NULL, overview);
    json_decref(overview);
}

static const char *text_of(const json_t *row, const char *key) {
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static void send_row(struct live *live, const char *event, const json_t *row, const char *id) {
    for (struct listener *to = live->first; to; to = to->next) {
        if (who_may_see(&to->who, text_of(row, "kind"), text_of(row, "owner"))) send_json(to, event, id, row);
    }
}

// True when there may be more at once.
static bool tell_journal(struct live *live) {
    json_t *rows = NULL;
    if (query_new_journal(live->q, live->n, TURN, &rows, NULL) != HY_OK) return false;
    size_t n = json_array_size(rows);
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(rows, i);
        char id[24];
        live->n = json_integer_value(json_object_get(row, "n"));
        snprintf(id, sizeof id, "%lld", (long long)live->n);
        send_row(live, "journal", row, id);
    }
    json_decref(rows);
    return n == TURN;
}

static bool tell_cases(struct live *live) {
    json_t *rows = NULL;
    if (query_changed_cases(live->q, live->rev, TURN, &rows, NULL) != HY_OK) return false;
    size_t n = json_array_size(rows);
    for (size_t i = 0; i < n; i++) {
        const json_t *row = json_array_get(rows, i);
        live->rev = json_integer_value(json_object_get(row, "rev"));
        send_row(live, "case", row, NULL);
    }
    json_decref(rows);
    return n == TURN;
}

static void on_timer(uv_timer_t *timer);

static void tell_overview(struct live *live) {
    int64_t now = hy_mono_ms(hy_clock_system());
    live->told_ms = now;
    live->dirty = false;
    for (struct listener *to = live->first; to; to = to->next)
        send_overview(to);
}

// The first sight of the view, and anything folded in bulk (a refold, old files replayed), is no news line by line.
static void jump_to_end(struct live *live, bool count) {
    int64_t rev, n;
    if (query_newest(live->q, &rev, &n, NULL) != HY_OK) return;
    if (count && n - live->n <= JUMP && rev - live->rev <= JUMP && n >= live->n && rev >= live->rev) return;
    if (count && n > live->n) count_skipped(n - live->n);
    live->rev = rev;
    live->n = n;
}

void live_wake(struct live *live) {
    live->dirty = true;
    if (!live->started) {
        live->started = view_health(live->view, NULL) == HY_OK;
        jump_to_end(live, false);
    } else if (!live->first) {
        jump_to_end(live, false);
    } else {
        jump_to_end(live, true);
        bool more = tell_journal(live);
        more = tell_cases(live) || more;
        if (more) {
            uv_timer_start(&live->timer, on_timer, 1, OVERVIEW_MS);
            return;
        }
    }
    int64_t waited = hy_mono_ms(hy_clock_system()) - live->told_ms;
    if (live->first && waited >= OVERVIEW_MS) tell_overview(live);
}

void live_touch(void *live) {
    ((struct live *)live)->dirty = true;
}

static void on_timer(uv_timer_t *timer) {
    struct live *live = timer->data;
    int64_t waited = hy_mono_ms(hy_clock_system()) - live->told_ms;
    if (!live->first || waited < OVERVIEW_MS) {
        if (live->first) live_wake(live);
        return;
    }
    if (live->dirty || waited >= IDLE_OVERVIEW_MS) tell_overview(live);
}

// ---- streams ----

static void on_closed(void *ctx) {
    struct listener *gone = ctx;
    for (struct listener **at = &gone->live->first; *at; at = &(*at)->next) {
        if (*at != gone) continue;
        *at = gone->next;
        gone->live->n_streams--;
        break;
    }
    free(gone);
}

// Where the journal is to begin for a new reader: behind the record it saw last, or so many records back.
static int64_t begin_after(const struct live *live, const struct hy_web_request *request) {
    const char *last_id = hy_web_header(request, "Last-Event-ID");
    const char *recent = hy_web_query(request, "recent");
    const char *text = last_id ? last_id : recent;
    char *end = NULL;
    long long value = text ? strtoll(text, &end, 10) : 0;
    if (!text || end == text || *end || value < 0) return live->n;
    if (last_id) return value;
    return value < RECENT_MAX ? live->n - value : live->n - RECENT_MAX;
}

static void send_missed(struct listener *to, int64_t after) {
    json_t *rows = NULL;
    if (after >= to->live->n || query_new_journal(to->live->q, after < 0 ? 0 : after, TURN, &rows, NULL) != HY_OK)
        return;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        json_int_t n = json_integer_value(json_object_get(row, "n"));
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)n);
        if (n > to->live->n) break; // comes with the next turn
        if (who_may_see(&to->who, text_of(row, "kind"), text_of(row, "owner"))) send_json(to, "journal", id, row);
    }
    json_decref(rows);
}

void live_stream(struct live *live, const struct who *who, struct hy_web_request *request) {
    struct listener *made = live->n_streams < STREAMS_MAX ? calloc(1, sizeof *made) : NULL;
    if (!made) {
        hy_web_set_header(request, "Retry-After", "5");
        hy_web_refuse(request, 503, "busy", "too many event streams are open; try again later");
        return;
    }
    made->live = live;
    made->who = *who;
    snprintf(made->identity.name, sizeof made->identity.name, "%s", who->name);
    snprintf(made->identity.role, sizeof made->identity.role, "%s", who->role);
    snprintf(made->identity.department, sizeof made->identity.department, "%s", who->department);
    made->who.name = made->identity.name;
    made->who.role = made->identity.role;
    made->who.department = made->identity.department;
    if (!live->first) jump_to_end(live, false);
    int64_t after = begin_after(live, request); // before the request has its answer
    made->stream = hy_web_stream_open(request, 1 << 20, on_closed, made);
    if (!made->stream) {
        free(made);
        return;
    }
    made->next = live->first;
    live->first = made;
    live->n_streams++;
    send_missed(made, after);
    send_overview(made);
}

int live_open(uv_loop_t *loop, struct queries *q, struct view *view, struct stages *stages, struct live **out,
              struct hy_error *err) {
    struct live *live = calloc(1, sizeof *live);
    if (!live) return hy_fail(err, HY_ENOMEM, "live: out of memory");
    *live = (struct live){.q = q, .view = view, .stages = stages};
    uv_timer_init(loop, &live->timer);
    live->timer.data = live;
    uv_timer_start(&live->timer, on_timer, OVERVIEW_MS, OVERVIEW_MS);
    *out = live;
    return HY_OK;
}

void live_close(struct live *live) {
    if (!live) return;
    for (struct listener *at = live->first; at; at = at->next)
        hy_web_stream_close(at->stream);
    uv_close((uv_handle_t *)&live->timer, NULL);
}

void live_free(struct live *live) {
    free(live);
}
