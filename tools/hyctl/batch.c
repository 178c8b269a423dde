#include "tools/hyctl/batch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/hyctl/say.h"

enum { MAX_LINE = 16 << 20 };

int hyctl_text(const json_t *row, const char *key, const char **out, struct hy_error *err) {
    const json_t *value = json_object_get(row, key);
    *out = NULL;
    if (value == NULL || json_is_null(value)) return 0;
    if (!json_is_string(value)) return hy_fail(err, HY_EINVALID, "\"%s\" must be a text", key);
    *out = json_string_value(value);
    return 0;
}

int hyctl_need(const json_t *row, const char *key, const char **out, struct hy_error *err) {
    int rc = hyctl_text(row, key, out, err);
    if (rc == 0 && *out == NULL) rc = hy_fail(err, HY_EINVALID, "\"%s\" is missing", key);
    return rc;
}

void hyctl_add_text(struct hy_buf *out, const char *key, const char *text) {
    hy_buf_addf(out, "\"%s\":\"", key);
    hy_buf_add_json(out, text, strlen(text));
    hy_buf_adds(out, "\"");
}

void hyctl_add_id(struct hy_buf *out, const json_t *row) {
    const json_t *id = json_object_get(row, "id");
    if (json_is_string(id))
        hyctl_add_text(out, "id", json_string_value(id));
    else if (json_is_integer(id))
        hy_buf_addf(out, "\"id\":%lld", (long long)json_integer_value(id));
    else
        hy_buf_adds(out, "\"id\":null");
    hy_buf_adds(out, ",");
}

static void add_error(struct hy_buf *out, const json_t *row, const struct hy_error *err) {
    hy_buf_adds(out, "{");
    hyctl_add_id(out, row);
    hyctl_add_text(out, "error", err->text);
    hy_buf_adds(out, "}\n");
}

// One line; false when it is no JSON object.
static bool one_line(const char *line, size_t len, size_t number, hyctl_line answer, void *ctx, struct hy_buf *out) {
    json_error_t problem;
    json_t *row = json_loadb(line, len, JSON_REJECT_DUPLICATES, &problem);
    if (!json_is_object(row)) {
        hyctl_error("line %zu: %s", number, row == NULL ? problem.text : "not a JSON object");
        json_decref(row);
        return false;
    }
    struct hy_error err = {.text = "failed"};
    size_t before = out->len;
    if (answer(ctx, row, out, &err) < 0) {
        out->len = before;
        add_error(out, row, &err);
    }
    json_decref(row);
    return true;
}

static bool blank(const char *line, size_t len) {
    return strspn(line, " \t\r\n") >= len;
}

// How much there is to read, when that is known: of a file, not of a pipe.
static uint64_t size_of(FILE *in) {
    struct stat about;
    return fstat(fileno(in), &about) == 0 && S_ISREG(about.st_mode) ? (uint64_t)about.st_size : 0;
}

int hyctl_batch(FILE *in, FILE *out, hyctl_line answer, void *ctx) {
    char *line = NULL;
    size_t cap = 0, number = 0;
    struct hy_buf answers = {0};
    bool fine = true;
    uint64_t read = 0;
    struct hyctl_progress *progress = isatty(fileno(out)) ? NULL : hyctl_progress_start("answering", size_of(in));
    for (ssize_t len = getline(&line, &cap, in); len >= 0; len = getline(&line, &cap, in)) {
        number++;
        hyctl_progress_set(progress, read += (uint64_t)len);
        if (len > MAX_LINE) {
            hyctl_error("line %zu: longer than %d bytes", number, MAX_LINE);
            fine = false;
            continue;
        }
        if (blank(line, (size_t)len)) continue;
        hy_buf_clear(&answers);
        fine &= one_line(line, (size_t)len, number, answer, ctx, &answers);
        bool written = answers.len == 0 || fwrite(answers.data, 1, answers.len, out) == answers.len;
        if (!hy_buf_ok(&answers) || !written) {
            hyctl_error("line %zu: its answer could not be written", number);
            fine = false;
            break;
        }
    }
    hyctl_progress_end(progress);
    if (ferror(in) || fflush(out) != 0) {
        hyctl_error("reading or writing failed");
        fine = false;
    }
    free(line);
    hy_buf_free(&answers);
    return fine ? HYCTL_OK : HYCTL_FAILED;
}
