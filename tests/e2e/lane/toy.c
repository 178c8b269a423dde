// The smallest handler with state, for the tests of the lane: hy.commands in, per-key counters in hy.cases, one
// hy.journal record for each input record. Input value = a number; words make trouble on purpose (see `misbehave`).
//   lane_toy create BROKERS PREFIX PARTITIONS
//   lane_toy run BROKERS PREFIX INSTANCE LANES [stateless] [tick] [from=earliest] [stuck=MS] [props=K=V;K=V]
//   lane_toy publish BROKERS PREFIX TOPIC TIMEOUT_MS     "key value" lines → one line each: status partition offset
//   lane_toy registry BROKERS PREFIX put KIND ID FILE | get KIND ID | list | follow SECONDS
// State: "count sum". Journal: key as the input, value "partition offset amount count sum".
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/lane/lane.h"
#include "lib/lane/publisher.h"
#include "lib/lane/registry.h"
#include "lib/lane/topics.h"

struct counters {
    int64_t count, sum;
};

static int read_state(struct hy_lane_ctx *ctx, struct hy_bytes key, struct counters *out) {
    struct hy_bytes value;
    char text[64];
    *out = (struct counters){0};
    if (hy_lane_get(ctx, key, &value) != HY_OK) return HY_OK;
    if (value.len >= sizeof text) return HY_OK; // a big one of the tests
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    return sscanf(text, "%" SCNd64 " %" SCNd64, &out->count, &out->sum) == 2 ? HY_OK : HY_EFORMAT;
}

static int put_big(struct hy_lane_ctx *ctx, struct hy_bytes key, size_t size, struct hy_error *err) {
    char *value = calloc(1, size);
    if (value == NULL) return hy_fail(err, HY_ENOMEM, "out of memory");
    memset(value, 'x', size);
    int rc = hy_lane_put(ctx, key, hy_bytes_from(value, size), err);
    free(value);
    return rc;
}

