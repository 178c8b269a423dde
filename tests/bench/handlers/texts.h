// Messages of our own making for benches: a citizen's sentences drawn from word lists, so that thousands of different
// texts have the shape of real ones (a place, what is wrong, since when, what is asked). The same number gives the same
// text. To cover another matter, add a row to the lists of texts.c.
#ifndef TESTS_BENCH_HANDLERS_TEXTS_H
#define TESTS_BENCH_HANDLERS_TEXTS_H

#include "lib/base/bytes.h"

// Replaces *title (about 30 bytes) and *text (about 300 bytes) by message number n of the town (a place's name).
void texts_make(unsigned n, const char *town, struct hy_buf *title, struct hy_buf *text);

#endif
