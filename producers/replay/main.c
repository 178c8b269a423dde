// replay: a file of messages → Kafka (design section 4): history, demonstrations, load. The work is in replay.c.
#include "producers/replay/replay.h"

int main(int argc, char **argv) {
    return replay_main(argc, argv);
}
