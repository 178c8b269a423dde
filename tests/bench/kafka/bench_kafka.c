// bench_kafka COMMAND key=value...: the bench's own clients of Kafka (tests/bench/run drives them).
//   feed brokers= topic= [n=100000 first=0 rate=0 mix=letters|mixed again=0 departments=0 town=]
//   raw  brokers= in= out= group= [outs=11 txn=1 max=10000 ms=100 lanes=1 codec=none]
//   late brokers= in= out=TOPIC,PREFIX*... rate= [warm=5 seconds=10 grace=15 first=0 town= departments=0]
//   read brokers= topics=TOPIC,PREFIX*...
// feed, late and read print one JSON line; raw runs until SIGTERM and prints one a lane.
#include <stdio.h>
#include <string.h>

#include "kit.h"

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*run)(struct kit_options *);
    } COMMANDS[] = {{"feed", feed_main}, {"raw", raw_main}, {"late", late_main}, {"read", read_main}};
    struct kit_options options = {.words = argv + 2, .n = argc > 2 ? argc - 2 : 0};
    for (size_t i = 0; argc > 1 && i < sizeof COMMANDS / sizeof *COMMANDS; i++)
        if (strcmp(argv[1], COMMANDS[i].name) == 0) return COMMANDS[i].run(&options);
    fprintf(stderr, "usage: bench_kafka feed|raw|late|read key=value... (see the head of bench_kafka.c)\n");
    return 2;
}
