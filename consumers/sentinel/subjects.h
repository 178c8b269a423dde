// The subjects of one partition, unpacked: a table by key, and the partition's event time. Rebuilt from hy.subjects on
// restore and after an abort. One thread at a time. To keep something else a partition, add it to struct subjects and
// store it under a key of its own, as the event time is.
#ifndef HY_SENTINEL_SUBJECTS_H
#define HY_SENTINEL_SUBJECTS_H

#include <uthash.h>

#include "lib/base/id.h"
#include "lib/core/incident.h"

struct subject {
    UT_hash_handle hh;
    char key[HY_ID_SIZE]; // the subject's dossier
    struct hy_subject_state *state;
};

struct subjects {
    struct subject *table;
    int64_t event_ms;    // latest `received` seen, 0 = none
    int64_t advanced_at; // lane's now when it last moved on
};

struct subjects *subjects_new(void);
void subjects_free(struct subjects *subjects);
struct subject *subjects_find(struct subjects *subjects, const char *key);
// Takes state in every case. NULL: out of memory.
struct subject *subjects_add(struct subjects *subjects, const char *key, struct hy_subject_state *state);
void subjects_remove(struct subjects *subjects, struct subject *subject);

#endif
