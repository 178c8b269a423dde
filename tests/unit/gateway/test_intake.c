// The promise, against a broker that fails on purpose: what was answered is never lost, and order per dossier is kept.
#include "folder.h"

#include <signal.h>
#include <sys/resource.h>

#include "producers/gateway/intake_inner.h"

enum { LOG_MAX = 20000, HELD_MAX = 20000 };

enum broker_mode { ACKS, HOLDS, FAILS, REFUSES };

// The broker's side: what it took, in order. HOLDS keeps records until released or dropped.
struct broker {
    enum broker_mode mode;
    struct held {
        uint64_t number;
        char dossier[8];
        hy_published_fn done;
        void *opaque;
    } held[HELD_MAX];
    size_t n_held;
    size_t answered; // of held
    uint64_t log[LOG_MAX];
    char dossiers[LOG_MAX][8];
    size_t n_log;
    uint64_t disconnects;
};

static int broker_publish(void *ctx, const char *topic, struct hy_bytes key, struct hy_bytes value,
                          hy_published_fn done, void *opaque, struct hy_error *err) {
    struct broker *broker = ctx;
    assert_string_equal(topic, "hy.comments");
    if (broker->mode == REFUSES) return hy_fail(err, HY_EAGAIN, "full");
    assert_true(broker->n_held < HELD_MAX);
    struct held *held = &broker->held[broker->n_held++];
    memcpy(&held->number, value.data, sizeof held->number);
    snprintf(held->dossier, sizeof held->dossier, "%.*s", (int)key.len, (const char *)key.data);
    held->done = done;
    held->opaque = opaque;
    return HY_OK;
}

static void report(struct broker *broker, struct held held, int status) {
    struct hy_published result = {.status = status, .why = "", .partition = 0, .offset = 1};
    if (status == HY_OK) {
        assert_true(broker->n_log < LOG_MAX);
        strcpy(broker->dossiers[broker->n_log], held.dossier);
        broker->log[broker->n_log++] = held.number;
    }
    held.done(held.opaque, &result);
}

static int broker_poll(void *ctx) {
    struct broker *broker = ctx;
    int n = 0;
    if (broker->mode == HOLDS || broker->mode == REFUSES) return 0;
    while (broker->answered < broker->n_held) {
        report(broker, broker->held[broker->answered++], broker->mode == ACKS ? HY_OK : HY_ENET);
        n++;
    }
    broker->answered = broker->n_held = 0;
    return n;
}

static int broker_fd(void *ctx) {
    (void)ctx;
    return -1;
}

static uint64_t broker_disconnects(void *ctx) {
    return ((struct broker *)ctx)->disconnects;
}

static int broker_health(void *ctx, struct hy_error *err) {
    (void)ctx, (void)err;
    return HY_OK;
}

static void broker_close(void *ctx, int timeout_ms) {
    struct broker *broker = ctx;
    (void)timeout_ms;
    while (broker->answered < broker->n_held)
        report(broker, broker->held[broker->answered++], broker->mode == ACKS ? HY_OK : HY_EUNKNOWN);
    broker->answered = broker->n_held = 0;
}

// One gateway's life around the intake.
struct life {
    char folder[64];
    uv_loop_t loop;
    struct intake *intake;
    struct broker *broker;
    uint64_t next; // number of the next message
    struct answer {
        int n, status;
    } answers[LOG_MAX];
};

struct sent {
    struct life *life;
    uint64_t number;
};

static void start(struct life *life, uint64_t max_bytes) {
    struct spool_limits limits = {4096, max_bytes};
    struct hy_error err = {0};
    struct spool *spool = NULL;
    if (spool_open(life->folder, &limits, &spool, &err) < 0) fail_msg("%s", err.text);
    struct intake_options options = {
        .loop = &life->loop,
        .spool = spool,
        .sink = {life->broker, broker_publish, broker_poll, broker_fd, broker_disconnects, broker_health, broker_close},
        .kafka_ms = 200,
        .answer_ms = 1500,
        .keep_ms = 60000,
        .drain_per_s = 100000};
    assert_int_equal(uv_loop_init(&life->loop), 0);
    if (intake_new(&options, &life->intake, &err) < 0) fail_msg("%s", err.text);
}

