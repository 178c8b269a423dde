// What a record costs the router and casework themselves, without Kafka: their own handlers over a sink, thousands of
// different messages, commands and acts. bench_handlers [PACK [MESSAGES [router]]] prints the CPU time of this thread a
// record (best and median of the batches), its ratio to SHA-256 of 300 bytes measured between the batches, and a digest
// of everything written, which a change that only makes it faster leaves as it is.
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>

#include "consumers/casework/casework.h"
#include "consumers/router/router.h"
#include "huiying/v1/case.pb-c.h"
#include "huiying/v1/command.pb-c.h"
#include "huiying/v1/event.pb-c.h"
#include "huiying/v1/journal.pb-c.h"
#include "lib/base/id.h"
#include "lib/base/pb.h"
#include "lib/core/case.h"
#include "lib/lane/topics.h"
#include "sink.h"
#include "texts.h"

enum { BATCHES = 10, CANARY_ROUNDS = 2000, CANARY_BYTES = 300 };

static const int64_t NOW = 1772416800000; // 2026-03-02 10:00 +08:00, a Monday

// Records of one kind, built before the clock starts.
struct inputs {
    struct hy_buf bytes;
    struct input {
        size_t key_at, key_len, value_at, value_len;
    } *rows;
    size_t n, cap;
};

struct bench {
    struct hy_packs *packs;
    const char *town;
    struct hy_arena *arena;
    uint8_t digest[32];
    struct sink *sink;
    int64_t offset;     // grows over all kinds: casework passes over what stands behind a snapshot's offset
    struct inputs made; // the acts that build_act makes
    Huiying__V1__Verb verb;
};

static void need(int ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "bench_handlers: %s\n", what);
    exit(1);
}

// ---- measuring ----

