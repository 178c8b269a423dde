#include "lib/base/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/config_inner.h"

enum { MOST_SECRET = 64 * 1024 };

// The programs that may share one file. A first key among these is a section.
static const char *const programs[] = {"gateway",  "poller",    "replay",  "router",    "casework", "sla",
                                       "sentinel", "inspector", "courier", "dashboard", "hyctl"};

bool hy_config_is_program(const char *name, size_t len) {
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        if (strlen(programs[i]) == len && memcmp(programs[i], name, len) == 0) return true;
    }
    return false;
}

bool hy_config_is_foreign(const struct hy_config_table *table, const char *key) {
    size_t len = strcspn(key, ".");
    bool ours = strlen(table->program) == len && memcmp(table->program, key, len) == 0;
    return !ours && hy_config_is_program(key, len);
}

void hy_config_environment_name(const char *key, char out[HY_CONFIG_KEY_SIZE + 4]) {
    size_t n = (size_t)snprintf(out, HY_CONFIG_KEY_SIZE + 4, "HY_%s", key);
    for (size_t i = 0; i < n && i < HY_CONFIG_KEY_SIZE + 3; i++) {
        if (out[i] == '.') out[i] = '_';
        if (out[i] >= 'a' && out[i] <= 'z') out[i] = (char)(out[i] - 'a' + 'A');
    }
}

static void add_place(struct hy_config_loading *loading, enum hy_config_source source, int line, const char *key) {
    struct hy_buf *out = loading->problems;
    char name[HY_CONFIG_KEY_SIZE + 4];
    if (source == HY_FROM_ENVIRONMENT) {
        hy_config_environment_name(key, name);
        hy_buf_addf(out, "environment: %s: ", name);
        return;
    }
    if (source == HY_FROM_SET)
        hy_buf_adds(out, "--set: ");
    else if (line > 0)
        hy_buf_addf(out, "%s:%d: ", loading->name, line);
    else
        hy_buf_addf(out, "%s: ", loading->name);
    hy_buf_add_json(out, key, strlen(key));
    if (*key != '\0') hy_buf_adds(out, ": ");
}

void hy_config_problem(struct hy_config_loading *loading, enum hy_config_source source, int line, const char *key,
                       const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add_place(loading, source, line, key);
    hy_buf_adds(loading->problems, text);
    hy_buf_adds(loading->problems, "\n");
    loading->n_problems++;
}

static const struct hy_config_row *row_named(const struct hy_config_table *table, const char *key, size_t len) {
    for (size_t i = 0; i < table->n_rows; i++) {
        const struct hy_config_row *row = &table->rows[i];
        if (strlen(row->key) == len && memcmp(row->key, key, len) == 0) return row;
    }
    return NULL;
}

// The row of a key, or of "key_file" where key is a secret.
static const struct hy_config_row *row_of(const struct hy_config_table *table, const char *key, bool *is_path) {
    static const char suffix[] = "_file";
    size_t len = strlen(key), n = sizeof suffix - 1;
    *is_path = false;
    const struct hy_config_row *row = row_named(table, key, len);
    if (row != NULL || len <= n || strcmp(key + len - n, suffix) != 0) return row;
    row = row_named(table, key, len - n);
    if (row == NULL || row->type != HY_CONFIG_SECRET) return NULL;
    *is_path = true;
    return row;
}

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

