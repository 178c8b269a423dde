// What citizens send: a month of a district, by day and night as people write, with bursts, repeats, edits, things
// taken back, thanks and chatter. Texts are made of word lists of our own. More kinds of traffic: a row in SENDERS of
// city.c.
#ifndef HY_SIM_CITY_H
#define HY_SIM_CITY_H

#include "tests/sim/sim.h"

// Sends about `messages` between now and now + days.
void city_start(int64_t days, int64_t messages);
void city_end(void);

#endif
