#include "lib/web/health.h"

#include <dirent.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"

enum { PART_NAME = 64, PART_WHY = 192 };

struct hy_health_part {
    struct hy_health_part *next;
    struct hy_health *health;
    char name[PART_NAME];
    char why[PART_WHY];
    unsigned max_age_ms;
    bool ok;
    int64_t at_ms; // monotonic; 0 = never
};

struct hy_health {
    const char *program;
    pthread_mutex_t lock; // guards the parts
    struct hy_health_part *parts;
    int64_t born_ms;
    // the server on its own thread
    bool has_thread;
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t stop;
    struct hy_web_server *server;
    char url[80];
};

static int64_t mono_ms(void) {
    return hy_mono_ms(hy_clock_system());
}

struct hy_health *hy_health_new(const char *program) {
    struct hy_health *health = calloc(1, sizeof *health);
    if (!health) return NULL;
    health->program = program;
    health->born_ms = mono_ms();
    pthread_mutex_init(&health->lock, NULL);
    char labels[160];
    snprintf(labels, sizeof labels, "program=\"%s\",version=\"%s\"", program, HY_VERSION);
    hy_metric_set(hy_metric_get(HY_GAUGE, "huiying_build_info", "Always 1; the labels say what runs", labels), 1);
    hy_metric_set(hy_metric_get(HY_GAUGE, "process_start_time_seconds", "Start, in seconds since 1970", NULL),
                  (double)hy_wall_ms(hy_clock_system()) / 1000);
    return health;
}

// ---- parts ----

static struct hy_health_part *new_part(struct hy_health *health, const char *name, unsigned max_age_ms) {
    struct hy_health_part *part = calloc(1, sizeof *part);
    if (!part) abort(); // at start only; a program that cannot say how it is must not run
    part->health = health;
    part->max_age_ms = max_age_ms;
    snprintf(part->name, sizeof part->name, "%s", name);
    strcpy(part->why, "starting");
    struct hy_health_part **last = &health->parts;
    while (*last)
        last = &(*last)->next;
    *last = part;
    return part;
}

struct hy_health_part *hy_health_part(struct hy_health *health, const char *name, unsigned max_age_ms) {
    pthread_mutex_lock(&health->lock);
    struct hy_health_part *part = health->parts;
    while (part && strncmp(part->name, name, PART_NAME - 1) != 0)
        part = part->next;
    if (!part) part = new_part(health, name, max_age_ms);
    pthread_mutex_unlock(&health->lock);
    return part;
}

void hy_health_report(struct hy_health_part *part, bool ok, const char *why, ...) {
    pthread_mutex_lock(&part->health->lock);
    part->ok = ok;
    part->at_ms = mono_ms();
    part->why[0] = '\0';
    if (why) {
        va_list args;
        va_start(args, why);
        vsnprintf(part->why, sizeof part->why, why, args);
        va_end(args);
    }
    pthread_mutex_unlock(&part->health->lock);
}

void hy_health_beat(struct hy_health_part *part) {
    pthread_mutex_lock(&part->health->lock);
    part->at_ms = mono_ms();
    pthread_mutex_unlock(&part->health->lock);
}

static void add_quoted(struct hy_buf *out, const char *text) {
    hy_buf_adds(out, "\"");
    hy_buf_add_json(out, text, strlen(text));
    hy_buf_adds(out, "\"");
}

// One part as JSON; true when it is well. Called with the lock held.
static bool add_part(const struct hy_health_part *part, int64_t now_ms, struct hy_buf *out) {
    int64_t age = part->at_ms ? now_ms - part->at_ms : now_ms - part->health->born_ms;
    bool silent = part->max_age_ms && part->at_ms && age > part->max_age_ms;
    bool ok = part->ok && !silent;
    if (!out) return ok;
    hy_buf_adds(out, "{\"name\":");
    add_quoted(out, part->name);
    hy_buf_addf(out, ",\"ok\":%s,\"age_ms\":%lld,\"why\":", ok ? "true" : "false", (long long)age);
    add_quoted(out, silent ? "has not reported in time" : part->why);
    hy_buf_adds(out, "}");
    return ok;
}

