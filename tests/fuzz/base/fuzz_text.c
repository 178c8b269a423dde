// Any bytes through what writes text: JSON strings, labels and log lines stay well-formed UTF-8 of one line.
#include <assert.h>
#include <string.h>

#include "lib/base/log_line.h"
#include "lib/base/metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const struct hy_buf *line) {
    assert(hy_utf8_valid(hy_buf_view(line)));
    assert(strchr(line->data, '\n') == line->data + line->len - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hy_buf text = {0}, out = {0};
    hy_buf_add(&text, data, size);
    struct hy_log_line line = {
        .level = "info", .program = "p", .class_name = "c", .message = text.data, .fields = text.data};
    hy_log_line_json(&line, &out);
    check_line(&out);
    hy_buf_clear(&out);
    hy_log_line_text(&line, &out);
    check_line(&out);
    char label[40];
    hy_metric_label(label, sizeof label, "key", text.data);
    assert(hy_utf8_valid(hy_bytes_of(label)) && strchr(label, '\n') == NULL);
    size_t cut = hy_utf8_prefix(hy_bytes_from(data, size), size / 2);
    assert(cut <= size / 2 && (size / 2 - cut) <= 3);
    if (hy_utf8_valid(hy_bytes_from(data, size))) assert(hy_utf8_valid(hy_bytes_from(data, cut)));
    hy_buf_free(&text);
    hy_buf_free(&out);
    return 0;
}
