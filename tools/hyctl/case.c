// hyctl case: the rows of its commands, and verify, which reads Kafka itself; the others speak REST.
#include <stdio.h>
#include <string.h>

#include "tools/hyctl/act.h"
#include "tools/hyctl/case.h"
#include "tools/hyctl/say.h"
#include "tools/hyctl/verify.h"

static int say_verified(const struct hyctl_args *args, const struct hyctl_verified *found) {
    char head[2 * HY_JOURNAL_HASH + 1];
    bool whole = found->problem[0] == '\0';
    for (size_t i = 0; i < HY_JOURNAL_HASH; i++)
        snprintf(head + 2 * i, 3, "%02x", found->head[i]);
    if (args->json) {
        json_t *row = json_pack("{s:s, s:b, s:I, s:I, s:s, s:b}", "case", args->places[0], "ok", whole, "records",
                                (json_int_t)found->records, "seq", (json_int_t)found->seq, "head", head,
                                "compared_with_case", found->snapshot);
        if (!whole) json_object_set_new(row, "problem", json_string(found->problem));
        hyctl_say_json(row);
    } else if (whole) {
        printf("%s: %llu records, the chain is whole%s\nhead %s\n", args->places[0], (unsigned long long)found->records,
               found->snapshot ? " and ends where the case says" : " (the case stands no longer in hy.cases)", head);
    }
    if (!whole)
        hyctl_error("%s: the journal is broken: %s; right up to record %llu of %llu", args->places[0], found->problem,
                    (unsigned long long)found->seq, (unsigned long long)found->records);
    return whole ? HYCTL_OK : HYCTL_FAILED;
}

static int run_verify(const struct hyctl_args *args) {
    struct hyctl_settings settings;
    int rc = hyctl_connect(args, &settings);
    if (rc != HYCTL_OK) return rc;
    struct hy_kafka_options kafka = hyctl_kafka(&settings);
    struct hyctl_verified found;
    struct hy_error err = {0};
    if (hyctl_verify(&kafka, args->places[0], &found, &err) != HY_OK) {
        rc = hyctl_fail(&err);
    } else if (found.records == 0 && !found.snapshot) {
        hyctl_error("hy.journal knows no case or dossier %s", args->places[0]);
        rc = HYCTL_FAILED;
    } else {
        rc = say_verified(args, &found);
    }
    hyctl_settings_free(&settings);
    return rc;
}

static int run_act(const struct hyctl_args *args) {
    return hyctl_act(args, HYCTL_ON_CASE, args->places[0], args->places[1]);
}

static int run_open(const struct hyctl_args *args) {
    return hyctl_act(args, HYCTL_ON_EVENT, args->places[0], "open");
}

static const struct hyctl_option open_options[] = {
    {"department", "D", "to whom (else to whom the router gives it)"}, HYCTL_ACT_COMMON, {NULL, NULL, NULL}};
static const struct hyctl_option list_options[] = {
    {"filter", "WHICH", "open, soon, late, closed, closed_today, incident, all"},
    {"department", "D", "of this department"},
    {"platform", "P", "from this platform"},
    {"account", "A", "that came to this account"},
    {"kind", "K", "of this kind of the pack: letter, incident"},
    {"query", "TEXT", "with this text in its title, texts or subject, or with this whole number"},
    {"limit", "N", "at most N (default 50, up to 200)"},
    {"after", "NEXT", "go on where the list before ended"},
    HYCTL_REST_OPTIONS,
    {NULL, NULL, NULL}};
static const struct hyctl_option show_options[] = {HYCTL_REST_OPTIONS, {NULL, NULL, NULL}};
static const struct hyctl_option verify_options[] = {HYCTL_CONFIG_OPTION, {NULL, NULL, NULL}};
static const struct hyctl_option act_options[] = {{"department", "D", "for transfer, assign: to whom"},
                                                  {"reason", "CODE", "for return, close, reject"},
                                                  HYCTL_ACT_TEXT,
                                                  HYCTL_ACT_PROOF,
                                                  {"text-hash", "HASH", "for approve: of the draft that was read"},
                                                  HYCTL_ACT_COMMON,
                                                  {NULL, NULL, NULL}};

const struct hyctl_command hyctl_case_commands[] = {
    {.group = "case",
     .name = "list",
     .summary = "Cases, the soonest due first",
     .options = list_options,
     .details = "What the token may see: a department its own, 网信办 incidents, the operator all.",
     .example = "hyctl case list --filter late --department jiaotong",
     .run = hyctl_case_list},
    {.group = "case",
     .name = "show",
     .summary = "One case: state, clocks, reasons, texts, deliveries, journal",
     .places = "CASE",
     .min_places = 1,
     .max_places = 1,
     .options = show_options,
     .details = "The journal says which command did what, by which rule; the texts are those that the token may read.",
     .example = "hyctl case show 0123456789ABCDEFGHJKMNPQRS --as wangxinban",
     .run = hyctl_case_show},
    {.group = "case",
     .name = "act",
     .summary = "Does something to a case, as far as the pack lets this token",
     .places = "CASE VERB",
     .min_places = 2,
     .max_places = 2,
     .options = act_options,
     .details = "VERB is a move of the pack: sign, claim, release, handle, reply, approve, reject, return, transfer, "
                "assign, close,\nreopen, acknowledge, open, extend, supervise, note. Waits for the verdict; a refusal "
                "names the rule.",
     .example = "hyctl case act 0123456789ABCDEFGHJKMNPQRS acknowledge --as wangxinban",
     .run = run_act},
    {.group = "case",
     .name = "fate",
     .summary = "What became of one message",
     .places = "EVENT",
     .min_places = 1,
     .max_places = 1,
     .options = show_options,
     .details = "Opened, appended, noted, edited, withdrawn or dead, by which rule, and the case that holds it.",
     .example = "hyctl case fate 0123456789ABCDEFGHJKMNPQRS",
     .run = hyctl_case_fate},
    {.group = "case",
     .name = "open",
     .summary = "Makes a case of a message that was only noted",
     .places = "EVENT",
     .min_places = 1,
     .max_places = 1,
     .options = open_options,
     .details = "EVENT is the message's id. Waits for the verdict as case act does.",
     .example = "hyctl case open 0123456789ABCDEFGHJKMNPQRS --department jiaotong",
     .run = run_open},
    {.group = "case",
     .name = "verdict",
     .summary = "What became of an act that was accepted and not yet applied",
     .places = "COMMAND",
     .min_places = 1,
     .max_places = 1,
     .options = show_options,
     .details = "COMMAND is the id that the act answered with.",
     .example = "hyctl case verdict 0123456789ABCDEFGHJKMNPQRS",
     .run = hyctl_act_verdict},
    {.group = "case",
     .name = "verify",
     .summary = "Is the journal of a case whole and unchanged?",
     .places = "CASE",
     .min_places = 1,
     .max_places = 1,
     .options = verify_options,
     .details = "Follows the hash chain in hy.journal from its first record to the head that the case remembers in "
                "hy.cases.\nCASE is a case id, a dossier, or DOSSIER.CASE, which reads one partition only.",
     .example = "hyctl case verify 0123456789ABCDEFGHJKMNPQRS",
     .run = run_verify},
    {.group = NULL},
};