// Letters to insert, drop or replace to make b of a (Levenshtein), both shorter than HY_CONFIG_KEY_SIZE.
static size_t distance(const char *a, const char *b) {
    size_t cost[HY_CONFIG_KEY_SIZE + 1];
    size_t n = strlen(b);
    for (size_t j = 0; j <= n; j++) {
        cost[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = cost[0];
        cost[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t replaced = diagonal + (a[i] != b[j]);
            diagonal = cost[j + 1];
            cost[j + 1] = smaller(replaced, smaller(diagonal, cost[j]) + 1);
        }
    }
    return cost[n];
}

static const char *nearest_key(const struct hy_config_table *table, const char *key) {
    size_t best = strlen(key) / 3 + 2; // farther ones would puzzle more than help
    const char *nearest = NULL;
    for (size_t i = 0; i < table->n_rows; i++) {
        size_t d = distance(key, table->rows[i].key);
        if (d < best) {
            best = d;
            nearest = table->rows[i].key;
        }
    }
    return nearest;
}

static void unknown(struct hy_config_loading *loading, enum hy_config_source source, int line, const char *key) {
    const char *near = strlen(key) < HY_CONFIG_KEY_SIZE ? nearest_key(loading->table, key) : NULL;
    if (near != NULL)
        hy_config_problem(loading, source, line, key, "unknown key; did you mean %s?", near);
    else
        hy_config_problem(loading, source, line, key, "unknown key; --dump-config lists all of them");
}

static void keep(struct hy_config_loading *loading, const struct hy_config_row *row, enum hy_config_source source,
                 struct hy_config_given given, const char *text) {
    struct hy_config_given *slot = &loading->given[(size_t)(row - loading->table->rows) * HY_FROM_COUNT + source];
    if (slot->text != NULL) {
        if (slot->line > 0)
            hy_config_problem(loading, source, given.line, row->key, "given again; first on line %d", slot->line);
        else
            hy_config_problem(loading, source, 0, row->key, "given twice");
        return;
    }
    given.text = strdup(text);
    *slot = given;
    if (given.text == NULL) hy_config_problem(loading, source, given.line, row->key, "out of memory");
}

void hy_config_give(struct hy_config_loading *loading, enum hy_config_source source, int line, const char *key,
                    const char *text) {
    bool is_path;
    const struct hy_config_row *row = row_of(loading->table, key, &is_path);
    size_t own = strlen(loading->table->program);
    if (row == NULL && strncmp(key, loading->table->program, own) == 0 && key[own] == '.') {
        key += own + 1;
        row = row_of(loading->table, key, &is_path);
        if (source == HY_FROM_FILE) source = HY_FROM_SECTION;
    }
    if (row == NULL) {
        unknown(loading, source, line, key);
        return;
    }
    if (source == HY_FROM_SET && row->type == HY_CONFIG_SECRET && !is_path) {
        hy_config_problem(loading, source, 0, key,
                          "a secret does not belong on the command line; use the environment or %s_file", row->key);
        return;
    }
    keep(loading, row, source, (struct hy_config_given){.line = line, .is_path = is_path}, text);
}

static const char *environment_value(char *const *environment, const char *name) {
    size_t len = strlen(name);
    for (char *const *entry = environment; entry != NULL && *entry != NULL; entry++) {
        if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=') return *entry + len + 1;
    }
    return NULL;
}

static void read_environment(struct hy_config_loading *loading, char *const *environment) {
    for (size_t i = 0; i < loading->table->n_rows; i++) {
        const struct hy_config_row *row = &loading->table->rows[i];
        char key[HY_CONFIG_KEY_SIZE], name[HY_CONFIG_KEY_SIZE + 4];
        for (int file = 0; file < (row->type == HY_CONFIG_SECRET ? 2 : 1); file++) {
            snprintf(key, sizeof key, "%s%s", row->key, file ? "_file" : "");
            hy_config_environment_name(key, name);
            const char *value = environment_value(environment, name);
            if (value != NULL && *value != '\0') hy_config_give(loading, HY_FROM_ENVIRONMENT, 0, key, value);
        }
    }
}

static void read_sets(struct hy_config_loading *loading, const char *const *sets, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const char *equals = strchr(sets[i], '=');
        char key[HY_CONFIG_KEY_SIZE];
        size_t len = equals == NULL ? 0 : (size_t)(equals - sets[i]);
        if (len == 0 || len >= sizeof key) {
            hy_config_problem(loading, HY_FROM_SET, 0, "", "expected key=value, got \"%.40s\"", sets[i]);
            continue;
        }
        memcpy(key, sets[i], len);
        key[len] = '\0';
        hy_config_give(loading, HY_FROM_SET, 0, key, equals + 1);
    }
}

// The content of the file that a _file key names, without its last newline; owned by the caller.
static char *read_secret(const char *path, struct hy_buf *why) {
    struct hy_buf content = {0};
    struct hy_error err;
    if (hy_read_file(path, MOST_SECRET, &content, &err) != HY_OK) {
        hy_buf_adds(why, err.text);
        hy_buf_free(&content);
        return NULL;
    }
    if (content.len > 0 && content.data[content.len - 1] == '\n') content.len--;
    if (content.len > 0 && content.data[content.len - 1] == '\r') content.len--;
    char *text = NULL;
    if (content.len == 0)
        hy_buf_addf(why, "%s is empty", path);
    else if (memchr(content.data, '\0', content.len) != NULL)
        hy_buf_addf(why, "%s holds a NUL character", path);
    else if ((text = strndup(content.data, content.len)) == NULL)
        hy_buf_adds(why, "out of memory");
    explicit_bzero(content.data, content.cap);
    hy_buf_free(&content);
    return text;
}

