// Checks across the rows of a pack: articles, departments, incident levels. Those of a kind: policy_check_kind.c.
#include <string.h>

#include "lib/core/policy_internal.h"

static bool digits(const char **at, int at_least, int at_most) {
    int n = 0;
    for (; n < at_most && **at >= '0' && **at <= '9'; n++)
        (*at)++;
    return n >= at_least;
}

// R002-8, R001-15b: regulation, article, its part. N7: a national norm.
static bool is_article(const char *text) {
    if (*text == 'N') {
        text++;
        return digits(&text, 1, 4) && *text == '\0';
    }
    if (*text++ != 'R' || !digits(&text, 3, 3) || *text++ != '-' || !digits(&text, 1, 4)) return false;
    if (*text >= 'a' && *text <= 'z') text++;
    return *text == '\0';
}

void hy_pack_check_article(struct hy_pack_reader *reader, const void *row, const char *article) {
    if (article == NULL || is_article(article)) return;
    hy_pack_problem(
        reader, hy_pack_origin_key(reader, row, "article"),
        "\"%.60s\" is no article; write R002-8 or R001-15b (regulation and article), or N7 (a national norm)", article);
}

void hy_pack_check_department(struct hy_pack_reader *reader, const struct hy_pack *pack, const struct hy_node *at,
                              const char *code) {
    enum { KNOWN_MAX = 256 };
    const char *known[KNOWN_MAX];
    if (code == NULL || hy_pack_department(pack, code) != NULL) return;
    int n = pack->n_departments < KNOWN_MAX ? pack->n_departments : KNOWN_MAX;
    for (int i = 0; i < n; i++)
        known[i] = pack->departments[i].code;
    hy_pack_word_problem(reader, at, "department", code, known, n);
}

static void check_supervisors(struct hy_pack_reader *reader, const struct hy_pack *pack) {
    for (int i = 0; i < pack->n_departments; i++) {
        const struct hy_pack_department *at = &pack->departments[i];
        const struct hy_node *node = hy_pack_origin_key(reader, at, "supervisor");
        if (at->supervisor == NULL || *at->supervisor == '\0') continue;
        hy_pack_check_department(reader, pack, node, at->supervisor);
        for (int steps = 0; at != NULL && at->supervisor != NULL && steps <= pack->n_departments; steps++) {
            at = hy_pack_department(pack, at->supervisor);
            if (at != &pack->departments[i]) continue;
            hy_pack_problem(reader, node, "%s supervises itself through \"%s\": a circle", at->code, at->supervisor);
            break;
        }
    }
}

// Does a department go by this name? Two that do cannot be told apart by the router.
static bool goes_by(const struct hy_pack_department *department, const char *name) {
    if (department->name != NULL && strcmp(department->name, name) == 0) return true;
    for (int i = 0; i < department->n_aliases; i++) {
        if (strcmp(department->aliases[i], name) == 0) return true;
    }
    return false;
}

static void check_name(struct hy_pack_reader *reader, const struct hy_pack *pack, int index, const char *key,
                       const char *name) {
    for (int i = 0; name != NULL && i < index; i++) {
        if (!goes_by(&pack->departments[i], name)) continue;
        hy_pack_problem(reader, hy_pack_origin_key(reader, &pack->departments[index], key),
                        "\"%.60s\" is a name of %s and of %s; a message naming it could go to either", name,
                        pack->departments[i].code, pack->departments[index].code);
        return;
    }
}

static void check_departments(struct hy_pack_reader *reader, const struct hy_pack *pack) {
    check_supervisors(reader, pack);
    for (int i = 0; i < pack->n_departments; i++) {
        const struct hy_pack_department *department = &pack->departments[i];
        check_name(reader, pack, i, "name", department->name);
        for (int k = 0; k < department->n_aliases; k++)
            check_name(reader, pack, i, "aliases", department->aliases[k]);
    }
}

static void check_incident(struct hy_pack_reader *reader, const struct hy_pack *pack) {
    const struct hy_pack_incident *incident = &pack->incident;
    hy_pack_check_article(reader, incident, incident->article);
    bool major = incident->major_level == 0;
    for (int i = 0; i < incident->n_levels; i++) {
        const struct hy_pack_level *at = &incident->levels[i];
        major = major || at->level == incident->major_level;
        for (int k = 0; k < incident->n_levels; k++) {
            const struct hy_pack_level *worse = &incident->levels[k];
            if (worse->level == 0 || worse->level >= at->level) continue;
            if (worse->writers >= at->writers && worse->times_usual >= at->times_usual) continue;
            hy_pack_problem(reader, hy_pack_origin_of(reader, worse),
                            "level %d is worse than %d but reached with less; raise its writers and times_usual",
                            worse->level, at->level);
        }
    }
    if (!major)
        hy_pack_problem(reader, hy_pack_origin_key(reader, incident, "major_level"), "no level %d has thresholds",
                        incident->major_level);
}

void hy_pack_check(struct hy_pack_reader *reader, const struct hy_pack *pack) {
    check_departments(reader, pack);
    check_incident(reader, pack);
    for (int i = 0; i < pack->n_kinds; i++)
        hy_pack_check_kind(reader, pack, &pack->kinds[i]);
}
