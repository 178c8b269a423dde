// The page on which a citizen looks up a receipt number: plain words in Chinese or English, whole without scripts, fit
// for a telephone. Pure: the JSON of query_receipt in, HTML out. To change its words, the table in status_page.c; its
// looks, page/public/status.css.
#ifndef HY_DASHBOARD_STATUS_PAGE_H
#define HY_DASHBOARD_STATUS_PAGE_H

#include <jansson.h>

#include "lib/base/bytes.h"

enum status_language { STATUS_ZH, STATUS_EN };

// "zh" or "en" as asked for (may be NULL), else the first of Accept-Language (may be NULL) that we speak, else Chinese.
enum status_language status_language(const char *asked, const char *accept);
// number: as typed, "" = nothing was asked yet. receipt: NULL with a number = not known. Appends the page to *out.
void status_page(enum status_language language, const char *number, const json_t *receipt, struct hy_buf *out);

#endif
