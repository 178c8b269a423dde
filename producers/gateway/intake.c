#include "producers/gateway/intake.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "producers/gateway/intake_inner.h"

enum { FAST_MS = 50, SLOW_MS = 1000, DIRECT_MAX = 50000 };

// ---- entries ----

int intake_room(struct intake *intake, uint64_t front, uint64_t next) {
    size_t cap = intake->ring_cap ? intake->ring_cap : 1024;
    while (cap < next - front)
        cap *= 2;
    if (cap == intake->ring_cap) return HY_OK;
    struct entry *ring = calloc(cap, sizeof *ring);
    if (!ring) return HY_ENOMEM;
    for (uint64_t seq = intake->front; seq < intake->next; seq++)
        ring[seq & (cap - 1)] = *intake_entry(intake, seq);
    free(intake->ring);
    intake->ring = ring;
    intake->ring_cap = cap;
    return HY_OK;
}

static void pass_done(struct intake *intake) {
    while (intake->front < intake->next && intake_entry(intake, intake->front)->state == ENTRY_DONE)
        intake->front++;
    if (intake->drain_seq < intake->front) intake->drain_seq = intake->front;
}

void intake_entry_done(struct intake *intake, uint64_t seq) {
    struct entry *entry = intake_entry(intake, seq);
    if (entry->state == ENTRY_WAITING || entry->state == ENTRY_SENT) orders_remove(&intake->backlog, entry->order);
    entry->state = ENTRY_DONE;
    pass_done(intake);
}

void intake_entry_waits(struct intake *intake, uint64_t seq) {
    struct entry *entry = intake_entry(intake, seq);
    bool counted = entry->state == ENTRY_WAITING || entry->state == ENTRY_SENT;
    // Without memory for the count, order is kept by sending nothing at once until the drain is through.
    if (!counted && orders_add(&intake->backlog, entry->order) < 0) intake_set_kafka(intake, false);
    entry->state = ENTRY_WAITING;
    if (seq < intake->drain_seq) intake->drain_seq = seq;
}

// ---- answers ----

static void free_record(struct record *record) {
    if (!record->unanswered && !record->queued) free(record);
}

static void link_unanswered(struct intake *intake, struct record *record) {
    record->unanswered = true;
    record->older = intake->newest;
    if (intake->newest)
        intake->newest->newer = record;
    else
        intake->oldest = record;
    intake->newest = record;
}

static void unlink_unanswered(struct intake *intake, struct record *record) {
    if (record->older)
        record->older->newer = record->newer;
    else
        intake->oldest = record->newer;
    if (record->newer)
        record->newer->older = record->older;
    else
        intake->newest = record->older;
    record->unanswered = false;
}

void intake_answer(struct intake *intake, struct record *record, int status) {
    if (!record || !record->unanswered) return;
    struct hy_metric *by = status == HY_OK ? (record->wants_disk ? intake->metrics.by_spool : intake->metrics.by_kafka)
                                           : intake->metrics.failed;
    hy_metric_add(by, 1);
    hy_metric_observe(intake->metrics.accept_seconds, (double)((int64_t)uv_hrtime() - record->taken_ns) / 1e9);
    unlink_unanswered(intake, record);
    intake_entry(intake, record->seq)->record = NULL;
    HY_FAULT_POINT("gateway.before_answer");
    record->done(record->ctx, status);
    free_record(record);
}

void intake_set_kafka(struct intake *intake, bool up) {
    if (intake->kafka_up == up) return;
    intake->kafka_up = up;
    hy_metric_set(intake->metrics.kafka_up, up);
    if (up)
        HY_INFO("gateway.kafka", "Kafka answers again; the spool drains", "waiting=%llu",
                (unsigned long long)intake->backlog.total);
    else
        HY_WARN("gateway.kafka", "Kafka does not answer; messages are kept in the spool", NULL);
}

void intake_note_waiting(const struct intake *intake) {
    hy_metric_set(intake->metrics.waiting, (double)intake_waiting(intake));
}

// ---- Kafka's acks ----

struct flight {
    struct intake *intake;
    uint64_t seq;
};