static void sleep_ms(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

// Killed as if by somebody else; the file remembers how often.
static int die_five_times(const char *path) {
    FILE *deaths = fopen(path, "a");
    if (deaths == NULL) return HY_EIO;
    long before = fseek(deaths, 0, SEEK_END) == 0 ? ftell(deaths) : 5;
    if (before < 5 && fputc('x', deaths) != EOF && fflush(deaths) == 0) raise(SIGKILL);
    fclose(deaths);
    return HY_OK;
}

// 1: the value was a word and has been dealt with (*rc says how); 0: it is a number.
static int misbehave(struct hy_lane_ctx *ctx, const struct hy_record *record, const char *text, int *rc,
                     struct hy_error *err) {
    static int asked;
    if (strcmp(text, "crash") == 0) abort();
    if (strcmp(text, "loop") == 0) sleep_ms(3600000);
    if (strcmp(text, "bad") == 0) {
        struct hy_error ignored;
        (void)!hy_lane_put(ctx, hy_bytes_of("half-done"), hy_bytes_of("1 1"), &ignored);
        (void)!hy_lane_emit(ctx, HY_TOPIC_JOURNAL, record->key, hy_bytes_of("half done"), &ignored);
        *rc = hy_fail(err, HY_EFORMAT, "a word that is refused");
    } else if (strcmp(text, "dead") == 0) {
        *rc = hy_lane_dead(ctx, "asked_for", "the record asked for it", err);
    } else if (strncmp(text, "big ", 4) == 0) {
        *rc = put_big(ctx, record->key, strtoul(text + 4, NULL, 10), err);
    } else if (strncmp(text, "again ", 6) == 0) {
        *rc = ++asked % (int)(strtol(text + 6, NULL, 10) + 1) == 0 ? HY_OK : HY_EAGAIN;
    } else if (strncmp(text, "unlucky ", 8) == 0) {
        *rc = die_five_times(text + 8);
    } else if (strncmp(text, "slow ", 5) == 0) {
        sleep_ms(strtol(text + 5, NULL, 10));
        *rc = HY_OK;
    } else if (strncmp(text, "to ", 3) == 0) {
        *rc = hy_lane_emit(ctx, text + 3, record->key, hy_bytes_of("sent"), err);
    } else if (strcmp(text, "delete") == 0) {
        *rc = hy_lane_delete(ctx, record->key, err);
    } else {
        return 0;
    }
    return 1;
}

static int journal(struct hy_lane_ctx *ctx, const struct hy_record *record, int64_t amount, const struct counters *now,
                   struct hy_error *err) {
    char line[160];
    int len = snprintf(line, sizeof line, "%d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, record->partition,
                       record->offset, amount, now->count, now->sum);
    return hy_lane_emit(ctx, HY_TOPIC_JOURNAL, record->key, hy_bytes_from(line, (size_t)len), err);
}

static int count(struct hy_lane_ctx *ctx, const struct hy_record *record, int64_t amount, bool state,
                 struct hy_error *err) {
    struct counters now = {0};
    int rc = state ? read_state(ctx, record->key, &now) : HY_OK;
    if (rc != HY_OK) return hy_fail(err, rc, "state that the toy did not write");
    now.count++;
    now.sum += amount;
    char line[64];
    int len = snprintf(line, sizeof line, "%" PRId64 " %" PRId64, now.count, now.sum);
    if (state) rc = hy_lane_put(ctx, record->key, hy_bytes_from(line, (size_t)len), err);
    return rc == HY_OK ? journal(ctx, record, amount, &now, err) : rc;
}

static int handle(struct hy_lane_ctx *ctx, const struct hy_record *record, struct hy_error *err) {
    char text[64];
    int rc = HY_OK;
    if (record->value.len >= sizeof text) return hy_fail(err, HY_EFORMAT, "a value of %zu bytes", record->value.len);
    if (record->value.len > 0) memcpy(text, record->value.data, record->value.len);
    text[record->value.len] = '\0';
    if (misbehave(ctx, record, text, &rc, err)) return rc;
    char *end;
    int64_t amount = strtoll(text, &end, 10);
    if (end == text || *end != '\0') return hy_fail(err, HY_EFORMAT, "neither a number nor a word that the toy knows");
    return count(ctx, record, amount, hy_lane_user(ctx) == NULL, err);
}

static void identify(struct hy_arena *arena, struct hy_bytes value, char out[HY_ID_SIZE]) {
    const char *text = hy_arena_strn(arena, (const char *)value.data, value.len);
    if (text != NULL && value.len > 0) hy_id_strings(out, 1, text);
}

// What a handler's own index looks like: the number of keys, which must be what the state holds.
static void *open_index(void *user, int32_t partition) {
    (void)user;
    (void)partition;
    return calloc(1, sizeof(size_t));
}

static int load_index(void *user, void *data, struct hy_bytes key, struct hy_bytes value, struct hy_error *err) {
    (void)user;
    (void)key;
    (void)value;
    (void)err;
    ++*(size_t *)data;
    return HY_OK;
}

static void close_index(void *user, void *data, int32_t partition) {
    (void)user;
    (void)partition;
    free(data);
}

// Half of something, and then an error: nothing of it may stay.
static void by_half(struct hy_lane_ctx *ctx) {
    struct hy_error ignored;
    hy_lane_mark(ctx);
    (void)!hy_lane_put(ctx, hy_bytes_of("half-done"), hy_bytes_of("1 1"), &ignored);
    (void)!hy_lane_emit(ctx, HY_TOPIC_JOURNAL, hy_bytes_of("half-done"), hy_bytes_of("0 0 0 0 0"), &ignored);
    if (hy_lane_emit(ctx, HY_TOPIC_WORK "nobody", hy_bytes_of("k"), hy_bytes_of("x"), &ignored) != HY_OK)
        hy_lane_back(ctx);
}

// Every tick counts itself under one key of its partition.
static int tick(struct hy_lane_ctx *ctx, int32_t partition, int64_t now_ms, struct hy_error *err) {
    struct counters ticks;
    char key[32], line[64];
    snprintf(key, sizeof key, "tick-%d", partition);
    int rc = read_state(ctx, hy_bytes_of(key), &ticks);
    if (rc != HY_OK) return hy_fail(err, rc, "state that the toy did not write");
    if (now_ms < ticks.sum) return hy_fail(err, HY_EINTERNAL, "now went back");
    snprintf(line, sizeof line, "%" PRId64 " %" PRId64, ticks.count + 1, now_ms);
    rc = hy_lane_put(ctx, hy_bytes_of(key), hy_bytes_of(line), err);
    if (rc == HY_OK && hy_lane_index(ctx) == 0) by_half(ctx);
    return rc;
}

static bool has(int argc, char **argv, const char *word) {
    for (int i = 6; i < argc; i++)
        if (strcmp(argv[i], word) == 0) return true;
    return false;
}

static const char *after(int argc, char **argv, const char *prefix) {
    for (int i = 6; i < argc; i++)
        if (strncmp(argv[i], prefix, strlen(prefix)) == 0) return argv[i] + strlen(prefix);
    return NULL;
}

static int run(int argc, char **argv) {
    static bool stateless;
    stateless = has(argc, argv, "stateless");
    struct hy_lane_handler handler = {.name = "toy",
                                      .inputs = {HY_TOPIC_COMMANDS},
                                      .state = stateless ? NULL : HY_TOPIC_CASES,
                                      .outputs = {HY_TOPIC_JOURNAL},
                                      .handle = handle,
                                      .identify = identify,
                                      .tick = has(argc, argv, "tick") ? tick : NULL,
                                      .open = stateless ? NULL : open_index,
                                      .load = stateless ? NULL : load_index,
                                      .close = stateless ? NULL : close_index,
                                      .user = stateless ? &stateless : NULL};
    const char *stuck = after(argc, argv, "stuck=");
    struct hy_lane_options options = {
        .kafka = {.brokers = argv[2], .prefix = argv[3], .client_id = "toy", .properties = after(argc, argv, "props=")},
        .instance = argv[4],
        .lanes = (int)strtol(argv[5], NULL, 10),
        .stuck_ms = stuck == NULL ? 0 : strtol(stuck, NULL, 10),
        .from = after(argc, argv, "from=")};
    struct hy_lanes *lanes;
    struct hy_error err = {0};
    if (hy_lanes_start(&options, &handler, &lanes, &err) != HY_OK) {
        fprintf(stderr, "lane_toy: %s\n", err.text);
        return 1;
    }
    return hy_lanes_run(lanes);
}

static int create(char **argv) {
    struct hy_kafka_options kafka = {.brokers = argv[2], .prefix = argv[3]};
    struct hy_topics_plan plan = {.partitions = (int32_t)strtol(argv[4], NULL, 10)};
    const char *const departments[] = {"one"};
    struct hy_buf report = {0};
    struct hy_error err = {0};
    int rc = hy_topics_create(&kafka, &plan, departments, 1, 30000, &report, &err);
    printf("%s", report.data == NULL ? "" : report.data);
    if (rc != HY_OK) fprintf(stderr, "lane_toy: %s\n", err.text);
    hy_buf_free(&report);
    return rc == HY_OK ? 0 : 1;
}

// ---- publisher ----

static void print_result(void *opaque, const struct hy_published *result) {
    printf("%s %s %d %" PRId64 "\n", (const char *)opaque, hy_error_name(result->status), result->partition,
           result->offset);
    free(opaque);
}

static int publish_lines(struct hy_publisher *publisher, const char *topic) {
    char line[4096];
    int refused = 0;
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *value = strchr(line, ' ');
        line[strcspn(line, "\n")] = '\0';
        if (value == NULL) continue;
        *value++ = '\0';
        struct hy_error err;
        char *name = strdup(value);
        int rc;
        while ((rc = hy_publish(publisher, topic, hy_bytes_of(line), hy_bytes_of(value), print_result, name, &err)) ==
               HY_EAGAIN)
            hy_publisher_poll(publisher, 100);
        if (rc == HY_OK) continue;
        printf("%s %s -1 -1\n", name, hy_error_name(rc));
        free(name);
        refused++;
    }
    return refused;
}

