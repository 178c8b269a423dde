#include "producers/replay/replay.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/base/config.h"
#include "lib/base/id.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/lane/topics.h"
#include "producers/replay/mapping.h"
#include "producers/replay/pace.h"
#include "producers/replay/progress.h"
#include "producers/replay/row_event.h"
#include "producers/replay/rows.h"
#include "producers/replay/sender.h"

enum {
    COMMIT_ROWS = 2000,
    COMMIT_MS = 300,
    PACED_MS = 20, // while rows wait for their turn: a lot must not hold back what was due before
    ROW_ARENA = 16 * 1024 * 1024,
    MAPPING_MAX = 65536,
    JOB_HEAD = 4096, // bytes of a file that tell it from another one under the same name
    JOB_RANDOM = 16,
    OPEN_MS = 60000,
    NAP_MS = 50
};
enum shift { SHIFT_NONE, SHIFT_START, SHIFT_END };

struct settings {
    struct hy_config_common common;
    char *mapping, *speed, *rate, *rejects;
    int shift;
    bool historic, restart, pace;
    int64_t max_lag_ms;
};

#define FIELD(name) offsetof(struct settings, name)
static const struct hy_config_row ROWS[] = {
    HY_CONFIG_COMMON(struct settings, common),
    {.key = "replay.mapping",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(mapping),
     .default_value = NULL,
     .description = "YAML file that names the columns; short: --mapping FILE."},
    {.key = "replay.speed",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(speed),
     .default_value = "0",
     .description = "Keep the gaps between the rows' times, divided by this; 0 sends without them. Short: --speed N."},
    {.key = "replay.rate",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(rate),
     .default_value = "0",
     .description = "At most so many rows a second; 0 for no limit. Short: --rate N."},
    {.key = "replay.shift_times",
     .type = HY_CONFIG_ENUM,
     .offset = FIELD(shift),
     .default_value = "none",
     .choices = "none|start|end",
     .description = "Move all times so that the first (start) or last (end) row is now. Short: --shift-times start."},
    {.key = "replay.historic",
     .type = HY_CONFIG_BOOL,
     .offset = FIELD(historic),
     .default_value = "no",
     .description = "Old data: no clocks, no notices, no incidents. Short: --historic."},
    {.key = "replay.rejects",
     .type = HY_CONFIG_STRING,
     .offset = FIELD(rejects),
     .default_value = "",
     .description = "File that gets line and reason of each refused row; empty for stderr. Short: --rejects FILE."},
    {.key = "replay.restart",
     .type = HY_CONFIG_BOOL,
     .offset = FIELD(restart),
     .default_value = "no",
     .description = "Begin at the first row, whatever earlier runs have sent. Short: --restart."},
    {.key = "replay.pace",
     .type = HY_CONFIG_BOOL,
     .offset = FIELD(pace),
     .default_value = "yes",
     .description = "Wait for router and casework, so that other messages are not delayed by this one's bulk."},
    {.key = "replay.max_lag",
     .type = HY_CONFIG_MS,
     .offset = FIELD(max_lag_ms),
     .default_value = "2s",
     .min = 100,
     .max = 600000,
     .description = "How far router and casework may fall behind."},
};

// What people type, and the row it stands for.
static const struct {
    const char *option, *key;
    bool takes_value;
} SHORT[] = {
    {"--mapping", "replay.mapping", true},    {"--speed", "replay.speed", true},
    {"--rate", "replay.rate", true},          {"--shift-times", "replay.shift_times", true},
    {"--historic", "replay.historic", false}, {"--rejects", "replay.rejects", true},
    {"--restart", "replay.restart", false},
};

static volatile sig_atomic_t stop_asked;

static void on_signal(int number) {
    (void)number;
    stop_asked = 1;
}

// One run over one file.
struct run {
    struct settings settings;
    const char *path;
    FILE *in, *rejects;
    bool piped; // cannot be read twice
    struct replay_mapping mapping;
    char job[HY_ID_SIZE];
    struct row_options options;
    struct sender_cursor cursor;
    struct sender *sender;
    struct pace *pace;
    struct rows *rows;
    struct hy_arena *arena;
    struct progress progress;
    struct progress_figures figures;
    int64_t uncommitted, committed_ms;
};

static int parse_number(const char *key, const char *text, double *out, struct hy_error *err) {
    char *end = NULL;
    *out = strtod(text, &end);
    if (end != text && *end == '\0' && *out >= 0 && *out <= 1e9) return HY_OK;
    return hy_fail(err, HY_ECONFIG, "%s: \"%s\" is not a number from 0 to 1000000000", key, text);
}

