// Any text as a year's file: it is added, or refused with a reason and nothing changed.
#include <assert.h>

#include "lib/core/calendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hy_calendar *calendar = hy_calendar_new();
    struct hy_error err = {0};
    int rc = hy_calendar_add_year(calendar, "a.json", hy_bytes_from(data, size), &err);
    if (rc != HY_OK) {
        assert(err.code == rc && err.text[0] != '\0');
        assert(hy_calendar_last_year(calendar) == 0);
    } else if (hy_calendar_last_year(calendar) != 0) {
        assert(hy_calendar_add_year(calendar, "a.json", hy_bytes_from(data, size), &err) == HY_OK);
    }
    hy_calendar_free(calendar);
    return 0;
}
