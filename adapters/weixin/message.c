#include "adapters/weixin/message.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/event.h"
#include "lib/base/id.h"

// What readers take of an event (consumers refuse more): bytes of a text, a link, and a part of an id.
enum { FUTURE_MS = 10 * 60 * 1000, OPENID_MAX = 128, TEXT_MAX = 200000, LINK_MAX = 1024, PART_MAX = 256 };

bool weixin_is_notice(const struct weixin_xml *xml) {
    return strcmp(weixin_xml_get(xml, "MsgType"), "event") == 0;
}

const char *weixin_notice_class(const struct weixin_xml *xml) {
    static const char *const known[] = {
        "subscribe",         "unsubscribe",     "SCAN", "LOCATION", "CLICK", "VIEW", "TEMPLATESENDJOBFINISH",
        "MASSSENDJOBFINISH", "PUBLISHJOBFINISH"};
    const char *event = weixin_xml_get(xml, "Event");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i], event) == 0) return known[i];
    return "other";
}

static void add_part(struct hy_buf *out, const char *text) {
    char hash[HY_ID_SIZE];
    if (out->len) hy_buf_adds(out, "|");
    if (strlen(text) > PART_MAX) {
        hy_id_strings(hash, 1, text);
        text = hash;
    }
    for (; *text; text++) {
        if (*text == '|')
            hy_buf_adds(out, "%7C");
        else if (*text == '%')
            hy_buf_adds(out, "%25");
        else
            hy_buf_add(out, text, 1);
    }
}

static int by_name(const void *a, const void *b) {
    const struct weixin_field *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order ? order : strcmp(left->value, right->value);
}

