// Values of configuration by type: reading, writing, and saying what is allowed.
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/base/config_inner.h"

struct unit {
    const char *name;
    int64_t factor;
};

// Smallest first; the writer takes the largest that divides.
static const struct unit times[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit sizes[] = {{"B", 1}, {"KB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}, {NULL, 0}};

static const struct unit *units_of(const struct hy_config_row *row) {
    if (row->type == HY_CONFIG_MS) return times;
    return row->type == HY_CONFIG_SIZE ? sizes : NULL;
}

static void add_with_unit(struct hy_buf *out, const struct unit *units, int64_t number) {
    if (units == NULL) {
        hy_buf_addf(out, "%lld", (long long)number);
        return;
    }
    const struct unit *best = units;
    for (const struct unit *u = units; number != 0 && u->name != NULL; u++) {
        if (number % u->factor == 0) best = u;
    }
    hy_buf_addf(out, "%lld%s", (long long)(number / best->factor), best->name);
}

static void add_range(struct hy_buf *out, const struct hy_config_row *row) {
    if (row->min == 0 && row->max == 0) return;
    hy_buf_adds(out, " from ");
    add_with_unit(out, units_of(row), row->min);
    hy_buf_adds(out, " to ");
    add_with_unit(out, units_of(row), row->max);
}

static void add_choices(struct hy_buf *out, const char *choices) {
    for (const char *p = choices; *p != '\0'; p++) {
        if (*p == '|')
            hy_buf_adds(out, ", ");
        else
            hy_buf_add(out, p, 1);
    }
}

void hy_config_value_kind(const struct hy_config_row *row, struct hy_buf *out) {
    switch (row->type) {
    case HY_CONFIG_STRING:
        hy_buf_adds(out, "text");
        break;
    case HY_CONFIG_INT:
        hy_buf_adds(out, "whole number");
        break;
    case HY_CONFIG_BOOL:
        hy_buf_adds(out, "true or false");
        break;
    case HY_CONFIG_ENUM:
        hy_buf_adds(out, "one of ");
        add_choices(out, row->choices);
        break;
    case HY_CONFIG_MS:
        hy_buf_adds(out, "time such as 250ms, 5s, 2m, 1h, 1d,");
        break;
    case HY_CONFIG_SIZE:
        hy_buf_adds(out, "size such as 64KB, 4MB, 1GB,");
        break;
    case HY_CONFIG_SECRET:
        hy_buf_adds(out, "secret");
        break;
    }
    add_range(out, row);
    if (hy_buf_ok(out) && out->len > 0 && out->data[out->len - 1] == ',') out->data[--out->len] = '\0';
}

// The text in quotes, cut if long: what was written stands in every refusal, so that it is found.
static int refuse(struct hy_buf *why, const struct hy_config_row *row, const char *text) {
    size_t len = hy_utf8_prefix(hy_bytes_of(text), 60);
    hy_buf_adds(why, "\"");
    hy_buf_add_json(why, text, len);
    bool article = row->type != HY_CONFIG_ENUM && row->type != HY_CONFIG_BOOL;
    hy_buf_addf(why, "%s\" is not %s", text[len] == '\0' ? "" : "…", article ? "a " : "");
    hy_config_value_kind(row, why);
    return HY_ECONFIG;
}

// Decimal digits at *text, which is moved past them; false if there are none or too many for 64 bits. A leading zero
// is refused: YAML reads 010 as eight, people as ten.
static bool read_digits(const char **text, int64_t *out) {
    const char *p = *text;
    int64_t value = 0;
    if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9')) return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *p - '0', &value)) return false;
    }
    *text = p;
    *out = value;
    return true;
}

static bool read_unit(const struct unit *units, const char *text, int64_t *number) {
    for (const struct unit *u = units; u->name != NULL; u++) {
        if (strcmp(u->name, text) == 0) return !__builtin_mul_overflow(*number, u->factor, number);
    }
    return false;
}

static bool read_number(const struct hy_config_row *row, const char *text, int64_t *out) {
    bool minus = row->type == HY_CONFIG_INT && *text == '-';
    if (minus) text++;
    if (!read_digits(&text, out)) return false;
    if (minus) *out = -*out;
    if (*text == '\0') return row->type != HY_CONFIG_MS || *out == 0; // 30 of what? Only a zero needs no unit.
    const struct unit *units = units_of(row);
    return units != NULL && read_unit(units, text, out);
}

static int parse_number(const struct hy_config_row *row, const char *text, struct hy_config_value *out,
                        struct hy_buf *why) {
    if (!read_number(row, text, &out->number)) return refuse(why, row, text);
    bool bounded = row->min != 0 || row->max != 0;
    if (bounded && (out->number < row->min || out->number > row->max)) return refuse(why, row, text);
    return HY_OK;
}

static int parse_bool(const struct hy_config_row *row, const char *text, struct hy_config_value *out,
                      struct hy_buf *why) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (int i = 0; i < 6; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            out->number = i % 2;
            return HY_OK;
        }
    }
    return refuse(why, row, text);
}

