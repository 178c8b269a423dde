#include "consumers/dashboard/pack_names.h"

#include <stdlib.h>

#include "lib/base/log.h"

enum { TRY_MS = 4000, AGAIN_MS = 2000 };

struct pack_names {
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_work_t work;
    struct hy_kafka_options kafka;
    const char *pack_id;
    void (*opened)(void *ctx);
    void *ctx;
    struct hy_packs *packs; // set on the loop's thread
    struct hy_packs *found; // of the try under way
    struct hy_error err;
    int rc;
    bool closing;
};

static void open_packs(uv_work_t *work) {
    struct pack_names *names = work->data;
    names->rc = hy_packs_open(&names->kafka, names->pack_id, TRY_MS, &names->found, &names->err);
}

static void on_timer(uv_timer_t *timer);

static void on_tried(uv_work_t *work, int status) {
    struct pack_names *names = work->data;
    (void)status;
    if (names->rc == HY_OK) {
        names->packs = names->found;
        if (names->opened && !names->closing) names->opened(names->ctx);
        return;
    }
    HY_WARN("dashboard.packs", "labels are shown as codes until the packs can be read", "code=%s why=\"%s\"",
            hy_error_name(names->rc), names->err.text);
    if (!names->closing) uv_timer_start(&names->timer, on_timer, AGAIN_MS, 0);
}

static void on_timer(uv_timer_t *timer) {
    struct pack_names *names = timer->data;
    if (uv_queue_work(names->loop, &names->work, open_packs, on_tried) != 0)
        uv_timer_start(timer, on_timer, AGAIN_MS, 0);
}

int pack_names_open(uv_loop_t *loop, const struct hy_kafka_options *kafka, const char *pack_id,
                    void (*opened)(void *ctx), void *ctx, struct pack_names **out, struct hy_error *err) {
    struct pack_names *names = calloc(1, sizeof *names);
    if (!names) return hy_fail(err, HY_ENOMEM, "packs: out of memory");
    *names = (struct pack_names){.loop = loop, .kafka = *kafka, .pack_id = pack_id, .opened = opened, .ctx = ctx};
    names->work.data = names;
    uv_timer_init(loop, &names->timer);
    names->timer.data = names;
    uv_timer_start(&names->timer, on_timer, 0, 0);
    *out = names;
    return HY_OK;
}

const struct hy_pack *pack_names_find(void *opaque, const char *hash) {
    struct pack_names *names = opaque;
    return names->packs ? hy_packs_find(names->packs, hash) : NULL;
}

void pack_names_close(struct pack_names *names) {
    if (!names) return;
    names->closing = true;
    uv_close((uv_handle_t *)&names->timer, NULL);
}

void pack_names_free(struct pack_names *names) {
    if (!names) return;
    hy_packs_close(names->packs);
    free(names);
}
