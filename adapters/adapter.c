#include "adapters/adapter.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *find(const struct hy_web_pair *pairs, size_t n, const char *name, bool any_case, bool *twice) {
    const char *value = NULL;
    for (size_t i = 0; i < n; i++) {
        if ((any_case ? strcasecmp(pairs[i].name, name) : strcmp(pairs[i].name, name)) != 0) continue;
        if (value && twice) *twice = true;
        if (!value) value = pairs[i].value;
    }
    return value;
}

const char *hy_adapter_query(const struct hy_adapter_request *request, const char *name, bool *twice) {
    return find(request->query, request->n_query, name, false, twice);
}

const char *hy_adapter_header(const struct hy_adapter_request *request, const char *name, bool *twice) {
    return find(request->headers, request->n_headers, name, true, twice);
}

int hy_adapter_refuse(struct hy_adapter_result *result, unsigned status, const char *reason, const char *fmt, ...) {
    result->verdict = HY_ADAPTER_REFUSED;
    result->status = status;
    result->reason = reason;
    result->n_events = 0;
    va_list args;
    va_start(args, fmt);
    vsnprintf(result->detail, sizeof result->detail, fmt, args);
    va_end(args);
    return HY_EINVALID;
}

int hy_adapter_answer(struct hy_adapter_result *result, unsigned status, const char *type, struct hy_bytes answer,
                      const char *counted_as) {
    result->verdict = HY_ADAPTER_ANSWER;
    result->status = status;
    result->reason = counted_as;
    result->answer_type = type;
    result->answer = answer;
    return HY_OK;
}