// Over every field that is not a part of the id already, so that two notices of one second keep apart.
static void hash_rest(const struct weixin_xml *xml, char out[HY_ID_SIZE]) {
    static const char *const known[] = {"ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "EventKey"};
    struct weixin_field rest[WEIXIN_FIELDS_MAX];
    struct hy_bytes parts[2 * WEIXIN_FIELDS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < xml->n; i++) {
        size_t k = 0;
        while (k < 6 && strcmp(known[k], xml->fields[i].name) != 0)
            k++;
        if (k == 6) rest[n++] = xml->fields[i];
    }
    qsort(rest, n, sizeof rest[0], by_name);
    for (size_t i = 0; i < n; i++) {
        parts[2 * i] = hy_bytes_of(rest[i].name);
        parts[2 * i + 1] = hy_bytes_of(rest[i].value);
    }
    hy_id_of(parts, 2 * n, out);
}

const char *weixin_native_id(const struct weixin_xml *xml, struct hy_arena *arena) {
    struct hy_buf id = {0};
    char rest[HY_ID_SIZE];
    add_part(&id, weixin_xml_get(xml, "ToUserName"));
    add_part(&id, weixin_xml_get(xml, "FromUserName"));
    if (!weixin_is_notice(xml)) {
        add_part(&id, weixin_xml_get(xml, "MsgId"));
    } else {
        hash_rest(xml, rest);
        add_part(&id, weixin_xml_get(xml, "CreateTime"));
        add_part(&id, weixin_xml_get(xml, "Event"));
        add_part(&id, weixin_xml_get(xml, "EventKey"));
        add_part(&id, rest);
    }
    const char *copy = hy_buf_ok(&id) ? hy_arena_strn(arena, id.data, id.len) : NULL;
    hy_buf_free(&id);
    return copy;
}

// ---- content by type ----

static void attach(Huiying__V1__Event *event, struct hy_arena *arena, const char *type, const char *name,
                   const char *url) {
    Huiying__V1__Attachment *attachment = hy_arena_alloc(arena, sizeof *attachment);
    event->attachments = hy_arena_alloc(arena, sizeof *event->attachments);
    if (!attachment || !event->attachments) {
        event->attachments = NULL;
        return;
    }
    huiying__v1__attachment__init(attachment);
    attachment->media_type = hy_arena_str(arena, type);
    attachment->name = hy_arena_str(arena, name);
    attachment->url = hy_arena_str(arena, url);
    event->attachments[0] = attachment;
    event->n_attachments = 1;
}

// Text in the arena, cut at a character when it is longer than readers take.
static char *bounded(struct hy_arena *arena, const char *text) {
    return hy_arena_strn(arena, text, hy_utf8_prefix(hy_bytes_of(text), TEXT_MAX));
}

static void take_text(const struct weixin_xml *xml, struct hy_arena *arena, Huiying__V1__Event *event) {
    event->text = bounded(arena, weixin_xml_get(xml, "Content"));
}

static void take_image(const struct weixin_xml *xml, struct hy_arena *arena, Huiying__V1__Event *event) {
    attach(event, arena, "image/*", weixin_xml_get(xml, "MediaId"), weixin_xml_get(xml, "PicUrl"));
}

static void take_voice(const struct weixin_xml *xml, struct hy_arena *arena, Huiying__V1__Event *event) {
    const char *format = weixin_xml_get(xml, "Format");
    event->text = bounded(arena, weixin_xml_get(xml, "Recognition"));
    attach(event, arena, strcmp(format, "amr") == 0 ? "audio/amr" : "audio/*", weixin_xml_get(xml, "MediaId"), "");
}

static void take_video(const struct weixin_xml *xml, struct hy_arena *arena, Huiying__V1__Event *event) {
    attach(event, arena, "video/*", weixin_xml_get(xml, "MediaId"), "");
}

static bool coordinate(const char *text, double limit, double *out) {
    char *end = NULL;
    *out = strtod(text, &end);
    return *text && end && !*end && *out >= -limit && *out <= limit;
}

static void take_location(const struct weixin_xml *xml, struct hy_arena *arena, Huiying__V1__Event *event) {
    Huiying__V1__Place *place = hy_event_place(arena, event);
    if (!place) return;
    place->text = bounded(arena, weixin_xml_get(xml, "Label"));
    event->text = place->text;
    place->located = coordinate(weixin_xml_get(xml, "Location_X"), 90, &place->latitude) &&
                     coordinate(weixin_xml_get(xml, "Location_Y"), 180, &place->longitude);
    if (!place->located) place->latitude = place->longitude = 0;
}

static void take_link(const struct weixin_xml *xml, struct hy_arena *arena, Huiying__V1__Event *event) {
    const char *url = weixin_xml_get(xml, "Url");
    event->title = hy_arena_strn(arena, weixin_xml_get(xml, "Title"),
                                 hy_utf8_prefix(hy_bytes_of(weixin_xml_get(xml, "Title")), LINK_MAX));
    event->text = bounded(arena, weixin_xml_get(xml, "Description"));
    event->links = hy_arena_alloc(arena, sizeof *event->links);
    if (!event->links || !*url || strlen(url) > LINK_MAX) return;
    event->links[0] = hy_arena_str(arena, url);
    event->n_links = 1;
}

// A type that we do not know: what it says is kept as text, so that a person can read it.
static void take_unknown(const struct weixin_xml *xml, struct hy_arena *arena, Huiying__V1__Event *event) {
    static const char *const known[] = {"ToUserName", "FromUserName", "CreateTime", "MsgId"};
    struct hy_buf text = {0};
    for (size_t i = 0; i < xml->n; i++) {
        size_t k = 0;
        while (k < 4 && strcmp(known[k], xml->fields[i].name) != 0)
            k++;
        if (k == 4) hy_buf_addf(&text, "%s: %s\n", xml->fields[i].name, xml->fields[i].value);
    }
    event->text = hy_buf_ok(&text) ? bounded(arena, text.data ? text.data : "") : NULL;
    hy_buf_free(&text);
}

static const struct {
    const char *type;
    void (*take)(const struct weixin_xml *, struct hy_arena *, Huiying__V1__Event *);
} types[] = {
    {"text", take_text},        {"image", take_image},       {"voice", take_voice}, {"video", take_video},
    {"shortvideo", take_video}, {"location", take_location}, {"link", take_link},
};

static void take_content(const struct weixin_xml *xml, struct hy_arena *arena, Huiying__V1__Event *event) {
    const char *type = weixin_xml_get(xml, "MsgType");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].type, type) != 0) continue;
        types[i].take(xml, arena, event);
        return;
    }
    take_unknown(xml, arena, event);
}

