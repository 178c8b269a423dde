// What the commands of bench_kafka share: plain librdkafka clients, options as key=value, the clock. Whatever goes
// wrong ends the process with a message: a bench that went on would measure something else. A new command is a file
// with its *_main, a line here and one in bench_kafka.c.
#ifndef BENCH_KIT_H
#define BENCH_KIT_H

#include <stdbool.h>
#include <stdint.h>

#include <librdkafka/rdkafka.h>

// key=value words of the command line; each must be asked for, else kit_done refuses it.
struct kit_options {
    char **words;
    int n;
    uint64_t asked; // bit i: words[i] was asked for
};

const char *kit_text(struct kit_options *options, const char *key, const char *otherwise); // NULL: must be given
int64_t kit_number(struct kit_options *options, const char *key, int64_t otherwise);
void kit_done(const struct kit_options *options);

// Ends the process with a message.
_Noreturn void kit_die(const char *what, const char *why);
double kit_now(void); // seconds, monotonic
void kit_sleep(double seconds);

// "k=v;k=v" set on a new configuration.
rd_kafka_conf_t *kit_conf(const char *brokers, const char *settings);
rd_kafka_t *kit_client(rd_kafka_type_t type, rd_kafka_conf_t *conf);
// An idempotent producer that places keys as Java does and stops the process when a record fails.
rd_kafka_t *kit_producer(const char *brokers, const char *codec);
void kit_produce(rd_kafka_t *producer, rd_kafka_topic_t *topic, const void *key, size_t key_len, const void *value,
                 size_t value_len);
// A reader of all partitions of the topics named ("a,b" or "prefix*"), from their first record or from their end.
rd_kafka_t *kit_reader(const char *brokers, const char *topics, bool from_end, rd_kafka_topic_partition_list_t **out);

int feed_main(struct kit_options *options);
int raw_main(struct kit_options *options);
int late_main(struct kit_options *options);
int read_main(struct kit_options *options);

#endif
