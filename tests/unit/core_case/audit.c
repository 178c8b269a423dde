#include "audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/journal.h"

#define STATE(name) HUIYING__V1__CASE_STATE__CASE_STATE_##name
#define CLOCK(name) HUIYING__V1__CLOCK_STATE__CLOCK_STATE_##name
#define ROW(name)   HUIYING__V1__DELIVERY_STATE__DELIVERY_STATE_##name

enum { KEY = 120 };

// What the auditor keeps of a key: its journal chain, the fold of its work items, or how often an event had a fate.
struct fold {
    char key[KEY];
    struct hy_journal_chain chain;
    uint64_t seq;
    char standing[KEY], department[KEY];
    int64_t fate_at; // 0: none yet
    uint64_t times;  // rule
    bool written;    // content
};

struct audit {
    struct fold *folds;
    size_t n, cap;
    struct hy_arena *arena;
    struct audit_counts counts;
    char fault[600];
};

struct turn_view {
    struct audit *audit;
    const Huiying__V1__Command *cmd;
    const struct hy_effects *out;
    const Huiying__V1__JournalRecord *rec;
    const Huiying__V1__Case *was, *is; // the case of the turn; NULL when there is none before or after
    int64_t now;
    const struct hy_engine_view *before;
};

struct audit *audit_new(void) {
    struct audit *audit = calloc(1, sizeof *audit);
    audit->arena = hy_arena_new(64 << 20);
    return audit;
}

void audit_free(struct audit *audit) {
    hy_arena_free(audit->arena);
    free(audit->folds);
    free(audit);
}

struct audit_counts audit_counts(const struct audit *audit) {
    return audit->counts;
}

void audit_rules(const struct audit *audit, void (*seen)(const char *rule, uint64_t times, void *ctx), void *ctx) {
    for (size_t i = 0; i < audit->n; i++) {
        if (audit->folds[i].times > 0) seen(audit->folds[i].key + sizeof "rule", audit->folds[i].times, ctx);
    }
}

static const char *wrong(struct audit *audit, const char *fmt, ...) HY_PRINTF(2, 3);
static const char *wrong(struct audit *audit, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    vsnprintf(audit->fault, sizeof audit->fault, fmt, args);
    va_end(args);
    return audit->fault;
}

static struct fold *fold_of(struct audit *audit, const char *kind, const char *key) {
    char full[KEY];
    snprintf(full, sizeof full, "%s %s", kind, key);
    for (size_t i = 0; i < audit->n; i++) {
        if (strcmp(audit->folds[i].key, full) == 0) return &audit->folds[i];
    }
    if (audit->n == audit->cap) {
        audit->cap = audit->cap == 0 ? 64 : audit->cap * 2;
        audit->folds = realloc(audit->folds, audit->cap * sizeof *audit->folds);
    }
    struct fold *fold = &audit->folds[audit->n++];
    *fold = (struct fold){0};
    memcpy(fold->key, full, sizeof full);
    return fold;
}

static Huiying__V1__Case *unpacked(struct audit *audit, struct hy_bytes bytes) {
    return bytes.len == 0 ? NULL : huiying__v1__case__unpack(hy_arena_pb(audit->arena), bytes.len, bytes.data);
}