// The same file and mapping are the same job, from wherever it is started, so that a second run goes on where the first
// one stopped. What the file begins with belongs to it: a new file under the old name is another job. A pipe never is
// the same again.
static int name_job(struct run *run, struct hy_bytes mapping, struct hy_error *err) {
    uint8_t head[JOB_HEAD];
    size_t n = sizeof head;
    char *real = NULL;
    if (run->piped) {
        int rc = hy_random(head, JOB_RANDOM);
        if (rc != HY_OK) return hy_fail(err, rc, "no random source for the name of the job");
        n = JOB_RANDOM;
    } else {
        n = fread(head, 1, sizeof head, run->in);
        if (ferror(run->in)) return hy_fail(err, HY_EIO, "%s: %s", run->path, strerror(errno));
        rewind(run->in);
        real = realpath(run->path, NULL);
    }
    const struct hy_bytes fields[] = {hy_bytes_of("replay"), hy_bytes_of(real ? real : run->path), mapping,
                                      hy_bytes_from(head, n)};
    hy_id_of(fields, sizeof fields / sizeof fields[0], run->job);
    free(real);
    return HY_OK;
}

static int load_mapping(struct run *run, struct hy_error *err) {
    struct hy_buf text = {0};
    struct hy_buf problems = {0};
    int rc = hy_read_file(run->settings.mapping, MAPPING_MAX, &text, err);
    if (rc == HY_OK) {
        rc = mapping_load(run->settings.mapping, hy_buf_view(&text), &run->mapping, &problems);
        if (rc != HY_OK) hy_fail(err, rc, "mapping refused:\n%s", problems.data ? problems.data : "");
    }
    if (rc == HY_OK) rc = name_job(run, hy_buf_view(&text), err);
    hy_buf_free(&text);
    hy_buf_free(&problems);
    return rc;
}

// The time of the first or the last row, for --shift-times.
static int edge_time(struct run *run, int64_t *out, struct hy_error *err) {
    struct rows *rows = rows_open(run->in, run->mapping.format);
    if (!rows) return hy_fail(err, HY_ENOMEM, "out of memory");
    bool found = false;
    for (;;) {
        json_t *row = NULL;
        struct hy_time at;
        struct hy_error ignored; // a bad row is told when it is sent
        int rc = rows_next(rows, &row, &ignored);
        if (rc == HY_ENOTFOUND || rc == HY_EIO) break;
        if (rc == HY_OK && row_time(&run->mapping, row, &at, &ignored) == HY_OK && (!found || at.unix_ms > *out)) {
            *out = at.unix_ms;
            found = true;
        }
        json_decref(row);
        if (found && run->settings.shift == SHIFT_START) break;
    }
    rows_close(rows);
    rewind(run->in);
    return found ? HY_OK : hy_fail(err, HY_EINVALID, "%s: no row with a time, so times cannot be shifted", run->path);
}

// A job that goes on keeps the shift it began with: it stands in the cursor's note.
static int set_shift(struct run *run, struct hy_error *err) {
    if (run->settings.shift == SHIFT_NONE) return HY_OK;
    if (run->cursor.note[0]) {
        run->options.shift_ms = strtoll(run->cursor.note, NULL, 10);
        return HY_OK;
    }
    int64_t edge = 0;
    int rc = edge_time(run, &edge, err);
    if (rc != HY_OK) return rc;
    run->options.shift_ms = hy_wall_ms(hy_clock_system()) - edge;
    snprintf(run->cursor.note, sizeof run->cursor.note, "%lld", (long long)run->options.shift_ms);
    return HY_OK;
}

static int open_files(struct run *run, struct hy_error *err) {
    run->in = strcmp(run->path, "-") == 0 ? stdin : fopen(run->path, "rb");
    if (!run->in) return hy_fail(err, HY_EIO, "%s: %s", run->path, strerror(errno));
    run->rejects = run->settings.rejects[0] ? fopen(run->settings.rejects, "ab") : stderr;
    if (!run->rejects) return hy_fail(err, HY_EIO, "%s: %s", run->settings.rejects, strerror(errno));
    struct stat info;
    run->piped = fstat(fileno(run->in), &info) != 0 || !S_ISREG(info.st_mode);
    progress_begin(&run->progress, stderr, run->piped ? 0 : info.st_size, hy_mono_ms(hy_clock_system()));
    if (!run->piped || run->settings.shift == SHIFT_NONE) return HY_OK;
    return hy_fail(err, HY_EINVALID,
                   "%s: --shift-times needs a file that can be read twice: save what comes by the pipe as one",
                   run->path);
}

