#include "lib/base/log_line.h"

#include <string.h>

struct field {
    struct hy_bytes key, value;
};

static bool key_char(char c, bool first) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') return true;
    return !first && ((c >= '0' && c <= '9') || c == '.' || c == '-');
}

// Length of the key if "key=" stands at text, else 0.
static size_t key_at(const char *text) {
    size_t n = 0;
    while (key_char(text[n], n == 0)) {
        n++;
    }
    return text[n] == '=' ? n : 0;
}

// End of an unquoted value: the end of the text, or the blanks before the next "key=".
static const char *value_end(const char *text) {
    for (const char *p = text; *p != '\0'; p++) {
        if (*p != ' ') continue;
        const char *next = p + strspn(p, " ");
        if (*next == '\0' || key_at(next) > 0) return p;
        p = next - 1;
    }
    return text + strlen(text);
}

// Takes the next field off *text; false at the end. Words before the first key get the key "note".
static bool next_field(const char **text, struct field *out) {
    const char *p = *text + strspn(*text, " ");
    if (*p == '\0') return false;
    size_t n = key_at(p);
    out->key = n > 0 ? hy_bytes_from(p, n) : hy_bytes_of("note");
    if (n > 0) p += n + 1;
    const char *closing = *p == '"' ? strchr(p + 1, '"') : NULL;
    if (closing != NULL && (closing[1] == ' ' || closing[1] == '\0')) {
        out->value = hy_bytes_from(p + 1, (size_t)(closing - p - 1));
        *text = closing + 1;
        return true;
    }
    const char *end = value_end(p);
    out->value = hy_bytes_from(p, (size_t)(end - p));
    *text = end;
    return true;
}

static size_t digits(const uint8_t *p, size_t n) {
    size_t i = 0;
    while (i < n && p[i] >= '0' && p[i] <= '9') {
        i++;
    }
    return i;
}

// A number as JSON writes it, without exponent. More than 15 digits would lose some in a reader's double: offsets are
// shorter, and an id made of digits stays text.
static bool is_number(struct hy_bytes v) {
    size_t i = v.len > 0 && v.data[0] == '-' ? 1 : 0;
    size_t whole = digits(v.data + i, v.len - i);
    if (whole == 0 || whole > 15 || (whole > 1 && v.data[i] == '0')) return false;
    i += whole;
    if (i == v.len) return true;
    if (v.data[i] != '.') return false;
    size_t fraction = digits(v.data + i + 1, v.len - i - 1);
    return fraction > 0 && whole + fraction <= 15 && i + 1 + fraction == v.len;
}

static void add_string(struct hy_buf *out, struct hy_bytes text) {
    hy_buf_add(out, "\"", 1);
    hy_buf_add_json(out, (const char *)text.data, text.len);
    hy_buf_add(out, "\"", 1);
}

static void add_member(struct hy_buf *out, const char *key, const char *value) {
    hy_buf_addf(out, ",\"%s\":", key);
    add_string(out, hy_bytes_of(value));
}

static bool is_reserved(struct hy_bytes key) {
    static const char *const ours[] = {"time", "level", "program", "class", "msg", "held_back"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (hy_bytes_equal(key, hy_bytes_of(ours[i]))) return true;
    }
    return false;
}

static void add_field_json(struct hy_buf *out, const struct field *field) {
    hy_buf_adds(out, is_reserved(field->key) ? ",\"field_" : ",\"");
    hy_buf_add_json(out, (const char *)field->key.data, field->key.len);
    hy_buf_adds(out, "\":");
    if (is_number(field->value))
        hy_buf_add(out, field->value.data, field->value.len);
    else
        add_string(out, field->value);
}

void hy_log_line_json(const struct hy_log_line *line, struct hy_buf *out) {
    char time[HY_TIME_TEXT];
    hy_buf_addf(out, "{\"time\":\"%s\"", hy_time_format(line->time, time));
    add_member(out, "level", line->level);
    add_member(out, "program", line->program);
    add_member(out, "class", line->class_name);
    add_member(out, "msg", line->message);
    const char *rest = line->fields;
    struct field field;
    while (rest != NULL && next_field(&rest, &field)) {
        add_field_json(out, &field);
    }
    if (line->held > 0) hy_buf_addf(out, ",\"held_back\":%llu", (unsigned long long)line->held);
    hy_buf_adds(out, "}\n");
}

// For people: quotes and backslashes stay as they are, but nothing may start a new line or drive the terminal.
static void add_plain(struct hy_buf *out, const char *text) {
    struct hy_buf escaped = {0};
    hy_buf_add_json(&escaped, text, text == NULL ? 0 : strlen(text));
    for (size_t i = 0; i < escaped.len; i++) {
        char c = escaped.data[i];
        if (c == '\\' && (escaped.data[i + 1] == '"' || escaped.data[i + 1] == '\\')) c = escaped.data[++i];
        hy_buf_add(out, &c, 1);
    }
    hy_buf_free(&escaped);
}

void hy_log_line_text(const struct hy_log_line *line, struct hy_buf *out) {
    char time[HY_TIME_TEXT];
    hy_buf_addf(out, "%s %-5s %s %s: ", hy_time_format(line->time, time), line->level, line->program, line->class_name);
    add_plain(out, line->message);
    if (line->fields != NULL && *line->fields != '\0') {
        hy_buf_adds(out, " ");
        add_plain(out, line->fields);
    }
    if (line->held > 0) hy_buf_addf(out, " held_back=%llu", (unsigned long long)line->held);
    hy_buf_adds(out, "\n");
}