static int parse_enum(const struct hy_config_row *row, const char *text, struct hy_config_value *out,
                      struct hy_buf *why) {
    size_t len = strlen(text);
    int64_t index = 0;
    for (const char *p = row->choices;; index++) {
        size_t n = strcspn(p, "|");
        if (n == len && len > 0 && memcmp(p, text, n) == 0) {
            out->number = index;
            return HY_OK;
        }
        if (p[n] == '\0') return refuse(why, row, text);
        p += n + 1;
    }
}

static int parse_text(const struct hy_config_row *row, const char *text, struct hy_config_value *out,
                      struct hy_buf *why) {
    if (!hy_utf8_valid(hy_bytes_of(text))) {
        hy_buf_adds(why, "is not UTF-8");
        return HY_ECONFIG;
    }
    if (row->type == HY_CONFIG_SECRET && strcmp(text, "***") == 0) {
        hy_buf_adds(why, "\"***\" is what --dump-config shows in place of a secret; give the secret itself");
        return HY_ECONFIG;
    }
    out->text = strdup(text);
    if (out->text != NULL) return HY_OK;
    hy_buf_adds(why, "out of memory");
    return HY_ECONFIG;
}

int hy_config_value_parse(const struct hy_config_row *row, const char *text, struct hy_config_value *out,
                          struct hy_buf *why) {
    *out = (struct hy_config_value){0};
    switch (row->type) {
    case HY_CONFIG_BOOL:
        return parse_bool(row, text, out, why);
    case HY_CONFIG_ENUM:
        return parse_enum(row, text, out, why);
    case HY_CONFIG_STRING:
    case HY_CONFIG_SECRET:
        return parse_text(row, text, out, why);
    default:
        return parse_number(row, text, out, why);
    }
}

void hy_config_value_store(const struct hy_config_row *row, void *target, struct hy_config_value value) {
    char *field = (char *)target + row->offset;
    bool yes = value.number != 0;
    int index = (int)value.number;
    switch (row->type) {
    case HY_CONFIG_STRING:
    case HY_CONFIG_SECRET:
        memcpy(field, &value.text, sizeof value.text);
        break;
    case HY_CONFIG_BOOL:
        memcpy(field, &yes, sizeof yes);
        break;
    case HY_CONFIG_ENUM:
        memcpy(field, &index, sizeof index);
        break;
    default:
        memcpy(field, &value.number, sizeof value.number);
        break;
    }
}

static void add_text(struct hy_buf *out, const struct hy_config_row *row, const char *field) {
    const char *text;
    memcpy(&text, field, sizeof text);
    if (text == NULL) text = "";
    if (row->type == HY_CONFIG_SECRET && *text != '\0') text = "***";
    hy_buf_adds(out, "\"");
    hy_buf_add_json(out, text, strlen(text));
    hy_buf_adds(out, "\"");
}

static void add_enum(struct hy_buf *out, const struct hy_config_row *row, const char *field) {
    int index;
    memcpy(&index, field, sizeof index);
    const char *p = row->choices;
    for (; index > 0 && *p != '\0'; index--) {
        p += strcspn(p, "|");
        if (*p == '|') p++;
    }
    hy_buf_add(out, p, strcspn(p, "|"));
}

void hy_config_value_text(const struct hy_config_row *row, const void *target, struct hy_buf *out) {
    const char *field = (const char *)target + row->offset;
    bool yes;
    int64_t number;
    switch (row->type) {
    case HY_CONFIG_STRING:
    case HY_CONFIG_SECRET:
        add_text(out, row, field);
        break;
    case HY_CONFIG_ENUM:
        add_enum(out, row, field);
        break;
    case HY_CONFIG_BOOL:
        memcpy(&yes, field, sizeof yes);
        hy_buf_adds(out, yes ? "true" : "false");
        break;
    default:
        memcpy(&number, field, sizeof number);
        add_with_unit(out, units_of(row), number);
        break;
    }
}
