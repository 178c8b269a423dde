#include "consumers/sentinel/subjects.h"

#include <stdlib.h>
#include <string.h>

struct subjects *subjects_new(void) {
    return calloc(1, sizeof(struct subjects));
}

void subjects_remove(struct subjects *subjects, struct subject *subject) {
    HASH_DEL(subjects->table, subject);
    hy_subject_free(subject->state);
    free(subject);
}

void subjects_free(struct subjects *subjects) {
    struct subject *subject;
    struct subject *next;
    if (!subjects) return;
    HASH_ITER(hh, subjects->table, subject, next) {
        subjects_remove(subjects, subject);
    }
    free(subjects);
}

struct subject *subjects_find(struct subjects *subjects, const char *key) {
    struct subject *subject = NULL;
    HASH_FIND_STR(subjects->table, key, subject);
    return subject;
}

struct subject *subjects_add(struct subjects *subjects, const char *key, struct hy_subject_state *state) {
    struct subject *subject = calloc(1, sizeof *subject);
    if (!subject || !state || strlen(key) >= sizeof subject->key) {
        if (state) hy_subject_free(state);
        free(subject);
        return NULL;
    }
    memcpy(subject->key, key, strlen(key) + 1);
    subject->state = state;
    HASH_ADD_STR(subjects->table, key, subject);
    return subject;
}
