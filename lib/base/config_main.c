// The face of configuration: the command line, --help, --dump-config and the check of a table.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/config_inner.h"

enum { MOST_FILE = 1 << 20, MOST_SETS = 256 };

struct command_line {
    const char *file;
    const char *sets[MOST_SETS];
    size_t n_sets;
    bool check, dump, version, help;
    int rest; // arguments that are no options, moved to argv[1]...
};

static int bad_use(const struct hy_config_table *table, const char *what, const char *argument) {
    fprintf(stderr, "%s: %s%s; see %s --help\n", table->program, what, argument, table->program);
    return HY_EINVALID;
}

static int flag_of(struct command_line *line, const char *argument) {
    if (strcmp(argument, "--check-config") == 0)
        line->check = true;
    else if (strcmp(argument, "--dump-config") == 0)
        line->dump = true;
    else if (strcmp(argument, "--version") == 0)
        line->version = true;
    else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0)
        line->help = true;
    else
        return HY_ENOTFOUND;
    return HY_OK;
}

// The value of "--name value" or "--name=value" at argv[*i]; *i moves on to the last argument used. NULL if argv[*i] is
// another option; "" stays possible.
static const char *value_of(const char *name, char **argv, int *i) {
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0) return NULL;
    if (argv[*i][len] == '=') return argv[*i] + len + 1;
    if (argv[*i][len] != '\0' || argv[*i + 1] == NULL) return NULL;
    return argv[++*i];
}

static int read_option(const struct hy_config_table *table, struct command_line *line, char **argv, int *i) {
    if (flag_of(line, argv[*i]) == HY_OK) return HY_OK;
    const char *value = value_of("--config", argv, i);
    if (value != NULL) {
        if (line->file != NULL) return bad_use(table, "--config stands twice", "");
        line->file = value;
        return HY_OK;
    }
    value = value_of("--set", argv, i);
    if (value == NULL) return bad_use(table, "unknown option or missing value: ", argv[*i]);
    if (line->n_sets == MOST_SETS) return bad_use(table, "too many --set", "");
    line->sets[line->n_sets++] = value;
    return HY_OK;
}

static int read_arguments(const struct hy_config_table *table, struct command_line *line, int argc, char **argv) {
    bool options = true;
    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
            int rc = read_option(table, line, argv, &i);
            if (rc != HY_OK) return rc;
        } else if (table->arguments == NULL) {
            return bad_use(table, "takes no argument: ", argv[i]);
        } else {
            argv[++line->rest] = argv[i];
        }
    }
    return HY_OK;
}

static void print_setting(const struct hy_config_row *row, struct hy_buf *out) {
    char name[HY_CONFIG_KEY_SIZE + 4];
    hy_config_environment_name(row->key, name);
    hy_buf_addf(out, "  %s  (%s; ", row->key, name);
    hy_config_value_kind(row, out);
    if (row->default_value == NULL)
        hy_buf_adds(out, "; must be given)\n");
    else
        hy_buf_addf(out, "; default %s)\n", *row->default_value == '\0' ? "empty" : row->default_value);
    hy_buf_addf(out, "      %s\n", row->description);
}

static void print_help(const struct hy_config_table *table, struct hy_buf *out) {
    hy_buf_addf(out, "usage: %s [options]%s%s\n%s\n\n", table->program, table->arguments == NULL ? "" : " ",
                table->arguments == NULL ? "" : table->arguments, table->purpose);
    hy_buf_addf(out,
                "options:\n"
                "  --config FILE      read settings from this YAML file (else from the one HY_CONFIG names)\n"
                "  --set KEY=VALUE    one setting, stronger than environment and file\n"
                "  --check-config     say whether the configuration is good, and exit\n"
                "  --dump-config      write all settings with their values, and exit\n"
                "  --version          write the version, and exit\n"
                "  --help             write this, and exit\n\n"
                "example: %s --config /etc/huiying.yaml --set log.level=debug\n\n"
                "settings, by --set, else environment, else file, else default; a secret also from the file that\n"
                "its key with _file names, never from --set:\n",
                table->program);
    for (size_t i = 0; i < table->n_rows; i++) {
        print_setting(&table->rows[i], out);
    }
}

static void dump_row(const struct hy_config_row *row, const void *target, bool missing, struct hy_buf *out) {
    char name[HY_CONFIG_KEY_SIZE + 4];
    hy_config_environment_name(row->key, name);
    hy_buf_addf(out, "\n# %s\n# ", row->description);
    hy_config_value_kind(row, out);
    hy_buf_addf(out, "; %s", name);
    if (row->type == HY_CONFIG_SECRET) hy_buf_addf(out, " or %s_FILE", name);
    if (row->default_value == NULL) hy_buf_adds(out, "; must be given");
    hy_buf_addf(out, "\n%s%s: ", missing ? "# " : "", row->key);
    if (!missing) hy_config_value_text(row, target, out);
    hy_buf_adds(out, "\n");
}