static int publish(char **argv) {
    const char *warm[] = {argv[4]};
    struct hy_publisher_options options = {.kafka = {.brokers = argv[2], .prefix = argv[3]},
                                           .timeout_ms = strtol(argv[5], NULL, 10),
                                           .queue_records = 1000,
                                           .warm = warm,
                                           .n_warm = 1};
    struct hy_publisher *publisher;
    struct hy_error err;
    if (hy_publisher_open(&options, &publisher, &err) != HY_OK) {
        fprintf(stderr, "lane_toy: %s\n", err.text);
        return 1;
    }
    int refused = publish_lines(publisher, argv[4]);
    hy_publisher_close(publisher, (int)options.timeout_ms + 5000);
    return refused == 0 ? 0 : 1;
}

// ---- registry ----

static void print_entry(void *opaque, const struct hy_registry_entry *entry) {
    (void)opaque;
    printf("%s %s %zu %s\n", entry->kind, entry->id, entry->content.len, entry->removed ? "removed" : "here");
    fflush(stdout);
}

static int put_file(const struct hy_kafka_options *kafka, char **argv, struct hy_error *err) {
    struct hy_publisher_options options = {.kafka = *kafka};
    struct hy_publisher *publisher;
    struct hy_buf content = {0};
    bool removed = strcmp(argv[7], "-") == 0;
    int rc = removed ? HY_OK : hy_read_file(argv[7], 64 << 20, &content, err);
    if (rc == HY_OK) rc = hy_publisher_open(&options, &publisher, err);
    if (rc != HY_OK) return rc;
    struct hy_registry_entry entry = {.kind = argv[5],
                                      .id = argv[6],
                                      .content = hy_buf_view(&content),
                                      .media_type = "text/plain",
                                      .published_by = "test",
                                      .removed = removed};
    rc = hy_registry_publish(publisher, &entry, 20000, err);
    hy_publisher_close(publisher, 5000);
    hy_buf_free(&content);
    return rc;
}

