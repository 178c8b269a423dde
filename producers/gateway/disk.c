// The one job that touches the disk: writes what is queued, syncs when an answer waits for it, reads what the drain
// sends next, scans, tidies. Only work_on_disk runs on a worker thread; it uses the spool and the job, nothing else.
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "producers/gateway/intake_inner.h"

enum { LAZY_WRITES = 256, WRITE_BYTES = 8 << 20 };

int found_add(void *ctx, const struct spool_found *found) {
    struct found_list *list = ctx;
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 1024;
        struct spool_found *grown = realloc(list->list, cap * sizeof *grown);
        if (!grown) return HY_ENOMEM;
        list->list = grown;
        list->cap = cap;
    }
    list->list[list->n++] = *found;
    return HY_OK;
}

// ---- on the worker thread ----

static void write_records(struct spool *spool, struct disk_job *job) {
    struct spool_record records[DISK_WRITES];
    for (size_t i = 0; i < job->n_writes; i++) {
        const struct record *from = job->writes[i];
        records[i] = (struct spool_record){from->seq, from->accepted_ms, from->topic, from->key, from->value};
    }
    job->write_code = spool_append(spool, records, job->n_writes, job->sync, job->places, &job->write_error);
}

static void keep_house(struct spool *spool, const struct disk_job *job) {
    struct hy_error err = {0};
    int rc = HY_OK;
    if (job->done_before != spool_cursor(spool)) rc = spool_save_cursor(spool, job->done_before, &err);
    if (rc == HY_OK) rc = spool_release(spool, job->done_before, job->keep_ms, &err);
    if (rc < 0) HY_WARN("gateway.spool", err.text, NULL);
}

static void work_on_disk(uv_work_t *work) {
    struct disk_job *job = work->data;
    struct spool *spool = job->intake->options.spool;
    int64_t start = (int64_t)uv_hrtime();
    write_records(spool, job);
    if (job->sync) HY_FAULT_POINT("gateway.after_sync");
    for (size_t i = 0; i < job->n_reads; i++)
        job->read_codes[i] = spool_read(spool, job->read_places[i], &job->read_memory[i], &job->read_records[i], NULL);
    job->scan_code = HY_OK;
    if (job->scan) job->scan_code = spool_scan(spool, UINT64_MAX, job->scan_from_ms, found_add, &job->found, NULL);
    if (job->keep_house) keep_house(spool, job);
    job->bytes = spool_bytes(spool);
    job->damaged = spool_damaged(spool);
    job->seconds = (double)((int64_t)uv_hrtime() - start) / 1e9;
}

// ---- on the loop ----

static void write_failed(struct intake *intake, struct record *record, int code) {
    struct entry *entry = intake_entry(intake, record->seq);
    hy_metric_add(intake->metrics.unkept, 1);
    if (entry->state == ENTRY_WAITING) intake_entry_done(intake, record->seq);
    if (record->unanswered && record->wants_disk) intake_answer(intake, record, code);
}

// A failed write or sync (one that ends a full file, too) leaves unknown what of the file is on disk: nothing that was
// not answered yet counts as kept.
static void forget_places(struct intake *intake) {
    for (struct record *record = intake->oldest; record; record = record->newer)
        if (!record->queued) intake_entry(intake, record->seq)->place = (struct spool_place){0};
}

static void take_writes(struct intake *intake, struct disk_job *job) {
    for (size_t i = 0; i < job->n_writes; i++) {
        struct record *record = job->writes[i];
        struct entry *entry = record->seq >= intake->front ? intake_entry(intake, record->seq) : NULL;
        record->queued = false;
        if (job->write_code == HY_OK && entry) entry->place = job->places[i];
        if (job->write_code < 0 && entry) {
            bool free_here = !record->unanswered;
            write_failed(intake, record, job->write_code);
            if (free_here) free(record);
        } else if (!record->unanswered) {
            free(record);
        }
    }
    if (job->write_code < 0) forget_places(intake);
    if (job->write_code == HY_OK)
        hy_metric_add(intake->metrics.written, (double)job->n_writes);
    else
        HY_ERROR("gateway.spool", job->write_error.text, NULL);
    if (job->n_writes || job->write_code < 0) intake->disk_ok = job->write_code == HY_OK;
}

// After a sync, everything written until then is safe.
static void answer_synced(struct intake *intake, const struct disk_job *job) {
    for (struct record *record = intake->oldest, *newer; record; record = newer) {
        newer = record->newer;
        if (record->queued) break;
        if (!record->wants_disk) continue;
        struct entry *entry = intake_entry(intake, record->seq);
        bool kept = job->write_code == HY_OK && entry->place.segment, waits = entry->state == ENTRY_WAITING;
        uint64_t seq = record->seq;
        intake_answer(intake, record, kept ? HY_OK : HY_EIO);
        if (!kept && waits) intake_entry_done(intake, seq); // nobody was promised it, and it must hold up nobody
    }
}

static void take_scan(struct intake *intake, struct disk_job *job) {
    int rc = job->scan_code == HY_OK ? drain_load(intake, &job->found) : job->scan_code;
    if (rc < 0)
        HY_ERROR("gateway.spool", "what was taken lately could not be sent again", "reason=%s", hy_error_text(rc));
    free(job->found.list);
    memset(&job->found, 0, sizeof job->found);
    job->scan = false;
}

static void on_disk_done(uv_work_t *work, int status) {
    (void)status;
    struct disk_job *job = work->data;
    struct intake *intake = job->intake;
    intake->job_running = false;
    hy_metric_observe(intake->metrics.disk_seconds, job->seconds);
    hy_metric_set(intake->metrics.bytes, (double)job->bytes);
    hy_metric_set(intake->metrics.damaged, (double)job->damaged);
    take_writes(intake, job);
    if (job->sync) answer_synced(intake, job);
    if (job->scan) take_scan(intake, job);
    drain_send(intake, job);
    disk_kick(intake);
}

static bool sync_wanted(const struct intake *intake) {
    for (const struct record *record = intake->oldest; record; record = record->newer)
        if (record->wants_disk) return true;
    return false;
}

static void plan_writes(struct intake *intake, struct disk_job *job) {
    size_t bytes = 0;
    job->n_writes = 0;
    while (intake->queue && job->n_writes < DISK_WRITES && bytes < WRITE_BYTES) {
        struct record *record = intake->queue;
        intake->queue = record->next;
        intake->queue_len--;
        bytes += record->value.len;
        job->writes[job->n_writes++] = record;
    }
    if (!intake->queue) intake->queue_end = &intake->queue;
}

void disk_kick(struct intake *intake) {
    struct disk_job *job = &intake->job;
    if (intake->job_running || intake->finished) return;
    job->sync = sync_wanted(intake);
    drain_plan(intake, job);
    job->scan = intake->scan_wanted;
    bool lazy = intake->queue_len < LAZY_WRITES && !intake->house_due && !intake->closing;
    if (!job->sync && !job->n_reads && !job->scan && (intake->queue_len == 0 || lazy) && !intake->house_due) return;
    plan_writes(intake, job);
    int64_t now_ms = hy_wall_ms(hy_clock_system());
    intake->scan_wanted = false;
    job->scan_from_ms = now_ms - intake->options.keep_ms;
    job->keep_house = intake->house_due;
    intake->house_due = false;
    job->done_before = intake->front;
    job->keep_ms = now_ms - intake->options.keep_ms;
    job->work.data = job;
    intake->job_running = true;
    if (uv_queue_work(intake->options.loop, &job->work, work_on_disk, on_disk_done) != 0) abort(); // cannot happen
}
