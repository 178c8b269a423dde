// hyctl work: a department's queue, and what its people do with what stands on it.
#include "tools/hyctl/act.h"
#include "tools/hyctl/case.h"

// The command's name is the verb.
static int run_verb(const struct hyctl_args *args) {
    return hyctl_act(args, HYCTL_ON_CASE, args->places[0], args->command->name);
}

static const struct hyctl_option list_options[] = {{"department", "D", "whose queue (a department's token needs none)"},
                                                   {"limit", "N", "at most N (default 50, up to 200)"},
                                                   {"after", "NEXT", "go on where the list before ended"},
                                                   HYCTL_REST_OPTIONS,
                                                   {NULL, NULL, NULL}};
static const struct hyctl_option plain_options[] = {HYCTL_ACT_COMMON, {NULL, NULL, NULL}};
static const struct hyctl_option reply_options[] = {HYCTL_ACT_TEXT, HYCTL_ACT_COMMON, {NULL, NULL, NULL}};
static const struct hyctl_option return_options[] = {
    {"reason", "CODE", "why it is not yours"}, HYCTL_ACT_TEXT, HYCTL_ACT_COMMON, {NULL, NULL, NULL}};
static const struct hyctl_option transfer_options[] = {
    {"department", "D", "to whom"}, {"reason", "CODE", "why"}, HYCTL_ACT_TEXT, HYCTL_ACT_COMMON, {NULL, NULL, NULL}};
static const struct hyctl_option close_options[] = {{"reason", "CODE", "how it ended, a row of the pack's closes"},
                                                    HYCTL_ACT_PROOF,
                                                    HYCTL_ACT_TEXT,
                                                    HYCTL_ACT_COMMON,
                                                    {NULL, NULL, NULL}};

#define VERB_ROW(verb, text, row_options, more, line)                                                                  \
    {                                                                                                                  \
        .group = "work", .name = verb, .summary = text, .places = "CASE", .min_places = 1, .max_places = 1,            \
        .options = row_options, .details = more, .example = line, .run = run_verb                                      \
    }

const struct hyctl_command hyctl_work_commands[] = {
    {.group = "work",
     .name = "list",
     .summary = "What stands on a department's queue",
     .options = list_options,
     .details = "With --json also feed_offset: where a reader of hy.work.<department> goes on from this list.",
     .example = "hyctl work list --as department",
     .run = hyctl_work_list},
    VERB_ROW("sign", "Signs for a case: the department has it (签收)", plain_options,
             "Waits for the verdict; a refusal names the rule and, after a transfer, the new owner.",
             "hyctl work sign 0123456789ABCDEFGHJKMNPQRS --as department"),
    VERB_ROW("claim", "Takes a case for yourself for a while", plain_options,
             "The pack says for how many minutes; hyctl case act CASE release gives it back.",
             "hyctl work claim 0123456789ABCDEFGHJKMNPQRS --as department"),
    VERB_ROW("reply", "Writes the answer to the citizen", reply_options,
             "The text goes out when the pack's reviewers have approved it. With --expects it is refused when somebody "
             "else was\nfaster.",
             "hyctl work reply 0123456789ABCDEFGHJKMNPQRS --text-file answer.txt --as department"),
    VERB_ROW("return", "Gives a case back: it is not this department's", return_options,
             "After two returns a decider fixes the owner. The clocks go on.",
             "hyctl work return 0123456789ABCDEFGHJKMNPQRS --reason not_ours --as department"),
    VERB_ROW("transfer", "Passes a case on to another department", transfer_options,
             "The clocks go on; the new owner finds it on its queue.",
             "hyctl work transfer 0123456789ABCDEFGHJKMNPQRS --department jiaoyu --reason duty"),
    VERB_ROW("close", "Closes a case with the proof that its pack asks for", close_options,
             "A claim is no proof: a delivery receipt, a link or a probe is, as the row of the pack says.",
             "hyctl work close 0123456789ABCDEFGHJKMNPQRS --reason solved --proof-kind link --proof "
             "https://example.cn/a"),
    {.group = NULL},
};
