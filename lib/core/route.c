#include "lib/core/route.h"

#include <stdlib.h>
#include <string.h>

#include "lib/core/route_internal.h"
#include "lib/core/text.h"

enum { SHORT_TEXT = 90 }; // bytes of normal form up to which a text can be nothing but greetings

struct hy_route_scratch *hy_route_scratch_new(const struct hy_dispatch *d) {
    struct hy_route_scratch *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->hits = calloc((size_t)d->n_literals + 1, sizeof *s->hits);
    s->hit_of = calloc((size_t)d->n_literals + 1, sizeof *s->hit_of);
    s->rows = calloc((size_t)d->n_rows + 1, sizeof *s->rows);
    s->touched = calloc((size_t)d->n_rows + 1, sizeof *s->touched);
    s->departments = calloc((size_t)d->n_departments + 1, sizeof *s->departments);
    bool ok = s->hits != NULL && s->hit_of != NULL && s->rows != NULL && s->touched != NULL && s->departments != NULL;
    s->names = subject_index_new();
    ok = ok && s->names != NULL;
    if (ok && d->database != NULL) ok = hs_alloc_scratch(d->database, &s->hs) == HS_SUCCESS;
    if (!ok) {
        hy_route_scratch_free(s);
        return NULL;
    }
    return s;
}

void hy_route_scratch_free(struct hy_route_scratch *s) {
    if (s == NULL) return;
    hs_free_scratch(s->hs);
    hy_buf_free(&s->title);
    hy_buf_free(&s->text);
    free(s->hits);
    free(s->hit_of);
    free(s->rows);
    free(s->touched);
    free(s->departments);
    free(s->names);
    free(s);
}

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx) {
    struct hy_route_scratch *s = ctx;
    (void)from;
    (void)flags;
    if (s->hit_of[id] == 0) {
        s->hits[s->n_hits] = (struct hit){.literal = (int)id, .at = s->scanning_title ? to : to + (1ULL << 40)};
        s->hit_of[id] = ++s->n_hits;
    }
    struct hit *hit = &s->hits[s->hit_of[id] - 1];
    hit->in_title |= s->scanning_title;
    hit->in_text |= !s->scanning_title;
    return 0;
}

static int scan(const struct hy_dispatch *d, struct hy_route_scratch *s, const struct hy_buf *text, bool title) {
    if (text->len == 0 || d->database == NULL) return 0;
    s->scanning_title = title;
    return hs_scan(d->database, text->data, (unsigned)text->len, 0, s->hs, on_match, s) == HS_SUCCESS ? 0
                                                                                                      : HY_EINTERNAL;
}

// Forgets the message before; only what it touched, so that the cost does not grow with the list.
static void forget(struct hy_route_scratch *s, int n_departments) {
    for (int i = 0; i < s->n_hits; i++)
        s->hit_of[s->hits[i].literal] = 0;
    for (int i = 0; i < s->n_touched; i++)
        s->rows[s->touched[i]] = (struct row_score){0};
    memset(s->departments, 0, (size_t)n_departments * sizeof *s->departments);
    s->n_hits = s->n_touched = 0;
    hy_buf_clear(&s->title);
    hy_buf_clear(&s->text);
}

static struct row_score *touch(struct hy_route_scratch *s, int row) {
    if (!s->rows[row].touched) {
        s->rows[row].touched = true;
        s->touched[s->n_touched++] = row;
    }
    return &s->rows[row];
}

// What one message has of everything but rows and departments.
struct found {
    int asks[5], notes[3];
    int urgency;
    const char *urgent_word, *ask_word, *note_word;
    int account; // department that the account belongs to
    int place;
    const char *place_word;
    unsigned long long place_at;
};

static bool place_is_better(const struct hy_dispatch *d, const struct found *found, int place, unsigned long long at) {
    if (found->place == NONE) return true;
    int depth = d->places[place].depth, best = d->places[found->place].depth;
    return depth != best ? depth > best : at < found->place_at;
}

static void take_use(const struct hy_dispatch *d, struct hy_route_scratch *s, const struct hit *hit,
                     const struct dispatch_use *use, struct found *found) {
    double factor = hit->in_title ? d->title_factor : 1;
    switch (use->role) {
    case USE_PHRASE:
        touch(s, use->ref)->score += use->weight * factor;
        break;
    case USE_EXCLUSION:
        touch(s, use->ref)->excluded = true;
        break;
    case USE_DEPARTMENT:
        if (s->departments[use->ref] < d->department_weight) // several names of one office are one naming
            s->departments[use->ref] = d->department_weight;
        break;
    case USE_PLACE:
        if (place_is_better(d, found, use->ref, hit->at)) { // title hits stand before all text hits
            found->place = use->ref;
            found->place_word = use->what;
            found->place_at = hit->at;
        }
        break;
    case USE_URGENCY:
        if (use->ref > found->urgency) {
            found->urgency = use->ref;
            found->urgent_word = use->what;
        }
        break;
    case USE_ASK:
        found->asks[use->ref]++;
        found->ask_word = use->what;
        break;
    case USE_NOTE:
        found->notes[use->ref]++;
        found->note_word = use->what;
        break;
    }
}

