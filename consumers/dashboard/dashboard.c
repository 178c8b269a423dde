#include "consumers/dashboard/dashboard.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "consumers/dashboard/acts.h"
#include "consumers/dashboard/live.h"
#include "consumers/dashboard/pack_names.h"
#include "consumers/dashboard/public.h"
#include "consumers/dashboard/rest.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/lane/topics.h"
#include "lib/web/files.h"
#include "lib/web/health.h"

enum { GRACE_MS = 2000, FLUSH_MS = 5000, LOOK_MS = 500, BODY_LIMIT = 256 * 1024, PUBLIC_BODY_LIMIT = 1024 };

struct settings {
    struct hy_config_common common;
    char *tokens, *pages, *programs, *supervisor, *pack, *public_listen;
    int64_t public_rate, public_burst;
};

#define FIELD(name) offsetof(struct settings, name)
static const struct hy_config_row ROWS[] = {
    HY_CONFIG_COMMON(struct settings, common),
    {.key = "dashboard.tokens",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(tokens),
     .default_value = "/etc/huiying/tokens",
     .description = "File of bearer tokens: name, role, department and token on each line; mode 0600."},
    {.key = "dashboard.pages",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(pages),
     .default_value = HY_DASHBOARD_PAGES,
     .description = "Folder of the live page, with the citizens' page in its folder public."},
    {.key = "dashboard.programs",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(programs),
     .default_value = "",
     .description = "Programs whose health and lag are shown, as name=http://host:port separated by commas."},
    {.key = "dashboard.supervisor",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(supervisor),
     .default_value = "",
     .description = "State file of the supervisor, for the number of restarts; empty for none."},
    {.key = "policy.pack",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(pack),
     .default_value = "national",
     .description = "The policy pack of this installation, as published in hy.registry."},
    {.key = "public.listen",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(public_listen),
     .default_value = "127.0.0.1:8091",
     .description = "Address of the citizens' door, host:port; port 0 takes a free one, which the log names."},
    {.key = "public.rate",
     .type = HY_CONFIG_INT,
     .offset = FIELD(public_rate),
     .default_value = "100",
     .min = 1,
     .max = 100000,
     .description = "Requests a second that one address may make at the citizens' door."},
    {.key = "public.burst",
     .type = HY_CONFIG_INT,
     .offset = FIELD(public_burst),
     .default_value = "400",
     .min = 1,
     .max = 100000,
     .description = "Requests that one address may make at once at the citizens' door."},
};

struct board {
    struct settings settings;
    uv_loop_t loop;
    uv_async_t wake; // the view has more
    uv_signal_t signals[2];
    uv_poll_t kafka;
    uv_timer_t look;
    bool has_handles, has_poll, closing;
    struct hy_health *health;
    struct hy_health_part *view_part, *kafka_part;
    bool was_ready;
    struct hy_web_tokens *tokens;
    struct hy_web_limiter *limiter;
    struct hy_web_server *server, *public_server;
    struct hy_web_client *client;
    struct hy_publisher *publisher;
    struct view *view;
    struct queries q;
    struct pack_names *names;
    struct stages *stages;
    struct acts *acts;
    struct live *live;
    struct rest rest;
    struct public_door door;
    int exit_code;
};

const struct hy_config_table *dashboard_table(void) {
    static const struct hy_config_table TABLE = {
        .program = "dashboard",
        .purpose = "Folds the truth into a view; serves REST, the live page and the citizens' receipts.",
        .rows = ROWS,
        .n_rows = sizeof ROWS / sizeof ROWS[0],
        .struct_size = sizeof(struct settings),
    };
    return &TABLE;
}

// ---- what wakes us ----

static void view_has_more(void *ctx) { // on the view's thread
    uv_async_send(&((struct board *)ctx)->wake);
}

static void on_wake(uv_async_t *wake) {
    struct board *board = wake->data;
    if (board->closing) return;
    acts_wake(board->acts);
    live_wake(board->live);
}

static void on_kafka(uv_poll_t *poll, int status, int events) {
    struct board *board = poll->data;
    (void)status;
    (void)events;
    hy_publisher_poll(board->publisher, 0);
}

// A topic that appears is folded anew for a moment: that is no reason to be called unwell.
static void report(struct board *board) {
    struct hy_error err = {0};
    int rc = view_health(board->view, &err);
    board->was_ready = board->was_ready || rc == HY_OK;
    bool well = rc == HY_OK || (rc == HY_EAGAIN && board->was_ready);
    hy_health_report(board->view_part, well, "%s", err.text);
    rc = hy_publisher_health(board->publisher, &err);
    hy_health_report(board->kafka_part, rc == HY_OK, "%s", err.text);
    hy_metric_set(hy_metric_get(HY_GAUGE, "huiying_dashboard_acts_waiting", "Acts that wait for their verdict.", NULL),
                  (double)acts_waiting(board->acts));
}

