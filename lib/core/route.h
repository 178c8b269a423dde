// Which department must answer a message, in which area, how urgent it is and whether it asks for anything, each with
// its reasons: the account that was addressed, departments and places named in the text, then the phrases of the
// dispatch list. Below the list's confidence the triage queue, never nobody. Pure; no allocation once the scratch has
// grown. To add a step, see design section 8: a role of words in dispatch_internal.h and its part in route.c.
#ifndef HY_CORE_ROUTE_H
#define HY_CORE_ROUTE_H

#include <stdbool.h>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/core/dispatch.h"

enum { HY_ROUTE_REASONS = 16, HY_SUBJECTS = 4, HY_SUBJECT_TEXT = 64, HY_SUBJECT_KEY = 224 };

#define HY_TRIAGE "triage" // where a message goes that nobody is surely meant by; the pack's kind names who minds it

// Working memory of one thread for one list.
struct hy_route_scratch;
struct hy_route_scratch *hy_route_scratch_new(const struct hy_dispatch *dispatch); // NULL: out of memory
void hy_route_scratch_free(struct hy_route_scratch *scratch);

// A message as it came; UTF-8 that was checked, borrowed. account may be NULL.
struct hy_route_input {
    const char *account;
    struct hy_bytes title, text;
};

// Why: one step. The texts belong to the list or are static.
struct hy_route_reason {
    const char *step; // account, department, place, list, triage, request, urgency
    const char *what; // the word, place or row
    double weight;
};

// All texts belong to the list or are static: valid as long as the list.
struct hy_route {
    const char *department; // code, or HY_TRIAGE; never NULL
    const char *area;       // the most exact place named, "" when none
    const char *category;   // topic of the strongest row of the department, "" when none
    const char *urgency;    // normal, urgent, danger
    const char *kind;   // consultation, help, complaint, suggestion, report; praise, chatter, advert, empty; "" unknown
    bool request;       // false: noted, not a case
    bool counts;        // the category alone makes a subject
    double score;       // 0..1: share of the best department in all that was found and in not knowing
    const char *second; // the next best department, "" when none
    double second_score;
    int n_reasons;
    struct hy_route_reason
        reasons[HY_ROUTE_REASONS]; // account, department and list (strongest first), triage, place, request, urgency
};

// Decides one message. HY_ENOMEM, HY_EINTERNAL (the scanner failed); *out is then not set. About 1 µs for 300 bytes.
HY_MUST_CHECK int hy_route_decide(const struct hy_dispatch *dispatch, struct hy_route_scratch *scratch,
                                  const struct hy_route_input *input, struct hy_route *out);

// What a text is about, so that like messages can be counted: place × topic × entity, the entity found in the text
// itself by how Chinese names end (小区, 路, 厂, 学校, 公司 …). A list's stock words (噪音扰民, 有限公司) make no
// subject.
struct hy_subject {
    char key[HY_SUBJECT_KEY];    // "place|topic|entity" in normal form; topic is empty where an entity names the matter
    char place[HY_SUBJECT_TEXT]; // the list's home area; where only place and topic make the subject, that place
    char topic[HY_SUBJECT_TEXT]; // for people
    char entity[HY_SUBJECT_TEXT]; // for people: as long as this text has it
    double weight;                // 0..1: how much the text is about it; the first has 1
};

enum { HY_SUBJECT_MAIN_PERCENT = 75 }; // subjects of at least this weight are counted by the sentinel

// The subjects of the message that was last decided with this scratch, heaviest first; returns how many
// (0..HY_SUBJECTS).
int hy_route_subjects(const struct hy_dispatch *dispatch, struct hy_route_scratch *scratch,
                      const struct hy_route *route, struct hy_subject out[HY_SUBJECTS]);

#endif