static int open_kafka(struct run *run, struct hy_error *err) {
    const struct hy_config_common *common = &run->settings.common;
    struct hy_kafka_options kafka = {common->kafka_brokers, common->kafka_properties, common->kafka_prefix, "replay"};
    struct pace_options pace = {.follow_lag = run->settings.pace, .max_lag_ms = run->settings.max_lag_ms};
    int rc = parse_number("replay.speed", run->settings.speed, &pace.speed, err);
    if (rc == HY_OK) rc = parse_number("replay.rate", run->settings.rate, &pace.rate, err);
    if (rc == HY_OK) rc = sender_open(&kafka, run->job, OPEN_MS, &run->sender, &run->cursor, err);
    if (rc == HY_OK && run->settings.restart) run->cursor = (struct sender_cursor){0};
    if (rc == HY_OK) rc = pace_open(&kafka, &pace, hy_clock_system(), &run->pace, err);
    return rc;
}

static void refuse(struct run *run, const struct hy_error *why) {
    run->figures.refused++;
    fprintf(run->rejects, "%s: row %lld: %s\n", run->path, (long long)rows_count(run->rows), why->text);
}

static void show(struct run *run, bool last) {
    run->figures.bytes = rows_bytes(run->rows);
    run->figures.rows = rows_count(run->rows);
    run->figures.backlog = pace_backlog(run->pace);
    progress_show(&run->progress, &run->figures, hy_mono_ms(hy_clock_system()), last);
}

// row = rows that need not be looked at again.
static int commit(struct run *run, int64_t row, struct hy_error *err) {
    run->cursor.row = row;
    run->uncommitted = 0;
    run->committed_ms = hy_mono_ms(hy_clock_system());
    return sender_commit(run->sender, &run->cursor, err);
}

// Waits until the row may go; what was added before is committed first, so that nothing lies about meanwhile.
static int wait_turn(struct run *run, int64_t row_ms, struct hy_error *err) {
    int rc = HY_OK;
    for (int64_t ms; rc == HY_OK && !stop_asked && (ms = pace_wait_ms(run->pace, row_ms)) > 0;) {
        bool due = hy_mono_ms(hy_clock_system()) - run->committed_ms >= PACED_MS;
        if (run->uncommitted > 0 && due) rc = commit(run, rows_count(run->rows) - 1, err);
        struct timespec nap = {.tv_nsec = (ms < NAP_MS ? ms : NAP_MS) * 1000000L};
        nanosleep(&nap, NULL);
        show(run, false);
    }
    return rc;
}

static const char *topic_of(const Huiying__V1__Event *event) {
    if (event->kind == HUIYING__V1__EVENT_KIND__EVENT_KIND_POST) return HY_TOPIC_POSTS;
    return event->kind == HUIYING__V1__EVENT_KIND__EVENT_KIND_SIGNAL ? HY_TOPIC_SIGNALS : HY_TOPIC_COMMENTS;
}

static const char *key_of(const Huiying__V1__Event *event) {
    if (event->kind == HUIYING__V1__EVENT_KIND__EVENT_KIND_POST) return event->account;
    return event->kind == HUIYING__V1__EVENT_KIND__EVENT_KIND_SIGNAL ? event->native_id : event->dossier;
}

static int send_row(struct run *run, const json_t *row, struct hy_error *err) {
    Huiying__V1__Event *event = NULL;
    struct hy_error why = {0};
    hy_arena_reset(run->arena);
    run->options.ingest_ms = hy_wall_ms(hy_clock_system());
    run->options.historic = run->settings.historic;
    struct hy_bytes value;
    int rc = row_event(&run->mapping, &run->options, row, run->arena, &event, &why);
    if (rc == HY_OK) rc = row_pack(event, run->arena, &value, &why);
    if (rc != HY_OK) {
        refuse(run, &why);
        return HY_OK;
    }
    rc = wait_turn(run, event->occurred->unix_ms - run->options.shift_ms, err);
    if (rc == HY_OK) rc = sender_add(run->sender, topic_of(event), hy_bytes_of(key_of(event)), value, err);
    if (rc != HY_OK) return rc;
    pace_sent(run->pace);
    run->figures.sent++;
    run->uncommitted++;
    return HY_OK;
}

static bool commit_is_due(const struct run *run) {
    return run->uncommitted >= COMMIT_ROWS ||
           (run->uncommitted > 0 && hy_mono_ms(hy_clock_system()) - run->committed_ms >= COMMIT_MS);
}