static void take_direct(struct intake *intake, uint64_t seq, const struct hy_published *result) {
    struct entry *entry = intake_entry(intake, seq);
    struct record *record = entry->record;
    if (result->status == HY_OK) {
        intake_set_kafka(intake, true);
        if (record) record->wants_disk = false;
        intake_answer(intake, record, HY_OK);
        intake_entry_done(intake, seq);
        return;
    }
    if (entry->place.segment || (record && record->queued)) {
        if (record) record->wants_disk = true;
        intake_entry_waits(intake, seq);
        disk_kick(intake);
        return;
    }
    // Neither here nor there: it was answered before only if it was kept, so nobody was promised anything.
    intake_answer(intake, record, HY_EFULL);
    intake_entry_done(intake, seq);
}

static void on_direct(void *opaque, const struct hy_published *result) {
    struct flight flight = *(struct flight *)opaque;
    free(opaque);
    flight.intake->direct_in_flight--;
    take_direct(flight.intake, flight.seq, result);
    intake_note_waiting(flight.intake);
}

static bool publish_now(struct intake *intake, struct record *record, uint64_t order) {
    drain_suspect(intake);
    if (!intake->kafka_up || intake->suspect || intake->scan_wanted || intake->job.scan ||
        orders_has(&intake->backlog, order))
        return false;
    if (intake->direct_in_flight >= DIRECT_MAX) return false;
    struct flight *flight = malloc(sizeof *flight);
    if (!flight) return false;
    *flight = (struct flight){intake, record->seq};
    const struct intake_sink *sink = &intake->options.sink;
    if (sink->publish(sink->ctx, record->topic, record->key, record->value, on_direct, flight, NULL) < 0) {
        free(flight);
        return false;
    }
    intake->direct_in_flight++;
    return true;
}

// ---- taking ----

static struct record *new_record(struct intake *intake, const char *topic, struct hy_bytes key, struct hy_bytes value) {
    struct record *record = malloc(sizeof *record + key.len + value.len);
    if (!record) return NULL;
    uint8_t *bytes = (uint8_t *)(record + 1);
    if (key.len) memcpy(bytes, key.data, key.len);
    if (value.len) memcpy(bytes + key.len, value.data, value.len);
    *record = (struct record){.seq = intake->next,
                              .accepted_ms = hy_wall_ms(hy_clock_system()),
                              .taken_ns = (int64_t)uv_hrtime(),
                              .topic = topic,
                              .key = hy_bytes_from(bytes, key.len),
                              .value = hy_bytes_from(bytes + key.len, value.len)};
    return record;
}

int intake_take(struct intake *intake, const char *topic, struct hy_bytes key, struct hy_bytes value, intake_done done,
                void *ctx) {
    if (intake->closing) return HY_ECLOSED;
    if (strlen(topic) > SPOOL_TOPIC_MAX || key.len > SPOOL_KEY_MAX || value.len > SPOOL_VALUE_MAX) return HY_ETOOBIG;
    struct record *record =
        intake_room(intake, intake->front, intake->next + 1) < 0 ? NULL : new_record(intake, topic, key, value);
    if (!record) return HY_ENOMEM;
    record->done = done;
    record->ctx = ctx;
    struct entry *entry = intake_entry(intake, record->seq);
    *entry = (struct entry){
        .order = spool_order(topic, key), .accepted_ms = record->accepted_ms, .record = record, .state = ENTRY_DIRECT};
    intake->next++;
    link_unanswered(intake, record);
    record->queued = true;
    *intake->queue_end = record;
    intake->queue_end = &record->next;
    intake->queue_len++;
    if (!publish_now(intake, record, entry->order)) {
        record->wants_disk = true;
        intake_entry_waits(intake, record->seq);
    }
    intake_note_waiting(intake);
    disk_kick(intake);
    return HY_OK;
}

// ---- time ----

// A record that Kafka has not acknowledged in time is promised by the spool instead; it stays with the Kafka client,
// which will still deliver it before anything later of its dossier.
static void check_deadlines(struct intake *intake) {
    int64_t now = (int64_t)uv_hrtime();
    for (struct record *record = intake->oldest, *newer; record; record = newer) {
        newer = record->newer;
        int64_t age_ms = (now - record->taken_ns) / 1000000;
        if (age_ms < intake->options.kafka_ms) break;
        if (!record->wants_disk) {
            record->wants_disk = true;
            intake_set_kafka(intake, false);
            const struct entry *entry = intake_entry(intake, record->seq);
            if (!record->queued && !entry->place.segment) intake_answer(intake, record, HY_EFULL);
        } else if (age_ms >= intake->options.answer_ms) {
            intake_answer(intake, record, HY_ETIMEOUT);
        }
    }
}

static void poll_sink(struct intake *intake) {
    const struct intake_sink *sink = &intake->options.sink;
    while (sink->poll(sink->ctx) > 0)
        continue;
}