static void stop(struct board *board);

static void on_look(uv_timer_t *look) {
    struct board *board = look->data;
    struct hy_error err = {0};
    hy_publisher_poll(board->publisher, 0);
    report(board);
    int rc = view_health(board->view, &err);
    if (rc == HY_OK || rc == HY_EAGAIN) return;
    HY_ERROR("program.stopped", "cannot go on", "code=%s why=\"%s\"", hy_error_name(rc), err.text);
    board->exit_code = 1;
    stop(board);
}

static void on_signal(uv_signal_t *signal, int number) {
    (void)number;
    stop(signal->data);
}

// ---- opening ----

static struct hy_kafka_options kafka_of(const struct board *board) {
    const struct hy_config_common *common = &board->settings.common;
    return (struct hy_kafka_options){common->kafka_brokers, common->kafka_properties, common->kafka_prefix,
                                     "dashboard"};
}

static int open_handles(struct board *board, struct hy_error *err) {
    static const int NUMBERS[] = {SIGTERM, SIGINT};
    int rc = uv_loop_init(&board->loop);
    if (rc == 0) rc = uv_async_init(&board->loop, &board->wake, on_wake);
    if (rc != 0) return hy_fail(err, HY_EINTERNAL, "event loop: %s", uv_strerror(rc));
    board->wake.data = board;
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&board->loop, &board->signals[i]);
        board->signals[i].data = board;
        uv_signal_start(&board->signals[i], on_signal, NUMBERS[i]);
    }
    uv_timer_init(&board->loop, &board->look);
    board->look.data = board;
    board->has_handles = true;
    return HY_OK;
}

static int open_view(struct board *board, struct hy_error *err) {
    const struct hy_config_common *common = &board->settings.common;
    const struct hy_kafka_options kafka = kafka_of(board);
    char path[4096];
    snprintf(path, sizeof path, "%s/view.%s.db", common->data_dir, common->instance);
    int rc = view_start(path, &kafka, view_has_more, board, &board->view, err);
    if (rc == HY_OK) rc = queries_open(path, &board->q, err);
    if (rc == HY_OK) rc = pack_names_open(&board->loop, &kafka, board->settings.pack, NULL, NULL, &board->names, err);
    board->q.pack_of = pack_names_find;
    board->q.ctx = board->names;
    return rc;
}

static int open_publisher(struct board *board, struct hy_error *err) {
    static const char *const WARM[] = {HY_TOPIC_COMMANDS};
    const struct hy_publisher_options options = {.kafka = kafka_of(board), .warm = WARM, .n_warm = 1, .linger_ms = -1};
    int rc = hy_publisher_open(&options, &board->publisher, err);
    if (rc != HY_OK) return rc;
    uv_poll_init(&board->loop, &board->kafka, hy_publisher_fd(board->publisher));
    board->kafka.data = board;
    board->has_poll = true;
    uv_poll_start(&board->kafka, UV_READABLE, on_kafka);
    return HY_OK;
}

// live is opened after stages, which tell it of changes: the pointer is read when they do.
static void stages_changed(void *ctx) {
    struct board *board = ctx;
    if (board->live && !board->closing) live_touch(board->live);
}

static int open_parts(struct board *board, struct hy_error *err) {
    const struct settings *s = &board->settings;
    const struct hy_web_client_options client = {0};
    int rc = hy_web_tokens_load(s->tokens, &board->tokens, err);
    if (rc == HY_OK) rc = open_view(board, err);
    if (rc == HY_OK) rc = open_publisher(board, err);
    if (rc == HY_OK) rc = hy_web_client_new(&board->loop, &client, &board->client, err);
    if (rc == HY_OK)
        rc = stages_open(&board->loop, board->client, s->programs, s->supervisor, stages_changed, board, &board->stages,
                         err);
    if (rc == HY_OK) rc = acts_open(&board->loop, &board->q, board->publisher, &board->acts, err);
    if (rc == HY_OK) rc = live_open(&board->loop, &board->q, board->view, board->stages, &board->live, err);
    return rc;
}

