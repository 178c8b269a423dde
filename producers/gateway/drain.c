// Sending what waits: in the order of the log, paced, and again from some minutes back when Kafka may have lost it.
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "producers/gateway/intake_inner.h"

enum { IN_FLIGHT_MAX = 1000, RETRY_MS = 200, QUIET_MS = 2000, REWIND_GAP_MS = 10000 };

// ---- what to read next ----

static size_t may_send(struct intake *intake) {
    int64_t now = (int64_t)uv_hrtime();
    double per_s = (double)intake->options.drain_per_s;
    intake->allowance += (double)(now - intake->allowance_ns) / 1e9 * per_s;
    intake->allowance_ns = now;
    if (intake->allowance > per_s / 4 + 1) intake->allowance = per_s / 4 + 1;
    if (now < intake->drain_after_ns || intake->suspect || intake->scan_wanted || intake->closing) return 0;
    if (!intake->kafka_up) // one record asks whether Kafka is back; if others are on their way, they ask
        return intake->direct_in_flight + intake->drain_in_flight ? 0 : 1;
    size_t room = intake->drain_in_flight < IN_FLIGHT_MAX ? IN_FLIGHT_MAX - intake->drain_in_flight : 0;
    size_t paced = intake->allowance < 1 ? 0 : (size_t)intake->allowance;
    return room < paced ? room : paced;
}

void drain_plan(struct intake *intake, struct disk_job *job) {
    job->n_reads = 0;
    size_t most = may_send(intake);
    if (most > DISK_READS) most = DISK_READS;
    for (uint64_t seq = intake->drain_seq; seq < intake->next && job->n_reads < most; seq++) {
        const struct entry *entry = intake_entry(intake, seq);
        if (entry->state == ENTRY_WAITING) {
            if (!entry->place.segment) break; // its turn comes when it is written
            job->reads[job->n_reads] = seq;
            job->read_places[job->n_reads++] = entry->place;
        } else if (job->n_reads == 0) {
            intake->drain_seq = seq + 1;
        }
    }
    job->reads_after = intake->drain_seq;
}

// ---- sending ----

struct flight {
    struct intake *intake;
    uint64_t seq;
};

static void try_later(struct intake *intake, uint64_t seq) {
    if (seq < intake->drain_seq) intake->drain_seq = seq;
    intake->drain_after_ns = (int64_t)uv_hrtime() + RETRY_MS * 1000000LL;
}

static void on_sent(void *opaque, const struct hy_published *result) {
    struct flight *flight = opaque;
    struct intake *intake = flight->intake;
    uint64_t seq = flight->seq;
    free(flight);
    intake->drain_in_flight--;
    if (result->status == HY_OK) {
        hy_metric_add(intake->metrics.drained, 1);
        intake_set_kafka(intake, true);
        intake_entry_done(intake, seq);
        intake_note_waiting(intake);
        return;
    }
    intake_set_kafka(intake, false);
    intake_entry_waits(intake, seq);
    try_later(intake, seq);
}

static bool send_one(struct intake *intake, uint64_t seq, const struct spool_record *record) {
    const struct intake_sink *sink = &intake->options.sink;
    struct hy_error err = {0};
    struct flight *flight = malloc(sizeof *flight);
    if (!flight) return false;
    *flight = (struct flight){intake, seq};
    if (sink->publish(sink->ctx, record->topic, record->key, record->value, on_sent, flight, &err) < 0) {
        free(flight);
        HY_WARN("gateway.drain", err.text, NULL);
        return false;
    }
    intake_entry(intake, seq)->state = ENTRY_SENT;
    intake->drain_in_flight++;
    intake->allowance -= 1;
    intake->drain_seq = seq + 1;
    return true;
}

// A record that cannot be read back is lost unless Kafka took it; it must not hold up the rest.
static void give_up(struct intake *intake, uint64_t seq) {
    HY_ERROR("gateway.spool", "a record of the spool cannot be read back and is passed over", "seq=%llu",
             (unsigned long long)seq);
    hy_metric_add(intake->metrics.lost, 1);
    intake->drain_seq = seq + 1;
    intake_entry_done(intake, seq);
}

// What was read is left alone when something before it waits again since: that goes first.
void drain_send(struct intake *intake, struct disk_job *job) {
    bool going = intake->drain_seq >= job->reads_after;
    for (size_t i = 0; i < job->n_reads; i++) {
        uint64_t seq = job->reads[i];
        if (going && seq >= intake->front && intake_entry(intake, seq)->state == ENTRY_WAITING) {
            if (job->read_codes[i] < 0)
                give_up(intake, seq);
            else
                going = send_one(intake, seq, &job->read_records[i]);
            if (!going) try_later(intake, seq);
        }
        hy_buf_free(&job->read_memory[i]);
    }
    job->n_reads = 0;
}

// ---- again from some minutes back ----

// Makes what was found WAITING, except what is on its way anyway. The ring grows backwards for what had been passed.
int drain_load(struct intake *intake, const struct found_list *found) {
    uint64_t front = intake->front;
    for (size_t i = 0; i < found->n; i++)
        if (found->list[i].seq < front) front = found->list[i].seq;
    if (intake_room(intake, front, intake->next + 1) < 0) return HY_ENOMEM;
    for (uint64_t seq = front; seq < intake->front; seq++)
        *intake_entry(intake, seq) = (struct entry){0};
    intake->front = front;
    for (size_t i = 0; i < found->n; i++) {
        const struct spool_found *one = &found->list[i];
        struct entry *entry = intake_entry(intake, one->seq);
        if (one->seq >= intake->next || entry->state != ENTRY_DONE) continue;
        *entry = (struct entry){
            .order = one->order, .accepted_ms = one->accepted_ms, .place = one->place, .record = entry->record};
        intake_entry_waits(intake, one->seq);
    }
    intake->drain_seq = front;
    intake_note_waiting(intake);
    return HY_OK;
}

void drain_suspect(struct intake *intake) {
    const struct intake_sink *sink = &intake->options.sink;
    uint64_t count = sink->disconnects(sink->ctx);
    if (count == intake->disconnects) return;
    intake->disconnects = count;
    intake->suspect = true;
    intake->suspect_ns = (int64_t)uv_hrtime();
}

// While the client cannot connect, it fails every second or oftener; when it has been quiet for longer, it is back.
void drain_watch(struct intake *intake) {
    int64_t now = (int64_t)uv_hrtime();
    drain_suspect(intake);
    bool back = now - intake->suspect_ns > QUIET_MS * 1000000LL;
    bool rested = !intake->rewound_ns || now - intake->rewound_ns > REWIND_GAP_MS * 1000000LL;
    if (!intake->suspect || !back || !rested || intake->scan_wanted || intake->job.scan) return;
    intake->suspect = false;
    intake->rewound_ns = now;
    intake->scan_wanted = true;
    hy_metric_add(intake->metrics.rewinds, 1);
    HY_INFO("gateway.spool", "the connection to Kafka broke; what was taken lately is sent again", NULL);
}
