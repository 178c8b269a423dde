// Events as adapters make them: ids, topic and key by one rule for all platforms (docs/contract.md). Pure. A new kind
// of event is a value in event.proto and a case in hy_event_topic and hy_event_key.
// Adapters fill what the platform said; what every event has in common is filled here, so that no adapter forgets it.
#ifndef HY_ADAPTERS_EVENT_H
#define HY_ADAPTERS_EVENT_H

#include "huiying/v1/event.pb-c.h"
#include "lib/base/arena.h"
#include "lib/base/bytes.h"
#include "lib/base/clock.h"

// An event in the arena with schema version, ids, and received = ingested = occurred = now_ms (+08:00). conversation
// makes the dossier: the writer, the thread, or the native id where a message is a dossier of its own. NULL when the
// arena is exhausted. Strings are copied.
Huiying__V1__Event *hy_event_new(struct hy_arena *arena, const char *platform, const char *account,
                                 const char *native_id, Huiying__V1__EventKind kind, const char *conversation,
                                 int64_t now_ms);
// Gives the event a Comment payload / an Author / a Place, all fields empty, in the arena; the existing one if it has
// one. NULL when the arena is exhausted.
Huiying__V1__Comment *hy_event_comment(struct hy_arena *arena, Huiying__V1__Event *event);
Huiying__V1__Author *hy_event_author(struct hy_arena *arena, Huiying__V1__Event *event);
Huiying__V1__Place *hy_event_place(struct hy_arena *arena, Huiying__V1__Event *event);
// A Time in the arena; NULL when it is exhausted.
Huiying__V1__Time *hy_event_time(struct hy_arena *arena, struct hy_time time);

// "COMMENT" for EVENT_KIND_COMMENT; "UNSPECIFIED" for what is no kind. Static.
const char *hy_event_kind_name(Huiying__V1__EventKind kind);
// Table name of the topic (lib/lane/topics.h) and key of the record. The key is borrowed from the event.
const char *hy_event_topic(const Huiying__V1__Event *event);
const char *hy_event_key(const Huiying__V1__Event *event);
// Characters (code points) of valid UTF-8.
size_t hy_text_chars(const char *text);
// True when the text holds a control character other than tab and line ends, or, with strict, any at all.
bool hy_text_has_control(const char *text, bool strict);
// True when nothing but white space (ASCII, U+3000, U+00A0, zero-width) is in it.
bool hy_text_blank(const char *text);

#endif
