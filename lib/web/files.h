// Static files from one folder, for the pages: ETag from the content (XXH3), gzip copies made at build time ("x.js.gz"
// beside "x.js"), nothing outside the folder, no hidden files, no links. Files are read per request, so a new build is
// served at once. To serve another type, add its row to the table in files.c.
#ifndef HY_WEB_FILES_H
#define HY_WEB_FILES_H

#include "lib/web/server.h"

// Serves GET and HEAD of pattern, which ends in "*" ("/assets/*", "/*"), from folder; a path that ends in "/" serves
// its index.html. Add this route after more special ones. HY_EIO: the folder cannot be opened.
HY_MUST_CHECK int hy_web_files(struct hy_web_server *server, const char *pattern, const char *folder,
                               struct hy_error *err);

#endif