static void stop(struct life *life) {
    intake_close(life->intake, 100, NULL, NULL);
    uv_run(&life->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&life->loop), 0);
    life->intake = NULL;
}

static int setup(void **state) {
    struct life *life = calloc(1, sizeof *life);
    life->broker = calloc(1, sizeof *life->broker);
    folder_make(life->folder);
    start(life, 64 << 20);
    *state = life;
    return 0;
}

static int teardown(void **state) {
    struct life *life = *state;
    if (life->intake) stop(life);
    folder_drop(life->folder);
    free(life->broker);
    free(life);
    return 0;
}

static void on_answer(void *ctx, int status) {
    struct sent *sent = ctx;
    sent->life->answers[sent->number].n++;
    sent->life->answers[sent->number].status = status;
    free(sent);
}

static uint64_t send_one(struct life *life, const char *dossier) {
    struct sent *sent = malloc(sizeof *sent);
    *sent = (struct sent){life, life->next++};
    uint64_t number = sent->number;
    assert_int_equal(intake_take(life->intake, "hy.comments", hy_bytes_of(dossier),
                                 hy_bytes_from(&number, sizeof number), on_answer, sent),
                     HY_OK);
    return number;
}

static void stop_timer(uv_timer_t *timer) {
    uv_stop(timer->loop);
}

static void run_for(struct life *life, unsigned ms) {
    uv_timer_t timer;
    uv_timer_init(&life->loop, &timer);
    uv_timer_start(&timer, stop_timer, ms, 0);
    uv_run(&life->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&life->loop, UV_RUN_NOWAIT);
}

// Busy disks answer late, so what must come is waited for.
static void run_until_answered(struct life *life, uint64_t number) {
    for (int i = 0; i < 1000 && life->answers[number].n == 0; i++)
        run_for(life, 5);
}

static void run_until_drained(struct life *life) {
    for (int i = 0; i < 1000 && (!intake_kafka_up(life->intake) || intake_waiting(life->intake) > 0); i++)
        run_for(life, 5);
}

static void expect_answer(struct life *life, uint64_t number, int status) {
    if (life->answers[number].n != 1 || life->answers[number].status != status)
        fail_msg("message %d: %d answers, %s", (int)number, life->answers[number].n,
                 hy_error_name(life->answers[number].status));
}

// Every message is in the broker's log, and first occurrences of a dossier stand in the order of sending.
static void expect_all_in_order(const struct life *life, uint64_t from) {
    const struct broker *broker = life->broker;
    char *seen = calloc(1, LOG_MAX);
    for (size_t i = 0; i < broker->n_log; i++) {
        if (seen[broker->log[i]]) continue;
        seen[broker->log[i]] = 1;
        for (size_t k = i + 1; k < broker->n_log; k++)
            if (!seen[broker->log[k]] && broker->log[k] < broker->log[i] &&
                strcmp(broker->dossiers[k], broker->dossiers[i]) == 0)
                fail_msg("%d of %s came before %d", (int)broker->log[i], broker->dossiers[i], (int)broker->log[k]);
    }
    for (uint64_t number = from; number < life->next; number++)
        if (!seen[number]) fail_msg("message %d is lost", (int)number);
    free(seen);
}

static void kafkas_ack_answers(void **state) {
    struct life *life = *state;
    for (int i = 0; i < 100; i++)
        send_one(life, i % 2 ? "A" : "B");
    run_for(life, 120);
    for (uint64_t i = 0; i < 100; i++)
        expect_answer(life, i, HY_OK);
    assert_int_equal(life->broker->n_log, 100);
    assert_int_equal(intake_waiting(life->intake), 0);
    expect_all_in_order(life, 0);
}

static void without_kafka_the_spool_answers_in_time(void **state) {
    struct life *life = *state;
    life->broker->mode = HOLDS;
    uint64_t first = send_one(life, "A");
    run_for(life, 120);
    assert_int_equal(life->answers[first].n, 0);
    run_until_answered(life, first);
    expect_answer(life, first, HY_OK);
    assert_false(intake_kafka_up(life->intake));
    uint64_t second = send_one(life, "A"); // now without waiting for Kafka
    run_until_answered(life, second);
    expect_answer(life, second, HY_OK);
    life->broker->mode = ACKS;
    run_until_drained(life);
    assert_true(intake_kafka_up(life->intake));
    assert_int_equal(intake_waiting(life->intake), 0);
    expect_all_in_order(life, 0);
}