static int64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// OpenSSL's own call, so that nothing of ours can change it.
static double canary(void) {
    static uint8_t text[CANARY_BYTES];
    uint8_t hash[32];
    EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    int64_t start = cpu_ns();
    for (int i = 0; i < CANARY_ROUNDS; i++) {
        need(EVP_Digest(text, sizeof text, hash, NULL, sha256, NULL), "no SHA-256");
        memcpy(text, hash, sizeof hash);
    }
    EVP_MD_free(sha256);
    return (double)(cpu_ns() - start) / 1000 / CANARY_ROUNDS;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void say(const char *what, double *us, double *canaries, size_t records, size_t emitted) {
    qsort(us, BATCHES, sizeof *us, compare);
    qsort(canaries, BATCHES, sizeof *canaries, compare);
    printf("%-34s best %6.2f us  median %6.2f us  %5.1f canaries  %.2f records out\n", what, us[0], us[BATCHES / 2],
           us[0] / canaries[0], (double)emitted / (double)records);
}

static void add_digest(struct bench *b) {
    for (size_t i = 0; i < sink_records(b->sink); i++) {
        struct sink_record record = sink_record(b->sink, i);
        struct hy_bytes fields[] = {hy_bytes_from(b->digest, sizeof b->digest), hy_bytes_of(record.topic), record.key,
                                    record.value};
        hy_hash_fields(fields, 4, b->digest);
    }
}

// ---- records ----

static void add_input(struct inputs *inputs, struct hy_bytes key, struct hy_bytes value) {
    if (inputs->n == inputs->cap) {
        inputs->cap = inputs->cap == 0 ? 1024 : inputs->cap * 2;
        inputs->rows = realloc(inputs->rows, inputs->cap * sizeof *inputs->rows);
        need(inputs->rows != NULL, "out of memory");
    }
    size_t at = inputs->bytes.len;
    inputs->rows[inputs->n++] = (struct input){at, key.len, at + key.len, value.len};
    hy_buf_add(&inputs->bytes, key.data, key.len);
    hy_buf_add(&inputs->bytes, value.data, value.len);
    need(hy_buf_ok(&inputs->bytes), "out of memory");
}

static void clear_inputs(struct inputs *inputs) {
    hy_buf_free(&inputs->bytes);
    free(inputs->rows);
    *inputs = (struct inputs){0};
}

static void add_message(struct bench *b, struct inputs *inputs, const char *key, const void *message) {
    struct hy_bytes value;
    need(hy_pb_write(message, b->arena, &value) == HY_OK, "out of memory");
    add_input(inputs, hy_bytes_of(key), value);
}

static void add_event(struct bench *b, struct inputs *inputs, unsigned n, unsigned citizen,
                      Huiying__V1__EventKind kind) {
    static struct hy_buf title, text;
    Huiying__V1__Event event = HUIYING__V1__EVENT__INIT;
    Huiying__V1__Author author = HUIYING__V1__AUTHOR__INIT;
    Huiying__V1__Time occurred = HUIYING__V1__TIME__INIT, ingested = HUIYING__V1__TIME__INIT;
    Huiying__V1__Post post = HUIYING__V1__POST__INIT;
    char native_id[24], who[24], id[HY_ID_SIZE], dossier[HY_ID_SIZE];
    bool is_post = kind == HUIYING__V1__EVENT_KIND__EVENT_KIND_POST;
    hy_arena_reset(b->arena);
    texts_make(n, b->town, &title, &text);
    snprintf(native_id, sizeof native_id, "2026-%08u", n);
    snprintf(who, sizeof who, "citizen-%u", citizen);
    hy_event_id("web", "default", native_id, is_post ? "POST" : "FORM", id);
    hy_dossier_id("web", "default", who, dossier);
    occurred.unix_ms = NOW - 5000;
    ingested.unix_ms = NOW - 1000;
    occurred.offset_minutes = ingested.offset_minutes = 480;
    author.handle = author.display_name = who;
    event.schema_version = 1;
    event.id = id;
    event.platform = hy_arena_str(b->arena, "web");
    event.account = hy_arena_str(b->arena, "default");
    event.native_id = native_id;
    event.kind = kind;
    event.author = &author;
    event.occurred = &occurred;
    event.received = event.ingested = &ingested;
    event.title = title.data;
    event.text = text.data;
    if (is_post) {
        event.payload_case = HUIYING__V1__EVENT__PAYLOAD_POST;
        event.post = &post;
        post.views = n;
    } else {
        event.dossier = dossier;
    }
    add_message(b, inputs, is_post ? event.account : dossier, &event);
}

static void make_events(struct bench *b, struct inputs *inputs, unsigned n, unsigned first,
                        Huiying__V1__EventKind kind) {
    clear_inputs(inputs);
    for (unsigned i = 0; i < n; i++)
        add_event(b, inputs, first + i, i, kind);
}

static int build_act(void *opaque, struct hy_bytes key, struct hy_bytes value) {
    struct bench *b = opaque;
    if (key.len <= HY_ID_LEN) return 0; // a dossier record
    hy_arena_reset(b->arena);
    Huiying__V1__Case *c = huiying__v1__case__unpack(hy_arena_pb(b->arena), value.len, value.data);
    need(c != NULL, "a stored case cannot be read");
    Huiying__V1__Command cmd = HUIYING__V1__COMMAND__INIT;
    Huiying__V1__Actor actor = HUIYING__V1__ACTOR__INIT;
    Huiying__V1__Act act = HUIYING__V1__ACT__INIT;
    Huiying__V1__Time issued = HUIYING__V1__TIME__INIT;
    issued.unix_ms = NOW;
    actor.kind = HUIYING__V1__ACTOR_KIND__ACTOR_KIND_PERSON;
    actor.id = hy_arena_str(b->arena, "zhang");
    actor.role = hy_arena_str(b->arena, "department");
    actor.department = c->owner;
    act.verb = b->verb;
    if (b->verb == HUIYING__V1__VERB__VERB_REPLY)
        act.text =
            hy_arena_str(b->arena, "您好，您反映的问题我局已安排人员到现场核实，将于本周内处理完毕，感谢您的关注。");
    cmd.schema_version = 1;
    cmd.id = hy_arena_fmt(b->arena, "%s-%s", hy_verb_name(b->verb), c->id);
    cmd.dossier = c->dossier;
    cmd.case_id = c->id;
    cmd.issued = &issued;
    cmd.actor = &actor;
    cmd.expectation_case = HUIYING__V1__COMMAND__EXPECTATION_EXPECTS;
    cmd.expects = c->step;
    cmd.body_case = HUIYING__V1__COMMAND__BODY_ACT;
    cmd.act = &act;
    add_message(b, &b->made, hy_case_key(b->arena, c->dossier, c->id), &cmd);
    return 0;
}

static int compare_keys(const void *a, const void *b, void *bytes) {
    const struct input *x = a, *y = b;
    return memcmp((const char *)bytes + x->key_at, (const char *)bytes + y->key_at, x->key_len);
}

// One act a case, in an order that is the same in every run: the store's own is not.
static void make_acts(struct bench *b, Huiying__V1__Verb verb) {
    clear_inputs(&b->made);
    b->verb = verb;
    sink_each(b->sink, build_act, b);
    qsort_r(b->made.rows, b->made.n, sizeof *b->made.rows, compare_keys, b->made.bytes.data);
}

// ---- running ----

static void handle(struct bench *b, const char *topic, const struct inputs *inputs, size_t i) {
    const struct input *row = &inputs->rows[i];
    const char *bytes = inputs->bytes.data;
    struct hy_record record = {.topic = topic,
                               .offset = b->offset++,
                               .timestamp_ms = NOW,
                               .log_id = "01JBENCH0000000000000000",
                               .key = hy_bytes_from(bytes + row->key_at, row->key_len),
                               .value = hy_bytes_from(bytes + row->value_at, row->value_len)};
    struct hy_error err = {0};
    if (sink_handle(b->sink, &record, &err) == HY_OK) return;
    fprintf(stderr, "bench_handlers: record %zu of %s: %s\n", i, topic, err.text);
    exit(1);
}

// Keeps what the router sent to casework.
static void keep_commands(const struct bench *b, struct inputs *commands) {
    for (size_t i = 0; commands != NULL && i < sink_records(b->sink); i++) {
        struct sink_record record = sink_record(b->sink, i);
        if (strcmp(record.topic, HY_TOPIC_COMMANDS) == 0) add_input(commands, record.key, record.value);
    }
}

// All inputs once, in batches; a batch is a transaction, and its end is measured with it. log_id differs by kind so
// that no offset stands behind the last one of the kind before.
static void measure(struct bench *b, const char *what, const char *topic, const struct inputs *inputs,
                    struct inputs *commands) {
    double us[BATCHES], canaries[BATCHES];
    size_t each = inputs->n / BATCHES, emitted = 0;
    for (size_t batch = 0; batch < BATCHES; batch++) {
        canaries[batch] = canary();
        int64_t spent = cpu_ns();
        for (size_t i = 0; i < each; i++)
            handle(b, topic, inputs, batch * each + i);
        spent = cpu_ns() - spent;
        emitted += sink_records(b->sink);
        add_digest(b);
        keep_commands(b, commands);
        int64_t start = cpu_ns();
        sink_commit(b->sink);
        us[batch] = (double)(spent + cpu_ns() - start) / 1000 / (double)each;
    }
    say(what, us, canaries, each * BATCHES, emitted);
}

static void bench_router(struct bench *b, unsigned n, struct inputs *commands, struct inputs *joins) {
    struct router *router = router_new(b->packs, 1);
    struct hy_lane_handler handler = router_handler(router);
    struct inputs events = {0};
    b->sink = sink_new(&handler);
    need(router != NULL && b->sink != NULL, "out of memory");
    make_events(b, &events, n, 0, HUIYING__V1__EVENT_KIND__EVENT_KIND_FORM);
    printf("an event has %zu bytes\n", events.bytes.len / events.n - HY_ID_LEN);
    measure(b, "router: message", HY_TOPIC_COMMENTS, &events, commands);
    make_events(b, &events, n, n, HUIYING__V1__EVENT_KIND__EVENT_KIND_FORM);
    measure(b, "router: the citizen's next one", HY_TOPIC_COMMENTS, &events, joins);
    make_events(b, &events, n, 2 * n, HUIYING__V1__EVENT_KIND__EVENT_KIND_POST);
    measure(b, "router: post", HY_TOPIC_POSTS, &events, NULL);
    clear_inputs(&events);
    sink_free(b->sink);
    router_free(router);
}

// Of the heap without what the sink keeps.
static size_t heap(const struct bench *b) {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd - sink_kept_bytes(b->sink);
}

static void say_memory(const struct bench *b, size_t before, size_t cases) {
    printf("%zu bytes of state a case and dossier, %zu of heap with the index of times\n",
           sink_state_bytes(b->sink) / cases, (heap(b) - before) / cases);
}

static void bench_casework(struct bench *b, const struct inputs *commands, const struct inputs *joins) {
    struct casework casework = {.packs = b->packs};
    struct hy_lane_handler handler = casework_handler(&casework);
    b->sink = sink_new(&handler);
    need(b->sink != NULL, "out of memory");
    size_t before = heap(b);
    measure(b, "casework: message opens", HY_TOPIC_COMMANDS, commands, NULL);
    say_memory(b, before, commands->n);
    measure(b, "casework: message joins", HY_TOPIC_COMMANDS, joins, NULL);
    make_acts(b, HUIYING__V1__VERB__VERB_SIGN);
    measure(b, "casework: sign", HY_TOPIC_COMMANDS, &b->made, NULL);
    make_acts(b, HUIYING__V1__VERB__VERB_REPLY);
    measure(b, "casework: reply", HY_TOPIC_COMMANDS, &b->made, NULL);
    measure(b, "casework: reply, repeated", HY_TOPIC_COMMANDS, &b->made, NULL);
    clear_inputs(&b->made);
    say_memory(b, before, commands->n);
    sink_free(b->sink);
}

int main(int argc, char **argv) {
    const char *pack = argc > 1 ? argv[1] : "yuancheng";
    unsigned n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 20000;
    struct bench b = {.packs = sink_packs_new(pack), .arena = hy_arena_new(16U << 20)};
    struct inputs commands = {0}, joins = {0};
    if (b.packs == NULL || b.arena == NULL || n < BATCHES) return 2;
    b.town = sink_packs_town(b.packs);
    bench_router(&b, n, &commands, &joins);
    if (argc <= 3) bench_casework(&b, &commands, &joins); // "router": nothing of casework, for a profile of one
    char id[HY_ID_SIZE];
    hy_id_of(&(struct hy_bytes){b.digest, sizeof b.digest}, 1, id);
    printf("digest of all that was written: %s\n", id);
    clear_inputs(&commands);
    clear_inputs(&joins);
    hy_arena_free(b.arena);
    sink_packs_free(b.packs);
    return 0;
}
