#include "consumers/dashboard/view.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/dashboard/schema.h"
#include "consumers/dashboard/view_rows.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/fold/fold.h"
#include "lib/fold/sqlite_sink.h"
#include "lib/lane/registry.h"
#include "lib/lane/topics.h"

enum { RECORD_ARENA = 8 * 1024 * 1024, TURN_MS = 200, REGISTRY_MS = 10000, REGISTRY_TURN_MS = 1000, FRESH_MS = 1000 };

struct view {
    struct hy_sqlite *db;
    struct hy_sqlite_sink sink;
    struct hy_fold *fold;
    struct hy_arena *arena;
    struct hy_kafka_options kafka;
    struct hy_registry *registry; // opened when the first log id is asked for
    int64_t registry_ms;          // when it was read, or could not be
    int registry_rc;              // of that reading
    view_changed changed;
    void *ctx;
    pthread_t thread;
    bool running;
    atomic_bool stop, caught_up;
    atomic_llong lag;
    atomic_int failed;
};

static const struct {
    const char *topic; // a table name, or a prefix that ends in "*"
    view_row_fn fold;
    const char *forget; // deletes a partition's rows; parameters: partition, topic
} TOPICS[] = {
    {HY_TOPIC_CASES, view_case, "DELETE FROM cases WHERE part=?1 AND ?2<>''"},
    {HY_TOPIC_JOURNAL, view_journal, "DELETE FROM journal WHERE part=?1 AND ?2<>''"},
    {HY_TOPIC_CONTENT, view_content, "DELETE FROM content WHERE part=?1 AND ?2<>''"},
    {HY_TOPIC_WORK "*", view_work, "DELETE FROM work WHERE part=?1 AND topic=?2"},
    {HY_TOPIC_DEAD, view_dead, "DELETE FROM dead WHERE part=?1 AND ?2<>''"},
    {HY_TOPIC_POSTS, view_source, "DELETE FROM sources WHERE part=?1 AND topic=?2"},
    {HY_TOPIC_COMMENTS, view_source, "DELETE FROM sources WHERE part=?1 AND topic=?2"},
    {HY_TOPIC_SIGNALS, view_source, "DELETE FROM sources WHERE part=?1 AND topic=?2"},
};
enum { N_TOPICS = sizeof TOPICS / sizeof TOPICS[0] };

static int row_of(const char *topic) {
    for (int i = 0; i < N_TOPICS; i++) {
        size_t len = strlen(TOPICS[i].topic);
        bool pattern = TOPICS[i].topic[len - 1] == '*';
        if (pattern ? strncmp(topic, TOPICS[i].topic, len - 1) == 0 : strcmp(topic, TOPICS[i].topic) == 0) return i;
    }
    return -1;
}

// A record that cannot be read must not hold the others up: it is counted and told, and the view goes on.
static int fold_record(void *ctx, struct hy_sqlite *db, const struct hy_fold_record *record, struct hy_error *err) {
    struct view *view = ctx;
    int row = row_of(record->topic);
    if (row < 0) return HY_OK;
    hy_arena_reset(view->arena);
    int rc = TOPICS[row].fold(view->arena, db, record, err);
    if (rc != HY_EFORMAT && rc != HY_EVERSION) return rc;
    hy_metric_add(
        hy_metric_get(HY_COUNTER, "huiying_dashboard_unreadable_total", "Records that the view cannot read.", NULL), 1);
    HY_WARN("dashboard.record", "a record cannot be read and is left out",
            "topic=%s partition=%d offset=%lld why=\"%s\"", record->topic, record->partition, (long long)record->offset,
            err ? err->text : "");
    return HY_OK;
}

static int forget(void *ctx, struct hy_sqlite *db, const char *topic, int32_t partition, struct hy_error *err) {
    (void)ctx;
    int row = row_of(topic);
    if (row < 0) return HY_OK;
    sqlite3_stmt *stmt = hy_sqlite_stmt(db, TOPICS[row].forget, err);
    if (!stmt) return HY_EINTERNAL;
    hy_sqlite_bind_int(stmt, 1, partition);
    hy_sqlite_bind_text(stmt, 2, topic);
    return hy_sqlite_run(db, stmt, err);
}

static void stored(void *ctx, const struct hy_fold_commit *parts, size_t n) {
    struct view *view = ctx;
    (void)parts;
    (void)n;
    view->changed(view->ctx);
}

static void *follow(void *ctx) {
    struct view *view = ctx;
    while (!atomic_load(&view->stop)) {
        struct hy_error err = {0};
        int rc = hy_fold_poll(view->fold, TURN_MS, &err);
        if (rc < 0) {
            HY_ERROR("dashboard.view", "the view cannot follow Kafka", "code=%s why=\"%s\"", hy_error_name(rc),
                     err.text);
            atomic_store(&view->failed, rc);
            break;
        }
        bool caught_up = hy_fold_caught_up(view->fold);
        bool news = caught_up != atomic_load(&view->caught_up);
        atomic_store(&view->caught_up, caught_up);
        atomic_store(&view->lag, hy_fold_lag(view->fold));
        if (news) view->changed(view->ctx);
    }
    return NULL;
}

