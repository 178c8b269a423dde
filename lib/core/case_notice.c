// The text of a notice: the pack's template with what the case knows. To add a name: a row in `names`.
#include "lib/core/case_turn.h"

#include <stdio.h>

#include "lib/base/clock.h"

static const char *receipt_number(struct hy_turn *t) {
    return t->c->receipt_number;
}

static const char *department(struct hy_turn *t) {
    const struct hy_pack_department *row = hy_pack_department(t->pack, t->c->owner);
    return row != NULL && hy_text_set(row->name) ? row->name : t->c->owner;
}

// Local date and minute; a deadline that rests on an unpublished calendar says so.
static const char *due(struct hy_turn *t) {
    for (size_t i = 0; i < t->c->n_clocks; i++) {
        const hy_case_clock *clock = t->c->clocks[i];
        const struct hy_pack_clock *row = hy_clock_row(t, clock);
        if (row == NULL || !row->main || clock->state != HUIYING__V1__CLOCK_STATE__CLOCK_STATE_RUNNING) continue;
        char text[HY_TIME_TEXT];
        hy_time_format((struct hy_time){clock->due->unix_ms, HY_SHANGHAI_MINUTES}, text);
        return hy_turn_fmt(t, "%.10s %.5s%s", text, text + 11, clock->provisional ? "（暂定）" : "");
    }
    return "";
}

static const char *category(struct hy_turn *t) {
    return t->c->category;
}

static const char *of_incident(struct hy_turn *t, const char *text) {
    return t->c->incident == NULL ? "" : text;
}

// "place|topic|entity" as people write it.
static const char *subject(struct hy_turn *t) {
    if (t->c->incident == NULL) return "";
    const char *shown = "";
    for (const char *at = t->c->incident->subject; *at != '\0';) {
        size_t n = strcspn(at, "|");
        if (n > 0) shown = hy_turn_fmt(t, "%s%s%.*s", shown, *shown == '\0' ? "" : " · ", (int)n, at);
        at += n + (at[n] == '|');
    }
    return shown;
}

static const char *topic(struct hy_turn *t) {
    return of_incident(t, t->c->incident == NULL ? "" : t->c->incident->topic);
}

static const char *place(struct hy_turn *t) {
    return of_incident(t, t->c->incident == NULL ? "" : t->c->incident->place);
}

static const char *level(struct hy_turn *t) {
    static const char *const words[] = {"–", "I", "II", "III", "IV"};
    return t->c->incident == NULL || t->c->incident->level > 4 ? "" : words[t->c->incident->level];
}

static const char *writers(struct hy_turn *t) {
    return t->c->incident == NULL ? "" : hy_turn_fmt(t, "%llu", (unsigned long long)t->c->incident->writers);
}

static const char *messages(struct hy_turn *t) {
    return t->c->incident == NULL ? "" : hy_turn_fmt(t, "%llu", (unsigned long long)t->c->incident->messages);
}

static const struct name {
    const char *name;
    const char *(*value)(struct hy_turn *t);
} names[] = {
    {"{receipt_number}", receipt_number},
    {"{department}", department},
    {"{due}", due},
    {"{category}", category},
    {"{subject}", subject},
    {"{topic}", topic},
    {"{place}", place},
    {"{level}", level},
    {"{writers}", writers},
    {"{messages}", messages},
};

enum { N_NAMES = sizeof names / sizeof names[0] };

static const struct name *name_at(const char *text) {
    for (size_t i = 0; text[0] == '{' && i < N_NAMES; i++) {
        if (strncmp(text, names[i].name, strlen(names[i].name)) == 0) return &names[i];
    }
    return NULL;
}

// What the names stand for, asked once each.
struct values {
    struct hy_turn *t;
    const char *of[N_NAMES];
};

static const char *value_of(struct values *values, const struct name *name) {
    const char **value = &values->of[name - names];
    if (*value == NULL) *value = name->value(values->t);
    return *value;
}

// Once for the length (out NULL), once for the text. What is no name stays as it is.
static size_t fill(struct values *values, const char *template_text, char *out) {
    size_t len = 0;
    while (*template_text != '\0') {
        const struct name *name = name_at(template_text);
        const char *piece = name == NULL ? template_text : value_of(values, name);
        size_t n = name == NULL ? 1 : strlen(piece);
        if (out != NULL) memcpy(out + len, piece, n);
        len += n;
        template_text += name == NULL ? 1 : strlen(name->name);
    }
    if (out != NULL) out[len] = '\0';
    return len;
}

const char *hy_notice_text(struct hy_turn *t, const char *template_text) {
    struct values values = {.t = t};
    char *text = hy_turn_alloc(t, fill(&values, template_text, NULL) + 1);
    fill(&values, template_text, text);
    return text;
}
