// hyctl dead: what nobody could read or handle, and sending it again after the cause was mended.
#include "tools/hyctl/dead.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/lane/publisher.h"
#include "tools/hyctl/say.h"

enum { LIST_LIMIT = 50, HEAD = 1024, SEND_MS = 30000 };

static json_t *letter_json(const struct hyctl_letter *letter) {
    char at[HY_TIME_TEXT];
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:i, s:b}", "id", letter->id, "at",
                     hy_time_format((struct hy_time){letter->at_ms, HY_SHANGHAI_MINUTES}, at), "reason", letter->reason,
                     "detail", letter->detail, "program", letter->program, "event_id", letter->event_id, "size",
                     (json_int_t)letter->size, "tries", (int)letter->tries, "whole", letter->whole);
}

static struct hyctl_dead_filter filter_of(const struct hyctl_args *args) {
    return (struct hyctl_dead_filter){.ids = args->places,
                                      .n_ids = args->n_places,
                                      .topic = hyctl_value(args, "topic"),
                                      .reason = hyctl_value(args, "reason")};
}

// Connects and finds; on HYCTL_OK the caller frees both.
static int find(const struct hyctl_args *args, struct hyctl_settings *settings, struct hyctl_letters *letters) {
    int rc = hyctl_connect(args, settings);
    if (rc != HYCTL_OK) return rc;
    struct hy_kafka_options kafka = hyctl_kafka(settings);
    struct hyctl_dead_filter filter = filter_of(args);
    struct hy_error err = {0};
    if (hyctl_dead_find(&kafka, &filter, letters, &err) == HY_OK) {
        if (letters->unreadable > 0)
            hyctl_error("note: %zu records of hy.dead are no dead letters", letters->unreadable);
        return HYCTL_OK;
    }
    hyctl_letters_free(letters);
    hyctl_settings_free(settings);
    return hyctl_fail(&err);
}

// ---- list ----

static void print_rows(const struct hyctl_letters *letters, size_t from) {
    struct hyctl_table table = {.columns = 6};
    static const char *const heads[] = {"letter", "at", "reason", "program", "bytes", "detail"};
    for (size_t i = 0; i < 6; i++)
        hyctl_table_cell(&table, "%s", heads[i]);
    for (size_t i = from; i < letters->n; i++) {
        const struct hyctl_letter *letter = &letters->list[i];
        char at[HY_TIME_TEXT];
        hyctl_table_cell(&table, "%s", letter->id);
        hyctl_table_cell(&table, "%s", hy_time_format((struct hy_time){letter->at_ms, HY_SHANGHAI_MINUTES}, at));
        hyctl_table_cell(&table, "%s", letter->reason);
        hyctl_table_cell(&table, "%s", letter->program);
        hyctl_table_cell(&table, "%llu", (unsigned long long)letter->size);
        hyctl_table_cell(&table, "%s", letter->detail);
    }
    hyctl_table_print(&table, stdout);
    putchar('\n');
}

static void print_list(const struct hyctl_letters *letters, size_t from) {
    if (letters->n > from) print_rows(letters, from);
    printf("%zu dead letters%s\n", letters->n, from > 0 ? "; the newest are shown, --limit 0 shows all" : "");
}

static int run_list(const struct hyctl_args *args) {
    struct hyctl_settings settings;
    struct hyctl_letters letters = {0};
    size_t limit;
    int rc = hyctl_number(args, "limit", 0, 1000000, LIST_LIMIT, &limit);
    if (rc == HYCTL_OK) rc = find(args, &settings, &letters);
    if (rc != HYCTL_OK) return rc;
    size_t from = limit > 0 && letters.n > limit ? letters.n - limit : 0;
    if (args->json) {
        json_t *rows = json_array();
        for (size_t i = from; i < letters.n; i++)
            json_array_append_new(rows, letter_json(&letters.list[i]));
        rc = hyctl_say_json(json_pack("{s:I, s:o}", "total", (json_int_t)letters.n, "letters", rows));
    } else {
        print_list(&letters, from);
    }
    hyctl_letters_free(&letters);
    hyctl_settings_free(&settings);
    return rc;
}

// ---- show ----

struct showing {
    const struct hyctl_args *args;
    bool original;
    int rc;
};

static void print_original(const Huiying__V1__DeadLetter *whole) {
    struct hy_buf text = {0};
    hyctl_dead_head(hy_bytes_from(whole->original.data, whole->original.len), HEAD, &text);
    printf("original, first %d bytes:\n%s\n", HEAD, text.len > 0 ? text.data : "(empty)");
    hy_buf_free(&text);
}

static void print_source(const Huiying__V1__SourcePosition *source) {
    if (source == NULL)
        printf("record    none: a push to the gateway, no record of a topic\n");
    else
        printf("record    %s, partition %d, offset %lld, log %s\n", source->topic, source->partition,
               (long long)source->offset, source->log_id);
}

