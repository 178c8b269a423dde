#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/id.h"
#include "lib/base/pb.h"
#include "tools/hyctl/dead.h"
#include "tools/hyctl/scan.h"

enum { LETTER_MOST = 16 << 20 };

void hyctl_letters_free(struct hyctl_letters *letters) {
    for (size_t i = 0; i < letters->n; i++) {
        free(letters->list[i].reason);
        free(letters->list[i].detail);
        free(letters->list[i].program);
        free(letters->list[i].event_id);
    }
    free(letters->list);
    *letters = (struct hyctl_letters){0};
}

// ---- finding ----

struct finding {
    const struct hyctl_dead_filter *filter;
    struct hyctl_letters *letters;
    struct hy_arena *arena;
};

static bool dead_wanted(const struct hyctl_dead_filter *filter, const char *id, const Huiying__V1__DeadLetter *letter) {
    if (filter->topic != NULL && (letter->source == NULL || strcmp(filter->topic, letter->source->topic) != 0))
        return false;
    if (filter->reason != NULL && strcmp(filter->reason, letter->reason) != 0) return false;
    for (int i = 0; i < filter->n_ids; i++)
        if (strcmp(filter->ids[i], id) == 0) return true;
    return filter->n_ids == 0;
}

static struct hyctl_letter *new_letter(struct hyctl_letters *letters) {
    if (letters->n == letters->cap) {
        size_t cap = letters->cap == 0 ? 64 : 2 * letters->cap;
        struct hyctl_letter *list = realloc(letters->list, cap * sizeof *list);
        if (list == NULL) return NULL;
        letters->list = list;
        letters->cap = cap;
    }
    struct hyctl_letter *letter = &letters->list[letters->n++];
    *letter = (struct hyctl_letter){0};
    return letter;
}

static bool whole(const Huiying__V1__DeadLetter *letter) {
    uint8_t hash[32];
    if (letter->original.len != letter->original_size || letter->original_sha256.len != sizeof hash) return false;
    hy_sha256(hy_bytes_from(letter->original.data, letter->original.len), hash);
    return memcmp(hash, letter->original_sha256.data, sizeof hash) == 0;
}

static int keep(struct finding *finding, const struct hy_reader_record *record, const char *id,
                const Huiying__V1__DeadLetter *from, struct hy_error *err) {
    struct hyctl_letter *letter = new_letter(finding->letters);
    if (letter == NULL) return hy_fail(err, HY_ENOMEM, "out of memory: ask for fewer letters, by --topic or --reason");
    snprintf(letter->id, sizeof letter->id, "%s", id);
    letter->partition = record->partition;
    letter->offset = record->offset;
    letter->at_ms = from->at == NULL ? 0 : from->at->unix_ms;
    letter->reason = strdup(from->reason);
    letter->detail = strdup(from->detail);
    letter->program = strdup(from->program);
    letter->event_id = strdup(from->event_id);
    letter->size = from->original_size;
    letter->tries = from->tries;
    letter->whole = whole(from);
    bool good = letter->reason && letter->detail && letter->program && letter->event_id;
    return good ? HY_OK : hy_fail(err, HY_ENOMEM, "out of memory: ask for fewer letters, by --topic or --reason");
}

// Reads a letter into the arena; NULL when the record is none.
static const Huiying__V1__DeadLetter *read_letter(struct hy_arena *arena, const struct hy_reader_record *record) {
    Huiying__V1__DeadLetter *letter = NULL;
    hy_arena_reset(arena);
    if (record->tombstone ||
        hy_pb_read(&huiying__v1__dead_letter__descriptor, arena, record->value, 1, &letter, NULL) != HY_OK)
        return NULL;
    return letter;
}

// A key of the gateway's that can be typed and shown: gateway/<platform>/<account>/<hash>.
static bool is_push_key(struct hy_bytes key) {
    static const char *const BEGIN = "gateway/";
    if (key.len <= strlen(BEGIN) || key.len >= HYCTL_DEAD_ID || memcmp(key.data, BEGIN, strlen(BEGIN)) != 0)
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (key.data[i] <= ' ' || key.data[i] > '~') return false;
    return true;
}

static void name_letter(const struct hy_reader_record *record, const Huiying__V1__DeadLetter *letter,
                        char id[HYCTL_DEAD_ID]) {
    const Huiying__V1__SourcePosition *source = letter->source;
    if (source != NULL)
        snprintf(id, HYCTL_DEAD_ID, "%s/%d/%lld", source->topic, source->partition, (long long)source->offset);
    else if (is_push_key(record->key))
        snprintf(id, HYCTL_DEAD_ID, "%.*s", (int)record->key.len, (const char *)record->key.data);
    else
        snprintf(id, HYCTL_DEAD_ID, "%s/%d/%lld", HY_TOPIC_DEAD, record->partition, (long long)record->offset);
}

static int find_one(void *opaque, const struct hy_reader_record *record, struct hy_error *err) {
    struct finding *finding = opaque;
    const Huiying__V1__DeadLetter *letter = read_letter(finding->arena, record);
    if (letter == NULL) {
        finding->letters->unreadable++;
        return HY_OK;
    }
    char id[HYCTL_DEAD_ID];
    name_letter(record, letter, id);
    return dead_wanted(finding->filter, id, letter) ? keep(finding, record, id, letter, err) : HY_OK;
}