// In short turns, so that somebody who asks us to stop is not kept waiting while Kafka is away.
static int read_registry(struct view *view, struct hy_error *err) {
    int64_t until = hy_mono_ms(hy_clock_system()) + REGISTRY_MS;
    int rc = HY_ECLOSED;
    while (!atomic_load(&view->stop)) {
        rc = view->registry ? hy_registry_refresh(view->registry, REGISTRY_TURN_MS, err)
                            : hy_registry_open(&view->kafka, NULL, NULL, REGISTRY_TURN_MS, &view->registry, err);
        bool again = rc == HY_ETIMEOUT || rc == HY_ENET || rc == HY_EAGAIN;
        if (!again || hy_mono_ms(hy_clock_system()) >= until) return rc;
    }
    return hy_fail(err, rc, "the view is stopping");
}

// The log ids of all topics from one reading of the registry: with a topic a department, a reading each would make the
// start long, and with Kafka away a wait each would never end.
static int fresh_registry(struct view *view, struct hy_error *err) {
    int64_t now = hy_mono_ms(hy_clock_system());
    bool fresh = view->registry_ms > 0 && now - view->registry_ms <= FRESH_MS;
    if (fresh && view->registry_rc != HY_OK)
        return hy_fail(err, view->registry_rc, "hy.registry could not be read a moment ago");
    if (fresh) return HY_OK;
    view->registry_rc = read_registry(view, err);
    view->registry_ms = hy_mono_ms(hy_clock_system());
    return view->registry_rc;
}

static int log_id_of(void *ctx, const char *topic, char out[HY_LOG_ID_SIZE], struct hy_error *err) {
    struct view *view = ctx;
    char full[HY_TOPIC_NAME_SIZE];
    struct hy_buf id = {0};
    int rc = fresh_registry(view, err);
    if (rc != HY_OK) return rc;
    rc = hy_registry_get(view->registry, "log", hy_topic_full(view->kafka.prefix, topic, full), &id, NULL);
    if (rc == HY_OK && id.len == HY_LOG_ID_SIZE - 1)
        memcpy(out, id.data, HY_LOG_ID_SIZE);
    else
        rc = hy_fail(err, HY_ENOTFOUND, "topic %s has no log id in hy.registry: run `hyctl topics create`", full);
    hy_buf_free(&id);
    return rc;
}

static int open_fold(struct view *view, const struct hy_kafka_options *kafka, struct hy_error *err) {
    const char *names[N_TOPICS];
    for (int i = 0; i < N_TOPICS; i++)
        names[i] = TOPICS[i].topic;
    view->kafka = *kafka;
    const struct hy_fold_options options = {.name = "dashboard",
                                            .kafka = *kafka,
                                            .topics = names,
                                            .n_topics = N_TOPICS,
                                            .refresh_ms = 2000,
                                            .log_id = log_id_of,
                                            .log_id_ctx = view};
    view->sink =
        (struct hy_sqlite_sink){.db = view->db, .ctx = view, .record = fold_record, .forget = forget, .stored = stored};
    struct hy_fold_sink sink = hy_sqlite_sink(&view->sink);
    return hy_fold_new(&options, &sink, &view->fold, err);
}

int view_start(const char *path, const struct hy_kafka_options *kafka, view_changed changed, void *ctx,
               struct view **out, struct hy_error *err) {
    *out = NULL;
    struct view *view = calloc(1, sizeof *view);
    if (!view) return hy_fail(err, HY_ENOMEM, "out of memory");
    view->changed = changed;
    view->ctx = ctx;
    view->arena = hy_arena_new(RECORD_ARENA);
    int rc = view->arena ? schema_open_writer(path, &view->db, err) : hy_fail(err, HY_ENOMEM, "out of memory");
    if (rc == HY_OK) rc = open_fold(view, kafka, err);
    if (rc == HY_OK && pthread_create(&view->thread, NULL, follow, view) != 0)
        rc = hy_fail(err, HY_EINTERNAL, "no thread for the view");
    view->running = rc == HY_OK;
    if (rc == HY_OK)
        *out = view;
    else
        view_stop(view);
    return rc;
}

void view_stop(struct view *view) {
    if (!view) return;
    atomic_store(&view->stop, true);
    if (view->running) {
        hy_fold_wake(view->fold);
        pthread_join(view->thread, NULL);
    }
    if (view->fold) hy_fold_free(view->fold);
    if (view->registry) hy_registry_close(view->registry);
    if (view->db) hy_sqlite_close(view->db);
    hy_arena_free(view->arena);
    free(view);
}

int view_health(struct view *view, struct hy_error *err) {
    int failed = atomic_load(&view->failed);
    if (failed) return hy_fail(err, failed, "the view cannot follow Kafka");
    if (!atomic_load(&view->caught_up)) return hy_fail(err, HY_EAGAIN, "the view is being folded");
    return HY_OK;
}

long long view_lag(struct view *view) {
    return atomic_load(&view->lag);
}