static void on_sink(uv_poll_t *poll, int status, int events) {
    (void)status, (void)events;
    poll_sink(poll->data);
    disk_kick(poll->data);
}

static void on_fast(uv_timer_t *timer) {
    struct intake *intake = timer->data;
    poll_sink(intake);
    check_deadlines(intake);
    disk_kick(intake);
}

static void report(struct intake *intake) {
    struct hy_error err = {0};
    const struct intake_sink *sink = &intake->options.sink;
    hy_metric_set(intake->metrics.waiting, (double)intake->backlog.total);
    int64_t oldest =
        intake->backlog.total ? hy_wall_ms(hy_clock_system()) - intake_entry(intake, intake->front)->accepted_ms : 0;
    hy_metric_set(intake->metrics.oldest, (double)oldest / 1000);
    if (!intake->kafka_part) return;
    // The gateway does its work without Kafka, so Kafka's absence is told, not failed.
    bool refused = sink->health(sink->ctx, &err) < 0;
    hy_health_report(intake->kafka_part, !refused, "%s",
                     refused            ? err.text
                     : intake->kafka_up ? ""
                                        : "away; messages are kept in the spool");
    hy_health_report(intake->spool_part, intake->disk_ok, "%llu records wait%s",
                     (unsigned long long)intake_waiting(intake), intake->disk_ok ? "" : "; the disk takes no more");
}

static void on_slow(uv_timer_t *timer) {
    struct intake *intake = timer->data;
    drain_watch(intake);
    intake->house_due = true;
    report(intake);
    disk_kick(intake);
}

// ---- start ----

static void get_metrics(struct intake_metrics *m) {
    static const char taken[] = "huiying_gateway_accepted_total",
                      taken_help[] = "Records taken, by what made them safe";
    m->by_kafka = hy_metric_get(HY_COUNTER, taken, taken_help, "safe=\"kafka\"");
    m->by_spool = hy_metric_get(HY_COUNTER, taken, taken_help, "safe=\"spool\"");
    m->failed = hy_metric_get(HY_COUNTER, taken, taken_help, "safe=\"no\"");
    m->waiting = hy_metric_get(HY_GAUGE, "huiying_spool_waiting", "Records that Kafka does not have yet", NULL);
    m->oldest = hy_metric_get(HY_GAUGE, "huiying_spool_oldest_seconds", "Age of the oldest record that waits", NULL);
    m->bytes = hy_metric_get(HY_GAUGE, "huiying_spool_bytes", "Size of the spool on disk", NULL);
    m->written = hy_metric_get(HY_COUNTER, "huiying_spool_written_total", "Records written to the spool", NULL);
    m->unkept = hy_metric_get(HY_COUNTER, "huiying_spool_unkept_total", "Records that the spool could not keep", NULL);
    m->drained = hy_metric_get(HY_COUNTER, "huiying_spool_sent_total", "Records of the spool that Kafka took", NULL);
    m->lost =
        hy_metric_get(HY_COUNTER, "huiying_spool_lost_total", "Records of the spool that could not be read", NULL);
    m->rewinds =
        hy_metric_get(HY_COUNTER, "huiying_spool_rewinds_total", "Times that the last minutes were sent again", NULL);
    m->kafka_up = hy_metric_get(HY_GAUGE, "huiying_gateway_kafka_up", "1 while Kafka acknowledges in time", NULL);
    m->damaged =
        hy_metric_get(HY_GAUGE, "huiying_spool_damaged", "Damaged stretches found on disk since the start", NULL);
    m->accept_seconds =
        hy_metric_histogram("huiying_gateway_accept_seconds", "From taking a record to its promise", NULL, NULL, 0);
    m->disk_seconds = hy_metric_histogram("huiying_spool_job_seconds", "Time of one job on the disk", NULL, NULL, 0);
}

static int start_handles(struct intake *intake, struct hy_error *err) {
    uv_loop_t *loop = intake->options.loop;
    int fd = intake->options.sink.fd(intake->options.sink.ctx);
    intake->has_poll = fd >= 0;
    if (fd >= 0 && uv_poll_init(loop, &intake->poll, fd) != 0)
        return hy_fail(err, HY_EIO, "intake: cannot watch the publisher");
    uv_timer_init(loop, &intake->fast);
    uv_timer_init(loop, &intake->slow);
    intake->fast.data = intake->slow.data = intake->poll.data = intake;
    intake->handles = intake->has_poll ? 3 : 2;
    uv_timer_start(&intake->fast, on_fast, FAST_MS, FAST_MS);
    uv_timer_start(&intake->slow, on_slow, SLOW_MS, SLOW_MS);
    if (intake->has_poll) uv_poll_start(&intake->poll, UV_READABLE, on_sink);
    return HY_OK;
}

