#include "tools/hyctl/command.h"

int main(int argc, char **argv) {
    return hyctl_run(hyctl_commands, argc, argv);
}
