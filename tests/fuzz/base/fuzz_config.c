// Any bytes as a configuration file: it is judged or refused, never believed by halves, and what was accepted reads
// back from its own dump.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/config.h"

struct target {
    struct hy_config_common common;
    int64_t port, pause, room;
    bool fold;
    char *token;
};

static const struct hy_config_row rows[] = {
    HY_CONFIG_COMMON(struct target, common),
    {.key = "port",
     .type = HY_CONFIG_INT,
     .offset = offsetof(struct target, port),
     .default_value = "1",
     .min = 1,
     .max = 65535,
     .description = "A port."},
    {.key = "pause",
     .type = HY_CONFIG_MS,
     .offset = offsetof(struct target, pause),
     .default_value = "1s",
     .description = "A pause."},
    {.key = "room",
     .type = HY_CONFIG_SIZE,
     .offset = offsetof(struct target, room),
     .default_value = "1KB",
     .description = "A room."},
    {.key = "fold",
     .type = HY_CONFIG_BOOL,
     .offset = offsetof(struct target, fold),
     .default_value = "no",
     .description = "A switch."},
};

static const struct hy_config_table table = {
    .program = "router",
    .purpose = "Is fuzzed.",
    .rows = rows,
    .n_rows = sizeof rows / sizeof *rows,
    .struct_size = sizeof(struct target),
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int load(struct target *target, struct hy_bytes yaml, struct hy_buf *problems) {
    int rc = hy_config_load(&table, target, "fuzz", yaml, NULL, NULL, 0, problems);
    assert((rc == HY_OK) == (problems->len == 0));
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    // A file of the fuzzer's choice is not to be opened.
    if (memmem(data, size, "_file", 5) != NULL) return 0;
    struct target target, again;
    struct hy_buf problems = {0}, dump = {0}, second = {0};
    if (load(&target, hy_bytes_from(data, size), &problems) == HY_OK) {
        hy_config_dump(&table, &target, &dump);
        char *hidden = strstr(dump.data, "redis.password: \"***\"");
        if (hidden != NULL) memcpy(hidden + 17, "abc", 3);
        assert(load(&again, hy_buf_view(&dump), &problems) == HY_OK);
        if (hidden != NULL) memcpy(hidden + 17, "***", 3);
        hy_config_dump(&table, &again, &second);
        assert(hy_bytes_equal(hy_buf_view(&dump), hy_buf_view(&second)));
        hy_config_free(&table, &again);
    }
    hy_config_free(&table, &target);
    hy_buf_free(&problems);
    hy_buf_free(&dump);
    hy_buf_free(&second);
    return 0;
}