static void a_dossier_that_waits_is_not_overtaken_by_itself_but_by_others(void **state) {
    struct life *life = *state;
    life->broker->mode = FAILS;
    uint64_t first = send_one(life, "A");
    run_for(life, 100); // fails at once: waits in the spool
    expect_answer(life, first, HY_OK);
    life->broker->mode = ACKS;
    run_for(life, 20);
    send_one(life, "A");
    send_one(life, "B");
    send_one(life, "A");
    run_for(life, 700);
    expect_all_in_order(life, 0);
    for (uint64_t i = 0; i < life->next; i++)
        expect_answer(life, i, HY_OK);
}

static void order_holds_while_the_broker_comes_and_goes(void **state) {
    struct life *life = *state;
    uint64_t random = 99;
    for (int round = 0; round < 30; round++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        life->broker->mode = (enum broker_mode)((random >> 40) % 4);
        for (int i = 0; i < 20; i++) {
            char dossier[8];
            snprintf(dossier, sizeof dossier, "D%d", (int)((random >> (i + 8)) % 5));
            send_one(life, dossier);
        }
        run_for(life, (unsigned)(random >> 50) % 300);
    }
    life->broker->mode = ACKS;
    run_for(life, 2000);
    for (uint64_t i = 0; i < life->next; i++)
        expect_answer(life, i, HY_OK);
    assert_int_equal(intake_waiting(life->intake), 0);
    expect_all_in_order(life, 0);
}

static void what_was_promised_is_sent_after_a_restart(void **state) {
    struct life *life = *state;
    life->broker->mode = HOLDS;
    for (int i = 0; i < 500; i++)
        send_one(life, i % 3 ? "A" : "B");
    run_for(life, 400);
    for (uint64_t i = 0; i < 500; i++)
        expect_answer(life, i, HY_OK);
    stop(life);
    assert_int_equal(life->broker->n_log, 0);
    life->broker->mode = ACKS;
    start(life, 64 << 20);
    assert_int_equal(intake_waiting(life->intake), 500);
    uint64_t late = send_one(life, "A"); // behind its dossier's
    run_for(life, 600);
    expect_answer(life, late, HY_OK);
    assert_int_equal(intake_waiting(life->intake), 0);
    expect_all_in_order(life, 0);
}

static void what_was_taken_lately_is_sent_again_when_the_broker_was_away(void **state) {
    struct life *life = *state;
    for (int i = 0; i < 50; i++)
        send_one(life, "A");
    run_for(life, 1200); // acked, written, passed
    assert_int_equal(life->broker->n_log, 50);
    life->broker->n_log = 0; // the broker lost all of it
    life->broker->disconnects++;
    send_one(life, "A"); // must not overtake what is sent again
    run_for(life, 4500);
    expect_all_in_order(life, 0);
    for (uint64_t i = 0; i < life->next; i++)
        expect_answer(life, i, HY_OK);
}

static void a_quiet_gateway_sends_again_too(void **state) {
    struct life *life = *state;
    for (int i = 0; i < 5; i++)
        send_one(life, "A");
    run_for(life, 1200);
    life->broker->n_log = 0;
    life->broker->disconnects++;
    run_for(life, 6000);
    expect_all_in_order(life, 0);
}

static void a_full_spool_refuses_and_recovers(void **state) {
    struct life *life = *state;
    stop(life);
    folder_drop(life->folder);
    folder_make(life->folder);
    life->next = 0;
    life->broker->mode = HOLDS;
    start(life, 8192);
    send_one(life, "A");
    run_for(life, 300); // Kafka is away now
    int full = 0;
    for (int i = 0; i < 200; i++) {
        uint64_t number = send_one(life, "A");
        run_for(life, 10);
        if (life->answers[number].n && life->answers[number].status == HY_EFULL) full++;
    }
    assert_true(full > 0);
    life->broker->mode = ACKS;
    run_for(life, 800);
    uint64_t number = send_one(life, "B");
    run_for(life, 100);
    expect_answer(life, number, HY_OK);
    // Whoever was answered with success is there.
    for (uint64_t i = 0; i < life->next; i++) {
        bool there = false;
        for (size_t k = 0; k < life->broker->n_log; k++)
            there = there || life->broker->log[k] == i;
        if (life->answers[i].status == HY_OK && !there) fail_msg("message %d was promised and is lost", (int)i);
    }
}

