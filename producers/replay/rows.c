#include "producers/replay/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <csv.h>

#include "lib/base/bytes.h"

enum { CHUNK = 65536 };

struct rows {
    FILE *in;
    enum replay_format format;
    int64_t count, bytes, line;
    char *text; // JSON Lines: the line
    size_t cap;
    struct csv_parser csv;
    bool csv_ready, csv_done;
    json_t *names;   // CSV: heading
    json_t *current; // CSV: cells so far
    json_t *ready;   // CSV: rows parsed and not yet handed out
    bool bad_utf8;   // CSV: a cell of the current row
};

struct rows *rows_open(FILE *in, enum replay_format format) {
    struct rows *rows = calloc(1, sizeof *rows);
    if (!rows) return NULL;
    rows->in = in;
    rows->format = format;
    rows->current = json_array();
    rows->ready = json_array();
    rows->csv_ready = csv_init(&rows->csv, CSV_APPEND_NULL | CSV_STRICT | CSV_STRICT_FINI) == 0;
    if (rows->current && rows->ready && rows->csv_ready) return rows;
    rows_close(rows);
    return NULL;
}

void rows_close(struct rows *rows) {
    if (!rows) return;
    if (rows->csv_ready) csv_free(&rows->csv);
    json_decref(rows->names);
    json_decref(rows->current);
    json_decref(rows->ready);
    free(rows->text);
    free(rows);
}

static int read_failed(const struct rows *rows, struct hy_error *err) {
    return hy_fail(err, HY_EIO, "line %lld: cannot read on: %s", (long long)rows->line, strerror(errno));
}

static bool is_blank(const char *text) {
    return text[strspn(text, " \t\r\n")] == '\0';
}

// By the code alone: jansson's own text quotes what stands near, which may be personal.
static const char *json_fault(const json_error_t *why) {
    switch (json_error_code(why)) {
    case json_error_invalid_utf8:
        return "not UTF-8";
    case json_error_duplicate_key:
        return "a name stands twice";
    case json_error_premature_end_of_input:
        return "ends in the middle";
    case json_error_numeric_overflow:
        return "a number is too large";
    default:
        return "not JSON";
    }
}

static int bad_json(const struct rows *rows, const json_error_t *why, struct hy_error *err) {
    return hy_fail(err, HY_EFORMAT, "line %lld, column %d: %s", (long long)rows->line, why->column, json_fault(why));
}

static int next_json(struct rows *rows, json_t **out, struct hy_error *err) {
    for (;;) {
        errno = 0;
        ssize_t len = getline(&rows->text, &rows->cap, rows->in);
        if (len < 0) return ferror(rows->in) ? read_failed(rows, err) : HY_ENOTFOUND;
        rows->line++;
        rows->bytes += len;
        if (is_blank(rows->text) && strlen(rows->text) == (size_t)len) continue;
        rows->count++;
        if (len > ROWS_LINE_MAX) {
            return hy_fail(err, HY_ETOOBIG, "line %lld: longer than %d bytes", (long long)rows->line, ROWS_LINE_MAX);
        }
        json_error_t why;
        *out = json_loadb(rows->text, (size_t)len, JSON_REJECT_DUPLICATES, &why);
        if (json_is_object(*out)) return HY_OK;
        if (!*out) return bad_json(rows, &why, err);
        json_decref(*out);
        *out = NULL;
        return hy_fail(err, HY_EFORMAT, "line %lld: not an object", (long long)rows->line);
    }
}

static void on_cell(void *data, size_t len, void *opaque) {
    struct rows *rows = opaque;
    json_t *cell = json_stringn(data ? data : "", data ? len : 0);
    if (!cell) rows->bad_utf8 = true;
    json_array_append_new(rows->current, cell ? cell : json_null());
}

// A heading line becomes the names; each later line an object, or a null that stands for a bad row.
static void on_row(int end, void *opaque) {
    (void)end;
    struct rows *rows = opaque;
    json_t *cells = rows->current;
    rows->current = json_array();
    if (!rows->names) {
        rows->names = cells;
        return;
    }
    size_t n = json_array_size(cells);
    json_t *row = n == json_array_size(rows->names) && !rows->bad_utf8 ? json_object() : NULL;
    for (size_t i = 0; row && i < n; i++) {
        const char *name = json_string_value(json_array_get(rows->names, i));
        json_object_set(row, name ? name : "", json_array_get(cells, i));
    }
    json_array_append_new(rows->ready, row ? row : json_null());
    rows->bad_utf8 = false;
    json_decref(cells);
}

static int fill_csv(struct rows *rows, struct hy_error *err) {
    char chunk[CHUNK];
    size_t n = fread(chunk, 1, sizeof chunk, rows->in);
    if (n == 0 && ferror(rows->in)) return read_failed(rows, err);
    if (rows->bytes == 0 && n >= 3 && memcmp(chunk, "\xEF\xBB\xBF", 3) == 0) memmove(chunk, chunk + 3, n -= 3);
    rows->bytes += (int64_t)n;
    bool bad = n > 0 && csv_parse(&rows->csv, chunk, n, on_cell, on_row, rows) != n;
    if (n == 0) {
        rows->csv_done = true;
        bad = csv_fini(&rows->csv, on_cell, on_row, rows) != 0;
    }
    if (!bad) return HY_OK;
    rows->csv_done = true; // quotes that do not match: where rows begin is no longer known
    return hy_fail(err, HY_EFORMAT, "after row %lld: %s",
                   (long long)(rows->count + (int64_t)json_array_size(rows->ready)),
                   csv_strerror(csv_error(&rows->csv)));
}

static int next_csv(struct rows *rows, json_t **out, struct hy_error *err) {
    while (json_array_size(rows->ready) == 0) {
        if (rows->csv_done) return HY_ENOTFOUND;
        int rc = fill_csv(rows, err);
        if (rc != HY_OK) return rc;
    }
    rows->count++;
    rows->line = rows->count;
    json_t *row = json_incref(json_array_get(rows->ready, 0));
    json_array_remove(rows->ready, 0);
    if (json_is_object(row)) {
        *out = row;
        return HY_OK;
    }
    json_decref(row);
    return hy_fail(err, HY_EFORMAT, "row %lld: not as many cells as the heading, or a cell that is not UTF-8",
                   (long long)rows->count);
}

int rows_next(struct rows *rows, json_t **out, struct hy_error *err) {
    *out = NULL;
    return rows->format == REPLAY_CSV ? next_csv(rows, out, err) : next_json(rows, out, err);
}

int64_t rows_count(const struct rows *rows) {
    return rows->count;
}

int64_t rows_bytes(const struct rows *rows) {
    return rows->bytes;
}
