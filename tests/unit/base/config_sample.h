// A program's configuration as the tests use it: every type of value once, some with ranges, one that must be given.
// To test a new type, add a field and a row here; the program is named router, so that sections can be tried against
// the other programs' names.
#ifndef HY_TESTS_UNIT_BASE_CONFIG_SAMPLE_H
#define HY_TESTS_UNIT_BASE_CONFIG_SAMPLE_H

#include "lib/base/config.h"
#include "tests/unit/base/unit.h"

struct sample {
    struct hy_config_common common;
    char *title;
    int64_t port, depth, pause, room;
    bool fold;
    int mode;
    char *token;
};

static const struct hy_config_row sample_rows[] = {
    HY_CONFIG_COMMON(struct sample, common),
    {.key = "title",
     .type = HY_CONFIG_STRING,
     .offset = offsetof(struct sample, title),
     .description = "What to write on the door."},
    {.key = "web.port",
     .type = HY_CONFIG_INT,
     .offset = offsetof(struct sample, port),
     .default_value = "8080",
     .min = 1,
     .max = 65535,
     .description = "Port of the door."},
    {.key = "web.depth",
     .type = HY_CONFIG_INT,
     .offset = offsetof(struct sample, depth),
     .default_value = "-3",
     .description = "Depth below the ground."},
    {.key = "web.pause",
     .type = HY_CONFIG_MS,
     .offset = offsetof(struct sample, pause),
     .default_value = "1500ms",
     .min = 1,
     .max = 86400000,
     .description = "Pause between two visits."},
    {.key = "web.room",
     .type = HY_CONFIG_SIZE,
     .offset = offsetof(struct sample, room),
     .default_value = "4MB",
     .min = 1024,
     .max = INT64_C(1) << 40,
     .description = "Room for visitors."},
    {.key = "fold",
     .type = HY_CONFIG_BOOL,
     .offset = offsetof(struct sample, fold),
     .default_value = "no",
     .description = "Whether chairs are folded."},
    {.key = "mode",
     .type = HY_CONFIG_ENUM,
     .offset = offsetof(struct sample, mode),
     .default_value = "day",
     .choices = "day|night|holiday",
     .description = "Which opening hours hold."},
    {.key = "token",
     .type = HY_CONFIG_SECRET,
     .offset = offsetof(struct sample, token),
     .default_value = "",
     .description = "Token of the door."},
};

static const struct hy_config_table sample_table = {
    .program = "router",
    .purpose = "Keeps a door.",
    .rows = sample_rows,
    .n_rows = sizeof sample_rows / sizeof *sample_rows,
    .struct_size = sizeof(struct sample),
};

// Loads; the mistakes (or "") are for free().
static inline char *sample_load(struct sample *out, const char *yaml, char *const *environment, const char *const *sets,
                                size_t n_sets) {
    struct hy_buf problems = {0};
    int rc =
        hy_config_load(&sample_table, out, "huiying.yaml", hy_bytes_of(yaml), environment, sets, n_sets, &problems);
    assert_int_equal(rc, problems.len == 0 ? HY_OK : HY_ECONFIG);
    return problems.data == NULL ? strdup("") : problems.data;
}

// The file must be refused, with exactly these lines.
static inline void sample_refused(const char *yaml, const char *expected) {
    struct sample sample;
    static const char *const title[] = {"title=t"};
    char *problems = sample_load(&sample, yaml, NULL, title, 1);
    assert_string_equal(problems, expected);
    assert_null(sample.title); // nothing half-read is left
    free(problems);
}

#endif