static int get_content(struct hy_registry *registry, char **argv, struct hy_error *err) {
    struct hy_buf content = {0};
    uint8_t hash[32];
    int rc = hy_registry_get(registry, argv[5], argv[6], &content, hash);
    if (rc == HY_OK) rc = hy_registry_content(registry, hash, &content);
    if (rc == HY_OK) fwrite(content.data, 1, content.len, stdout);
    hy_buf_free(&content);
    return rc == HY_OK ? HY_OK : hy_fail(err, rc, "%s/%s: %s", argv[5], argv[6], hy_error_text(rc));
}

static int follow(struct hy_registry *registry, int seconds, struct hy_error *err) {
    int rc = 0;
    for (int i = 0; i < seconds * 10 && rc >= 0; i++)
        rc = hy_registry_poll(registry, 100, err);
    return rc < 0 ? rc : HY_OK;
}

static int registry_command(int argc, char **argv, struct hy_error *err) {
    struct hy_kafka_options kafka = {.brokers = argv[2], .prefix = argv[3]};
    if (strcmp(argv[4], "put") == 0 && argc == 8) return put_file(&kafka, argv, err);
    struct hy_registry *registry;
    bool following = strcmp(argv[4], "follow") == 0;
    int rc = hy_registry_open(&kafka, following ? print_entry : NULL, NULL, 10000, &registry, err);
    if (rc != HY_OK) return rc;
    if (strcmp(argv[4], "get") == 0 && argc == 7) rc = get_content(registry, argv, err);
    if (strcmp(argv[4], "list") == 0) hy_registry_each(registry, NULL, print_entry, NULL);
    if (following && argc == 6) rc = follow(registry, (int)strtol(argv[5], NULL, 10), err);
    hy_registry_close(registry);
    return rc;
}

static int registry(int argc, char **argv) {
    struct hy_error err = {0};
    if (registry_command(argc, argv, &err) == HY_OK) return 0;
    fprintf(stderr, "lane_toy: %s\n", err.text);
    return 1;
}

int main(int argc, char **argv) {
    hy_log_init(&(struct hy_log_options){.program = "toy", .level = HY_LOG_INFO, .burst = 1000});
    if (argc >= 6 && strcmp(argv[1], "run") == 0) {
        hy_lanes_block_signals();
        return run(argc, argv);
    }
    if (argc == 5 && strcmp(argv[1], "create") == 0) return create(argv);
    if (argc == 6 && strcmp(argv[1], "publish") == 0) return publish(argv);
    if (argc >= 5 && strcmp(argv[1], "registry") == 0) return registry(argc, argv);
    fprintf(stderr, "use: see the head of toy.c: lane_toy create BROKERS PREFIX PARTITIONS | run BROKERS PREFIX "
                    "INSTANCE LANES [stateless] "
                    "[tick] [from=…] [stuck=MS]\n");
    return 2;
}