static void a_record_too_large_is_refused_at_once(void **state) {
    struct life *life = *state;
    char *big = calloc(1, SPOOL_VALUE_MAX + 1);
    assert_int_equal(intake_take(life->intake, "hy.comments", hy_bytes_of("A"), hy_bytes_from(big, SPOOL_VALUE_MAX + 1),
                                 on_answer, NULL),
                     HY_ETOOBIG);
    free(big);
}

static void what_was_read_before_older_ones_began_to_wait_again_is_not_sent_before_them(void **state) {
    struct life *life = *state;
    struct intake *intake = life->intake;
    life->broker->mode = REFUSES;
    for (int i = 0; i < 20; i++)
        send_one(life, "A");
    run_until_answered(life, 19);
    uint64_t first = intake->front;
    for (uint64_t seq = first; seq < first + 10; seq++) // these are on their way
        intake_entry(intake, seq)->state = ENTRY_SENT;
    intake->drain_seq = first + 10;
    intake->kafka_up = true;
    intake->allowance = 1000;
    intake->drain_after_ns = 0;
    static struct disk_job job;
    drain_plan(intake, &job);
    assert_int_equal(job.n_reads, 10);
    for (size_t i = 0; i < job.n_reads; i++)
        job.read_codes[i] =
            spool_read(intake->options.spool, job.read_places[i], &job.read_memory[i], &job.read_records[i], NULL);
    for (uint64_t seq = first; seq < first + 10; seq++) // and now Kafka has refused them
        intake_entry_waits(intake, seq);
    life->broker->mode = HOLDS;
    drain_send(intake, &job);
    assert_int_equal(life->broker->n_held, 0);
    assert_true(intake->drain_seq == first);
    life->broker->mode = ACKS;
    run_until_drained(life);
    expect_all_in_order(life, 0);
}

static void limit_files(rlim_t bytes) {
    struct rlimit limit = {bytes, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN); // writing then fails instead
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_record_that_the_disk_could_not_keep_holds_up_nobody(void **state) {
    struct life *life = *state;
    life->broker->mode = HOLDS;
    uint64_t first = send_one(life, "A"); // with Kafka, and written without a sync
    for (int i = 0; i < 300 && intake_entry(life->intake, life->intake->front)->place.segment == 0; i++) {
        life->intake->house_due = true;
        run_for(life, 1);
    }
    assert_int_equal(life->answers[first].n, 0);
    assert_true(intake_entry(life->intake, life->intake->front)->place.segment != 0);
    limit_files(1);
    life->broker->mode = FAILS;
    uint64_t second = send_one(life, "B");
    run_until_answered(life, first);
    run_until_answered(life, second);
    assert_true(life->answers[second].status < 0);
    limit_files(RLIM_INFINITY);
    uint64_t third = send_one(life, "C");
    run_until_answered(life, third);
    expect_answer(life, third, HY_OK);
    life->broker->mode = ACKS;
    run_until_drained(life);
    assert_int_equal(intake_waiting(life->intake), 0);
    bool there = false;
    for (size_t i = 0; i < life->broker->n_log; i++)
        there = there || life->broker->log[i] == third;
    assert_true(there);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(kafkas_ack_answers),
        T(without_kafka_the_spool_answers_in_time),
        T(a_dossier_that_waits_is_not_overtaken_by_itself_but_by_others),
        T(order_holds_while_the_broker_comes_and_goes),
        T(what_was_promised_is_sent_after_a_restart),
        T(what_was_taken_lately_is_sent_again_when_the_broker_was_away),
        T(a_quiet_gateway_sends_again_too),
        T(a_full_spool_refuses_and_recovers),
        T(what_was_read_before_older_ones_began_to_wait_again_is_not_sent_before_them),
        T(a_record_that_the_disk_could_not_keep_holds_up_nobody),
        T(a_record_too_large_is_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