static int send_rows(struct run *run, struct hy_error *err) {
    const int64_t start = run->cursor.row;
    int rc = HY_OK;
    while (rc == HY_OK && !stop_asked) {
        json_t *row = NULL;
        struct hy_error why = {0};
        int read = rows_next(run->rows, &row, &why);
        if (read == HY_ENOTFOUND) break;
        if (read == HY_EIO) return hy_fail(err, read, "%s", why.text);
        bool done_before = rows_count(run->rows) <= start;
        if (done_before)
            run->figures.skipped++;
        else if (read == HY_OK)
            rc = send_row(run, row, err);
        else
            refuse(run, &why);
        json_decref(row);
        if (rc == HY_OK && commit_is_due(run)) rc = commit(run, rows_count(run->rows), err);
        show(run, false);
    }
    return rc == HY_OK ? commit(run, rows_count(run->rows), err) : rc;
}

static int do_run(struct run *run, struct hy_error *err) {
    int rc = open_files(run, err);
    if (rc == HY_OK) rc = load_mapping(run, err);
    if (rc == HY_OK) rc = open_kafka(run, err);
    if (rc == HY_OK) rc = set_shift(run, err);
    if (rc != HY_OK) return rc;
    run->arena = hy_arena_new(ROW_ARENA);
    run->rows = rows_open(run->in, run->mapping.format);
    if (!run->arena || !run->rows) return hy_fail(err, HY_ENOMEM, "out of memory");
    rc = send_rows(run, err);
    show(run, true);
    if (rc == HY_OK && stop_asked) return hy_fail(err, HY_ECLOSED, "stopped; the same command goes on here");
    if (rc == HY_OK && run->figures.refused > 0) {
        return hy_fail(err, HY_EINVALID, "%lld rows were refused", (long long)run->figures.refused);
    }
    return rc;
}

static void close_run(struct run *run) {
    sender_close(run->sender);
    pace_close(run->pace);
    rows_close(run->rows);
    hy_arena_free(run->arena);
    mapping_free(&run->mapping);
    if (run->in && run->in != stdin) fclose(run->in);
    if (run->rejects && run->rejects != stderr) fclose(run->rejects);
}

// Turns the short options into --set key=value; the result and its new strings live until the process ends.
static char **expand(int *argc, char **argv) {
    char **out = calloc((size_t)*argc * 2 + 1, sizeof *out);
    int n = 0;
    for (int i = 0; out && i < *argc; i++) {
        size_t k = 0;
        while (k < sizeof SHORT / sizeof SHORT[0] && strcmp(argv[i], SHORT[k].option) != 0)
            k++;
        bool known = k < sizeof SHORT / sizeof SHORT[0] && i > 0 && (!SHORT[k].takes_value || i + 1 < *argc);
        if (!known) {
            out[n++] = argv[i];
            continue;
        }
        struct hy_buf text = {0};
        hy_buf_addf(&text, "%s=%s", SHORT[k].key, SHORT[k].takes_value ? argv[++i] : "yes");
        out[n++] = strdup("--set");
        out[n++] = text.data;
    }
    *argc = n;
    return out;
}

int replay_main(int argc, char **argv) {
    struct run run = {0};
    const struct hy_config_table table = {
        .program = "replay",
        .purpose =
            "Sends a file of messages (JSON Lines or CSV) to Kafka, paced, exactly once; started again, it goes on.",
        .rows = ROWS,
        .n_rows = sizeof ROWS / sizeof ROWS[0],
        .struct_size = sizeof run.settings,
        .arguments = "[--mapping FILE] [--speed N] [--rate N] [--shift-times start|end] [--historic] FILE",
    };
    argv = expand(&argc, argv);
    if (!argv) return 1;
    enum hy_config_outcome outcome = hy_config_main(&table, &run.settings, argc, argv);
    if (outcome != HY_CONFIG_RUN) return outcome == HY_CONFIG_EXIT ? 0 : 2;
    run.path = argv[1];
    if (!run.path || argv[2]) {
        fputs("replay: name one file, or - for standard input\n", stderr);
        return 2;
    }
    hy_config_start_log("replay", &run.settings.common);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    struct hy_error err = {0};
    int rc = do_run(&run, &err);
    if (rc != HY_OK) fprintf(stderr, "replay: %s\n", err.text);
    close_run(&run);
    hy_config_free(&table, &run.settings);
    return rc == HY_OK ? 0 : 1;
}
