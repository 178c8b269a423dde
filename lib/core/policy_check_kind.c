// Checks across the rows of a kind: that what starts, stops and warns of a clock can happen and reaches somebody, that
// moves stay within the kind's states, that closings can be proven.
#include <string.h>

#include "lib/core/policy_internal.h"

struct check {
    struct hy_pack_reader *reader;
    const struct hy_pack *pack;
    const struct hy_pack_kind *kind;
};

static const struct hy_node *at(const struct check *check, const void *row, const char *key) {
    return hy_pack_origin_key(check->reader, row, key);
}

static bool has_word(const char *joined, const char *word) {
    size_t n = strlen(word);
    for (const char *part = joined; part != NULL && *part != '\0';) {
        if (strncmp(part, word, n) == 0 && (part[n] == ',' || part[n] == '\0')) return true;
        part = strchr(part, ',');
        if (part != NULL) part++;
    }
    return false;
}

static bool same(const char *a, const char *b) {
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool is_proof_of(const struct hy_pack_kind *kind, const char *proof) {
    for (int i = 0; i < kind->n_moves; i++) {
        if (has_word(kind->moves[i].proofs, proof)) return true;
    }
    for (int i = 0; i < kind->n_closes; i++) {
        if (same(kind->closes[i].proof, proof)) return true;
    }
    return false;
}

static bool has_main(const struct hy_pack_kind *kind, bool hand_off) {
    for (int i = 0; i < kind->n_deliveries; i++) {
        if (kind->deliveries[i].main && (kind->deliveries[i].at == HY_POINT_MAJOR) == hand_off) return true;
    }
    return false;
}

// Can a case of this kind reach the point at all? *how says what would make it.
static bool reachable(const struct check *check, enum hy_point point, const char **how) {
    const struct hy_pack_kind *kind = check->kind;
    *how = "";
    switch (point) {
    case HY_POINT_SIGNED:
        *how = "a move \"sign\"";
        return hy_pack_move(kind, "sign") != NULL;
    case HY_POINT_HANDLED:
        *how = "a move \"handle\"";
        return hy_pack_move(kind, "handle") != NULL;
    case HY_POINT_DRAFTED:
        *how = "a move \"reply\"";
        return hy_pack_move(kind, "reply") != NULL;
    case HY_POINT_APPROVED:
        *how = "a move \"approve\" and one \"reply\"";
        return hy_pack_move(kind, "reply") != NULL && (kind->reviews == 0 || hy_pack_move(kind, "approve") != NULL);
    case HY_POINT_DELIVERED:
        *how = "a delivery with \"main: true\"";
        return has_main(kind, false);
    case HY_POINT_HANDED_OFF:
        *how = "a delivery at \"major\" with \"main: true\"";
        return has_main(kind, true);
    case HY_POINT_ACKNOWLEDGED:
        *how = "a move \"acknowledge\"";
        return hy_pack_move(kind, "acknowledge") != NULL;
    case HY_POINT_MAJOR:
        *how = "an incident's \"major_level\" above 0";
        return check->pack->incident.major_level > 0;
    case HY_POINT_LINK:
        *how = "a move with proofs [link] or a close with proof link";
        return is_proof_of(kind, "link");
    case HY_POINT_PROBED:
        *how = "a move with proofs [probe] or a close with proof probe";
        return is_proof_of(kind, "probe");
    case HY_POINT_CLOSED:
        *how = "a move \"close\" and a row in \"closes\"";
        return hy_pack_move(kind, "close") != NULL && kind->n_closes > 0;
    default:
        return true; // received, opened, assigned: every case
    }
}

// The order in which a case passes the points, for "stops before it starts". Points that come apart from it: 0.
static int rank(enum hy_point point) {
    static const int ranks[HY_POINT_COUNT] = {
        [HY_POINT_RECEIVED] = 1, [HY_POINT_OPENED] = 2,    [HY_POINT_ASSIGNED] = 3,
        [HY_POINT_SIGNED] = 4,   [HY_POINT_HANDLED] = 5,   [HY_POINT_DRAFTED] = 6,
        [HY_POINT_APPROVED] = 7, [HY_POINT_DELIVERED] = 8, [HY_POINT_CLOSED] = 9};
    return ranks[point];
}

static void check_points(const struct check *check, const struct hy_pack_clock *clock) {
    const char *how;
    if (clock->start == HY_POINT_NONE || clock->stop == HY_POINT_NONE) return; // said by the reader
    if (!reachable(check, clock->start, &how))
        hy_pack_problem(check->reader, at(check, clock, "start"), "nothing in kind %s starts clock %s: \"%s\" needs %s",
                        check->kind->name, clock->name, hy_point_name(clock->start), how);
    if (!reachable(check, clock->stop, &how))
        hy_pack_problem(check->reader, at(check, clock, "stop"), "nothing in kind %s stops clock %s: \"%s\" needs %s",
                        check->kind->name, clock->name, hy_point_name(clock->stop), how);
    bool before = rank(clock->stop) != 0 && rank(clock->start) >= rank(clock->stop);
    if (clock->start == clock->stop || before)
        hy_pack_problem(check->reader, at(check, clock, "stop"),
                        "nothing stops clock %s: \"%s\" is not after its start \"%s\"", clock->name,
                        hy_point_name(clock->stop), hy_point_name(clock->start));
}

static bool anyone_supervised(const struct hy_pack *pack) {
    for (int i = 0; i < pack->n_departments; i++) {
        if (pack->departments[i].supervisor != NULL && *pack->departments[i].supervisor != '\0') return true;
    }
    return false;
}

static void check_reach(const struct check *check, const struct hy_pack_step *step) {
    const struct hy_node *node = at(check, step, "notify");
    if (step->notify == NULL || same(step->notify, "owner") || same(step->notify, "operator")) return;
    if (same(step->notify, "decider")) return; // a kind must have one
    if (!same(step->notify, "supervisor")) {
        if (hy_pack_department(check->pack, step->notify) == NULL)
            hy_pack_problem(
                check->reader, node,
                "reaches nobody: \"%.60s\" is neither owner, supervisor, operator, decider nor a department",
                step->notify);
        return;
    }
    const struct hy_pack_department *owner =
        check->kind->owner != NULL ? hy_pack_department(check->pack, check->kind->owner) : NULL;
    bool nobody =
        owner != NULL ? owner->supervisor == NULL || *owner->supervisor == '\0' : !anyone_supervised(check->pack);
    if (nobody)
        hy_pack_problem(check->reader, node,
                        "reaches nobody: %s has no supervisor; give it one, or notify \"operator\"",
                        owner != NULL ? owner->code : "every department");
}

static bool is_stage(const struct hy_pack_clock *clock, int percent) {
    for (int i = 0; i < clock->n_warnings; i++) {
        if (clock->warnings[i] == percent) return true;
    }
    return percent == 100;
}

static bool has_step(const struct hy_pack_clock *clock, int percent) {
    for (int i = 0; i < clock->n_steps; i++) {
        if (clock->steps[i].percent == percent) return true;
    }
    return false;
}

static void check_ladder(const struct check *check, const struct hy_pack_clock *clock) {
    for (int i = 0; i < clock->n_steps; i++) {
        const struct hy_pack_step *step = &clock->steps[i];
        check_reach(check, step);
        if (step->percent != 0 && !is_stage(clock, step->percent))
            hy_pack_problem(check->reader, at(check, step, "at"),
                            "never taken: clock %s has no warning at %d; add it to warnings or use 100 for the breach",
                            clock->name, step->percent);
    }
    for (int i = 0; i <= clock->n_warnings; i++) {
        int percent = i < clock->n_warnings ? clock->warnings[i] : 100;
        if (clock->n_steps > 0 && !has_step(clock, percent))
            hy_pack_problem(check->reader, at(check, clock, "ladder"), "%s of clock %s reaches nobody: no step at %d",
                            percent == 100 ? "the breach" : "a warning", clock->name, percent);
    }
    const struct hy_node *ladder = at(check, clock, "ladder");
    if (clock->n_steps == 0 && ladder != hy_pack_origin_of(check->reader, clock))
        hy_pack_problem(check->reader, ladder, "the breach of clock %s reaches nobody: the ladder is empty",
                        clock->name);
}

static void check_length(const struct check *check, const struct hy_pack_clock *clock) {
    bool wall = clock->unit == HY_UNIT_WALL_MINUTES || clock->unit == HY_UNIT_WALL_SECONDS;
    if (clock->length_outside > 0 && !wall)
        hy_pack_problem(check->reader, at(check, clock, "outside"),
                        "\"outside\" is for wall clocks; time out of hours does not count in %s",
                        hy_pack_words_name(&hy_pack_units, (int)clock->unit));
    if (clock->length_outside > 0 && !clock->class_by_receipt)
        hy_pack_problem(check->reader, at(check, clock, "outside"), "\"outside\" needs \"class_by_receipt: true\"");
    if (clock->class_by_receipt && clock->length_outside == 0)
        hy_pack_problem(check->reader, at(check, clock, "class_by_receipt"),
                        "\"class_by_receipt\" needs \"outside\", the length out of hours");
    int64_t longest = clock->unit == HY_UNIT_WORKDAYS ? 2000 : clock->unit == HY_UNIT_CALENDAR_DAYS ? 10000 : 1000000;
    if (clock->length > longest)
        hy_pack_problem(check->reader, at(check, clock, "length"), "%lld %s is too long; at most %lld",
                        (long long)clock->length, hy_pack_words_name(&hy_pack_units, (int)clock->unit),
                        (long long)longest);
}

static void check_source(const struct check *check, const struct hy_pack_clock *clock) {
    hy_pack_check_article(check->reader, clock, clock->article);
    bool regulation = clock->article != NULL && clock->article[0] == 'R';
    bool quoted = clock->quote != NULL && *clock->quote != '\0';
    if (regulation && !quoted && !clock->proposed)
        hy_pack_problem(check->reader, hy_pack_origin_of(check->reader, clock),
                        "clock %s needs \"quote\", the words of %s that give its length, or \"proposed: true\"",
                        clock->name, clock->article);
}

static void check_clocks(const struct check *check) {
    const struct hy_pack_clock *main = NULL;
    for (int i = 0; i < check->kind->n_clocks; i++) {
        const struct hy_pack_clock *clock = &check->kind->clocks[i];
        check_points(check, clock);
        check_ladder(check, clock);
        check_length(check, clock);
        check_source(check, clock);
        if (clock->main && main != NULL)
            hy_pack_problem(check->reader, at(check, clock, "main"), "%s is the main clock already; a kind has one",
                            main->name);
        if (clock->main && main == NULL) main = clock;
    }
    if (check->kind->n_clocks > 0 && main == NULL)
        hy_pack_problem(check->reader, at(check, check->kind, "clocks"),
                        "no clock of kind %s is main; one must be, the one that nothing pauses", check->kind->name);
}

static void check_states(const struct check *check, const struct hy_pack_move *move) {
    for (int i = 0; i < hy_pack_states.n; i++) {
        uint32_t bit = 1u << hy_pack_states.words[i].value;
        const char *key = move->from & bit ? "from" : "to";
        bool used = move->from & bit || move->to == hy_pack_states.words[i].value;
        if (!used || check->kind->states & bit) continue;
        hy_pack_problem(check->reader, at(check, move, key), "kind %s has no state \"%s\"; add it to its states",
                        check->kind->name, hy_pack_states.words[i].name);
    }
}

static void check_moves(const struct check *check) {
    for (int i = 0; i < check->kind->n_moves; i++) {
        const struct hy_pack_move *move = &check->kind->moves[i];
        hy_pack_check_article(check->reader, move, move->article);
        check_states(check, move);
        if (move->from == 0 && !same(move->verb, "open"))
            hy_pack_problem(check->reader, at(check, move, "from"), "\"%s\" starts from no state, so nobody can do it",
                            move->verb);
        if (move->roles != NULL && *move->roles == '\0')
            hy_pack_problem(check->reader, at(check, move, "roles"), "nobody may \"%s\"; name a role", move->verb);
    }
    if (check->kind->reviews > 0 && hy_pack_move(check->kind, "reply") != NULL &&
        hy_pack_move(check->kind, "approve") == NULL)
        hy_pack_problem(check->reader, at(check, check->kind, "reviews"),
                        "%d reviews, but kind %s has no move \"approve\"", check->kind->reviews, check->kind->name);
}

static void check_closes(const struct check *check) {
    for (int i = 0; i < check->kind->n_closes; i++) {
        const struct hy_pack_close *close = &check->kind->closes[i];
        hy_pack_check_article(check->reader, close, close->article);
        if (same(close->proof, "receipt") && !has_main(check->kind, false))
            hy_pack_problem(check->reader, at(check, close, "proof"),
                            "no receipt can come: kind %s has no delivery with \"main: true\"", check->kind->name);
    }
}

// Every {word} of a template must be one that the engine fills.
static void check_text(const struct check *check, const struct hy_pack_delivery *delivery) {
    static const char *const known[] = {"receipt_number", "department", "due",   "category", "subject",
                                        "topic",          "place",      "level", "writers",  "messages"};
    enum { KNOWN = sizeof known / sizeof known[0] };
    const struct hy_node *node = at(check, delivery, "text");
    for (const char *open = strchr(delivery->text, '{'); open != NULL; open = strchr(open + 1, '{')) {
        const char *close = strchr(open, '}');
        char word[40] = "";
        if (close == NULL || close - open > (int)sizeof word) {
            hy_pack_problem(check->reader, node, "a \"{\" is not closed; write for example {receipt_number}");
            return;
        }
        memcpy(word, open + 1, (size_t)(close - open - 1));
        bool found = false;
        for (int i = 0; i < KNOWN; i++)
            found = found || strcmp(word, known[i]) == 0;
        if (!found) hy_pack_word_problem(check->reader, node, "blank", word, known, KNOWN);
    }
}

static void check_deliveries(const struct check *check) {
    int mains[2] = {0, 0};
    for (int i = 0; i < check->kind->n_deliveries; i++) {
        const struct hy_pack_delivery *delivery = &check->kind->deliveries[i];
        const char *how;
        if (delivery->text != NULL) check_text(check, delivery);
        if (delivery->target != NULL &&
            strspn(delivery->target, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(delivery->target))
            hy_pack_problem(check->reader, at(check, delivery, "target"),
                            "\"%.60s\" is no target; write origin, status_page, cac_webhook or a platform's name",
                            delivery->target);
        if (delivery->at != HY_POINT_NONE && !reachable(check, delivery->at, &how))
            hy_pack_problem(check->reader, at(check, delivery, "at"), "never sent: \"%s\" needs %s",
                            hy_point_name(delivery->at), how);
        if (delivery->text != NULL && *delivery->text == '\0' && delivery->at != HY_POINT_APPROVED &&
            delivery->at != HY_POINT_NONE)
            hy_pack_problem(check->reader, at(check, delivery, "text"),
                            "an empty text stands for the approved draft, which is only there at \"approved\"");
        if (delivery->main && mains[delivery->at == HY_POINT_MAJOR]++ > 0)
            hy_pack_problem(check->reader, at(check, delivery, "main"),
                            "another delivery is main already; a kind has one");
    }
}

void hy_pack_check_kind(struct hy_pack_reader *reader, const struct hy_pack *pack, const struct hy_pack_kind *kind) {
    struct check check = {reader, pack, kind};
    hy_pack_check_article(reader, kind, kind->article);
    hy_pack_check_department(reader, pack, at(&check, kind, "owner"), kind->owner);
    hy_pack_check_department(reader, pack, at(&check, kind, "fallback"), kind->fallback);
    hy_pack_check_department(reader, pack, at(&check, kind, "decider"), kind->decider);
    check_clocks(&check);
    check_moves(&check);
    check_closes(&check);
    check_deliveries(&check);
}
