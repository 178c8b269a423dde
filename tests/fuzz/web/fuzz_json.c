// Any bytes as JSON: refused with a reason, or a value that prints as JSON which reads back.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/web/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *reason = NULL;
    json_t *root = hy_web_json_parse(hy_bytes_from(data, size), &reason, NULL);
    if (!root) {
        if (!reason) abort();
        return 0;
    }
    char *text = json_dumps(root, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text) abort();
    json_t *again = hy_web_json_parse(hy_bytes_of(text), &reason, NULL);
    // Printing a real number may round it, so only being readable again is asked.
    if (!again) abort();
    json_decref(again);
    json_decref(root);
    free(text);
    return 0;
}