static int by_id(const void *a, const void *b) {
    const struct hyctl_letter *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order != 0 ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

static int by_time(const void *a, const void *b) {
    const struct hyctl_letter *x = a, *y = b;
    int order = (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
    return order != 0 ? order : strcmp(x->id, y->id);
}

// A record that died again after it was sent again has several letters: the last one counts.
static void only_newest(struct hyctl_letters *letters) {
    size_t kept = 0;
    if (letters->n == 0) return;
    qsort(letters->list, letters->n, sizeof *letters->list, by_id);
    for (size_t i = 0; i < letters->n; i++) {
        struct hyctl_letter letter = letters->list[i];
        if (i + 1 < letters->n && strcmp(letter.id, letters->list[i + 1].id) == 0) {
            struct hyctl_letters one = {.list = calloc(1, sizeof letter), .n = 1};
            if (one.list != NULL) *one.list = letter;
            hyctl_letters_free(&one);
        } else {
            letters->list[kept++] = letter;
        }
    }
    letters->n = kept;
    qsort(letters->list, letters->n, sizeof *letters->list, by_time);
}

int hyctl_dead_find(const struct hy_kafka_options *kafka, const struct hyctl_dead_filter *filter,
                    struct hyctl_letters *out, struct hy_error *err) {
    struct finding finding = {filter, out, hy_arena_new(LETTER_MOST)};
    if (finding.arena == NULL) return hy_fail(err, HY_ENOMEM, "out of memory");
    struct hyctl_scan scan = {.kafka = kafka,
                              .topic = HY_TOPIC_DEAD,
                              .partition = -1,
                              .showing = "reading hy.dead",
                              .fn = find_one,
                              .opaque = &finding};
    int rc = hyctl_scan(&scan, err);
    hy_arena_free(finding.arena);
    if (rc == HY_OK) only_newest(out);
    return rc;
}

// ---- giving whole letters ----

struct giving {
    const struct hyctl_letters *letters;
    struct hy_arena *arena;
    hyctl_dead_fn fn;
    void *opaque;
};

static int give_one(void *opaque, const struct hy_reader_record *record, struct hy_error *err) {
    struct giving *giving = opaque;
    for (size_t i = 0; i < giving->letters->n; i++) {
        const struct hyctl_letter *letter = &giving->letters->list[i];
        if (letter->partition != record->partition || letter->offset != record->offset) continue;
        const Huiying__V1__DeadLetter *all = read_letter(giving->arena, record);
        return all == NULL ? HY_OK : giving->fn(giving->opaque, letter, all, err);
    }
    return HY_OK;
}

int hyctl_dead_each(const struct hy_kafka_options *kafka, const struct hyctl_letters *letters, hyctl_dead_fn fn,
                    void *opaque, struct hy_error *err) {
    if (letters->n == 0) return HY_OK;
    struct giving giving = {letters, hy_arena_new(LETTER_MOST), fn, opaque};
    if (giving.arena == NULL) return hy_fail(err, HY_ENOMEM, "out of memory");
    struct hyctl_scan scan = {.kafka = kafka,
                              .topic = HY_TOPIC_DEAD,
                              .partition = -1,
                              .showing = "reading hy.dead",
                              .fn = give_one,
                              .opaque = &giving};
    int rc = hyctl_scan(&scan, err);
    hy_arena_free(giving.arena);
    return rc;
}

// ---- one letter ----

int hyctl_dead_sendable(const Huiying__V1__DeadLetter *letter, struct hy_error *err) {
    if (letter->source == NULL)
        return hy_fail(err, HY_EINVALID,
                       "it holds a push as the platform sent it and no record of a topic, so there is nowhere to send "
                       "it: mend what its reason and detail say, and have it sent again from its source; hyctl dead "
                       "show LETTER --original shows what came");
    const struct hy_topic *topic = hy_topic_find(letter->source->topic);
    if (topic == NULL || topic->compacted)
        return hy_fail(err, HY_EINVALID, "its topic %.80s takes no records from outside", letter->source->topic);
    if (letter->original.len < letter->original_size)
        return hy_fail(err, HY_ETOOBIG,
                       "only the first %zu of its %llu bytes were kept: send the message again from its source",
                       letter->original.len, (unsigned long long)letter->original_size);
    if (!whole(letter)) return hy_fail(err, HY_EMISMATCH, "its bytes do not fit their SHA-256: the letter was changed");
    if (letter->key.len >= HYCTL_DEAD_KEY_KEPT)
        return hy_fail(err, HY_ETOOBIG, "its key was cut at %d bytes: send the message again from its source",
                       HYCTL_DEAD_KEY_KEPT);
    return HY_OK;
}

void hyctl_dead_head(struct hy_bytes original, size_t most, struct hy_buf *out) {
    struct hy_bytes head = {original.data, hy_utf8_prefix(original, most)};
    if (head.len > 0 && hy_utf8_valid(head)) {
        for (size_t i = 0; i < head.len; i++) {
            uint8_t c = head.data[i];
            if (c < 0x20 && c != '\n' && c != '\t') // a terminal must not obey what a stranger wrote
                hy_buf_addf(out, "\\x%02x", c);
            else
                hy_buf_add(out, &c, 1);
        }
        return;
    }
    head = original;
    if (head.len > most) head.len = most;
    for (size_t i = 0; i < head.len; i++)
        hy_buf_addf(out, "%02x%s", head.data[i], (i + 1) % 32 == 0 ? "\n" : "");
}
