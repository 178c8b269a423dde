// The replay program: reads rows, makes events, paces and sends them, shows how far it is. See docs/replay.md.
// To add an option: a row in replay.c's table, and its short form in SHORT if people type it often.
// The work is in the parts: mapping, rows, row_event, pace, sender, progress; this is only their order.
#ifndef HY_REPLAY_REPLAY_H
#define HY_REPLAY_REPLAY_H

// main of the program: 0 all rows sent; 1 failed, stopped, or rows were refused (they stand in --rejects or on stderr);
// 2 wrong use.
int replay_main(int argc, char **argv);

#endif
