// sla: every running clock a timer in Redis, every due one a TimerFired for casework (design section 7).
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "consumers/sla/sla.h"
#include "lib/base/log.h"

struct run {
    const struct sla_options *options;
    struct hy_health *health;
    atomic_bool stop;
    pthread_t main_thread;
    int rc;
    struct hy_error err;
};

static void *work(void *opaque) {
    struct run *run = opaque;
    run->rc = sla_run(run->options, run->health, &run->stop, &run->err);
    if (!atomic_load(&run->stop)) pthread_kill(run->main_thread, SIGTERM); // it ended by itself: let main say so
    return NULL;
}

// Blocks the signals in every thread made after it; main takes them one by one.
static void block_signals(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static int serve(const struct sla_options *options) {
    struct run run = {.options = options, .main_thread = pthread_self()};
    sigset_t set;
    pthread_t worker;
    int number;
    block_signals(&set);
    run.health = hy_health_new("sla");
    if (!run.health || hy_health_start(run.health, options->common.http_listen, &run.err) != 0) {
        HY_ERROR("sla.start", "the health server cannot start", "reason=\"%s\"", run.err.text);
        return 1;
    }
    HY_INFO("sla.start", "serving health and metrics", "url=%s", hy_health_url(run.health));
    if (pthread_create(&worker, NULL, work, &run) != 0) {
        HY_ERROR("sla.start", "no thread for the worker", "instance=%s", options->common.instance);
        return 1;
    }
    sigwait(&set, &number);
    atomic_store(&run.stop, true);
    pthread_join(worker, NULL);
    hy_health_free(run.health);
    if (run.rc != 0)
        HY_ERROR("sla.stop", "ended by a failure", "code=%s reason=\"%s\"", hy_error_name(run.rc), run.err.text);
    return run.rc == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    struct sla_options options;
    switch (hy_config_main(&SLA_CONFIG, &options, argc, argv)) {
    case HY_CONFIG_RUN:
        break;
    case HY_CONFIG_EXIT:
        return 0;
    case HY_CONFIG_BAD:
    default:
        return 2;
    }
    hy_config_start_log("sla", &options.common);
    int rc = serve(&options);
    hy_config_free(&SLA_CONFIG, &options);
    return rc;
}