static void print_letter(const struct hyctl_letter *letter, const Huiying__V1__DeadLetter *whole, const char *again) {
    char at[HY_TIME_TEXT];
    printf("letter    %s\nat        %s\nreason    %s\ndetail    %s\nprogram   %s, %u tries\n", letter->id,
           hy_time_format((struct hy_time){letter->at_ms, HY_SHANGHAI_MINUTES}, at), letter->reason, letter->detail,
           letter->program, letter->tries);
    print_source(whole->source);
    printf("event     %s\nbytes     %llu\nsend again: %s\n", *letter->event_id ? letter->event_id : "–",
           (unsigned long long)letter->size, again);
}

static int show_one(void *opaque, const struct hyctl_letter *letter, const Huiying__V1__DeadLetter *whole,
                    struct hy_error *err) {
    struct showing *showing = opaque;
    struct hy_error why = {0};
    bool sendable = hyctl_dead_sendable(whole, &why) == HY_OK;
    (void)err;
    if (showing->args->json) {
        json_t *row = letter_json(letter);
        struct hy_buf text = {0};
        json_object_set_new(row, "sendable", json_boolean(sendable));
        json_object_set_new(row, "log_id", json_string(whole->source == NULL ? "" : whole->source->log_id));
        hyctl_dead_head(hy_bytes_from(whole->original.data, whole->original.len), HEAD, &text);
        if (showing->original) json_object_set_new(row, "original_head", json_stringn(text.data, text.len));
        hy_buf_free(&text);
        showing->rc = hyctl_say_json(row);
        return HY_OK;
    }
    print_letter(letter, whole, sendable ? "hyctl dead replay" : why.text);
    if (showing->original) print_original(whole);
    return HY_OK;
}

static int run_show(const struct hyctl_args *args) {
    struct hyctl_settings settings;
    struct hyctl_letters letters = {0};
    int rc = find(args, &settings, &letters);
    if (rc != HYCTL_OK) return rc;
    struct hy_kafka_options kafka = hyctl_kafka(&settings);
    struct showing showing = {args, hyctl_value(args, "original") != NULL, HYCTL_OK};
    struct hy_error err = {0};
    if (letters.n == 0) {
        hyctl_error("there is no dead letter %s; hyctl dead list shows those there are", args->places[0]);
        rc = HYCTL_FAILED;
    } else if (hyctl_dead_each(&kafka, &letters, show_one, &showing, &err) != HY_OK) {
        rc = hyctl_fail(&err);
    }
    hyctl_letters_free(&letters);
    hyctl_settings_free(&settings);
    return rc == HYCTL_OK ? showing.rc : rc;
}

// ---- replay ----

struct replaying {
    struct hy_publisher *publisher; // NULL: only say what would be sent
    bool json;
    json_t *rows;
    size_t sent, refused;
};

static void tell(struct replaying *run, const struct hyctl_letter *letter, const struct hy_published *result,
                 const struct hy_error *why) {
    bool good = why->code == HY_OK;
    json_t *row = json_pack("{s:s, s:b}", "id", letter->id, "sent", good && run->publisher != NULL);
    if (!good) json_object_set_new(row, "why", json_string(why->text));
    if (good && run->publisher != NULL) {
        json_object_set_new(row, "partition", json_integer(result->partition));
        json_object_set_new(row, "offset", json_integer(result->offset));
    }
    json_array_append_new(run->rows, row);
    if (!good)
        hyctl_error("%s: %s", letter->id, why->text);
    else if (!run->json && run->publisher == NULL)
        printf("%s: would be sent again\n", letter->id);
    else if (!run->json)
        printf("%s: sent again, partition %d, offset %lld\n", letter->id, result->partition, (long long)result->offset);
    *(good ? &run->sent : &run->refused) += 1;
}

static int replay_one(void *opaque, const struct hyctl_letter *letter, const Huiying__V1__DeadLetter *whole,
                      struct hy_error *err) {
    struct replaying *run = opaque;
    struct hy_error why = {0};
    struct hy_published result = {0};
    static const uint8_t nothing[1] = {0};
    int rc = hyctl_dead_sendable(whole, &why);
    if (rc == HY_OK && run->publisher != NULL) {
        const uint8_t *bytes = whole->original.len > 0 ? whole->original.data : nothing;
        rc = hy_publish_wait(run->publisher, whole->source->topic, hy_bytes_from(whole->key.data, whole->key.len),
                             hy_bytes_from(bytes, whole->original.len), SEND_MS, &result, &why);
        if (rc == HY_EAUTH || rc == HY_ETIMEOUT || rc == HY_ENET)
            return hy_fail(err, rc, "%s: %s", letter->id, why.text);
    }
    tell(run, letter, &result, &why);
    return HY_OK;
}

