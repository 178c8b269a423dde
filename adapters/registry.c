// Every platform, one line each.
#include <string.h>

#include "adapters/adapter.h"

#define HY_ADAPTER_LIST(X)                                                                                             \
    X(web)                                                                                                             \
    X(weixin)

#define X(name) extern const struct hy_adapter hy_adapter_##name;
HY_ADAPTER_LIST(X)
#undef X

static const struct hy_adapter *const adapters[] = {
#define X(name) &hy_adapter_##name,
    HY_ADAPTER_LIST(X)
#undef X
};

const struct hy_adapter *const *hy_adapters(size_t *n) {
    *n = sizeof adapters / sizeof adapters[0];
    return adapters;
}

const struct hy_adapter *hy_adapter_find(const char *name) {
    for (size_t i = 0; i < sizeof adapters / sizeof adapters[0]; i++)
        if (strcmp(adapters[i]->name, name) == 0) return adapters[i];
    return NULL;
}
