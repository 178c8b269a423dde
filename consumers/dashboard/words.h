// The contract's enums as the words that REST and the page use: lower case, without the prefix ("VERDICT_APPLIED" →
// "applied"). Static strings; "" for what is not known.
// A new value needs its word in words.c and page/words.js; a new enum needs one function here.
#ifndef HY_DASHBOARD_WORDS_H
#define HY_DASHBOARD_WORDS_H

#include "huiying/v1/case.pb-c.h"
#include "huiying/v1/journal.pb-c.h"
#include "huiying/v1/work.pb-c.h"

const char *word_verdict(Huiying__V1__Verdict verdict);
const char *word_fate(Huiying__V1__Fate fate); // "" for none
const char *word_work(Huiying__V1__WorkKind kind);
const char *word_clock(Huiying__V1__ClockState state);
const char *word_delivery(Huiying__V1__DeliveryState state);

#endif