static int say_replayed(const struct hyctl_args *args, struct replaying *run, int rc, const struct hy_error *err) {
    if (rc != HY_OK) hyctl_fail(err);
    if (args->json)
        hyctl_say_json(json_pack("{s:I, s:I, s:O}", "sent", (json_int_t)run->sent, "refused", (json_int_t)run->refused,
                                 "letters", run->rows));
    else
        printf("%zu %s, %zu refused\n", run->sent, run->publisher == NULL ? "would be sent again" : "sent again",
               run->refused);
    return rc == HY_OK && run->refused == 0 ? HYCTL_OK : HYCTL_FAILED;
}

static int missing_ids(const struct hyctl_args *args, const struct hyctl_letters *letters) {
    int missing = 0;
    for (int i = 0; i < args->n_places; i++) {
        bool there = false;
        for (size_t k = 0; k < letters->n; k++)
            there |= strcmp(letters->list[k].id, args->places[i]) == 0;
        if (there) continue;
        hyctl_error("there is no dead letter %s; hyctl dead list shows those there are", args->places[i]);
        missing++;
    }
    return missing;
}

static int run_replay(const struct hyctl_args *args) {
    if ((args->n_places == 0) == (hyctl_value(args, "all") == NULL)) {
        hyctl_error("dead replay: name letters (hyctl dead list shows them), or --all with --topic or --reason");
        return HYCTL_USAGE;
    }
    struct hyctl_settings settings;
    struct hyctl_letters letters = {0};
    int rc = find(args, &settings, &letters);
    if (rc != HYCTL_OK) return rc;
    struct hy_publisher_options options = {.kafka = hyctl_kafka(&settings), .linger_ms = -1};
    struct replaying run = {.json = args->json, .rows = json_array()};
    struct hy_error err = {0};
    int sent = HY_OK;
    if (missing_ids(args, &letters) > 0) {
        rc = HYCTL_FAILED;
    } else {
        if (hyctl_value(args, "dry-run") == NULL) sent = hy_publisher_open(&options, &run.publisher, &err);
        if (sent == HY_OK) sent = hyctl_dead_each(&options.kafka, &letters, replay_one, &run, &err);
        rc = say_replayed(args, &run, sent, &err);
    }
    hy_publisher_close(run.publisher, 1000);
    json_decref(run.rows);
    hyctl_letters_free(&letters);
    hyctl_settings_free(&settings);
    return rc;
}

#define TOPIC_OPTION                                                                                                   \
    { "topic", "T", "only of records of this topic" }
#define REASON_OPTION                                                                                                  \
    { "reason", "R", "only with this reason" }

static const struct hyctl_option list_options[] = {HYCTL_CONFIG_OPTION,
                                                   TOPIC_OPTION,
                                                   REASON_OPTION,
                                                   {"limit", "N", "the newest N (default 50, 0 = all)"},
                                                   {NULL, NULL, NULL}};
static const struct hyctl_option show_options[] = {
    HYCTL_CONFIG_OPTION,
    {"original", NULL, "also the first 1 KB of the record: it may hold what a citizen wrote"},
    {NULL, NULL, NULL}};
static const struct hyctl_option replay_options[] = {HYCTL_CONFIG_OPTION,
                                                     {"all", NULL, "all letters, or those of --topic and --reason"},
                                                     TOPIC_OPTION,
                                                     REASON_OPTION,
                                                     {"dry-run", NULL, "only say what would be sent"},
                                                     {NULL, NULL, NULL}};

const struct hyctl_command hyctl_dead_commands[] = {
    {.group = "dead",
     .name = "list",
     .summary = "What nobody could read or handle, with its reason",
     .options = list_options,
     .details = "From hy.dead. A letter is named by the record it stands for: topic/partition/offset;\none of a "
                "push that the gateway could not read by gateway/platform/account/hash.",
     .example = "hyctl dead list --reason HY_EVERSION --json",
     .run = run_list},
    {.group = "dead",
     .name = "show",
     .summary = "One dead letter; its content only when asked for",
     .places = "LETTER",
     .min_places = 1,
     .max_places = 1,
     .options = show_options,
     .details = "Reason, program, source, and whether it can be sent again.",
     .example = "hyctl dead show hy.comments/3/120 --original",
     .run = run_show},
    {.group = "dead",
     .name = "replay",
     .summary = "Sends dead records again, after their cause was mended",
     .places = "[LETTER...]",
     .max_places = HYCTL_PLACES,
     .options = replay_options,
     .details =
         "The original bytes go to their topic again under their key. Messages carry their identity, so one that "
         "was handled\nmeanwhile is known and changes nothing. The letter stays where it is. A push that the "
         "gateway could not read is no\nrecord of a topic and is refused.",
     .example = "hyctl dead replay --all --topic hy.comments --reason HY_EVERSION --dry-run",
     .run = run_replay},
    {.group = NULL},
};