static int open_inner(struct board *board, struct hy_error *err) {
    const struct settings *s = &board->settings;
    const struct hy_web_options options = {
        .name = "dashboard", .listen = s->common.http_listen, .body_limit = BODY_LIMIT};
    int rc = hy_web_server_new(&board->loop, &options, &board->server, err);
    board->rest = (struct rest){board->tokens, &board->q, board->acts, board->live};
    if (rc == HY_OK) rc = hy_health_routes(board->health, board->server);
    if (rc == HY_OK) rc = rest_routes(board->server, &board->rest);
    if (rc == HY_OK) rc = hy_web_files(board->server, "/page/*", s->pages, err);
    return rc == HY_OK ? hy_web_files(board->server, "/", s->pages, err) : rc;
}

static int open_public(struct board *board, struct hy_error *err) {
    const struct settings *s = &board->settings;
    const struct hy_web_options options = {
        .name = "public", .listen = s->public_listen, .body_limit = PUBLIC_BODY_LIMIT, .per_address = 100};
    board->limiter = hy_web_limiter_new((double)s->public_rate, (double)s->public_burst, 0);
    if (!board->limiter) return hy_fail(err, HY_ENOMEM, "out of memory");
    board->door = (struct public_door){&board->q, board->limiter};
    int rc = hy_web_server_new(&board->loop, &options, &board->public_server, err);
    return rc == HY_OK ? public_routes(board->public_server, &board->door, s->pages, err) : rc;
}

static int open_all(struct board *board, struct hy_error *err) {
    int rc = open_handles(board, err);
    if (rc != HY_OK) return rc;
    board->health = hy_health_new("dashboard");
    if (!board->health) return hy_fail(err, HY_ENOMEM, "out of memory");
    board->view_part = hy_health_part(board->health, "view", 10000);
    board->kafka_part = hy_health_part(board->health, "kafka", 10000);
    rc = open_parts(board, err);
    if (rc == HY_OK) rc = open_inner(board, err);
    if (rc == HY_OK) rc = open_public(board, err);
    if (rc == HY_OK) uv_timer_start(&board->look, on_look, 0, LOOK_MS);
    return rc;
}

// ---- closing: doors, then what waits for answers, then Kafka, then the view ----

// Asks all handles to close; the loop ends when they have.
static void stop(struct board *board) {
    if (board->closing) return;
    board->closing = true;
    live_close(board->live);
    acts_close(board->acts);
    stages_close(board->stages);
    pack_names_close(board->names);
    if (board->server) hy_web_server_close(board->server, GRACE_MS, NULL, NULL);
    if (board->public_server) hy_web_server_close(board->public_server, GRACE_MS, NULL, NULL);
    if (board->client) hy_web_client_close(board->client, NULL, NULL);
    if (board->has_poll) uv_close((uv_handle_t *)&board->kafka, NULL);
    if (!board->has_handles) return;
    uv_unref((uv_handle_t *)&board->wake); // closed when the view's thread has ended
    uv_close((uv_handle_t *)&board->look, NULL);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&board->signals[i], NULL);
}

static void close_all(struct board *board) {
    stop(board);
    if (board->has_handles) uv_run(&board->loop, UV_RUN_DEFAULT);
    view_stop(board->view);
    if (board->has_handles) {
        uv_close((uv_handle_t *)&board->wake, NULL);
        uv_run(&board->loop, UV_RUN_DEFAULT);
    }
    if (board->publisher) hy_publisher_close(board->publisher, FLUSH_MS);
    acts_free(board->acts);
    live_free(board->live);
    stages_free(board->stages);
    queries_close(&board->q);
    pack_names_free(board->names);
    hy_web_limiter_free(board->limiter);
    hy_web_tokens_free(board->tokens);
    if (board->health) hy_health_free(board->health);
    if (board->has_handles) uv_loop_close(&board->loop);
}

int dashboard_main(int argc, char **argv) {
    struct board board = {0};
    enum hy_config_outcome outcome = hy_config_main(dashboard_table(), &board.settings, argc, argv);
    if (outcome != HY_CONFIG_RUN) return outcome == HY_CONFIG_EXIT ? 0 : 2;
    hy_config_start_log("dashboard", &board.settings.common);
    signal(SIGPIPE, SIG_IGN);
    struct hy_error err = {0};
    int rc = open_all(&board, &err);
    if (rc == HY_OK) {
        HY_INFO("program.started", "running", "page=%s public=%s", hy_web_server_url(board.server),
                hy_web_server_url(board.public_server));
        uv_run(&board.loop, UV_RUN_DEFAULT);
    } else {
        HY_ERROR("program.start", "cannot start", "code=%s why=\"%s\"", hy_error_name(rc), err.text);
    }
    close_all(&board);
    hy_config_free(dashboard_table(), &board.settings);
    return rc == HY_OK ? board.exit_code : 1;
}