// Did a lenient load leave it open? See HY_CONFIG_OPEN.
static bool is_missing(const struct hy_config_row *row, const void *target) {
    const char *field = (const char *)target + row->offset;
    const char *text;
    int64_t number;
    int index;
    if (row->default_value != NULL) return false;
    switch (row->type) {
    case HY_CONFIG_STRING:
    case HY_CONFIG_SECRET:
        memcpy(&text, field, sizeof text);
        return text == NULL;
    case HY_CONFIG_ENUM:
        memcpy(&index, field, sizeof index);
        return index < 0;
    case HY_CONFIG_BOOL:
        return false;
    default:
        memcpy(&number, field, sizeof number);
        return number == HY_CONFIG_OPEN;
    }
}

void hy_config_dump(const struct hy_config_table *table, const void *target, struct hy_buf *out) {
    void *defaults = NULL;
    if (target == NULL) {
        target = defaults = calloc(1, table->struct_size);
        if (defaults == NULL ||
            hy_config_load_all(table, defaults, "defaults", hy_bytes_of(NULL), NULL, NULL, 0, true, out) != HY_OK) {
            out->failed = true;
            free(defaults);
            return;
        }
    }
    hy_buf_addf(out, "# %s: %s\n", table->program, table->purpose);
    for (size_t i = 0; i < table->n_rows; i++) {
        bool missing =
            is_missing(&table->rows[i], target) || (defaults != NULL && table->rows[i].default_value == NULL);
        dump_row(&table->rows[i], target, missing, out);
    }
    if (defaults != NULL) hy_config_free(table, defaults);
    free(defaults);
}

static enum hy_config_outcome answer(struct hy_buf *text) {
    bool written = text->len == 0 || fwrite(text->data, 1, text->len, stdout) == text->len;
    if (fflush(stdout) != 0) written = false;
    if (!written) fprintf(stderr, "cannot write to standard output\n");
    bool good = written && hy_buf_ok(text);
    hy_buf_free(text);
    return good ? HY_CONFIG_EXIT : HY_CONFIG_BAD;
}

static enum hy_config_outcome refuse(const struct hy_config_table *table, struct hy_buf *problems) {
    fprintf(stderr, "%s%s: configuration refused, nothing was started; --dump-config shows what may be set\n",
            problems->len == 0 ? "" : problems->data, table->program);
    hy_buf_free(problems);
    return HY_CONFIG_BAD;
}

static int load(const struct hy_config_table *table, void *target, const struct command_line *line,
                struct hy_buf *problems) {
    const char *name = line->file != NULL ? line->file : getenv("HY_CONFIG");
    struct hy_buf yaml = {0};
    struct hy_error err;
    if (name == NULL || *name == '\0') {
        name = "configuration";
    } else if (hy_read_file(name, MOST_FILE, &yaml, &err) != HY_OK) {
        hy_buf_addf(problems, "%s\n", err.text);
        hy_buf_free(&yaml);
        return HY_ECONFIG;
    }
    int rc = hy_config_load_all(table, target, name, hy_buf_view(&yaml), environ, line->sets, line->n_sets, line->dump,
                                problems);
    hy_buf_free(&yaml);
    if (rc == HY_OK && !line->dump && table->check != NULL) {
        rc = table->check(target, problems);
        if (rc != HY_OK) hy_config_free(table, target);
    }
    return rc;
}

static enum hy_config_outcome run(const struct hy_config_table *table, void *target, const struct command_line *line) {
    struct hy_buf out = {0};
    if (load(table, target, line, &out) != HY_OK) return refuse(table, &out);
    if (!line->check && !line->dump) {
        hy_buf_free(&out);
        return HY_CONFIG_RUN;
    }
    if (line->dump)
        hy_config_dump(table, target, &out);
    else
        hy_buf_addf(&out, "%s: the configuration is good\n", table->program);
    hy_config_free(table, target);
    return answer(&out);
}

enum hy_config_outcome hy_config_main(const struct hy_config_table *table, void *target, int argc, char **argv) {
    memset(target, 0, table->struct_size);
    struct command_line line = {0};
    if (read_arguments(table, &line, argc, argv) != HY_OK) return HY_CONFIG_BAD;
    struct hy_buf out = {0};
    if (line.help) {
        print_help(table, &out);
        return answer(&out);
    }
    if (line.version) {
        hy_buf_addf(&out, "huiying %s %s\n", table->program, HY_VERSION);
        return answer(&out);
    }
    if (argc > 0) argv[line.rest + 1] = NULL;
    return run(table, target, &line);
}