static void drop(char *text) {
    if (text != NULL) explicit_bzero(text, strlen(text));
    free(text);
}

static int judge_given(const struct hy_config_row *row, const struct hy_config_given *given,
                       struct hy_config_value *out, struct hy_buf *why) {
    if (!given->is_path) return hy_config_value_parse(row, given->text, out, why);
    *out = (struct hy_config_value){0};
    char *secret = read_secret(given->text, why);
    if (secret == NULL) return HY_ECONFIG;
    int rc = hy_config_value_parse(row, secret, out, why);
    drop(secret);
    return rc;
}

// Judges what every source says, not only the strongest: a mistake that is hidden today shows on a bad day.
static void settle_row(struct hy_config_loading *loading, const struct hy_config_row *row, void *target, bool lenient) {
    const struct hy_config_given *given = &loading->given[(size_t)(row - loading->table->rows) * HY_FROM_COUNT];
    struct hy_config_value value = {0}, next;
    bool found = false;
    struct hy_buf why = {0};
    for (int source = 0; source < HY_FROM_COUNT; source++) {
        if (given[source].text == NULL) continue;
        hy_buf_clear(&why);
        if (judge_given(row, &given[source], &next, &why) != HY_OK)
            hy_config_problem(loading, (enum hy_config_source)source, given[source].line, row->key, "%s", why.data);
        drop(value.text);
        value = next;
        found = true;
    }
    if (!found && row->default_value != NULL) {
        hy_buf_clear(&why);
        if (hy_config_value_parse(row, row->default_value, &value, &why) != HY_OK)
            hy_config_problem(loading, HY_FROM_FILE, 0, row->key, "the default: %s", why.data);
    } else if (!found && !lenient) {
        char name[HY_CONFIG_KEY_SIZE + 4];
        hy_config_environment_name(row->key, name);
        hy_config_problem(loading, HY_FROM_FILE, 0, row->key, "must be given: in the file, as %s%s", name,
                          row->type == HY_CONFIG_SECRET ? ", or its file by the same name with _file" : " or by --set");
    }
    hy_buf_free(&why);
    if (!found && row->default_value == NULL) value.number = row->type == HY_CONFIG_ENUM ? -1 : HY_CONFIG_OPEN;
    hy_config_value_store(row, target, value);
}

int hy_config_load_all(const struct hy_config_table *table, void *target, const char *name, struct hy_bytes yaml,
                       char *const *environment, const char *const *sets, size_t n_sets, bool lenient,
                       struct hy_buf *problems) {
    memset(target, 0, table->struct_size);
    struct hy_config_loading loading = {.table = table, .name = name, .problems = problems};
    loading.given = calloc(table->n_rows * HY_FROM_COUNT + 1, sizeof *loading.given);
    if (loading.given == NULL) return HY_ENOMEM;
    hy_config_read_yaml(&loading, yaml);
    read_environment(&loading, environment);
    read_sets(&loading, sets, n_sets);
    for (size_t i = 0; i < table->n_rows; i++) {
        settle_row(&loading, &table->rows[i], target, lenient);
    }
    for (size_t i = 0; i < table->n_rows * HY_FROM_COUNT; i++) {
        drop(loading.given[i].text);
    }
    free(loading.given);
    if (loading.n_problems == 0) return HY_OK;
    hy_config_free(table, target);
    return HY_ECONFIG;
}

int hy_config_load(const struct hy_config_table *table, void *target, const char *name, struct hy_bytes yaml,
                   char *const *environment, const char *const *sets, size_t n_sets, struct hy_buf *problems) {
    return hy_config_load_all(table, target, name, yaml, environment, sets, n_sets, false, problems);
}

void hy_config_free(const struct hy_config_table *table, void *target) {
    for (size_t i = 0; i < table->n_rows; i++) {
        const struct hy_config_row *row = &table->rows[i];
        if (row->type != HY_CONFIG_STRING && row->type != HY_CONFIG_SECRET) continue;
        char *text;
        memcpy(&text, (char *)target + row->offset, sizeof text);
        drop(text);
    }
    memset(target, 0, table->struct_size);
}

void hy_config_start_log(const char *program, const struct hy_config_common *common) {
    hy_log_init(&(struct hy_log_options){
        .program = program,
        .level = (enum hy_log_level)common->log_level,
        .json = common->log_format == 0,
    });
}
