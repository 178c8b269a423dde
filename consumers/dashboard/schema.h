// The dashboard's view: tables of a SQLite file that view_rows.c fills and the query_*.c files read. A fold of Kafka:
// deleted, it comes back.
// To show something new, append a migration in schema.c, fill it in view_rows.c, and read it in a query.
#ifndef HY_DASHBOARD_SCHEMA_H
#define HY_DASHBOARD_SCHEMA_H

#include "lib/fold/sqlite.h"

// Opens the view to write (made when missing, made anew when damaged) or to read. Close with hy_sqlite_close.
HY_MUST_CHECK int schema_open_writer(const char *path, struct hy_sqlite **out, struct hy_error *err);
HY_MUST_CHECK int schema_open_reader(const char *path, struct hy_sqlite **out, struct hy_error *err);

#endif
