// An act on a case or on a noted message, by whichever command sends it.
// Its JSON comes from the options; the verdict is said in words and as exit code.
// A new field of an act (docs/rest.md): its option below, its line in the table of act.c.
#ifndef HY_TOOLS_HYCTL_ACT_H
#define HY_TOOLS_HYCTL_ACT_H

#include "tools/hyctl/rest.h"

#define HYCTL_ACT_COMMON                                                                                               \
    {"expects", "STEP", "refuse when the case has moved on since this step (case show tells it)"},                     \
        {"key", "KEY", "name of this act: the same one twice is done once (made when left out)"}, HYCTL_REST_OPTIONS
#define HYCTL_ACT_TEXT                                                                                                 \
    {"text", "TEXT", "the text"}, {                                                                                    \
        "text-file", "FILE", "the text from a file; - is standard input"                                               \
    }
#define HYCTL_ACT_PROOF                                                                                                \
    {"proof", "TEXT", "the proof: a link for example"}, {                                                              \
        "proof-kind", "KIND", "receipt, link, probe, approval"                                                         \
    }

#define HYCTL_ON_CASE  "/v1/cases/"
#define HYCTL_ON_EVENT "/v1/events/"

// Sends `verb` for a case or a noted message (HYCTL_ON_*) and says the verdict: HYCTL_OK when it is applied or was
// applied before, else HYCTL_FAILED (also when the verdict is not known yet: it says how to ask).
int hyctl_act(const struct hyctl_args *args, const char *what, const char *id, const char *verb);
// GET /v1/commands/{id}.
int hyctl_act_verdict(const struct hyctl_args *args);

#endif