// ---- the event ----

static bool number_ok(const char *text, size_t digits) {
    size_t n = strspn(text, "0123456789");
    return n > 0 && n <= digits && !text[n];
}

static bool name_ok(const char *text) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-@.";
    size_t n = strlen(text);
    return n > 0 && n <= OPENID_MAX && strspn(text, allowed) == n;
}

static const char *missing_field(const struct weixin_xml *xml) {
    if (!name_ok(weixin_xml_get(xml, "ToUserName"))) return "ToUserName";
    if (!name_ok(weixin_xml_get(xml, "FromUserName"))) return "FromUserName";
    if (!number_ok(weixin_xml_get(xml, "CreateTime"), 11)) return "CreateTime";
    if (!*weixin_xml_get(xml, "MsgType")) return "MsgType";
    if (weixin_is_notice(xml)) return *weixin_xml_get(xml, "Event") ? NULL : "Event";
    return number_ok(weixin_xml_get(xml, "MsgId"), 20) ? NULL : "MsgId";
}

// The platform's time, unless it cannot be one: then ours.
static struct hy_time platform_time(const struct weixin_xml *xml, int64_t now_ms) {
    static const int64_t launch_ms = 1313856000000; // the platform's first day, 2011-08-21
    int64_t ms = strtoll(weixin_xml_get(xml, "CreateTime"), NULL, 10) * 1000;
    if (ms < launch_ms || ms > now_ms + FUTURE_MS) ms = now_ms;
    return (struct hy_time){ms, HY_SHANGHAI_MINUTES};
}

int weixin_event(const struct weixin_xml *xml, int64_t now_ms, struct hy_arena *arena, Huiying__V1__Event **out,
                 struct hy_adapter_result *result) {
    const char *missing = missing_field(xml);
    if (missing) return hy_adapter_refuse(result, 400, "missing_field", "%s is missing or malformed", missing);
    if (xml->twice) return hy_adapter_refuse(result, 400, "twice", "a field occurs twice");
    const char *id = weixin_native_id(xml, arena);
    const char *writer = weixin_xml_get(xml, "FromUserName");
    Huiying__V1__EventKind kind = weixin_is_notice(xml) ? HUIYING__V1__EVENT_KIND__EVENT_KIND_NOTICE
                                                        : HUIYING__V1__EVENT_KIND__EVENT_KIND_PRIVATE_MESSAGE;
    Huiying__V1__Event *event =
        id ? hy_event_new(arena, "weixin", weixin_xml_get(xml, "ToUserName"), id, kind, writer, now_ms) : NULL;
    Huiying__V1__Author *author = event ? hy_event_author(arena, event) : NULL;
    if (!author || !hy_event_comment(arena, event)) return HY_ENOMEM;
    author->handle = hy_arena_str(arena, writer);
    struct hy_time time = platform_time(xml, now_ms);
    event->occurred = hy_event_time(arena, time);
    if (time.unix_ms > now_ms) time.unix_ms = now_ms; // its clock is ahead of ours; it cannot have had it after us
    event->received = hy_event_time(arena, time);
    take_content(xml, arena, event);
    if (!event->text || !event->title || !author->handle || !event->occurred || !event->received) return HY_ENOMEM;
    *out = event;
    return HY_OK;
}
