// From the fields of a push to an event: which id it has, and what of it is text, link, place or attachment. Pure. A
// new message type is a row in the table in message.c.
// What a push leaves out stays absent in the event; nothing is guessed.
#ifndef HY_ADAPTERS_WEIXIN_MESSAGE_H
#define HY_ADAPTERS_WEIXIN_MESSAGE_H

#include "adapters/adapter.h"
#include "adapters/weixin/xml.h"

// The platform's composite id (platforms repeat MsgId across users, and two notices fall in one second):
// "gh|writer|MsgId" for messages, "gh|writer|CreateTime|Event|EventKey|hash of the rest" for notices; "|" and "%"
// inside a part are percent-encoded. NULL when the arena is exhausted.
const char *weixin_native_id(const struct weixin_xml *xml, struct hy_arena *arena);
// True for MsgType "event": subscribe, menu click, finished jobs. Nobody's message.
bool weixin_is_notice(const struct weixin_xml *xml);
// A fixed class of the notice, for counting: the event's name when it is a known one, else "other".
const char *weixin_notice_class(const struct weixin_xml *xml);

// Builds the event; kind is EVENT_KIND_PRIVATE_MESSAGE or EVENT_KIND_NOTICE. HY_OK, HY_EINVALID with *result a refusal,
// HY_ENOMEM.
int weixin_event(const struct weixin_xml *xml, int64_t now_ms, struct hy_arena *arena, Huiying__V1__Event **out,
                 struct hy_adapter_result *result);

#endif
