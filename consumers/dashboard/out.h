// Members of a JSON object, in the forms that REST promises: texts, whole numbers, truths, times as RFC 3339 in +08:00
// (null for none), hashes in hex. A text that is no UTF-8 becomes "", so that one bad value cannot take an answer down.
// A new form of value needs one function here.
#ifndef HY_DASHBOARD_OUT_H
#define HY_DASHBOARD_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "lib/base/bytes.h"

void out_text(json_t *object, const char *key, const char *text); // NULL gives ""
void out_int(json_t *object, const char *key, int64_t value);
void out_bool(json_t *object, const char *key, bool value);
void out_time(json_t *object, const char *key, int64_t unix_ms); // 0 and INT64_MAX give null
void out_hex(json_t *object, const char *key, struct hy_bytes bytes);
// value is taken; NULL (out of memory) leaves the key out.
void out_put(json_t *object, const char *key, json_t *value);
void out_add(json_t *array, json_t *value);

#endif
