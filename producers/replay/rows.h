// A file of messages, row by row: JSON Lines (one object a line) or CSV (RFC 4180, first line names the columns). Reads
// from a stream, so that a file of any size takes little memory. A row that cannot be read is told with its line and
// reason and does not end the reading. To read another format, add its functions to the table in rows.c.
#ifndef HY_REPLAY_ROWS_H
#define HY_REPLAY_ROWS_H

#include <stdio.h>

#include <jansson.h>

#include "lib/base/error.h"
#include "producers/replay/mapping.h"

struct rows; // opaque; one thread

enum { ROWS_LINE_MAX = 4 * 1024 * 1024 }; // bytes of one row

// in is borrowed until rows_close. NULL: out of memory.
struct rows *rows_open(FILE *in, enum replay_format format);
void rows_close(struct rows *rows);

// The next row as an object of texts, numbers and nulls; the caller decrefs it. HY_ENOTFOUND at the end of the file;
// HY_EFORMAT or HY_ETOOBIG for a bad row (err says line and reason; the next call goes on behind it); HY_EIO.
HY_MUST_CHECK int rows_next(struct rows *rows, json_t **out, struct hy_error *err);
// Number of rows read so far, bad ones too, and bytes taken from the stream.
int64_t rows_count(const struct rows *rows);
int64_t rows_bytes(const struct rows *rows);

#endif