bool hy_health_json(struct hy_health *health, struct hy_buf *out) {
    struct hy_buf parts = {0};
    int64_t now = mono_ms();
    pthread_mutex_lock(&health->lock);
    bool all = health->parts != NULL; // who does not know yet what it is made of is still starting
    for (const struct hy_health_part *part = health->parts; part; part = part->next) {
        if (!add_part(part, now, &parts)) all = false;
        if (part->next) hy_buf_adds(&parts, ",");
    }
    pthread_mutex_unlock(&health->lock);
    if (out) {
        hy_buf_addf(
            out, "{\"status\":\"%s\",\"program\":\"%s\",\"version\":\"%s\",\"pid\":%d,\"uptime_ms\":%lld,\"parts\":[",
            all ? "ok" : "failing", health->program, HY_VERSION, (int)getpid(), (long long)(now - health->born_ms));
        hy_buf_add(out, parts.data, parts.len);
        hy_buf_adds(out, "]}\n");
    }
    hy_buf_free(&parts);
    return all;
}

// ---- what the process uses ----

static double resident_bytes(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    if (fscanf(file, "%*s %ld", &pages) != 1) pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double open_descriptors(void) {
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) return 0;
    int n = 0;
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 3; // ".", ".." and the folder itself
}

static void read_process(void) {
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    struct hy_metric *seconds =
        hy_metric_get(HY_COUNTER, "process_cpu_seconds_total", "User and system time of the process", NULL);
    hy_metric_add(seconds, cpu - hy_metric_value(seconds));
    hy_metric_set(hy_metric_get(HY_GAUGE, "process_resident_memory_bytes", "Resident memory", NULL), resident_bytes());
    hy_metric_set(hy_metric_get(HY_GAUGE, "process_open_fds", "Open file descriptors", NULL), open_descriptors());
}

// ---- serving ----

static void on_metrics(struct hy_web_request *request, void *ctx) {
    (void)ctx;
    read_process();
    struct hy_buf body = {0};
    hy_metrics_render(&body);
    hy_web_reply_buf(request, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
}

static void on_healthz(struct hy_web_request *request, void *ctx) {
    struct hy_buf body = {0};
    bool ok = hy_health_json(ctx, &body);
    hy_web_reply_buf(request, ok ? 200 : 503, "application/json", &body);
}

int hy_health_routes(struct hy_health *health, struct hy_web_server *server) {
    int rc = hy_web_route(server, "GET", "/metrics", on_metrics, health);
    return rc < 0 ? rc : hy_web_route(server, "GET", "/healthz", on_healthz, health);
}

static void on_stop(uv_async_t *async) {
    struct hy_health *health = async->data;
    hy_web_server_close(health->server, 200, NULL, NULL);
    uv_close((uv_handle_t *)async, NULL);
}

static void serve(void *ctx) {
    struct hy_health *health = ctx;
    uv_run(&health->loop, UV_RUN_DEFAULT);
}

static int start_server(struct hy_health *health, const char *listen, struct hy_error *err) {
    struct hy_web_options options = {
        .name = "health", .listen = listen, .connections = 64, .body_limit = 1024, .drain_limit = 65536};
    int rc = hy_web_server_new(&health->loop, &options, &health->server, err);
    if (rc < 0) return rc;
    rc = hy_health_routes(health, health->server);
    snprintf(health->url, sizeof health->url, "%s", hy_web_server_url(health->server));
    if (rc == HY_OK && uv_thread_create(&health->thread, serve, health) == 0) return HY_OK;
    return hy_fail(err, HY_ENOMEM, "health server: cannot start its thread");
}

int hy_health_start(struct hy_health *health, const char *listen, struct hy_error *err) {
    if (uv_loop_init(&health->loop) != 0) return hy_fail(err, HY_EIO, "health server: cannot make its loop");
    uv_async_init(&health->loop, &health->stop, on_stop);
    health->stop.data = health;
    int rc = start_server(health, listen, err);
    health->has_thread = rc == HY_OK;
    if (rc == HY_OK) return HY_OK;
    if (health->server) hy_web_server_close(health->server, 0, NULL, NULL);
    uv_close((uv_handle_t *)&health->stop, NULL);
    uv_run(&health->loop, UV_RUN_DEFAULT);
    uv_loop_close(&health->loop);
    return rc;
}

const char *hy_health_url(const struct hy_health *health) {
    return health->url;
}

void hy_health_free(struct hy_health *health) {
    if (!health) return;
    if (health->has_thread) {
        uv_async_send(&health->stop);
        uv_thread_join(&health->thread);
        if (uv_loop_close(&health->loop) != 0) HY_ERROR("web.health", "its loop was left with open handles", NULL);
    }
    for (struct hy_health_part *part = health->parts, *next; part; part = next) {
        next = part->next;
        free(part);
    }
    pthread_mutex_destroy(&health->lock);
    free(health);
}
