// The strongest posts of a subject: reach first, then the earliest.
#include <stdlib.h>
#include <string.h>

#include "lib/core/incident_internal.h"

int evidence_compare(const struct hy_evidence *a, const struct hy_evidence *b) {
    if (a->reach != b->reach) return a->reach > b->reach ? -1 : 1;
    if (a->occurred_ms != b->occurred_ms) return a->occurred_ms < b->occurred_ms ? -1 : 1;
    return strcmp(a->event_id, b->event_id);
}

// An id as the contract has it, cut to what fits.
static void copy_id(char out[HY_ID_SIZE], const char *text) {
    struct hy_bytes all = hy_bytes_of(text);
    size_t len = hy_utf8_prefix(all, all.len < HY_ID_LEN ? all.len : HY_ID_LEN);
    if (len > 0) memcpy(out, text, len);
    out[len] = '\0';
}

// Where the post goes: a free place, the weakest one's, or NULL when it is weaker than all.
static struct hy_evidence *place_for(struct hy_subject_state *state, const struct hy_evidence *post) {
    if (state->n_evidence < HY_EVIDENCE) return &state->evidence[state->n_evidence];
    if (state->weakest == NONE_KNOWN) {
        state->weakest = 0;
        for (int i = 1; i < HY_EVIDENCE; i++)
            if (evidence_compare(&state->evidence[state->weakest], &state->evidence[i]) < 0) state->weakest = i;
    }
    struct hy_evidence *weakest = &state->evidence[state->weakest];
    return evidence_compare(post, weakest) < 0 ? weakest : NULL;
}

int evidence_add(struct hy_subject_state *state, const struct hy_sighted *sighted, int64_t occurred_ms) {
    struct hy_evidence post = {.occurred_ms = occurred_ms, .reach = sighted->reach};
    copy_id(post.event_id, sighted->event_id);
    struct hy_evidence *place = place_for(state, &post);
    if (place == NULL) return 0;
    copy_id(post.case_dossier, sighted->case_dossier);
    post.url = strdup(sighted->url != NULL && strlen(sighted->url) < HY_EVIDENCE_URL ? sighted->url : "");
    if (post.url == NULL) return HY_ENOMEM;
    if (state->n_evidence < HY_EVIDENCE)
        state->n_evidence++;
    else
        evidence_free(place);
    *place = post;
    state->weakest = NONE_KNOWN;
    return 0;
}
