#include "adapters/event.h"

#include <string.h>

#include "lib/base/id.h"
#include "lib/lane/topics.h"

const char *hy_event_kind_name(Huiying__V1__EventKind kind) {
    static const char prefix[] = "EVENT_KIND_";
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&huiying__v1__event_kind__descriptor, (int)kind);
    return value && strncmp(value->name, prefix, sizeof prefix - 1) == 0 ? value->name + sizeof prefix - 1
                                                                         : "UNSPECIFIED";
}

Huiying__V1__Time *hy_event_time(struct hy_arena *arena, struct hy_time time) {
    Huiying__V1__Time *out = hy_arena_alloc(arena, sizeof *out);
    if (!out) return NULL;
    huiying__v1__time__init(out);
    out->unix_ms = time.unix_ms;
    out->offset_minutes = time.offset_minutes;
    return out;
}

Huiying__V1__Event *hy_event_new(struct hy_arena *arena, const char *platform, const char *account,
                                 const char *native_id, Huiying__V1__EventKind kind, const char *conversation,
                                 int64_t now_ms) {
    char id[HY_ID_SIZE], dossier[HY_ID_SIZE];
    struct hy_time now = {now_ms, HY_SHANGHAI_MINUTES};
    Huiying__V1__Event *event = hy_arena_alloc(arena, sizeof *event);
    if (!event) return NULL;
    huiying__v1__event__init(event);
    hy_event_id(platform, account, native_id, hy_event_kind_name(kind), id);
    hy_dossier_id(platform, account, conversation, dossier);
    event->schema_version = 1;
    event->kind = kind;
    event->id = hy_arena_str(arena, id);
    event->dossier = hy_arena_str(arena, dossier);
    event->platform = hy_arena_str(arena, platform);
    event->account = hy_arena_str(arena, account);
    event->native_id = hy_arena_str(arena, native_id);
    event->occurred = hy_event_time(arena, now);
    event->received = hy_event_time(arena, now);
    event->ingested = hy_event_time(arena, now);
    bool whole = event->id && event->dossier && event->platform && event->account && event->native_id &&
                 event->occurred && event->received && event->ingested;
    return whole ? event : NULL;
}

Huiying__V1__Comment *hy_event_comment(struct hy_arena *arena, Huiying__V1__Event *event) {
    if (event->payload_case == HUIYING__V1__EVENT__PAYLOAD_COMMENT) return event->comment;
    Huiying__V1__Comment *comment = hy_arena_alloc(arena, sizeof *comment);
    if (!comment) return NULL;
    huiying__v1__comment__init(comment);
    event->payload_case = HUIYING__V1__EVENT__PAYLOAD_COMMENT;
    return event->comment = comment;
}

Huiying__V1__Author *hy_event_author(struct hy_arena *arena, Huiying__V1__Event *event) {
    if (event->author) return event->author;
    event->author = hy_arena_alloc(arena, sizeof *event->author);
    if (event->author) huiying__v1__author__init(event->author);
    return event->author;
}

Huiying__V1__Place *hy_event_place(struct hy_arena *arena, Huiying__V1__Event *event) {
    if (event->place) return event->place;
    event->place = hy_arena_alloc(arena, sizeof *event->place);
    if (event->place) huiying__v1__place__init(event->place);
    return event->place;
}

const char *hy_event_topic(const Huiying__V1__Event *event) {
    switch (event->kind) {
    case HUIYING__V1__EVENT_KIND__EVENT_KIND_POST:
        return HY_TOPIC_POSTS;
    case HUIYING__V1__EVENT_KIND__EVENT_KIND_SIGNAL:
        return HY_TOPIC_SIGNALS;
    default:
        return HY_TOPIC_COMMENTS;
    }
}

const char *hy_event_key(const Huiying__V1__Event *event) {
    switch (event->kind) {
    case HUIYING__V1__EVENT_KIND__EVENT_KIND_POST:
        return event->account;
    case HUIYING__V1__EVENT_KIND__EVENT_KIND_SIGNAL:
        return event->native_id;
    default:
        return event->dossier;
    }
}

size_t hy_text_chars(const char *text) {
    size_t n = 0;
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if ((*at & 0xc0) != 0x80) n++;
    return n;
}

bool hy_text_has_control(const char *text, bool strict) {
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == 0x7f || (*at == 0xc2 && at[1] < 0xa0)) return true;
        if (*at >= ' ') continue;
        if (strict || (*at != '\t' && *at != '\n' && *at != '\r')) return true;
    }
    return false;
}

bool hy_text_blank(const char *text) {
    static const char *const blanks[] = {" ",  "\t",     "\n",     "\r",     "\v",     "\f",
                                         "　", "\u00a0", "\u200b", "\u200c", "\u200d", "\ufeff"};
    while (*text) {
        size_t i = 0, n = sizeof blanks / sizeof blanks[0];
        while (i < n && strncmp(text, blanks[i], strlen(blanks[i])) != 0)
            i++;
        if (i == n) return false;
        text += strlen(blanks[i]);
    }
    return true;
}
