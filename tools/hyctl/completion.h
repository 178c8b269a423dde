// The completion script for bash as a text, so that tests can run it without a process of hyctl's own.
// It is made from the rows of all commands: names, options, and which options take a file or a folder.
// Another shell: a function here beside it, and a row in completion.c.
#ifndef HY_TOOLS_HYCTL_COMPLETION_H
#define HY_TOOLS_HYCTL_COMPLETION_H

#include "lib/base/bytes.h"
#include "tools/hyctl/command.h"

// Appends the script; check hy_buf_ok.
void hyctl_completion_bash(struct hy_buf *out, const struct hyctl_command *const *groups);

#endif
