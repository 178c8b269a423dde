// The accounts of all platforms, read from one folder: "<platform>-<account>.yaml", rows as the adapter's table says;
// "web-default.yaml" for the web form. Secrets come from a file named by <key>_file, or from the environment as
// HY_<PLATFORM>_<ACCOUNT>_<KEY> (upper case, other characters than letters and digits as "_"). Gateway, poller and
// courier share this. A new key is a row of the adapter; nothing here.
#ifndef HY_ADAPTERS_ACCOUNTS_H
#define HY_ADAPTERS_ACCOUNTS_H

#include "adapters/adapter.h"

struct hy_adapter_account {
    const struct hy_adapter *adapter;
    char *name;
    void *config; // as the adapter's rows filled it
    void *opened; // what the adapter's open gave
};

struct hy_adapter_accounts {
    struct hy_adapter_account *list;
    size_t n;
};

// Reads every account of the folder ("" or NULL = no folder), and adds "default" of each adapter whose path names no
// account and that has no file. environment as NULL-terminated "NAME=value" list, or NULL. Every mistake is appended to
// *problems, one a line, with file and line; HY_ECONFIG then, and *out is empty. Free with _free.
HY_MUST_CHECK int hy_adapter_accounts_load(const char *folder, char *const *environment,
                                           struct hy_adapter_accounts *out, struct hy_buf *problems);
// One account from the text of its file (name for messages).
HY_MUST_CHECK int hy_adapter_account_open(const struct hy_adapter *adapter, const char *account, const char *name,
                                          struct hy_bytes yaml, char *const *environment,
                                          struct hy_adapter_account *out, struct hy_buf *problems);
void hy_adapter_account_close(struct hy_adapter_account *account);
// The account of an adapter by name; NULL when there is none.
const struct hy_adapter_account *hy_adapter_accounts_find(const struct hy_adapter_accounts *accounts,
                                                          const struct hy_adapter *adapter, const char *name);
void hy_adapter_accounts_free(struct hy_adapter_accounts *accounts);

#endif