static int account_department(const struct hy_dispatch *d, const char *account) {
    int low = 0, high = d->n_accounts;
    while (account != NULL && low < high) {
        int middle = (low + high) / 2;
        int order = strcmp(d->accounts[middle].account, account);
        if (order == 0) return d->accounts[middle].department;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NONE;
}

static void weigh(const struct hy_dispatch *d, struct hy_route_scratch *s, const char *account, struct found *found) {
    for (int i = 0; i < s->n_hits; i++) {
        const struct dispatch_literal *literal = &d->literals[s->hits[i].literal];
        for (int k = 0; k < literal->n_uses; k++)
            take_use(d, s, &s->hits[i], &d->uses[literal->first_use + k], found);
    }
    for (int i = 0; i < s->n_touched; i++) {
        const struct row_score *row = &s->rows[s->touched[i]];
        if (!row->excluded) s->departments[d->rows[s->touched[i]].department] += row->score;
    }
    found->account = account_department(d, account);
    if (found->account != NONE) s->departments[found->account] += d->account_weight;
}

static void add_reason(struct hy_route *route, const char *step, const char *what, double weight) {
    if (route->n_reasons < HY_ROUTE_REASONS)
        route->reasons[route->n_reasons++] = (struct hy_route_reason){step, what, weight};
}

// The two best departments; the lower index wins a tie, so that equal input gives equal output.
static void best_two(const struct hy_dispatch *d, const struct hy_route_scratch *s, int *best, int *second) {
    *best = *second = NONE;
    for (int i = 0; i < d->n_departments; i++) {
        if (s->departments[i] <= 0) continue;
        if (*best == NONE || s->departments[i] > s->departments[*best]) {
            *second = *best;
            *best = i;
        } else if (*second == NONE || s->departments[i] > s->departments[*second]) {
            *second = i;
        }
    }
}

static int strongest_row(const struct hy_dispatch *d, const struct hy_route_scratch *s, int department) {
    int best = NONE;
    for (int i = 0; i < s->n_touched; i++) {
        int row = s->touched[i];
        if (s->rows[row].excluded || s->rows[row].score <= 0 || d->rows[row].department != department) continue;
        if (best == NONE || s->rows[row].score > s->rows[best].score ||
            (s->rows[row].score == s->rows[best].score && row < best))
            best = row;
    }
    return best;
}

// Keeps the reasons of one step in order of weight; equal ones in the order of the list, whatever the scanner's order.
static void insert_reason(struct hy_route *route, int from, struct hy_route_reason reason) {
    int at = route->n_reasons;
    while (at > from &&
           (route->reasons[at - 1].weight < reason.weight ||
            (route->reasons[at - 1].weight == reason.weight && strcmp(route->reasons[at - 1].what, reason.what) > 0)))
        at--;
    enum { KEPT = 3 }; // room for the steps after: place, triage, request, urgency
    int last = HY_ROUTE_REASONS - KEPT - 1;
    if (at > last) return;
    int end = route->n_reasons <= last ? route->n_reasons : last;
    memmove(&route->reasons[at + 1], &route->reasons[at], (size_t)(end - at) * sizeof reason);
    route->reasons[at] = reason;
    route->n_reasons = end + 1;
}

static void explain_department(const struct hy_dispatch *d, const struct hy_route_scratch *s, int department,
                               struct hy_route *route) {
    int from = route->n_reasons;
    for (int i = 0; i < s->n_hits; i++) {
        const struct dispatch_literal *literal = &d->literals[s->hits[i].literal];
        double factor = s->hits[i].in_title ? d->title_factor : 1;
        for (int k = 0; k < literal->n_uses; k++) {
            const struct dispatch_use *use = &d->uses[literal->first_use + k];
            if (use->role == USE_DEPARTMENT && use->ref == department)
                insert_reason(route, from, (struct hy_route_reason){"department", use->what, d->department_weight});
            else if (use->role == USE_PHRASE && d->rows[use->ref].department == department &&
                     !s->rows[use->ref].excluded)
                insert_reason(route, from, (struct hy_route_reason){"list", use->what, use->weight * factor});
        }
    }
}

static void choose(const struct hy_dispatch *d, const struct hy_route_scratch *s, const struct found *found,
                   struct hy_route *route) {
    int best, second;
    best_two(d, s, &best, &second);
    route->department = HY_TRIAGE;
    if (best == NONE) {
        add_reason(route, "triage", "名录中没有相符的词", 0);
        return;
    }
    double first = s->departments[best], next = second == NONE ? 0 : s->departments[second];
    // The 1 stands for what the list does not know: one weak word alone is no certainty.
    route->score = first / (first + next + 1);
    route->second = second == NONE ? "" : d->departments[second];
    route->second_score = next / (first + next + 1);
    if (found->account == best) add_reason(route, "account", d->departments[best], d->account_weight);
    explain_department(d, s, best, route);
    int row = strongest_row(d, s, best);
    if (row != NONE) {
        route->category = d->rows[row].topic;
        route->counts = d->rows[row].counts;
    }
    if (route->score >= d->confidence)
        route->department = d->departments[best];
    else
        add_reason(route, "triage", d->departments[best], route->score);
}

// Is anything left of a short text without greetings, punctuation and pictures?
static bool only_chatter(const struct hy_dispatch *d, const struct hy_buf *text) {
    if (text->len > SHORT_TEXT) return false;
    const uint8_t *p = (const uint8_t *)text->data;
    for (size_t at = 0; at < text->len;) {
        size_t taken = 0;
        for (int i = 0; i < d->n_chatter && taken == 0; i++) {
            size_t len = strlen(d->chatter[i]);
            if (len <= text->len - at && memcmp(p + at, d->chatter[i], len) == 0) taken = len;
        }
        if (taken == 0) {
            uint32_t cp = hy_text_char(p, text->len, at, &taken);
            bool word = (cp >= 'a' && cp <= 'z') || (cp >= '0' && cp <= '9') || (cp >= 0x3400 && cp <= 0x9FFF) ||
                        (cp >= 0x20000 && cp <= 0x3FFFF) || (cp >= 0xAC00 && cp <= 0xD7A3) ||
                        (cp >= 0x3041 && cp <= 0x30FF);
            if (word) return false;
        }
        at += taken;
    }
    return true;
}

// Nothing of a word in it at all: no letter, digit or ideograph.
static bool empty_text(const struct hy_dispatch *d, const struct hy_route_scratch *s) {
    struct hy_dispatch nothing = {.n_chatter = 0};
    (void)d;
    return only_chatter(&nothing, &s->text) && only_chatter(&nothing, &s->title);
}

static const char *strongest_ask(const struct found *found) {
    static const char *const names[] = {"consultation", "help", "complaint", "suggestion", "report"};
    static const int order[] = {4, 2, 1, 3, 0}; // a report of wrongdoing outweighs a complaint, a complaint a question
    for (int i = 0; i < 5; i++)
        if (found->asks[order[i]] > 0) return names[order[i]];
    return "";
}

// Biased to "it is a request": only what is plainly none is noted.
static void judge_request(const struct hy_dispatch *d, const struct hy_route_scratch *s, const struct found *found,
                          struct hy_route *route) {
    bool asks = *strongest_ask(found) != '\0';
    bool matters = *route->category != '\0' || found->urgency > 0;
    route->request = false;
    if (empty_text(d, s))
        route->kind = "empty";
    else if (only_chatter(d, &s->text) && only_chatter(d, &s->title)) // the text first: nearly always it is too long
        route->kind = "chatter";
    else if (found->notes[2] >= 2 && !asks && found->urgency == 0)
        route->kind = "advert";
    else if (found->notes[0] > 0 && !asks && !matters)
        route->kind = "praise";
    else {
        route->request = true;
        route->kind = strongest_ask(found);
    }
    const char *word = route->request ? found->ask_word : found->note_word;
    add_reason(route, "request", word != NULL ? word : route->request ? "" : "没有文字", route->request ? 1 : 0);
}

int hy_route_decide(const struct hy_dispatch *d, struct hy_route_scratch *s, const struct hy_route_input *input,
                    struct hy_route *out) {
    static const char *const urgencies[] = {"normal", "urgent", "danger"};
    forget(s, d->n_departments);
    if (hy_text_normalise(input->title, &s->title, NULL) < 0 || hy_text_normalise(input->text, &s->text, NULL) < 0)
        return HY_ENOMEM;
    if (scan(d, s, &s->title, true) < 0 || scan(d, s, &s->text, false) < 0) return HY_EINTERNAL;
    struct found found = {.account = NONE, .place = NONE};
    weigh(d, s, input->account, &found);
    *out = (struct hy_route){.area = "", .category = "", .kind = "", .second = "", .urgency = urgencies[found.urgency]};
    choose(d, s, &found, out);
    if (found.place != NONE) {
        out->area = d->places[found.place].name;
        add_reason(out, "place", found.place_word, 1);
    }
    judge_request(d, s, &found, out);
    if (found.urgency > 0) add_reason(out, "urgency", found.urgent_word, found.urgency);
    return 0;
}
