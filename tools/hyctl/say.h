// How commands answer: JSON on stdout for machines, tables for people (Chinese letters are two columns wide), a bar on
// stderr for what takes longer than a second, on a terminal only. A new way of showing: a function here, so that all
// commands look alike.
#ifndef HY_TOOLS_HYCTL_SAY_H
#define HY_TOOLS_HYCTL_SAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

// Writes a value and a line end; takes it (NULL = memory is out). An exit code.
int hyctl_say_json(json_t *value);

// Columns that a UTF-8 text takes on a terminal.
int hyctl_width(const char *text);

// Writes text that a stranger may have written: line ends and tabs stay (multiline), what could steer a terminal
// becomes "?".
void hyctl_say_text(FILE *out, const char *text, bool multiline);

// A table: rows of n cells, the first row its heading; every column as wide as its widest cell. Zero-initialise with
// the number of columns; cells are copied, control characters in them become
// "?". hyctl_table_print frees it.
enum { HYCTL_COLUMNS = 12 };
struct hyctl_table {
    int columns;
    char **cells;
    size_t n, cap;
};
void hyctl_table_cell(struct hyctl_table *table, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void hyctl_table_print(struct hyctl_table *table, FILE *out);

// A bar, drawn by a thread of its own from a second after its start, on stderr when that is a terminal. total 0: how
// much there is to do is not known, only the time is shown. set may be called from any thread.
struct hyctl_progress;
struct hyctl_progress *hyctl_progress_start(const char *what, uint64_t total);
void hyctl_progress_set(struct hyctl_progress *progress, uint64_t done);
void hyctl_progress_total(struct hyctl_progress *progress, uint64_t total);
// Wipes the bar. NULL is nothing.
void hyctl_progress_end(struct hyctl_progress *progress);
// The bar's text for so many seconds: for tests. out holds HYCTL_BAR bytes.
enum { HYCTL_BAR = 256 };
char *hyctl_bar(char out[HYCTL_BAR], const char *what, uint64_t done, uint64_t total, int seconds);

#endif
