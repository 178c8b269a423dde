// Any text as a request target: refused, or taken apart into valid UTF-8.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/web/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text) {
    if (!hy_utf8_valid(hy_bytes_of(text))) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    struct hy_web_target target;
    memcpy(text, data, size);
    text[size] = '\0';
    if (hy_web_target_parse(text, &target, NULL) == HY_OK) {
        for (size_t i = 0; i < target.n_segments; i++)
            check(target.segments[i]);
        for (size_t i = 0; i < target.n_query; i++) {
            check(target.query[i].name);
            check(target.query[i].value);
        }
        hy_web_pattern_match("/v1/{a}/*", &target);
        hy_web_pattern_param("/v1/{a}/{b}", &target, "b");
        hy_web_target_free(&target);
    }
    free(text);
    return 0;
}
