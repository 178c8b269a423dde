// hy_config_check_table: is a program's table sound? Run by each program's unit test, never at run time.
#include <stdlib.h>
#include <string.h>

#include "lib/base/config_inner.h"

struct check {
    const struct hy_config_table *table;
    struct hy_buf *problems;
    int faults;
};

static void fault(struct check *check, const struct hy_config_row *row, const char *what) {
    hy_buf_addf(check->problems, "%s: %s: %s\n", check->table->program, row->key, what);
    check->faults++;
}

static void check_key(struct check *check, const struct hy_config_row *row) {
    size_t len = strlen(row->key);
    if (len == 0 || len + sizeof "_file" > HY_CONFIG_KEY_SIZE) fault(check, row, "key is empty or too long");
    if (strspn(row->key, "abcdefghijklmnopqrstuvwxyz0123456789._") != len) fault(check, row, "key has odd characters");
    if (strcmp(row->key, "config") == 0) fault(check, row, "HY_CONFIG names the file");
    if (hy_config_is_foreign(check->table, row->key)) fault(check, row, "key begins with another program's name");
}

static void check_unique(struct check *check, const struct hy_config_row *row) {
    char name[HY_CONFIG_KEY_SIZE + 4], other[HY_CONFIG_KEY_SIZE + 4];
    hy_config_environment_name(row->key, name);
    for (const struct hy_config_row *r = check->table->rows; r < row; r++) {
        hy_config_environment_name(r->key, other);
        if (strcmp(name, other) == 0) fault(check, row, "key or its environment name stands twice");
        if (r->offset == row->offset) fault(check, row, "shares its field with another row");
    }
}

static size_t field_size(enum hy_config_type type) {
    switch (type) {
    case HY_CONFIG_STRING:
    case HY_CONFIG_SECRET:
        return sizeof(char *);
    case HY_CONFIG_BOOL:
        return sizeof(bool);
    case HY_CONFIG_ENUM:
        return sizeof(int);
    default:
        return sizeof(int64_t);
    }
}

static void check_value(struct check *check, const struct hy_config_row *row) {
    if (row->type == HY_CONFIG_ENUM && (row->choices == NULL || *row->choices == '\0')) {
        fault(check, row, "has no choices");
        return;
    }
    if (row->min > row->max) fault(check, row, "min is above max");
    if (row->type == HY_CONFIG_BOOL && row->default_value == NULL) fault(check, row, "a switch needs a default");
    if (row->default_value == NULL) return;
    struct hy_buf why = {0};
    struct hy_config_value value;
    if (hy_config_value_parse(row, row->default_value, &value, &why) != HY_OK) {
        hy_buf_adds(&why, " (the default)");
        fault(check, row, why.data);
    }
    if (row->type == HY_CONFIG_SECRET && *row->default_value != '\0') fault(check, row, "a secret in the source");
    free(value.text);
    hy_buf_free(&why);
}

int hy_config_check_table(const struct hy_config_table *table, struct hy_buf *problems) {
    struct check check = {.table = table, .problems = problems};
    for (size_t i = 0; i < table->n_rows; i++) {
        const struct hy_config_row *row = &table->rows[i];
        check_key(&check, row);
        check_unique(&check, row);
        size_t len = row->description == NULL ? 0 : strlen(row->description);
        if (len < 10 || row->description[len - 1] != '.') fault(&check, row, "description is not a sentence");
        if (row->offset + field_size(row->type) > table->struct_size) fault(&check, row, "field is outside the struct");
        check_value(&check, row);
    }
    return check.faults == 0 ? HY_OK : HY_ECONFIG;
}
