#include "events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../handlers/texts.h"
#include "huiying/v1/event.pb-c.h"
#include "lib/base/clock.h"
#include "lib/base/id.h"
#include "lib/base/pb.h"

enum { MARK_DIGITS = 9, TEN_MINUTES_S = 600, TALKS = 40, REPEAT_BACK = 50 };

static const char *const CHATTER[] = {"你好",       "谢谢",         "在吗",         "点赞",
                                      "收到，辛苦", "为你们点赞👍", "转发给朋友了", "关注了"};

struct draft {
    unsigned n;
    const char *platform, *kind_name;
    Huiying__V1__EventKind kind;
    char who[32];
};

static uint32_t next(uint64_t *state) {
    *state = *state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*state >> 33);
}

void events_open(struct events *events, const char *town) {
    *events = (struct events){.town = town, .now_ms = hy_wall_ms(hy_clock_system()), .arena = hy_arena_new(1U << 20)};
    if (events->arena == NULL) abort();
}

void events_close(struct events *events) {
    hy_arena_free(events->arena);
    hy_buf_free(&events->title);
    hy_buf_free(&events->text);
}

// ---- what kind of message it is ----

static struct draft letter(const struct events *events, unsigned n) {
    struct draft one = {n, "mailbox", "LETTER", HUIYING__V1__EVENT_KIND__EVENT_KIND_LETTER, ""};
    snprintf(one.who, sizeof one.who, "citizen-%u", n);
    if (events->again) one.n = n + 500000000;
    return one;
}

static struct draft talk(unsigned n, uint32_t random) {
    struct draft one = {n, "chat", "PRIVATE_MESSAGE", HUIYING__V1__EVENT_KIND__EVENT_KIND_PRIVATE_MESSAGE, ""};
    snprintf(one.who, sizeof one.who, "talk-%u", n / TALKS / 10 * 10 + random % 10);
    return one;
}

static struct draft chatter(unsigned n) {
    struct draft one = {n, "chat", "COMMENT", HUIYING__V1__EVENT_KIND__EVENT_KIND_COMMENT, ""};
    snprintf(one.who, sizeof one.who, "reader-%u", n);
    return one;
}

// 60 % letters, 20 % of conversations, 10 % chatter, 10 % what has come before.
static struct draft choose(const struct events *events, unsigned n) {
    uint64_t random = (uint64_t)n * 0x9E3779B97F4A7C15U + 7;
    (void)next(&random);
    for (; events->mixed && n > REPEAT_BACK; n -= 1 + next(&random) % REPEAT_BACK) {
        uint32_t share = next(&random) % 100;
        if (share < 60) break;
        if (share < 80) return talk(n, next(&random));
        if (share < 90) return chatter(n);
    }
    return letter(events, n);
}

// ---- what it says ----

static void write_text(struct events *events, const struct draft *draft) {
    uint64_t random = (uint64_t)draft->n * 0xD1B54A32D192ED03U + 99;
    (void)next(&random);
    if (draft->kind == HUIYING__V1__EVENT_KIND__EVENT_KIND_COMMENT) {
        hy_buf_clear(&events->title);
        hy_buf_clear(&events->text);
        hy_buf_adds(&events->text, CHATTER[next(&random) % (sizeof CHATTER / sizeof *CHATTER)]);
    } else {
        texts_make(draft->n, events->town, &events->title, &events->text);
        hy_buf_addf(&events->text, "时间是%u月%u日%u点，我家住%u栋%u单元%u房。", 1 + next(&random) % 12,
                    1 + next(&random) % 28, next(&random) % 24, 1 + next(&random) % 60, 1 + next(&random) % 6,
                    101 + next(&random) % 2900);
    }
    if (events->departments > 0) hy_buf_addf(&events->text, "请第%02u专办局处理。", draft->n % events->departments + 1);
    hy_buf_addf(&events->text, EVENTS_MARK "%0*u", MARK_DIGITS, draft->n);
    if (!hy_buf_ok(&events->title) || !hy_buf_ok(&events->text)) abort();
}

void events_make(struct events *events, unsigned n, struct events_record *out) {
    struct draft draft = choose(events, n);
    Huiying__V1__Event event = HUIYING__V1__EVENT__INIT;
    Huiying__V1__Author author = HUIYING__V1__AUTHOR__INIT;
    Huiying__V1__Time occurred = HUIYING__V1__TIME__INIT, ingested = HUIYING__V1__TIME__INIT;
    Huiying__V1__Comment comment = HUIYING__V1__COMMENT__INIT;
    char native_id[32], id[HY_ID_SIZE];
    hy_arena_reset(events->arena);
    write_text(events, &draft);
    snprintf(native_id, sizeof native_id, "bench-%09u", draft.n);
    hy_event_id(draft.platform, "main", native_id, draft.kind_name, id);
    event.dossier = hy_arena_alloc(events->arena, HY_ID_SIZE);
    if (event.dossier == NULL) abort();
    hy_dossier_id(draft.platform, "main", draft.who, event.dossier);
    occurred.unix_ms = events->now_ms - (int64_t)(draft.n % TEN_MINUTES_S) * 1000;
    ingested.unix_ms = events->now_ms;
    occurred.offset_minutes = ingested.offset_minutes = 480;
    author.handle = author.display_name = draft.who;
    event.schema_version = 1;
    event.id = id;
    event.platform = hy_arena_str(events->arena, draft.platform);
    event.account = hy_arena_str(events->arena, "main");
    event.native_id = native_id;
    event.kind = draft.kind;
    event.author = &author;
    event.occurred = event.received = &occurred;
    event.ingested = &ingested;
    event.title = events->title.len > 0 ? events->title.data : event.title;
    event.text = events->text.data;
    event.payload_case = HUIYING__V1__EVENT__PAYLOAD_COMMENT;
    event.comment = &comment;
    out->key = hy_bytes_from(event.dossier, HY_ID_LEN);
    if (hy_pb_write(&event, events->arena, &out->value) != HY_OK) abort();
}

int64_t events_number(const void *value, size_t len) {
    const char *at = memmem(value, len, EVENTS_MARK, sizeof EVENTS_MARK - 1);
    if (at == NULL || (size_t)(at - (const char *)value) + sizeof EVENTS_MARK - 1 + MARK_DIGITS > len) return -1;
    int64_t number = 0;
    for (int i = 0; i < MARK_DIGITS; i++) {
        char digit = at[sizeof EVENTS_MARK - 1 + (size_t)i];
        if (digit < '0' || digit > '9') return -1;
        number = number * 10 + (digit - '0');
    }
    return number;
}
