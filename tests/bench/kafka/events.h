// Messages of a made-up city, thousands of different ones: message n is the same in every run and on every machine.
// Texts are our own (handlers/texts.c), varied in place, house, date and matter.
// Another kind of message is a struct draft in events.c.
#ifndef BENCH_EVENTS_H
#define BENCH_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/bytes.h"

// Every message's text carries its number behind this mark, so that a probe finds it in whatever was made of it.
#define EVENTS_MARK "受理号B"

struct events {
    const char *town;     // jurisdiction of the pack
    bool mixed;           // letters, conversations, chatter and repeats; else letters alone, each of its own dossier
    bool again;           // a second message of the writer of letter n, so that it joins that case
    unsigned departments; // > 0: letter n names the n-th of so many departments of the bench's own pack
    int64_t now_ms;       // messages were written within ten minutes before
    struct hy_arena *arena;
    struct hy_buf title, text;
};

struct events_record {
    struct hy_bytes key, value; // borrowed until the next call
};

// Opens with `now` as the present. Aborts when memory is out.
void events_open(struct events *events, const char *town);
void events_make(struct events *events, unsigned n, struct events_record *out);
void events_close(struct events *events);
// The number behind the mark in some record; -1 when there is none.
int64_t events_number(const void *value, size_t len);

#endif
