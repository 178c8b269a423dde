// read: reads topics to their end and does nothing with them: what a restore cannot be faster than.
#include <stdio.h>

#include "kit.h"

enum { QUIET_S = 30 };

int read_main(struct kit_options *options) {
    const char *brokers = kit_text(options, "brokers", NULL), *topics = kit_text(options, "topics", NULL);
    kit_done(options);
    double start = kit_now(), last = start;
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_t *reader = kit_reader(brokers, topics, false, &list);
    int64_t n = 0, bytes = 0;
    for (int open = list->cnt; open > 0;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 100);
        if (kit_now() - last > QUIET_S) kit_die(topics, "nothing comes");
        if (message == NULL) continue;
        last = kit_now();
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
            open--;
        else if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
            kit_die(topics, rd_kafka_message_errstr(message));
        else {
            n++;
            bytes += (int64_t)message->len;
        }
        rd_kafka_message_destroy(message);
    }
    printf("{\"n\": %lld, \"bytes\": %lld, \"seconds\": %.3f}\n", (long long)n, (long long)bytes, kit_now() - start);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    return 0;
}
