#include "adapters/accounts.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 64 << 10 };

// "HY_WEIXIN_GH_ABC_" for platform weixin, account gh_abc.
static void environment_prefix(const char *platform, const char *account, struct hy_buf *out) {
    hy_buf_addf(out, "HY_%s_%s_", platform, account);
    for (char *at = out->data; hy_buf_ok(out) && at && *at; at++)
        *at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
}

static void free_list(char **list) {
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

// The variables of one account, as the config table wants them: HY_WEIXIN_GH_ABC_TOKEN=x → HY_TOKEN=x. NULL when
// memory is out.
static char **account_environment(char *const *environment, const char *prefix) {
    size_t n = 0, len = strlen(prefix);
    while (environment && environment[n])
        n++;
    char **list = calloc(n + 1, sizeof *list);
    for (size_t i = 0, k = 0; list && i < n; i++) {
        if (strncmp(environment[i], prefix, len) != 0) continue;
        struct hy_buf text = {0};
        hy_buf_adds(&text, "HY_");
        hy_buf_adds(&text, environment[i] + len);
        list[k++] = text.data;
    }
    return list;
}

int hy_adapter_account_open(const struct hy_adapter *adapter, const char *account, const char *name,
                            struct hy_bytes yaml, char *const *environment, struct hy_adapter_account *out,
                            struct hy_buf *problems) {
    struct hy_config_table table = {.program = adapter->name,
                                    .purpose = adapter->description,
                                    .rows = adapter->rows,
                                    .n_rows = adapter->n_rows,
                                    .struct_size = adapter->config_size};
    struct hy_error err = {0};
    struct hy_buf prefix = {0};
    memset(out, 0, sizeof *out);
    environment_prefix(adapter->name, account, &prefix);
    char **own = account_environment(environment, prefix.data ? prefix.data : "");
    hy_buf_free(&prefix);
    out->adapter = adapter;
    out->name = strdup(account);
    out->config = calloc(1, adapter->config_size);
    int rc = own && out->name && out->config ? HY_OK : HY_ENOMEM;
    if (rc == HY_OK) rc = hy_config_load(&table, out->config, name, yaml, own, NULL, 0, problems);
    if (rc == HY_OK) {
        rc = adapter->open(out->config, account, &out->opened, &err);
        if (rc < 0) hy_buf_addf(problems, "%s: %s\n", name, err.text);
    }
    free_list(own);
    if (rc < 0) hy_adapter_account_close(out);
    return rc;
}

void hy_adapter_account_close(struct hy_adapter_account *account) {
    if (!account->adapter) return;
    struct hy_config_table table = {.program = account->adapter->name,
                                    .rows = account->adapter->rows,
                                    .n_rows = account->adapter->n_rows,
                                    .struct_size = account->adapter->config_size};
    if (account->opened) account->adapter->close(account->opened);
    if (account->config) hy_config_free(&table, account->config);
    free(account->config);
    free(account->name);
    memset(account, 0, sizeof *account);
}

static int add(struct hy_adapter_accounts *out, const struct hy_adapter *adapter, const char *account, const char *name,
               struct hy_bytes yaml, char *const *environment, struct hy_buf *problems) {
    struct hy_adapter_account *grown = realloc(out->list, (out->n + 1) * sizeof *grown);
    if (!grown) return HY_ENOMEM;
    out->list = grown;
    int rc = hy_adapter_account_open(adapter, account, name, yaml, environment, &grown[out->n], problems);
    if (rc == HY_OK) out->n++;
    return rc;
}

// "weixin-gh_abc.yaml" → adapter and "gh_abc".
static const struct hy_adapter *split_name(const char *file, char *account, size_t size) {
    const char *dash = strchr(file, '-');
    const char *dot = strrchr(file, '.');
    char platform[32];
    if (!dash || !dot || dot <= dash + 1 || (size_t)(dash - file) >= sizeof platform) return NULL;
    if ((size_t)(dot - dash) > size) return NULL;
    snprintf(platform, sizeof platform, "%.*s", (int)(dash - file), file);
    snprintf(account, size, "%.*s", (int)(dot - dash - 1), dash + 1);
    return hy_adapter_find(platform);
}

static int add_file(const char *folder, const char *file, char *const *environment, struct hy_adapter_accounts *out,
                    struct hy_buf *problems) {
    char account[128];
    struct hy_error err = {0};
    const struct hy_adapter *adapter = split_name(file, account, sizeof account);
    struct hy_buf path = {0}, text = {0};
    hy_buf_addf(&path, "%s/%s", folder, file);
    int rc = HY_ECONFIG;
    if (!hy_buf_ok(&path))
        rc = HY_ENOMEM;
    else if (!adapter)
        hy_buf_addf(problems, "%s: name it <platform>-<account>.yaml, of a platform that exists\n", path.data);
    else if (hy_read_file(path.data, FILE_MAX, &text, &err) < 0)
        hy_buf_addf(problems, "%s\n", err.text);
    else
        rc = add(out, adapter, account, path.data, hy_buf_view(&text), environment, problems);
    hy_buf_free(&text);
    hy_buf_free(&path);
    return rc;
}

static int is_yaml(const struct dirent *entry) {
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int add_folder(const char *folder, char *const *environment, struct hy_adapter_accounts *out,
                      struct hy_buf *problems) {
    struct dirent **files = NULL;
    int n = scandir(folder, &files, is_yaml, alphasort);
    if (n < 0) {
        hy_buf_addf(problems, "%s: %s; make the folder or leave the key empty\n", folder, strerror(errno));
        return HY_ECONFIG;
    }
    int worst = HY_OK;
    for (int i = 0; i < n; i++) {
        int rc = add_file(folder, files[i]->d_name, environment, out, problems);
        if (rc < 0) worst = rc;
        free(files[i]);
    }
    free(files);
    return worst;
}

static int add_defaults(char *const *environment, struct hy_adapter_accounts *out, struct hy_buf *problems) {
    size_t n = 0;
    int worst = HY_OK;
    const struct hy_adapter *const *adapters = hy_adapters(&n);
    for (size_t i = 0; i < n; i++) {
        if (!adapters[i]->path || strchr(adapters[i]->path, '{')) continue;
        if (hy_adapter_accounts_find(out, adapters[i], "default")) continue;
        int rc = add(out, adapters[i], "default", adapters[i]->name, (struct hy_bytes){0}, environment, problems);
        if (rc < 0) worst = rc;
    }
    return worst;
}

int hy_adapter_accounts_load(const char *folder, char *const *environment, struct hy_adapter_accounts *out,
                             struct hy_buf *problems) {
    memset(out, 0, sizeof *out);
    int rc = folder && *folder ? add_folder(folder, environment, out, problems) : HY_OK;
    if (rc == HY_OK) rc = add_defaults(environment, out, problems);
    if (rc < 0) hy_adapter_accounts_free(out);
    return rc;
}

const struct hy_adapter_account *hy_adapter_accounts_find(const struct hy_adapter_accounts *accounts,
                                                          const struct hy_adapter *adapter, const char *name) {
    for (size_t i = 0; i < accounts->n; i++)
        if (accounts->list[i].adapter == adapter && strcmp(accounts->list[i].name, name) == 0)
            return &accounts->list[i];
    return NULL;
}

void hy_adapter_accounts_free(struct hy_adapter_accounts *accounts) {
    for (size_t i = 0; i < accounts->n; i++)
        hy_adapter_account_close(&accounts->list[i]);
    free(accounts->list);
    memset(accounts, 0, sizeof *accounts);
}