static bool same(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

static bool is_open(const Huiying__V1__Case *c) {
    return c != NULL && c->state != STATE(CLOSED) && c->state != STATE(WITHDRAWN);
}

static const Huiying__V1__Clock *clock_named(const Huiying__V1__Case *c, const char *name) {
    for (size_t i = 0; c != NULL && i < c->n_clocks; i++) {
        if (same(c->clocks[i]->name, name)) return c->clocks[i];
    }
    return NULL;
}

static const Huiying__V1__Delivery *row_named(const Huiying__V1__Case *c, const char *row) {
    for (size_t i = 0; c != NULL && i < c->n_deliveries; i++) {
        if (same(c->deliveries[i]->row, row)) return c->deliveries[i];
    }
    return NULL;
}

// One record a command, sealed onto the chain of its key; nothing at all for what was skipped or dead.
static const char *one_record(struct turn_view *v) {
    bool silent = v->out->outcome == HY_ENGINE_SKIPPED || v->out->outcome == HY_ENGINE_DEAD;
    size_t effects = v->out->n_puts + v->out->n_journal + v->out->n_work + v->out->n_contents;
    if (silent) return effects == 0 ? NULL : wrong(v->audit, "a silent turn left %zu effects", effects);
    if (v->out->n_journal != 1) return wrong(v->audit, "%zu journal records for one command", v->out->n_journal);
    const struct hy_effect_journal *entry = &v->out->journal[0];
    struct hy_error err;
    if (hy_journal_verify(&fold_of(v->audit, "chain", entry->key)->chain, entry->value, &err) != 0)
        return wrong(v->audit, "journal of %s: %s", entry->key, err.text);
    if (v->rec->rule[0] == '\0' || v->rec->explanation[0] == '\0')
        return wrong(v->audit, "a record without rule or explanation");
    return NULL;
}

// What is compared for "changed nothing": the state without its bookkeeping.
static struct hy_bytes bare(struct turn_view *v, const Huiying__V1__Case *c) {
    Huiying__V1__Case copy = *c;
    copy.version = 0;
    copy.journal_seq = 0;
    copy.journal_hash = (ProtobufCBinaryData){0};
    copy.log_id = hy_arena_str(v->audit->arena, "");
    copy.last_offset = 0;
    copy.n_recent_commands = 0;
    size_t size = huiying__v1__case__get_packed_size(&copy);
    uint8_t *out = hy_arena_alloc(v->audit->arena, size + 1);
    huiying__v1__case__pack(&copy, out);
    return hy_bytes_from(out, size);
}

static const char *no_is_no(struct turn_view *v) {
    if (v->out->outcome == HY_ENGINE_APPLIED || v->is == NULL) return NULL;
    if (v->out->n_work + v->out->n_contents > 0)
        return wrong(v->audit, "a refused or repeated command published something");
    if (v->was == NULL) return wrong(v->audit, "a refused or repeated command made a case");
    if (!hy_bytes_equal(bare(v, v->was), bare(v, v->is)))
        return wrong(v->audit, "a refused or repeated command changed the case");
    return NULL;
}

static bool draft_same(const Huiying__V1__Draft *a, const Huiying__V1__Draft *b) {
    if (a == NULL || b == NULL) return a == b;
    return hy_bytes_equal(hy_bytes_from(a->text_hash.data, a->text_hash.len),
                          hy_bytes_from(b->text_hash.data, b->text_hash.len));
}

static const char *numbers_rise(struct turn_view *v) {
    if (v->is == NULL) return NULL;
    uint64_t version = v->was == NULL ? 0 : v->was->version, step = v->was == NULL ? 0 : v->was->step;
    if (v->is->version != version + 1)
        return wrong(v->audit, "version went from %llu to %llu", (unsigned long long)version,
                     (unsigned long long)v->is->version);
    bool moved = v->was == NULL || v->was->state != v->is->state || !same(v->was->owner, v->is->owner) ||
                 v->was->review_stage != v->is->review_stage || !draft_same(v->was->draft, v->is->draft);
    if (v->is->step != step + (moved ? 1 : 0))
        return wrong(v->audit, "step went from %llu to %llu", (unsigned long long)step,
                     (unsigned long long)v->is->step);
    if (v->was != NULL && !same(v->was->id, v->is->id)) return wrong(v->audit, "the case's id changed");
    return NULL;
}

static const char *one_owner(struct turn_view *v) {
    if (v->is == NULL) return NULL;
    if (v->is->owner[0] == '\0') return wrong(v->audit, "a case without an owner");
    if (is_open(v->is) != (v->is->work_item[0] != '\0'))
        return wrong(v->audit, "state %s with work item '%s'", hy_case_state_name(v->is->state), v->is->work_item);
    if (is_open(v->is) == (v->is->closed != NULL)) return wrong(v->audit, "open and closed at once");
    return NULL;
}

static const char *fold_item(struct turn_view *v, const Huiying__V1__WorkItem *item, const char *department) {
    struct fold *fold = fold_of(v->audit, "work", item->case_id);
    if (item->seq != fold->seq + 1)
        return wrong(v->audit, "work item %llu after %llu", (unsigned long long)item->seq,
                     (unsigned long long)fold->seq);
    fold->seq = item->seq;
    bool ends = item->kind == HUIYING__V1__WORK_KIND__WORK_KIND_RECALLED ||
                item->kind == HUIYING__V1__WORK_KIND__WORK_KIND_CLOSED;
    if (ends && !same(item->ends, fold->standing))
        return wrong(v->audit, "item %s ends '%s', but '%s' stands", item->id, item->ends, fold->standing);
    if (ends && !same(department, fold->department))
        return wrong(v->audit, "the end of an item went to %s, not %s", department, fold->department);
    if (ends) fold->standing[0] = '\0';
    if (item->kind == HUIYING__V1__WORK_KIND__WORK_KIND_ASSIGNED) {
        if (fold->standing[0] != '\0')
            return wrong(v->audit, "a second item %s while %s stands", item->id, fold->standing);
        if (item->n_content_keys == 0 && item->text[0] == '\0' && item->title[0] == '\0')
            return wrong(v->audit, "an item that nobody can read");
        snprintf(fold->standing, sizeof fold->standing, "%s", item->id);
        snprintf(fold->department, sizeof fold->department, "%s", department);
    }
    if (v->is != NULL && item->step != v->is->step) return wrong(v->audit, "an item with another step than the case");
    return NULL;
}

static const char *one_item(struct turn_view *v) {
    for (size_t i = 0; i < v->out->n_work; i++) {
        const char *fault = fold_item(v, v->out->work[i].item, v->out->work[i].department);
        if (fault != NULL) return fault;
        if (v->out->work[i].item->kind == HUIYING__V1__WORK_KIND__WORK_KIND_RECALLED) v->audit->counts.recalled++;
    }
    // What was archived may come again like new, under the same id.
    if (v->is == NULL && v->was != NULL) fold_of(v->audit, "work", v->was->id)->seq = 0;
    if (v->is == NULL) return NULL;
    const struct fold *fold = fold_of(v->audit, "work", v->is->id);
    if (!same(fold->standing, v->is->work_item))
        return wrong(v->audit, "'%s' stands, the case says '%s'", fold->standing, v->is->work_item);
    if (is_open(v->is) && !same(fold->department, v->is->owner))
        return wrong(v->audit, "the item stands with %s, the owner is %s", fold->department, v->is->owner);
    return NULL;
}

static bool armed_same(const Huiying__V1__Clock *a, const Huiying__V1__Clock *b) {
    return a->state == b->state && a->stage == b->stage && a->stage_due->unix_ms == b->stage_due->unix_ms &&
           a->due->unix_ms == b->due->unix_ms;
}

// The one command that may move a deadline later is a correction; nothing pauses a clock.
static const char *clock_goes_on(struct turn_view *v, const Huiying__V1__Clock *was, const Huiying__V1__Clock *is) {
    bool correction = v->cmd != NULL && v->cmd->body_case == HUIYING__V1__COMMAND__BODY_RECOMPUTE;
    if (is->due->unix_ms > was->due->unix_ms && !correction)
        return wrong(v->audit, "clock %s: due moved later", was->name);
    if (is->started->unix_ms > was->started->unix_ms) return wrong(v->audit, "clock %s: start moved later", was->name);
    if (is->stage < was->stage && !correction) return wrong(v->audit, "clock %s: stage went back", was->name);
    uint32_t rise = armed_same(was, is) ? 0 : 1;
    if (is->epoch != was->epoch + rise)
        return wrong(v->audit, "clock %s: epoch went from %u to %u", was->name, was->epoch, is->epoch);
    bool reopened = v->is->reopened > v->was->reopened;
    bool revived = was->state != CLOCK(RUNNING) && is->state == CLOCK(RUNNING);
    if (revived && !(reopened && was->ended_by_close))
        return wrong(v->audit, "clock %s: runs again after its proof", was->name);
    if (was->state == CLOCK(BREACHED) && is->state == CLOCK(STOPPED) && !is->breached_once)
        return wrong(v->audit, "clock %s: its breach was forgotten", was->name);
    return NULL;
}

static const char *clocks_hold(struct turn_view *v) {
    for (size_t i = 0; v->was != NULL && v->is != NULL && i < v->was->n_clocks; i++) {
        const Huiying__V1__Clock *now = clock_named(v->is, v->was->clocks[i]->name);
        if (now == NULL) return wrong(v->audit, "clock %s is gone", v->was->clocks[i]->name);
        const char *fault = clock_goes_on(v, v->was->clocks[i], now);
        if (fault != NULL) return fault;
    }
    for (size_t i = 0; v->is != NULL && i < v->is->n_clocks; i++) {
        const Huiying__V1__Clock *clock = v->is->clocks[i];
        bool running = clock->state == CLOCK(RUNNING);
        if (v->is->historic) return wrong(v->audit, "old data has a clock");
        if (running && !is_open(v->is)) return wrong(v->audit, "clock %s runs in a closed case", clock->name);
        if (running == (clock->ended != NULL)) return wrong(v->audit, "clock %s: running and ended", clock->name);
        if (clock->epoch == 0 || clock->stage_due == NULL) return wrong(v->audit, "clock %s is not armed", clock->name);
        if (running && clock->stage_due->unix_ms - (int64_t)clock->skew_ms > clock->due->unix_ms)
            return wrong(v->audit, "clock %s: a stage behind its due", clock->name);
        for (size_t k = 0; k < i; k++) {
            if (same(v->is->clocks[k]->name, clock->name)) return wrong(v->audit, "two clocks %s", clock->name);
        }
    }
    return NULL;
}

// A letter's first duty runs until its proof: an open, unanswered, live letter has a main clock that runs or is
// breached.
static const char *duty_runs(struct turn_view *v) {
    if (!is_open(v->is) || v->is->historic || !same(v->is->kind, "letter") || v->is->state == STATE(DELIVERED))
        return NULL;
    for (size_t i = 0; i < v->is->n_clocks; i++) {
        const Huiying__V1__Clock *clock = v->is->clocks[i];
        bool main = strncmp(clock->name, "reply", 5) == 0;
        if (main && (clock->state == CLOCK(RUNNING) || clock->state == CLOCK(BREACHED))) return NULL;
    }
    // A proof may stop the clock while the state is elsewhere: an older text arrived after a new draft was begun.
    for (size_t i = 0; i < v->is->n_deliveries; i++) {
        if (v->is->deliveries[i]->state == ROW(SENT) && same(v->is->deliveries[i]->purpose, "reply")) return NULL;
    }
    return wrong(v->audit, "an unanswered letter in state %s without a running main clock",
                 hy_case_state_name(v->is->state));
}

static bool delivery_may(const struct turn_view *v, const Huiying__V1__Delivery *was, const Huiying__V1__Delivery *is) {
    bool retry = v->cmd != NULL && v->cmd->body_case == HUIYING__V1__COMMAND__BODY_DELIVERY_RECEIPT &&
                 v->cmd->delivery_receipt->outcome == HUIYING__V1__DELIVERY_OUTCOME__DELIVERY_OUTCOME_RETRY;
    if (was->state == is->state) return true;
    if (was->state == ROW(SENT) || was->state == ROW(FAILED)) return false;
    if (is->state == ROW(PENDING)) return retry;
    if (is->state == ROW(SENDING)) return was->state == ROW(PENDING) && is->attempt == was->attempt + 1;
    return true;
}

static const char *deliveries_hold(struct turn_view *v) {
    for (size_t i = 0; v->was != NULL && v->is != NULL && i < v->was->n_deliveries; i++) {
        const Huiying__V1__Delivery *was = v->was->deliveries[i], *now = row_named(v->is, was->row);
        if (now == NULL) return wrong(v->audit, "delivery %s is gone", was->row);
        if (!delivery_may(v, was, now))
            return wrong(v->audit, "delivery %s went from %d to %d", was->row, was->state, now->state);
    }
    for (size_t i = 0; v->is != NULL && i < v->is->n_deliveries; i++) {
        const Huiying__V1__Delivery *d = v->is->deliveries[i];
        bool made = row_named(v->was, d->row) == NULL;
        if (made && same(d->purpose, "reply")) {
            const Huiying__V1__Draft *draft = v->is->draft;
            bool hash = draft != NULL && hy_bytes_equal(hy_bytes_from(d->content_hash.data, d->content_hash.len),
                                                        hy_bytes_from(draft->text_hash.data, draft->text_hash.len));
            if (!hash || v->is->state != STATE(APPROVED))
                return wrong(v->audit, "a reply goes out that is not the approved text");
        }
        if (made && v->is->historic && !same(d->purpose, "reply")) return wrong(v->audit, "old data sends a notice");
    }
    return NULL;
}

static bool answered(const Huiying__V1__Case *c) {
    for (size_t i = 0; i < c->n_deliveries; i++) {
        if (c->deliveries[i]->state == ROW(SENT) && same(c->deliveries[i]->purpose, "reply")) return true;
    }
    return false;
}

// An answer waits to be sent only while its text stands: a copy of one that arrived may follow after the closing.
static const char *only_what_stands(struct turn_view *v) {
    const Huiying__V1__Draft *draft = v->is == NULL ? NULL : v->is->draft;
    bool handed = v->was != NULL && v->is != NULL && !same(v->was->owner, v->is->owner);
    if (handed && (draft != NULL || v->is->review_stage != 0 || v->is->claimed_by[0] != '\0'))
        return wrong(v->audit, "a new owner with the old one's draft or claim");
    bool reopened = v->was != NULL && v->is != NULL && v->is->reopened > v->was->reopened;
    if (reopened && (draft != NULL || v->is->review_stage != 0))
        return wrong(v->audit, "a new round with the old one's draft");
    for (size_t i = 0; v->is != NULL && i < v->is->n_deliveries; i++) {
        const Huiying__V1__Delivery *d = v->is->deliveries[i];
        if (d->state != ROW(PENDING) || !same(d->purpose, "reply")) continue;
        bool stands = draft != NULL && (is_open(v->is) || answered(v->is)) &&
                      hy_bytes_equal(hy_bytes_from(d->content_hash.data, d->content_hash.len),
                                     hy_bytes_from(draft->text_hash.data, draft->text_hash.len));
        if (!stands) return wrong(v->audit, "delivery %s waits to send a text that no longer stands", d->row);
    }
    return NULL;
}

// The dossier record says of the case what the case says of itself.
static const char *dossier_agrees(struct turn_view *v) {
    if (v->is == NULL) return NULL;
    struct hy_bytes bytes = v->before->get(v->before->ctx, v->is->dossier);
    for (size_t i = 0; i < v->out->n_puts; i++) {
        if (same(v->out->puts[i].key, v->is->dossier)) bytes = v->out->puts[i].value;
    }
    const Huiying__V1__DossierRecord *d =
        huiying__v1__dossier_record__unpack(hy_arena_pb(v->audit->arena), bytes.len, bytes.data);
    for (size_t i = 0; d != NULL && i < d->n_cases; i++) {
        const Huiying__V1__DossierCase *entry = d->cases[i];
        if (!same(entry->case_id, v->is->id)) continue;
        bool agrees = entry->open == is_open(v->is) && entry->last_written->unix_ms == v->is->last_written->unix_ms;
        return agrees ? NULL : wrong(v->audit, "the dossier record is behind its case");
    }
    return wrong(v->audit, "the dossier record does not know its case");
}

static const char *reviews_hold(struct turn_view *v) {
    const Huiying__V1__Draft *draft = v->is == NULL ? NULL : v->is->draft;
    if (draft == NULL) return NULL;
    for (size_t i = 0; i < draft->n_reviewers; i++) {
        if (same(draft->reviewers[i], draft->author)) return wrong(v->audit, "the author reviewed the text");
        for (size_t k = 0; k < i; k++) {
            if (same(draft->reviewers[i], draft->reviewers[k])) return wrong(v->audit, "one person reviewed twice");
        }
    }
    return NULL;
}

static const char *one_fate(struct turn_view *v) {
    if (v->rec == NULL || v->cmd == NULL || v->cmd->body_case != HUIYING__V1__COMMAND__BODY_MESSAGE) return NULL;
    if (v->rec->fate == HUIYING__V1__FATE__FATE_UNSPECIFIED) return wrong(v->audit, "a message without a fate");
    struct fold *fold = fold_of(v->audit, "fate", v->rec->event_id);
    bool again = v->rec->fate == HUIYING__V1__FATE__FATE_REPEATED, had = fold->fate_at != 0;
    // What was older than the dossier's memory may come again like new.
    bool remembered = had && v->now - fold->fate_at < (int64_t)400 * 86400000;
    if (again && !had) return wrong(v->audit, "a message was called repeated that never had a fate");
    if (!again && remembered) return wrong(v->audit, "a message had a second fate: %s", v->rec->rule);
    if (!again) fold->fate_at = v->now;
    return NULL;
}

static const char *texts_stand(struct turn_view *v) {
    for (size_t i = 0; i < v->out->n_contents; i++) {
        if (!same(v->out->contents[i].key, v->out->contents[i].content->key))
            return wrong(v->audit, "a text under another key than its own");
        fold_of(v->audit, "text", v->out->contents[i].key)->written = true;
    }
    for (size_t i = 0; v->is != NULL && i < v->is->n_content_keys; i++) {
        if (!fold_of(v->audit, "text", v->is->content_keys[i])->written)
            return wrong(v->audit, "the case names a text that was never written: %s", v->is->content_keys[i]);
    }
    return NULL;
}

static void count(struct turn_view *v) {
    struct audit_counts *counts = &v->audit->counts;
    uint64_t *outcomes[] = {&counts->applied, &counts->refused, &counts->repeated, &counts->skipped, &counts->dead};
    ++*outcomes[v->out->outcome];
    if (v->rec != NULL) fold_of(v->audit, "rule", v->rec->rule)->times++;
    if (v->was == NULL && v->is != NULL) counts->opened++;
    if (is_open(v->was) && v->is != NULL && !is_open(v->is)) counts->closed++;
    if (v->was != NULL && v->is != NULL && v->is->reopened > v->was->reopened) counts->reopened++;
    if (v->is != NULL && v->is->state == STATE(DELIVERED) && v->was != NULL && v->was->state != STATE(DELIVERED))
        counts->delivered++;
    for (size_t i = 0; v->rec != NULL && i < v->rec->n_clocks; i++) {
        if (same(v->rec->clocks[i]->what, "breached")) counts->breached++;
    }
}

static const char *(*const rules[])(struct turn_view *v) = {
    one_record,      no_is_no,         numbers_rise,   one_owner,    one_item, clocks_hold, duty_runs,
    deliveries_hold, only_what_stands, dossier_agrees, reviews_hold, one_fate, texts_stand,
};

const char *audit_turn(struct audit *audit, const Huiying__V1__Command *cmd, const struct hy_effects *out,
                       const struct hy_engine_view *before, int64_t now) {
    struct turn_view v = {.audit = audit, .cmd = cmd, .out = out, .before = before, .now = now};
    hy_arena_reset(audit->arena);
    if (out->n_journal == 1) v.rec = out->journal[0].record;
    int cases = 0;
    for (size_t i = 0; i < out->n_puts; i++) {
        if (strchr(out->puts[i].key, '.') == NULL) continue;
        cases++;
        v.was = unpacked(audit, before->get(before->ctx, out->puts[i].key));
        v.is = unpacked(audit, out->puts[i].value);
    }
    if (cases > 1) return wrong(audit, "one command wrote %d cases", cases);
    count(&v);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const char *fault = rules[i](&v);
        if (fault != NULL) return fault;
    }
    return NULL;
}