static int read_spool(struct intake *intake, struct hy_error *err) {
    struct spool *spool = intake->options.spool;
    struct found_list found = {0};
    intake->front = intake->next = intake->drain_seq = spool_next_seq(spool);
    int64_t from_ms = hy_wall_ms(hy_clock_system()) - intake->options.keep_ms;
    int rc = spool_scan(spool, spool_cursor(spool), from_ms, found_add, &found, err);
    if (rc == HY_OK) rc = intake_room(intake, intake->front, intake->next + 1);
    if (rc == HY_OK) rc = drain_load(intake, &found);
    if (rc == HY_OK && found.n) HY_INFO("gateway.spool", "what the spool holds is sent again", "records=%zu", found.n);
    free(found.list);
    return rc;
}

static void free_intake(struct intake *intake) {
    if (intake->options.sink.close) intake->options.sink.close(intake->options.sink.ctx, intake->close_ms);
    spool_close(intake->options.spool);
    orders_free(&intake->backlog);
    free(intake->ring);
    free(intake);
}

int intake_new(const struct intake_options *options, struct intake **out, struct hy_error *err) {
    struct intake *intake = calloc(1, sizeof *intake);
    if (!intake) {
        options->sink.close(options->sink.ctx, 0);
        spool_close(options->spool);
        return hy_fail(err, HY_ENOMEM, "intake: out of memory");
    }
    intake->options = *options;
    intake->kafka_up = intake->disk_ok = true;
    intake->queue_end = &intake->queue;
    intake->job.intake = intake;
    intake->allowance_ns = (int64_t)uv_hrtime();
    intake->disconnects = options->sink.disconnects(options->sink.ctx);
    get_metrics(&intake->metrics);
    hy_metric_set(intake->metrics.kafka_up, 1);
    if (options->health) {
        intake->kafka_part = hy_health_part(options->health, "kafka", 5000);
        intake->spool_part = hy_health_part(options->health, "spool", 5000);
    }
    int rc = read_spool(intake, err);
    if (rc == HY_OK) rc = start_handles(intake, err);
    if (rc < 0) {
        free_intake(intake);
        return rc;
    }
    report(intake);
    *out = intake;
    return HY_OK;
}

uint64_t intake_waiting(const struct intake *intake) {
    return intake->backlog.total + intake->direct_in_flight;
}

bool intake_kafka_up(const struct intake *intake) {
    return intake->kafka_up;
}

// ---- stop ----

static void on_closed(uv_handle_t *handle) {
    struct intake *intake = handle->data;
    if (--intake->handles > 0) return;
    void (*closed)(void *) = intake->closed;
    void *ctx = intake->closed_ctx;
    free_intake(intake);
    if (closed) closed(ctx);
}

// Waits (turn by turn of the fast timer) until the disk has all, then lets go. What Kafka has not acknowledged stays in
// the spool for the next start.
static void on_closing(uv_timer_t *timer) {
    struct intake *intake = timer->data;
    poll_sink(intake);
    check_deadlines(intake);
    disk_kick(intake);
    if (intake->job_running || intake->queue_len || intake->oldest) return;
    const struct intake_sink *sink = &intake->options.sink;
    intake->finished = true;
    sink->close(sink->ctx, intake->close_ms); // its last acks come in here
    intake->options.sink.close = NULL;
    struct hy_error err = {0};
    if (spool_save_cursor(intake->options.spool, intake->front, &err) < 0) HY_WARN("gateway.spool", err.text, NULL);
    if (intake->has_poll) uv_close((uv_handle_t *)&intake->poll, on_closed);
    uv_close((uv_handle_t *)&intake->slow, on_closed);
    uv_close((uv_handle_t *)&intake->fast, on_closed);
}

void intake_close(struct intake *intake, int timeout_ms, void (*closed)(void *ctx), void *ctx) {
    if (intake->closing) return;
    intake->closing = true;
    intake->close_ms = timeout_ms;
    intake->closed = closed;
    intake->closed_ctx = ctx;
    uv_timer_stop(&intake->slow);
    uv_timer_start(&intake->fast, on_closing, 0, 20);
}
