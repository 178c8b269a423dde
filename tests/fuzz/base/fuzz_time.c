// Any text as a time: what is accepted reads back from how we write it.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = strndup((const char *)data, size);
    struct hy_time t, again;
    struct hy_error err = {0};
    if (hy_time_parse(text, &t, &err) == HY_OK) {
        char written[HY_TIME_TEXT];
        hy_time_format(t, written);
        // The year is judged as written, so a leap second at the end of 9999 is the one text that leads out of range.
        if (strlen(written) < 30 && strncmp(written, "10000", 5) != 0) {
            assert(hy_time_parse(written, &again, NULL) == HY_OK);
            assert(again.unix_ms == t.unix_ms && again.offset_minutes == t.offset_minutes);
        }
    } else {
        assert(err.code == HY_EFORMAT && err.text[0] != '\0');
    }
    free(text);
    return 0;
}
